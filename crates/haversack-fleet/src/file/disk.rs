//! Files that are written whole or not at all, one writer at a time, and stay after a loss of power.

use std::ffi::OsString;
use std::fs::{self, File, Metadata, OpenOptions, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

/// Who may read and write a file that is made.
#[derive(Clone, Copy, Debug)]
pub(super) enum Access<'a> {
    /// The present user alone.
    Private,
    /// Who could before, with the same owner and group.
    As(&'a Metadata),
    /// Who may read this may read it, and its owner may write it too. Owner and group are the same as
    /// far as the operating system lets us.
    Beside(&'a Metadata),
}

/// Waits for the lock beside a file, and holds it until it is dropped; the operating system drops it
/// for a process that ends. The lock's file stays: one that is removed could be locked twice.
pub(super) fn lock(path: &Path, access: Access<'_>) -> io::Result<File> {
    let lock = open_lock(path, access)?;
    lock.lock()?;
    Ok(lock)
}

/// The same for whoever must not wait for ever: a program that holds the lock may have been stopped.
pub(super) fn lock_within(path: &Path, access: Access<'_>, limit: Duration) -> io::Result<File> {
    let lock = open_lock(path, access)?;
    let begun = Instant::now();
    let mut pause = Duration::from_micros(100);
    loop {
        match lock.try_lock() {
            Ok(()) => return Ok(lock),
            Err(TryLockError::Error(error)) => return Err(error),
            Err(TryLockError::WouldBlock) if begun.elapsed() > limit => {
                let held = format!(
                    "another program has held `{}` for {} s",
                    sibling(path, "", ".lock").display(),
                    limit.as_secs()
                );
                return Err(io::Error::new(io::ErrorKind::TimedOut, held));
            }
            Err(TryLockError::WouldBlock) => thread::sleep(pause),
        }
        pause = (pause * 2).min(Duration::from_millis(5));
    }
}

/// The file that is locked, not yet locked.
pub(super) fn open_lock(path: &Path, access: Access<'_>) -> io::Result<File> {
    let path = sibling(path, "", ".lock");
    let lock = private().create(true).truncate(false).open(&path).map_err(|error| {
        // The name of what it guards would send the operator to the wrong file.
        io::Error::new(error.kind(), format!("its lock `{}`: {error}", path.display()))
    })?;
    // Whoever may write what it guards may lock it, though root made it. Only its owner can see to
    // that, and who is not goes on.
    let _ = apply(&lock, access);
    Ok(lock)
}

/// Replaces a file, of which the caller holds the lock, by what `write` puts into another one.
pub(super) fn replace(
    path: &Path,
    access: Access<'_>,
    write: impl FnOnce(&mut File) -> io::Result<()>,
) -> io::Result<()> {
    rename(path, access, true, write)?;
    sync_directory(path)
}

/// The same for what need not outlive a loss of power.
pub(super) fn replace_lightly(
    path: &Path,
    access: Access<'_>,
    write: impl FnOnce(&mut File) -> io::Result<()>,
) -> io::Result<()> {
    rename(path, access, false, write)
}

fn rename(
    path: &Path,
    access: Access<'_>,
    sync: bool,
    write: impl FnOnce(&mut File) -> io::Result<()>,
) -> io::Result<()> {
    let temporary = sibling(path, ".", ".new");
    let whole = || {
        // What is there was left behind by a writer that was killed: we hold the lock.
        match fs::remove_file(&temporary) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let mut file = private().create_new(true).open(&temporary)?;
        apply(&file, access)?;
        write(&mut file)?;
        if sync {
            file.sync_all()?;
        }
        fs::rename(&temporary, path)
    };
    whole().inspect_err(|_| {
        let _ = fs::remove_file(&temporary); // the first error is the one that matters
    })
}

/// Makes a directory, unless it is there.
pub(super) fn folder(path: &Path, access: Access<'_>) -> io::Result<()> {
    match make_folder(path) {
        Ok(()) => {
            #[cfg(unix)]
            apply_mode(&File::open(path)?, access, 0o700, 0o050)?;
            let _ = access;
            sync_directory(path)
        }
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(error),
    }
}

#[cfg(unix)]
fn make_folder(path: &Path) -> io::Result<()> {
    use std::os::unix::fs::DirBuilderExt as _;

    fs::DirBuilder::new().mode(0o700).create(path)
}

#[cfg(not(unix))]
fn make_folder(path: &Path) -> io::Result<()> {
    fs::create_dir(path)
}

/// Servers that could read the file before can read its successor.
#[cfg(unix)]
fn apply(file: &File, access: Access<'_>) -> io::Result<()> {
    apply_mode(file, access, 0o600, 0o040)
}

/// `owner` and `group` are the bits of what stands beside another file, if its group may read that.
#[cfg(unix)]
fn apply_mode(file: &File, access: Access<'_>, owner: u32, group: u32) -> io::Result<()> {
    use std::fs::Permissions;
    use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, fchown};

    let new = file.metadata()?;
    match access {
        Access::Private => Ok(()),
        Access::As(like) => {
            if (new.uid(), new.gid()) != (like.uid(), like.gid()) {
                fchown(file, Some(like.uid()), Some(like.gid()))?;
            }
            file.set_permissions(like.permissions())
        }
        Access::Beside(like) => {
            // Only root may give files away; who may not goes on as their owner. A group that is not
            // the ring's must not get to read.
            let same = (new.uid(), new.gid()) == (like.uid(), like.gid())
                || fchown(file, Some(like.uid()), Some(like.gid())).is_ok()
                || new.gid() == like.gid()
                || fchown(file, None, Some(like.gid())).is_ok();
            let group = if same && like.mode() & 0o040 != 0 { group } else { 0 };
            file.set_permissions(Permissions::from_mode(owner | group))
        }
    }
}

#[cfg(not(unix))]
fn apply(_: &File, _: Access<'_>) -> io::Result<()> {
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
pub(super) fn sync_directory(path: &Path) -> io::Result<()> {
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
pub(super) fn sync_directory(_: &Path) -> io::Result<()> {
    Ok(())
}

/// Where a file is.
pub(super) fn directory(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

/// A file beside it.
pub(super) fn sibling(path: &Path, before: &str, after: &str) -> PathBuf {
    let mut name = OsString::from(before);
    name.push(path.file_name().unwrap_or_default());
    name.push(after);
    path.with_file_name(name)
}
