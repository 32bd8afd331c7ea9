//! A session type needs a default: a client without a session gets it.

use haversack_tower::Session;
use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize)]
struct Shop {
    theme: String,
}

fn show(_shop: Session<Shop>) {}

fn main() {}
