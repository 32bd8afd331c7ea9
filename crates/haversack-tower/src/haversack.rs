//! `Haversack<T>`: sessions of one type, ready for a layer.

use std::fmt;
use std::sync::Arc;

use arc_swap::ArcSwap;
use haversack::{
    Budget, ConfigError, CookieSpec, Exchange, Feed, HeaderSpec, IntoFeed, KeyId, Layout, Lifetime,
    NoEntropy, Overridden, Padding, Policy, Room, Rules, Snapshot, Staleness, Timestamp, View,
};
use http::HeaderName;

use crate::clock::{OsEntropy, Shared, SharedEntropy};
use crate::unknown::UnknownKeys;
use crate::{Clock, SessionError, SessionType, SystemClock};

/// Sessions of type `T`: what is accepted and issued, and the keys. Cheap to clone.
pub struct Haversack<T> {
    shared: Arc<Inner<T>>,
}

struct Inner<T> {
    base: String,
    header: Option<HeaderName>,
    snapshot: ArcSwap<Snapshot<T>>,
    feed: Box<dyn Feed>,
    clock: Box<dyn Clock>,
    entropy: SharedEntropy,
    on_overridden: Option<OnOverridden>,
    unknown: UnknownKeys,
}

type OnOverridden = Box<dyn Fn(&Overridden) + Send + Sync>;

impl<T> Clone for Haversack<T> {
    fn clone(&self) -> Self {
        Self { shared: Arc::clone(&self.shared) }
    }
}

impl<T> fmt::Debug for Haversack<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Haversack")
            .field("session", &std::any::type_name::<T>())
            .finish_non_exhaustive()
    }
}

impl<T: SessionType> Haversack<T> {
    /// Begins with where the keys come from; everything else has a default.
    pub fn builder(keys: impl IntoFeed) -> Builder<T> {
        Builder {
            policy: Policy::default(),
            feed: Box::new(keys.into_feed()),
            clock: Box::new(SystemClock),
            entropy: Arc::new(|bytes: &mut [u8]| haversack::Entropy::fill(&mut OsEntropy, bytes)),
            on_overridden: None,
            session: std::marker::PhantomData,
        }
    }

    /// Makes a session that holds `value`, as a client would carry it: signed in if its subject
    /// field says so. For tests, and for signing in a client by other means than a request.
    /// The default value is no session, and gives no cookies. With a [header](Builder::header) it
    /// is made for that as well.
    ///
    /// # Errors
    ///
    /// When the value cannot be encoded or does not fit.
    pub fn mint(&self, value: &T) -> Result<Minted, SessionError> {
        let (now, snapshot) = (self.now(), self.snapshot());
        let mint = |mut exchange: Exchange<T>| {
            let (_, since) = exchange.value();
            exchange.hand_back(value, since).map_err(SessionError::Encode)?;
            let mut outcome = exchange.respond(Room::default(), now, &mut Shared(self.entropy()));
            self.list(&mut outcome);
            match outcome.error {
                Some(error) => Err(SessionError::Seal(error)),
                None => Ok((outcome.set_cookies, outcome.header)),
            }
        };
        let (set_cookies, _) = mint(Exchange::receive(&snapshot, [], now))?;
        let header = match Exchange::receive_header(&snapshot, [], now) {
            Some(exchange) => mint(exchange)?.1,
            None => None,
        };
        Ok(Minted { set_cookies, header })
    }

    pub(crate) fn should_ask(&self, id: KeyId) -> bool {
        self.shared.unknown.should_ask(id, self.now())
    }

    /// A snapshot that holds the unknown key for dead, if a ring confirmed long after this server
    /// first met it still lacks it.
    pub(crate) fn without_dead(
        &self,
        snapshot: &Snapshot<T>,
        unknown: impl Iterator<Item = KeyId>,
    ) -> Option<Snapshot<T>> {
        let view = snapshot.view();
        let dead: Vec<KeyId> =
            unknown.filter(|id| self.shared.unknown.is_dead(*id, view.confirmed)).collect();
        if dead.is_empty() {
            return None;
        }
        let mut view = View::clone(view);
        view.dead.extend(dead);
        Some(snapshot.with_view(Arc::new(view)))
    }

    /// The snapshot of the newest view. Keys are expanded only when the ring is another one.
    pub(crate) fn snapshot(&self) -> Arc<Snapshot<T>> {
        let view = self.shared.feed.view();
        let held = self.shared.snapshot.load_full();
        if Arc::ptr_eq(held.view(), &view) {
            return held;
        }
        let snapshot = Arc::new(held.with_view(view));
        if !Arc::ptr_eq(&held.view().ring, &snapshot.view().ring) {
            self.shared.unknown.forget(|id| snapshot.knows(id, self.now()));
            tracing::info!(
                ring = snapshot.view().ring.revision(),
                "key ring v{} in use",
                snapshot.view().ring.revision()
            );
        }
        self.shared.snapshot.store(Arc::clone(&snapshot));
        snapshot
    }
}

impl<T> Haversack<T> {
    pub(crate) fn now(&self) -> Timestamp {
        self.shared.clock.now()
    }

    pub(crate) fn entropy(&self) -> &SharedEntropy {
        &self.shared.entropy
    }

    pub(crate) fn overridden(&self, overridden: &Overridden) {
        if let Some(tell) = &self.shared.on_overridden {
            tell(overridden);
        }
    }

    pub(crate) fn base(&self) -> &str {
        &self.shared.base
    }

    /// The header that carries the sessions of API clients.
    pub(crate) fn header(&self) -> Option<&HeaderName> {
        self.shared.header.as_ref()
    }

    pub(crate) fn feed(&self) -> &dyn Feed {
        &*self.shared.feed
    }
}

/// A session made without a request, as `Set-Cookie` values, and as the value of a header.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Minted {
    set_cookies: Vec<String>,
    header: Option<String>,
}

impl Minted {
    /// Values of `Set-Cookie` header fields, in the order in which a client must take them.
    pub fn set_cookies(&self) -> &[String] {
        &self.set_cookies
    }

    /// The value that an API client holding just this session would send in its header; `None` if
    /// no [header](Builder::header) is accepted.
    pub fn header(&self) -> Option<&str> {
        self.header.as_deref()
    }

    /// The `Cookie` header value that a client holding just this session would send.
    pub fn cookie_header(&self) -> String {
        let pairs: Vec<&str> =
            self.set_cookies.iter().filter_map(|line| line.split(';').next()).collect();
        pairs.join("; ")
    }
}

/// Settings for [`Haversack`]; made by [`Haversack::builder`].
#[must_use = "a builder does nothing until `build()`"]
pub struct Builder<T> {
    policy: Policy,
    feed: Box<dyn Feed>,
    clock: Box<dyn Clock>,
    entropy: SharedEntropy,
    on_overridden: Option<OnOverridden>,
    session: std::marker::PhantomData<fn() -> T>,
}

impl<T: SessionType> Builder<T> {
    /// The field that says who is signed in. Setting it is a login: the session gets a new id, and
    /// what others wrote into the jar stays apart. Absent, null and the default mean nobody.
    pub fn subject(mut self, field: impl Into<String>) -> Self {
        self.policy.subject = Some(field.into());
        self
    }

    /// Further fields that decide what the user may do. They change together or not at all, and
    /// never come from two servers at once. Declare them from the start: one that was written as
    /// an ordinary field before is not taken.
    pub fn identity<N: Into<String>>(mut self, fields: impl IntoIterator<Item = N>) -> Self {
        self.policy.identity = fields.into_iter().map(Into::into).collect();
        self
    }

    /// Fields that outlive a logout and a change of user, a theme for example.
    pub fn keep<N: Into<String>>(mut self, fields: impl IntoIterator<Item = N>) -> Self {
        self.policy.keep = fields.into_iter().map(Into::into).collect();
        self
    }

    /// Idle and absolute lifetime. Default: 24 hours and 14 days.
    pub fn lifetime(mut self, lifetime: Lifetime) -> Self {
        self.policy.lifetime = lifetime;
        self
    }

    /// How old this server's view of what the fleet has revoked may be. Default: 5 seconds for
    /// sensitive routes, 5 minutes for all others. It means nothing with a fixed key ring.
    pub fn staleness(mut self, staleness: Staleness) -> Self {
        self.policy.staleness = staleness;
        self
    }

    /// The cookies' name and attributes. Default: `__Host-Http-hv`, `SameSite=Lax`.
    pub fn cookie(mut self, cookie: CookieSpec) -> Self {
        self.policy.cookie = cookie;
        self
    }

    /// Accepts sessions in a header of this name too, `haversack-session` for example. Default: in
    /// cookies only.
    ///
    /// A request with that header is read from it alone, and answered by it; an empty value asks
    /// for a fresh session. Such a session is one value: of requests that overlap the last response
    /// wins, whole. `docs/api-clients.md` in the repository tells how clients use it.
    pub fn header(mut self, name: impl Into<String>) -> Self {
        self.policy.header = Some(HeaderSpec::named(name));
        self
    }

    /// How new sessions in cookies are laid out. Default: [`Layout::Merging`], several cookies that
    /// lose nothing of each other. [`Layout::Single`] is one cookie: of requests that overlap the
    /// last response wins, whole. A session that exists keeps its layout.
    pub fn layout(mut self, layout: Layout) -> Self {
        self.policy.layout = layout;
        self
    }

    /// Size limits. The defaults pass the default settings of the common proxies.
    pub fn budget(mut self, budget: Budget) -> Self {
        self.policy.budget = budget;
        self
    }

    /// Whether lengths are padded. Default: Padmé, at most 12 %.
    pub fn padding(mut self, padding: Padding) -> Self {
        self.policy.padding = padding;
        self
    }

    /// The tenant that keys are derived for; sessions of one tenant mean nothing to another.
    /// Default: empty.
    pub fn tenant(mut self, tenant: impl Into<String>) -> Self {
        self.policy.tenant = tenant.into();
        self
    }

    /// The purpose that keys are derived for. Default: `session`.
    pub fn purpose(mut self, purpose: impl Into<String>) -> Self {
        self.policy.purpose = Some(purpose.into());
        self
    }

    /// Where the time comes from. Default: [`SystemClock`]; tests turn their own.
    pub fn clock(mut self, clock: impl Clock) -> Self {
        self.clock = Box::new(clock);
        self
    }

    /// Where randomness comes from. Default: the operating system. For simulations that must
    /// repeat; never give a predictable one to a server.
    pub fn entropy(
        mut self,
        entropy: impl Fn(&mut [u8]) -> Result<(), NoEntropy> + Send + Sync + 'static,
    ) -> Self {
        self.entropy = Arc::new(entropy);
        self
    }

    /// Is told of every value that a write of the same entry at the same time overrode, by the
    /// request that tidies it up: once as a rule, more often if such requests overlap.
    ///
    /// Runs on the way of a response: it should be quick, and must not wait. Values are CBOR and
    /// may be private: think before they go into a log. `haversack_overridden_total` counts the
    /// same without them.
    ///
    /// ```
    /// # use haversack_tower::{Haversack, KeyRing};
    /// # #[derive(Default, serde::Serialize, serde::Deserialize)]
    /// # struct Shop { theme: String }
    /// # let keys = KeyRing::for_tests();
    /// let sessions = Haversack::<Shop>::builder(keys)
    ///     .on_overridden(|it| tracing::info!("{} was set twice at once", it.field()))
    ///     .build()?;
    /// # Ok::<_, haversack_tower::ConfigError>(())
    /// ```
    pub fn on_overridden(mut self, tell: impl Fn(&Overridden) + Send + Sync + 'static) -> Self {
        self.on_overridden = Some(Box::new(tell));
        self
    }

    /// Checks everything.
    ///
    /// # Errors
    ///
    /// What does not fit together, or why `T` cannot be a session, and how to put it right.
    pub fn build(self) -> Result<Haversack<T>, ConfigError> {
        let rules = Arc::new(Rules::new(self.policy)?);
        self.feed.serves(&rules.policy().lifetime);
        let snapshot = Snapshot::new(Arc::clone(&rules), self.feed.view());
        let header = rules.policy().header.as_ref();
        let header = header.and_then(|header| HeaderName::try_from(header.name()).ok());
        Ok(Haversack {
            shared: Arc::new(Inner {
                header,
                base: rules.policy().cookie.base().to_owned(),
                snapshot: ArcSwap::from_pointee(snapshot),
                feed: self.feed,
                clock: self.clock,
                entropy: self.entropy,
                on_overridden: self.on_overridden,
                unknown: UnknownKeys::default(),
            }),
        })
    }
}

impl<T> fmt::Debug for Builder<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Builder").field("policy", &self.policy).finish_non_exhaustive()
    }
}
