//! A shop on axum: login and logout, a cart, and pages for members only.
//!
//! 1. `cargo run -- keys init --app shop.example` makes `haversack.keys`.
//! 2. `cargo run -p haversack-examples --bin axum`, and <http://localhost:3000/cart>.

use std::collections::BTreeMap;
use std::error::Error;

use axum::extract::Request;
use axum::middleware::{Next, from_fn};
use axum::response::{Html, IntoResponse as _, Redirect, Response};
use axum::routing::{get, post};
use axum::{Form, Router};
use haversack_tower::{Each, Haversack, Session, SessionLayer, SessionRoute};
use serde::{Deserialize, Serialize};

/// What a client carries. Its fields are written, and merged, one by one.
#[derive(Default, Serialize, Deserialize)]
struct Shop {
    user: Option<String>,
    cart: Each<BTreeMap<String, u32>>,
    theme: Option<String>,
}

#[derive(Deserialize)]
struct Login {
    user: String,
}

#[derive(Deserialize)]
struct Item {
    name: String,
}

/// Setting the subject field is the login. A real one asks for proof first.
async fn login(mut shop: Session<Shop>, Form(login): Form<Login>) -> Redirect {
    shop.user = Some(login.user);
    Redirect::to("/account")
}

async fn logout(mut shop: Session<Shop>) -> Redirect {
    shop.end();
    Redirect::to("/cart")
}

/// Two of these at the same time leave both items in the cart.
async fn add(mut shop: Session<Shop>, Form(item): Form<Item>) -> Redirect {
    *shop.cart.entry(item.name).or_default() += 1;
    Redirect::to("/cart")
}

async fn cart(shop: Session<Shop>) -> Html<String> {
    Html(format!(
        "<p>{} kinds of things</p>\
         <form method=post action=/cart><input name=name value=apple><button>add</button></form>\
         <form method=post action=/login><input name=user value=ada><button>log in</button></form>",
        shop.cart.len()
    ))
}

async fn account(shop: Session<Shop>) -> Html<&'static str> {
    // What a user typed must be escaped before it is shown; this example shows none of it.
    let page = "<form method=post action=/logout><button>log out</button></form>";
    Html(if shop.user.is_some() { page } else { "" })
}

/// Opens the session, checks it, and drops it before the handler takes its own.
async fn members_only(shop: Session<Shop>, request: Request, next: Next) -> Response {
    let member = shop.user.is_some();
    drop(shop);
    if member { next.run(request).await } else { Redirect::to("/cart").into_response() }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let keys = haversack_tower::file::watch("haversack.keys")?;
    let sessions = Haversack::<Shop>::builder(keys).subject("user").keep(["theme"]).build()?;
    let app = Router::new()
        .route("/account", get(account))
        .layer(from_fn(members_only))
        .route("/cart", get(cart).post(add))
        .route("/login", post(login).layer(SessionRoute::identity()))
        .route("/logout", post(logout).layer(SessionRoute::identity()))
        .layer(SessionLayer::new(sessions));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:3000").await?;
    axum::serve(listener, app).await?;
    Ok(())
}
