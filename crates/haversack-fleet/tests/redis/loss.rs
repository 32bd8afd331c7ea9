//! Servers that die, hang, forget, and are replaced by others that know less.

use std::time::Duration;

use haversack_fleet::engine::{Engine as _, Put};
use haversack_fleet::redis::RedisEngine;
use haversack_testkit::daemon::Daemon;
use tokio::time::timeout;

use super::{
    HOUR, PATIENCE, Server, append, command, engine, eventually, init, kind, lock, now, record,
    ring,
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_server_that_kept_all_is_gone_on_with() {
    let mut redis = Daemon::redis(true).unwrap();
    let ours = engine(&redis);
    init(&ours).await;
    append(&ours, &["first"]).await;
    let server = Server::start(&ours);
    server.has("first").await;

    redis.kill();
    let error = ours.append(&[record("nowhere")]).await.unwrap_err();
    assert!(kind(&error) == "unreachable" && error.is_temporary(), "{error}");
    server.until("an error", |told| !told.errors.is_empty()).await;
    redis.restart().unwrap();

    let second = record("second");
    eventually("appending", || ours.append(std::slice::from_ref(&second))).await;
    server.has("second").await;
    server.is_confirmed().await;
    assert_eq!(server.resets(), 0, "nothing was lost");
    let times = lock(&server.told).records.iter().filter(|it| *it == "first").count();
    assert_eq!(times, 1, "and nothing read twice");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_server_that_kept_nothing_is_another_log() {
    let mut redis = Daemon::redis(false).unwrap();
    let ours = engine(&redis);
    init(&ours).await;
    append(&ours, &["first"]).await;
    let server = Server::start(&ours);
    server.has("first").await;

    redis.restart().unwrap();
    server.until("told", |told| told.resets > 0).await;
    server.has_ring(None).await;
    server.is_confirmed().await;
    let again = ring(7, "again");
    assert_eq!(eventually("putting", || ours.put_ring(0, &again)).await, Put::Stored);
    server.has_ring(Some("again")).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_is_emptied_is_another_log() {
    let redis = Daemon::redis(false).unwrap();
    let ours = engine(&redis);
    init(&ours).await;
    append(&ours, &["first"]).await;
    let server = Server::start(&ours);
    server.has("first").await;
    server.is_confirmed().await;

    command(&redis, &["FLUSHALL"]);
    // The new log goes on at higher ids, before anybody has looked.
    append(&ours, &["second"]).await;
    server.has("second").await;
    server.is_confirmed().await;
    assert!(server.resets() > 0, "the connection stayed, and the log is another one");
    server.has_ring(None).await;
    init(&ours).await;
    server.has_ring(Some("one")).await;
    assert!(lock(&server.told).errors.is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_log_that_lost_its_end_is_noticed() {
    let redis = Daemon::redis(false).unwrap();
    let ours = engine(&redis);
    init(&ours).await;
    append(&ours, &["first", "second"]).await;
    let server = Server::start(&ours);
    server.has("second").await;
    let id = lock(&server.told).cursor.clone().unwrap().0;
    let id = id.split(' ').nth(1).unwrap().to_owned();

    // As after a failover to a replica that lagged; and then it goes on.
    command(&redis, &["XDEL", "haversack:{shop}:log", &id]);
    server.until("told", |told| told.resets > 0).await;
    append(&ours, &["third"]).await;
    server.has("third").await;
    server.is_confirmed().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_paused_server_is_unreachable_and_then_gone_on_with() {
    let redis = Daemon::redis(false).unwrap();
    let ours = engine(&redis);
    init(&ours).await;
    let server = Server::start(&ours);
    server.is_confirmed().await;

    redis.pause();
    let asked = now();
    let answers = timeout(PATIENCE, async {
        tokio::join!(
            async { ours.ring().await.map(|_| ()) },
            async { ours.append(&[record("late")]).await },
            async { ours.once("mark", HOUR).await.map(|_| ()) },
            async { ours.advice().await.map(|_| ()) },
        )
    });
    let (ring, append, once, advice) = answers.await.expect("an answer from everything");
    for error in [ring, append, once, advice].map(Result::unwrap_err) {
        assert_eq!(kind(&error), "unreachable", "{error}");
    }
    server.until("an error", |told| !told.errors.is_empty()).await;
    assert!(server.confirmed().is_some_and(|at| at <= asked), "confirmed while nothing answered");

    redis.resume();
    let after = record("after");
    eventually("appending", || ours.append(std::slice::from_ref(&after))).await;
    server.has("after").await;
    server.is_confirmed().await;
    assert_eq!(server.resets(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_tasks_share_an_engine_while_its_server_is_killed() {
    let mut redis = Daemon::redis(true).unwrap();
    let ours = engine(&redis);
    init(&ours).await;
    let server = Server::start(&ours);
    let mut tasks = tokio::task::JoinSet::new();
    for task in 0..50 {
        let ours = ours.clone();
        tasks.spawn(async move {
            for round in 0..20 {
                let mine = record(&format!("task {task} {round}"));
                eventually("appending", || ours.append(std::slice::from_ref(&mine))).await;
                eventually("reading", || ours.ring()).await.unwrap();
            }
        });
    }
    server.has("task 0 0").await;
    redis.restart().unwrap();
    tasks.join_all().await;
    for task in 0..50 {
        for round in 0..20 {
            server.has(&format!("task {task} {round}")).await;
        }
    }
    assert_eq!(server.resets(), 0, "all was kept");
}

/// Waits until a replica has so many entries of the log.
async fn has_copied(replica: &Daemon, entries: i64) {
    let begun = std::time::Instant::now();
    loop {
        let redis::Value::Int(there) = command(replica, &["XLEN", "haversack:{shop}:log"]) else {
            panic!("a length")
        };
        if there >= entries {
            return;
        }
        assert!(begun.elapsed() < PATIENCE, "the replica has {there} of {entries} entries");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// A server and its replica, in step.
async fn pair(ours: &RedisEngine, first: &Daemon) -> Daemon {
    let second = Daemon::redis(false).unwrap();
    let port = first.address().port().to_string();
    command(&second, &["REPLICAOF", "127.0.0.1", &port]);
    assert!(ours.ring().await.unwrap().is_some());
    has_copied(&second, 1).await;
    second
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_replica_is_never_taken_for_the_one_that_counts() {
    let first = Daemon::redis(false).unwrap();
    let ours = engine(&first);
    init(&ours).await;
    let second = pair(&ours, &first).await;

    let theirs = engine(&second);
    for error in [
        theirs.ring().await.map(|_| ()).unwrap_err(),
        theirs.append(&[record("lost")]).await.unwrap_err(),
        theirs.put_ring(1, &ring(2, "two")).await.map(|_| ()).unwrap_err(),
        theirs.follow(None, &mut |event| panic!("a replica said {event:?}")).await,
    ] {
        assert_eq!(kind(&error), "unreachable", "{error}");
        assert!(error.to_string().contains("replica"), "{error}");
    }
}

/// What clients reach under one address: this server, until it is another one.
struct Front {
    port: u16,
    to: std::sync::Arc<std::sync::Mutex<(std::net::SocketAddr, u64)>>,
}

impl Front {
    async fn new(to: std::net::SocketAddr) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let to = std::sync::Arc::new(std::sync::Mutex::new((to, 0)));
        let at = std::sync::Arc::clone(&to);
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let at = std::sync::Arc::clone(&at);
                tokio::spawn(async move {
                    let (to, turn) = *lock(&at);
                    let Ok(server) = tokio::net::TcpStream::connect(to).await else { return };
                    let over = async {
                        while lock(&at).1 == turn {
                            tokio::time::sleep(Duration::from_millis(5)).await;
                        }
                    };
                    let (mut from_client, mut to_client) = client.into_split();
                    let (mut from_server, mut to_server) = server.into_split();
                    tokio::select! {
                        () = over => {}
                        _ = tokio::io::copy(&mut from_client, &mut to_server) => {}
                        _ = tokio::io::copy(&mut from_server, &mut to_client) => {}
                    }
                });
            }
        });
        Self { port, to }
    }

    /// Only for who connects from now on, as when a name moves.
    fn lead_to(&self, to: std::net::SocketAddr) {
        lock(&self.to).0 = to;
    }

    fn turn_to(&self, to: std::net::SocketAddr) {
        let mut at = lock(&self.to);
        *at = (to, at.1 + 1);
    }

    fn engine(&self) -> std::sync::Arc<RedisEngine> {
        let url = format!("redis://127.0.0.1:{}?app=shop", self.port);
        std::sync::Arc::new(RedisEngine::open(&url).unwrap())
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_failover_that_loses_nothing_is_gone_on_with() {
    let mut first = Daemon::redis(false).unwrap();
    let front = Front::new(first.address()).await;
    let ours = front.engine();
    init(&ours).await;
    let second = pair(&ours, &first).await;
    append(&ours, &["before"]).await;
    let server = Server::start(&ours);
    server.has("before").await;
    has_copied(&second, 2).await;

    first.kill();
    command(&second, &["REPLICAOF", "NO", "ONE"]);
    front.turn_to(second.address());
    let after = record("after");
    eventually("appending", || ours.append(std::slice::from_ref(&after))).await;
    server.has("after").await;
    server.is_confirmed().await;
    assert_eq!(server.resets(), 0, "nothing was lost");
}

/// The replica lacks what came last. Then it is appended to, so that its ids are higher again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_failover_that_loses_something_is_told() {
    let mut first = Daemon::redis(false).unwrap();
    let front = Front::new(first.address()).await;
    let ours = front.engine();
    init(&ours).await;
    let second = pair(&ours, &first).await;
    append(&ours, &["before"]).await;
    let reads = Server::start(&ours);
    // Another server, which had read nothing of what is lost.
    let publisher = front.engine();
    reads.has("before").await;
    has_copied(&second, 2).await;
    // The replica is promoted, and hears of nothing more.
    command(&second, &["REPLICAOF", "NO", "ONE"]);
    append(&publisher, &["lost"]).await;
    reads.has("lost").await;

    first.kill();
    append(&engine(&second), &["elsewhere"]).await;
    front.turn_to(second.address());

    // Who wrote it is told, although it had not read it: it was acknowledged.
    let also = Server::start(&publisher);
    for server in [&reads, &also] {
        server.has("elsewhere").await;
        server.is_confirmed().await;
        assert!(server.resets() > 0, "one record is gone");
    }
    let again = record("lost");
    eventually("putting back", || publisher.append(std::slice::from_ref(&again))).await;
    also.has("lost").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_becomes_a_replica_is_left() {
    let first = Daemon::redis(false).unwrap();
    let front = Front::new(first.address()).await;
    let ours = front.engine();
    init(&ours).await;
    let second = pair(&ours, &first).await;
    let server = Server::start(&ours);
    server.is_confirmed().await;

    command(&second, &["REPLICAOF", "NO", "ONE"]);
    let port = second.address().port().to_string();
    command(&first, &["REPLICAOF", "127.0.0.1", &port]);
    server.until("an error", |told| !told.errors.is_empty()).await;
    front.lead_to(second.address());
    let after = record("after");
    eventually("appending", || ours.append(std::slice::from_ref(&after))).await;
    server.has("after").await;
    server.is_confirmed().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn replicas_are_waited_for_if_the_url_says_so() {
    let first = Daemon::redis(false).unwrap();
    let url = format!("redis://{}?app=shop&replicas=1", first.address());
    let ours = RedisEngine::open(&url).unwrap();
    let error = ours.append(&[record("alone")]).await.unwrap_err();
    assert!(error.is_temporary(), "{error}");
    assert!(error.to_string().contains("not replicated: 0 of 1"), "{error}");

    init(&engine(&first)).await;
    let second = pair(&ours, &first).await;
    let both = record("both");
    eventually("appending", || ours.append(std::slice::from_ref(&both))).await;
    let there = command(&second, &["XLEN", "haversack:{shop}:log"]);
    assert!(matches!(there, redis::Value::Int(3..)), "{there:?}");
    assert_eq!(ours.put_ring(1, &ring(2, "two")).await.unwrap(), Put::Stored);

    second.pause();
    let error = ours.append(&[record("one")]).await.unwrap_err();
    assert!(error.to_string().contains("not replicated"), "{error}");
    let error = ours.put_ring(2, &ring(3, "three")).await.unwrap_err();
    assert!(error.to_string().contains("not replicated"), "{error}");
}

/// It may have been replaced, and others may write elsewhere.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_lost_its_replicas_confirms_nothing() {
    let redis = Daemon::redis_with(false, &["--min-replicas-to-write", "0"]).unwrap();
    let ours = engine(&redis);
    init(&ours).await;
    let server = Server::start(&ours);
    server.is_confirmed().await;
    command(&redis, &["CONFIG", "SET", "min-replicas-to-write", "1"]);
    server.until("an error", |told| !told.errors.is_empty()).await;
    let before = server.confirmed();
    let (error, also) = (ours.append(&[record("lost")]).await.unwrap_err(), ours.ring().await);
    assert_eq!((kind(&error), also.is_err()), ("unreachable", true), "{error}");
    assert_eq!(server.confirmed(), before);
    command(&redis, &["CONFIG", "SET", "min-replicas-to-write", "0"]);
    server.is_confirmed().await;
    assert_eq!(server.resets(), 0);
}
