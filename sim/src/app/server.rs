//! One server: what an adapter does with a request, around the handlers.

use std::fmt::Write as _;
use std::future::{Future as _, poll_fn};
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use haversack::{
    ArrivalKind, Entropy, Exchange, Feed as _, Fetch, NoEntropy, Outcome, Room, SealError,
    Snapshot, Timestamp, View as Keys, Work,
};
use haversack_testkit::RingFeed;
use http::{HeaderValue, Request, Response, StatusCode, header};
use http_body_util::Full;
use tower_service::Service;

use super::{Act, Program, View};
use crate::tally::{Happening, Tally};

/// How long a request waits for a newer ring.
const PATIENCE: Duration = Duration::from_millis(250);

/// What all servers of a schedule write down: for counters, and for those who read a schedule. The
/// oracle does not look into it.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    pub(crate) tally: Tally,
    /// What was answered since it was last asked, if anybody wants to read it.
    pub(crate) notes: Option<Vec<String>>,
}

/// A server of the version `T` of the program.
pub(crate) struct Server<T: Program> {
    itself: haversack_testkit::Server,
    now: Arc<dyn Fn() -> Timestamp + Send + Sync>,
    entropy: Arc<Random>,
    feed: RingFeed,
    snapshot: Arc<Mutex<Snapshot<T>>>,
    ledger: Arc<Mutex<Ledger>>,
}

type Random = dyn Fn(&mut [u8]) -> Result<(), NoEntropy> + Send + Sync;

struct Drawn<'a>(&'a Random);

impl Entropy for Drawn<'_> {
    fn fill(&mut self, bytes: &mut [u8]) -> Result<(), NoEntropy> {
        (self.0)(bytes)
    }
}

impl<T: Program> Clone for Server<T> {
    fn clone(&self) -> Self {
        Self {
            itself: self.itself.clone(),
            now: Arc::clone(&self.now),
            entropy: Arc::clone(&self.entropy),
            feed: self.feed.clone(),
            snapshot: Arc::clone(&self.snapshot),
            ledger: Arc::clone(&self.ledger),
        }
    }
}

impl<T: Program> Server<T> {
    pub(crate) fn new(itself: &haversack_testkit::Server, ledger: &Arc<Mutex<Ledger>>) -> Self {
        let feed = itself.feed();
        let snapshot = Arc::new(Mutex::new(Snapshot::new(T::rules(), feed.view())));
        let (now, entropy) = (Arc::new(itself.clock()), Arc::new(itself.entropy()));
        let (itself, ledger) = (itself.clone(), Arc::clone(ledger));
        Self { itself, now, entropy, feed, snapshot, ledger }
    }

    /// The newest keys, expanded only once.
    fn snapshot(&self) -> Snapshot<T> {
        let view = self.feed.view();
        let mut held = self.snapshot.lock().unwrap_or_else(PoisonError::into_inner);
        if !Arc::ptr_eq(held.view(), &view) {
            *held = held.with_view(view);
        }
        held.clone()
    }

    async fn answer(self, request: Request<Full<Bytes>>) -> Response<Full<Bytes>> {
        let received = (self.now)();
        let lines = || request.headers().get_all(header::COOKIE).iter().map(HeaderValue::as_bytes);
        let mut exchange = Exchange::<T>::receive(&self.snapshot(), lines(), received);
        if exchange.unknown_keys().next().is_some() {
            let asked = Arc::clone(exchange.view());
            if self.wait_for_newer(&asked).await {
                self.count(Happening::RingWaitedFor);
            }
            exchange = Exchange::receive(&self.snapshot(), lines(), received);
            if exchange.view().version > asked.version {
                self.count(Happening::RingCame);
            }
        }
        let Some(act) = Act::parse(request.uri().path()) else {
            return respond(StatusCode::NOT_FOUND, &View::default(), Vec::new());
        };
        let identity = act.is_identity();
        let arrival = exchange.arrival();
        let mut view = View {
            partial: arrival.partial,
            ring: exchange.view().ring.revision(),
            at_ms: received.as_millis(),
            ..View::default()
        };
        let mut status = StatusCode::SERVICE_UNAVAILABLE;
        let refused = !request.method().is_safe() && exchange.writable(identity).is_err();
        if !refused {
            if let Some(ms) = request.uri().query().and_then(|query| query.parse().ok()) {
                self.itself.sleep(Duration::from_millis(ms)).await;
            }
            (status, view) = handle(&mut exchange, &act, &view);
        }
        view.answered_ms = (self.now)().as_millis();
        let writable = exchange.writable(identity).err();
        // Any client sends these requests; the time is as good as a die.
        let fetch = match received.as_millis() % 3 {
            0 => Fetch::Navigation,
            1 => Fetch::Subresource,
            _ => Fetch::Unknown,
        };
        let room = Room { other_headers: 120, identity, maintenance: true, fetch };
        let outcome = exchange.respond(room, (self.now)(), &mut Drawn(&*self.entropy));
        if let Some(error) = &outcome.error {
            status = match error {
                SealError::TooLarge(_) => StatusCode::PAYLOAD_TOO_LARGE,
                _ if error.is_temporary() => StatusCode::SERVICE_UNAVAILABLE,
                _ => StatusCode::INTERNAL_SERVER_ERROR,
            };
        }
        let why = outcome.error.as_ref().or(writable.as_ref().filter(|_| refused));
        self.write_down(&act, status, &arrival, why, &outcome);
        respond(status, &view, outcome.set_cookies)
    }

    /// Whether there was anything to wait for.
    async fn wait_for_newer(&self, than: &Keys) -> bool {
        let mut patience = pin!(self.itself.sleep(PATIENCE));
        let mut waited = false;
        poll_fn(|cx| match self.feed.poll_newer(than.version, cx) {
            Poll::Ready(()) => Poll::Ready(()),
            Poll::Pending => {
                waited = true;
                patience.as_mut().poll(cx)
            }
        })
        .await;
        waited
    }

    fn count(&self, happening: Happening) {
        self.ledger.lock().unwrap_or_else(PoisonError::into_inner).tally.add(happening);
    }

    fn write_down(
        &self,
        act: &Act,
        status: StatusCode,
        arrival: &haversack::Arrival,
        why: Option<&SealError>,
        outcome: &Outcome,
    ) {
        let mut ledger = self.ledger.lock().unwrap_or_else(PoisonError::into_inner);
        let report = &outcome.report;
        ledger.tally.add(Happening::Answered);
        ledger.tally.answered(arrival, why, report);
        let Some(notes) = &mut ledger.notes else { return };
        let mut note = format!(
            "server {} answers {} with {}: {}, {} set, {} deleted",
            self.itself.index(),
            act.path(),
            status.as_u16(),
            report.event.name(),
            report.sealed,
            report.deleted
        );
        for work in &report.maintenance {
            let _ = write!(note, ", {}", work.name());
        }
        if let Some(why) = why {
            let _ = write!(note, "; {why}");
        }
        if arrival.kind != ArrivalKind::Admitted {
            let _ = write!(note, "; session {}", arrival.kind.name());
        }
        for rejection in &arrival.rejections {
            let _ = write!(note, "; {}", rejection.name());
        }
        notes.push(note);
    }
}

fn handle<T: Program>(exchange: &mut Exchange<T>, act: &Act, bare: &View) -> (StatusCode, View) {
    let (decoded, since) = exchange.value();
    let mut shop = decoded.value;
    if let (Act::Login(name), Some(user)) = (act, shop.show().user)
        && user == *name
    {
        exchange.authenticated();
    }
    let status = shop.act(act);
    if *act != Act::Look && status == StatusCode::OK {
        exchange.hand_back(&shop, since).expect("a shop can be encoded");
    }
    match act {
        Act::Logout => exchange.end(),
        Act::Renew => exchange.renew(),
        _ => {}
    }
    let View { partial, ring, at_ms, .. } = *bare;
    (status, View { partial, ring, at_ms, ..shop.show() })
}

fn respond(status: StatusCode, view: &View, set_cookies: Vec<String>) -> Response<Full<Bytes>> {
    let body = serde_json::to_vec(view).expect("JSON");
    let mut response = Response::new(Full::from(body));
    *response.status_mut() = status;
    for line in set_cookies {
        let line = line.try_into().expect("a line is a header value");
        response.headers_mut().append(header::SET_COOKIE, line);
    }
    response
}

impl<T: Program> Service<Request<Full<Bytes>>> for Server<T> {
    type Response = Response<Full<Bytes>>;
    type Error = std::convert::Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Self::Error>> + Send>>;

    fn poll_ready(&mut self, _cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Full<Bytes>>) -> Self::Future {
        let server = self.clone();
        Box::pin(async move { Ok(server.answer(request).await) })
    }
}

/// Which steps of maintenance a response made.
pub(crate) fn counted(work: Work) -> Option<Happening> {
    match work {
        Work::Fold => Some(Happening::Fold),
        Work::Rekey => Some(Happening::Rekey),
        Work::Touch => Some(Happening::Touch),
        _ => None,
    }
}
