//! What goes wrong, said so that somebody can put it right.

use std::io::Write as _;
use std::net::TcpListener;
use std::thread;

use haversack_testkit::daemon::free_port;

use super::*;

const LOGIN: &str =
    "jetstream { store_dir: \"FOLDER\" }\nauthorization { user: fleet, password: hunter2 }";

fn with_login(daemon: &Daemon, password: &str) -> NatsEngine {
    let url = format!("nats://fleet:{password}@{}?app=shop", daemon.address());
    NatsEngine::open(&url).unwrap()
}

/// Neither an error nor anything else that is printed holds the password.
fn is_discreet(engine: &NatsEngine, error: &EngineError, password: &str) {
    for text in [error.to_string(), format!("{error:?}"), format!("{engine:?}"), engine.name()] {
        assert!(!text.contains(password), "{text}");
    }
}

#[tokio::test]
async fn a_wrong_password() {
    let daemon = configured(LOGIN);
    let right = with_login(&daemon, "hunter2");
    put(&right, 0, "ring").await;
    let wrong = with_login(&daemon, "hunter3");
    let error = wrong.ring().await.unwrap_err();
    assert!(matches!(error.kind(), EngineErrorKind::Refused(_)), "{error}");
    is_discreet(&wrong, &error, "hunter3");
    is_discreet(&right, &error, "hunter2");
    let nobody = open(&daemon);
    let error = nobody.follow(None, &mut |_: Event| {}).await;
    assert!(matches!(error.kind(), EngineErrorKind::Refused(_)), "{error}");
}

/// What is not allowed is said at once, and not found out by waiting.
#[tokio::test]
async fn a_user_who_may_not() {
    let daemon = configured(
        "jetstream { store_dir: \"FOLDER\" }\n\
         authorization { users: [\n\
         { user: fleet, password: hunter2 }\n\
         { user: guest, password: hunter3, permissions: { \
           publish: [\"$JS.API.STREAM.INFO.>\", \"$JS.API.STREAM.MSG.GET.>\"], \
           subscribe: [\"_INBOX.>\", \"$KV.haversack-ring-shop.ring\"] } }\n] }",
    );
    put(&with_login(&daemon, "hunter2"), 0, "ring").await;
    let url = format!("nats://guest:hunter3@{}?app=shop", daemon.address());
    let guest = NatsEngine::open(&url).unwrap();
    assert_eq!(guest.ring().await.unwrap(), Some(document(1, "ring")));
    let error = guest.put_ring(1, &document(2, "mine")).await.unwrap_err();
    assert!(matches!(error.kind(), EngineErrorKind::Refused(_)), "{error}");
    assert!(error.to_string().contains("$KV.haversack-ring-shop.ring"), "{error}");
    let error = guest.append(&records(["mine"])).await.unwrap_err();
    assert!(matches!(error.kind(), EngineErrorKind::Refused(_)), "{error}");
    is_discreet(&guest, &error, "hunter3");
    assert_eq!(guest.ring().await.unwrap(), Some(document(1, "ring")));
}

#[tokio::test]
async fn a_user_who_may_not_listen() {
    let daemon = configured(
        "jetstream { store_dir: \"FOLDER\" }\n\
         authorization { users: [ { user: fleet, password: hunter2, \
         permissions: { publish: \">\", subscribe: [\"other\"] } } ] }",
    );
    let error = with_login(&daemon, "hunter2").ring().await.unwrap_err();
    assert!(matches!(error.kind(), EngineErrorKind::Refused(_)), "{error}");
}

/// The permissions that the documentation names are enough.
#[tokio::test]
async fn a_user_who_may_just_that() {
    let daemon = configured(
        "jetstream { store_dir: \"FOLDER\" }\n\
         authorization { users: [\n\
         { user: fleet, password: hunter2, permissions: { \
           publish: [\"$JS.API.>\", \"$KV.haversack-ring-shop.>\", \"$KV.haversack-marks-shop.>\", \
             \"$KV.haversack-reports-shop.>\", \"haversack.log.shop.>\", \"$JS.FC.>\"], \
           subscribe: [\"_INBOX.>\", \"$KV.haversack-ring-shop.ring\"] } }\n] }",
    );
    let engine = with_login(&daemon, "hunter2");
    put(&engine, 0, "ring").await;
    engine.append(&records(["one"])).await.unwrap();
    assert!(engine.once("mark", HOUR).await.unwrap());
    engine.report("server", "fine", HOUR).await.unwrap();
    assert_eq!(engine.reports().await.unwrap().len(), 1);
    assert_eq!(engine.advice().await.unwrap(), [""; 0]);
    let mut watcher = Watcher::start(engine, None);
    watcher.has("one").await;
    watcher.is_confirmed().await;
}

#[tokio::test]
async fn no_storage() {
    let daemon = configured("");
    let engine = open(&daemon);
    for error in [
        engine.ring().await.unwrap_err(),
        engine.put_ring(0, &document(1, "ring")).await.unwrap_err(),
        engine.append(&records(["one"])).await.unwrap_err(),
        engine.once("mark", HOUR).await.unwrap_err(),
        engine.clock().await.unwrap_err(),
        engine.follow(None, &mut |_: Event| {}).await,
    ] {
        assert!(matches!(error.kind(), EngineErrorKind::Unusable(_)), "{error}");
        assert!(error.to_string().contains("-js"), "{error}");
    }
}

#[tokio::test]
async fn no_storage_for_this_account() {
    let daemon = configured(
        "jetstream { store_dir: \"FOLDER\" }\n\
         accounts { APPS: { users: [{ user: fleet, password: hunter2 }] } }",
    );
    let error = with_login(&daemon, "hunter2").ring().await.unwrap_err();
    assert!(matches!(error.kind(), EngineErrorKind::Unusable(_)), "{error}");
    assert!(error.to_string().contains("enable JetStream for the account"), "{error}");
}

#[tokio::test]
async fn nobody_there() {
    let engine = NatsEngine::open(&format!("nats://127.0.0.1:{}?app=shop", free_port().unwrap()));
    let engine = engine.unwrap();
    assert!(is_unreachable(&engine.ring().await.unwrap_err()));
    assert!(is_unreachable(&engine.follow(None, &mut |_: Event| {}).await));
    // The second of two is there.
    let daemon = Daemon::nats().unwrap();
    let url = format!("nats://127.0.0.1:{},{}?app=shop", free_port().unwrap(), daemon.address());
    let engine = NatsEngine::open(&url).unwrap();
    assert_eq!(eventually("one of two answers", || engine.ring()).await, None);
}

#[tokio::test]
async fn something_else_there() {
    for says in ["HTTP/1.1 400 Bad Request\r\n\r\n", "INFO {}\r\n", "\0\0\0\0", ""] {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        thread::spawn(move || {
            let mut kept = Vec::new();
            while let Ok((mut stream, _)) = listener.accept() {
                let _ = stream.write_all(says.as_bytes());
                kept.push(stream);
            }
        });
        let engine = NatsEngine::open(&format!("nats://{address}?app=shop")).unwrap();
        let answer = timeout(PATIENCE, engine.ring()).await.expect("it gives up in time");
        assert!(answer.is_err(), "{says:?}");
    }
}

#[tokio::test]
async fn no_tls_there() {
    let daemon = Daemon::nats().unwrap();
    let engine = NatsEngine::open(&format!("tls://{}?app=shop", daemon.address())).unwrap();
    let error = engine.ring().await.unwrap_err();
    assert!(error.to_string().contains("does not answer with TLS"), "{error}");
}

#[tokio::test]
async fn no_credentials_file() {
    let daemon = Daemon::nats().unwrap();
    let url = format!("{}&creds=/nowhere/fleet.creds", url(&daemon));
    let error = NatsEngine::open(&url).unwrap().ring().await.unwrap_err();
    assert!(matches!(error.kind(), EngineErrorKind::Refused(_)), "{error}");
    assert!(error.to_string().contains("/nowhere/fleet.creds"), "{error}");
}

/// Nothing makes room for what is new.
#[tokio::test]
async fn a_full_stream() {
    let daemon = Daemon::nats().unwrap();
    let engine = open(&daemon);
    engine.append(&records(["first"])).await.unwrap();
    let stranger = stranger(&daemon).await;
    let mut config = api(&stranger, "STREAM.INFO.haversack-log-shop", "").await["config"].clone();
    config["max_bytes"] = 2000.into();
    api(&stranger, "STREAM.UPDATE.haversack-log-shop", &config.to_string()).await;
    let many: Vec<_> = (0..100).map(|number| record(&format!("more {number}"), HOUR)).collect();
    let error = engine.append(&many).await.unwrap_err();
    assert!(matches!(error.kind(), EngineErrorKind::Full(_)), "{error}");
    assert!(error.is_temporary());
    let advice = engine.advice().await.unwrap().join("\n");
    assert!(advice.contains("--max-bytes"), "{advice}");
    let mut watcher = Watcher::start(open(&daemon), None);
    watcher.has("first").await;

    config["max_bytes"] = (-1).into();
    api(&stranger, "STREAM.UPDATE.haversack-log-shop", &config.to_string()).await;
    engine.append(&many).await.unwrap();
    watcher.has("more 99").await;
}

#[tokio::test]
async fn a_full_account() {
    let daemon = configured("jetstream { store_dir: \"FOLDER\", max_file_store: 20000 }");
    let engine = open(&daemon);
    let mut stored = Vec::new();
    let error = loop {
        let next = record(&format!("{} {}", stored.len(), "x".repeat(150)), HOUR);
        match engine.append(std::slice::from_ref(&next)).await {
            Ok(()) => stored.push(next.text),
            Err(error) => break error,
        }
        assert!(stored.len() < 1000, "it is never full");
    };
    assert!(matches!(error.kind(), EngineErrorKind::Full(_)), "{error}");
    let mut watcher = Watcher::start(open(&daemon), None);
    watcher.has(stored.last().unwrap()).await;
    let texts = watcher.seen.iter().map(|event| match event {
        Event::Records(texts, _) => texts.len(),
        _ => 0,
    });
    assert_eq!(texts.sum::<usize>(), stored.len());
}

#[tokio::test]
async fn no_app_named() {
    let daemon = Daemon::nats().unwrap();
    let unnamed = NatsEngine::open(&format!("nats://{}", daemon.address())).unwrap();
    let invalid = |error: &EngineError| match error.kind() {
        EngineErrorKind::Invalid(why) => why.clone(),
        _ => panic!("{error}"),
    };
    assert!(invalid(&unnamed.ring().await.unwrap_err()).contains("?app="));
    assert!(invalid(&unnamed.follow(None, &mut |_: Event| {}).await).contains("?app="));
    assert_eq!(unnamed.app(), None);

    put(&open(&daemon), 0, "ring").await;
    assert_eq!(unnamed.ring().await.unwrap(), Some(document(1, "ring")));
    assert_eq!(unnamed.app().as_deref(), Some("shop"));

    let url = format!("nats://{}?app=Other.One", daemon.address());
    put(&NatsEngine::open(&url).unwrap(), 0, "other").await;
    let late = NatsEngine::open(&format!("nats://{}", daemon.address())).unwrap();
    let why = invalid(&late.ring().await.unwrap_err());
    assert!(why.contains("shop") && why.contains("Other.One"), "{why}");
    assert_eq!(unnamed.ring().await.unwrap(), Some(document(1, "ring")), "it has chosen");
}

#[test]
fn what_cannot_be() {
    let long = format!("nats://h?app={}", "A".repeat(255));
    for url in ["nats://me:hunter2@h:0", "hunter2", &long] {
        let error = NatsEngine::open(url).unwrap_err();
        assert!(matches!(error.kind(), EngineErrorKind::Invalid(_)), "{error}");
        assert!(!error.to_string().contains("hunter2"), "{error}");
    }
}
