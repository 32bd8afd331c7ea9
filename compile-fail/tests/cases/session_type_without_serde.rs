//! A session type is written and read through serde.

use haversack_tower::Session;

#[derive(Default)]
struct Shop {
    theme: String,
}

fn show(_shop: Session<Shop>) {}

fn main() {}
