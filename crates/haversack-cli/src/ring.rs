//! Key files: where commands get their key ring from, under the same rules as servers.

use std::path::Path;

use haversack::KeyRing;

use crate::output::Failure;

/// Reads the key ring document at `path`.
pub(crate) fn load_ring(path: &Path) -> Result<KeyRing, Failure> {
    haversack_fleet::file::read(path).map_err(|error| Failure::new(error.to_string()))
}
