//! The register: one ring document, changed by compare-and-swap.

use std::sync::Arc;

use haversack_fleet::engine::{Event, Put};
use tokio::sync::Barrier;
use tokio::task::JoinSet;

use super::Host;
use super::probe::{Probe, Seen, answer, document, put, revision, unique};

/// A store that nobody has written to has no ring and says so: to who reads and to who follows. Only
/// revision 0 can be replaced, and an engine tells who it is without being asked twice.
///
/// # Panics
///
/// When the engine does something else, or the store is not empty.
pub async fn begins_without_a_ring(host: &dyn Host) {
    let engine = host.engine().await;
    assert!(!engine.name().is_empty(), "an engine must have a name, for logs and errors");
    assert_eq!(answer("reading no ring", engine.ring()).await, None);
    let mut probe = Probe::join(host).await;
    let no_ring = |it: &Seen| matches!(it, Seen::Told(Event::NoRing, _));
    probe.until("followers are told that there is no ring", |seen| seen.iter().any(no_ring)).await;
    probe.is_confirmed().await;

    let early = answer("putting over nothing", engine.put_ring(3, &document(4, "{}"))).await;
    assert_eq!(early, Put::Lost(0), "there is no revision 3");
    assert_eq!(answer("reading no ring", engine.ring()).await, None);

    let first = put(&*engine, "{\"the\": \"first\"}").await;
    probe.until("the first ring is delivered", |seen| ring(seen, &first.text)).await;
    answer("asking for advice", engine.advice()).await;
    probe.leave();
}

/// What was put is what every server reads, byte for byte, under the revision that it was put with:
/// empty lines, spaces at the ends, any Unicode. Revisions may leave numbers out.
///
/// # Panics
///
/// When it is not.
pub async fn reads_back_what_was_put(host: &dyn Host) {
    let (writer, reader) = (host.engine().await, host.engine().await);
    let texts = [
        "{\n  \"spaces\": \" at the ends \"\n}\n\n",
        " \n{}\r\n\t",
        "quotes \" ' ` backslash \\ dollar $0 ${x} percent %s braces {} {{}}",
        "ümläut, 漢字, \u{1F511}, \u{FEFF}, \u{2028}",
        "not JSON at all",
        "1",
    ];
    for text in texts {
        let stored = put(&*writer, text).await;
        for engine in [&writer, &reader] {
            let read = answer("reading the ring", engine.ring()).await;
            assert!(read.as_ref() == Some(&stored), "another ring was read than was put: {text:?}");
        }
    }
    let held = revision(&*reader).await;
    let far = document(held + 1000, "far ahead");
    assert_eq!(answer("putting a ring", writer.put_ring(held, &far)).await, Put::Stored);
    assert!(answer("reading the ring", reader.ring()).await.as_ref() == Some(&far));
    let stale = document(held + 1, "stale");
    let put = answer("putting a stale ring", reader.put_ring(held, &stale)).await;
    assert_eq!(put, Put::Lost(held + 1000));
    assert!(answer("reading the ring", writer.ring()).await.as_ref() == Some(&far));
}

/// Of several servers that replace the same revision at once exactly one wins, in every round; the
/// others are told the revision that is stored, and the ring is the winner's.
///
/// # Panics
///
/// When a round has another number of winners.
pub async fn elects_one_winner(host: &dyn Host) {
    const CONTENDERS: usize = 8;
    const ROUNDS: usize = 20;
    let mut engines = Vec::new();
    for _ in 0..CONTENDERS {
        engines.push(host.engine().await);
    }
    for round in 0..ROUNDS {
        let held = revision(&*engines[round % CONTENDERS]).await;
        let start = Arc::new(Barrier::new(CONTENDERS));
        let mut contenders = JoinSet::new();
        for (number, engine) in engines.iter().enumerate() {
            let (engine, start) = (Arc::clone(engine), Arc::clone(&start));
            contenders.spawn(async move {
                let mine = document(held + 1, &format!("round {round}, contender {number}"));
                start.wait().await;
                (answer("putting a ring", engine.put_ring(held, &mine)).await, mine)
            });
        }
        let outcomes = contenders.join_all().await;
        let won = outcomes.iter().filter(|(put, _)| *put == Put::Stored);
        let winners: Vec<_> = won.map(|(_, document)| document.clone()).collect();
        assert_eq!(winners.len(), 1, "winners of round {round}: {outcomes:?}");
        for (put, _) in &outcomes {
            let told = matches!(put, Put::Stored) || *put == Put::Lost(held + 1);
            assert!(told, "revision {} is stored, and one was told: {put:?}", held + 1);
        }
        for engine in &engines {
            let read = answer("reading the ring", engine.ring()).await;
            assert!(
                read.as_ref() == winners.first(),
                "round {round}: the ring is not the winner's"
            );
        }
    }
}

/// Every follower is told of a ring change, the newest last; who joins is told the ring first.
///
/// # Panics
///
/// When one is not.
pub async fn delivers_ring_changes(host: &dyn Host) {
    let writer = host.engine().await;
    let before = put(&*writer, &format!("before {}", unique())).await;
    let mut probes = Vec::new();
    for _ in 0..3 {
        probes.push(Probe::join(host).await);
    }
    for probe in &mut probes {
        probe.until("the ring comes to who joins", |seen| ring(seen, &before.text)).await;
    }
    let changed = put(&*writer, &format!("changed {}", unique())).await;
    for probe in &mut probes {
        probe.until("a change is delivered", |seen| ring(seen, &changed.text)).await;
    }
    // Several at once: those in between may be left out, the last may not.
    let mut last = changed;
    for number in 0..10 {
        last = put(&*writer, &format!("change {number} {}", unique())).await;
    }
    for probe in &mut probes {
        let is_last = |seen: &[Seen]| {
            let mut rings = seen.iter().filter_map(|it| match it {
                Seen::Told(Event::Ring(ring), _) => Some(ring),
                _ => None,
            });
            rings.next_back() == Some(&last)
        };
        probe.until("the newest ring is delivered last", is_last).await;
    }
    probes.into_iter().for_each(Probe::leave);
}

/// A ring document of 60 KB is stored and delivered whole, and so is a small one after it.
///
/// # Panics
///
/// When it is not.
pub async fn stores_large_rings(host: &dyn Host) {
    let engine = host.engine().await;
    let mut probe = Probe::join(host).await;
    let line = "  \"a line of a large document, with an ü\": 0123456789,\n";
    let large = put(&*engine, &line.repeat(60 * 1024 / line.len())).await;
    assert!(
        answer("reading a large ring", host.engine().await.ring()).await == Some(large.clone())
    );
    probe.until("a large ring is delivered", |seen| ring(seen, &large.text)).await;
    let small = put(&*engine, "small again").await;
    assert!(
        answer("reading a small ring", host.engine().await.ring()).await == Some(small.clone())
    );
    probe.until("a small ring is delivered", |seen| ring(seen, &small.text)).await;
    probe.leave();
}

/// Whether a ring with this text was delivered.
pub(super) fn ring(seen: &[Seen], text: &str) -> bool {
    seen.iter().any(|it| matches!(it, Seen::Told(Event::Ring(ring), _) if *ring.text == text))
}
