//! What operators see of what the client does not learn.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use axum::http::StatusCode;
use haversack_testkit::Browser;
use haversack_tower::{Haversack, KeyRing};
use metrics_util::debugging::{DebugValue, DebuggingRecorder, Snapshotter};

use crate::shop::{Clock, START, browser, router, sessions};

/// Counters as `name{label}` by now.
fn counters(snapshotter: &Snapshotter) -> BTreeMap<String, u64> {
    let mut counters = BTreeMap::new();
    for (key, _, _, value) in snapshotter.snapshot().into_vec() {
        if let DebugValue::Counter(value) = value {
            let (name, labels) = key.key().clone().into_parts();
            let labels: Vec<&str> = labels.iter().map(metrics::Label::value).collect();
            *counters.entry(format!("{}{{{}}}", name.as_str(), labels.join(","))).or_insert(0) +=
                value;
        }
    }
    counters
}

#[tokio::test]
async fn what_was_overridden_is_counted_and_told() {
    let recorder = DebuggingRecorder::new();
    let snapshotter = recorder.snapshotter();
    let _installed = metrics::set_default_local_recorder(&recorder);

    let told = Arc::new(Mutex::new(Vec::new()));
    let tell = Arc::clone(&told);
    let clock = Clock::new();
    let sessions = Haversack::builder(KeyRing::for_tests())
        .clock(clock.reading())
        .on_overridden(move |it| tell.lock().unwrap().push(it.field().into_owned()))
        .build()
        .expect("settings that fit");
    let browser = Browser::new(router(sessions));
    browser.at(START);
    browser.post("/add/1/tea").await;
    clock.advance(1_000);
    let (one, other) =
        (browser.post("/theme/dark").depart(), browser.post("/theme/light").depart());
    let one = one.serve().await;
    clock.advance(50);
    other.serve().await.apply();
    one.apply();
    browser.get("/").await;
    assert_eq!(*told.lock().unwrap(), ["theme"]);
    assert_eq!(counters(&snapshotter).get("haversack_overridden_total{}"), Some(&1));
}

#[tokio::test]
async fn every_reason_has_a_counter() {
    let recorder = DebuggingRecorder::new();
    let snapshotter = recorder.snapshotter();
    let _installed = metrics::set_default_local_recorder(&recorder);

    let clock = Clock::new();
    let victim = browser(&clock);
    victim.post("/login/ada").await;
    victim.post("/fill/4000").await;
    let root =
        victim.jar().iter().find(|cookie| cookie.name.contains(".r")).expect("a root").clone();
    let (name, value) = (&root.name, &root.value);
    let forged = format!("{}AAAA", &value[..value.len() - 4]);
    let stranger = Browser::new(router(sessions(&clock)));
    for cookie in [
        format!("{name}=hv1A"),
        format!("{name}={forged}"),
        format!("{name}={value}; {name}={value}"),
        format!("{name}=hv9Zfuture"),
        format!("{name}=hv1A{}", "A".repeat(4_100)),
        name.replace(".r", ".a") + "=" + value,
    ] {
        assert_eq!(stranger.get("/").header("cookie", &cookie).await.status, StatusCode::OK);
    }
    clock.advance(25 * 3_600_000);
    stranger.get("/").header("cookie", &format!("{name}={value}")).await;

    let counters = counters(&snapshotter);
    for (counter, at_least) in [
        ("haversack_arrivals_total{absent}", 1),
        ("haversack_arrivals_total{admitted}", 1),
        ("haversack_arrivals_total{kept}", 1),
        ("haversack_arrivals_total{rejected}", 3),
        ("haversack_events_total{create}", 1),
        ("haversack_partial_total{}", 1),
        ("haversack_refusals_total{too_large}", 1),
        ("haversack_rejections_total{duplicate_name}", 1),
        ("haversack_rejections_total{idle_expired}", 1),
        ("haversack_rejections_total{inauthentic}", 1),
        ("haversack_rejections_total{malformed}", 1),
        ("haversack_rejections_total{orphan}", 1),
        ("haversack_rejections_total{oversized}", 1),
        ("haversack_rejections_total{unknown_version}", 1),
        ("haversack_seals_total{}", 1),
        ("haversack_deletions_total{}", 3),
    ] {
        let counted = counters.get(counter).copied().unwrap_or_default();
        assert!(counted >= at_least, "{counter} is {counted}: {counters:#?}");
    }
}
