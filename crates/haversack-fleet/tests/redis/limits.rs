//! Keys that hold something else, memory that is full, and whatever else answers at that port.

use std::io::{Read as _, Write as _};
use std::time::Duration;

use haversack_fleet::engine::Engine as _;
use haversack_fleet::redis::RedisEngine;
use haversack_testkit::daemon::Daemon;
use tokio::time::timeout;

use super::{HOUR, PATIENCE, Server, append, command, engine, init, kind, lock, now, record, ring};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn keys_that_hold_something_else_are_named() {
    let redis = Daemon::redis(false).unwrap();
    let ours = engine(&redis);
    for key in ["ring", "log", "state"] {
        command(&redis, &["FLUSHALL"]);
        command(&redis, &["SET", &format!("haversack:{{shop}}:{key}"), "something else"]);
        let mut quiet = |_| {};
        let put = ours.put_ring(0, &ring(1, "one")).await.map(|_| ());
        let follow = timeout(PATIENCE, ours.follow(None, &mut quiet)).await.expect("no hang");
        let append = ours.append(&[record("lost")]).await;
        let errors = [put.err(), Some(follow), append.err()];
        let errors: Vec<_> = errors.into_iter().flatten().collect();
        assert!(errors.len() >= 2, "{key}: {errors:?}");
        for error in errors {
            assert_eq!(kind(&error), "unusable", "{key}: {error}");
            assert!(error.to_string().contains("delete it"), "{key}: {error}");
        }
    }
    command(&redis, &["FLUSHALL"]);
    init(&ours).await;
    for (field, value) in [("revision", "many"), ("revision", "-1"), ("revision", "0")] {
        command(&redis, &["HSET", "haversack:{shop}:ring", field, value]);
        let error = ours.ring().await.unwrap_err();
        assert_eq!(kind(&error), "unusable", "{error}");
        let error = ours.put_ring(1, &ring(2, "two")).await;
        assert!(error.is_err() || value != "many", "{error:?}");
    }
    command(&redis, &["HSET", "haversack:{shop}:ring", "revision", "1"]);
    command(&redis, &["HDEL", "haversack:{shop}:ring", "text"]);
    assert_eq!(kind(&ours.ring().await.unwrap_err()), "unusable");
}

/// A ring that cannot be read must not keep anybody signed in who was signed out.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn revocations_arrive_although_the_ring_is_garbage() {
    let redis = Daemon::redis(false).unwrap();
    let ours = engine(&redis);
    init(&ours).await;
    let server = Server::start(&ours);
    server.is_confirmed().await;
    command(&redis, &["SET", "haversack:{shop}:ring", "garbage"]);
    server.until("an error", |told| !told.errors.is_empty()).await;
    let confirmed = server.confirmed();
    append(&ours, &["after"]).await;
    server.has("after").await;
    assert_eq!(server.confirmed(), confirmed, "confirmed without a ring");
    command(&redis, &["DEL", "haversack:{shop}:ring"]);
    init(&ours).await;
    server.has_ring(Some("one")).await;
    server.is_confirmed().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_memory_is_said_and_what_is_there_still_read() {
    let redis = Daemon::redis(false).unwrap();
    let ours = engine(&redis);
    init(&ours).await;
    append(&ours, &["first"]).await;
    command(&redis, &["CONFIG", "SET", "maxmemory", "1"]);
    for error in [
        ours.append(&[record("lost")]).await.unwrap_err(),
        ours.put_ring(1, &ring(2, "two")).await.map(|_| ()).unwrap_err(),
        ours.once("mark", HOUR).await.map(|_| ()).unwrap_err(),
        ours.report("web-1", "well", HOUR).await.unwrap_err(),
    ] {
        assert!(kind(&error) == "full" && error.is_temporary(), "{error}");
    }
    let server = Server::start(&ours);
    server.has("first").await;
    server.is_confirmed().await;
    command(&redis, &["CONFIG", "SET", "maxmemory", "0"]);
    append(&ours, &["second"]).await;
    server.has("second").await;
    assert_eq!(lock(&server.told).errors.len(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_over_goes_and_nothing_else() {
    let redis = Daemon::redis(false).unwrap();
    let ours = engine(&redis);
    init(&ours).await;
    append(&ours, &["kept for an hour"]).await;
    // Old entries, as if they had been written two hours ago, and more than a node of the stream.
    command(&redis, &["DEL", "haversack:{shop}:log"]);
    let old = now().as_millis() - 2 * 3_600_000;
    for n in 0..300 {
        let id = format!("{}-0", old + n);
        command(&redis, &["XADD", "haversack:{shop}:log", &id, "record", "old"]);
    }
    for n in 0..300 {
        append(&ours, &[&format!("new {n}")]).await;
    }
    let redis::Value::Int(entries) = command(&redis, &["XLEN", "haversack:{shop}:log"]) else {
        panic!("a length")
    };
    assert!((300..=400).contains(&entries), "{entries} entries of 300 that are not over");
    let server = Server::start(&engine(&redis));
    server.has("new 0").await;
    server.has("new 299").await;

    // One that is kept for longer keeps all: what is noted never goes back.
    let long = haversack_fleet::engine::Record {
        text: "kept for a day".to_owned(),
        until: now().plus_millis(24 * 3_600_000),
    };
    ours.append(&[long]).await.unwrap();
    append(&ours, &["kept for an hour"]).await;
    let redis::Value::BulkString(keep) =
        command(&redis, &["HGET", "haversack:{shop}:state", "keep"])
    else {
        panic!("a time")
    };
    let keep: u64 = String::from_utf8(keep).unwrap().parse().unwrap();
    assert!((23 * 3_600_000..=24 * 3_600_000).contains(&keep), "{keep} ms");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_too_large_is_invalid() {
    let redis = Daemon::redis(false).unwrap();
    let ours = engine(&redis);
    let long = "x".repeat(100_000);
    for error in [
        ours.append(&[record("fine"), record(&long)]).await.unwrap_err(),
        ours.once(&long, HOUR).await.map(|_| ()).unwrap_err(),
        ours.report(&long, "well", HOUR).await.unwrap_err(),
        ours.report("web-1", &long, HOUR).await.unwrap_err(),
        ours.put_ring(0, &ring(0, "none")).await.map(|_| ()).unwrap_err(),
    ] {
        assert_eq!(kind(&error), "invalid", "{error}");
    }
    assert_eq!(command(&redis, &["DBSIZE"]), redis::Value::Int(0), "nothing of it was stored");
    // No time at all, and for ever.
    assert!(ours.once("short", Duration::ZERO).await.unwrap());
    assert!(ours.once("long", Duration::MAX).await.unwrap());
    assert!(!ours.once("long", Duration::MAX).await.unwrap());
    ours.report("web-1", "well", Duration::MAX).await.unwrap();
    assert_eq!(ours.reports().await.unwrap().len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn reports_are_a_thousand_at_most() {
    let redis = Daemon::redis(false).unwrap();
    let ours = engine(&redis);
    for n in 0..1100_u32 {
        ours.report(&format!("web-{n}"), "well", HOUR + Duration::from_secs(n.into()))
            .await
            .unwrap();
    }
    let reports = ours.reports().await.unwrap();
    assert_eq!(reports.len(), 1000);
    assert!(reports.iter().any(|(name, _)| name == "web-1099"));
}

/// Something else listens there: it says something, nothing, or hangs up.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_not_redis_is_told_and_never_waited_for() {
    let said: [Option<&[u8]>; 6] = [
        Some(b"HTTP/1.1 400 Bad Request\r\n\r\n"),
        Some(b"\x15\x03\x01\x00\x02\x02\x50"),
        Some(b"*1000000000\r\n"),
        Some(b"$-5\r\n"),
        Some(b""),
        None,
    ];
    for said in said {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        std::thread::spawn(move || {
            let mut held = Vec::new();
            for mut stream in listener.incoming().flatten() {
                let mut some = [0; 64];
                let _ = stream.read(&mut some);
                match said {
                    Some(said) => drop(stream.write_all(said)),
                    None => held.push(stream),
                }
            }
        });
        let ours = RedisEngine::open(&format!("redis://127.0.0.1:{port}?app=shop")).unwrap();
        let mut nothing = |event| panic!("it said {event:?}");
        for error in [
            timeout(PATIENCE, ours.ring()).await.expect("no hang").map(|_| ()).unwrap_err(),
            timeout(PATIENCE, ours.follow(None, &mut nothing)).await.expect("no hang"),
        ] {
            let kind = kind(&error);
            assert!(kind == "unreachable" || kind == "unusable", "{said:?}: {error}");
        }
    }
}
