//! `haversack keys check`: what is wrong with a key ring, or will be.

use std::fs;
use std::path::Path;
use std::process::ExitCode;

use haversack::{KeyRing, KeyState, Timestamp};
use haversack_fleet::file::{self, FileErrorKind};
use serde::Serialize;

use super::list;
use crate::output::say;
use crate::time;

/// What was found. Problems keep sessions from being written, or from being safe; warnings will.
#[derive(Default, Serialize)]
pub(crate) struct Report {
    #[serde(skip_serializing_if = "Option::is_none")]
    file: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    fleet: Option<String>,
    ok: bool,
    app: Option<String>,
    revision: Option<u64>,
    problems: Vec<String>,
    warnings: Vec<String>,
    #[serde(skip)]
    summary: Option<String>,
    /// What else is well.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    facts: Vec<String>,
}

/// Looks at the file and at the ring in it.
pub(super) fn check(file: &Path, now: Timestamp) -> Report {
    let mut report = Report {
        file: Some(file.display().to_string()),
        problems: directory_problem(file).into_iter().collect(),
        ..Report::default()
    };
    match file::read(file) {
        Ok(ring) => report.judge(&ring, now),
        Err(error) => {
            report.problems.push(error.to_string());
            // Others may have read the ring, but there may be more to say about it.
            let open = matches!(
                error.kind(),
                FileErrorKind::OthersMayAccess { .. } | FileErrorKind::GroupMayWrite { .. }
            );
            let text = fs::read_to_string(file).ok().filter(|_| open);
            match text.map(|text| KeyRing::parse(&text)) {
                Some(Ok(ring)) => report.judge(&ring, now),
                Some(Err(error)) => report.problems.push(format!("`{}`: {error}", file.display())),
                None => {}
            }
        }
    }
    report
}

impl Report {
    /// About a fleet, or about a front alone.
    pub(crate) fn of_fleet(fleet: Option<String>) -> Self {
        Self { fleet, ..Self::default() }
    }

    pub(crate) fn problem(&mut self, text: impl Into<String>) {
        self.problems.push(text.into());
    }

    pub(crate) fn warning(&mut self, text: impl Into<String>) {
        self.warnings.push(text.into());
    }

    pub(crate) fn fact(&mut self, text: impl Into<String>) {
        self.facts.push(text.into());
    }

    /// Says it, and whether all is well.
    pub(crate) fn tell(mut self, json: bool) -> ExitCode {
        self.ok = self.problems.is_empty();
        say(&self.show(json));
        if self.ok { ExitCode::SUCCESS } else { ExitCode::FAILURE }
    }

    fn show(&self, json: bool) -> String {
        if json {
            return super::json(self);
        }
        let problems = self.problems.iter().map(|text| format!("problem: {text}"));
        let warnings = self.warnings.iter().map(|text| format!("warning: {text}"));
        let place = self.file.as_ref().or(self.fleet.as_ref());
        let summary = place.zip(self.summary.as_ref()).filter(|_| self.ok);
        let summary = summary.map(|(place, text)| format!("{place}: {text}"));
        let facts = self.facts.iter().cloned();
        problems.chain(warnings).chain(summary).chain(facts).collect::<Vec<_>>().join("\n")
    }

    pub(crate) fn judge(&mut self, ring: &KeyRing, now: Timestamp) {
        self.app = Some(ring.app().to_owned());
        self.revision = Some(ring.revision());
        let which = self.file.as_deref().unwrap_or("--fleet URL");
        let rotate = format!("run `haversack keys rotate {which}`");
        let keys = ring.keys(now).count();
        if keys > MANY {
            self.warnings.push(format!(
                "the ring holds {keys} keys, and 64 fit: rotate less often, or revoke those that \
                 `haversack keys status` shows as no longer used"
            ));
        }
        let upcoming = ring.keys(now).find(|key| key.state == KeyState::Upcoming);

        for key in ring.keys(now).filter(|key| key.created > now.plus_millis(SKEW_MS)) {
            self.problems.push(format!(
                "key {} was made at {}: the clock of this machine is behind, or that of the machine \
                 that made it was ahead",
                key.id,
                time::both(key.created, now)
            ));
        }
        match (ring.sealing(now), &upcoming) {
            (None, None) => {
                self.problems.push(format!("no key seals, so no session can be written: {rotate}"));
            }
            (None, Some(next)) => self.problems.push(format!(
                "no key seals, so no session can be written, until {}",
                time::both(next.seals_from, now)
            )),
            (Some(key), next) => {
                self.summary = Some(format!(
                    "app {}, revision {}, key {} {}",
                    ring.app(),
                    ring.revision(),
                    key.id,
                    list::does(&key, ring, now)
                ));
                let end = key.seals_until.filter(|end| ring.sealing(*end).is_none());
                if let Some(end) = end {
                    self.problems.push(format!(
                        "no key seals from {} on: {rotate} before",
                        time::both(end, now)
                    ));
                }
                let age = now.millis_since(key.created);
                if age > OLD_MS && next.is_none() {
                    self.warnings.push(format!(
                        "key {} is {} old: {rotate}",
                        key.id,
                        time::span(age)
                    ));
                }
            }
        }
        if let Some(next) = upcoming {
            let lead = next.seals_from.millis_since(next.created);
            if lead < KeyRing::LEAD_MS {
                self.warnings.push(format!(
                    "key {} was made {} before it seals, at {}: servers that do not have it by then \
                     cannot read what others write",
                    next.id,
                    time::span(lead),
                    time::both(next.seals_from, now)
                ));
            }
        }
    }
}

/// Who may write the directory may put another ring in the file's place, whatever its own mode.
#[cfg(unix)]
fn directory_problem(file: &Path) -> Option<String> {
    use std::os::unix::fs::PermissionsExt as _;

    let directory = fs::canonicalize(file).ok()?.parent()?.to_owned();
    let mode = fs::metadata(&directory).ok()?.permissions().mode() & 0o7777;
    // In a sticky directory, such as /tmp, only owners may rename.
    (mode & 0o002 != 0 && mode & 0o1000 == 0).then(|| {
        let directory = directory.display();
        format!(
            "everyone on this machine may write its directory (mode {mode:04o}), and so replace the \
             key ring: run `chmod o-w {directory}`"
        )
    })
}

#[cfg(not(unix))]
fn directory_problem(_: &Path) -> Option<String> {
    None
}

/// Clocks that are synchronised differ by less.
const SKEW_MS: u64 = 60 * 1000;

/// A key that leaks unnoticed should not stay useful for longer.
const OLD_MS: u64 = 30 * 24 * 3600 * 1000;

/// Keys that leave room for a few revocations, each of which may need a new one.
const MANY: usize = 56;

#[cfg(test)]
mod tests {
    use super::super::Os;
    use super::*;

    const T0: Timestamp = Timestamp::from_secs(1_800_000_000);
    const MINUTE: u64 = 60_000;
    const DAY: u64 = 24 * 60 * MINUTE;

    fn judged(ring: &KeyRing, now: Timestamp) -> Report {
        let mut report = check(Path::new("none"), now);
        report.problems.clear();
        report.judge(ring, now);
        report
    }

    fn edited(ring: &KeyRing, from: &str, to: &str) -> KeyRing {
        KeyRing::parse(&ring.to_json().replace(from, to)).unwrap()
    }

    #[test]
    fn a_sound_ring() {
        let ring = KeyRing::generate("shop", T0, Os).unwrap();
        let report = judged(&ring, T0.plus_millis(30 * DAY));
        assert_eq!((report.problems.len(), report.warnings.len()), (0, 0));
        assert!(
            report.summary.as_ref().unwrap().ends_with("seals since 30 d"),
            "{:?}",
            report.summary
        );
    }

    #[test]
    fn an_old_key_and_one_that_comes_soon() {
        let ring = KeyRing::generate("shop", T0, Os).unwrap();
        let late = T0.plus_millis(31 * DAY);
        let report = judged(&ring, late);
        assert!(report.warnings[0].contains("is 31 d old: run `haversack keys rotate none`"));
        let ring = ring.rotate(late, Os, 2 * MINUTE, DAY).unwrap();
        let report = judged(&ring, late);
        assert_eq!(report.warnings.len(), 1);
        assert!(report.warnings[0].contains("was made 2 min before it seals, at "));
    }

    #[test]
    fn a_ring_that_does_not_seal_or_will_not() {
        let ring = KeyRing::generate("shop", T0, Os).unwrap();
        let revoked = edited(&ring, "\"revoked\": null", "\"revoked\": 1800000000");
        let report = judged(&revoked, T0);
        assert!(report.problems[0].starts_with("no key seals, so no session can be written: run"));
        let ended = edited(
            &ring,
            "\"seals_until\": null,\n      \"opens_until\": null",
            "\"seals_until\": 1800000600,\n      \"opens_until\": 1800001200",
        );
        let report = judged(&ended, T0);
        assert_eq!(
            report.problems,
            ["no key seals from 2027-01-15T08:10:00Z (in 10 min) on: \
              run `haversack keys rotate none` before"]
        );
        let upcoming = edited(&ring, "\"seals_from\": 1800000000", "\"seals_from\": 1800000600");
        let report = judged(&upcoming, T0);
        assert!(report.problems[0].ends_with("until 2027-01-15T08:10:00Z (in 10 min)"));
    }

    #[test]
    fn a_clock_that_is_wrong() {
        let ring = KeyRing::generate("shop", T0.plus_millis(180 * MINUTE), Os).unwrap();
        let report = judged(&ring, T0);
        assert!(report.problems[0].contains("the clock of this machine is behind"));
        assert!(
            judged(&ring, T0.plus_millis(179 * MINUTE)).problems.len() == 1,
            "only not sealing"
        );
    }
}
