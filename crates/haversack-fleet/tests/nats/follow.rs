//! Followers, while the server is killed, stopped, robbed, and put back to what it was.

use super::*;

#[tokio::test]
async fn goes_on_after_a_restart() {
    let mut daemon = Daemon::nats().unwrap();
    let engine = open(&daemon);
    put(&engine, 0, "ring").await;
    engine.append(&records(["before"])).await.unwrap();
    let mut watcher = Watcher::start(open(&daemon), None);
    watcher.has("before").await;

    daemon.kill();
    assert!(is_unreachable(&watcher.fails().await));
    daemon.restart().unwrap();
    let after = records(["after"]);
    eventually("appending", || engine.append(&after)).await;
    watcher.has("after").await;
    watcher.is_confirmed().await;
    assert_eq!(watcher.resets(), 0, "{:?}", watcher.seen);
}

#[tokio::test]
async fn says_reset_when_the_disk_is_lost() {
    let mut daemon = Daemon::nats().unwrap();
    let engine = open(&daemon);
    put(&engine, 0, "ring").await;
    engine.append(&records(["before"])).await.unwrap();
    let mut watcher = Watcher::start(open(&daemon), None);
    watcher.has("before").await;

    daemon.kill();
    wipe(&daemon);
    daemon.restart().unwrap();
    watcher.until("there is no ring", |event| *event == Event::NoRing).await;
    watcher.until("a reset", |event| *event == Event::Reset).await;
    assert_eq!(eventually("reading the ring", || engine.ring()).await, None);
    put(&engine, 0, "again").await;
    watcher.until("the ring", |event| *event == Event::Ring(document(1, "again"))).await;
    engine.append(&records(["after"])).await.unwrap();
    watcher.has("after").await;
    assert_eq!(watcher.resets(), 1, "{:?}", watcher.seen);
}

#[tokio::test]
async fn a_server_that_stands_still_confirms_nothing() {
    let daemon = Daemon::nats().unwrap();
    let engine = open(&daemon);
    engine.append(&records(["before"])).await.unwrap();
    let mut watcher = Watcher::start(open(&daemon), None);
    watcher.has("before").await;
    watcher.is_confirmed().await;

    daemon.pause();
    let paused = now();
    assert!(is_unreachable(&watcher.fails().await));
    // With the connection there was, with a new one, and while following.
    assert!(is_unreachable(&engine.append(&records(["late"])).await.unwrap_err()));
    assert!(is_unreachable(&engine.ring().await.unwrap_err()));
    assert!(is_unreachable(&open(&daemon).clock().await.unwrap_err()));
    assert!(is_unreachable(&watcher.fails().await));
    let confirmed = |event: &Event| matches!(event, Event::Confirmed(at) if *at > paused);
    assert!(!watcher.seen.iter().any(confirmed), "{:?}", watcher.seen);

    daemon.resume();
    let after = records(["after"]);
    eventually("appending", || engine.append(&after)).await;
    watcher.has("after").await;
    watcher.is_confirmed().await;
    assert_eq!(watcher.resets(), 0, "{:?}", watcher.seen);
}

#[tokio::test]
async fn says_reset_when_the_log_is_deleted() {
    let daemon = Daemon::nats().unwrap();
    let engine = open(&daemon);
    engine.append(&records(["before"])).await.unwrap();
    let mut watcher = Watcher::start(open(&daemon), None);
    let cursor = watcher.has("before").await;

    let stranger = stranger(&daemon).await;
    api(&stranger, "STREAM.DELETE.haversack-log-shop", "").await;
    watcher.until("a reset", |event| *event == Event::Reset).await;
    watcher.is_confirmed().await;
    engine.append(&records(["after"])).await.unwrap();
    watcher.has("after").await;
    watcher.is_confirmed().await;
    assert_eq!(watcher.resets(), 1, "{:?}", watcher.seen);

    // Deleted and made anew between two looks.
    api(&stranger, "STREAM.DELETE.haversack-log-shop", "").await;
    engine.append(&records(["third"])).await.unwrap();
    watcher.until("a reset", |event| *event == Event::Reset).await;
    watcher.has("third").await;

    let mut resumed = Watcher::start(open(&daemon), Some(cursor));
    resumed.has("third").await;
    assert_eq!(resumed.resets(), 1, "the cursor is of a log that is gone: {:?}", resumed.seen);
}

#[tokio::test]
async fn says_reset_when_the_log_is_emptied() {
    let daemon = Daemon::nats().unwrap();
    let engine = open(&daemon);
    engine.append(&records(["one", "two"])).await.unwrap();
    let mut watcher = Watcher::start(open(&daemon), None);
    watcher.has("two").await;
    watcher.is_confirmed().await;
    assert_eq!(watcher.resets(), 0);

    api(&stranger(&daemon).await, "STREAM.PURGE.haversack-log-shop", "").await;
    watcher.until("a reset", |event| *event == Event::Reset).await;
    watcher.is_confirmed().await;
    engine.append(&records(["three"])).await.unwrap();
    watcher.has("three").await;
    assert_eq!(watcher.resets(), 1, "{:?}", watcher.seen);
}

/// The number in a cursor says too little: another record has it now.
#[tokio::test]
async fn says_reset_when_the_log_was_put_back() {
    let mut daemon = Daemon::nats().unwrap();
    let engine = open(&daemon);
    engine.append(&records(["one"])).await.unwrap();
    daemon.kill();
    let (store, backup) = (daemon.folder().join("jetstream"), daemon.folder().join("backup"));
    copy(&store, &backup);
    daemon.restart().unwrap();
    let two = records(["two"]);
    eventually("appending", || engine.append(&two)).await;
    let mut watcher = Watcher::start(open(&daemon), None);
    let cursor = watcher.has("two").await;
    drop(watcher);

    daemon.kill();
    wipe(&daemon);
    copy(&backup, &store);
    daemon.restart().unwrap();
    let mut behind = Watcher::start(open(&daemon), Some(cursor.clone()));
    behind.has("one").await;
    assert_eq!(behind.resets(), 1, "{:?}", behind.seen);

    let more = records(["three", "four", "five"]);
    eventually("appending", || engine.append(&more)).await;
    let mut beyond = Watcher::start(open(&daemon), Some(cursor));
    beyond.has("one").await;
    assert_eq!(beyond.resets(), 1, "{:?}", beyond.seen);
}

#[tokio::test]
async fn is_confirmed_although_the_last_records_are_deleted() {
    let daemon = Daemon::nats().unwrap();
    let engine = open(&daemon);
    engine.append(&records(["one"])).await.unwrap();
    engine.append(&records(["two"])).await.unwrap();
    let delete = "STREAM.MSG.DELETE.haversack-log-shop";
    api(&stranger(&daemon).await, delete, r#"{"seq": 2}"#).await;
    let mut watcher = Watcher::start(open(&daemon), None);
    watcher.has("one").await;
    watcher.is_confirmed().await;
}

#[tokio::test]
async fn notices_that_nothing_is_pushed_any_more() {
    let daemon = Daemon::nats().unwrap();
    let engine = open(&daemon);
    engine.append(&records(["one"])).await.unwrap();
    let mut watcher = Watcher::start(open(&daemon), None);
    watcher.has("one").await;
    watcher.is_confirmed().await;

    let stranger = stranger(&daemon).await;
    let consumers = api(&stranger, "CONSUMER.NAMES.haversack-log-shop", "").await;
    let consumers = consumers["consumers"].as_array().unwrap();
    assert_eq!(consumers.len(), 1);
    let name = consumers[0].as_str().unwrap();
    api(&stranger, &format!("CONSUMER.DELETE.haversack-log-shop.{name}"), "").await;
    engine.append(&records(["two"])).await.unwrap();
    let acknowledged = now();
    watcher.has("two").await;
    let early = |event: &Event| matches!(event, Event::Confirmed(at) if *at > acknowledged);
    assert!(!watcher.seen.iter().any(early), "confirmed before: {:?}", watcher.seen);
    watcher.is_confirmed().await;
    assert_eq!(watcher.resets(), 0, "{:?}", watcher.seen);
}

#[tokio::test]
async fn follows_the_ring_through_other_hands() {
    let daemon = Daemon::nats().unwrap();
    let engine = open(&daemon);
    let mut watcher = Watcher::start(open(&daemon), None);
    watcher.until("there is no ring", |event| *event == Event::NoRing).await;
    put(&engine, 0, "first").await;
    watcher.until("the ring", |event| *event == Event::Ring(document(1, "first"))).await;

    // `nats kv del`.
    let mut headers = async_nats::HeaderMap::new();
    headers.insert("KV-Operation", "DEL");
    let (stranger, subject) = (stranger(&daemon).await, "$KV.haversack-ring-shop.ring");
    stranger.request_with_headers(subject, headers, "".into()).await.unwrap();
    watcher.until("there is no ring again", |event| *event == Event::NoRing).await;
    assert_eq!(engine.ring().await.unwrap(), None);
    put(&engine, 0, "second").await;
    watcher.until("the second ring", |event| *event == Event::Ring(document(1, "second"))).await;

    // What is no ring: an error, after what there was to deliver, and no confirmation.
    stranger.request(subject, "garbage".into()).await.unwrap();
    let unusable = |error: &EngineError| matches!(error.kind(), EngineErrorKind::Unusable(_));
    assert!(unusable(&watcher.fails().await));
    assert!(unusable(&engine.ring().await.unwrap_err()));
    assert!(unusable(&engine.put_ring(1, &document(2, "third")).await.unwrap_err()));
    engine.append(&records(["beside"])).await.unwrap();
    let appended = now();
    watcher.has("beside").await;
    let confirmed = |event: &Event| matches!(event, Event::Confirmed(at) if *at > appended);
    assert!(!watcher.seen.iter().any(confirmed), "{:?}", watcher.seen);
    assert!(unusable(&watcher.fails().await));

    api(&stranger, "STREAM.DELETE.KV_haversack-ring-shop", "").await;
    watcher.until("there is no ring at last", |event| *event == Event::NoRing).await;
    put(&engine, 0, "fourth").await;
    watcher.until("the fourth ring", |event| *event == Event::Ring(document(1, "fourth"))).await;
}

#[tokio::test]
async fn apps_have_nothing_to_do_with_one_another() {
    let daemon = Daemon::nats().unwrap();
    let of =
        |app: &str| NatsEngine::open(&format!("nats://{}?app={app}", daemon.address())).unwrap();
    let apps = ["shop", "Shop", "shop.example", "sh*op", "shop_2eexample", "sh%20op"];
    for (number, app) in apps.iter().enumerate() {
        let engine = of(app);
        put(&engine, 0, app).await;
        engine.append(&records([app])).await.unwrap();
        assert!(engine.once("mark", HOUR).await.unwrap(), "{app}");
        engine.report("server", &number.to_string(), HOUR).await.unwrap();
    }
    for (number, app) in apps.iter().enumerate() {
        let engine = of(app);
        assert_eq!(engine.ring().await.unwrap(), Some(document(1, app)));
        let reports = engine.reports().await.unwrap();
        assert_eq!(reports, [("server".to_owned(), number.to_string())]);
        let mut watcher = Watcher::start(engine, None);
        watcher.is_confirmed().await;
        let others = |event: &Event| matches!(event, Event::Records(texts, _) if texts.iter().any(|text| text != app));
        assert!(!watcher.seen.iter().any(others), "{app}: {:?}", watcher.seen);
    }
}

#[tokio::test]
async fn keeps_for_as_long_as_the_longest_record() {
    let daemon = Daemon::nats().unwrap();
    let engine = open(&daemon);
    let stranger = stranger(&daemon).await;
    let info = "STREAM.INFO.haversack-log-shop";
    let days = async |client: &async_nats::Client| {
        let config = api(client, info, "").await["config"].clone();
        (config["max_age"].as_u64().unwrap() / (24 * 3600 * 1_000_000_000), config)
    };
    engine.append(&[record("long", HOUR * 24 * 20)]).await.unwrap();
    assert!(days(&stranger).await.0 >= 20);
    engine.append(&[record("short", HOUR)]).await.unwrap();
    assert!(days(&stranger).await.0 >= 20);
    engine.append(&[record("longer", HOUR * 24 * 400)]).await.unwrap();
    let (kept, mut config) = days(&stranger).await;
    assert!((400..600).contains(&kept), "{kept} days");
    assert_eq!(config["discard"], "new");

    // A setting that is none of the engine's stays; a shorter time does not, once it is noticed.
    config["max_age"] = (3600 * 1_000_000_000_u64).into();
    config["description"] = "mine".into();
    api(&stranger, "STREAM.UPDATE.haversack-log-shop", &config.to_string()).await;
    let mut watcher = Watcher::start(open(&daemon), None);
    watcher.has("longer").await;
    watcher.is_confirmed().await;
    watcher.is_confirmed().await;
    let (kept, config) = days(&stranger).await;
    assert!((400..600).contains(&kept), "{kept} days");
    assert_eq!(config["description"], "mine");

    let endless = Record { text: "endless".to_owned(), until: Timestamp::from_millis(u64::MAX) };
    let error = engine.append(&[endless]).await.unwrap_err();
    assert!(matches!(error.kind(), EngineErrorKind::Invalid(_)), "{error}");
}
