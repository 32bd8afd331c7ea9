//! A single cookie with the whole session: JSON in `PrivateJar` of the crate `cookie`.

use cookie::time::Duration;
use cookie::{Cookie, CookieJar, Key, SameSite};

use crate::person::Session;

pub(crate) struct Rival {
    key: Key,
}

impl Rival {
    pub(crate) fn new() -> Self {
        Self { key: Key::generate() }
    }

    /// Characters of its `Set-Cookie` line, with the field's name and line end.
    pub(crate) fn set(&self, session: &Session) -> usize {
        let json = serde_json::to_string(session).expect("JSON");
        let cookie = Cookie::build(("__Host-Http-hv", json))
            .path("/")
            .secure(true)
            .http_only(true)
            .same_site(SameSite::Lax)
            .max_age(Duration::days(14));
        let mut jar = CookieJar::new();
        jar.private_mut(&self.key).add(cookie);
        jar.delta().map(|cookie| "Set-Cookie: \r\n".len() + cookie.to_string().len()).sum()
    }
}
