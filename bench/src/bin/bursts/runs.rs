//! The traffic: writes all at once, and writes that go on and on.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::thread;
use std::time::{Duration, Instant};

use crate::client::{Client, Request};
use crate::fleet::Fleet;
use crate::mint;
use crate::quiet::quiet;
use crate::report::Row;
use crate::texts::{ENTRIES, text};

/// What is in the jar before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Start {
    /// Nothing: each of the first answers begins a session.
    Empty,
    /// Two short notes.
    Small,
    /// As much as fits; what is written replaces it.
    TwoKilobytes,
}

/// Notes of a small session, beside those that are written.
const BEFORE: [usize; 2] = [200, 201];

fn client(fleet: &Fleet, start: Start, entries: usize) -> Client {
    let client = Client::new(fleet.address);
    let ids = match start {
        Start::Empty => return client,
        Start::Small => BEFORE.to_vec(),
        Start::TwoKilobytes => (0..entries).collect(),
    };
    let notes = ids.into_iter().map(|id| (id as u64, text(id, entries, 0))).collect();
    client.give(&mint::session(&fleet.ring, notes));
    client
}

/// `writes` requests that all leave with the same jar.
pub(crate) fn burst(fleet: &Fleet, start: Start, writes: usize, patience: Duration) -> Row {
    let entries = writes.max(ENTRIES);
    let client = client(fleet, start, entries);
    let (chars_before, _) = client.size();
    let requests: Vec<(usize, String, Request)> = (0..writes)
        .map(|id| (id, text(id, entries, 1)))
        .map(|(id, text)| (id, text.clone(), client.write(id, &text)))
        .collect();
    let acknowledged = Mutex::new(BTreeMap::new());
    thread::scope(|scope| {
        for (id, text, request) in &requests {
            let (client, acknowledged) = (&client, &acknowledged);
            scope.spawn(move || {
                let answer = client.send(request);
                client.take(&answer);
                if answer.acknowledges() {
                    acknowledged.lock().expect("no panic").insert(*id, text.clone());
                }
            });
        }
    });
    let acknowledged = acknowledged.into_inner().expect("no panic");
    let quiet = quiet(&client, &acknowledged, entries, patience);
    Row::new(
        &format!("{start:?}"),
        writes,
        chars_before,
        acknowledged.len(),
        &client.seen(),
        &quiet,
    )
}

/// `k` requests in flight, each followed by the next one, for as long as `time`: two writes, then a
/// read. Most take 0.1 to 0.4 seconds, one in ten 3 seconds, half of it on the way there and half on
/// the way back. What is refused is sent again after the second that the answer asks for. `seed`
/// deals the times.
pub(crate) fn rolling(
    fleet: &Fleet,
    k: usize,
    seed: usize,
    [time, patience]: [Duration; 2],
) -> Row {
    let client = client(fleet, Start::Small, ENTRIES);
    let (chars_before, _) = client.size();
    let begun = Instant::now();
    let done: Vec<(BTreeMap<usize, String>, usize)> = thread::scope(|scope| {
        let client = &client;
        let workers: Vec<_> = (0..k)
            .map(|worker| {
                scope.spawn(move || work(client, (worker, seed), k, || begun.elapsed() < time))
            })
            .collect();
        workers.into_iter().map(|worker| worker.join().expect("no panic")).collect()
    });
    let count = done.iter().map(|(_, count)| count).sum();
    let acknowledged = done.into_iter().flat_map(|(last, _)| last).collect();
    let quiet = quiet(&client, &acknowledged, ENTRIES, patience);
    Row::new("Rolling", k, chars_before, count, &client.seen(), &quiet)
}

/// One of the requests in flight. No other one writes the same entries, so what was acknowledged
/// last must be there at the end. Returns that, and how many writes were acknowledged.
fn work(
    client: &Client,
    (worker, seed): (usize, usize),
    k: usize,
    goes_on: impl Fn() -> bool,
) -> (BTreeMap<usize, String>, usize) {
    let mine: Vec<usize> = (worker..ENTRIES).step_by(k).collect();
    let (mut last, mut count, mut turn) = (BTreeMap::new(), 0, 0);
    while goes_on() {
        turn += 1;
        let half = Duration::from_millis(latency_ms(worker + k * seed, turn) / 2);
        if turn % 3 == 0 {
            let request = client.read();
            thread::sleep(half);
            let answer = client.send(&request);
            thread::sleep(half);
            client.take(&answer);
            continue;
        }
        let id = mine[turn % mine.len()];
        let text = text(id, ENTRIES, turn);
        while goes_on() {
            let request = client.write(id, &text);
            thread::sleep(half);
            let answer = client.send(&request);
            thread::sleep(half);
            client.take(&answer);
            if answer.acknowledges() {
                last.insert(id, text);
                count += 1;
                break;
            }
            thread::sleep(Duration::from_secs(1));
        }
    }
    (last, count)
}

/// The same in each run.
fn latency_ms(worker: usize, turn: usize) -> u64 {
    let mixed = (worker * 7_919 + turn * 104_729) % 1_000;
    if mixed.is_multiple_of(10) { 3_000 } else { 100 + mixed as u64 % 300 }
}
