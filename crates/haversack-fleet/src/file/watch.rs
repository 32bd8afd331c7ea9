//! A fleet of one machine, whose keys an operator rotates.

use std::fmt;
use std::path::Path;
use std::sync::Arc;
use std::task::{Context, Poll};

use haversack::{
    Feed, Lifetime, Publication, Revocation, SessionIndex, ShortKeyId, Timestamp, Version, View,
};

use super::{FileEngine, FileError, FileErrorKind, read};
use crate::{Builder, Fleet};

/// Reads the key ring in the file at `path`, and what was revoked beside it, and keeps reading them on
/// a thread of its own. Returns when both are read, which holds up this thread for a moment.
///
/// The same as a [`Fleet`] on a [`FileEngine`] that nobody but an operator rotates. All servers of the
/// machine that watch the same path share what they revoke.
///
/// # Errors
///
/// When the file cannot be used as it is now: see [`FileError`], which says what to do. Later
/// errors are logged instead, and the last good ring stays in use.
pub fn watch(path: impl AsRef<Path>) -> Result<Watched, FileError> {
    let path = path.as_ref();
    // What is wrong with a file is best said in the words of files.
    read(path)?;
    let engine = FileEngine::open(path)?;
    let absolute = engine.path().into();
    let fleet = Builder::default().rotation(None).start_blocking(Arc::new(engine));
    let fleet =
        fleet.map_err(|error| FileError::new(path, FileErrorKind::Fleet(Box::new(error))))?;
    Ok(Watched { path: absolute, fleet })
}

/// A key ring file that is watched. Cheap to clone; the thread ends with the last clone.
#[derive(Clone)]
pub struct Watched {
    path: Arc<Path>,
    fleet: Fleet,
}

impl Watched {
    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The fleet of the servers that watch the file: whether this one is ready, how it is, and what may
    /// happen once.
    pub fn fleet(&self) -> &Fleet {
        &self.fleet
    }
}

/// All of it is the fleet's.
impl Feed for Watched {
    fn view(&self) -> Arc<View> {
        self.fleet.view()
    }

    fn poll_newer(&self, than: Version, cx: &mut Context<'_>) -> Poll<()> {
        self.fleet.poll_newer(than, cx)
    }

    fn publish(&self, revocations: Vec<Revocation>) -> Publication {
        self.fleet.publish(revocations)
    }

    fn serves(&self, lifetime: &Lifetime) {
        self.fleet.serves(lifetime);
    }

    fn index(&self) -> Option<&dyn SessionIndex> {
        self.fleet.index()
    }

    fn opened(&self, key: ShortKeyId, now: Timestamp) {
        self.fleet.opened(key, now);
    }
}

impl fmt::Debug for Watched {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { path, fleet } = self;
        f.debug_struct("Watched").field("path", path).field("fleet", fleet).finish()
    }
}
