//! The application: a personal data manager that keeps nothing about the person.

use std::collections::BTreeMap;

use axum::extract::{Query, State};
use axum::http::HeaderMap;
use axum::http::header::CONTENT_TYPE;
use axum::response::{AppendHeaders, Html, IntoResponse, Redirect};
use axum::routing::{get, post};
use axum::{Form, Router};
use haversack_tower::fleet::Fleet;
use haversack_tower::{Haversack, Session};
use serde::{Deserialize, Serialize};

use super::said::Said;
use super::store::{PRODUCTS, Store, Theme};
use super::summary::{self, Summary};
use super::views::{self, Seen};
use super::{page, race};

/// What a replica knows: which one it is, and what the fleet knows.
#[derive(Clone)]
pub(super) struct Here {
    pub(super) number: u8,
    pub(super) sessions: Haversack<Store>,
    pub(super) fleet: Fleet,
}

pub(super) fn routes() -> Router<Here> {
    Router::new()
        .route("/", get(show))
        .route("/peek", get(peek))
        .route("/data.json", get(data))
        .route("/notes/add", post(add_note))
        .route("/notes/remove", post(remove_note))
        .route("/cart/add", post(add_to_cart))
        .route("/cart/remove", post(remove_from_cart))
        .route("/theme", post(set_theme))
        .route(views::PATH, get(view))
}

/// What the page says about the last thing done.
#[derive(Deserialize)]
struct About {
    said: Option<String>,
}

async fn show(
    State(here): State<Here>,
    headers: HeaderMap,
    Query(About { said }): Query<About>,
    session: Session<Store>,
) -> impl IntoResponse {
    let said = said.as_deref().and_then(Said::parse);
    let page = page::page(here.number, &session, &race::plain(&headers), said);
    (AppendHeaders([summary_of(&session)]), Html(page.into_string()))
}

/// Tells the front what this replica knows of the fleet.
async fn view(State(here): State<Here>) -> impl IntoResponse {
    let text = serde_json::to_string(&Seen::here(&here.fleet)).unwrap_or_default();
    ([(CONTENT_TYPE, "application/json")], text)
}

/// Tells the front about the session, and lets it be tidied, as any read does.
async fn peek(session: Session<Store>) -> impl IntoResponse {
    AppendHeaders([summary_of(&session)])
}

fn summary_of(session: &Session<Store>) -> (&'static str, String) {
    (summary::HEADER, Summary::of(session).to_header())
}

/// Everything in the session, for the built-in client.
#[derive(Debug, Default, Deserialize, Serialize)]
pub(super) struct Data {
    pub(super) name: Option<String>,
    pub(super) theme: String,
    pub(super) notes: BTreeMap<u64, String>,
    pub(super) cart: BTreeMap<u64, u8>,
}

async fn data(session: Session<Store>) -> impl IntoResponse {
    let data = Data {
        name: session.name.clone(),
        theme: session.theme.name().to_owned(),
        notes: session.notes.0.clone(),
        cart: session.cart.0.clone(),
    };
    ([(CONTENT_TYPE, "application/json")], serde_json::to_string(&data).unwrap_or_default())
}

#[derive(Deserialize)]
struct Note {
    id: u64,
    text: String,
}

/// Longest note, in characters.
const LONGEST_NOTE: usize = 160;

async fn add_note(mut session: Session<Store>, Form(note): Form<Note>) -> Redirect {
    let text: String = note.text.trim().chars().take(LONGEST_NOTE).collect();
    if text.is_empty() {
        return Redirect::to("/");
    }
    session.notes.insert(note.id, text);
    unless_full(session, |store| store.notes.remove(&note.id).is_some())
}

/// Takes the addition back if it does not fit, and says so on the page.
fn unless_full(mut session: Session<Store>, undo: impl Fn(&mut Store) -> bool) -> Redirect {
    if session.check().is_err() {
        undo(&mut session);
        return Redirect::to(Said::Full.page());
    }
    Redirect::to("/")
}

#[derive(Deserialize)]
struct Id {
    id: u64,
}

async fn remove_note(mut session: Session<Store>, Form(Id { id }): Form<Id>) -> Redirect {
    session.notes.remove(&id);
    Redirect::to("/")
}

#[derive(Deserialize)]
struct Piece {
    id: u64,
    product: u8,
}

async fn add_to_cart(mut session: Session<Store>, Form(piece): Form<Piece>) -> Redirect {
    if usize::from(piece.product) < PRODUCTS.len() {
        session.cart.insert(piece.id, piece.product);
    }
    unless_full(session, |store| store.cart.remove(&piece.id).is_some())
}

async fn remove_from_cart(mut session: Session<Store>, Form(Id { id }): Form<Id>) -> Redirect {
    session.cart.remove(&id);
    Redirect::to("/")
}

#[derive(Deserialize)]
struct Chosen {
    theme: Theme,
}

async fn set_theme(mut session: Session<Store>, Form(Chosen { theme }): Form<Chosen>) -> Redirect {
    session.theme = theme;
    Redirect::to("/")
}
