//! AES-256-GCM-SIV by `RustCrypto`: everywhere, `no_std` and wasm included.

use aes_gcm_siv::aead::{AeadInOut as _, KeyInit as _};
use aes_gcm_siv::{Aes256GcmSiv, Nonce, Tag};

/// A key in the form that this backend works with.
pub(super) struct GcmSiv(Aes256GcmSiv);

impl GcmSiv {
    /// Expands `key` once, for many parcels.
    pub(super) fn new(key: &[u8; 32]) -> Self {
        Self(Aes256GcmSiv::new(key.into()))
    }

    /// Encrypts in place; `None` if a length is beyond the cipher's.
    pub(super) fn seal(&self, nonce: &[u8; 12], aad: &[u8], frame: &mut [u8]) -> Option<[u8; 16]> {
        let tag = self.0.encrypt_inout_detached(&Nonce::from(*nonce), aad, frame.into()).ok()?;
        Some(tag.into())
    }

    /// Decrypts in place; `None` if not authentic.
    pub(super) fn open(
        &self,
        nonce: &[u8; 12],
        aad: &[u8],
        frame: &mut [u8],
        tag: &[u8; 16],
    ) -> Option<()> {
        self.0
            .decrypt_inout_detached(&Nonce::from(*nonce), aad, frame.into(), &Tag::from(*tag))
            .ok()
    }
}
