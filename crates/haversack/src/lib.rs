//! Client-carried sessions for stateless servers.
#![no_std]

extern crate alloc;
#[cfg(any(test, feature = "aws-lc-rs"))]
extern crate std;

#[allow(dead_code, reason = "its users, `exchange` and `event`, come after it")]
mod codec;
mod env;
mod error;
mod key_id;
#[allow(dead_code, unused_imports)] // until requests are served
mod keyring;
#[allow(dead_code)]
mod seal;
mod state;
#[cfg(test)]
mod testing;
#[allow(dead_code)]
mod wire;

pub use codec::{Each, EncodeError, FieldFault, FieldReport, SchemaError};
pub use env::{Entropy, NoEntropy, Timestamp};
pub use error::{Disposition, Rejection};
pub use key_id::{InvalidId, KeyId, RingMark, ShortKeyId};
pub use keyring::{KeyInfo, KeyRing, KeyRingError, KeyState, Weakness};
pub use seal::Padding;
pub use state::{Content, Entry, OPEN, Stamp};

/// What weakens the seal, for test vectors only. Nothing that is served has a use for it.
#[doc(hidden)]
pub mod danger {
    pub use crate::keyring::ring_for_vectors;
}
