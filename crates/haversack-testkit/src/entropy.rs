//! Randomness that is the same in every run.

use haversack::{Entropy, NoEntropy};

/// A generator of bytes that look random and follow from a seed (`SplitMix64`).
///
/// For tests only: who knows the seed knows every nonce and every session that comes of it. As an
/// [`Entropy`] it makes keys and sessions that are the same in every run; [`below`](Self::below)
/// rolls the dice for schedules that can be replayed.
///
/// # Examples
///
/// ```
/// use haversack::{KeyRing, Timestamp};
/// use haversack_testkit::SeededEntropy;
///
/// let ring = |seed| {
///     KeyRing::generate("shop.example", Timestamp::default(), SeededEntropy::new(seed)).unwrap()
/// };
/// assert!(ring(7).is_revision_of(&ring(7)));
/// assert!(!ring(7).is_revision_of(&ring(8)));
/// ```
#[derive(Clone, Debug)]
pub struct SeededEntropy(u64);

impl SeededEntropy {
    /// The generator that begins with `seed`. Seeds next to each other have nothing in common.
    pub fn new(seed: u64) -> Self {
        let mut generator = Self(seed);
        Self(generator.next())
    }

    /// A number below `sides`, each as likely as any other.
    ///
    /// # Panics
    ///
    /// If `sides` is zero.
    pub fn below(&mut self, sides: u64) -> u64 {
        self.next() % sides // a test does not notice a bias of one in a billion
    }

    /// [Steele, Lea and Flood, 2014](https://doi.org/10.1145/2714064.2660195).
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
}

impl Entropy for SeededEntropy {
    fn fill(&mut self, bytes: &mut [u8]) -> Result<(), NoEntropy> {
        for chunk in bytes.chunks_mut(8) {
            let random = self.next().to_le_bytes();
            chunk.copy_from_slice(&random[..chunk.len()]);
        }
        Ok(())
    }
}
