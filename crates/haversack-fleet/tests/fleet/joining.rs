//! When a server is let in, and what it is told otherwise.

use haversack_fleet::wrap::{LocalKey, Wraps};
use haversack_fleet::{EngineErrorKind, FleetErrorKind, RingStore};
use zeroize::Zeroizing;

use crate::*;

fn refused(engine: &Arc<Memory>, builder: Builder) -> haversack_fleet::FleetError {
    builder.start_blocking(Arc::<Memory>::clone(engine)).unwrap_err()
}

#[test]
fn a_server_that_joins_knows_everything() {
    let engine = engine();
    engine.state().log = (0..50_000).map(|n| session(n).to_string()).collect();
    let fleet = join(&engine);
    let view = fleet.view();
    assert_eq!((view.ring.app(), view.ring.revision()), ("shop", 1));
    assert_eq!(view.revocations.as_ref().unwrap().len(), 50_000);
    assert!(age_ms(&view) < 30_000);
    fleet.ready().unwrap();
}

#[tokio::test]
async fn it_joins_from_within_a_runtime_too() {
    let engine = engine();
    let fleet = builder().start(Arc::<Memory>::clone(&engine)).await.unwrap();
    assert!(fleet.publish(vec![session(1)]).await.is_ok());
    assert!(fleet.once("order 7", Duration::from_secs(60)).await.unwrap());
    // It holds up the runtime, and works.
    let second = join(&engine);
    assert!(knows(&second, 1));
}

#[test]
fn every_refusal_says_what_to_do() {
    let empty = Memory::with(None);
    let error = refused(&empty, builder());
    assert!(matches!(error.kind(), FleetErrorKind::NoRing { .. }));
    assert!(error.to_string().contains("haversack keys init --fleet URL"), "{error}");

    let error = refused(&engine(), builder().app("shed"));
    assert!(matches!(error.kind(), FleetErrorKind::OtherRing { .. }));
    assert!(error.to_string().contains("`shop`, and this is `shed`"), "{error}");

    let newer = RingDocument { revision: 1, text: Zeroizing::new("{\"version\": 9}".to_owned()) };
    let error = refused(&Memory::with(Some(newer)), builder());
    assert!(error.to_string().contains("newer than this program"), "{error}");

    let cut = document(&ring());
    let text = Zeroizing::new(cut.text[..cut.text.len() / 2].to_owned());
    let error = refused(&Memory::with(Some(RingDocument { text, ..cut })), builder());
    assert!(error.to_string().contains("not JSON at line"), "{error}");

    let other = RingDocument { revision: 7, ..document(&ring()) };
    let error = refused(&Memory::with(Some(other)), builder());
    assert!(error.to_string().contains("corrupted: its `revision`"), "{error}");

    let engine = engine();
    engine.state().fails = Some(EngineErrorKind::Refused);
    let error = refused(&engine, builder());
    assert!(error.to_string().contains("check user, password"), "{error}");
    assert!(!error.is_temporary());

    engine.state().fails = Some(EngineErrorKind::Unreachable);
    let error = refused(&engine, builder().patience(Duration::from_millis(300)));
    assert!(matches!(error.kind(), FleetErrorKind::Timeout(Some(_))) && error.is_temporary());
    assert!(error.to_string().contains("cannot reach memory: as it was told"), "{error}");

    let none = Builder::default().connect_blocking().unwrap_err();
    assert!(none.to_string().contains("no address was given"), "{none}");
}

#[test]
fn an_engine_that_comes_up_late_is_waited_for() {
    let engine = engine();
    engine.state().fails = Some(EngineErrorKind::Unreachable);
    let joins = thread::spawn({
        let engine = Arc::clone(&engine);
        move || join(&engine)
    });
    thread::sleep(Duration::from_millis(50));
    engine.state().fails = None;
    joins.join().unwrap().ready().unwrap();
}

#[test]
fn a_sealed_ring_needs_its_key() {
    let text = LocalKey::generate().unwrap();
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("kek");
    std::fs::write(&path, format!("{}\n", *text)).unwrap();
    let key = || LocalKey::from_file(&path);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;

        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
        let error = key().unwrap_err().to_string();
        assert!(error.contains("chmod 600") && !error.contains(text.as_str()), "{error}");
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
    }
    let wraps = Wraps::with(key().unwrap()).only_sealed();

    let engine = Memory::with(None);
    let store = RingStore::new(Arc::<Memory>::clone(&engine), wraps.clone());
    block_on(store.create(&ring())).unwrap();
    assert_eq!(block_on(store.is_clear()).unwrap(), Some(false));
    let again = block_on(store.create(&ring())).unwrap_err();
    assert!(matches!(again.kind(), FleetErrorKind::Exists { app: Some(app) } if app == "shop"));

    let error = refused(&engine, builder());
    assert!(error.to_string().contains("and this program was given none"), "{error}");
    let other = LocalKey::generate().unwrap();
    std::fs::write(&path, other.as_bytes()).unwrap();
    let error = refused(&engine, builder().wraps(Wraps::with(key().unwrap())));
    assert!(error.to_string().contains("and this program has local:"), "{error}");

    let fleet = builder().wraps(wraps).start_blocking(Arc::<Memory>::clone(&engine)).unwrap();
    let rotated = block_on(store.update(|ring| ring.rotate(now(), Os, 0, HOUR_MS))).unwrap();
    assert_eq!(rotated.revision(), 2);
    eventually("the rotated ring", || fleet.view().ring.revision() == 2);
    assert!(!engine.state().ring.as_ref().unwrap().text.contains("index_key"));
}

#[test]
fn weak_key_encryption_keys_are_refused() {
    let error = LocalKey::from_bytes(*b"correct horse battery staple 123").unwrap_err().to_string();
    assert!(error.contains("looks like a passphrase"), "{error}");
    let error = LocalKey::from_env("HAVERSACK_NO_SUCH_VARIABLE").unwrap_err().to_string();
    assert!(error.contains("is not set"), "{error}");
}

#[test]
fn the_thread_ends_with_the_last_clone() {
    let engine = engine();
    let fleet = join(&engine);
    let clone = fleet.clone();
    drop(fleet);
    assert!(block_on(clone.publish(vec![session(1)])).is_ok());
    // What was published last is published, though nobody waits.
    let late = clone.publish(vec![session(2)]);
    drop((late, clone));
    eventually("the thread lets the engine go", || Arc::strong_count(&engine) == 1);
    let log = engine.state().log.clone();
    assert!(log.iter().any(|line| line.starts_with(&format!("session {}", id(2)))), "{log:?}");
}

#[test]
fn an_engine_that_panics_is_followed_again() {
    let engine = engine();
    let fleet = join(&engine);
    engine.state().panics = true;
    thread::sleep(Duration::from_millis(50));
    engine.state().panics = false;
    let since = fleet.view().confirmed;
    eventually("it is confirmed again", || fleet.view().confirmed > since.plus_millis(100));
    assert!(block_on(fleet.publish(vec![session(1)])).is_ok());
}
