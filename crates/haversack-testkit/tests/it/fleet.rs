//! Servers that crash, differ and are chosen by the seed; a network that loses and tears.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use haversack::{Feed as _, KeyRing, Timestamp, Version};
use haversack_testkit::browser::Serve;
use haversack_testkit::fleet::{Door, Fate, Weather};
use haversack_testkit::{Fleet, RingFeed, SeededEntropy, Server};
use http::{Request, Response, StatusCode};
use http_body_util::Full;
use tower::service_fn;

/// Says what its clock says, and sets two cookies with that.
fn timer(server: &Server) -> impl Serve<Full<bytes::Bytes>> + use<> {
    let (clock, index) = (server.clock(), server.index());
    service_fn(move |_: Request<Full<bytes::Bytes>>| {
        let now = clock().as_secs();
        async move {
            let response = Response::builder()
                .header("set-cookie", format!("a-{now}={index}"))
                .header("set-cookie", format!("b-{now}={index}"));
            Ok::<_, Infallible>(response.body(now.to_string()).unwrap())
        }
    })
}

async fn run(seed: u64) -> Vec<String> {
    let fleet = Fleet::new(seed, 3, timer);
    let (browser, mut traffic) = (fleet.browser(), fleet.traffic());
    let mut seen = Vec::new();
    for n in 0..200 {
        traffic.send(browser.get("/"), n);
        fleet.clock().advance(Duration::from_secs(9));
        while traffic.len() > 4 {
            if let Some(landed) = traffic.step().await {
                let kind = match landed.fate {
                    Fate::Whole(page) => format!("whole from {}", page.server().unwrap()),
                    Fate::Torn { lines, .. } => format!("torn after {lines}"),
                    Fate::Lost(Some(_)) => "lost on the way back".into(),
                    _ => "lost on the way there".into(),
                };
                seen.push(format!("{} {kind}", landed.tag));
            }
        }
    }
    seen
}

#[tokio::test]
async fn a_seed_repeats_a_schedule_and_another_one_differs() {
    let first = run(1).await;
    assert_eq!(first, run(1).await);
    assert_ne!(first, run(2).await);
    for kind in [
        "whole from 0",
        "whole from 1",
        "whole from 2",
        "torn after 0",
        "torn after 1",
        "torn after 2",
        "lost on the way back",
        "lost on the way there",
    ] {
        assert!(first.iter().any(|seen| seen.ends_with(kind)), "never {kind}");
    }
    let order = |seen: &String| seen.split(' ').next().unwrap().parse::<u32>().unwrap();
    assert!(!first.is_sorted_by_key(order), "never reordered");
}

#[tokio::test]
async fn a_crashed_server_answers_nothing_until_it_is_back() {
    let fleet = Fleet::new(1, 2, timer);
    let browser = fleet.browser();
    let one = browser.tab_on(fleet.only(1));
    fleet.crash(1);
    assert!(!fleet.is_up(1));
    let broken = one.get("/").send().await.unwrap_err();
    assert!(broken.to_string().contains("Down"), "{broken}");
    for _ in 0..8 {
        assert_eq!(browser.get("/").await.server(), Some(0));
    }
    fleet.restart(1);
    assert_eq!(one.get("/").await.server(), Some(1));
    fleet.crash(0);
    fleet.crash(1);
    assert!(browser.get("/").send().await.is_err());
}

#[tokio::test]
async fn what_a_crashed_server_had_sent_is_lost_on_the_way() {
    let fleet = Fleet::new(1, 2, timer);
    let browser = fleet.browser();
    let mut traffic = fleet.traffic();
    for n in 0..20 {
        traffic.send(browser.tab_on(fleet.only(1)).get("/"), n);
    }
    let mut landed = 0;
    for _ in 0..20 {
        landed += usize::from(traffic.step().await.is_some_and(|landed| landed.page().is_some()));
    }
    let cookies = browser.jar().iter().count();
    fleet.restart(1); // another life: what the first had sent is gone, the rest is answered
    let mut lost = 0;
    while !traffic.is_empty() {
        if let Some(landed) = traffic.step().await {
            lost += usize::from(matches!(landed.fate, Fate::Lost(Some(_))));
        }
    }
    assert!(landed < 20 && lost > 2, "{landed} landed, {lost} lost, {cookies} cookies");
}

#[tokio::test]
async fn a_server_that_crashes_with_a_request_does_not_answer_it() {
    let done = Arc::new(AtomicBool::new(false));
    let wait = Arc::clone(&done);
    let fleet = Fleet::new(1, 1, move |_| {
        let wait = Arc::clone(&wait);
        service_fn(move |_: Request<Full<bytes::Bytes>>| {
            let wait = Arc::clone(&wait);
            async move {
                while !wait.load(Ordering::SeqCst) {
                    tokio::task::yield_now().await;
                }
                Ok::<_, Infallible>(Response::new(String::new()))
            }
        })
    });
    let request = tokio::spawn(fleet.browser().get("/").send());
    tokio::task::yield_now().await;
    fleet.restart(0);
    done.store(true, Ordering::SeqCst);
    let broken = request.await.unwrap().unwrap_err();
    assert!(broken.to_string().contains("Crashed(0)"), "{broken}");
}

#[tokio::test]
async fn clocks_differ_and_go_with_the_browsers() {
    let fleet = Fleet::new(1, 2, timer);
    let browser = fleet.browser();
    fleet.server(1).skew(-90_000);
    browser.advance(Duration::from_secs(5));
    let say = async |server: usize| {
        let page = browser.tab_on::<Door<_>>(fleet.only(server)).get("/").await;
        page.text().parse::<u64>().unwrap()
    };
    assert_eq!(say(0).await, fleet.clock().now().as_secs());
    assert_eq!(say(1).await + 90, say(0).await);
}

#[test]
fn a_ring_reaches_the_servers_one_by_one() {
    let fleet = Fleet::new(1, 2, timer);
    let ring = KeyRing::for_tests();
    let next =
        ring.rotate(fleet.clock().now(), SeededEntropy::new(1), KeyRing::LEAD_MS, 0).unwrap();
    fleet.server(1).feed().publish(next.clone());
    let revisions = |fleet: &Fleet<_>| -> Vec<u64> {
        fleet.servers().map(|server| server.feed().ring().revision()).collect()
    };
    assert_eq!(revisions(&fleet), [1, 2]);
    fleet.publish(&next);
    assert_eq!(revisions(&fleet), [2, 2]);
}

#[test]
fn a_feed_hands_out_what_it_holds_ready_when_it_is_asked() {
    let ring = KeyRing::for_tests();
    let next = ring.rotate(Timestamp::default(), SeededEntropy::new(1), 0, 0).unwrap();
    let feed = RingFeed::new(ring);
    feed.publish_when_asked(next);
    assert_eq!((feed.ring().revision(), feed.view().version), (1, Version(0)));
    let mut cx = std::task::Context::from_waker(std::task::Waker::noop());
    assert!(feed.poll_newer(Version(0), &mut cx).is_ready());
    assert_eq!((feed.ring().revision(), feed.view().version), (2, Version(1)));
    feed.confirm(Timestamp::from_secs(7));
    assert_eq!(feed.view().confirmed, Timestamp::from_secs(7));
    assert_eq!((feed.ring().revision(), feed.view().version), (2, Version(2)));
}

#[test]
fn a_slow_feed_lets_requests_wait_until_a_ring_comes_or_none_does() {
    let ring = KeyRing::for_tests();
    let next = ring.rotate(Timestamp::default(), SeededEntropy::new(1), 0, 0).unwrap();
    let feed = RingFeed::new(ring);
    feed.set_slow(true);
    let woken = Arc::new(Woken::default());
    let waker = Arc::clone(&woken).into();
    let mut cx = std::task::Context::from_waker(&waker);
    assert!(feed.poll_newer(Version(0), &mut cx).is_pending());
    assert!(!woken.0.load(Ordering::SeqCst));
    feed.publish(next);
    assert!(woken.0.swap(false, Ordering::SeqCst));
    assert!(feed.poll_newer(Version(0), &mut cx).is_ready());
    assert!(feed.poll_newer(Version(1), &mut cx).is_pending());
    feed.set_slow(false);
    assert!(woken.0.load(Ordering::SeqCst));
    assert!(feed.poll_newer(Version(1), &mut cx).is_ready());
}

/// Whether it was woken.
#[derive(Default)]
struct Woken(AtomicBool);

impl std::task::Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::SeqCst);
    }
}

#[tokio::test]
async fn the_front_door_refuses_a_cookie_line_that_is_too_long() {
    let fleet = Fleet::new(1, 1, timer);
    let browser = fleet.browser();
    browser.set_cookie("a=12345").unwrap();
    fleet.limit_cookie_line("cookie: a=12345".len());
    let page = browser.get("/").await;
    assert_eq!((page.status, page.server()), (StatusCode::OK, Some(0)));
    browser.set_cookie("a=123456").unwrap();
    let page = browser.get("/").await;
    assert_eq!((page.status, page.server()), (StatusCode::BAD_REQUEST, None));
    assert!(page.set_cookies.is_empty());
}

/// Takes as many seconds as the path says.
fn sleeper(server: &Server) -> impl Serve<Full<bytes::Bytes>> + use<> {
    let server = server.clone();
    service_fn(move |request: Request<Full<bytes::Bytes>>| {
        let seconds = request.uri().path().trim_start_matches('/').parse().unwrap();
        let sleep = server.sleep(Duration::from_secs(seconds));
        async move {
            sleep.await;
            Ok::<_, Infallible>(Response::new(String::new()))
        }
    })
}

#[tokio::test]
async fn a_slow_handler_holds_its_request_until_the_clock_has_moved() {
    let fine = Weather { one_lost_of: 0, one_torn_of: 0 };
    let fleet = Fleet::new(1, 1, sleeper);
    let browser = fleet.browser();
    let mut traffic = fleet.traffic().weather(fine);
    traffic.send(browser.get("/100"), "slow");
    for _ in 0..3 {
        assert!(traffic.step().await.is_none());
    }
    fleet.clock().advance(Duration::from_secs(99));
    assert!(traffic.step().await.is_none());
    fleet.clock().advance(Duration::from_secs(1));
    assert!(traffic.step().await.is_none(), "answered, and on its way");
    assert!(traffic.step().await.is_some_and(|landed| landed.page().is_some()));
    assert!(traffic.is_empty());
}

#[tokio::test]
async fn what_takes_five_minutes_is_lost_unless_the_server_knows() {
    let fine = Weather { one_lost_of: 0, one_torn_of: 0 };
    let fleet = Fleet::new(1, 1, sleeper);
    let browser = fleet.browser();
    let mut traffic = fleet.traffic().weather(fine);
    // Three minutes at the server and two on the way back: nobody could know.
    traffic.send(browser.get("/180"), ());
    traffic.step().await;
    fleet.clock().advance(Duration::from_secs(180));
    traffic.step().await;
    fleet.clock().advance(Duration::from_secs(120));
    let landed = traffic.step().await.expect("the last step");
    assert!(matches!(landed.fate, Fate::Lost(Some(_))));
    // Six at the server, which can tell by its own clock.
    traffic.send(browser.get("/360"), ());
    traffic.step().await;
    fleet.clock().advance(Duration::from_secs(360));
    traffic.step().await;
    let landed = traffic.step().await.expect("the last step");
    assert!(landed.page().is_some());
}

#[tokio::test]
async fn a_network_is_as_bad_as_it_is_told_to_be() {
    let fleet = Fleet::new(1, 1, timer);
    let browser = fleet.browser();
    for (weather, whole) in [
        (Weather { one_lost_of: 0, one_torn_of: 0 }, 100..=100),
        (Weather { one_lost_of: 0, one_torn_of: 1 }, 0..=0),
        (Weather { one_lost_of: 4, one_torn_of: 0 }, 40..=75),
    ] {
        let mut traffic = fleet.traffic().weather(weather);
        (0..100).for_each(|_| traffic.send(browser.get("/"), ()));
        let mut seen = 0;
        while !traffic.is_empty() {
            let landed = traffic.step().await;
            seen += usize::from(landed.is_some_and(|landed| landed.page().is_some()));
        }
        assert!(whole.contains(&seen), "{seen} whole with {weather:?}");
    }
}
