//! What came of it, as JSON and as tables.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde::Serialize;

use crate::client::Seen;
use crate::quiet::Quiet;

/// One kind of traffic in one size; of the repetitions, the worst.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Row {
    /// What it began with, or `Rolling`.
    pub(crate) traffic: String,
    /// Writes at once, or requests in flight.
    pub(crate) size: usize,
    /// Characters of the `Cookie` line before.
    pub(crate) chars_before: usize,
    pub(crate) acknowledged: usize,
    pub(crate) refused_400: usize,
    pub(crate) failed_502: usize,
    pub(crate) refused_503: usize,
    /// Answers with any other status than these and 200 and 303.
    pub(crate) others: usize,
    pub(crate) peak_chars: usize,
    pub(crate) peak_parcels: usize,
    /// Seconds of quiet until a write was accepted; none if that was not seen.
    pub(crate) writable_s: Option<f64>,
    /// Seconds of quiet until all that was acknowledged was read.
    pub(crate) whole_s: Option<f64>,
    /// Seconds of quiet until nothing more was to be folded.
    pub(crate) folded_s: Option<f64>,
    /// None if nothing could be read in the end.
    pub(crate) lost: Option<usize>,
    pub(crate) chars_after: usize,
    pub(crate) parcels_after: usize,
}

impl Row {
    pub(crate) fn new(
        traffic: &str,
        size: usize,
        chars_before: usize,
        acknowledged: usize,
        seen: &Seen,
        quiet: &Quiet,
    ) -> Self {
        let count = |status: u16| seen.statuses.get(&status).copied().unwrap_or_default();
        let known: usize = [200, 303, 400, 502, 503].into_iter().map(count).sum();
        Self {
            traffic: traffic.to_owned(),
            size,
            chars_before,
            acknowledged,
            refused_400: count(400),
            failed_502: count(502),
            refused_503: count(503),
            others: seen.statuses.values().sum::<usize>() - known,
            peak_chars: seen.peak_chars,
            peak_parcels: seen.peak_parcels,
            writable_s: quiet.writable.map(tenths),
            whole_s: quiet.whole.map(tenths),
            folded_s: quiet.folded.map(tenths),
            lost: quiet.lost,
            chars_after: quiet.chars,
            parcels_after: quiet.parcels,
        }
    }

    /// The worse of two repetitions, figure by figure.
    fn or(mut self, other: &Self) -> Self {
        for (mine, theirs) in [
            (&mut self.refused_400, other.refused_400),
            (&mut self.failed_502, other.failed_502),
            (&mut self.refused_503, other.refused_503),
            (&mut self.others, other.others),
            (&mut self.peak_chars, other.peak_chars),
            (&mut self.peak_parcels, other.peak_parcels),
            (&mut self.chars_after, other.chars_after),
            (&mut self.parcels_after, other.parcels_after),
        ] {
            *mine = theirs.max(*mine);
        }
        self.acknowledged = self.acknowledged.min(other.acknowledged);
        // What was seen to be lost counts more than what could not be seen.
        self.lost = match (self.lost, other.lost) {
            (Some(0), None) | (None, Some(0)) => None,
            (mine, theirs) => mine.max(theirs),
        };
        for (mine, theirs) in [
            (&mut self.writable_s, other.writable_s),
            (&mut self.whole_s, other.whole_s),
            (&mut self.folded_s, other.folded_s),
        ] {
            *mine = mine.zip(theirs).map(|(mine, theirs)| mine.max(theirs));
        }
        self
    }
}

fn tenths(seconds: f64) -> f64 {
    (seconds * 10.0).round() / 10.0
}

/// Repetitions together.
pub(crate) fn worst(rows: Vec<Row>) -> Vec<Row> {
    let mut together: BTreeMap<(String, usize), Row> = BTreeMap::new();
    for row in rows {
        let key = (row.traffic.clone(), row.size);
        let both = match together.remove(&key) {
            Some(other) => row.or(&other),
            None => row,
        };
        together.insert(key, both);
    }
    together.into_values().collect()
}

pub(crate) fn json(rows: &[Row]) -> String {
    serde_json::to_string_pretty(rows).expect("JSON") + "\n"
}

const TITLES: [(&str, &str, &str); 4] = [
    ("Small", "Writes at once, small session", "writes"),
    ("TwoKilobytes", "Writes at once, session of 2 KB", "writes"),
    ("Empty", "Writes at once, first visit", "writes"),
    ("Rolling", "Writes that go on, small session", "in flight"),
];

/// The document with the tables in the place of those it has; `None` if it has no marks for them.
pub(crate) fn between_marks(document: &str, rows: &[Row]) -> Option<String> {
    let (before, rest) = document.split_once(BEGIN)?;
    let (_, after) = rest.split_once(END)?;
    Some(format!("{before}{BEGIN}{}\n{END}{after}", markdown(rows)))
}

const BEGIN: &str = "<!-- figures, written by `bursts` -->\n";
const END: &str = "<!-- end of figures -->";

pub(crate) fn markdown(rows: &[Row]) -> String {
    let mut text = String::new();
    for (traffic, title, size) in TITLES {
        let _ = write!(
            text,
            "\n### {title}\n\n\
             | {size} | acknowledged | 400 | 502 | 503 | most cookies | most characters | writable after | folded after | lost |\n\
             |---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|\n"
        );
        for row in rows.iter().filter(|row| row.traffic == traffic) {
            let seconds = |s: Option<f64>| s.map_or("no".to_owned(), |s| format!("{s:.0} s"));
            let _ = writeln!(
                text,
                "| {} | {} | {} | {} | {} | {} | {} | {} | {} | {} |",
                row.size,
                row.acknowledged,
                row.refused_400,
                row.failed_502,
                row.refused_503,
                row.peak_parcels,
                row.peak_chars,
                seconds(row.writable_s),
                seconds(row.folded_s),
                row.lost.map_or("not readable".to_owned(), |lost| lost.to_string()),
            );
        }
    }
    text
}
