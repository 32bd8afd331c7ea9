//! With a real Redis server, which is killed and comes back.

use haversack::Lifetime;
use haversack_fleet::wrap::Wraps;
use haversack_fleet::{RingStore, Rotation, run};
use haversack_testkit::daemon::Daemon;

use crate::*;

fn url(redis: &Daemon) -> String {
    format!("redis://{}?app=shop", redis.address())
}

fn init(redis: &Daemon, ring: &KeyRing) {
    let made = run(async { RingStore::open(&url(redis), Wraps::none()).await?.create(ring).await });
    made.unwrap().unwrap();
}

fn connect(redis: &Daemon) -> Fleet {
    Fleet::builder(&url(redis)).patience(PATIENCE).connect_blocking().unwrap()
}

#[test]
fn an_empty_server_has_no_ring() {
    let redis = Daemon::redis(true).unwrap();
    let error = Fleet::connect_blocking(&url(&redis)).unwrap_err().to_string();
    assert!(error.contains("haversack keys init --fleet URL"), "{error}");
}

#[test]
fn revocations_and_keys_outlive_the_engine() {
    let mut redis = Daemon::redis(true).unwrap();
    init(&redis, &ring());
    let (here, there) = (connect(&redis), connect(&redis));
    block_on(here.publish(vec![session(1)])).unwrap();
    eventually("the other one knows", || knows(&there, 1));

    redis.kill();
    assert!(block_on(here.publish(vec![session(2)])).is_err());
    assert!(knows(&here, 2) && !knows(&there, 2));
    redis.restart().unwrap();
    eventually("it is published", || knows(&there, 2));
    let newcomer = connect(&redis);
    assert!(knows(&newcomer, 1) && knows(&newcomer, 2));
    let since = now();
    eventually("all are fresh again", || {
        [&here, &there].iter().all(|fleet| fleet.view().confirmed > since)
    });
}

#[test]
fn a_server_that_lost_everything_is_given_it_back() {
    let mut redis = Daemon::redis(false).unwrap();
    let ring = ring();
    init(&redis, &ring);
    let fleets = [connect(&redis), connect(&redis)];
    for n in 0..100 {
        block_on(fleets[usize::try_from(n).unwrap() % 2].publish(vec![session(n)])).unwrap();
    }
    eventually("both know all", || fleets.iter().all(|fleet| (0..100).all(|n| knows(fleet, n))));
    redis.restart().unwrap();
    eventually("a newcomer knows all", || {
        let newcomer = Fleet::builder(&url(&redis)).connect_blocking();
        newcomer.is_ok_and(|it| {
            it.view().ring.to_json() == ring.to_json() && (0..100).all(|n| knows(&it, n))
        })
    });
}

#[test]
fn one_server_rotates() {
    let redis = Daemon::redis(true).unwrap();
    init(&redis, &KeyRing::generate("shop", before(25), Os).unwrap());
    let rotation = Rotation { check: Duration::from_millis(20), ..Rotation::default() };
    let fleets: Vec<Fleet> = (0..5)
        .map(|_| {
            let builder = Fleet::builder(&url(&redis)).patience(PATIENCE).rotation(Some(rotation));
            builder.connect_blocking().unwrap()
        })
        .collect();
    for fleet in &fleets {
        fleet.serves(&Lifetime::default());
    }
    eventually("all have it", || fleets.iter().all(|it| it.view().ring.revision() == 2));
    thread::sleep(Duration::from_millis(200));
    let revision = run(async {
        let store = RingStore::open(&url(&redis), Wraps::none()).await?;
        store.ring().await.map(|ring| ring.revision())
    });
    assert_eq!(revision.unwrap().unwrap(), 2);
}

#[test]
fn a_server_that_stands_still_is_noticed() {
    let redis = Daemon::redis(true).unwrap();
    init(&redis, &ring());
    let fleet = connect(&redis);
    redis.pause();
    let late = block_on(fleet.publish(vec![session(1)])).unwrap_err();
    assert!(!late.why.is_empty());
    let stale = || age_ms(&fleet.view()) > 1_500;
    eventually("stale", stale);
    redis.resume();
    eventually("fresh", || !stale());
    eventually("published", || fleet.status().report.queue == 0);
}
