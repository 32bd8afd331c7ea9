//! The shop that is served: two versions of its session, and a server without a framework.
//!
//! It is written against the core, as an adapter is: open, refuse what cannot be written, let the
//! handler act, respond. What it shows is all that the oracle ever learns.

mod server;
mod shops;

pub(crate) use self::server::{Ledger, Server, counted};
pub(crate) use self::shops::{New, Old, Program};

use std::collections::BTreeMap;
use std::time::Duration;

use haversack::Lifetime;
use serde::{Deserialize, Serialize};

/// A session that nobody uses for longer ends.
pub(crate) const IDLE_MS: u64 = 3_600_000;
/// A session ends this long after its last login, or its creation.
pub(crate) const ABSOLUTE_MS: u64 = 6 * IDLE_MS;
pub(crate) const LEEWAY_MS: u64 = 60_000;

pub(crate) const LIFETIME: Lifetime = Lifetime {
    idle: Some(Duration::from_millis(IDLE_MS)),
    absolute: Duration::from_millis(ABSOLUTE_MS),
    leeway: Duration::from_millis(LEEWAY_MS),
};

/// What a page shows of the session.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct View {
    pub(crate) user: Option<String>,
    pub(crate) role: u32,
    pub(crate) cart: BTreeMap<u32, String>,
    /// Fields that the old program does not know; it shows none.
    pub(crate) wishes: BTreeMap<u32, String>,
    pub(crate) coupon: u32,
    pub(crate) note: u32,
    pub(crate) theme: u32,
    /// Whether the program showed less than it may have.
    pub(crate) partial: bool,
    /// Whether it was the old program.
    pub(crate) old: bool,
    /// The revision of the ring that the session was opened with.
    pub(crate) ring: u64,
    /// When the request arrived, by the server's own clock.
    pub(crate) at_ms: u64,
    /// And when it was answered.
    pub(crate) answered_ms: u64,
}

/// What a request asks for.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Act {
    /// Puts an item into the cart: its number, and how long its text is.
    Add(u32, usize),
    /// Takes the coupon of this number, or with 0 gives it back.
    Coupon(u32),
    Login(&'static str),
    Logout,
    Look,
    Note(u32),
    Promote(u32),
    Remove(u32),
    Renew,
    Theme(u32),
    /// Puts an item onto a list that only the new program has.
    Wish(u32, usize),
}

impl Act {
    pub(crate) fn is_identity(&self) -> bool {
        matches!(self, Act::Login(_) | Act::Logout | Act::Promote(_) | Act::Renew)
    }

    pub(crate) fn path(&self) -> String {
        match self {
            Act::Add(id, len) => format!("/add/{id}/{len}"),
            Act::Coupon(n) => format!("/coupon/{n}"),
            Act::Login(user) => format!("/login/{user}"),
            Act::Logout => "/logout".into(),
            Act::Look => "/".into(),
            Act::Note(n) => format!("/note/{n}"),
            Act::Promote(role) => format!("/promote/{role}"),
            Act::Remove(id) => format!("/remove/{id}"),
            Act::Renew => "/renew".into(),
            Act::Theme(n) => format!("/theme/{n}"),
            Act::Wish(id, len) => format!("/wish/{id}/{len}"),
        }
    }

    /// What [`path`](Self::path) wrote.
    fn parse(path: &str) -> Option<Self> {
        let mut parts = path.trim_start_matches('/').split('/');
        let verb = parts.next()?;
        let (first, second) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
        let number = || first.parse().ok();
        Some(match verb {
            "" => Act::Look,
            "add" => Act::Add(number()?, second.parse().ok()?),
            "coupon" => Act::Coupon(number()?),
            "login" => Act::Login(USERS.into_iter().find(|user| *user == first)?),
            "logout" => Act::Logout,
            "note" => Act::Note(number()?),
            "promote" => Act::Promote(number()?),
            "remove" => Act::Remove(number()?),
            "renew" => Act::Renew,
            "theme" => Act::Theme(number()?),
            "wish" => Act::Wish(number()?, second.parse().ok()?),
            _ => return None,
        })
    }
}

pub(crate) const USERS: [&str; 3] = ["ada", "bob", "cyd"];

/// The role that a login gives.
pub(crate) const MEMBER: u32 = 1;

/// The text of an item: nobody can mistake one for another.
pub(crate) fn text(id: u32, len: usize) -> String {
    let number = format!("{id}:");
    number.chars().cycle().take(len.max(number.len())).collect()
}
