//! What comes after the traffic: a read each second, and the question when all is well again.

use std::collections::BTreeMap;
use std::thread;
use std::time::{Duration, Instant};

use crate::client::Client;
use crate::texts::text;

const BETWEEN_READS: Duration = Duration::from_secs(1);
/// A root, and the fragments that may stand without a fold being due.
const FOLDED: usize = 1 + 4;

#[derive(Clone, Debug, Default)]
pub(crate) struct Quiet {
    /// Seconds until a write was accepted.
    pub(crate) writable: Option<f64>,
    /// Seconds until no more was to be folded.
    pub(crate) folded: Option<f64>,
    /// Seconds until all that was acknowledged could be read.
    pub(crate) whole: Option<f64>,
    /// Acknowledged notes that the last read did not have as they were acknowledged; none if it was
    /// refused.
    pub(crate) lost: Option<usize>,
    /// At the end.
    pub(crate) chars: usize,
    pub(crate) parcels: usize,
}

pub(crate) fn quiet(
    client: &Client,
    acknowledged: &BTreeMap<usize, String>,
    entries: usize,
    patience: Duration,
) -> Quiet {
    let begun = Instant::now();
    let mut quiet = Quiet::default();
    while begun.elapsed() < patience {
        let answer = client.send(&client.read());
        client.take(&answer);
        let since = begun.elapsed().as_secs_f64();
        quiet.lost = (answer.status == 200).then(|| missing(&answer.body, acknowledged));
        if quiet.lost == Some(0) {
            quiet.whole.get_or_insert(since);
        }
        // The probe's own answer is thrown away, so that it leaves no trace in the jar.
        if quiet.writable.is_none()
            && client.send(&client.write(0, &text(0, entries, 9))).acknowledges()
        {
            quiet.writable = Some(since);
        }
        (quiet.chars, quiet.parcels) = client.size();
        if quiet.parcels <= FOLDED {
            quiet.folded.get_or_insert(since);
        }
        if quiet.writable.is_some() && quiet.folded.is_some() && quiet.whole.is_some() {
            break;
        }
        thread::sleep(BETWEEN_READS.saturating_sub(Duration::from_millis(5)));
    }
    quiet
}

fn missing(body: &str, acknowledged: &BTreeMap<usize, String>) -> usize {
    let data: serde_json::Value = serde_json::from_str(body).expect("JSON");
    let note = |id: &usize| data["notes"][id.to_string()].as_str();
    acknowledged.iter().filter(|(id, text)| note(id) != Some(text)).count()
}
