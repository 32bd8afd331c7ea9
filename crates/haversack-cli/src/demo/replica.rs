//! `haversack demo-replica`: one stateless server of the demo, a process of its own.

use std::process::ExitCode;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::response::{IntoResponse as _, Redirect, Response};
use haversack_tower::{Haversack, Lifetime, SessionError, SessionLayer};
use tokio::io::AsyncReadExt as _;
use tokio::net::TcpListener;

use super::keys::Place;
use super::said::Said;
use super::store::Store;
use super::{account, app, race, runtime};
use crate::output::Failure;

/// The variable with the fleet's address.
pub(super) const FLEET: &str = "HAVERSACK_DEMO_FLEET";

/// A server of the demo; started by it, not by people.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Which replica this is
    #[arg(long)]
    number: u8,
    /// The fleet's address
    #[arg(long, env = FLEET, hide_env_values = true)]
    fleet: String,
    /// Take no other app's keys
    #[arg(long)]
    app: Option<String>,
    /// Port on 127.0.0.1, 0 for a free one; printed on standard output
    #[arg(long, default_value_t = 0)]
    port: u16,
}

/// Serves until standard input ends.
pub(crate) fn run(args: &Args) -> Result<ExitCode, Failure> {
    // So that a demo in which nothing is lost cannot be one in which something else remembers:
    // this is all that a replica has, and no two of them share more than the fleet, which holds keys,
    // and marks of sessions that are over.
    let place = Place { address: args.fleet.clone(), app: args.app.clone() };
    let fleet = haversack_fleet::run(place.join(&format!("replica {}", args.number)))
        .map_err(|error| Failure::new(format!("cannot start: {error}")))?
        .map_err(|error| {
            println!("{error}"); // instead of an address: the page says why
            Failure::new(error.to_string())
        })?;
    let sessions = Haversack::<Store>::builder(fleet.clone())
        .subject("name")
        .keep(["theme"])
        .lifetime(LIFETIME)
        .build()
        .map_err(|error| Failure::new(format!("the session type is no session: {error}")))?;
    let here = app::Here { number: args.number, sessions: sessions.clone(), fleet };
    let router = router(here).layer(SessionLayer::new(sessions).on_error(refusal));
    runtime()?.block_on(async {
        let fail = |error| Failure::new(format!("cannot serve: {error}"));
        let listener = TcpListener::bind(("127.0.0.1", args.port)).await.map_err(fail)?;
        println!("{}", listener.local_addr().map_err(fail)?);
        tokio::select! {
            served = axum::serve(listener, router) => served.map_err(fail)?,
            () = parent_gone() => {}
        }
        Ok(ExitCode::SUCCESS)
    })
}

/// Short, so that one sees time pass.
const LIFETIME: Lifetime = Lifetime {
    idle: Some(Duration::from_secs(30 * 60)),
    absolute: Duration::from_secs(12 * 3600),
    leeway: Duration::from_secs(10),
};

fn router(here: app::Here) -> Router {
    app::routes().merge(account::routes()).merge(race::routes()).with_state(here)
}

/// Standard input is a pipe from the demo: it ends when the demo does, even by SIGKILL.
async fn parent_gone() {
    let mut stdin = tokio::io::stdin();
    let mut buffer = [0; 64];
    while stdin.read(&mut buffer).await.is_ok_and(|read| read > 0) {}
}

/// What a person sees when the session could not be written, or has ended and not everybody knows.
fn refusal(error: &SessionError) -> Response<Body> {
    if let SessionError::Unpublished(_) = error {
        return Redirect::to(Said::Untold.page()).into_response();
    }
    let mut response = (error.status(), error.to_string()).into_response();
    if error.status().as_u16() == 503 {
        response.headers_mut().insert("retry-after", axum::http::HeaderValue::from_static("1"));
    }
    response
}
