//! Marks that one server takes, and what servers tell of themselves.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Barrier;
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::Host;
use super::probe::{HOUR, answer, eventually, unique};

/// Of several servers that take a mark exactly one is first; nobody is until its time is over, and
/// then somebody is again. Marks have nothing to do with one another, however alike they are.
///
/// # Panics
///
/// When somebody else is first, or nobody.
pub async fn tells_who_is_first(host: &dyn Host) {
    const RACERS: usize = 8;
    let mut engines = Vec::new();
    for _ in 0..RACERS {
        engines.push(host.engine().await);
    }
    let series = unique();
    let long = format!("long {series} {}", "m".repeat(150));
    let alike = ["a b", "a/b", "a.b", "a:b", "a*b", "../a", "a%2Fb", "A", "a", "ä", ""];
    let marks = alike.iter().map(|mark| format!("{series} {mark}")).chain([long]);
    for mark in marks {
        let start = Arc::new(Barrier::new(RACERS));
        let mut racers = JoinSet::new();
        for engine in &engines {
            let (engine, mark, start) = (Arc::clone(engine), mark.clone(), Arc::clone(&start));
            racers.spawn(async move {
                start.wait().await;
                answer("taking a mark", engine.once(&mark, HOUR)).await
            });
        }
        let firsts = racers.join_all().await.into_iter().filter(|first| *first).count();
        assert_eq!(firsts, 1, "who took {mark:?} first");
        assert!(!answer("taking a mark again", engines[0].once(&mark, HOUR)).await);
    }

    let (mark, ttl) = (format!("short {series}"), Duration::from_secs(2));
    let begun = Instant::now();
    assert!(answer("taking a mark", engines[0].once(&mark, ttl)).await);
    let again = answer("taking it again", engines[1].once(&mark, ttl)).await;
    assert!(!again || begun.elapsed() >= ttl, "it was taken again after {:?}", begun.elapsed());
    // Who asks and is not first does not prolong it.
    eventually("a mark can be taken when its time is over", async || {
        Ok(engines[2].once(&mark, ttl).await?.then_some(()))
    })
    .await;
    assert!(begun.elapsed() >= ttl, "it was taken again after {:?}", begun.elapsed());
}

/// What a server reports is told to all, the latest alone, and is gone when its time is over.
///
/// # Panics
///
/// When it is not told or stays.
pub async fn keeps_reports_for_their_time(host: &dyn Host) {
    let (one, other) = (host.engine().await, host.engine().await);
    let series = unique();
    let names = ["web-1", "web 2", "web/3", "web.4", "../web", "wäb", "web:5.example:8443"];
    let names: Vec<_> = names.iter().map(|name| format!("{name} {series}")).collect();
    let of = |reports: Vec<(String, String)>, name: &str| {
        let mut of = reports.into_iter().filter(|(server, _)| server == name);
        (of.next().map(|(_, report)| report), of.count())
    };
    for name in &names {
        answer("reporting", one.report(name, "first", HOUR)).await;
        let report =
            format!("{{\"second\": \"of {name}\", \"lines\": \"a\\nb\"}}\n{}", "r".repeat(2000));
        answer("reporting again", other.report(name, &report, HOUR)).await;
        let read = answer("reading reports", one.reports()).await;
        assert_eq!(of(read, name), (Some(report), 0), "what {name} reported last, and once");
    }
    let read = answer("reading reports", other.reports()).await;
    for name in &names {
        assert!(read.iter().any(|(server, _)| server == name), "{name} is missing");
    }

    let (brief, ttl) = (format!("brief {series}"), Duration::from_secs(2));
    answer("reporting", one.report(&brief, "soon gone", ttl)).await;
    eventually("a report goes when its time is over", async || {
        Ok(of(other.reports().await?, &brief).0.is_none().then_some(()))
    })
    .await;
    let read = answer("reading reports", other.reports()).await;
    assert_eq!(of(read, &names[0]).1, 0);
    assert!(of(answer("reading reports", one.reports()).await, &names[0]).0.is_some());
}
