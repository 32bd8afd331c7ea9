//! Each misuse has its own answer, and none is silent.

use std::time::Duration;

use axum::extract::Request;
use axum::http::StatusCode;
use axum::middleware::{Next, from_fn};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Extension, Router};
use haversack_testkit::Browser;
use haversack_tower::{OpenError, Session, SessionError, SessionLayer};
use tokio::sync::oneshot;

use crate::shop::{Clock, Shop, sessions};

fn browser(router: Router) -> Browser<Router> {
    Browser::new(router.layer(SessionLayer::new(sessions(&Clock::new()))))
}

async fn bump(mut shop: Session<Shop>) {
    shop.theme.push('x');
}

async fn theme(shop: Session<Shop>) -> String {
    shop.theme.clone()
}

#[tokio::test]
async fn without_the_layer_it_is_500_and_not_an_empty_session() {
    let browser = Browser::new(Router::new().route("/", get(theme)));
    assert_eq!(browser.get("/").await.status, StatusCode::INTERNAL_SERVER_ERROR);
}

#[tokio::test]
async fn a_middleware_that_only_reads_may_hold_its_handle_across_the_handler() {
    async fn auth(shop: Session<Shop>, request: Request, next: Next) -> Response {
        let response = next.run(request).await;
        assert_eq!(shop.theme, "", "its own copy");
        response
    }
    let browser = browser(
        Router::new().route("/", get(theme)).route("/bump", post(bump)).layer(from_fn(auth)),
    );
    assert_eq!(browser.post("/bump").await.status, StatusCode::OK);
}

#[tokio::test]
async fn a_second_handle_while_the_first_is_changed_is_500() {
    async fn eager(mut shop: Session<Shop>, request: Request, next: Next) -> Response {
        shop.theme.push('a');
        next.run(request).await
    }
    let browser = browser(Router::new().route("/", get(theme)).layer(from_fn(eager)));
    assert_eq!(browser.get("/").await.status, StatusCode::INTERNAL_SERVER_ERROR);
}

#[tokio::test]
async fn a_second_handle_after_the_first_was_dropped_sees_its_changes_and_both_are_written() {
    async fn first(mut shop: Session<Shop>, request: Request, next: Next) -> Response {
        shop.theme.push('a');
        drop(shop);
        next.run(request).await
    }
    let router =
        Router::new().route("/bump", post(bump)).layer(from_fn(first)).route("/", get(theme));
    let browser = browser(router);
    assert_eq!(browser.post("/bump").await.status, StatusCode::OK);
    assert_eq!(browser.get("/").await.text(), "ax");
}

#[tokio::test]
async fn of_two_handles_the_later_return_wins_field_by_field() {
    async fn crate_json(shop: Session<Shop>) -> String {
        serde_json::to_string(&*shop).expect("JSON")
    }
    async fn outer(mut shop: Session<Shop>, request: Request, next: Next) -> Response {
        let response = next.run(request).await;
        shop.cart.insert(1, "outer".into());
        response
    }
    let router =
        Router::new().route("/bump", post(bump)).layer(from_fn(outer)).route("/", get(crate_json));
    let browser = browser(router);
    browser.post("/bump").await;
    let shop: Shop = serde_json::from_str(&browser.get("/").await.text()).expect("a shop");
    assert_eq!((shop.theme.as_str(), shop.cart.len()), ("x", 1));
}

#[tokio::test]
async fn a_changed_handle_that_is_still_out_replaces_a_success() {
    async fn leak(mut shop: Session<Shop>, Extension(status): Extension<StatusCode>) -> StatusCode {
        shop.theme.push('x');
        std::mem::forget(shop);
        status
    }
    let with =
        |status: StatusCode| browser(Router::new().route("/", post(leak)).layer(Extension(status)));
    assert_eq!(with(StatusCode::OK).post("/").await.status, StatusCode::INTERNAL_SERVER_ERROR);
    assert_eq!(with(StatusCode::NOT_FOUND).post("/").await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_write_after_the_response_head_is_lost_and_does_no_other_harm() {
    #[derive(Clone)]
    struct Gate(std::sync::Arc<std::sync::Mutex<Option<oneshot::Receiver<()>>>>);
    async fn spawn(mut shop: Session<Shop>, Extension(gate): Extension<Gate>) -> &'static str {
        let open = gate.0.lock().expect("one").take().expect("one request");
        tokio::spawn(async move {
            let _ = open.await;
            shop.theme.push('x');
        });
        "answered"
    }
    let (open, gate) = oneshot::channel();
    let gate = Gate(std::sync::Arc::new(std::sync::Mutex::new(Some(gate))));
    let browser = browser(Router::new().route("/", post(spawn)).layer(Extension(gate)));
    let page = browser.post("/").await;
    assert_eq!((page.status, page.set_cookies.len()), (StatusCode::OK, 0));
    open.send(()).expect("still waiting");
    tokio::time::sleep(Duration::from_millis(20)).await;
}

#[tokio::test]
async fn a_panic_discards_what_its_handle_changed() {
    async fn burst(shop: Option<Extension<()>>, request: Request) -> Response {
        let _ = shop;
        let task = tokio::spawn(async move {
            let mut shop = Session::<Shop>::open(request.extensions()).await.expect("a session");
            shop.theme.push('x');
            panic!("in the handler");
        });
        assert!(task.await.is_err());
        "survived".into_response()
    }
    let browser = browser(Router::new().route("/", post(burst)).route("/theme", get(theme)));
    let page = browser.post("/").await;
    assert_eq!((page.text().as_ref(), page.set_cookies.len()), ("survived", 0));
}

#[tokio::test]
async fn what_cannot_be_encoded_is_500_and_the_hook_says_why() {
    #[derive(Default)]
    struct Odd {
        broken: bool,
    }
    impl serde::Serialize for Odd {
        fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            use serde::ser::{Error as _, SerializeMap as _};
            if self.broken {
                return Err(S::Error::custom("a value without an encoding"));
            }
            serializer.serialize_map(Some(0))?.end()
        }
    }
    impl<'de> serde::Deserialize<'de> for Odd {
        fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
            std::collections::BTreeMap::<String, serde::de::IgnoredAny>::deserialize(deserializer)?;
            Ok(Self::default())
        }
    }
    let sessions =
        haversack_tower::Haversack::<Odd>::builder(haversack_tower::KeyRing::for_tests()).build();
    let layer = SessionLayer::new(sessions.expect("a map")).on_error(|error: &SessionError| {
        let mut response = Response::new(axum::body::Body::from(error.to_string()));
        *response.status_mut() = error.status();
        response
    });
    let router = Router::new()
        .route("/", post(|mut odd: Session<Odd>| async move { odd.broken = true }))
        .layer(layer);
    let page = Browser::new(router).post("/").await;
    assert_eq!(page.status, StatusCode::INTERNAL_SERVER_ERROR);
    assert!(page.text().contains("a value without an encoding"), "{}", page.text());
}

#[test]
fn every_open_error_says_how_to_put_it_right() {
    assert!(OpenError::MissingLayer.to_string().contains(".layer(SessionLayer::new(sessions))"));
    assert!(OpenError::InUse.to_string().contains("next.run(request)"));
}
