//! A browser that talks to a service in the same process.

mod flight;
mod page;
mod request;
pub(crate) mod serve;

use std::{
    fmt,
    marker::PhantomData,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use bytes::Bytes;
use http::{HeaderMap, Method};
use http_body_util::Full;
use url::Url;

pub use self::{
    flight::{Departed, Served},
    page::Page,
    request::RequestBuilder,
    serve::{Broken, Serve},
};
use crate::{
    Clock,
    jar::{CookieJar, Refusal, Site, Snapshot},
};

/// A browser with a cookie jar and a clock, in front of a service.
///
/// It calls the service directly: no socket, no runtime of its own. Its clock stands still until
/// the test moves it, and decides only when cookies expire; a service that takes its time from the
/// same test goes along.
///
/// All requests of one browser share the jar. For a second window, [open a tab](Self::tab); for a
/// second user, make a second browser.
///
/// `B` is the type of the request's body. Services that take any, as axum routers do, get the
/// default.
pub struct Browser<S, B = Full<Bytes>> {
    service: S,
    shared: Arc<Mutex<Shared>>,
    origin: Url,
    follow: bool,
    body: PhantomData<fn() -> B>,
}

/// What the tabs of a browser have in common.
#[derive(Debug)]
struct Shared {
    jar: CookieJar,
    clock: Clock,
}

/// A test that failed elsewhere leaves a jar that is as good as before: no step of the jar calls
/// out, so none is left half done.
fn lock(shared: &Mutex<Shared>) -> MutexGuard<'_, Shared> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

impl<S: Serve<Full<Bytes>>> Browser<S> {
    /// A browser with an empty jar in front of `service`, at the origin `https://shop.example`.
    pub fn new(service: S) -> Self {
        Self::with_body(service)
    }
}

impl<S: Serve<B>, B: From<String> + Send + 'static> Browser<S, B> {
    /// As [`new`](Browser::new), for a service that takes one type of request body only.
    pub fn with_body(service: S) -> Self {
        let shared = Shared { jar: CookieJar::new(), clock: Clock::new() };
        Self {
            service,
            shared: Arc::new(Mutex::new(shared)),
            origin: http_url("https://shop.example"),
            follow: true,
            body: PhantomData,
        }
    }

    /// Visits the service at another origin, such as `http://localhost:3000`.
    ///
    /// # Panics
    ///
    /// If this is no http or https URL.
    #[must_use]
    pub fn origin(mut self, origin: &str) -> Self {
        self.origin = http_url(origin);
        self
    }

    /// Goes by `clock` from now on, in all its tabs: that of another browser, or of a
    /// [`Fleet`](crate::Fleet).
    #[must_use]
    pub fn clock(self, clock: &Clock) -> Self {
        lock(&self.shared).clock = clock.clone();
        self
    }

    /// Whether to follow redirects, which is the default.
    #[must_use]
    pub fn follow_redirects(mut self, follow: bool) -> Self {
        self.follow = follow;
        self
    }

    /// Another tab of this browser: the same jar and the same clock.
    #[must_use]
    pub fn tab(&self) -> Self {
        self.tab_on(self.service.clone())
    }

    /// Another tab, whose requests reach another server: one more of a fleet, or the same one
    /// after a deployment.
    #[must_use]
    pub fn tab_on<T: Serve<B>>(&self, service: T) -> Browser<T, B> {
        Browser {
            service,
            shared: Arc::clone(&self.shared),
            origin: self.origin.clone(),
            follow: self.follow,
            body: PhantomData,
        }
    }

    /// A GET request for `address`, a path or a whole URL.
    ///
    /// # Panics
    ///
    /// If `address` is no address.
    pub fn get(&self, address: &str) -> RequestBuilder<S, B> {
        self.request(Method::GET, address)
    }

    /// A POST request.
    ///
    /// # Panics
    ///
    /// If `address` is no address.
    pub fn post(&self, address: &str) -> RequestBuilder<S, B> {
        self.request(Method::POST, address)
    }

    /// A request by any method.
    ///
    /// # Panics
    ///
    /// If `address` is no address.
    pub fn request(&self, method: Method, address: &str) -> RequestBuilder<S, B> {
        let url = self.origin.join(address);
        let url = url.unwrap_or_else(|error| panic!("{address:?} is no address: {error}"));
        assert!(is_http(&url), "{address:?} is no http or https URL");
        RequestBuilder {
            browser: self.tab(),
            method,
            url,
            headers: HeaderMap::new(),
            body: String::new(),
            site: Site::Same,
        }
    }
}

/// The clock and the jar, which all tabs share.
impl<S, B> Browser<S, B> {
    /// What the clock says, in milliseconds since the Unix epoch; at first, the start of 2026.
    pub fn now_ms(&self) -> u64 {
        lock(&self.shared).clock.now_ms()
    }

    /// Sets the clock. It may go back; cookies that expired meanwhile stay gone.
    pub fn at(&self, now_ms: u64) {
        lock(&self.shared).clock.at(now_ms);
    }

    /// Moves the clock on.
    pub fn advance(&self, time: Duration) {
        lock(&self.shared).clock.advance(time);
    }

    /// Quits the browser and starts it again: cookies without an expiry are gone.
    pub fn restart(&self) {
        self.with_jar(CookieJar::end_session);
    }

    /// A copy of the jar to look at.
    pub fn jar(&self) -> CookieJar {
        lock(&self.shared).jar.clone()
    }

    /// Lets `f` look at the jar, or change it.
    ///
    /// The jar is locked meanwhile: `f` must not use the browser.
    pub fn with_jar<T>(&self, f: impl FnOnce(&mut CookieJar) -> T) -> T {
        f(&mut lock(&self.shared).jar)
    }

    /// The value of the cookie called `name`, if there is one now.
    pub fn cookie(&self, name: &str) -> Option<String> {
        let shared = lock(&self.shared);
        let now_ms = shared.clock.now_ms();
        let mut cookies = shared.jar.iter();
        let found = cookies.find(|cookie| cookie.name == name && !cookie.is_expired(now_ms));
        found.map(|cookie| cookie.value.clone())
    }

    /// Takes a `Set-Cookie` line, as if the origin had sent it.
    ///
    /// # Errors
    ///
    /// If a browser would ignore the line.
    pub fn set_cookie(&self, line: &str) -> Result<(), Refusal> {
        let mut shared = lock(&self.shared);
        let now_ms = shared.clock.now_ms();
        shared.jar.store(&self.origin, line.as_bytes(), Site::Same, now_ms)
    }

    /// A copy of the cookies, to be [restored](Self::restore) later, here or elsewhere.
    pub fn snapshot(&self) -> Snapshot {
        lock(&self.shared).jar.snapshot()
    }

    /// Replaces the cookies by an older state of them, or by another browser's: a restored backup,
    /// or a thief.
    pub fn restore(&self, snapshot: &Snapshot) {
        lock(&self.shared).jar.restore(snapshot);
    }
}

impl<S, B> fmt::Debug for Browser<S, B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Browser")
            .field("origin", &self.origin.as_str())
            .field("follow", &self.follow)
            .field("shared", &self.shared)
            .finish_non_exhaustive()
    }
}

fn http_url(text: &str) -> Url {
    let url = Url::parse(text).ok().filter(is_http);
    url.unwrap_or_else(|| panic!("{text:?} is no http or https URL"))
}

fn is_http(url: &Url) -> bool {
    matches!(url.scheme(), "http" | "https")
}
