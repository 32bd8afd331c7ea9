//! The operating system's word that something changed. It only hastens: reading again is what counts.

use std::path::Path;

use notify::event::{AccessKind, AccessMode, EventKind};
use notify::{RecommendedWatcher, RecursiveMode, Watcher as _};

/// Calls `wake` when something changes in the directory of `path`, as long as what it returns is kept.
///
/// Not the file itself: it is replaced rather than written, and Kubernetes replaces a symbolic link
/// beside it. Where nothing tells of changes they are noticed a second later, so this may fail.
pub(super) fn when_changed(
    path: &Path,
    wake: impl Fn() + Send + 'static,
) -> Option<RecommendedWatcher> {
    let start = || {
        let mut watcher = notify::recommended_watcher(move |event: notify::Result<_>| {
            if event.is_ok_and(|event| tells_of_change(&event)) {
                wake();
            }
        })?;
        let directory = path.parent().unwrap_or(path);
        watcher.watch(directory, RecursiveMode::NonRecursive)?;
        Ok(watcher)
    };
    let watcher: notify::Result<RecommendedWatcher> = start();
    watcher
        .inspect_err(|error| {
            tracing::debug!(
                path = %path.display(),
                "changes are noticed within a second, not at once: {error}"
            );
        })
        .ok()
}

/// Reading is an event too, and ours must not wake us; nor must a lock, which says nothing yet.
fn tells_of_change(event: &notify::Event) -> bool {
    let lock = |path: &std::path::PathBuf| path.extension().is_some_and(|it| it == "lock");
    let locks = !event.paths.is_empty() && event.paths.iter().all(lock);
    !locks
        && match event.kind {
            EventKind::Access(access) => access == AccessKind::Close(AccessMode::Write),
            _ => true,
        }
}
