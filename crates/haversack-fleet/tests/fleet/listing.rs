//! The session index: who is listed where, and what becomes of it when the engine fails.

use haversack::{Listed, SubjectId};
use haversack_fleet::EngineErrorKind;

use crate::*;

const LABEL: &str = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8";

fn listing(engine: &Arc<Memory>) -> Fleet {
    builder().session_index(true).start_blocking(Arc::<Memory>::clone(engine)).unwrap()
}

fn subject() -> SubjectId {
    SubjectId::from_bytes([7; 8])
}

/// A session that was used so many seconds ago.
fn used(n: u64, ago: u64, label: &str) -> Listed {
    let seen = now().as_secs() - ago;
    let text = format!("listed {} {} {seen} {seen} {}{label}", subject(), id(n), seen + 3600);
    text.parse().unwrap()
}

fn list(fleet: &Fleet, listed: Listed) {
    fleet.index().unwrap().list(listed);
}

fn ids(fleet: &Fleet) -> Vec<RevocationId> {
    fleet.index().unwrap().of(subject()).iter().map(|it| it.id).collect()
}

#[test]
fn what_begins_on_one_server_is_listed_there_at_once_and_everywhere_soon() {
    let engine = engine();
    let (here, there, without) = (listing(&engine), listing(&engine), join(&engine));
    list(&here, used(1, 60, &format!(" {LABEL}")));
    assert_eq!(ids(&here), [id(1)]);
    eventually("the other one lists it", || ids(&there) == [id(1)]);
    // Where it is used next nobody says the label again.
    list(&there, used(1, 0, ""));
    let label = |fleet: &Fleet| fleet.index().unwrap().of(subject())[0].label.clone();
    assert_eq!(label(&there).unwrap().as_str(), LABEL);
    eventually("both are told", || engine.state().log.len() == 2);
    assert!(engine.state().log[1].ends_with(LABEL), "{:?}", engine.state().log);
    let late = listing(&engine);
    assert_eq!(ids(&late), [id(1)], "who joins knows all");
    let listed = |fleet: &Fleet| fleet.index().unwrap().of(subject());
    assert_eq!(listed(&late), listed(&there));
    assert!(without.index().is_none(), "a server keeps a list if it was told to");
    let publication = without.publish(vec![session(1)]);
    block_on(publication).unwrap();
    eventually("what has ended is known", || knows(&here, 1));
    assert!(listed(&here)[0].has_ended(here.view().revocations.as_ref().unwrap()));
    assert_eq!(here.view().revocations.as_ref().unwrap().len(), 1, "no session is revoked by it");
}

#[test]
fn what_begins_while_the_engine_takes_nothing_is_listed_later() {
    let engine = engine();
    let (here, there) = (listing(&engine), listing(&engine));
    engine.state().takes_nothing = Some(EngineErrorKind::Unreachable);
    list(&here, used(1, 0, ""));
    assert_eq!(ids(&here), [id(1)]);
    eventually("it is said", || here.status().report.trouble.is_some_and(|it| it.contains("list")));
    engine.state().takes_nothing = None;
    eventually("the other one lists it", || ids(&there) == [id(1)]);
}

#[test]
fn one_that_the_engine_refuses_does_not_hold_up_the_others() {
    let engine = engine();
    let (here, there) = (listing(&engine), listing(&engine));
    let bad = used(2, 0, "");
    engine.state().refuses = Some(bad.to_string());
    for listed in [used(1, 0, ""), bad, used(3, 0, "")] {
        list(&here, listed);
    }
    eventually("the others are listed", || ids(&there) == [id(1), id(3)]);
    assert_eq!(ids(&here), [id(1), id(2), id(3)]);
}

#[test]
fn a_list_that_the_engine_lost_is_put_back() {
    let engine = engine();
    engine.state().forgets = true;
    let servers = [listing(&engine), listing(&engine), listing(&engine)];
    for n in 0..20 {
        list(&servers[0], used(n, 0, ""));
    }
    eventually("all list all", || servers.iter().all(|server| ids(server).len() == 20));
    engine.lose(5);
    eventually("it is put back", || engine.state().log.len() >= 20);
    let late = listing(&engine);
    assert_eq!(ids(&late).len(), 20);
}

#[test]
fn what_is_malformed_is_not_listed() {
    let engine = engine();
    engine.state().log.push(format!("listed {} {} 1 2", subject(), id(1)));
    engine.state().log.push(format!("listed {} {} 1 2 3", subject(), id(2)));
    assert!(ids(&listing(&engine)).is_empty(), "the second one is over");
}
