//! What each server tells the others about itself, for a table of the fleet.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// How a server was when it last reported, at most some 20 seconds ago. Nothing in it is secret.
///
/// Servers of other versions may know more or less: what is missing is zero, empty or `None`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct Report {
    /// Its name.
    pub server: String,
    /// The version of this crate that it runs.
    pub version: String,
    /// When it reported, in milliseconds since the Unix epoch, by its own clock.
    pub at_ms: u64,
    /// The app that it serves.
    pub app: String,
    /// The revision of its key ring.
    pub ring_revision: u64,
    /// The key that it seals with.
    pub sealing: Option<String>,
    /// For how long that key has been sealing, in seconds.
    pub sealing_age_s: u64,
    /// The age of its view, in milliseconds; `None` before the first confirmation.
    pub confirmed_age_ms: Option<u64>,
    /// How long the last change took to reach it, in milliseconds.
    pub lag_ms: Option<u64>,
    /// Revocations in its view.
    pub entries: usize,
    /// Bytes that they take.
    pub bytes: usize,
    /// Records that it has yet to publish.
    pub queue: usize,
    /// For how long it needs revocations, in seconds: [`Lifetime::tail`](haversack::Lifetime::tail) of
    /// the longest sessions that it serves. `None` before it serves any.
    pub revocations_kept_s: Option<u64>,
    /// Whether it can only read what is revoked: what it revokes itself holds on it alone. Such a
    /// server cannot report to others either, so this is seen in its own [`Status`](crate::Status).
    pub read_only: bool,
    /// By how much the engine's clock is ahead of its own, in milliseconds.
    pub clock_difference_ms: Option<i64>,
    /// Errors since it started.
    pub errors: u64,
    /// What it last complained about, while that lasts.
    pub trouble: Option<String>,
    /// Whether it is ready; otherwise `not_ready` says why.
    pub ready: bool,
    /// Why it is not ready.
    pub not_ready: Option<String>,
    /// How often each key of its ring opened something since it started, and when last: whether a key
    /// can be dropped.
    pub keys: BTreeMap<String, KeyUse>,
}

/// How much a key is used on one server.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct KeyUse {
    /// Parcels that it opened since the server started.
    pub opens: u64,
    /// When last, in seconds since the Unix epoch; zero for never.
    pub last_s: u64,
}

/// The reports that are some, by name.
pub(crate) fn parse(reports: Vec<(String, String)>) -> Vec<Report> {
    let mut parsed: Vec<Report> = reports
        .into_iter()
        .filter_map(|(server, text)| match serde_json::from_str(&text) {
            // It is kept under that name, whatever is in it.
            Ok(report) => Some(Report { server, ..report }),
            Err(error) => {
                tracing::debug!(server, "report cannot be read: {error}");
                None
            }
        })
        .collect();
    parsed.sort_unstable_by(|a, b| a.server.cmp(&b.server));
    parsed
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reports_of_other_versions_are_read_as_far_as_they_go() {
        let reports = vec![
            ("b".to_owned(), r#"{"ring_revision": 7, "news": [1], "keys": {"x": {}}}"#.to_owned()),
            ("c".to_owned(), "7".to_owned()),
            ("a".to_owned(), "{}".to_owned()),
        ];
        let parsed = parse(reports);
        let names: Vec<_> =
            parsed.iter().map(|it| (it.server.as_str(), it.ring_revision)).collect();
        assert_eq!(names, [("a", 0), ("b", 7)]);
        assert_eq!(parsed[1].keys["x"], KeyUse::default());
    }
}
