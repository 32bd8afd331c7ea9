//! A cluster of three servers: what is confirmed there, and what is lost with one of them.

use std::sync::Arc;

use async_trait::async_trait;
use haversack_fleet::engine::Engine;
use haversack_testkit::engine::{self as must, Host};

use super::*;

/// Three servers that know one another.
struct Cluster {
    servers: Vec<Daemon>,
}

impl Cluster {
    fn start() -> Self {
        let routes: Vec<_> =
            (0..3).map(|_| haversack_testkit::daemon::free_port().unwrap()).collect();
        let all: Vec<_> =
            routes.iter().map(|port| format!("\"nats://127.0.0.1:{port}\"")).collect();
        let server = |number: usize| {
            configured(&format!(
                "server_name: s{number}\njetstream {{ store_dir: \"FOLDER\" }}\n\
                 cluster {{ name: c, listen: \"127.0.0.1:{}\", routes: [{}] }}",
                routes[number],
                all.join(", ")
            ))
        };
        Self { servers: (0..3).map(server).collect() }
    }

    fn engine(&self, replicas: usize) -> NatsEngine {
        let hosts: Vec<_> = self.servers.iter().map(|it| it.address().to_string()).collect();
        let url = format!("nats://{}?app=shop&replicas={replicas}", hosts.join(","));
        NatsEngine::open(&url).unwrap()
    }

    fn engine_at(&self, number: usize) -> NatsEngine {
        let url = format!("nats://{}?app=shop&replicas=3", self.servers[number].address());
        NatsEngine::open(&url).unwrap()
    }
}

/// Until there is a leader for all there is no storage.
async fn stored(engine: &NatsEngine, text: &str) {
    let record = records([text]);
    eventually("appending", || engine.append(&record)).await;
}

#[tokio::test]
async fn confirms_with_a_majority_alone() {
    let mut cluster = Cluster::start();
    let engine = cluster.engine(3);
    eventually("putting the ring", async || {
        let held = engine.ring().await?.map_or(0, |ring| ring.revision);
        engine.put_ring(held, &document(held + 1, "ring")).await
    })
    .await;
    stored(&engine, "one").await;
    let advice = eventually("asking for advice", || engine.advice()).await.join("\n");
    assert!(!advice.contains("--replicas"), "{advice}");
    let mut watcher = Watcher::start(cluster.engine(3), None);
    watcher.has("one").await;
    watcher.is_confirmed().await;
    let told = watcher.until("a confirmation", |event| matches!(event, Event::Confirmed(_))).await;
    let Event::Confirmed(at) = told else { unreachable!("checked above") };
    assert!(now().millis_since(at) < 5000, "{at:?} is long ago");

    // One of three may go.
    cluster.servers[0].kill();
    stored(&engine, "two").await;
    watcher.has("two").await;
    watcher.is_confirmed().await;
    assert_eq!(watcher.resets(), 0, "{:?}", watcher.seen);
    drop(watcher);

    // Two may not: who is left confirms nothing from after that.
    cluster.servers[1].pause();
    let alone = now();
    let mut left = Watcher::start(cluster.engine_at(2), None);
    assert!(left.fails().await.is_temporary());
    let late =
        |event: &Event| matches!(event, Event::Confirmed(at) if at.millis_since(alone) > 2000);
    assert!(!left.seen.iter().any(late), "{:?} {:?}", alone, left.seen);

    cluster.servers[1].resume();
    stored(&engine, "three").await;
    left.has("three").await;
    left.is_confirmed().await;
    assert_eq!(left.resets(), 0, "{:?}", left.seen);
}

#[tokio::test]
async fn advises_replicas() {
    let cluster = Cluster::start();
    let engine = cluster.engine(1);
    stored(&engine, "one").await;
    let advice = eventually("asking for advice", || engine.advice()).await.join("\n");
    assert!(advice.contains("--replicas 3"), "{advice}");
}

#[async_trait]
impl Host for Cluster {
    async fn engine(&self) -> Arc<dyn Engine> {
        Arc::new(self.engine(3))
    }

    async fn crash(&self) {
        unreachable!("not in these tests");
    }

    fn durable(&self) -> bool {
        false
    }
}

/// Expired marks are taken by one alone, although a cluster lets several write.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_expired_mark_is_taken_once() {
    let cluster = Cluster::start();
    let racers: Vec<_> = (0..8).map(|_| Arc::new(cluster.engine(3))).collect();
    for round in 0..10 {
        let mark = format!("mark {round}");
        let brief = Duration::from_millis(1);
        assert!(eventually("taking a mark", || racers[0].once(&mark, brief)).await);
        for racer in &racers {
            eventually("connecting", || racer.reports()).await;
        }
        let mut race = tokio::task::JoinSet::new();
        for racer in &racers {
            let (racer, mark) = (Arc::clone(racer), mark.clone());
            race.spawn(async move { racer.once(&mark, HOUR).await.unwrap() });
        }
        let firsts = race.join_all().await.into_iter().filter(|first| *first).count();
        assert_eq!(firsts, 1, "round {round}");
    }
}

/// Who asks another server than the one that leads is told the truth as well.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn conforms() {
    let cluster = Cluster::start();
    let engine = cluster.engine(3);
    stored(&engine, "one").await;
    let ring = document(1, "ring");
    eventually("putting a ring", || engine.put_ring(0, &ring)).await;
    eventually("taking a mark", || engine.once("mark", HOUR)).await;
    eventually("reporting", || engine.report("server", "fine", HOUR)).await;
    must::elects_one_winner(&cluster).await;
    must::delivers_ring_changes(&cluster).await;
    must::leaves_no_gap_between_load_and_follow(&cluster).await;
    must::resumes_at_a_cursor(&cluster).await;
    must::takes_duplicates(&cluster).await;
    must::confirms_in_time(&cluster).await;
    must::confirms_no_more_than_it_delivered(&cluster).await;
    must::tells_who_is_first(&cluster).await;
    must::keeps_reports_for_their_time(&cluster).await;
    must::delivers_large_logs(&cluster).await;
}
