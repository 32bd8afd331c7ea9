//! Advice: each unsafe setting is named, and none that is safe.

use haversack_fleet::engine::Engine as _;
use haversack_fleet::redis::RedisEngine;
use haversack_testkit::daemon::Daemon;

use super::{command, engine, eventually};

async fn advice(daemon: &Daemon, url: &str) -> Vec<String> {
    let url = url.replace("HOST", &daemon.address().to_string());
    RedisEngine::open(&url).unwrap().advice().await.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_unsafe_setting_is_named_with_its_cure() {
    let unsafe_settings =
        ["--maxmemory", "100mb", "--maxmemory-policy", "allkeys-lru", "--protected-mode", "no"];
    let redis = Daemon::redis_with(false, &unsafe_settings).unwrap();
    let told = advice(&redis, "redis://HOST?app=shop").await;
    for cure in [
        "`appendonly yes`",
        "`maxmemory-policy noeviction`",
        "`requirepass`",
        "`protected-mode yes`",
        "`user haversack on",
    ] {
        assert_eq!(told.iter().filter(|it| it.contains(cure)).count(), 1, "{cure}: {told:?}");
    }
    assert_eq!(told.len(), 5, "{told:?}");
    // The user that is advised is the one that the manual gives.
    let line = told
        .iter()
        .find_map(|it| it.split('`').find(|it| it.starts_with("user haversack")))
        .unwrap();
    assert!(include_str!("../../src/redis.rs").contains(&format!("{line}\n")), "{line}");

    command(&redis, &["CONFIG", "SET", "maxmemory-policy", "volatile-ttl"]);
    let told = advice(&redis, "redis://HOST?app=shop").await;
    assert!(told.iter().any(|it| it.contains("used twice")), "{told:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_is_set_up_well_gets_no_advice() {
    let redis = Daemon::redis_with(true, &["--maxmemory", "100mb"]).unwrap();
    command(&redis, &["ACL", "SETUSER", "other", "on", ">hunter2", "~haversack:*", "+@all"]);
    command(&redis, &["ACL", "SETUSER", "default", ">hunter3", "resetpass", ">hunter3"]);
    let told = advice(&redis, "redis://other:hunter2@HOST?app=shop").await;
    assert!(told.is_empty(), "{told:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn replicas_are_advised_about() {
    let first = Daemon::redis(true).unwrap();
    let second = Daemon::redis(true).unwrap();
    let port = first.address().port().to_string();
    command(&second, &["REPLICAOF", "127.0.0.1", &port]);
    let told = eventually("the replica is there", async || {
        let told = engine(&first).advice().await?;
        let there = told.iter().any(|it| it.contains("`min-replicas-to-write 1`"));
        let not_yet = haversack_fleet::EngineErrorKind::Unreachable("alone".to_owned());
        if there { Ok(told) } else { Err(haversack_fleet::EngineError::new("first", not_yet)) }
    })
    .await;
    assert!(told.iter().any(|it| it.contains("?replicas=1")), "{told:?}");
    let told = engine(&second).advice().await.unwrap();
    assert!(told.iter().any(|it| it.contains("it is a replica")), "{told:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_may_not_be_asked_is_not_advised_about() {
    let redis = Daemon::redis(false).unwrap();
    command(&redis, &["ACL", "SETUSER", "blind", "on", ">hunter2", "~haversack:*", "+@read"]);
    let told = advice(&redis, "redis://blind:hunter2@HOST?app=shop").await;
    assert!(told.is_empty(), "{told:?}");
}
