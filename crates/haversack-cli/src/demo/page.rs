//! The application's page, whole without any script.

use std::collections::{BTreeMap, BTreeSet};

use maud::{DOCTYPE, Markup, PreEscaped, html};

use super::front::{OLDER_HERE, PANELS_HERE};
use super::race::RUNNERS;
use super::said::Said;
use super::store::{PRODUCTS, Store, Theme, fresh_id};

pub(super) fn page(replica: u8, store: &Store, plain: &BTreeSet<u8>, said: Option<Said>) -> Markup {
    html! {
        (DOCTYPE)
        html lang="en" data-theme=(store.theme.name()) {
            (head())
            body {
                (top(store))
                main {
                    div.left {
                        div #app {
                            @if let Some(said) = said {
                                p.notice.fine[!said.warns()] role="alert" id="said" { (said.text()) }
                            }
                            (notes(store))
                            (cart(store))
                            (account(store))
                            (race(store, plain))
                        }
                        (older_part())
                    }
                    (panels_part())
                }
                output #says {}
                footer #from {
                    "This page came from replica " (replica) ", which has already forgotten you."
                }
            }
        }
    }
}

fn head() -> Markup {
    html! {
        head {
            meta charset="utf-8";
            meta name="viewport" content="width=device-width, initial-scale=1";
            meta name="color-scheme" content="light dark";
            title { "Haversack demo" }
            link rel="icon" href="/icon.svg" type="image/svg+xml";
            link rel="stylesheet" href="/style.css";
            script src="/live.js" defer {}
        }
    }
}

/// What the front fills in: it knows the processes, the keys and the jar.
pub(super) fn parts() -> Markup {
    html! { (panels_part()) (older_part()) }
}

fn panels_part() -> Markup {
    html! { div #panels { (PreEscaped(PANELS_HERE)) } }
}

fn older_part() -> Markup {
    html! { div #older { (PreEscaped(OLDER_HERE)) } }
}

/// A page of the front's own, for when no replica has one.
pub(super) fn interlude(text: &str) -> Markup {
    html! {
        (DOCTYPE)
        html lang="en" {
            (head())
            body {
                header.top { (brand()) a.button href="/" { "Back to the page" } }
                main {
                    div.left { p.notice role="alert" { (text) } }
                    (panels_part())
                }
            }
        }
    }
}

fn brand() -> Markup {
    html! {
        div.brand {
            img src="/icon.svg" alt="" width="40" height="40";
            div {
                h1 { "Haversack" }
                p { "Your data is in your browser. The servers keep nothing about you." }
            }
        }
    }
}

fn top(store: &Store) -> Markup {
    html! {
        header #top {
            (brand())
            div.who {
                @if let Some(name) = &store.name {
                    form method="post" action="/logout" {
                        span { "Signed in as " strong { (name) } }
                        button { "Sign out" }
                    }
                } @else {
                    form method="post" action="/login" {
                        label { span.hidden { "Your name" }
                            input name="name" placeholder="Your name" maxlength="40" required autocomplete="off";
                        }
                        button.main { "Sign in" }
                    }
                }
                form.theme method="post" action="/theme" role="group" aria-label="Theme" {
                    @for theme in Theme::ALL {
                        button name="theme" value=(theme.name()) aria-pressed=(store.theme == theme) {
                            (theme.name())
                        }
                    }
                }
            }
        }
    }
}

fn notes(store: &Store) -> Markup {
    html! {
        section.card aria-labelledby="h-notes" {
            h2 #h-notes { "Notes" }
            form.add method="post" action="/notes/add" {
                input type="hidden" name="id" value=(fresh_id());
                label { span.hidden { "A note" }
                    input name="text" placeholder="Write a note…" maxlength="160" required autocomplete="off";
                }
                button.main { "Add" }
            }
            @if store.notes.is_empty() {
                p.quiet { "None yet. Add one, kill a server, reload." }
            }
            ul.notes {
                @for (id, text) in store.notes.iter().rev() {
                    li data-key={ "n" (id) } {
                        span { (text) }
                        form method="post" action="/notes/remove" {
                            input type="hidden" name="id" value=(id);
                            button.icon aria-label={ "Remove the note " (text) } { "×" }
                        }
                    }
                }
            }
        }
    }
}

fn cart(store: &Store) -> Markup {
    let mut pieces: BTreeMap<u8, Vec<u64>> = BTreeMap::new();
    for (id, product) in &store.cart {
        pieces.entry(*product).or_default().push(*id);
    }
    html! {
        section.card aria-labelledby="h-cart" {
            h2 #h-cart { "Cart" @if !store.cart.is_empty() { " " span.count { (store.cart.len()) } } }
            div.products {
                @for (product, name) in (0_u8..).zip(PRODUCTS) {
                    @let ids = pieces.get(&product).map(Vec::as_slice).unwrap_or_default();
                    div.product.some[!ids.is_empty()] data-key={ "p" (product) } {
                        span { (name) }
                        div.steps {
                            @if let Some(last) = ids.last() {
                                form method="post" action="/cart/remove" {
                                    input type="hidden" name="id" value=(last);
                                    button.icon aria-label={ "One " (name) " less" } { "−" }
                                }
                                b { (ids.len()) }
                            }
                            form method="post" action="/cart/add" {
                                input type="hidden" name="id" value=(fresh_id());
                                input type="hidden" name="product" value=(product);
                                button.icon aria-label={ "Add a " (name) } { "+" }
                            }
                        }
                    }
                }
            }
        }
    }
}

/// Buttons that are about more than this browser.
fn account(store: &Store) -> Markup {
    let Some(name) = &store.name else { return html! {} };
    html! {
        section.card aria-labelledby="h-account" {
            h2 #h-account { "Account" }
            p.quiet {
                "Open this page in a second browser or a private window, and sign in as " b { (name) }
                " there, too."
            }
            ul.actions {
                li {
                    form method="post" action="/logout/everywhere" { button.danger { "Sign out everywhere" } }
                    span.quiet { "Ends every session of that name, on every server." }
                }
                li {
                    form method="post" action="/password" { button { "Change the password" } }
                    span.quiet { "There is none; it does what follows: every other session ends, this one stays. " b { "Sensitive." } }
                }
                li {
                    form method="post" action="/forget" { button.danger { "Delete my data" } }
                    span.quiet { "Empties notes, cart and race. " b { "Sensitive:" } " refused while the server may have missed a sign-out." }
                }
            }
        }
    }
}

fn race(store: &Store, plain: &BTreeSet<u8>) -> Markup {
    html! {
        section.card aria-labelledby="h-race" {
            h2 #h-race { "The race" }
            p.quiet {
                "20 requests at once, each adds one thing to the session. Beside it, each adds the "
                "same to an ordinary cookie, in which the last to answer wins."
            }
            div.lanes {
                (lane("Haversack", "session", &store.race))
                (lane("Ordinary cookie", "plain", plain))
            }
            form #race method="post" action="/race/clear" data-race {
                button.main.scripted { "Start the race" }
                noscript { p.quiet { "The race needs scripts: only your browser can send its jar 20 times at once." } }
            }
            p #race-says.quiet aria-live="polite" {}
        }
    }
}

fn lane(name: &str, id: &str, arrived: &BTreeSet<u8>) -> Markup {
    html! {
        div class={ "lane " (id) } {
            h3 { (name) }
            p.big { (arrived.len()) span.quiet { " of " (RUNNERS) } }
            div.cells aria-hidden="true" {
                @for runner in 0..RUNNERS { span.here[arrived.contains(&runner)] {} }
            }
        }
    }
}
