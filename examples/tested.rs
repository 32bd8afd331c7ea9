//! An app that is tested with `Browser`: cookies, tabs, other servers and time, without a socket.
//!
//! `cargo test -p haversack-examples` tests it. To run it, make keys as for the other examples, then
//! `cargo run -p haversack-examples --bin tested`.

use std::collections::BTreeSet;
use std::error::Error;

use axum::Router;
use axum::extract::Path;
use axum::routing::{get, post};
use haversack_tower::{Each, Haversack, Session, SessionLayer};
use serde::{Deserialize, Serialize};

#[derive(Default, Serialize, Deserialize)]
struct Reader {
    user: Option<String>,
    starred: Each<BTreeSet<String>>,
}

async fn star(mut reader: Session<Reader>, Path(page): Path<String>) {
    reader.starred.insert(page);
}

async fn starred(reader: Session<Reader>) -> String {
    reader.starred.iter().map(String::as_str).collect::<Vec<_>>().join(" ")
}

async fn logout(mut reader: Session<Reader>) {
    reader.end();
}

fn app(sessions: Haversack<Reader>) -> Router {
    Router::new()
        .route("/star/{page}", post(star))
        .route("/starred", get(starred))
        .route("/logout", post(logout))
        .layer(SessionLayer::new(sessions))
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let keys = haversack_tower::file::watch("haversack.keys")?;
    let sessions = Haversack::builder(keys).subject("user").build()?;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:3000").await?;
    axum::serve(listener, app(sessions)).await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU64, Ordering};
    use std::time::Duration;

    use haversack_testkit::{Browser, Fleet, SeededEntropy};
    use haversack_tower::{KeyRing, Timestamp};

    use super::*;

    fn sessions() -> Haversack<Reader> {
        Haversack::builder(KeyRing::for_tests()).subject("user").build().unwrap()
    }

    #[tokio::test]
    async fn two_tabs_on_two_servers_lose_nothing() {
        let browser = Browser::new(app(sessions()));
        let tab = browser.tab_on(app(sessions())); // another server: it shares the keys alone
        browser.post("/star/zero").await;

        let left = browser.post("/star/one").depart();
        let right = tab.post("/star/two").depart(); // leaves before the other one is answered
        right.serve().await.apply();
        left.serve().await.apply();

        assert_eq!(tab.get("/starred").await.text(), "one two zero");
    }

    #[tokio::test]
    async fn a_minted_session_is_signed_in_until_logout() {
        let sessions = sessions();
        let reader =
            Reader { user: Some("ada".into()), starred: Each(BTreeSet::from(["home".into()])) };
        let browser = Browser::new(app(sessions.clone()));
        for line in sessions.mint(&reader).unwrap().set_cookies() {
            browser.set_cookie(line).unwrap();
        }
        assert_eq!(browser.get("/starred").await.text(), "home");

        browser.post("/logout").await;
        assert_eq!(browser.get("/starred").await.text(), "");
    }

    #[tokio::test]
    async fn an_idle_session_ends() {
        let time = Arc::new(AtomicU64::new(1_767_225_600_000));
        let clock = Arc::clone(&time);
        let sessions = Haversack::builder(KeyRing::for_tests())
            .clock(move || Timestamp::from_millis(clock.load(Ordering::Relaxed)))
            .build()
            .unwrap();
        let browser = Browser::new(app(sessions));
        browser.post("/star/one").await;

        let days = 2 * 24 * 3600;
        browser.advance(Duration::from_secs(days)); // the browser's clock
        time.fetch_add(days * 1000, Ordering::Relaxed); // the server's
        assert_eq!(browser.get("/starred").await.text(), "");
    }

    #[tokio::test]
    async fn a_crash_and_a_rotation_lose_nothing() {
        let fleet = Fleet::new(1, 3, |server| {
            let sessions = Haversack::builder(server.feed())
                .clock(server.clock())
                .entropy(server.entropy())
                .build();
            app(sessions.unwrap())
        });
        let browser = fleet.browser();
        browser.post("/star/one").await;

        let (now, keys) = (fleet.clock().now(), SeededEntropy::new(1));
        let overlap = KeyRing::overlap_ms(24 * 3_600_000);
        let ring = KeyRing::for_tests().rotate(now, keys, KeyRing::LEAD_MS, overlap).unwrap();
        fleet.publish(&ring);
        fleet.clock().advance(Duration::from_secs(3600)); // by now the new key seals
        fleet.crash(0);
        browser.post("/star/two").await; // of a server that is up
        fleet.restart(0);

        let restarted = browser.tab_on(fleet.only(0));
        assert_eq!(restarted.get("/starred").await.text(), "one two");
    }
}
