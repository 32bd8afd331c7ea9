//! One of several servers: keys and logouts are shared through a fleet, and a load balancer is told
//! when this one is ready.
//!
//! 1. `redis-server --appendonly yes`
//! 2. `cargo run -- keys init --fleet redis://127.0.0.1:6379 --app shop.example`
//! 3. `PORT=3001 cargo run -p haversack-examples --bin fleet`, and the same with 3002, 3003, ...
//!
//! Sign in at <http://localhost:3001/account>, and log out at another: all of them know it.

use std::error::Error;

use axum::extract::State;
use axum::http::header::USER_AGENT;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{Html, IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use axum::{Form, Router};
use haversack_tower::{
    Fleet, Haversack, ListedSession, RevocationId, RevokeError, Session, SessionError,
    SessionLayer, SessionRoute,
};
use serde::{Deserialize, Serialize};

#[derive(Default, Serialize, Deserialize)]
struct Account {
    user: Option<String>,
    theme: String,
}

#[derive(Clone)]
struct Server {
    fleet: Fleet,
    sessions: Haversack<Account>,
}

#[derive(Deserialize)]
struct Login {
    user: String,
}

/// A real one asks for proof first.
async fn login(
    headers: HeaderMap,
    mut account: Session<Account>,
    Form(login): Form<Login>,
) -> Redirect {
    account.user = Some(login.user);
    let browser = headers.get(USER_AGENT).and_then(|agent| agent.to_str().ok());
    account.label(browser.unwrap_or_default());
    Redirect::to("/account")
}

/// Answered when the whole fleet knows.
async fn logout(mut account: Session<Account>) -> Redirect {
    account.end();
    Redirect::to("/account")
}

/// All other sessions of the user end; this one goes on, since its user has just proved who they are.
async fn change_password(State(server): State<Server>, mut account: Session<Account>) -> Response {
    account.authenticated();
    match server.sessions.revoke_subject(&account.user).await {
        Ok(()) => Redirect::to("/account").into_response(),
        // It holds here, and the others will be told.
        Err(error) => (StatusCode::ACCEPTED, error.to_string()).into_response(),
    }
}

/// A voucher works once, on whichever server. The one place that asks the engine during a request.
async fn redeem(State(server): State<Server>, Form(voucher): Form<Voucher>) -> StatusCode {
    let year = std::time::Duration::from_secs(365 * 24 * 3600);
    match server.fleet.once(&format!("voucher:{}", voucher.code), year).await {
        Ok(true) => StatusCode::OK,
        Ok(false) => StatusCode::CONFLICT,
        Err(_) => StatusCode::SERVICE_UNAVAILABLE, // not redeemed, so that it can be tried again
    }
}

#[derive(Deserialize)]
struct Voucher {
    code: String,
}

/// The user's sessions, and a button to end each.
async fn own_sessions(State(server): State<Server>, account: Session<Account>) -> Response {
    let this = account.info().and_then(|info| info.revocation_id);
    let listed = match server.sessions.sessions_of(&account.user) {
        Ok(listed) => listed,
        Err(error) => return (StatusCode::FORBIDDEN, error.to_string()).into_response(),
    };
    let line = |session: ListedSession| {
        // A browser may say anything, so what it says is escaped.
        let label = session.label.unwrap_or_else(|| "unknown".to_owned());
        let label = label.replace('&', "&amp;").replace('<', "&lt;");
        let here = if Some(session.id) == this { " (this one)" } else { "" };
        format!(
            "<form method=post action=/sessions/end>{label}{here} \
             <button name=id value={}>end</button></form>",
            session.id
        )
    };
    let page: String = listed.into_iter().map(line).collect();
    Html(page).into_response()
}

/// Ends one of them: of this user's, whatever the form says.
async fn end_session(
    State(server): State<Server>,
    account: Session<Account>,
    Form(which): Form<Which>,
) -> Response {
    let Ok(id) = which.id.parse::<RevocationId>() else {
        return StatusCode::BAD_REQUEST.into_response();
    };
    match server.sessions.revoke_session_of(&account.user, id).await {
        Ok(()) => Redirect::to("/sessions").into_response(),
        Err(RevokeError::NotListed) => StatusCode::NOT_FOUND.into_response(),
        Err(error) => (StatusCode::ACCEPTED, error.to_string()).into_response(),
    }
}

#[derive(Deserialize)]
struct Which {
    id: String,
}

async fn show(account: Session<Account>) -> Html<&'static str> {
    // What a user typed must be escaped before it is shown; this example shows none of it.
    Html(if account.user.is_some() {
        "<form method=post action=/logout><button>log out</button></form>\
         <form method=post action=/password><button>change the password</button></form>\
         <a href=/sessions>where you are signed in</a>"
    } else {
        "<form method=post action=/login><input name=user value=ada><button>log in</button></form>"
    })
}

/// What the load balancer asks: whether this server has the keys, all logouts, and the right time.
async fn ready(State(server): State<Server>) -> Response {
    match server.fleet.ready() {
        Ok(()) => StatusCode::OK.into_response(),
        Err(why) => (StatusCode::SERVICE_UNAVAILABLE, why.to_string()).into_response(),
    }
}

/// The answer when a logout could not be told to the other servers within a second.
fn refusal(error: &SessionError) -> Response {
    match error {
        SessionError::Unpublished(_) => {
            let said = "You are signed out in this browser. If somebody else has a copy of your \
                        cookies, it ends in a few minutes.";
            (StatusCode::ACCEPTED, said).into_response()
        }
        error => error.status().into_response(),
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let engine = std::env::var("HAVERSACK_FLEET");
    let engine = engine.unwrap_or_else(|_| "redis://127.0.0.1:6379?app=shop.example".to_owned());
    // Waits until it has the key ring and all logouts, so that it never serves without them.
    let fleet = Fleet::builder(&engine).session_index(true).connect().await?;
    let sessions = Haversack::<Account>::builder(fleet.clone()).subject("user").build()?;
    let password = SessionRoute::identity().and(SessionRoute::sensitive());
    let app = Router::new()
        .route("/account", get(show))
        .route("/password", post(change_password).layer(password))
        .route("/redeem", post(redeem))
        .route("/sessions", get(own_sessions))
        .route("/sessions/end", post(end_session))
        .route("/login", post(login).layer(SessionRoute::identity()))
        .route("/logout", post(logout).layer(SessionRoute::identity()))
        .route("/ready", get(ready))
        .layer(SessionLayer::new(sessions.clone()).on_error(refusal))
        .with_state(Server { fleet, sessions });
    let port = std::env::var("PORT").ok().and_then(|port| port.parse().ok()).unwrap_or(3001);
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", port)).await?;
    axum::serve(listener, app).await?;
    Ok(())
}
