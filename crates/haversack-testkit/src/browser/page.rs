//! What a request brought back.

use std::borrow::Cow;

use bytes::Bytes;
use http::{HeaderMap, StatusCode, header};
use url::Url;

use crate::fleet::Origin;

/// A response, and what the browser had sent to get it.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Page {
    /// Where the response came from; after redirects, the last address.
    pub url: Url,
    /// The `Cookie` header of the request.
    pub request_cookie: Option<String>,
    /// The status.
    pub status: StatusCode,
    /// All headers, `Set-Cookie` among them.
    pub headers: HeaderMap,
    /// The `Set-Cookie` lines in their order; octets that are not UTF-8 are replaced.
    pub set_cookies: Vec<String>,
    /// The body.
    pub body: Bytes,
    /// The redirects that led here, first one first; their cookies are in the jar, too.
    pub redirects: Vec<Page>,
    pub(super) origin: Option<Origin>,
}

impl Page {
    /// The body as text; octets that are not UTF-8 are replaced.
    pub fn text(&self) -> Cow<'_, str> {
        String::from_utf8_lossy(&self.body)
    }

    /// The header called `name`, if it is there and text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// Which server of a [`Fleet`](crate::Fleet) answered.
    pub fn server(&self) -> Option<usize> {
        self.origin.as_ref().map(|origin| origin.server)
    }

    /// The lines as they came.
    pub(super) fn set_cookie_lines(&self) -> impl Iterator<Item = &[u8]> {
        self.headers.get_all(header::SET_COOKIE).iter().map(http::HeaderValue::as_bytes)
    }

    pub(super) fn new(
        url: Url,
        request_cookie: Option<String>,
        response: http::Response<Bytes>,
    ) -> Self {
        let (head, body) = response.into_parts();
        let lines = head.headers.get_all(header::SET_COOKIE).iter();
        let set_cookies = lines.map(|line| String::from_utf8_lossy(line.as_bytes()).into_owned());
        Self {
            url,
            request_cookie,
            status: head.status,
            set_cookies: set_cookies.collect(),
            headers: head.headers,
            body,
            redirects: Vec::new(),
            origin: head.extensions.get().cloned(),
        }
    }
}
