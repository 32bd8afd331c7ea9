//! Telling the fleet what has ended: before the response, so that a logout that succeeded holds
//! everywhere.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use futures_timer::Delay;
use haversack::{Publication, Revocation, Unpublished};

use crate::{Haversack, SessionType, telemetry};

/// Longest wait of a response for the fleet.
const PATIENCE: Duration = Duration::from_secs(1);

/// A publication that a response waits for, but not for long.
pub(crate) struct Publishing {
    publication: Publication,
    delay: Delay,
}

impl Publishing {
    pub(crate) fn new(publication: Publication) -> Self {
        Self { publication, delay: Delay::new(PATIENCE) }
    }
}

impl Future for Publishing {
    type Output = Result<(), Unpublished>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        if let Poll::Ready(done) = self.publication.as_mut().poll(cx) {
            return Poll::Ready(done);
        }
        let why = || Unpublished { why: format!("no answer within {} s", PATIENCE.as_secs()) };
        Pin::new(&mut self.delay).poll(cx).map(|()| Err(why()))
    }
}

impl<T: SessionType> Haversack<T> {
    /// Publishes what a response ends. Only the end of a session is waited for: a renewal bites
    /// later, and until then a request under way must pass anyway.
    pub(crate) fn publish(&self, revocations: Vec<Revocation>) -> Option<Publishing> {
        if revocations.is_empty() {
            return None;
        }
        telemetry::publishing(&revocations);
        let ends = |it: &Revocation| !matches!(it, Revocation::Floor { .. });
        let waits = revocations.iter().any(ends);
        let publication = self.feed().publish(revocations);
        waits.then(|| Publishing::new(publication))
    }
}
