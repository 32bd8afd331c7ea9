//! Where key rings come from: a view that is always at hand, and a way to ask for a newer one.

use alloc::collections::BTreeSet;
use alloc::sync::Arc;
use core::task::{Context, Poll};

use crate::keyring::KeyRing;
use crate::{KeyId, Timestamp};

/// Counts the snapshots of a feed; it grows with each that the engine has confirmed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Version(pub u64);

/// What a server knows about keys at one moment. Requests read it and do no I/O.
#[derive(Clone, Debug)]
pub struct View {
    /// The key ring.
    pub ring: Arc<KeyRing>,
    /// Key ids that an operator has declared dead: their parcels are deleted, not kept.
    pub dead: BTreeSet<KeyId>,
    /// When the engine last confirmed that this is current.
    pub confirmed: Timestamp,
    /// Which snapshot of the feed this is.
    pub version: Version,
}

/// A source of views.
///
/// Two errors are permissible: a view may be old, and [`poll_newer`](Self::poll_newer) may become
/// ready without a newer one. A server that sees too old a ring keeps what it cannot read and
/// refuses to write over it, so both cost availability, never data. Not permissible are a view
/// older than one that was handed out before, and one that no engine ever held.
pub trait Feed: Send + Sync + 'static {
    /// The newest view. Must not block: it is on the path of every request.
    fn view(&self) -> Arc<View>;

    /// Asks for a snapshot newer than `than`; ready when there is one, or when the engine has
    /// found that it cannot have one. Callers wait 250 ms at most.
    fn poll_newer(&self, than: Version, cx: &mut Context<'_>) -> Poll<()>;
}

impl<F: Feed + ?Sized> Feed for Arc<F> {
    fn view(&self) -> Arc<View> {
        (**self).view()
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
        Self(Arc::new(View {
            ring: Arc::new(ring),
            dead: BTreeSet::new(),
            confirmed: Timestamp::default(),
            version: Version::default(),
        }))
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
