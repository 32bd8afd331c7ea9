//! The slot: one request's session, between the layer and the handles.

use std::future::{Future as _, poll_fn};
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Poll;

use futures_timer::Delay;
use haversack::{EncodeError, Exchange, Fetch, Info, Mark, Room, Timestamp, TooLarge};
use http::header::{CACHE_CONTROL, COOKIE, SET_COOKIE, VARY};
use http::{HeaderMap, HeaderValue, Method, Response, StatusCode};

use crate::clock::Shared;
use crate::error::OnError;
use crate::unknown::PATIENCE;
use crate::{Haversack, OpenError, SessionError, SessionRoute, SessionType, telemetry};

pub(crate) struct Slot<T> {
    request: Arc<Mutex<Request<T>>>,
}

struct Request<T> {
    sessions: Haversack<T>,
    cookies: Vec<HeaderValue>,
    unsafe_method: bool,
    fetch: Fetch,
    received: Timestamp,
    route: SessionRoute,
    stage: Stage<T>,
}

#[expect(clippy::large_enum_variant, reason = "one lives per request, and most are opened")]
enum Stage<T> {
    /// Nobody asked for the session yet.
    Untouched,
    /// A handler has it, or had it.
    Open {
        exchange: Exchange<T>,
        /// A handle was read from it: it must not be opened again.
        read: bool,
        /// Handles that are out and changed.
        changed: usize,
        encode: Option<EncodeError>,
    },
    /// The response head is written.
    Sent,
}

impl<T> Clone for Slot<T> {
    fn clone(&self) -> Self {
        Self { request: Arc::clone(&self.request) }
    }
}

impl<T: SessionType> Slot<T> {
    pub(crate) fn new(sessions: Haversack<T>, headers: &HeaderMap, method: &Method) -> Self {
        let base = sessions.base();
        let ours = |line: &&HeaderValue| haversack::mentions(base, line.as_bytes());
        let cookies = headers.get_all(COOKIE).iter().filter(ours).cloned().collect();
        let request = Request {
            received: sessions.now(),
            cookies,
            unsafe_method: !method.is_safe(),
            fetch: fetch(headers),
            route: SessionRoute::default(),
            stage: Stage::Untouched,
            sessions,
        };
        Self { request: Arc::new(Mutex::new(request)) }
    }

    /// A panic while the lock is held can only come from `T`'s own serde code; the slot is whole.
    fn lock(&self) -> MutexGuard<'_, Request<T>> {
        self.request.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) async fn open(&self, route: SessionRoute) -> Result<(T, Mark), OpenError> {
        let stale = self.lock().receive(route)?;
        if let Some(version) = stale {
            let sessions = self.lock().sessions.clone();
            sessions.wait_for_newer(version).await;
            self.lock().receive_again();
        }
        self.lock().read()
    }

    pub(crate) fn changed(&self) {
        if let Stage::Open { changed, .. } = &mut self.lock().stage {
            *changed += 1;
        }
    }

    pub(crate) fn hand_back(&self, value: &T, since: Mark) {
        match &mut self.lock().stage {
            Stage::Open { exchange, changed, encode, .. } => {
                *changed = changed.saturating_sub(1);
                if std::thread::panicking() {
                    telemetry::discarded();
                } else if let Err(error) = exchange.hand_back(value, since) {
                    encode.get_or_insert(error);
                }
            }
            Stage::Untouched => {}
            Stage::Sent => telemetry::late_write::<T>(),
        }
    }

    /// Takes back what was changed so far, ends the session, and reads what goes on.
    pub(crate) fn end(&self, handed: Option<(&T, Mark)>) -> Option<(T, Mark)> {
        if let Some((value, since)) = handed {
            self.hand_back(value, since);
        }
        match &mut self.lock().stage {
            Stage::Open { exchange, .. } => {
                exchange.end();
                let (decoded, mark) = exchange.value();
                Some((decoded.value, mark))
            }
            Stage::Untouched => None,
            Stage::Sent => {
                telemetry::late_write::<T>();
                None
            }
        }
    }

    pub(crate) fn renew(&self) {
        self.with_exchange(Exchange::renew);
    }

    pub(crate) fn authenticated(&self) {
        self.with_exchange(Exchange::authenticated);
    }

    fn with_exchange(&self, act: impl FnOnce(&mut Exchange<T>)) {
        match &mut self.lock().stage {
            Stage::Open { exchange, .. } => act(exchange),
            Stage::Untouched => {}
            Stage::Sent => telemetry::late_write::<T>(),
        }
    }

    pub(crate) fn info(&self) -> Option<Info> {
        let request = self.lock();
        match &request.stage {
            Stage::Open { exchange, .. } => Some(exchange.info(request.route.identity)),
            Stage::Untouched | Stage::Sent => None,
        }
    }

    pub(crate) fn check(&self, value: &T, since: Mark) -> Result<(), TooLarge> {
        match &self.lock().stage {
            Stage::Open { exchange, .. } => exchange.check(value, since),
            Stage::Untouched | Stage::Sent => Ok(()),
        }
    }

    /// Writes the session into the response, or replaces the response if it cannot be written.
    pub(crate) fn write<B>(
        &self,
        mut response: Response<B>,
        on_error: &impl OnError<B>,
    ) -> Response<B> {
        let mut request = self.lock();
        let stage = std::mem::replace(&mut request.stage, Stage::Sent);
        let Stage::Open { mut exchange, changed, encode, .. } = stage else {
            return response;
        };
        let mut error = encode.map(SessionError::Encode);
        if changed > 0 {
            telemetry::left_out();
            if response.status() < StatusCode::BAD_REQUEST {
                error.get_or_insert(SessionError::LeftOut);
            }
        }
        if error.is_some() {
            exchange.discard();
        }
        let room = Room {
            other_headers: head_len(response.headers()),
            identity: request.route.identity,
            maintenance: !request.route.public && !shared_caches_may_store(response.headers()),
            fetch: request.fetch,
        };
        let entropy = request.sessions.entropy().clone();
        let outcome = exchange.respond(room, request.sessions.now(), &mut Shared(&entropy));
        telemetry::responded(&outcome);
        outcome.report.overridden.iter().for_each(|it| request.sessions.overridden(it));
        if let Some(error) = error.or(outcome.error.map(SessionError::Seal)) {
            telemetry::refused::<T>(&error);
            response = on_error.response(&error);
        }
        send(response.headers_mut(), &outcome.set_cookies);
        response
    }
}

impl<T: SessionType> Request<T> {
    /// Opens the session once; names the snapshot to better if a key is unknown.
    fn receive(&mut self, route: SessionRoute) -> Result<Option<haversack::Version>, OpenError> {
        self.route = route;
        match self.stage {
            Stage::Open { .. } => Ok(None),
            Stage::Sent => {
                let error = OpenError::ResponseSent;
                tracing::error!(session = std::any::type_name::<T>(), "{error}");
                Err(error)
            }
            Stage::Untouched => {
                let exchange = self.exchange();
                let unknown = exchange.unknown_keys().next();
                let ask = unknown.is_some_and(|id| self.sessions.should_ask(id));
                let version = exchange.view().version;
                self.stage = Stage::Open { exchange, read: false, changed: 0, encode: None };
                if !ask {
                    self.arrived();
                }
                Ok(ask.then_some(version))
            }
        }
    }

    /// Opens it again under the ring that the wait may have brought, unless somebody else has read
    /// it in the meantime.
    fn receive_again(&mut self) {
        if let Stage::Open { read: false, .. } = self.stage {
            let exchange = self.exchange();
            self.stage = Stage::Open { exchange, read: false, changed: 0, encode: None };
        }
        self.arrived();
    }

    fn exchange(&self) -> Exchange<T> {
        let lines = || self.cookies.iter().map(HeaderValue::as_bytes);
        let snapshot = self.sessions.snapshot();
        let exchange = Exchange::receive(&snapshot, lines(), self.received);
        match self.sessions.without_dead(&snapshot, exchange.unknown_keys()) {
            Some(snapshot) => Exchange::receive(&snapshot, lines(), self.received),
            None => exchange,
        }
    }

    fn arrived(&self) {
        if let Stage::Open { exchange, .. } = &self.stage {
            telemetry::arrived(&exchange.arrival(), exchange.view(), self.sessions.now());
            if tracing::enabled!(tracing::Level::DEBUG) {
                telemetry::opened::<T>(&exchange.info(self.route.identity));
            }
        }
    }

    fn read(&mut self) -> Result<(T, Mark), OpenError> {
        let Stage::Open { exchange, read, changed, .. } = &mut self.stage else {
            return Err(OpenError::ResponseSent);
        };
        if *changed > 0 {
            let error = OpenError::InUse;
            tracing::error!(session = std::any::type_name::<T>(), "{error}");
            return Err(error);
        }
        if self.unsafe_method {
            exchange.writable(self.route.identity).map_err(|error| {
                telemetry::refused::<T>(&SessionError::Seal(error.clone()));
                OpenError::Unwritable(error)
            })?;
        }
        *read = true;
        let (decoded, mark) = exchange.value();
        telemetry::fields::<T>(&decoded.reports);
        Ok((decoded.value, mark))
    }
}

impl<T: SessionType> Haversack<T> {
    async fn wait_for_newer(&self, than: haversack::Version) {
        let mut delay = pin!(Delay::new(PATIENCE));
        poll_fn(|cx| match self.feed().poll_newer(than, cx) {
            Poll::Ready(()) => Poll::Ready(()),
            Poll::Pending => delay.as_mut().poll(cx),
        })
        .await;
    }
}

/// What the client says of its request (Fetch Metadata Request Headers, section 2.3); an older
/// browser only that it wants a page.
fn fetch(headers: &HeaderMap) -> Fetch {
    let says = |name: &str| headers.get(name).map(HeaderValue::as_bytes).unwrap_or_default();
    match says("sec-fetch-mode") {
        b"navigate" => Fetch::Navigation,
        b"" if says("accept").starts_with(b"text/html") => Fetch::Navigation,
        b"" => Fetch::Unknown,
        _ => Fetch::Subresource,
    }
}

/// Characters of a response head without its status line.
fn head_len(headers: &HeaderMap) -> usize {
    headers.iter().map(|(name, value)| name.as_str().len() + value.len() + ": \r\n".len()).sum()
}

/// Whether a handler declared its response fit for shared caches (RFC 9111 section 5.2.2).
fn shared_caches_may_store(headers: &HeaderMap) -> bool {
    headers.get_all(CACHE_CONTROL).iter().any(|value| {
        let value = value.as_bytes().to_ascii_lowercase();
        value
            .split(|&byte| byte == b',')
            .map(<[u8]>::trim_ascii)
            .any(|directive| directive == b"public" || directive.starts_with(b"s-maxage"))
    })
}

/// A response that sets a session is nobody else's; one that read a session depends on cookies.
fn send(headers: &mut HeaderMap, set_cookies: &[String]) {
    for line in set_cookies {
        match HeaderValue::from_str(line) {
            Ok(mut value) => {
                value.set_sensitive(true);
                headers.append(SET_COOKIE, value);
            }
            Err(error) => tracing::error!("a Set-Cookie line of ours is no header value: {error}"),
        }
    }
    if !set_cookies.is_empty() {
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    } else if !headers.contains_key(CACHE_CONTROL) {
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("private"));
    }
    let varies = headers.get_all(VARY).iter().any(|value| {
        let value = value.as_bytes().to_ascii_lowercase();
        value.split(|&byte| byte == b',').any(|name| matches!(name.trim_ascii(), b"cookie" | b"*"))
    });
    if !varies {
        headers.append(VARY, HeaderValue::from_static("cookie"));
    }
}
