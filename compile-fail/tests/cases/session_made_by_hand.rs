//! A handle comes from a request, never from nowhere.

use haversack_tower::Session;
use serde::{Deserialize, Serialize};

#[derive(Default, Serialize, Deserialize)]
struct Shop {
    theme: String,
}

fn main() {
    let _ = Session { value: Shop::default() };
}
