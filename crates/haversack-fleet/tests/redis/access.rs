//! Who may do what, on which app.

use haversack_fleet::engine::{Engine as _, Put};
use haversack_fleet::redis::RedisEngine;
use haversack_testkit::daemon::{Daemon, free_port};

use super::{HOUR, Server, append, command, engine, init, kind, record, ring, url};

/// The line that the documentation gives.
const USER: [&str; 11] = [
    "haversack",
    "on",
    ">hunter2",
    "~haversack:*",
    "+@read",
    "+@write",
    "-@dangerous",
    "+eval",
    "+info",
    "+select",
    "+time",
];

fn with_password(daemon: &Daemon, user: &str, password: &str) -> String {
    format!("redis://{user}:{password}@{}?app=shop", daemon.address())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wrong_password_is_refused_and_not_told() {
    let redis = Daemon::redis_with(false, &["--requirepass", "hunter2"]).unwrap();
    for url in [
        url(&redis),
        with_password(&redis, "", "hunter3"),
        with_password(&redis, "haversack", "hunter2"),
    ] {
        let ours = RedisEngine::open(&url).unwrap();
        let mut nothing = |event| panic!("it said {event:?}");
        for error in [
            ours.ring().await.map(|_| ()).unwrap_err(),
            ours.append(&[record("lost")]).await.unwrap_err(),
            ours.follow(None, &mut nothing).await,
            ours.advice().await.map(|_| ()).unwrap_err(),
        ] {
            assert!(kind(&error) == "refused" && !error.is_temporary(), "{url}: {error}");
            let told = format!("{error} {error:?} {ours:?} {}", ours.name());
            assert!(!told.contains("hunter"), "{told}");
        }
    }
    let ours = RedisEngine::open(&with_password(&redis, "", "hunter2")).unwrap();
    init(&ours).await;
    // A password where none is asked for.
    let open = Daemon::redis(false).unwrap();
    let error = RedisEngine::open(&with_password(&open, "", "hunter2")).unwrap();
    let error = error.ring().await.unwrap_err();
    assert!(kind(&error) == "refused" && !error.to_string().contains("hunter"), "{error}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_documented_user_may_do_what_is_needed_and_no_more() {
    let mut user = vec!["ACL", "SETUSER"];
    user.extend(USER);
    user.push("+wait");
    let manual = include_str!("../../src/redis.rs");
    let line = user[2..].join(" ").replace("hunter2", "PASSWORD");
    assert!(manual.contains(&format!("user {line}\n")), "the manual says another line");

    let redis = Daemon::redis(false).unwrap();
    command(&redis, &user);
    command(&redis, &["SET", "theirs", "1"]);
    let url = with_password(&redis, "haversack", "hunter2").replace('?', "/1?");
    let ours = std::sync::Arc::new(RedisEngine::open(&url).unwrap());
    init(&ours).await;
    assert_eq!(ours.put_ring(1, &ring(2, "two")).await.unwrap(), Put::Stored);
    append(&ours, &["record"]).await;
    let server = Server::start(&ours);
    server.has("record").await;
    server.has_ring(Some("two")).await;
    server.is_confirmed().await;
    assert!(ours.once("mark", HOUR).await.unwrap());
    ours.report("web-1", "well", HOUR).await.unwrap();
    assert_eq!(ours.reports().await.unwrap(), [("web-1".to_owned(), "well".to_owned())]);
    assert!(ours.clock().await.unwrap().is_some());
    // It may not ask for everything that advice is about, and advises all the same.
    let advice = ours.advice().await.unwrap();
    assert!(advice.iter().any(|it| it.contains("appendonly")), "{advice:?}");
    assert!(!advice.iter().any(|it| it.contains("the user `default`, who")), "{advice:?}");
    let waits = RedisEngine::open(&format!("{url}&replicas=1")).unwrap();
    let error = waits.append(&[record("alone")]).await.unwrap_err();
    assert!(error.to_string().contains("not replicated"), "{error}");
    // Without `?app=` it finds the one there is.
    let any = RedisEngine::open(url.split('?').next().unwrap()).unwrap();
    assert_eq!(any.ring().await.unwrap().unwrap().revision, 2);

    let address = format!("redis://haversack:hunter2@{}", redis.address());
    let mut connection = redis::Client::open(address).unwrap().get_connection().unwrap();
    for words in [
        &["GET", "theirs"][..],
        &["SET", "ours", "1"],
        &["FLUSHALL"],
        &["FLUSHDB"],
        &["KEYS", "*"],
        &["CONFIG", "GET", "*"],
        &["ACL", "LIST"],
        &["SHUTDOWN"],
        &["EVAL", "return redis.call('GET', 'theirs')", "0"],
    ] {
        let answer = redis::cmd(words[0]).arg(&words[1..]).query::<redis::Value>(&mut connection);
        let refused = answer.unwrap_err().to_string();
        let may_not = refused.contains("permission") || refused.contains("access at least");
        assert!(may_not, "{words:?}: {refused}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_user_that_may_too_little_is_refused() {
    let redis = Daemon::redis(false).unwrap();
    init(&engine(&redis)).await;
    let rules = ["ACL", "SETUSER", "reader", "on", ">hunter2", "~haversack:*", "+@read"];
    command(&redis, &rules);
    let ours = RedisEngine::open(&with_password(&redis, "reader", "hunter2")).unwrap();
    for error in [
        ours.append(&[record("lost")]).await.unwrap_err(),
        ours.put_ring(1, &ring(2, "two")).await.map(|_| ()).unwrap_err(),
        ours.once("mark", HOUR).await.map(|_| ()).unwrap_err(),
    ] {
        assert_eq!(kind(&error), "refused", "{error}");
    }
    // It may run scripts, on keys of others.
    command(&redis, &["ACL", "SETUSER", "reader", "+@all", "resetkeys", "~theirs:*"]);
    let ours = RedisEngine::open(&with_password(&redis, "reader", "hunter2")).unwrap();
    let error = ours.append(&[record("lost")]).await.unwrap_err();
    assert_eq!(kind(&error), "refused", "{error}");
}

/// As the documentation says it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_user_of_one_app_has_that_alone() {
    let redis = Daemon::redis(false).unwrap();
    let other = RedisEngine::open(&format!("redis://{}?app=blog", redis.address())).unwrap();
    init(&other).await;
    let mut user = vec!["ACL", "SETUSER"];
    user.extend(USER.map(|it| if it == "~haversack:*" { "~haversack:{shop}:*" } else { it }));
    user.push("~haversack:apps");
    command(&redis, &user);
    let url = with_password(&redis, "haversack", "hunter2");
    let ours = std::sync::Arc::new(RedisEngine::open(&url).unwrap());
    init(&ours).await;
    append(&ours, &["record"]).await;
    let server = Server::start(&ours);
    server.has("record").await;
    let theirs = RedisEngine::open(&url.replace("shop", "blog")).unwrap();
    let error = theirs.ring().await.unwrap_err();
    assert_eq!(kind(&error), "refused", "{error}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_app_is_the_only_one_or_the_one_that_is_named() {
    let redis = Daemon::redis(false).unwrap();
    let unnamed = format!("redis://{}", redis.address());
    let open = |url: &str| RedisEngine::open(url).unwrap();
    let mut nothing = |event| panic!("it said {event:?}");

    // None is there.
    let ours = open(&unnamed);
    assert_eq!(ours.ring().await.unwrap(), None);
    assert_eq!(ours.app(), None);
    for error in [
        ours.append(&[record("lost")]).await.unwrap_err(),
        ours.put_ring(0, &ring(1, "one")).await.map(|_| ()).unwrap_err(),
        ours.follow(None, &mut nothing).await,
    ] {
        assert_eq!(kind(&error), "invalid", "{error}");
        assert!(error.to_string().contains("?app=NAME"), "{error}");
    }

    // One is.
    let shop = engine(&redis);
    assert_eq!(shop.app().as_deref(), Some("shop"));
    init(&shop).await;
    assert_eq!(ours.ring().await.unwrap().unwrap().revision, 1);
    assert_eq!(ours.app().as_deref(), Some("shop"));

    // Another one is begun beside it, and then one has to say which.
    let blog = open(&format!("{unnamed}?app=the blog"));
    assert_eq!(blog.ring().await.unwrap(), None);
    init(&blog).await;
    append(&blog, &["of the blog"]).await;
    let error = open(&unnamed).ring().await.unwrap_err();
    assert_eq!(kind(&error), "invalid", "{error}");
    assert!(error.to_string().contains("(shop, the blog)"), "{error}");
    assert_eq!(ours.ring().await.unwrap().unwrap().revision, 1, "it had found its app");
    let server = Server::start(&shop);
    append(&shop, &["of the shop"]).await;
    server.has("of the shop").await;
    assert_eq!(super::lock(&server.told).records, ["of the shop"]);

    // A name that is not there is misspelt.
    let error = open(&format!("{unnamed}?app=shp")).follow(None, &mut nothing).await;
    assert_eq!(kind(&error), "invalid", "{error}");
    assert!(error.to_string().contains("no app shp, but shop, the blog"), "{error}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn where_nobody_listens_is_unreachable() {
    let port = free_port().unwrap();
    for url in [
        format!("redis://127.0.0.1:{port}?app=shop"),
        "redis://nowhere.invalid?app=shop".to_owned(),
        "redis+unix:///nowhere/redis.sock?app=shop".to_owned(),
    ] {
        let ours = RedisEngine::open(&url).unwrap();
        for error in [
            ours.ring().await.map(|_| ()).unwrap_err(),
            ours.follow(None, &mut |event| panic!("it said {event:?}")).await,
        ] {
            assert_eq!(kind(&error), "unreachable", "{error}");
            assert!(error.to_string().contains(&ours.name()), "{error}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_socket_and_a_database_are_as_good_as_a_port() {
    let dir = tempfile::tempdir().unwrap();
    let socket = dir.path().join("redis.sock");
    let socket = socket.to_str().unwrap();
    let redis = Daemon::redis_with(false, &["--unixsocket", socket]).unwrap();
    let ours = RedisEngine::open(&format!("redis+unix://{socket}?app=shop&db=3")).unwrap();
    init(&ours).await;
    let also = RedisEngine::open(&format!("redis://{}/3?app=shop", redis.address())).unwrap();
    assert_eq!(also.ring().await.unwrap().unwrap().revision, 1);
    assert_eq!(engine(&redis).ring().await.unwrap(), None, "another database");
}
