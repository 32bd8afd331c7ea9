//! A request under way and a response that has not arrived: where tabs overlap and lines tear.

use std::{
    fmt,
    sync::{Arc, Mutex},
};

use http::{HeaderValue, Method, Request, header};
use url::Url;

use super::{Broken, Page, RequestBuilder, Serve, Shared, lock};
use crate::{
    Clock,
    fleet::Origin,
    jar::{Site, is_secure},
};

/// The site that cross-site requests come from.
const ELSEWHERE: &str = "https://elsewhere.example";

/// A request that has left: its cookies are chosen, the service has not seen it.
#[must_use = "the service does not see a request until it is served"]
pub struct Departed<S, B> {
    service: S,
    request: Request<B>,
    cookie: Option<String>,
    shared: Arc<Mutex<Shared>>,
    url: Url,
    site: Site,
}

impl<S, B> fmt::Debug for Departed<S, B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Departed")
            .field("method", self.request.method())
            .field("url", &self.url.as_str())
            .field("cookie", &self.cookie)
            .finish_non_exhaustive()
    }
}

impl<S: Serve<B>, B: From<String> + Send + 'static> Departed<S, B> {
    pub(super) fn new(builder: RequestBuilder<S, B>) -> Self {
        let RequestBuilder { browser, method, url, headers, body, site } = builder;
        let given: Vec<_> = headers.get_all(header::COOKIE).iter().collect();
        let cookie = if given.is_empty() {
            let mut shared = lock(&browser.shared);
            let now_ms = shared.clock.now_ms();
            shared.jar.header_for(&url, &method, site, now_ms)
        } else {
            // Several lines mean what one line with all of them means (RFC 9113 section 8.2.3).
            let lines = given.iter().map(|line| String::from_utf8_lossy(line.as_bytes()));
            Some(lines.collect::<Vec<_>>().join("; "))
        };
        let mut request = Request::new(B::from(body));
        *request.method_mut() = method;
        *request.uri_mut() = url[url::Position::BeforePath..url::Position::AfterQuery]
            .parse()
            .expect("a path and query");
        *request.headers_mut() = headers;
        add_own_headers(&mut request, &url, cookie.as_deref(), site);
        Self { service: browser.service, request, cookie, shared: browser.shared, url, site }
    }

    /// The `Cookie` header that went with the request.
    pub fn cookie(&self) -> Option<&str> {
        self.cookie.as_deref()
    }

    pub(crate) fn clock(&self) -> Clock {
        lock(&self.shared).clock.clone()
    }

    /// Has the service answer. The response does not reach the jar until it is
    /// [applied](Served::apply); redirects are not followed.
    ///
    /// # Panics
    ///
    /// If there is no complete response.
    pub async fn serve(self) -> Served {
        let what = format!("{} {}", self.request.method(), self.url);
        match self.try_serve().await {
            Ok(served) => served,
            Err(broken) => panic!("{what}: {broken}"),
        }
    }

    /// As [`serve`](Self::serve), but returns it if there is no complete response.
    ///
    /// # Errors
    ///
    /// If the service or the body fails.
    pub async fn try_serve(self) -> Result<Served, Broken> {
        let response = self.service.serve(self.request).await?;
        let page = Page::new(self.url, self.cookie, response);
        Ok(Served { page, shared: self.shared, site: self.site })
    }
}

/// The headers a browser adds, where the test has not given its own.
///
/// Checks against cross-site forgery go by `Origin` and `Sec-Fetch-Site`, so a browser without
/// them would pass where a real one does not.
fn add_own_headers<B>(request: &mut Request<B>, url: &Url, cookie: Option<&str>, site: Site) {
    let host = url[url::Position::BeforeHost..url::Position::AfterPort].to_owned();
    let (own, fetch_site) = match site {
        Site::Same => (url.origin().ascii_serialization(), "same-origin"),
        Site::CrossNavigation | Site::CrossEmbedded => (ELSEWHERE.to_owned(), "cross-site"),
    };
    let origin = match *request.method() {
        Method::GET | Method::HEAD => None,
        _ => Some(own.as_str()),
    };
    // Browsers send this one to addresses they trust only.
    let fetch_site = is_secure(url).then_some(fetch_site);
    for (name, value) in [
        (header::HOST, Some(host.as_str())),
        (header::ORIGIN, origin),
        (header::HeaderName::from_static("sec-fetch-site"), fetch_site),
        (header::COOKIE, cookie),
    ] {
        if let Some(value) = value.filter(|_| !request.headers().contains_key(&name)) {
            let value = HeaderValue::from_bytes(value.as_bytes())
                .expect("the jar keeps no control characters");
            request.headers_mut().insert(name, value);
        }
    }
}

/// A response that the server sent and the browser has not received.
///
/// Apply responses in any order: that is how overlapping requests differ from a sequence. Dropping
/// one is a lost response: the server has acted, the jar never hears of it.
#[derive(Debug)]
#[must_use = "a response that is not applied is lost"]
pub struct Served {
    page: Page,
    shared: Arc<Mutex<Shared>>,
    site: Site,
}

impl Served {
    /// What the server sent.
    pub fn page(&self) -> &Page {
        &self.page
    }

    /// Whether the server of a [`Fleet`](crate::Fleet) that answered has crashed since.
    pub fn has_crashed(&self) -> bool {
        self.page.origin.as_ref().is_some_and(Origin::has_crashed)
    }

    /// Applies every `Set-Cookie` line, at the present time of the browser's clock.
    pub fn apply(self) -> Page {
        self.apply_lines(usize::MAX)
    }

    /// Applies the first `lines` of the `Set-Cookie` lines: the connection broke, or the tab was
    /// closed, and the rest never came.
    pub fn apply_lines(self, lines: usize) -> Page {
        let mut shared = lock(&self.shared);
        let Shared { jar, clock } = &mut *shared;
        let now_ms = clock.now_ms();
        for line in self.page.set_cookie_lines().take(lines) {
            // The browser goes on without a line it does not take; the jar keeps it on record.
            let _ = jar.store(&self.page.url, line, self.site, now_ms);
        }
        drop(shared);
        self.page
    }

    /// Loses the response, as dropping it does, and shows what was lost.
    pub fn lose(self) -> Page {
        self.page
    }
}
