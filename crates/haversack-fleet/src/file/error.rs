//! Why a key ring file is not read or not written: what, where, and how to put it right.

use std::path::{Path, PathBuf};
use std::{fmt, io};

use haversack::KeyRingError;

use crate::FleetError;

/// A key ring file could not be read or written.
///
/// Nothing of the file's content is in it, so it may be logged.
#[derive(Debug)]
pub struct FileError {
    path: PathBuf,
    kind: FileErrorKind,
}

/// What is wrong with a key ring file.
#[derive(Debug)]
#[non_exhaustive]
pub enum FileErrorKind {
    /// There is a file already, and it is never overwritten.
    Exists,
    /// Others than the owner may write it, who could so make every session theirs.
    GroupMayWrite {
        /// Its permission bits.
        mode: u32,
    },
    /// What stands beside it cannot be used, the log of revocations for example; or nothing can be
    /// followed at all.
    Fleet(Box<FleetError>),
    /// There is no such file.
    Missing,
    /// It is a directory, a pipe or a device.
    NotAFile,
    /// Its revision is not higher than that of the ring in use.
    Older {
        /// The revision that it has.
        revision: u64,
        /// The revision of the ring in use.
        current: u64,
    },
    /// It holds another ring than the one in use: another app's, or one with another index key.
    OtherRing {
        /// The app whose ring is in use.
        app: String,
    },
    /// Everyone on this machine may read or write it.
    OthersMayAccess {
        /// Its permission bits.
        mode: u32,
    },
    /// Its content is no key ring, or not a safe one; or the next revision could not be made.
    Ring(KeyRingError),
    /// It is longer than a key ring can be.
    TooLong {
        /// Bytes that are read at most.
        limit: u64,
    },
    /// The operating system does not let this process read it.
    Unreadable(io::Error),
    /// The operating system does not let this process write it.
    Unwritable(io::Error),
}

impl FileError {
    pub(super) fn new(path: &Path, kind: FileErrorKind) -> Self {
        Self { path: path.to_owned(), kind }
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What is wrong with it.
    pub fn kind(&self) -> &FileErrorKind {
        &self.kind
    }
}

impl fmt::Display for FileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = self.path.display();
        match &self.kind {
            FileErrorKind::Exists => write!(
                f,
                "`{path}` exists, and overwriting it would end every session: \
                 add a key with `haversack keys rotate {path}`, or choose another name"
            ),
            FileErrorKind::GroupMayWrite { mode } => write!(
                f,
                "`{path}` may be written by its group (mode {mode:04o}), and who writes it can \
                 forge any session: run `chmod g-w {path}`"
            ),
            FileErrorKind::Missing => write!(
                f,
                "there is no `{path}`: make a key ring with `haversack keys init {path} --app NAME`, \
                 or copy the one that the other servers use"
            ),
            FileErrorKind::Fleet(error) => write!(f, "cannot watch `{path}`: {error}"),
            FileErrorKind::NotAFile => {
                write!(f, "`{path}` is not a regular file: name the key ring file itself")
            }
            FileErrorKind::Older { revision, current } => write!(
                f,
                "`{path}` has revision {revision} and revision {current} is in use: restore the \
                 newer file, or raise `revision` above {current} if the content is what you want"
            ),
            FileErrorKind::OtherRing { app } => write!(
                f,
                "`{path}` is another key ring than the one in use for app `{app}` (its `app` or its \
                 `index_key` differs): restore the file, or restart to change rings and end all sessions"
            ),
            FileErrorKind::OthersMayAccess { mode } => write!(
                f,
                "`{path}` is open to everyone on this machine (mode {mode:04o}), and who reads it can \
                 forge any session: run `chmod 600 {path}`; for a Kubernetes secret set \
                 `defaultMode: 0400`, or 0440 with an `fsGroup`"
            ),
            FileErrorKind::Ring(error) => write!(f, "`{path}`: {error}"),
            FileErrorKind::TooLong { limit } => write!(
                f,
                "`{path}` is longer than {limit} bytes, which no key ring is: is it the right file?"
            ),
            FileErrorKind::Unreadable(error) => write!(
                f,
                "cannot read `{path}`: {error}; it must belong to the user that the server runs as, \
                 or be readable for its group (mode 0640)"
            ),
            FileErrorKind::Unwritable(error) if error.kind() == io::ErrorKind::NotFound => {
                write!(f, "cannot write `{path}`: there is no such directory: make it first")
            }
            FileErrorKind::Unwritable(error) => write!(
                f,
                "cannot write `{path}`: {error}; it is replaced by a new file, so its directory must \
                 be writable, and its owner must be yours to set"
            ),
        }
    }
}

impl std::error::Error for FileError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match &self.kind {
            FileErrorKind::Ring(error) => Some(error),
            FileErrorKind::Fleet(error) => Some(&**error),
            FileErrorKind::Unreadable(error) | FileErrorKind::Unwritable(error) => Some(error),
            _ => None,
        }
    }
}
