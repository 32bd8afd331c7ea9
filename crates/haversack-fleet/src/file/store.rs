//! Writing the file: whole or not at all, one at a time, and never over something newer.
//!
//! Readers need no lock: they see the old file or the new one. Writers hold a lock on a file beside
//! it, which stays there: one that is removed could be locked twice.

use std::ffi::OsString;
use std::fs::{self, File, Metadata, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use haversack::{KeyRing, KeyRingError};

use super::{FileError, FileErrorKind, read};

/// Writes `ring` into a new file at `path`, which only the present user may read (mode 0600).
///
/// # Errors
///
/// When the file exists, which is never overwritten, and when it cannot be written.
pub fn create(path: impl AsRef<Path>, ring: &KeyRing) -> Result<(), FileError> {
    let path = path.as_ref();
    let unwritable = |error| FileError::new(path, FileErrorKind::Unwritable(error));
    let _lock = lock(path).map_err(unwritable)?;
    // A symbolic link that leads nowhere counts as there.
    match fs::symlink_metadata(path) {
        Ok(_) => return Err(FileError::new(path, FileErrorKind::Exists)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(unwritable(error)),
    }
    replace(path, ring, None).map_err(unwritable)
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
    let _lock = lock(&target).map_err(unwritable)?;
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
    replace(&target, &ring, Some(&metadata)).map_err(unwritable)?;
    Ok(ring)
}

/// Locked until it is dropped; the operating system does that for a process that ends.
fn lock(path: &Path) -> io::Result<File> {
    let lock = private().create(true).truncate(false).open(sibling(path, "", ".lock"))?;
    lock.lock()?;
    Ok(lock)
}

/// Replaces the file in one step that survives a loss of power; `like` gives owner and mode.
fn replace(path: &Path, ring: &KeyRing, like: Option<&Metadata>) -> io::Result<()> {
    let temporary = sibling(path, ".", ".new");
    let write = || {
        // What is there was left behind by a writer that was killed: we hold the lock.
        match fs::remove_file(&temporary) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let mut file = private().create_new(true).open(&temporary)?;
        if let Some(like) = like {
            keep_access(&file, like)?;
        }
        file.write_all(ring.to_json().as_bytes())?;
        file.sync_all()?;
        fs::rename(&temporary, path)
    };
    if let Err(error) = write() {
        let _ = fs::remove_file(&temporary); // the first error is the one that matters
        return Err(error);
    }
    sync_directory(path)
}

/// Servers that could read the file before can read its successor.
#[cfg(unix)]
fn keep_access(file: &File, like: &Metadata) -> io::Result<()> {
    use std::os::unix::fs::{MetadataExt as _, fchown};

    let new = file.metadata()?;
    if (new.uid(), new.gid()) != (like.uid(), like.gid()) {
        fchown(file, Some(like.uid()), Some(like.gid()))?;
    }
    file.set_permissions(like.permissions())
}

#[cfg(not(unix))]
fn keep_access(_: &File, _: &Metadata) -> io::Result<()> {
    Ok(())
}

/// For a file that only the present user may read and write, from its first moment.
#[cfg(unix)]
fn private() -> OpenOptions {
    use std::os::unix::fs::OpenOptionsExt as _;

    let mut options = OpenOptions::new();
    options.write(true).mode(0o600);
    options
}

#[cfg(not(unix))]
fn private() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.write(true);
    options
}

/// The new name is on the disk only when the directory is.
#[cfg(unix)]
fn sync_directory(path: &Path) -> io::Result<()> {
    match File::open(directory(path))?.sync_all() {
        // Some network drives cannot, and have no need to.
        Err(error)
            if matches!(error.kind(), io::ErrorKind::InvalidInput | io::ErrorKind::Unsupported) =>
        {
            Ok(())
        }
        synced => synced,
    }
}

#[cfg(not(unix))]
fn sync_directory(_: &Path) -> io::Result<()> {
    Ok(())
}

#[cfg(unix)]
fn directory(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

/// A file beside it, for the time of writing.
fn sibling(path: &Path, before: &str, after: &str) -> PathBuf {
    let mut name = OsString::from(before);
    name.push(path.file_name().unwrap_or_default());
    name.push(after);
    path.with_file_name(name)
}
