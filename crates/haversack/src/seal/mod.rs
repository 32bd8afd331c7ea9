//! Sealing and unsealing: the only module that names a cipher.
//!
//! 1. A parcel is AES-256-GCM-SIV (RFC 8452) of its frame under the key that its id names.
//! 2. The associated data is the parcel's first 12 bytes (magic and key id), then the channel (the
//!    exact cookie or header name) and the scope (the session, for a fragment), each with its
//!    length in front. So a parcel that is moved, renamed or mixed into another session fails.
//! 3. Exactly one key is tried, found by id, and every failure is the same
//!    [`Rejection::Inauthentic`].
//!
//! Nonces are random and need no coordination between servers: RFC 8452 section 9 recommends it for
//! this cipher and allows 2^64 messages of this size per key. A nonce that does come twice shows
//! whether the two parcels are equal, and nothing else.

#[cfg(feature = "aws-lc-rs")]
mod aws_lc;
mod label;
mod padding;
mod rustcrypto;

use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use zeroize::Zeroize as _;

use crate::error::Rejection;
use crate::keyring::Key;
use crate::wire::{self, Envelope};

pub(crate) use label::{MAX as MAX_LABEL, is_sealed_label, open_label, seal_label};
pub use padding::Padding;

/// A parcel could not be sealed: a length is beyond what the format or the cipher carries.
///
/// The budgets refuse such lengths long before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Unsealable;

/// Appends to `out` the text of a parcel that holds `frame` (already padded), for `channel`
/// (`c:` and the cookie's name, or `h:` and the header's) and `scope`.
pub(crate) fn seal(
    key: &Key,
    nonce: [u8; 12],
    channel: &str,
    scope: &[u8],
    frame: &[u8],
    out: &mut String,
) -> Result<(), Unsealable> {
    let mut parcel = Vec::with_capacity(HEAD + frame.len() + TAG);
    parcel.extend_from_slice(&key.suite().magic());
    parcel.extend_from_slice(key.id().as_bytes());
    let aad = associated_data(&parcel, channel, scope).ok_or(Unsealable)?;
    parcel.extend_from_slice(&nonce);
    parcel.extend_from_slice(frame);
    let text = parcel.get_mut(HEAD..).ok_or(Unsealable)?;
    let tag = key.cipher().seal(&nonce, &aad, text).ok_or(Unsealable)?;
    parcel.extend_from_slice(&tag);
    wire::encode(&parcel, out);
    Ok(())
}

/// Replaces what is in `buf` by the frame that `envelope` holds, padding included.
///
/// May be called again with another scope. After an error `buf` is empty.
pub(crate) fn unseal(
    key: &Key,
    envelope: &Envelope<'_>,
    channel: &str,
    scope: &[u8],
    buf: &mut Vec<u8>,
) -> Result<(), Rejection> {
    envelope.decode(buf)?;
    // A suite that differs from its key's fails here by name, and would by its associated data.
    let opened =
        (envelope.suite() == key.suite()).then(|| open(key, channel, scope, buf)).flatten();
    if opened.is_none() {
        // What a cipher leaves behind when it fails is nobody's business.
        buf.zeroize();
        return Err(Rejection::Inauthentic);
    }
    Ok(())
}

/// Decrypts the parcel in `buf` and leaves its frame there.
fn open(key: &Key, channel: &str, scope: &[u8], buf: &mut Vec<u8>) -> Option<()> {
    let (head, rest) = buf.split_at_mut_checked(HEAD)?;
    let (identity, nonce) = head.split_at_checked(IDENTITY)?;
    let (frame, tag) = rest.split_last_chunk_mut::<TAG>()?;
    let aad = associated_data(identity, channel, scope)?;
    key.cipher().open(nonce.try_into().ok()?, &aad, frame, tag)?;
    let end = HEAD + frame.len();
    buf.copy_within(HEAD..end, 0);
    buf.truncate(end - HEAD);
    Some(())
}

/// `identity ‖ lp(channel) ‖ lp(scope)`, where `lp` is a length of two bytes in front.
fn associated_data(identity: &[u8], channel: &str, scope: &[u8]) -> Option<Vec<u8>> {
    let mut aad = Vec::with_capacity(identity.len() + channel.len() + scope.len() + 4);
    aad.extend_from_slice(identity);
    for part in [channel.as_bytes(), scope] {
        aad.extend_from_slice(&u16::try_from(part.len()).ok()?.to_be_bytes());
        aad.extend_from_slice(part);
    }
    Some(aad)
}

/// Bytes that say what the parcel is: magic and key id.
const IDENTITY: usize = 12;
/// Bytes in front of the ciphertext.
const HEAD: usize = IDENTITY + 12;
/// Bytes behind it.
const TAG: usize = 16;

/// An expanded key. Which backend works with it changes no byte and no rejection.
pub(crate) struct Cipher(Backend);

enum Backend {
    #[cfg(feature = "aws-lc-rs")]
    AwsLc(Box<aws_lc::GcmSiv>),
    RustCrypto(Box<rustcrypto::GcmSiv>),
}

impl Cipher {
    /// Expands `key` for the fastest backend there is.
    pub(crate) fn new(key: &[u8; 32]) -> Self {
        #[cfg(feature = "aws-lc-rs")]
        if let Some(cipher) = aws_lc::GcmSiv::new(key) {
            return Self(Backend::AwsLc(Box::new(cipher)));
        }
        Self(Backend::RustCrypto(Box::new(rustcrypto::GcmSiv::new(key))))
    }

    fn seal(&self, nonce: &[u8; 12], aad: &[u8], frame: &mut [u8]) -> Option<[u8; 16]> {
        match &self.0 {
            #[cfg(feature = "aws-lc-rs")]
            Backend::AwsLc(cipher) => cipher.seal(nonce, aad, frame),
            Backend::RustCrypto(cipher) => cipher.seal(nonce, aad, frame),
        }
    }

    fn open(&self, nonce: &[u8; 12], aad: &[u8], frame: &mut [u8], tag: &[u8; 16]) -> Option<()> {
        match &self.0 {
            #[cfg(feature = "aws-lc-rs")]
            Backend::AwsLc(cipher) => cipher.open(nonce, aad, frame, tag),
            Backend::RustCrypto(cipher) => cipher.open(nonce, aad, frame, tag),
        }
    }
}

impl fmt::Debug for Cipher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cipher").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
