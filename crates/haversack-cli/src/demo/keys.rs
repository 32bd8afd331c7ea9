//! The demo's key file: made at the start, rotated at the press of a button.

use std::path::{Path, PathBuf};

use haversack::{KeyInfo, KeyRing, Timestamp};
use haversack_fleet::file;
use haversack_tower::{Clock as _, SystemClock};
use tempfile::TempDir;

use crate::keys::Os;
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
        let path = folder.path().join("demo.keys");
        file::create(&path, &ring)?;
        Ok(Self { path, _folder: folder })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// The keys and what each does now; none if the file was tampered with.
    pub(super) fn keys(&self) -> Vec<KeyInfo> {
        file::read(&self.path).map(|ring| ring.keys(now()).collect()).unwrap_or_default()
    }

    /// Publishes a new key that seals after `lead_ms`. Tells its id.
    pub(super) fn rotate(&self, lead_ms: u64) -> Result<String, Failure> {
        let ring = file::update(&self.path, |ring| ring.rotate(now(), Os, lead_ms, OVERLAP_MS))?;
        let newest = ring.keys(now()).last().map(|key| key.id.to_string());
        Ok(newest.unwrap_or_default())
    }
}

pub(super) fn now() -> Timestamp {
    SystemClock.now()
}
