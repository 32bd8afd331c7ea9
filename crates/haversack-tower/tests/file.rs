//! Servers that share a key ring file: it is rotated while they run, and what one revokes all know.

use std::path::Path;
use std::time::{Duration, Instant};

use axum::body::Body;
use axum::http::{Request, StatusCode, header};
use axum::routing::{get, post};
use axum::{Router, http};
use haversack::{Entropy, NoEntropy};
use haversack_testkit::{Browser, CookieJar};
use haversack_tower::{
    Clock, Feed, Haversack, KeyRing, Session, SessionLayer, SystemClock, Timestamp, file,
};
use http_body_util::BodyExt as _;
use serde::{Deserialize, Serialize};
use tower::ServiceExt as _;

const HOUR: u64 = 3_600_000;

/// Far beyond anything that works: how long it takes is not what these tests are about.
const PATIENCE: Duration = Duration::from_secs(30);

#[derive(Default, Serialize, Deserialize)]
struct Shop {
    user: Option<String>,
}

struct Os;

impl Entropy for Os {
    fn fill(&mut self, bytes: &mut [u8]) -> Result<(), NoEntropy> {
        getrandom::fill(bytes).map_err(|_| NoEntropy)
    }
}

fn server(path: &Path) -> Haversack<Shop> {
    Haversack::builder(file::watch(path).unwrap()).subject("user").build().unwrap()
}

async fn visit(sessions: &Haversack<Shop>, cookie: &str) -> String {
    async fn user(shop: Session<Shop>) -> String {
        shop.user.clone().unwrap_or_else(|| "nobody".to_owned())
    }

    let app = Router::new().route("/", get(user)).layer(SessionLayer::new(sessions.clone()));
    let request = Request::get("/").header(header::COOKIE, cookie).body(Body::empty()).unwrap();
    let response: http::Response<Body> = app.oneshot(request).await.unwrap();
    assert_eq!(response.status(), StatusCode::OK);
    let body = response.into_body().collect().await.unwrap().to_bytes();
    String::from_utf8(body.to_vec()).unwrap()
}

fn signed_in(sessions: &Haversack<Shop>) -> String {
    let shop = Shop { user: Some("ada".to_owned()) };
    sessions.mint(&shop).unwrap().cookie_header()
}

#[tokio::test]
async fn what_one_server_seals_with_a_new_key_another_opens_at_once() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("haversack.keys");
    let now = SystemClock.now();
    let an_hour_ago = Timestamp::from_millis(now.as_millis() - HOUR);
    file::create(&path, &KeyRing::generate("shop.example", an_hour_ago, Os).unwrap()).unwrap();
    let running = server(&path);
    let before = signed_in(&running);

    // Without any lead, so that only asking for the ring can help.
    let ring = file::update(&path, |ring| ring.rotate(now, Os, 0, HOUR)).unwrap();
    assert_eq!(ring.revision(), 2);
    let started_later = server(&path);
    assert_eq!(file::watch(&path).unwrap().view().ring.revision(), 2);
    assert_eq!(visit(&running, &signed_in(&started_later)).await, "ada");
    assert_eq!(visit(&started_later, &before).await, "ada");
}

#[tokio::test]
async fn a_server_outlives_its_file() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("haversack.keys");
    let ring = KeyRing::generate("shop.example", SystemClock.now(), Os).unwrap();
    file::create(&path, &ring).unwrap();
    let sessions = server(&path);
    std::fs::remove_file(&path).unwrap();
    assert_eq!(visit(&sessions, &signed_in(&sessions)).await, "ada");
    // Asking for a newer ring leads nowhere, and the request goes on without one.
    let stranger = KeyRing::generate("shop.example", SystemClock.now(), Os).unwrap();
    let stranger = Haversack::<Shop>::builder(stranger).subject("user").build().unwrap();
    assert_eq!(visit(&sessions, &signed_in(&stranger)).await, "nobody");
}

/// Signs in and out, and shows who it is.
fn app(sessions: &Haversack<Shop>) -> Router {
    async fn user(shop: Session<Shop>) -> String {
        shop.user.clone().unwrap_or_else(|| "nobody".to_owned())
    }
    async fn login(mut shop: Session<Shop>) {
        shop.user = Some("ada".to_owned());
    }
    async fn logout(mut shop: Session<Shop>) {
        shop.end();
    }

    Router::new()
        .route("/", get(user))
        .route("/login", post(login))
        .route("/logout", post(logout))
        .layer(SessionLayer::new(sessions.clone()))
}

fn new_ring(path: &Path) {
    let ring = KeyRing::generate("shop.example", SystemClock.now(), Os).unwrap();
    file::create(path, &ring).unwrap();
}

/// Who a jar belongs to on a server that is asked again and again, until it is `expected`.
async fn becomes(server: &Browser<Router>, jar: &CookieJar, expected: &str) {
    let begun = Instant::now();
    loop {
        // What the server deletes in its answers must not be what helps.
        server.with_jar(|present| *present = jar.clone());
        let page = server.get("/").await;
        if page.text() == expected {
            return;
        }
        assert!(begun.elapsed() < PATIENCE, "still {}", page.text());
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test]
async fn after_a_logout_a_restored_jar_is_refused_by_every_server_that_watches_the_file() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("haversack.keys");
    new_ring(&path);
    let (one, two) = (server(&path), server(&path));
    let browser = Browser::new(app(&one));
    browser.at(SystemClock.now().as_millis());
    assert_eq!(browser.post("/login").await.status, StatusCode::OK);
    let elsewhere = browser.tab_on(app(&two));
    let jar = browser.jar();
    assert_eq!(elsewhere.get("/").await.text(), "ada");

    assert_eq!(browser.post("/logout").await.status, StatusCode::OK);
    browser.with_jar(|present| *present = jar.clone());
    assert_eq!(browser.get("/").await.text(), "nobody", "at once where it ended");
    becomes(&elsewhere, &jar, "nobody").await;
    // It outlives both servers.
    drop((one, two, browser));
    let later = elsewhere.tab_on(app(&server(&path)));
    later.with_jar(|present| *present = jar.clone());
    assert_eq!(later.get("/").await.text(), "nobody");
}

const VARIABLE: &str = "HAVERSACK_TEST_READONLY";
/// `nobody`, on the systems that this runs on: root may write anywhere.
#[cfg(unix)]
const NOBODY: u32 = 65534;

#[cfg(unix)]
#[tokio::test]
async fn where_the_directory_is_read_only_a_logout_holds_on_that_server() {
    use std::fs::{Permissions, metadata, set_permissions};
    use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, chown};
    use std::os::unix::process::CommandExt as _;
    use std::process::Command;

    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("haversack.keys");
    new_ring(&path);
    let set_mode = |path: &Path, mode| set_permissions(path, Permissions::from_mode(mode)).unwrap();
    let root = metadata(&path).unwrap().uid() == 0;
    if root {
        chown(&path, None, Some(NOBODY)).unwrap();
        set_mode(&path, 0o440);
    }
    set_mode(dir.path(), 0o555);
    if root {
        let mut itself = Command::new(std::env::current_exe().unwrap());
        itself.args(["--exact", "reader", "--nocapture"]).env(VARIABLE, &path);
        let done = itself.uid(NOBODY).gid(NOBODY).output().unwrap();
        let said = String::from_utf8_lossy(&done.stdout);
        assert!(done.status.success() && said.contains("logged out"), "{said}");
    } else {
        log_out_where_nothing_can_be_written(&path).await;
    }
    set_mode(dir.path(), 0o755);
}

/// Not a test of its own: what runs as a user that may only read.
#[tokio::test]
async fn reader() {
    let Some(path) = std::env::var_os(VARIABLE) else { return };
    log_out_where_nothing_can_be_written(Path::new(&path)).await;
    println!("logged out");
}

async fn log_out_where_nothing_can_be_written(path: &Path) {
    let watched = file::watch(path).unwrap();
    assert!(watched.fleet().status().report.read_only);
    let here = Haversack::builder(watched).subject("user").build().unwrap();
    let there = server(path);
    let browser = Browser::new(app(&here));
    browser.at(SystemClock.now().as_millis());
    browser.post("/login").await;
    let jar = browser.jar();
    let page = browser.post("/logout").await;
    assert_eq!(page.status, StatusCode::OK);
    assert_eq!(browser.get("/").await.text(), "nobody");
    browser.with_jar(|present| *present = jar.clone());
    assert_eq!(browser.get("/").await.text(), "nobody", "it holds here");
    let elsewhere = browser.tab_on(app(&there));
    elsewhere.with_jar(|present| *present = jar);
    assert_eq!(elsewhere.get("/").await.text(), "ada", "and only here, as documented");
}
