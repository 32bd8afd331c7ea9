//! What operators see, and what may happen once.

use std::collections::BTreeSet;

use haversack_fleet::{EngineErrorKind, KeyUse};
use metrics_util::debugging::DebuggingRecorder;

use crate::*;

#[test]
fn servers_see_each_other() {
    let engine = engine();
    let named =
        |name: &str| builder().server(name).start_blocking(Arc::<Memory>::clone(&engine)).unwrap();
    let (b, _a) = (named("b"), named("a\n*"));
    let key = b.view().ring.sealing(now()).unwrap().id;
    (0..5).for_each(|_| b.opened(key, now()));
    eventually("both reported", || block_on(b.servers()).unwrap().len() == 2);
    let servers = block_on(b.rings().servers()).unwrap();
    let names: Vec<_> = servers.iter().map(|it| (it.server.as_str(), it.app.as_str())).collect();
    assert_eq!(names, [("a__", "shop"), ("b", "shop")]);
    let status = b.status();
    assert_eq!((status.engine.as_str(), status.report.server.as_str()), ("memory", "b"));
    assert_eq!(status.report.sealing, Some(key.to_string()));
    assert!((3_500..3_700).contains(&status.report.sealing_age_s));
    assert_eq!(status.report.keys[&key.to_string()].opens, 5);
    assert_ne!(status.report.keys[&key.to_string()], KeyUse::default());
    assert!(status.report.ready && status.report.clock_difference_ms.is_none());
}

#[test]
fn once_is_once_for_all_servers() {
    let engine = engine();
    let (here, there) = (join(&engine), join(&engine));
    let minute = Duration::from_secs(60);
    assert!(block_on(here.once("code 123456", minute)).unwrap());
    assert!(!block_on(there.once("code 123456", minute)).unwrap());
    assert!(block_on(there.once("code 123457", minute)).unwrap());
    let long = "x".repeat(1_025);
    for (key, ttl) in [("", minute), (&long, minute), ("x", Duration::ZERO), ("x", Duration::MAX)] {
        let error = block_on(here.once(key, ttl)).unwrap_err();
        assert!(matches!(error.kind(), EngineErrorKind::Invalid(_)), "{error}");
    }
    engine.state().fails = Some(EngineErrorKind::Unreachable);
    assert!(block_on(here.once("x", minute)).unwrap_err().is_temporary());
}

#[test]
fn every_metric_is_documented() {
    let recorder = DebuggingRecorder::new();
    let seen = recorder.snapshotter();
    // Whichever test comes first; in a process of its own it is this one.
    if recorder.install().is_err() {
        return;
    }
    let engine = engine();
    engine.state().forgets = true;
    engine.state().ahead_ms = Some(0);
    engine.state().log =
        vec!["device x".to_owned(), "session x".to_owned(), session(1).to_string()];
    let fleet = join(&engine);
    block_on(fleet.publish(vec![session(2)])).unwrap();
    eventually("it came back", || fleet.status().report.lag_ms.is_some());
    engine.lose(0);
    eventually("it is put back", || engine.state().log.len() == 2);
    engine.state().fails = Some(EngineErrorKind::Full);
    let expected = [
        "clock_difference_seconds",
        "errors_total",
        "lag_seconds",
        "publications_total",
        "put_back_total",
        "queue",
        "ready",
        "records_skipped_total",
        "resyncs_total",
        "ring_age_seconds",
        "ring_revision",
        "staleness_seconds",
        "view_bytes",
        "view_entries",
    ];
    let mut names = BTreeSet::new();
    eventually("all of them", || {
        let seen = seen.snapshot().into_vec();
        names.extend(seen.iter().map(|it| it.0.key().name().to_owned()));
        expected.iter().all(|name| names.contains(&format!("haversack_fleet_{name}")))
    });
    let documents = include_str!("../../../../docs/metrics.md");
    for name in &names {
        assert!(documents.contains(&format!("`{name}")), "{name} is not documented");
    }
}
