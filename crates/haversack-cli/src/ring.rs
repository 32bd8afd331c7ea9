//! Key files: where commands get their key ring from.

use std::fs;
use std::path::Path;

use haversack::KeyRing;

use crate::output::Failure;

/// Reads the key ring document at `path`.
pub(crate) fn load_ring(path: &Path) -> Result<KeyRing, Failure> {
    let document = fs::read_to_string(path).map_err(|error| {
        Failure::new(format!("cannot read the key file {}: {error}", path.display()))
    })?;
    KeyRing::parse(&document)
        .map_err(|error| Failure::new(format!("key file {}: {error}", path.display())))
}
