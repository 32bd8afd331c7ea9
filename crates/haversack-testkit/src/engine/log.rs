//! The log: nothing that was acknowledged is lost to anybody, whenever and wherever they begin.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use haversack_fleet::engine::Record;
use tokio::task::JoinSet;
use tokio::time::sleep;

use super::Host;
use super::probe::{HOUR, Probe, answer, delivered, now, records, unique};

/// Followers that join while others write lose nothing between what they load and what they follow.
///
/// # Panics
///
/// When one lacks a record that was acknowledged.
pub async fn leaves_no_gap_between_load_and_follow(host: &dyn Host) {
    let mut writers = JoinSet::new();
    let mut all = Vec::new();
    for _ in 0..2 {
        let engine = host.engine().await;
        let written = records("gap", 150, HOUR);
        all.extend(written.clone());
        writers.spawn(async move {
            for record in written {
                answer("appending", engine.append(&[record])).await;
            }
        });
    }
    let mut probes = Vec::new();
    for _ in 0..8 {
        probes.push(Probe::join(host).await);
        sleep(Duration::from_millis(7)).await;
    }
    writers.join_all().await;
    for probe in &mut probes {
        probe.has("a follower that joined under way has all", &all).await;
    }
    probes.into_iter().for_each(Probe::leave);
}

/// Who joins late is told everything that was ever appended and has not expired.
///
/// # Panics
///
/// When a record is missing.
pub async fn delivers_everything_to_late_joiners(host: &dyn Host) {
    let all = records("late", 100, HOUR);
    for some in all.chunks(7) {
        answer("appending", host.engine().await.append(some)).await;
    }
    answer("appending nothing", host.engine().await.append(&[])).await;
    let mut probe = Probe::join(host).await;
    probe.has("a late joiner has all", &all).await;
    probe.leave();
}

/// Who goes on from a cursor misses nothing that came after it, and is not told that the log is
/// another one. Every cursor that was ever told can be gone on from, as long as the log is the same.
///
/// # Panics
///
/// When something is missing.
pub async fn resumes_at_a_cursor(host: &dyn Host) {
    let engine = host.engine().await;
    let mut probe = Probe::join(host).await;
    let mut rounds: Vec<(_, Vec<Record>)> = Vec::new();
    for _ in 0..5 {
        let some = records("cursor", 10, HOUR);
        answer("appending", engine.append(&some)).await;
        for (_, after) in &mut rounds {
            after.extend(some.clone());
        }
        probe.has("a follower has all", &some).await;
        let cursor = probe.cursors().pop();
        assert!(cursor.is_some(), "records come with a cursor");
        rounds.push((cursor, Vec::new()));
    }
    assert_eq!(probe.resets(), 0, "nothing happened to the log");
    probe.leave();

    let away = records("away", 50, HOUR);
    answer("appending", engine.append(&away)).await;
    for (cursor, mut after) in rounds {
        after.extend(away.clone());
        let mut probe = Probe::start(host.engine().await, cursor);
        probe.has("who resumes has all that came after", &after).await;
        probe.is_confirmed().await;
        assert_eq!(probe.resets(), 0, "the cursor is of this log");
        let more = records("more", 1, HOUR);
        answer("appending", engine.append(&more)).await;
        probe.has("who resumed is told of what is new", &more).await;
        probe.leave();
    }
}

/// The same record twice, in one call, in two, or from two servers, is as good as once.
///
/// # Panics
///
/// When it is refused or gets lost.
pub async fn takes_duplicates(host: &dyn Host) {
    let (one, other) = (host.engine().await, host.engine().await);
    let some = records("twice", 5, HOUR);
    let twice = [some.clone(), some.clone()].concat();
    answer("appending twice in one call", one.append(&twice)).await;
    answer("appending again", one.append(&some)).await;
    let (a, b) = tokio::join!(one.append(&some), other.append(&some));
    a.and(b).unwrap_or_else(|error| panic!("appending at once: {error}"));
    let after = records("after", 1, HOUR);
    answer("appending", other.append(&after)).await;
    let mut probe = Probe::join(host).await;
    probe.has("all are there", &[some, after].concat()).await;
    probe.leave();
}

/// Records whose time is over may go. Others never do, whatever goes around them, and neither does
/// one that is also stored with a shorter time.
///
/// # Panics
///
/// When a record went before its time.
pub async fn forgets_nothing_before_its_time(host: &dyn Host) {
    let engine = host.engine().await;
    let second = Duration::from_secs(1);
    let mut keep = records("first", 20, HOUR);
    answer("appending", engine.append(&keep)).await;
    let mut until = now();
    // Far more goes than stays, in pieces, so that an engine that tidies up has reason to.
    for _ in 0..10 {
        let mut mixed = Vec::new();
        for (short, long) in
            records("short", 200, second).into_iter().zip(records("long", 200, HOUR))
        {
            until = until.max(short.until);
            let text = format!("{} {}", short.text, "x".repeat(120));
            mixed.push(Record { text, ..short });
            if mixed.len() % 50 == 0 {
                mixed.push(Record { until: now(), ..long.clone() });
                mixed.push(long.clone());
                keep.push(long);
            }
        }
        answer("appending", engine.append(&mixed)).await;
    }
    let far = records("far", 3, HOUR * 24 * 400);
    answer("appending far ahead", engine.append(&far)).await;
    keep.extend(far);
    answer("appending what has expired", engine.append(&records("over", 3, Duration::ZERO))).await;

    let mut early = Probe::join(host).await;
    early.has("all are there at first", &keep).await;
    let cursor = early.cursors().pop();
    while now() <= until.plus_millis(millis(host.settles())) {
        sleep(Duration::from_millis(50)).await;
    }
    let mut after = Vec::new();
    for _ in 0..4 {
        let more = records("tidy", 5, HOUR);
        answer("appending when others have expired", engine.append(&more)).await;
        after.extend(more);
    }
    early.has("who was there is told of what is new", &after).await;
    let mut resumed = Probe::start(host.engine().await, cursor);
    resumed.has("who resumes is told of what is new", &after).await;
    keep.extend(after);
    let mut late = Probe::join(host).await;
    late.has("nothing went before its time", &keep).await;
    for probe in [early, resumed, late] {
        probe.leave();
    }
}

/// 5,000 records from several servers, in one call, in large and in small pieces, all arrive, at who
/// follows and at who joins late; and nothing arrives that nobody wrote.
///
/// # Panics
///
/// When they do not.
pub async fn delivers_large_logs(host: &dyn Host) {
    let mut probe = Probe::join(host).await;
    let mut writers = JoinSet::new();
    let mut all = Vec::new();
    for (number, size) in [(2000, 2000), (2000, 250), (1000, 20)] {
        let engine: Arc<_> = host.engine().await;
        let written = records(&format!("large {}", unique()), number, HOUR);
        all.extend(written.clone());
        writers.spawn(async move {
            for some in written.chunks(size) {
                answer("appending", engine.append(some)).await;
            }
        });
    }
    writers.join_all().await;
    probe.has("a follower has all", &all).await;
    let mut late = Probe::join(host).await;
    late.has("a late joiner has all", &all).await;
    let written: HashSet<_> = all.iter().map(|record| record.text.as_str()).collect();
    for text in delivered(&late.seen()).filter(|text| text.starts_with("test large ")) {
        assert!(written.contains(text), "nobody wrote {text:?}");
    }
    probe.leave();
    late.leave();
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
