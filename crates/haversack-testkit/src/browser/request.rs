//! A request in the making, and how a browser follows redirects.

use std::{borrow::Borrow, fmt};

use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use url::{Url, form_urlencoded};

use super::{Broken, Browser, Departed, Page, Serve, serve::BoxFuture};
use crate::jar::Site;

/// Browsers give up after 20 redirects; a service that needs more than 10 has a loop.
const MAX_REDIRECTS: usize = 10;

/// A request that has not left yet.
///
/// Awaiting it sends it, applies the response and follows redirects. [`depart`](Self::depart)
/// takes these steps one by one.
#[must_use = "a request does nothing until it is awaited or departs"]
pub struct RequestBuilder<S, B> {
    pub(super) browser: Browser<S, B>,
    pub(super) method: Method,
    pub(super) url: Url,
    pub(super) headers: HeaderMap,
    pub(super) body: String,
    pub(super) site: Site,
}

impl<S, B> fmt::Debug for RequestBuilder<S, B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RequestBuilder")
            .field("method", &self.method)
            .field("url", &self.url.as_str())
            .field("headers", &self.headers)
            .field("body", &self.body)
            .field("site", &self.site)
            .finish_non_exhaustive()
    }
}

impl<S: Serve<B>, B: From<String> + Send + 'static> RequestBuilder<S, B> {
    /// Adds a header. One that the browser would send itself (`Cookie`, `Host`, `Origin`,
    /// `Sec-Fetch-Site`) is sent as given here instead.
    ///
    /// A `Cookie` given here is gone on the next request of a redirect; the jar is back then.
    ///
    /// # Panics
    ///
    /// If this is no header.
    pub fn header<N, V>(mut self, name: N, value: V) -> Self
    where
        N: TryInto<HeaderName, Error: fmt::Debug>,
        V: TryInto<HeaderValue, Error: fmt::Debug>,
    {
        let name = name.try_into().expect("the name of a header");
        self.headers.append(name, value.try_into().expect("the value of a header"));
        self
    }

    /// Sends `pairs` as an HTML form does.
    pub fn form<I, K, V>(self, pairs: I) -> Self
    where
        I: IntoIterator<Item: Borrow<(K, V)>>,
        K: AsRef<str>,
        V: AsRef<str>,
    {
        let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish();
        self.body("application/x-www-form-urlencoded", body)
    }

    /// Sends what `value` displays as JSON; `serde_json::json!({ "id": 7 })` is such a value.
    pub fn json(self, value: impl fmt::Display) -> Self {
        self.body("application/json", value.to_string())
    }

    /// Sends a body of any type.
    ///
    /// # Panics
    ///
    /// If `content_type` is no header value.
    pub fn body(mut self, content_type: &str, body: impl Into<String>) -> Self {
        let value = HeaderValue::from_str(content_type).expect("the value of a header");
        self.headers.insert(header::CONTENT_TYPE, value);
        self.body = body.into();
        self
    }

    /// Has another site's link or form send this request: `SameSite` applies, and `Origin` and
    /// `Sec-Fetch-Site` say so.
    pub fn cross_site(mut self) -> Self {
        self.site = Site::CrossNavigation;
        self
    }

    /// Has another site's page embed or fetch this: of all cookies only those with
    /// `SameSite=None` are sent and taken.
    pub fn cross_site_embedded(mut self) -> Self {
        self.site = Site::CrossEmbedded;
        self
    }

    /// Sends the request off: the cookies that go with it are chosen now, and what happens to the
    /// jar from now on does not change them.
    ///
    /// # Panics
    ///
    /// If no request can be made of the address, the headers and the cookies.
    pub fn depart(self) -> Departed<S, B> {
        Departed::new(self)
    }

    /// As awaiting the request does, but returns it if there is no complete response.
    ///
    /// # Errors
    ///
    /// If the service or a body fails. Redirects until then have been applied.
    ///
    /// # Panics
    ///
    /// After ten redirects.
    pub async fn send(self) -> Result<Page, Broken> {
        let mut next = Some(self);
        let mut redirects = Vec::new();
        loop {
            let request = next.take().expect("a request, the first or that of a redirect");
            let follow_up = request.follow_up();
            let mut page = request.depart().try_serve().await?.apply();
            match follow_up.and_then(|follow_up| follow_up.after(&page)) {
                None => {
                    page.redirects = redirects;
                    return Ok(page);
                }
                request => next = request,
            }
            redirects.push(page);
            assert!(
                redirects.len() <= MAX_REDIRECTS,
                "more than {MAX_REDIRECTS} redirects: {:?}",
                redirects.iter().map(|page| page.url.as_str()).collect::<Vec<_>>(),
            );
        }
    }

    /// The same request once more, in case the answer is a redirect.
    fn follow_up(&self) -> Option<Self> {
        self.browser.follow.then(|| Self {
            browser: self.browser.tab(),
            method: self.method.clone(),
            url: self.url.clone(),
            headers: self.headers.clone(),
            body: self.body.clone(),
            site: self.site,
        })
    }

    /// This request as the redirect `page` wants it (Fetch standard, "HTTP-redirect fetch").
    ///
    /// `None` if `page` is no redirect, or leads to another origin: this service is not there.
    fn after(mut self, page: &Page) -> Option<Self> {
        let to_get = match page.status {
            StatusCode::MOVED_PERMANENTLY | StatusCode::FOUND => self.method == Method::POST,
            StatusCode::SEE_OTHER => self.method != Method::HEAD,
            StatusCode::TEMPORARY_REDIRECT | StatusCode::PERMANENT_REDIRECT => false,
            _ => return None,
        };
        let target = self.url.join(page.header("location")?).ok()?;
        if target.origin() != self.url.origin() {
            return None;
        }
        if to_get {
            self.method = Method::GET;
            self.body.clear();
            self.headers.remove(header::CONTENT_TYPE);
            self.headers.remove(header::CONTENT_LENGTH);
        }
        self.headers.remove(header::COOKIE);
        self.url = target;
        Some(self)
    }
}

impl<S: Serve<B>, B: From<String> + Send + 'static> IntoFuture for RequestBuilder<S, B> {
    type Output = Page;
    type IntoFuture = BoxFuture<Page>;

    /// Sends the request and follows redirects.
    ///
    /// # Panics
    ///
    /// If there is no complete response, or after ten redirects.
    fn into_future(self) -> Self::IntoFuture {
        let what = format!("{} {}", self.method, self.url);
        Box::pin(async move {
            match self.send().await {
                Ok(page) => page,
                Err(broken) => panic!("{what}: {broken}"),
            }
        })
    }
}
