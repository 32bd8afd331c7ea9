//! The language-neutral cases in `spec/vectors/index`.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use haversack::{Listed, SessionIndex as _, SubjectId, Timestamp};
use serde::Deserialize;

use super::Index;

#[derive(Deserialize)]
struct Case {
    records: Vec<String>,
    now: u64,
    lists: Option<String>,
    expect: Expect,
}

#[derive(Debug, PartialEq, Deserialize)]
struct Expect {
    holds: Vec<String>,
    tells: Option<String>,
}

impl Case {
    /// What a server comes to that has read the records in this order.
    fn outcome<'a>(&self, records: impl Iterator<Item = &'a String>) -> Expect {
        let index = Index::default();
        let now = Timestamp::from_millis(self.now);
        let records: Vec<Listed> = records.filter_map(|line| line.parse().ok()).collect();
        for record in &records {
            index.take(record, now);
        }
        let own: Option<Listed> = self.lists.as_ref().map(|line| line.parse().unwrap());
        let subjects: BTreeSet<SubjectId> =
            records.iter().chain(&own).map(|it| it.subject).collect();
        let tells = own.map(|own| {
            index.list(own);
            index.batch(1)[0].listed.to_string()
        });
        let held = subjects.into_iter().flat_map(|subject| index.of(subject));
        let mut holds: Vec<String> = held.map(|listed| listed.to_string()).collect();
        holds.sort_unstable();
        Expect { holds, tells }
    }
}

#[test]
fn records_are_merged_as_the_vectors_say() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../spec/vectors/index");
    let mut cases = 0;
    for entry in fs::read_dir(&folder).unwrap() {
        let path = entry.unwrap().path();
        let case: Case = serde_json::from_str(&fs::read_to_string(&path).unwrap()).unwrap();
        assert_eq!(case.outcome(case.records.iter()), case.expect, "{path:?}");
        assert_eq!(case.outcome(case.records.iter().rev()), case.expect, "{path:?}, in reverse");
        cases += 1;
    }
    assert!(cases > 10, "{cases}");
}
