//! What a list of all sessions costs a server that keeps one: memory, and a look at one user's.

use std::sync::Arc;
use std::time::{Duration, Instant};

use haversack::{Feed as _, KeyRing, Listed, SubjectId, Timestamp};
use haversack_tower::fleet::engine::{Engine as _, Record};
use haversack_tower::fleet::wrap::Wraps;
use haversack_tower::fleet::{Builder, RingStore, file::FileEngine, run};

use crate::{Os, mix, per, random};

/// Sessions of each user.
const EACH: usize = 3;
/// What seals `Firefox on Linux`: 32 bytes.
const LABEL: &str = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8";

/// Joins a fleet in which so many sessions are listed.
pub(crate) fn measure(sessions: usize) {
    let folder = tempfile::tempdir().expect("a folder");
    let url = folder.path().join("keys").display().to_string();
    let now =
        Timestamp::from_secs(std::time::UNIX_EPOCH.elapsed().expect("a time after 1970").as_secs());
    let ring = KeyRing::generate("shop", now, Os).expect("a ring");
    let users: Vec<SubjectId> =
        (0..sessions / EACH).map(|_| SubjectId::from_bytes(random())).collect();
    let engine = Arc::new(FileEngine::open(&url).expect("a path"));
    run(async {
        RingStore::open(&url, Wraps::none()).await?.create(&ring).await?;
        for (at, users) in users.chunks(10_000).enumerate() {
            let records: Vec<Record> =
                users.iter().enumerate().flat_map(|(n, user)| lines(*user, at, n, now)).collect();
            engine.append(&records).await?;
        }
        Ok::<(), Box<dyn std::error::Error>>(())
    })
    .expect("a runtime")
    .expect("a log");

    let before = resident();
    let begun = Instant::now();
    let builder = Builder::default().session_index(true).rotation(None);
    let fleet = builder.patience(Duration::from_secs(120)).start_blocking(engine).expect("a fleet");
    let joined = begun.elapsed();
    let grown = resident().saturating_sub(before);
    let index = fleet.index().expect("an index");
    let begun = Instant::now();
    for user in users.iter().take(10_000) {
        assert_eq!(index.of(*user).len(), EACH);
    }
    let nanos = usize::try_from(begun.elapsed().as_nanos()).expect("a moment");
    let each = per(nanos, users.len().min(10_000)) / 1e3;
    println!("\n{} listed sessions with labels, of {} users", EACH * users.len(), users.len());
    println!("  joined, the log read, in          {:8.0} ms", joined.as_secs_f64() * 1e3);
    println!(
        "  memory of the server grew by      {:8.0} bytes per session",
        per(grown, EACH * users.len())
    );
    println!("  the sessions of one user          {each:8.2} µs");
}

fn lines(user: SubjectId, at: usize, n: usize, now: Timestamp) -> Vec<Record> {
    let until = now.plus_millis(24 * 3_600_000);
    let line = |session: usize| {
        let id = mix(((at * 10_000 + n) * EACH + session) as u64).to_be_bytes();
        let listed = Listed {
            subject: user,
            id: haversack::RevocationId::from_bytes(id),
            auth: now,
            seen: now,
            until,
            label: None,
        };
        Record { text: format!("{listed} {LABEL}"), until }
    };
    (0..EACH).map(line).collect()
}

/// Bytes of memory that this process occupies; zero where that cannot be asked.
fn resident() -> usize {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let pages = statm.split(' ').nth(1).and_then(|pages| pages.parse::<usize>().ok());
    pages.unwrap_or(0) * 4096
}
