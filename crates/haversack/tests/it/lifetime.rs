//! The presets for the assurance levels of NIST SP 800-63B-4, to the millisecond.

use haversack::{ArrivalKind, Lifetime, Policy, Rejection};

use crate::client::Client;
use crate::events::{Shop, policy};

const MINUTE: u64 = 60_000;
const HOUR: u64 = 60 * MINUTE;

fn signed_in(lifetime: Lifetime) -> Client<Shop> {
    let mut client = Client::<Shop>::new(Policy { lifetime, ..policy() });
    client.change(|shop| shop.user = Some("ada".into()));
    client
}

/// Whether the session is there, or why it is not.
fn standing(client: &Client<Shop>) -> Result<(), Vec<Rejection>> {
    let arrival = client.open().arrival();
    if arrival.kind == ArrivalKind::Admitted { Ok(()) } else { Err(arrival.rejections) }
}

#[test]
fn without_activity_a_session_ends_when_its_level_says() {
    for (lifetime, idle) in [(Lifetime::aal2(), HOUR), (Lifetime::aal3(), 15 * MINUTE)] {
        let mut client = signed_in(lifetime);
        client.now += idle;
        assert_eq!(standing(&client), Ok(()));
        client.now += 1;
        assert_eq!(standing(&client), Err(vec![Rejection::IdleExpired]));
    }
}

#[test]
fn a_session_in_use_ends_when_its_level_says_unless_its_subject_proves_itself_again() {
    for (lifetime, absolute) in [
        (Lifetime::aal1(), 30 * 24 * HOUR),
        (Lifetime::aal2(), 24 * HOUR),
        (Lifetime::aal3(), 12 * HOUR),
    ] {
        let mut client = signed_in(lifetime);
        let end = client.now + absolute;
        while client.now < end {
            assert_eq!(standing(&client), Ok(()));
            client.look();
            client.now += 10 * MINUTE;
        }
        assert_eq!((client.now, standing(&client)), (end, Ok(())));
        client.now += 1;
        assert_eq!(standing(&client), Err(vec![Rejection::AbsoluteExpired]));

        client.now -= 1;
        let mut exchange = client.open();
        exchange.authenticated();
        let outcome = client.respond(exchange, |_| {});
        client.jar.apply(&outcome.set_cookies);
        client.now += 10 * MINUTE;
        assert_eq!(standing(&client), Ok(()));
    }
}
