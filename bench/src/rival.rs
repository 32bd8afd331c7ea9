//! The same with JSON in one encrypted cookie: `PrivateJar` of the crate `cookie`.

use cookie::time::Duration;
use cookie::{Cookie, CookieJar, Key, SameSite};

use crate::session::Shop;

/// A server with its key.
pub(crate) struct Rival {
    key: Key,
}

const NAME: &str = "__Host-Http-hv";

impl Rival {
    pub(crate) fn new() -> Self {
        Self { key: Key::generate() }
    }

    /// The first response.
    pub(crate) fn seal(&self, shop: &Shop) -> Vec<String> {
        let mut jar = CookieJar::new();
        self.add(&mut jar, shop);
        jar.delta().map(ToString::to_string).collect()
    }

    /// A request that only reads.
    pub(crate) fn open(&self, line: &str) -> Shop {
        self.read(&receive(line))
    }

    /// A request whose handler changes the session.
    pub(crate) fn request(&self, line: &str, change: impl FnOnce(&mut Shop)) -> Vec<String> {
        let mut jar = receive(line);
        let mut shop = self.read(&jar);
        change(&mut shop);
        self.add(&mut jar, &shop);
        jar.delta().map(ToString::to_string).collect()
    }

    fn read(&self, jar: &CookieJar) -> Shop {
        let cookie = jar.private(&self.key).get(NAME).expect("a cookie");
        serde_json::from_str(cookie.value()).expect("JSON")
    }

    fn add(&self, jar: &mut CookieJar, shop: &Shop) {
        let json = serde_json::to_string(shop).expect("JSON");
        let cookie = Cookie::build((NAME, json))
            .path("/")
            .secure(true)
            .http_only(true)
            .same_site(SameSite::Lax)
            .max_age(Duration::days(14));
        jar.private_mut(&self.key).add(cookie);
    }
}

/// As axum-extra does it.
fn receive(line: &str) -> CookieJar {
    let mut jar = CookieJar::new();
    for cookie in Cookie::split_parse(line.to_owned()).flatten() {
        jar.add_original(cookie);
    }
    jar
}
