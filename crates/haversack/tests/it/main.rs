//! The core from the outside: header bytes in, header lines out.

// A test that cannot go on may say so by a panic.
#![allow(clippy::expect_used, clippy::indexing_slicing, clippy::cast_possible_truncation)]

mod client;
mod csrf;
mod cut_off;
mod events;
mod faults;
mod healing;
mod index;
mod inspect;
mod lifetime;
mod maintenance;
mod order;
mod overridden;
mod revocation;
mod single;
mod two_servers;
