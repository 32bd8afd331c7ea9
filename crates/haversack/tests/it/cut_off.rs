//! A server that has not heard of an end, and a jar that has gone on without the session.

use haversack::{Outcome, Room};

use crate::revocation::{MINUTE, Server};

/// Whatever a request may do on a server that may not serve the session.
fn maintain(server: &mut Server) -> Outcome {
    let exchange = server.client.open();
    let at = server.client.at();
    let outcome = exchange.respond(Room::default(), at, &mut server.client.entropy);
    server.client.jar.apply(&outcome.set_cookies);
    outcome
}

#[test]
fn what_began_after_an_end_does_not_go_over_into_what_has_ended() {
    let mut server = Server::new();
    server.login("ada");
    server.advance(MINUTE);
    // The answer to the logout is lost: the cookies stay, and the servers know.
    let mut exchange = server.client.open();
    exchange.end();
    let at = server.client.at();
    let ended = exchange.respond(Room::default(), at, &mut server.client.entropy).revocations;
    let ignorant = server.client.snapshot.clone();
    server.learn(&ended);
    // Of the answer to the next write the last lines are, which delete what has ended.
    let before = server.client.jar.clone();
    let write = server.client.change(|shop| shop.note = "acknowledged".into());
    assert_eq!(write.error, None);
    let sets = |line: &&String| !line.contains("Max-Age=0;");
    server.client.jar = before;
    server.client.jar.apply(&write.set_cookies.iter().filter(sets).cloned().collect::<Vec<_>>());
    assert_eq!(server.client.read().note, "acknowledged");
    assert_eq!(server.client.read().user, None, "it has ended");

    // Much later, a server that has been cut off since before.
    server.advance(17 * MINUTE);
    let knowing = std::mem::replace(&mut server.client.snapshot, ignorant);
    assert_eq!(server.client.read().user.as_deref(), Some("ada"), "it has not heard of it");
    for _ in 0..3 {
        maintain(&mut server);
    }
    server.client.snapshot = knowing;
    assert_eq!(server.client.read().note, "acknowledged");
}
