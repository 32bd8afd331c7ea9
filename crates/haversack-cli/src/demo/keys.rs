//! The demo's key file: made at the start, rotated at the press of a button.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use haversack::{Entropy, KeyInfo, KeyRing, NoEntropy, Timestamp};
use haversack_tower::{Clock as _, SystemClock};
use tempfile::{NamedTempFile, TempDir};

use crate::output::Failure;

/// From publishing a key to sealing with it. Operators take ten minutes; here every server looks
/// at the file each second, and a person waits.
pub(super) const LEAD_MS: u64 = 3_000;
/// Longer than any session of the demo.
const OVERLAP_MS: u64 = 24 * 3600 * 1000;

/// A key file in a folder of its own that goes with it.
pub(super) struct KeyFile {
    path: PathBuf,
    _folder: TempDir,
}

impl KeyFile {
    pub(super) fn create() -> Result<Self, Failure> {
        let folder = tempfile::Builder::new()
            .prefix("haversack-demo-")
            .tempdir()
            .map_err(|error| Failure::new(format!("cannot make a temporary folder: {error}")))?;
        let ring = KeyRing::generate("haversack demo", SystemClock.now(), Os)
            .map_err(|error| Failure::new(format!("cannot make keys: {error}")))?;
        let file = Self { path: folder.path().join("demo.keys"), _folder: folder };
        file.store(&ring)?;
        Ok(file)
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// The keys and what each does now; none if the file was tampered with.
    pub(super) fn keys(&self) -> Vec<KeyInfo> {
        read(&self.path).map(|ring| ring.keys(now()).collect()).unwrap_or_default()
    }

    /// Publishes a new key that seals after `lead_ms`. Tells its id.
    pub(super) fn rotate(&self, lead_ms: u64) -> Result<String, Failure> {
        let ring = read(&self.path)?
            .rotate(now(), Os, lead_ms, OVERLAP_MS)
            .map_err(|error| Failure::new(format!("{error}")))?;
        self.store(&ring)?;
        let newest = ring.keys(now()).last().map(|key| key.id.to_string());
        Ok(newest.unwrap_or_default())
    }

    /// A reader finds the old file or the new one, never a half.
    fn store(&self, ring: &KeyRing) -> Result<(), Failure> {
        let fail = |error| Failure::new(format!("cannot write {}: {error}", self.path.display()));
        let folder = self.path.parent().unwrap_or(Path::new("."));
        let mut next = NamedTempFile::new_in(folder).map_err(fail)?;
        next.write_all(ring.to_json().as_bytes()).map_err(fail)?;
        next.persist(&self.path).map_err(|error| fail(error.error))?;
        Ok(())
    }
}

pub(super) fn read(path: &Path) -> Result<KeyRing, Failure> {
    let fail = |error: &dyn std::fmt::Display| {
        Failure::new(format!("cannot read the keys in {}: {error}", path.display()))
    };
    let text = fs::read_to_string(path).map_err(|error| fail(&error))?;
    KeyRing::parse(&text).map_err(|error| fail(&error))
}

pub(super) fn now() -> Timestamp {
    SystemClock.now()
}

/// The operating system's random generator.
struct Os;

impl Entropy for Os {
    fn fill(&mut self, bytes: &mut [u8]) -> Result<(), NoEntropy> {
        getrandom::fill(bytes).map_err(|_| NoEntropy)
    }
}
