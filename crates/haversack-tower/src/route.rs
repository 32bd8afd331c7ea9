//! Routes that treat the session in their own way.

use std::task::{Context, Poll};

use haversack::Scrutiny;
use http::Request;
use tower_layer::Layer;
use tower_service::Service;

/// How a route treats the session, as a layer for that route.
///
/// It must lie outside of whatever opens the session first: a middleware that opens it before this
/// mark is set is answered as on any other route.
///
/// ```
/// # #[cfg(feature = "axum")] {
/// # use axum::{Router, routing::post};
/// # use haversack_tower::SessionRoute;
/// # async fn login() {}
/// let app: Router = Router::new().route("/login", post(login).layer(SessionRoute::identity()));
/// # }
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SessionRoute {
    pub(crate) identity: bool,
    pub(crate) public: bool,
    pub(crate) sensitive: bool,
}

impl SessionRoute {
    /// For login and logout: these pass while a server cannot read a part of the session, which
    /// otherwise answers 503 to every write until it has the newest key ring; and while it may have
    /// missed what the fleet has revoked.
    pub const fn identity() -> Self {
        Self { identity: true, public: false, sensitive: false }
    }

    /// For pages that shared caches may store, and for those that show nobody's data: no
    /// maintenance, so that a page that changes nothing sets no cookie, and the session is opened
    /// however long ago this server last heard from its fleet.
    pub const fn public() -> Self {
        Self { identity: false, public: true, sensitive: false }
    }

    /// For what must not be done by who was logged out a moment ago: money, passwords, other people's
    /// data. Answered 503 while the server has not heard from its fleet for more than
    /// [`Staleness::fresh`](crate::Staleness::fresh), 5 seconds unless set.
    pub const fn sensitive() -> Self {
        Self { identity: false, public: false, sensitive: true }
    }

    /// Both: the change of a password, for example, is `identity().and(sensitive())`. Layers within
    /// one another add up in the same way.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        Self {
            identity: self.identity || other.identity,
            public: self.public || other.public,
            sensitive: self.sensitive || other.sensitive,
        }
    }

    /// What it asks of the view's age.
    pub(crate) fn scrutiny(self) -> Scrutiny {
        match self {
            Self { sensitive: true, .. } => Scrutiny::Sensitive,
            Self { identity: true, .. } | Self { public: true, .. } => Scrutiny::None,
            Self { .. } => Scrutiny::Standard,
        }
    }
}

impl<S> Layer<S> for SessionRoute {
    type Service = RouteService<S>;

    fn layer(&self, inner: S) -> RouteService<S> {
        RouteService { inner, route: *self }
    }
}

/// Marks requests with a [`SessionRoute`].
#[derive(Clone, Debug)]
pub struct RouteService<S> {
    inner: S,
    route: SessionRoute,
}

impl<S, B> Service<Request<B>> for RouteService<S>
where
    S: Service<Request<B>>,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<B>) -> S::Future {
        let outer = request.extensions().get::<SessionRoute>().copied().unwrap_or_default();
        request.extensions_mut().insert(self.route.and(outer));
        self.inner.call(request)
    }
}
