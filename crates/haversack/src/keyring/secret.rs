//! The 32 bytes of a key, as long as this program needs them.

use alloc::boxed::Box;
use alloc::string::String;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use zeroize::{Zeroize as _, ZeroizeOnDrop};

use super::weak;
use crate::env::{Entropy, NoEntropy};

/// Characters of a key in the document: 32 bytes in unpadded base64url.
pub(super) const TEXT_LEN: usize = 43;

/// A root or index key. Boxed, so that moving it leaves no copy behind; never shown.
#[derive(Clone, PartialEq, Eq, ZeroizeOnDrop)]
pub(super) struct Secret(Box<[u8; 32]>);

impl Secret {
    /// Takes over known bytes.
    pub(super) fn new(mut bytes: [u8; 32]) -> Self {
        let mut secret = Self(Box::new([0; 32]));
        secret.0.copy_from_slice(&bytes);
        bytes.zeroize();
        secret
    }

    /// Draws a key, and draws again if it looks weak: a sound source is that unlucky less than
    /// once in a million keys, so one that stays weak does not return random bytes.
    pub(super) fn random(entropy: &mut impl Entropy) -> Result<Self, NoEntropy> {
        let mut secret = Self(Box::new([0; 32]));
        for _ in 0..4 {
            entropy.fill(secret.0.as_mut_slice())?;
            if weak::weakness(&secret).is_none() {
                return Ok(secret);
            }
        }
        Err(NoEntropy)
    }

    /// Reads [`TEXT_LEN`] characters of canonical unpadded base64url.
    pub(super) fn from_text(text: &str) -> Option<Self> {
        let mut secret = Self(Box::new([0; 32]));
        match URL_SAFE_NO_PAD.decode_slice(text, secret.0.as_mut_slice()) {
            Ok(32) => Some(secret),
            _ => None,
        }
    }

    /// Appends the key as the document writes it.
    pub(super) fn write_text(&self, out: &mut String) {
        URL_SAFE_NO_PAD.encode_string(self.0.as_slice(), out);
    }

    pub(super) fn bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Seeded;

    struct Constant;

    impl Entropy for Constant {
        fn fill(&mut self, bytes: &mut [u8]) -> Result<(), NoEntropy> {
            bytes.fill(0xa5);
            Ok(())
        }
    }

    #[test]
    fn text_and_back() {
        let secret = Secret::random(&mut Seeded(7)).unwrap();
        let mut text = String::new();
        secret.write_text(&mut text);
        assert_eq!(text.len(), TEXT_LEN);
        assert!(Secret::from_text(&text) == Some(secret));
    }

    #[test]
    fn a_source_that_is_stuck_counts_as_failed() {
        assert!(Secret::random(&mut Constant).is_err());
    }
}
