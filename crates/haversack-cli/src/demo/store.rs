//! What the demo's session holds: all that its servers ever know about a person.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{SystemTime, UNIX_EPOCH};

use haversack_tower::Each;
use serde::{Deserialize, Serialize};

/// The personal data, as the browser carries it.
#[derive(Default, Serialize, Deserialize)]
pub(super) struct Store {
    /// Who is signed in.
    pub(super) name: Option<String>,
    pub(super) theme: Theme,
    pub(super) notes: Each<BTreeMap<u64, String>>,
    /// One entry for each piece put in, so that two tabs that add the same product both count.
    pub(super) cart: Each<BTreeMap<u64, u8>>,
    /// Which of the race's requests have arrived.
    pub(super) race: Each<BTreeSet<u8>>,
    pub(super) races: u32,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Theme {
    #[default]
    Auto,
    Dark,
    Light,
}

impl Theme {
    pub(super) const ALL: [Self; 3] = [Self::Auto, Self::Light, Self::Dark];

    pub(super) fn name(self) -> &'static str {
        match self {
            Theme::Auto => "auto",
            Theme::Dark => "dark",
            Theme::Light => "light",
        }
    }
}

/// What can be put into the cart.
pub(super) const PRODUCTS: [&str; 6] = ["Lantern", "Rope", "Map", "Compass", "Tin cup", "Blanket"];

/// An id for an entry. It goes into the form, so that a form sent twice adds one entry.
pub(super) fn fresh_id() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let millis = u64::try_from(since.as_millis()).unwrap_or(0);
    let mut random = [0; 1];
    // Without randomness ids are still apart by time, which is enough for one person.
    let _ = getrandom::fill(&mut random);
    (millis << 8) | u64::from(random[0])
}
