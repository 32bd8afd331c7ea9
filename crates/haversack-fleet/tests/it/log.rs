//! What operators find in the log: events of all threads, to be told apart by the path they name.

use std::fmt::{self, Write as _};
use std::path::Path;
use std::sync::{Mutex, Once};

use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};

/// Events so far that name `path` and contain `text`.
pub(crate) fn count(path: &Path, text: &str) -> usize {
    count_of(path, &[text])
}

fn count_of(path: &Path, texts: &[&str]) -> usize {
    let path = path.to_str().unwrap();
    let lines = LINES.lock().unwrap();
    let has = |line: &&String| line.contains(path) && texts.iter().all(|text| line.contains(text));
    lines.iter().filter(has).count()
}

/// Errors so far that name `path` and contain `text`.
pub(crate) fn errors(path: &Path, text: &str) -> usize {
    count_of(path, &["ERROR", text])
}

/// Before the first event of interest.
pub(crate) fn start() {
    static START: Once = Once::new();
    START.call_once(|| tracing::subscriber::set_global_default(Log).unwrap());
}

static LINES: Mutex<Vec<String>> = Mutex::new(Vec::new());

struct Log;

impl Subscriber for Log {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        let mut line = Line(format!("{} ", event.metadata().level()));
        event.record(&mut line);
        LINES.lock().unwrap().push(line.0);
    }

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

struct Line(String);

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        write!(self.0, "{field}={value:?} ").unwrap();
    }
}
