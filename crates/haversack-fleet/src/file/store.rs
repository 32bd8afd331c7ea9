//! Writing the file: whole or not at all, one at a time, and never over something newer.
//!
//! Readers need no lock: they see the old file or the new one. Writers hold a lock on a file beside
//! it, which stays there: one that is removed could be locked twice.

use std::fs;
use std::io::{self, Write as _};
use std::path::Path;

use haversack::{KeyRing, KeyRingError};

use super::disk::{self, Access};
use super::{FileError, FileErrorKind, read};

/// Writes `ring` into a new file at `path`, which only the present user may read (mode 0600).
///
/// # Errors
///
/// When the file exists, which is never overwritten, and when it cannot be written.
pub fn create(path: impl AsRef<Path>, ring: &KeyRing) -> Result<(), FileError> {
    let path = path.as_ref();
    let unwritable = |error| FileError::new(path, FileErrorKind::Unwritable(error));
    let _lock = disk::lock(path, Access::Private).map_err(unwritable)?;
    // A symbolic link that leads nowhere counts as there.
    match fs::symlink_metadata(path) {
        Ok(_) => return Err(FileError::new(path, FileErrorKind::Exists)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(unwritable(error)),
    }
    replace(path, ring, Access::Private).map_err(unwritable)
}

/// Replaces the ring in the file at `path` by what `next` makes of it, and returns that.
///
/// No other writer of this module comes between reading and writing, on this machine, so of two that
/// rotate at once the second sees what the first has written. Owner and mode of the file stay as
/// they are. Waits for a writer that is under way.
///
/// # Errors
///
/// When the file cannot be read or written, and when `next` fails or returns something else than a
/// later revision of the ring. The file is then as it was; only if the disk fails in the last step
/// is it the new one already.
pub fn update(
    path: impl AsRef<Path>,
    next: impl FnOnce(&KeyRing) -> Result<KeyRing, KeyRingError>,
) -> Result<KeyRing, FileError> {
    let path = path.as_ref();
    let fail = |kind| FileError::new(path, kind);
    let unwritable = |error| fail(FileErrorKind::Unwritable(error));
    // A missing file is told as such, not as one that cannot be locked.
    read::document(path)?;
    // The file that a symbolic link leads to is replaced, not the link.
    let target = fs::canonicalize(path).map_err(unwritable)?;
    let like = fs::metadata(&target).map_err(unwritable)?;
    let _lock = disk::lock(&target, Access::Beside(&like)).map_err(unwritable)?;
    let held = read::parse(path, &read::document(path)?)?;
    let metadata = fs::metadata(&target).map_err(unwritable)?;

    let ring = next(&held).map_err(|error| fail(FileErrorKind::Ring(error)))?;
    if !ring.is_revision_of(&held) {
        return Err(fail(FileErrorKind::OtherRing { app: held.app().to_owned() }));
    }
    let (revision, current) = (ring.revision(), held.revision());
    if revision <= current {
        return Err(fail(FileErrorKind::Older { revision, current }));
    }
    replace(&target, &ring, Access::As(&metadata)).map_err(unwritable)?;
    Ok(ring)
}

fn replace(path: &Path, ring: &KeyRing, access: Access<'_>) -> io::Result<()> {
    disk::replace(path, access, |file| file.write_all(ring.to_json().as_bytes()))
}
