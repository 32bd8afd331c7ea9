//! Routes that treat the session in their own way.

use std::task::{Context, Poll};

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
}

impl SessionRoute {
    /// For login and logout: these pass while a server cannot read a part of the session, which
    /// otherwise answers 503 to every write until it has the newest key ring.
    pub const fn identity() -> Self {
        Self { identity: true, public: false }
    }

    /// For pages that shared caches may store: no maintenance, so that a page that changes nothing
    /// sets no cookie.
    pub const fn public() -> Self {
        Self { identity: false, public: true }
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
        let identity = self.route.identity || outer.identity;
        let public = self.route.public || outer.public;
        request.extensions_mut().insert(SessionRoute { identity, public });
        self.inner.call(request)
    }
}
