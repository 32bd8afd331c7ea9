//! How long a frame becomes, so that its length says little about its content.

/// How much a parcel's length reveals.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Padding {
    /// Lengths are exact. For states whose length is no secret.
    None,
    /// Lengths are rounded up so that only O(log log n) bits of them show, at most 12 % longer:
    /// Padmé, from Nikitin et al., "Reducing Metadata Leakage from Encrypted Files and
    /// Communication with PURBs", PETS 2019, section 4.
    #[default]
    Padme,
}

impl Padding {
    /// The length that a frame of `len` bytes is padded to.
    pub const fn padded_len(self, len: usize) -> usize {
        match self {
            Self::None => len,
            Self::Padme => padme(len),
        }
    }
}

/// A length as a float: its exponent is free, its mantissa no longer than the exponent's own bits.
const fn padme(len: usize) -> usize {
    let Some(exponent) = len.checked_ilog2() else {
        return len;
    };
    let Some(bits) = exponent.checked_ilog2() else {
        return len;
    };
    let mask = (1 << (exponent - bits - 1)) - 1;
    match len.checked_add(mask) {
        Some(sum) => sum & !mask,
        None => len,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn lengths_as_the_paper_gives_them() {
        // Computed with the paper's algorithm: E = floor(log2 L), S = floor(log2 E) + 1.
        let cases = [
            (0, 0),
            (1, 1),
            (2, 2),
            (7, 7),
            (8, 8),
            (9, 10),
            (15, 16),
            (16, 16),
            (17, 18),
            (31, 32),
            (33, 36),
            (63, 64),
            (64, 64),
            (65, 72),
            (100, 104),
            (129, 144),
            (255, 256),
            (257, 272),
            (1000, 1024),
            (1025, 1088),
            (2049, 2176),
            (3000, 3072),
            (4095, 4096),
        ];
        for (len, padded) in cases {
            assert_eq!(Padding::Padme.padded_len(len), padded, "{len}");
            assert_eq!(Padding::None.padded_len(len), len);
        }
        assert_eq!(Padding::Padme.padded_len(usize::MAX), usize::MAX);
    }

    proptest! {
        #[test]
        fn never_shorter_nor_an_eighth_longer_and_stable(len in 0_usize..1 << 30, more in 0_usize..64) {
            let padded = Padding::Padme.padded_len(len);
            prop_assert!(padded >= len && padded - len <= len / 8);
            prop_assert_eq!(Padding::Padme.padded_len(padded), padded);
            prop_assert!(Padding::Padme.padded_len(len + more) >= padded);
        }
    }
}
