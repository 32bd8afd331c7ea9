//! Several servers of one machine that share a key ring file.

use haversack::{Feed, Revocation};
use haversack_fleet::Fleet;
use haversack_fleet::file::{FileErrorKind, Watched};

use crate::killed::now;
use crate::{Keys, block_on, eventually};

#[test]
fn servers_that_share_a_file_are_a_fleet() {
    let keys = Keys::new();
    let path = keys.path();
    let address = path.to_str().unwrap();
    let join = || Fleet::builder(address).rotation(None).connect_blocking().unwrap();
    let (one, other) = (join(), join());
    let until = now().as_secs() + 3600;
    let over: Revocation = format!("session AAECAwQFBgc {until}").parse().unwrap();
    let mut published = one.publish(vec![over]);
    block_on(|cx| published.as_mut().poll(cx).map(|done| done.unwrap()));
    let knows = |fleet: &Fleet| {
        let view = fleet.view();
        view.revocations.as_ref().is_some_and(|it| it.iter().any(|record| record == over))
    };
    eventually("the other server knows it", || knows(&other));
    assert!(knows(&join()), "and so does one that starts later");

    keys.rotate();
    eventually("both have the new ring", || {
        [&one, &other].iter().all(|fleet| fleet.view().ring.revision() == 2)
    });
    eventually("they see each other", || {
        let mut asked = std::pin::pin!(one.servers());
        let mut servers = 0;
        block_on(|cx| asked.as_mut().poll(cx).map(|told| servers = told.unwrap().len()));
        servers > 0
    });
}

#[test]
fn servers_that_watch_a_file_share_what_they_revoke() {
    let keys = Keys::new();
    let (one, other) = (keys.watch(), keys.watch());
    one.fleet().ready().unwrap();
    let until = now().as_secs() + 3600;
    let over: Revocation = format!("session AAECAwQFBgc {until}").parse().unwrap();
    let mut published = one.publish(vec![over]);
    let knows = |watched: &Watched| {
        let view = watched.view();
        view.revocations.as_ref().is_some_and(|it| it.iter().any(|record| record == over))
    };
    assert!(knows(&one), "at once");
    block_on(|cx| published.as_mut().poll(cx).map(|done| done.unwrap()));
    eventually("the other server knows it", || knows(&other));
    drop((one, other));
    let later = keys.watch();
    assert!(knows(&later), "what was revoked outlives the servers");
    assert!(!later.fleet().status().report.read_only);

    // Whatever happens to the log, a server that runs forgets nothing.
    std::fs::remove_file(keys.dir.path().join("haversack.keys.log")).unwrap();
    let confirmed = later.view().confirmed;
    eventually("confirmed", || later.view().confirmed > confirmed);
    assert!(knows(&later));
}

#[test]
fn a_log_that_cannot_be_trusted_is_not() {
    let keys = Keys::new();
    drop(keys.watch());
    let log = keys.dir.path().join("haversack.keys.log");
    crate::set_mode(&log, 0o666);
    let error = keys.try_watch().unwrap_err();
    assert!(matches!(error.kind(), FileErrorKind::Fleet(_)), "{error}");
    let said = error.to_string();
    assert!(said.contains("cannot watch") && said.contains("chmod 600"), "{said}");
}

#[test]
fn a_fleet_says_what_is_wrong_with_its_file() {
    let keys = Keys::new();
    keys.put(b"{\"revision\": 1");
    let error = Fleet::connect_blocking(keys.path().to_str().unwrap()).unwrap_err().to_string();
    assert!(error.contains("haversack.keys") && error.contains("line 1"), "{error}");
    std::fs::remove_file(keys.path()).unwrap();
    let error = Fleet::connect_blocking(keys.path().to_str().unwrap()).unwrap_err().to_string();
    assert!(error.contains("no key ring"), "{error}");
}
