//! What the engine says of the server.

use super::*;

#[tokio::test]
async fn the_clock_is_the_servers() {
    let daemon = Daemon::nats().unwrap();
    let engine = open(&daemon);
    let before = now();
    let told = engine.clock().await.unwrap().expect("it has a clock");
    assert!(before <= told && told <= now(), "{before:?} {told:?}");
}

#[tokio::test]
async fn advises_a_login_and_a_disk() {
    let daemon = Daemon::nats().unwrap();
    let engine = open(&daemon);
    put(&engine, 0, "ring").await;
    let advice = engine.advice().await.unwrap();
    assert!(advice.len() == 1 && advice[0].contains("authorization"), "{advice:?}");

    let stranger = stranger(&daemon).await;
    let mut config =
        api(&stranger, "STREAM.INFO.KV_haversack-ring-shop", "").await["config"].clone();
    api(&stranger, "STREAM.DELETE.KV_haversack-ring-shop", "").await;
    config["storage"] = "memory".into();
    config["discard"] = "old".into();
    api(&stranger, "STREAM.CREATE.KV_haversack-ring-shop", &config.to_string()).await;
    let advice = engine.advice().await.unwrap().join("\n");
    assert!(advice.contains("memory") && advice.contains("--discard new"), "{advice}");
}
