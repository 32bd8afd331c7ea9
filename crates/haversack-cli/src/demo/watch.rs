//! Keys from a file, read again every second and whenever somebody asks for newer ones.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::task::{Context, Poll};
use std::time::Duration;

use haversack_tower::{Clock as _, Feed, KeyRing, SystemClock, Version, View};

use super::keys;
use crate::output::Failure;

/// The view of a key file.
#[derive(Clone)]
pub(super) struct Watched(Arc<File>);

struct File {
    path: PathBuf,
    view: Mutex<Arc<View>>,
}

/// Watches the key file at `path`, until the last clone is dropped.
pub(super) fn watch(path: &Path) -> Result<Watched, Failure> {
    let view = Arc::new(view(keys::read(path)?, Version(1)));
    let file = Arc::new(File { path: path.to_owned(), view: Mutex::new(view) });
    let weak = Arc::downgrade(&file);
    std::thread::spawn(move || reread(&weak));
    Ok(Watched(file))
}

fn reread(file: &Weak<File>) {
    loop {
        std::thread::sleep(Duration::from_secs(1));
        let Some(file) = file.upgrade() else { return };
        file.reread();
    }
}

fn view(ring: KeyRing, version: Version) -> View {
    View { ring: Arc::new(ring), dead: BTreeSet::new(), confirmed: SystemClock.now(), version }
}

impl File {
    /// A file that cannot be read leaves the last good view, which ages visibly.
    fn reread(&self) {
        let Ok(ring) = keys::read(&self.path) else { return };
        let mut held = self.view.lock().unwrap_or_else(PoisonError::into_inner);
        if ring.revision() < held.ring.revision() {
            return;
        }
        let mut newer = view(ring, Version(held.version.0 + 1));
        if newer.ring.revision() == held.ring.revision() {
            newer.ring = Arc::clone(&held.ring);
        }
        *held = Arc::new(newer);
    }
}

impl Feed for Watched {
    fn view(&self) -> Arc<View> {
        Arc::clone(&self.0.view.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn poll_newer(&self, than: Version, _cx: &mut Context<'_>) -> Poll<()> {
        if self.view().version <= than {
            self.0.reread();
        }
        Poll::Ready(())
    }
}
