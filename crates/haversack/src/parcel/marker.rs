//! The end marker: it closes its lineage, whatever else the jar holds.

use alloc::vec::Vec;

use super::Lineage;
use super::bytes::{Reader, put_u48};
use super::root::Root;
use crate::Rejection;
use crate::state::Stamp;

const SALT: u8 = 1 << 0;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Marker {
    pub(crate) lineage: Lineage,
    /// When it was closed; every lineage whose last identity event is not later is closed too.
    pub(crate) stamp: Stamp,
    pub(crate) salt: u8,
}

impl Marker {
    /// Parses an authentic frame with its padding.
    pub(crate) fn parse(frame: &[u8]) -> Result<Self, Rejection> {
        let mut reader = Reader::new(frame);
        let flags = reader.u8()?;
        if flags & !SALT != 0 {
            return Err(Rejection::UnknownVersion);
        }
        let lineage = Lineage(reader.array()?);
        let stamp = Stamp::from_millis(reader.u48()?);
        let salt = if flags & SALT == 0 { 0 } else { reader.u8()? };
        if (flags & SALT != 0 && salt == 0) || reader.rest().iter().any(|&byte| byte != 0) {
            return Err(Rejection::Malformed);
        }
        Ok(Self { lineage, stamp, salt })
    }

    /// The frame, unpadded.
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(24);
        out.push(if self.salt == 0 { 0 } else { SALT });
        out.extend_from_slice(&self.lineage.0);
        put_u48(&mut out, self.stamp.as_millis());
        if self.salt != 0 {
            out.push(self.salt);
        }
        out
    }

    /// Whether it closes the lineage that `head` heads.
    ///
    /// A second login that raced with the first must not surface after the logout, hence the
    /// comparison with `renewed` beside that of the lineage.
    pub(crate) fn closes(&self, head: &Root) -> bool {
        self.lineage == head.lineage || head.renewed <= self.stamp
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decode_of_encode_is_identity_and_nothing_else_parses() {
        for salt in [0, 1, 255] {
            let marker =
                Marker { lineage: Lineage([7; 16]), stamp: Stamp::from_millis(1 << 40), salt };
            let mut frame = marker.encode();
            frame.push(0);
            assert_eq!(Marker::parse(&frame), Ok(marker));
            frame.push(1);
            assert_eq!(Marker::parse(&frame), Err(Rejection::Malformed));
        }
        assert_eq!(Marker::parse(&[0; 22]), Err(Rejection::Malformed));
        assert_eq!(Marker::parse(&[2; 23]), Err(Rejection::UnknownVersion));
        let mut unsalted =
            Marker { lineage: Lineage([7; 16]), stamp: Stamp::MAX, salt: 1 }.encode();
        if let Some(salt) = unsalted.last_mut() {
            *salt = 0;
        }
        assert_eq!(Marker::parse(&unsalted), Err(Rejection::Malformed));
    }
}
