//! An exchange is consumed by its response: nothing can be written after it.

use haversack::{Entropy, Exchange, Room, Timestamp};

#[derive(Default, serde::Serialize, serde::Deserialize)]
struct Shop {
    theme: String,
}

fn twice(exchange: Exchange<Shop>, now: Timestamp, entropy: &mut impl Entropy) {
    let _ = exchange.respond(Room::default(), now, entropy);
    let _ = exchange.respond(Room::default(), now, entropy);
}

fn main() {}
