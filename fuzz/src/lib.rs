//! What hostile bytes must not do, as plain functions of bytes that panic when it happens.
//!
//! One target per parser, each through the public API. None of them only looks for crashes: what is
//! accepted is handed back, written, put into a browser's jar and read again.
//!
//! `cargo run -p haversack-fuzz -- --seconds 5` runs all of them on stable, from the seeds of
//! `spec/vectors`; `libfuzzer/` runs them with coverage.

mod forge;
mod jar;
mod seeds;
mod serve;
mod targets;

pub use self::seeds::seeds;

/// A parser, by name.
#[derive(Clone, Copy, Debug)]
pub struct Target {
    /// Its name.
    pub name: &'static str,
    /// Panics if `data` does what it must not.
    pub run: fn(data: &[u8]),
}

/// All targets.
pub const TARGETS: [Target; 9] = [
    Target { name: "cookies", run: targets::cookies },
    Target { name: "envelope", run: targets::envelope },
    Target { name: "frame", run: targets::frame },
    Target { name: "header", run: targets::header },
    Target { name: "jar", run: targets::jar },
    Target { name: "keyring", run: targets::keyring },
    Target { name: "revocations", run: targets::revocations },
    Target { name: "session", run: targets::session },
    Target { name: "set_cookie", run: targets::set_cookie },
];

/// Runs the target of that name; for wrappers of one target each.
///
/// # Panics
///
/// If there is no such target, or if `data` does what it must not.
pub fn run(name: &str, data: &[u8]) {
    let target = TARGETS.iter().find(|target| target.name == name);
    (target.unwrap_or_else(|| panic!("there is no target `{name}`")).run)(data);
}
