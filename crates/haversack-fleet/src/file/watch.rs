//! The feed: a thread that reads the file again and again, and the handle that shows the result.

use std::collections::BTreeSet;
use std::path::{self, Path, PathBuf};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;
use std::{fmt, thread};

use arc_swap::ArcSwap;
use haversack::{Feed, KeyRing, Timestamp, Version, View};
use zeroize::Zeroizing;

use super::signal::Signal;
use super::{FileError, FileErrorKind, now, read, wake};

/// Reads the key ring in the file at `path` and keeps reading it, on a thread of its own.
///
/// # Errors
///
/// When the file cannot be used as it is now: see [`FileError`], which says what to do. Later
/// errors are logged instead, and the last good ring stays in use.
pub fn watch(path: impl AsRef<Path>) -> Result<Watched, FileError> {
    let path = path.as_ref();
    let unreadable = |error| FileError::new(path, FileErrorKind::Unreadable(error));
    // A program may change its directory later.
    let absolute = path::absolute(path).map_err(unreadable)?;
    let signal = Arc::new(Signal::default());
    // Before the first reading, so that no change falls between the two.
    let watcher = wake::when_changed(&absolute, {
        let signal = Arc::clone(&signal);
        move || signal.changed()
    });

    let confirmed = now();
    let document = read::document(path)?;
    let ring = Arc::new(read::parse(path, &document)?);
    let view =
        View { ring, revocations: None, dead: BTreeSet::new(), confirmed, version: Version(1) };
    let shared = Arc::new(Shared { view: ArcSwap::from_pointee(view), signal });

    let mut reader =
        Reader { shared: Arc::clone(&shared), path: absolute.clone(), document, error: None };
    thread::Builder::new()
        .name("haversack-keys".to_owned())
        .spawn(move || {
            let _watcher = watcher;
            reader.run();
        })
        .map_err(|error| FileError::new(path, FileErrorKind::Thread(error)))?;
    Ok(Watched(Arc::new(Handle { path: absolute, shared })))
}

/// The key ring of a file that is watched. Cheap to clone; the thread ends with the last clone.
#[derive(Clone)]
pub struct Watched(Arc<Handle>);

impl Watched {
    /// The file.
    pub fn path(&self) -> &Path {
        &self.0.path
    }
}

impl Feed for Watched {
    fn view(&self) -> Arc<View> {
        self.0.shared.view.load_full()
    }

    /// Has the file read at once, unless a newer view is there already. Ready when a reading that
    /// began after this call is over, whether or not it brought one.
    fn poll_newer(&self, than: Version, cx: &mut Context<'_>) -> Poll<()> {
        if self.0.shared.view.load().version > than {
            return Poll::Ready(());
        }
        self.0.shared.signal.poll(than, cx)
    }
}

impl fmt::Debug for Watched {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let view = self.view();
        f.debug_struct("Watched")
            .field("path", &self.0.path)
            .field("ring", &view.ring)
            .field("confirmed", &view.confirmed)
            .finish_non_exhaustive()
    }
}

/// Not joined: whoever drops the last clone may be a request, and a reading can take its time.
struct Handle {
    path: PathBuf,
    shared: Arc<Shared>,
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.shared.signal.stop();
    }
}

struct Shared {
    view: ArcSwap<View>,
    signal: Arc<Signal>,
}

/// What the thread knows.
struct Reader {
    shared: Arc<Shared>,
    path: PathBuf,
    /// The bytes that the ring in use was made from.
    document: Zeroizing<Vec<u8>>,
    /// What was logged last, while it lasts.
    error: Option<String>,
}

impl Reader {
    fn run(&mut self) {
        while let Some(number) = self.shared.signal.next(EVERY) {
            // The time before, since what is read may be changed right after.
            let confirmed = now();
            let held = self.shared.view.load_full();
            match self.read(&held.ring) {
                Ok(ring) => self.publish(&held, ring, confirmed),
                Err(error) => self.complain(&held, &error),
            }
            self.shared.signal.over(number, self.shared.view.load().version);
        }
    }

    /// The ring in the file: the one in use if it is that.
    fn read(&mut self, held: &Arc<KeyRing>) -> Result<Arc<KeyRing>, FileError> {
        let document = read::document(&self.path)?;
        if *document == *self.document {
            return Ok(Arc::clone(held));
        }
        let ring = read::parse(&self.path, &document)?;
        let refuse = |kind| Err(FileError::new(&self.path, kind));
        if !ring.is_revision_of(held) {
            return refuse(FileErrorKind::OtherRing { app: held.app().to_owned() });
        }
        let (revision, current) = (ring.revision(), held.revision());
        if revision < current {
            return refuse(FileErrorKind::Older { revision, current });
        }
        self.document = document;
        if ring.to_json() == held.to_json() {
            return Ok(Arc::clone(held));
        }
        if revision == current {
            tracing::warn!(
                path = %self.path.display(),
                revision,
                "key ring changed under the same revision: raise `revision` with each change, or \
                 servers cannot tell which of the two is newer"
            );
        }
        Ok(Arc::new(ring))
    }

    fn publish(&mut self, held: &View, ring: Arc<KeyRing>, confirmed: Timestamp) {
        if self.error.take().is_some() {
            tracing::info!(path = %self.path.display(), "key ring file can be read again");
        }
        let version = Version(held.version.0 + 1);
        let view = View { ring, revocations: None, dead: BTreeSet::new(), confirmed, version };
        self.shared.view.store(Arc::new(view));
    }

    /// Once per error, not once per second.
    fn complain(&mut self, held: &View, error: &FileError) {
        let error = error.to_string();
        if self.error.as_ref() != Some(&error) {
            let revision = held.ring.revision();
            tracing::error!(
                path = %self.path.display(),
                revision,
                "key ring v{revision} stays in use, since {error}"
            );
            self.error = Some(error);
        }
    }
}

/// Between two readings when nothing wakes the thread.
const EVERY: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;
    use crate::file;

    #[test]
    fn the_thread_ends_with_the_last_handle() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("haversack.keys");
        let entropy = |bytes: &mut [u8]| getrandom::fill(bytes).map_err(|_| haversack::NoEntropy);
        file::create(&path, &KeyRing::generate("shop", now(), Os(entropy)).unwrap()).unwrap();
        let watched = watch(&path).unwrap();
        // The thread holds the other one.
        let shared = Arc::downgrade(&watched.0.shared);
        let clone = watched.clone();
        drop(watched);
        assert_eq!(clone.view().ring.app(), "shop");
        drop(clone);
        let begun = Instant::now();
        while shared.upgrade().is_some() {
            assert!(begun.elapsed() < Duration::from_secs(30));
            thread::sleep(Duration::from_millis(1));
        }
    }

    struct Os<F>(F);

    impl<F: FnMut(&mut [u8]) -> Result<(), haversack::NoEntropy>> haversack::Entropy for Os<F> {
        fn fill(&mut self, bytes: &mut [u8]) -> Result<(), haversack::NoEntropy> {
            (self.0)(bytes)
        }
    }
}
