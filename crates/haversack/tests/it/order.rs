//! What does not depend on the order in which things come. Schedules of overlapping requests are
//! simulated in `sim/`, by the hundred thousand.

use haversack::Exchange;

use crate::client::Seeded;
use crate::events::client;

#[test]
fn reading_does_not_depend_on_the_order_of_cookies() {
    let mut client = client();
    for n in 0..12 {
        client.change(|shop| {
            shop.cart.insert(n, "tea".into());
            if n == 5 {
                shop.user = Some("ada".into());
            }
        });
        client.now += 700;
    }
    let pairs: Vec<String> =
        client.jar.0.iter().map(|(name, value)| format!("{name}={value}")).collect();
    let expected = client.read();
    for rotation in 0..pairs.len() {
        let mut pairs = pairs.clone();
        pairs.rotate_left(rotation);
        if rotation % 2 == 1 {
            pairs.reverse();
        }
        let (first, second) = pairs.split_at(rotation / 2);
        let lines = [first.join("; "), second.join(";")];
        let exchange =
            Exchange::receive(&client.snapshot, lines.iter().map(String::as_bytes), client.at());
        assert_eq!(exchange.value().0.value, expected);
        let again = exchange.respond(haversack::Room::default(), client.at(), &mut Seeded(3));
        let straight =
            client.open().respond(haversack::Room::default(), client.at(), &mut Seeded(3));
        assert_eq!(again.set_cookies.len(), straight.set_cookies.len());
    }
}
