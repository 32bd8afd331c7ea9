//! Where keys and revocations come from: a view that is always at hand, a way to ask for a newer
//! one, and a way to publish.

use alloc::boxed::Box;
use alloc::collections::BTreeSet;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;
use core::future::Future;
use core::pin::Pin;
use core::task::{Context, Poll};
use core::time::Duration;

use crate::index::SessionIndex;
use crate::keyring::KeyRing;
use crate::lifetime::Lifetime;
use crate::revocation::{Revocation, Revocations};
use crate::staleness::Staleness;
use crate::{KeyId, ShortKeyId, Timestamp};

/// Counts the snapshots of a feed; it grows with each that the engine has confirmed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Version(pub u64);

/// What a server knows about keys and revocations at one moment. Requests read it and do no I/O.
#[derive(Clone, Debug)]
pub struct View {
    /// The key ring.
    pub ring: Arc<KeyRing>,
    /// What ended before its time; `None` if nothing here can be revoked: then nothing is published,
    /// and the age of the view does not matter.
    pub revocations: Option<Revocations>,
    /// Key ids that an operator has declared dead: their parcels are deleted, not kept.
    pub dead: BTreeSet<KeyId>,
    /// When the engine last confirmed that this is current.
    pub confirmed: Timestamp,
    /// Which snapshot of the feed this is.
    pub version: Version,
}

/// How far the revocations of a view can be trusted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Freshness {
    /// Confirmed lately.
    Fresh,
    /// Not confirmed for longer than [`Staleness::fresh`].
    Stale,
    /// Not confirmed for longer than [`Staleness::blind`].
    Blind,
}

impl View {
    /// How far its revocations can be trusted at `now`; fresh if there can be none.
    pub fn freshness(&self, staleness: &Staleness, now: Timestamp) -> Freshness {
        let age = Duration::from_millis(now.millis_since(self.confirmed));
        match self.revocations {
            Some(_) if age > staleness.blind => Freshness::Blind,
            Some(_) if age > staleness.fresh => Freshness::Stale,
            _ => Freshness::Fresh,
        }
    }
}

/// The view of a program that brings its own ring: nothing is revoked and nothing confirmed, so no
/// unknown key is held to be dead.
impl From<KeyRing> for View {
    fn from(ring: KeyRing) -> Self {
        Self {
            ring: Arc::new(ring),
            revocations: None,
            dead: BTreeSet::new(),
            confirmed: Timestamp::default(),
            version: Version::default(),
        }
    }
}

/// Ready when revocations are published for all servers, or could not be. Dropping it takes nothing
/// back.
pub type Publication = Pin<Box<dyn Future<Output = Result<(), Unpublished>> + Send>>;

/// Revocations hold on this server, but the others do not know of them yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unpublished {
    /// What prevented it.
    pub why: String,
}

impl fmt::Display for Unpublished {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the other servers have not been told: {}", self.why)
    }
}

impl core::error::Error for Unpublished {}

/// A source of views.
///
/// Three errors are permissible: a view may be old, [`poll_newer`](Self::poll_newer) may become
/// ready without a newer one, and a publication may fail. A server that sees too old a ring keeps
/// what it cannot read and refuses to write over it, so that costs availability, never data. Not
/// permissible are a view older than one that was handed out before, one that no engine ever held,
/// one that says to be confirmed later than it was, and a publication that succeeds before it would
/// outlive this server, unless its operator gave it no place to publish to and it has said so.
pub trait Feed: Send + Sync + 'static {
    /// The newest view. Must not block: it is on the path of every request.
    fn view(&self) -> Arc<View>;

    /// Asks for a snapshot newer than `than`; ready when there is one, or when the engine has
    /// found that it cannot have one. Callers wait 250 ms at most.
    fn poll_newer(&self, than: Version, cx: &mut Context<'_>) -> Poll<()>;

    /// Publishes revocations for all servers, and goes on trying if that fails. The next view of this
    /// server has them already, whatever comes of it. Must not block.
    ///
    /// A feed whose views have no revocations is not asked, and has nothing to do.
    fn publish(&self, revocations: Vec<Revocation>) -> Publication {
        let _ = revocations;
        Box::pin(core::future::ready(Ok(())))
    }

    /// Told once by each kind of session that is served from this feed, before the first request:
    /// keys and revocations must be kept for as long as its sessions need them.
    fn serves(&self, lifetime: &Lifetime) {
        let _ = lifetime;
    }

    /// The list of sessions that somebody is signed in to, if this feed keeps one.
    fn index(&self) -> Option<&dyn SessionIndex> {
        None
    }

    /// Told that a parcel was opened with this key, so that a fleet can say whether the key is still
    /// needed. On the path of every request: must not block, and costs a few atomic steps at most.
    fn opened(&self, key: ShortKeyId, now: Timestamp) {
        let _ = (key, now);
    }
}

impl<F: Feed + ?Sized> Feed for Arc<F> {
    fn view(&self) -> Arc<View> {
        (**self).view()
    }

    fn publish(&self, revocations: Vec<Revocation>) -> Publication {
        (**self).publish(revocations)
    }

    fn serves(&self, lifetime: &Lifetime) {
        (**self).serves(lifetime);
    }

    fn index(&self) -> Option<&dyn SessionIndex> {
        (**self).index()
    }

    fn opened(&self, key: ShortKeyId, now: Timestamp) {
        (**self).opened(key, now);
    }

    fn poll_newer(&self, than: Version, cx: &mut Context<'_>) -> Poll<()> {
        (**self).poll_newer(than, cx)
    }
}

/// A ring that never changes, for tests and for programs that bring their own.
///
/// Nothing ever confirms it, so no unknown key is held to be dead.
#[derive(Clone, Debug)]
pub struct Fixed(Arc<View>);

impl From<KeyRing> for Fixed {
    fn from(ring: KeyRing) -> Self {
        Self(Arc::new(View::from(ring)))
    }
}

impl Feed for Fixed {
    fn view(&self) -> Arc<View> {
        Arc::clone(&self.0)
    }

    fn poll_newer(&self, _than: Version, _cx: &mut Context<'_>) -> Poll<()> {
        Poll::Ready(())
    }
}

/// What keys can come from: a [`Feed`], or a [`KeyRing`] that never changes.
pub trait IntoFeed {
    /// The feed.
    type Feed: Feed;

    /// Turns it into a feed.
    fn into_feed(self) -> Self::Feed;
}

impl<F: Feed> IntoFeed for F {
    type Feed = F;

    fn into_feed(self) -> F {
        self
    }
}

impl IntoFeed for KeyRing {
    type Feed = Fixed;

    fn into_feed(self) -> Fixed {
        Fixed::from(self)
    }
}
