//! Confirmations: how a server knows how old its view may be.

use std::time::Duration;

use haversack::Timestamp;
use haversack_fleet::engine::Event;
use tokio::task::JoinSet;
use tokio::time::sleep;

use super::Host;
use super::probe::{HOUR, Probe, Seen, answer, missing, now, put, records};

/// While nothing happens a confirmation still comes every two seconds at the latest, and says a moment
/// from before the engine was asked, which goes forward.
///
/// # Panics
///
/// When that never happens several times in a row.
pub async fn confirms_in_time(host: &dyn Host) {
    let mut probe = Probe::join(host).await;
    let in_time = |seen: &[Seen]| {
        let times = confirmations(seen);
        let close = |pair: &[(usize, Timestamp, Timestamp)]| {
            let ((_, before, told_before), (_, at, told)) = (pair[0], pair[1]);
            told.millis_since(told_before) <= 2000 && at > before && told.millis_since(at) <= 2000
        };
        times.windows(4).any(|four| four.windows(2).all(close))
    };
    probe.until("four confirmations, two seconds apart at most", in_time).await;
    probe.leave();
}

/// What was acknowledged before the moment that a confirmation names has been delivered before it, to
/// everybody, whoever wrote it.
///
/// # Panics
///
/// When a confirmation came too early.
pub async fn confirms_no_more_than_it_delivered(host: &dyn Host) {
    let mut probes = Vec::new();
    for _ in 0..3 {
        probes.push(Probe::join(host).await);
    }
    let mut writers = JoinSet::new();
    for _ in 0..2 {
        let engine = host.engine().await;
        writers.spawn(async move {
            let mut acknowledged = Vec::new();
            for record in records("confirm", 100, HOUR) {
                answer("appending", engine.append(std::slice::from_ref(&record))).await;
                acknowledged.push((record.text, now()));
                sleep(Duration::from_millis(10)).await;
            }
            acknowledged
        });
    }
    let acknowledged = writers.join_all().await.concat();
    for probe in &mut probes {
        probe.is_confirmed().await;
        let seen = probe.seen();
        let confirmed = confirmations(&seen);
        for (text, when) in &acknowledged {
            let tells = |it: &Seen| matches!(it, Seen::Told(Event::Records(texts, _), _) if texts.contains(text));
            let place = seen.iter().position(tells);
            let first = confirmed.iter().find(|(_, at, _)| at > when);
            let (confirmed, at, _) = first.expect("one came after all were acknowledged");
            assert!(
                place.is_some_and(|place| place < *confirmed),
                "{text} was acknowledged by {when:?}; {at:?} was confirmed and it was not delivered"
            );
        }
    }
    probes.into_iter().for_each(Probe::leave);
}

/// What was in the log before a ring was stored has been delivered before the first confirmation after
/// that ring, to who was there and to who joins just then. So who puts a lost ring back after what is
/// over can rely on it that nobody takes the one without the other.
///
/// # Panics
///
/// When a confirmation came too early.
pub async fn confirms_a_ring_with_what_came_before_it(host: &dyn Host) {
    let writer = host.engine().await;
    let mut probes = vec![Probe::join(host).await];
    let mut rounds = Vec::new();
    for round in 0..24 {
        // Followers are met at whatever they are just doing.
        probes.push(Probe::join(host).await);
        sleep(Duration::from_millis(round * 7 % 20)).await;
        let before = records("before a ring", 3, HOUR);
        answer("appending", writer.append(&before)).await;
        rounds.push((put(&*writer, &format!("after {round}")).await, before));
    }
    for probe in &mut probes {
        probe.is_confirmed().await;
        let seen = probe.seen();
        let confirmed = confirmations(&seen);
        for (ring, before) in &rounds {
            let tells = |it: &Seen| matches!(it, Seen::Told(Event::Ring(told), _) if told == ring);
            let Some(place) = seen.iter().position(tells) else { continue };
            let first = confirmed.iter().map(|it| it.0).find(|it| *it > place);
            assert_eq!(
                missing(&seen[..first.expect("one came after all")], before),
                0,
                "revision {} was confirmed without what was written before it",
                ring.revision
            );
        }
    }
    probes.into_iter().for_each(Probe::leave);
}

/// Where among what was seen; which moment; when it was told.
fn confirmations(seen: &[Seen]) -> Vec<(usize, Timestamp, Timestamp)> {
    let confirmed = |(place, it): (usize, &Seen)| match it {
        Seen::Told(Event::Confirmed(at), told) => Some((place, *at, *told)),
        _ => None,
    };
    seen.iter().enumerate().filter_map(confirmed).collect()
}
