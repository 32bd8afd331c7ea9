//! The slot: one request's session, between the layer and the handles.

use std::future::{Future as _, poll_fn};
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Poll;

use futures_timer::Delay;
use haversack::{EncodeError, Exchange, Fetch, Info, Mark, Outcome, Room, Timestamp, TooLarge};
use http::{HeaderMap, Method, Response, StatusCode};

use crate::clock::Shared;
use crate::error::OnError;
use crate::head::{self, Lines};
use crate::publish::Publishing;
use crate::unknown::PATIENCE;
use crate::{Haversack, OpenError, SessionError, SessionRoute, SessionType, telemetry};

pub(crate) struct Slot<T> {
    request: Arc<Mutex<Request<T>>>,
}

struct Request<T> {
    sessions: Haversack<T>,
    lines: Lines,
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

/// What the session adds to a response.
pub(crate) struct Written {
    outcome: Outcome,
    pub(crate) error: Option<SessionError>,
    /// The response waits until the fleet knows that the session has ended.
    pub(crate) publication: Option<Publishing>,
}

impl<T> Clone for Slot<T> {
    fn clone(&self) -> Self {
        Self { request: Arc::clone(&self.request) }
    }
}

impl<T: SessionType> Slot<T> {
    pub(crate) fn new(sessions: Haversack<T>, headers: &HeaderMap, method: &Method) -> Self {
        let request = Request {
            received: sessions.now(),
            lines: Lines::of(&sessions, headers),
            unsafe_method: !method.is_safe(),
            fetch: head::fetch(headers),
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

    pub(crate) fn label(&self, text: &str) {
        self.with_exchange(|exchange| exchange.label(text));
    }

    /// Asks the exchange for something; `None` once the response is written.
    pub(crate) fn ask<R>(
        &self,
        act: impl FnOnce(&mut Exchange<T>, &mut Shared<'_>) -> R,
    ) -> Option<R> {
        let mut request = self.lock();
        let entropy = request.sessions.entropy().clone();
        match &mut request.stage {
            Stage::Open { exchange, .. } => Some(act(exchange, &mut Shared(&entropy))),
            Stage::Untouched | Stage::Sent => None,
        }
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

    /// Works out what the session adds to the response; `None` if nobody asked for it.
    pub(crate) fn write<B>(&self, response: &Response<B>) -> Option<Written> {
        let mut request = self.lock();
        let stage = std::mem::replace(&mut request.stage, Stage::Sent);
        let Stage::Open { mut exchange, changed, encode, .. } = stage else {
            return None;
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
            other_headers: head::len(response.headers()),
            identity: request.route.identity,
            maintenance: !request.route.public
                && !head::shared_caches_may_store(response.headers()),
            fetch: request.fetch,
        };
        let entropy = request.sessions.entropy().clone();
        exchange.update(request.sessions.feed().view());
        let mut outcome = exchange.respond(room, request.sessions.now(), &mut Shared(&entropy));
        telemetry::responded(&outcome);
        outcome.report.overridden.iter().for_each(|it| request.sessions.overridden(it));
        request.sessions.list(&mut outcome);
        let error = error.or(outcome.error.take().map(SessionError::Seal));
        let publication = request.sessions.publish(std::mem::take(&mut outcome.revocations));
        Some(Written { outcome, error, publication })
    }

    /// Puts it into the response, or into the one that replaces it.
    pub(crate) fn send<B>(
        &self,
        mut response: Response<B>,
        written: &Written,
        on_error: &impl OnError<B>,
    ) -> Response<B> {
        if let Some(error) = &written.error {
            telemetry::refused::<T>(error);
            response = on_error.response(error);
        }
        head::send(response.headers_mut(), &written.outcome, self.lock().sessions.header());
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
        let snapshot = self.sessions.snapshot();
        let exchange = self.lines.receive(&snapshot, self.received);
        match self.sessions.without_dead(&snapshot, exchange.unknown_keys()) {
            Some(snapshot) => self.lines.receive(&snapshot, self.received),
            None => exchange,
        }
    }

    fn arrived(&self) {
        if let Stage::Open { exchange, .. } = &self.stage {
            telemetry::arrived(&exchange.arrival(), exchange.view(), self.sessions.now());
            let feed = self.sessions.feed();
            exchange.sealed_by().for_each(|key| feed.opened(key, self.received));
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
        exchange.verified(self.route.scrutiny()).map_err(|stale| {
            let error = OpenError::Stale(stale);
            telemetry::stale::<T>(&error);
            error
        })?;
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
