//! What does not end well: a store that is killed, and callers that lose interest.

use std::sync::Arc;
use std::time::Duration;

use haversack_fleet::engine::{Engine, Put};
use tokio::time::timeout;

use super::Host;
use super::probe::{
    HOUR, Probe, answer, document, either, eventually, missing, put, records, revision, unique,
};
use super::ring::ring;

/// After the store was killed and has come back, a durable one has everything that was acknowledged.
/// One that forgets may have less, and then says [`Reset`] to whoever goes on from a cursor.
/// Either way servers that were there before find back, and what is written then arrives.
///
/// [`Reset`]: haversack_fleet::engine::Event::Reset
///
/// # Panics
///
/// When something is missing and nobody was told.
pub async fn keeps_or_says_reset(host: &dyn Host) {
    let old = host.engine().await;
    assert!(
        !host.durable() || !old.forgets(),
        "a host whose store is durable has engines that do not forget"
    );
    let mut stayed = Probe::join(host).await;
    let mut written = Vec::new();
    for round in 0..3 {
        let held = put(&*old, &format!("before the crash {}", unique())).await;
        let some = records("before", 40, HOUR);
        for few in some.chunks(10) {
            answer("appending", old.append(few)).await;
        }
        written.extend(some);
        stayed.has("all before the crash", &written).await;
        let cursor = stayed.cursors().pop();
        let resets = stayed.resets();

        host.crash().await;

        let new = host.engine().await;
        let read = eventually("the ring can be read", async || new.ring().await.map(Some)).await;
        if host.durable() {
            assert!(read == Some(held), "round {round}: the ring is another one");
        }
        let fresh = put_again(&*new, "the ring can be put").await;
        let after = records("after", 10, HOUR);
        for engine in [&old, &new] {
            eventually("appending works again", async || engine.append(&after).await.map(Some))
                .await;
        }
        let mut joined = Probe::join(host).await;
        let mut resumed = Probe::start(host.engine().await, cursor);
        for probe in [&mut joined, &mut resumed, &mut stayed] {
            probe.has("what was written after the crash", &after).await;
            probe.until("the ring from after the crash", |seen| ring(seen, &fresh)).await;
            probe.is_confirmed().await;
        }
        let lost = missing(&joined.seen(), &written);
        if host.durable() {
            assert_eq!(lost, 0, "round {round}: records that were acknowledged are gone");
        } else if lost > 0 {
            assert!(
                stayed.resets() > resets,
                "{lost} records are gone, and who stayed was not told"
            );
            assert!(resumed.resets() > 0, "{lost} records are gone, and who resumed was not told");
            // As a fleet does, when it is told.
            let again = &written;
            eventually("appending again", async || new.append(again).await.map(Some)).await;
            joined.has("what was put back", &written).await;
        }
        written.extend(after);
        joined.leave();
        resumed.leave();
    }
    stayed.leave();
}

async fn put_again(engine: &dyn Engine, what: &str) -> String {
    let text = format!("after the crash {}", unique());
    eventually(what, async || {
        let held = engine.ring().await?.map_or(0, |ring| ring.revision);
        let put = engine.put_ring(held, &document(held + 1, &text)).await?;
        Ok((put == Put::Stored).then_some(()))
    })
    .await;
    text
}

/// A future that is dropped, at any moment, is harmless: what it was to write is there whole or not at
/// all, nothing stays locked, and the engine goes on.
///
/// # Panics
///
/// When it does not.
pub async fn survives_cancellation(host: &dyn Host) {
    let engine = host.engine().await;
    let steady = records("steady", 5, HOUR);
    answer("appending", engine.append(&steady)).await;
    let mut probe = Probe::join(host).await;
    let mut puts = vec![put(&*engine, "steady").await];
    for round in 0..40_u32 {
        // From not polled twice up to done.
        let some = Duration::from_micros(u64::from(round * round) * 10);
        let held = revision(&*engine).await;
        let text = format!("dropped {} {}", unique(), "y".repeat(4000));
        let next = document(held + 1, &text);
        let abandoned = records("dropped", 20, HOUR);
        let mark = unique();
        let mut take = |_| {};
        let _ = timeout(some, engine.put_ring(held, &next)).await;
        let _ = timeout(some, engine.append(&abandoned)).await;
        let _ = timeout(some, engine.follow(None, &mut take)).await;
        let _ = timeout(some, engine.once(&mark, HOUR)).await;
        let _ = timeout(some, engine.report("dropped", &text, HOUR)).await;
        let _ = timeout(some, engine.reports()).await;
        let _ = timeout(some, engine.ring()).await;

        // What was dropped may still happen, now or later.
        puts.push(next);
        let read = answer("reading the ring", engine.ring()).await;
        assert!(read.is_some_and(|read| puts.contains(&read)), "a ring that nobody put");
    }
    let other: Arc<dyn Engine> = host.engine().await;
    for engine in [&engine, &other] {
        let text = eventually("the ring can be put", async || {
            let held = revision(&**engine).await;
            let text = format!("whole {}", unique());
            let put = engine.put_ring(held, &document(held + 1, &text)).await?;
            Ok((put == Put::Stored).then_some(text))
        })
        .await;
        let after = records("whole", 5, HOUR);
        answer("appending", engine.append(&after)).await;
        probe.has("what was written then", &after).await;
        probe.until("the ring that was put then", |seen| ring(seen, &text)).await;
        assert!(answer("taking a mark", engine.once(&unique(), HOUR)).await);
        let _ = either("reading reports", engine.reports()).await;
    }
    probe.leave();
}
