//! AES-256-GCM-SIV by AWS-LC, which picks the fastest code for the CPU at run time.

use aws_lc_rs::aead::{AES_256_GCM_SIV, Aad, LessSafeKey, Nonce, UnboundKey};

/// A key in the form that this backend works with.
///
/// "Less safe" means to AWS-LC that the caller answers for the nonces: they are random here, which
/// is what RFC 8452 section 9 recommends for this cipher.
pub(super) struct GcmSiv(LessSafeKey);

impl GcmSiv {
    /// Expands `key` once, for many parcels; `None` if the library cannot set itself up.
    pub(super) fn new(key: &[u8; 32]) -> Option<Self> {
        UnboundKey::new(&AES_256_GCM_SIV, key).ok().map(|key| Self(LessSafeKey::new(key)))
    }

    /// Encrypts in place; `None` if a length is beyond the cipher's.
    pub(super) fn seal(&self, nonce: &[u8; 12], aad: &[u8], frame: &mut [u8]) -> Option<[u8; 16]> {
        let nonce = Nonce::assume_unique_for_key(*nonce);
        let tag = self.0.seal_in_place_separate_tag(nonce, Aad::from(aad), frame).ok()?;
        tag.as_ref().try_into().ok()
    }

    /// Decrypts in place; `None` if not authentic.
    pub(super) fn open(
        &self,
        nonce: &[u8; 12],
        aad: &[u8],
        frame: &mut [u8],
        tag: &[u8; 16],
    ) -> Option<()> {
        let nonce = Nonce::assume_unique_for_key(*nonce);
        self.0.open_in_place_separate_tag(nonce, Aad::from(aad), tag, frame).ok()?;
        Some(())
    }
}
