//! Client-carried sessions for stateless servers.
#![no_std]

extern crate alloc;
#[cfg(any(test, feature = "aws-lc-rs"))]
extern crate std;

mod admit;
mod arrival;
mod budget;
mod codec;
mod draft;
mod env;
mod error;
mod event;
mod exchange;
mod feed;
mod info;
mod jar;
mod join;
mod key_id;
mod keyring;
mod lineage;
mod maintain;
mod parcel;
mod policy;
mod respond;
mod seal;
mod state;
#[cfg(test)]
mod testing;
mod transport;
#[cfg(test)]
mod vectors;
mod wire;

pub use self::arrival::{Arrival, ArrivalKind};
pub use self::budget::{Budget, Limit, TooLarge};
pub use self::codec::{Decoded, Each, EncodeError, FieldFault, FieldReport, SchemaError};
pub use self::env::{Entropy, NoEntropy, Timestamp};
pub use self::error::{ConfigError, Disposition, Rejection, SealError};
pub use self::event::EventKind;
pub use self::exchange::{Exchange, Mark, Rules, Snapshot};
pub use self::feed::{Feed, Fixed, IntoFeed, Version, View};
pub use self::info::{Info, SessionId, Times, Usage};
pub use self::key_id::{InvalidId, KeyId, RingMark, ShortKeyId};
pub use self::keyring::{KeyInfo, KeyRing, KeyRingError, KeyState, Weakness};
pub use self::maintain::Work;
pub use self::policy::{Lifetime, Policy};
pub use self::respond::{Outcome, Report, Room};
pub use self::seal::Padding;
pub use self::state::{Content, Entry, OPEN, Stamp};
pub use self::transport::cookie::mentions;
pub use self::transport::{CookieSpec, SameSite};

/// What weakens the seal, for test vectors only. Nothing that is served has a use for it.
#[doc(hidden)]
pub mod danger {
    pub use crate::keyring::ring_for_vectors;
}
