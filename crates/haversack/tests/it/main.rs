//! The core from the outside: header bytes in, header lines out.

mod client;
mod events;
mod maintenance;
mod races;
