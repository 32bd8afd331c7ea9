//! With real servers, which are killed and come back, and with a file.

use haversack::Lifetime;
use haversack_fleet::wrap::{LocalKey, Wraps};
use haversack_fleet::{RingStore, Rotation, run};
#[cfg(any(feature = "nats", feature = "redis"))]
use haversack_testkit::daemon::Daemon;

use crate::*;

#[cfg(feature = "redis")]
fn redis(redis: &Daemon) -> String {
    format!("redis://{}?app=shop", redis.address())
}

#[cfg(feature = "nats")]
fn nats(nats: &Daemon) -> String {
    format!("nats://{}?app=shop", nats.address())
}

fn init(url: &str, ring: &KeyRing) {
    let made = run(async { RingStore::open(url, Wraps::none()).await?.create(ring).await });
    made.unwrap().unwrap();
}

fn connect(url: &str) -> Fleet {
    Fleet::builder(url).patience(PATIENCE).connect_blocking().unwrap()
}

fn outlive(url: &str, crash: impl FnOnce(), restart: impl FnOnce()) {
    init(url, &ring());
    let (here, there) = (connect(url), connect(url));
    block_on(here.publish(vec![session(1)])).unwrap();
    eventually("the other one knows", || knows(&there, 1));
    assert!(block_on(here.once("code", Duration::from_secs(60))).unwrap());
    assert!(!block_on(there.once("code", Duration::from_secs(60))).unwrap());

    crash();
    let later = here.publish(vec![session(2)]);
    assert!(knows(&here, 2));
    restart();
    drop(later);
    eventually("it is published", || knows(&there, 2));
    let newcomer = connect(url);
    assert!(knows(&newcomer, 1) && knows(&newcomer, 2));
    let since = now();
    eventually("all are fresh again", || {
        [&here, &there].iter().all(|fleet| fleet.view().confirmed > since)
    });
    eventually("all report", || block_on(here.servers()).is_ok_and(|servers| !servers.is_empty()));
}

fn rotate(url: &str) {
    init(url, &KeyRing::generate("shop", before(25), Os).unwrap());
    let rotation = Rotation { check: Duration::from_millis(20), ..Rotation::default() };
    let fleets: Vec<Fleet> = (0..5)
        .map(|_| {
            let builder = Fleet::builder(url).patience(PATIENCE).rotation(Some(rotation));
            builder.connect_blocking().unwrap()
        })
        .collect();
    for fleet in &fleets {
        fleet.serves(&Lifetime::default());
    }
    eventually("all have it", || fleets.iter().all(|it| it.view().ring.revision() == 2));
    thread::sleep(Duration::from_millis(200));
    let revision = run(async {
        let store = RingStore::open(url, Wraps::none()).await?;
        store.ring().await.map(|ring| ring.revision())
    });
    assert_eq!(revision.unwrap().unwrap(), 2);
}

#[cfg(feature = "redis")]
#[test]
fn what_is_in_redis_outlives_it() {
    let server = std::cell::RefCell::new(Daemon::redis(true).unwrap());
    let url = redis(&server.borrow());
    outlive(&url, || server.borrow_mut().kill(), || server.borrow_mut().restart().unwrap());
}

#[cfg(feature = "nats")]
#[test]
fn what_is_in_nats_outlives_it() {
    let server = std::cell::RefCell::new(Daemon::nats().unwrap());
    let url = nats(&server.borrow());
    outlive(&url, || server.borrow_mut().kill(), || server.borrow_mut().restart().unwrap());
}

#[test]
fn what_is_in_a_file_is_shared() {
    let dir = tempfile::tempdir().unwrap();
    outlive(&dir.path().join("haversack.keys").display().to_string(), || {}, || {});
}

#[cfg(feature = "redis")]
#[test]
fn one_server_rotates_in_redis() {
    rotate(&redis(&Daemon::redis(true).unwrap()));
}

#[cfg(feature = "nats")]
#[test]
fn one_server_rotates_in_nats() {
    rotate(&nats(&Daemon::nats().unwrap()));
}

#[test]
fn one_server_rotates_in_a_file() {
    let dir = tempfile::tempdir().unwrap();
    rotate(&format!("file:{}", dir.path().join("haversack.keys").display()));
}

#[test]
fn a_sealed_ring_in_a_file_is_joined_with_its_key() {
    let dir = tempfile::tempdir().unwrap();
    let url = dir.path().join("haversack.keys").display().to_string();
    let mut key = [0; 32];
    getrandom::fill(&mut key).unwrap();
    let wraps = Wraps::with(LocalKey::from_bytes(key).unwrap()).only_sealed();
    let store = run(RingStore::open(&url, wraps.clone())).unwrap().unwrap();
    run(store.create(&ring())).unwrap().unwrap();
    let text = std::fs::read_to_string(&url).unwrap();
    assert!(text.contains("haversack_sealed_ring") && !text.contains("index_key"));
    let error = Fleet::connect_blocking(&url).unwrap_err().to_string();
    assert!(error.contains("this program was given none"), "{error}");
    let fleet = Fleet::builder(&url).wraps(wraps).connect_blocking().unwrap();
    run(store.update(|ring| ring.rotate(now(), Os, 0, HOUR_MS))).unwrap().unwrap();
    eventually("the rotated ring", || fleet.view().ring.revision() == 2);
}

#[cfg(feature = "redis")]
#[test]
fn an_empty_redis_has_no_ring() {
    let server = Daemon::redis(true).unwrap();
    let error = Fleet::connect_blocking(&redis(&server)).unwrap_err().to_string();
    assert!(error.contains("haversack keys init --fleet URL"), "{error}");
}

#[cfg(feature = "redis")]
#[test]
fn a_redis_that_lost_everything_is_given_it_back() {
    let mut server = Daemon::redis(false).unwrap();
    let url = redis(&server);
    let ring = ring();
    init(&url, &ring);
    let fleets = [connect(&url), connect(&url)];
    for n in 0..100 {
        block_on(fleets[usize::try_from(n).unwrap() % 2].publish(vec![session(n)])).unwrap();
    }
    eventually("both know all", || fleets.iter().all(|fleet| (0..100).all(|n| knows(fleet, n))));
    server.restart().unwrap();
    eventually("a newcomer knows all", || {
        let newcomer = Fleet::builder(&url).connect_blocking();
        newcomer.is_ok_and(|it| {
            it.view().ring.to_json() == ring.to_json() && (0..100).all(|n| knows(&it, n))
        })
    });
}

#[cfg(feature = "redis")]
#[test]
fn a_redis_that_stands_still_is_noticed() {
    let server = Daemon::redis(true).unwrap();
    let url = redis(&server);
    init(&url, &ring());
    let fleet = connect(&url);
    server.pause();
    let late = block_on(fleet.publish(vec![session(1)])).unwrap_err();
    assert!(!late.why.is_empty());
    let stale = || age_ms(&fleet.view()) > 1_500;
    eventually("stale", stale);
    server.resume();
    eventually("fresh", || !stale());
    eventually("published", || fleet.status().report.queue == 0);
}

#[cfg(any(feature = "nats", feature = "redis"))]
fn misspells(url: &str) {
    init(url, &ring());
    let misspelt = Fleet::builder(&url.replace("app=shop", "app=shp")).patience(PATIENCE);
    let error = misspelt.connect_blocking().err().unwrap().to_string();
    assert!(error.contains("shop") && error.contains("?app=NAME"), "{error}");
}

#[cfg(feature = "redis")]
#[test]
fn who_misspells_the_app_on_redis_sees_what_is_there() {
    misspells(&redis(&Daemon::redis(false).unwrap()));
}

#[cfg(feature = "nats")]
#[test]
fn who_misspells_the_app_on_nats_sees_what_is_there() {
    misspells(&nats(&Daemon::nats().unwrap()));
}
