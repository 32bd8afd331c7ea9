//! Signing in and out: here, everywhere, and what must not be done by who was signed out a moment ago.

use axum::extract::State;
use axum::http::HeaderValue;
use axum::response::{IntoResponse as _, Redirect, Response};
use axum::routing::post;
use axum::{Form, Router};
use haversack_tower::{OpenError, RevokeError, Session, SessionRoute};
use serde::Deserialize;

use super::app::Here;
use super::said::Said;
use super::store::Store;

/// A response header for the front: what to say if no other replica does better.
pub(super) const SAYS: &str = "x-demo-says";

/// Longest name, in characters.
const LONGEST_NAME: usize = 40;

pub(super) fn routes() -> Router<Here> {
    let identity = SessionRoute::identity();
    let sensitive = SessionRoute::sensitive();
    Router::new()
        .route("/login", post(login).layer(identity))
        .route("/logout", post(logout).layer(identity))
        .route("/logout/everywhere", post(everywhere).layer(identity))
        .route("/password", post(password).layer(identity.and(sensitive)))
        .route("/forget", post(forget).layer(sensitive))
}

#[derive(Deserialize)]
struct Who {
    name: String,
}

async fn login(mut session: Session<Store>, Form(who): Form<Who>) -> Redirect {
    let name: String = who.name.trim().chars().take(LONGEST_NAME).collect();
    if !name.is_empty() {
        session.name = Some(name);
    }
    Redirect::to("/")
}

/// The response waits until the fleet knows, a second at most.
async fn logout(mut session: Session<Store>) -> Redirect {
    session.end();
    Redirect::to("/")
}

/// Ends all sessions of who is signed in, this one too.
async fn everywhere(State(here): State<Here>, mut session: Session<Store>) -> Redirect {
    let done = here.sessions.revoke_subject(&session.name).await;
    session.end();
    said(&done, Said::Everywhere, Said::Untold)
}

/// What an application does when a password was changed. There are none here, so it is only that.
async fn password(
    State(here): State<Here>,
    session: Result<Session<Store>, OpenError>,
) -> Result<Redirect, Response> {
    let mut session = session.map_err(refused)?;
    session.authenticated();
    let done = here.sessions.revoke_subject(&session.name).await;
    Ok(said(&done, Said::Password, Said::Unheard))
}

/// Empties notes, cart and race.
async fn forget(session: Result<Session<Store>, OpenError>) -> Result<Redirect, Response> {
    let mut session = session.map_err(refused)?;
    session.notes.clear();
    session.cart.clear();
    session.race.clear();
    Ok(Redirect::to("/"))
}

fn said(done: &Result<(), RevokeError>, well: Said, untold: Said) -> Redirect {
    Redirect::to(match done {
        Ok(()) => well.page(),
        Err(RevokeError::Unpublished(_)) => untold.page(),
        // Nobody is signed in, so there is nothing to say.
        Err(_) => "/",
    })
}

/// As any refusal, with a word for the front: another replica may have heard from the fleet.
fn refused(error: OpenError) -> Response {
    let stale = matches!(error, OpenError::Stale(_));
    let mut response = error.into_response();
    if stale {
        let says = HeaderValue::from_static(Said::Stale.page());
        response.headers_mut().insert(SAYS, says);
    }
    response
}
