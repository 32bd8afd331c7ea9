//! Heads: the session's lines in a request, and what a response says of the session.

use haversack::{Exchange, Fetch, Outcome, Snapshot, Timestamp, Transport};
use http::header::{CACHE_CONTROL, COOKIE, SET_COOKIE, VARY};
use http::{HeaderMap, HeaderName, HeaderValue};

use crate::{Haversack, SessionType};

/// The lines of a request that carry its session.
pub(crate) struct Lines {
    transport: Transport,
    values: Vec<HeaderValue>,
}

impl Lines {
    /// A request with our header is read from it alone.
    pub(crate) fn of<T>(sessions: &Haversack<T>, headers: &HeaderMap) -> Self {
        if let Some(name) = sessions.header().filter(|name| headers.contains_key(*name)) {
            let values = headers.get_all(name).iter().cloned().collect();
            return Self { transport: Transport::Header, values };
        }
        let ours = |line: &&HeaderValue| haversack::mentions(sessions.base(), line.as_bytes());
        let values = headers.get_all(COOKIE).iter().filter(ours).cloned().collect();
        Self { transport: Transport::Cookies, values }
    }

    pub(crate) fn receive<T: SessionType>(
        &self,
        snapshot: &Snapshot<T>,
        now: Timestamp,
    ) -> Exchange<T> {
        let lines = || self.values.iter().map(HeaderValue::as_bytes);
        let in_header = match self.transport {
            Transport::Header => Exchange::receive_header(snapshot, lines(), now),
            Transport::Cookies => None,
        };
        in_header.unwrap_or_else(|| Exchange::receive(snapshot, lines(), now))
    }
}

/// What the client says of its request (Fetch Metadata Request Headers, section 2.3); an older
/// browser only that it wants a page.
pub(crate) fn fetch(headers: &HeaderMap) -> Fetch {
    let says = |name: &str| headers.get(name).map(HeaderValue::as_bytes).unwrap_or_default();
    match says("sec-fetch-mode") {
        b"navigate" => Fetch::Navigation,
        b"" if says("accept").starts_with(b"text/html") => Fetch::Navigation,
        b"" => Fetch::Unknown,
        _ => Fetch::Subresource,
    }
}

/// Characters of a response head without its status line.
pub(crate) fn len(headers: &HeaderMap) -> usize {
    headers.iter().map(|(name, value)| name.as_str().len() + value.len() + ": \r\n".len()).sum()
}

/// Whether a handler declared its response fit for shared caches (RFC 9111 section 5.2.2).
pub(crate) fn shared_caches_may_store(headers: &HeaderMap) -> bool {
    headers.get_all(CACHE_CONTROL).iter().any(|value| {
        let value = value.as_bytes().to_ascii_lowercase();
        value
            .split(|&byte| byte == b',')
            .map(<[u8]>::trim_ascii)
            .any(|directive| directive == b"public" || directive.starts_with(b"s-maxage"))
    })
}

/// A response that sets a session is nobody else's; one that read a session depends on what may
/// carry it: on cookies, and on the header if there is one, whichever it was this time. A page with
/// a form token is of that session alone, whatever the handler said.
pub(crate) fn send(headers: &mut HeaderMap, outcome: &Outcome, header: Option<&HeaderName>) {
    for line in &outcome.set_cookies {
        if let Some(value) = sensitive(line) {
            headers.append(SET_COOKIE, value);
        }
    }
    if let (Some(name), Some(value)) = (header, &outcome.header)
        && let Some(value) = sensitive(value)
    {
        headers.insert(name, value);
    }
    if !outcome.set_cookies.is_empty() || outcome.header.is_some() {
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    } else if !headers.contains_key(CACHE_CONTROL)
        || (outcome.report.token && shared_caches_may_store(headers))
    {
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("private"));
    }
    vary(headers, &COOKIE);
    if let Some(name) = header {
        vary(headers, name);
    }
}

fn sensitive(line: &str) -> Option<HeaderValue> {
    match HeaderValue::from_str(line) {
        Ok(mut value) => {
            value.set_sensitive(true);
            Some(value)
        }
        Err(error) => {
            tracing::error!("a line of ours is no header value: {error}");
            None
        }
    }
}

fn vary(headers: &mut HeaderMap, on: &HeaderName) {
    let varies = headers.get_all(VARY).iter().any(|value| {
        let value = value.as_bytes().to_ascii_lowercase();
        let mut names = value.split(|&byte| byte == b',').map(<[u8]>::trim_ascii);
        names.any(|name| name == on.as_str().as_bytes() || name == b"*")
    });
    if !varies {
        headers.append(VARY, HeaderValue::from(on.clone()));
    }
}
