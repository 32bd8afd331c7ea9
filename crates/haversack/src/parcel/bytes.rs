//! Big-endian integers and minimal LEB128, read without trust.

use alloc::vec::Vec;

use crate::Rejection;

/// Reads a frame from the front; everything that is not there is `Malformed`.
#[derive(Clone, Copy)]
pub(super) struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    pub(super) fn new(rest: &'a [u8]) -> Self {
        Self { rest }
    }

    pub(super) fn rest(&self) -> &'a [u8] {
        self.rest
    }

    pub(super) fn take(&mut self, len: usize) -> Result<&'a [u8], Rejection> {
        let (taken, rest) = self.rest.split_at_checked(len).ok_or(Rejection::Malformed)?;
        self.rest = rest;
        Ok(taken)
    }

    pub(super) fn array<const N: usize>(&mut self) -> Result<[u8; N], Rejection> {
        let (taken, rest) = self.rest.split_first_chunk().ok_or(Rejection::Malformed)?;
        self.rest = rest;
        Ok(*taken)
    }

    pub(super) fn u8(&mut self) -> Result<u8, Rejection> {
        self.array::<1>().map(|[byte]| byte)
    }

    pub(super) fn u32(&mut self) -> Result<u32, Rejection> {
        self.array().map(u32::from_be_bytes)
    }

    pub(super) fn u48(&mut self) -> Result<u64, Rejection> {
        let bytes: [u8; 6] = self.array()?;
        Ok(bytes.into_iter().fold(0, |value, byte| value << 8 | u64::from(byte)))
    }

    /// An unsigned LEB128 number in its shortest form (DWARF 5, section 7.6), at most 64 bits.
    pub(super) fn varint(&mut self) -> Result<u64, Rejection> {
        let mut value = 0u64;
        for shift in (0..64).step_by(7) {
            let byte = self.u8()?;
            let bits = u64::from(byte & 0x7f);
            if shift == 63 && bits > 1 {
                return Err(Rejection::Malformed);
            }
            value |= bits << shift;
            if byte & 0x80 == 0 {
                // A last byte of zero means that a shorter form exists.
                return if byte == 0 && shift > 0 { Err(Rejection::Malformed) } else { Ok(value) };
            }
        }
        Err(Rejection::Malformed)
    }
}

pub(super) fn put_u48(out: &mut Vec<u8>, value: u64) {
    let [_, _, tail @ ..] = value.to_be_bytes();
    out.extend_from_slice(&tail);
}

pub(super) fn put_varint(out: &mut Vec<u8>, mut value: u64) {
    loop {
        #[expect(clippy::cast_possible_truncation, reason = "the low seven bits")]
        let low = value as u8 & 0x7f;
        value >>= 7;
        if value == 0 {
            out.push(low);
            return;
        }
        out.push(low | 0x80);
    }
}

/// Bytes that [`put_varint`] writes.
pub(super) fn varint_len(value: u64) -> usize {
    let bits = 64 - value.leading_zeros() as usize;
    bits.div_ceil(7).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn varints_come_back_and_only_in_their_shortest_form() {
        for value in [0, 1, 127, 128, 16_383, 16_384, u64::from(u32::MAX), u64::MAX - 1, u64::MAX] {
            let mut out = Vec::new();
            put_varint(&mut out, value);
            assert_eq!(out.len(), varint_len(value), "{value}");
            let mut reader = Reader::new(&out);
            assert_eq!(reader.varint(), Ok(value));
            assert!(reader.rest().is_empty());
        }
        for bad in [&[0x80u8, 0x00][..], &[0xff, 0x00], &[0x80], &[0xff; 10], &[0x80; 11]] {
            assert_eq!(Reader::new(bad).varint(), Err(Rejection::Malformed), "{bad:?}");
        }
    }
}
