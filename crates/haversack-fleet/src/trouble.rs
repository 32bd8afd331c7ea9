//! What does not work just now. It is logged once when it begins and once when it is over, not each
//! time that it is tried again.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use metrics::counter;

use crate::error::{EngineError, EngineErrorKind};

/// What the fleet was about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Task {
    Clock,
    Follow,
    List,
    Publish,
    Report,
    Ring,
    Rotate,
}

impl Task {
    fn name(self) -> &'static str {
        match self {
            Self::Clock => "clock",
            Self::Follow => "follow",
            Self::List => "list",
            Self::Publish => "publish",
            Self::Report => "report",
            Self::Ring => "ring",
            Self::Rotate => "rotate",
        }
    }
}

#[derive(Debug)]
pub(crate) struct Troubles {
    engine: String,
    present: Mutex<BTreeMap<Task, Trouble>>,
    errors: AtomicU64,
}

#[derive(Debug)]
struct Trouble {
    kind: String,
    what: String,
}

impl Troubles {
    pub(crate) fn new(engine: String) -> Self {
        Self { engine, present: Mutex::default(), errors: AtomicU64::new(0) }
    }

    /// An engine failed; `consequence` says what that means, and comes before the error in the log.
    pub(crate) fn engine(&self, task: Task, consequence: &str, error: &EngineError) {
        let label = label(error.kind());
        // What somebody has to put right is told anew when it is another thing. What the network says
        // is not: it has many words for one failure.
        let kind = if error.is_temporary() { label.to_owned() } else { format!("{label} {error}") };
        self.tell(task, &kind, consequence, error);
    }

    /// Something is wrong. What is wrong in the same way is not told again.
    pub(crate) fn tell(&self, task: Task, kind: &str, consequence: &str, error: &dyn Display) {
        self.errors.fetch_add(1, Ordering::Relaxed);
        counter!("haversack_fleet_errors_total", "task" => task.name()).increment(1);
        let what = format!("{consequence}: {error}");
        let mut present = self.lock();
        let known = present.get(&task).is_some_and(|trouble| trouble.kind == kind);
        present.insert(task, Trouble { kind: kind.to_owned(), what: what.clone() });
        drop(present);
        if known {
            tracing::debug!(engine = self.engine, task = task.name(), "{what}");
        } else {
            tracing::error!(engine = self.engine, task = task.name(), "{what}");
        }
    }

    /// It works.
    pub(crate) fn over(&self, task: Task) {
        if self.lock().remove(&task).is_some() {
            tracing::info!(engine = self.engine, task = task.name(), "{} works again", task.name());
        }
    }

    /// It is not tried any more.
    pub(crate) fn drop(&self, task: Task) {
        self.lock().remove(&task);
    }

    /// What is wrong with one thing.
    pub(crate) fn of(&self, task: Task) -> Option<String> {
        self.lock().get(&task).map(|trouble| trouble.what.clone())
    }

    /// Something that is wrong, if anything is.
    pub(crate) fn any(&self) -> Option<String> {
        self.lock().values().next().map(|trouble| trouble.what.clone())
    }

    pub(crate) fn errors(&self) -> u64 {
        self.errors.load(Ordering::Relaxed)
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<Task, Trouble>> {
        self.present.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn label(kind: &EngineErrorKind) -> &'static str {
    match kind {
        EngineErrorKind::Unreachable(_) => "unreachable",
        EngineErrorKind::Refused(_) => "refused",
        EngineErrorKind::Unusable(_) => "unusable",
        EngineErrorKind::Full(_) => "full",
        EngineErrorKind::Invalid(_) => "invalid",
    }
}
