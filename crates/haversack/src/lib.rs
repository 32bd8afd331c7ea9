//! Client-carried sessions for stateless servers.
#![no_std]

extern crate alloc;
#[cfg(any(test, feature = "aws-lc-rs"))]
extern crate std;

mod env;
mod state;

pub use env::{Entropy, NoEntropy, Timestamp};
pub use state::{Content, Entry, OPEN, Stamp};
