//! Inspection tells what a server sees, and changes nothing.

use std::sync::Arc;

use haversack::inspect::{
    self, Contents, Inspection, KeyStanding, Kind, Outcome, Reason, Standing,
};
use haversack::{
    ArrivalKind, Feed as _, Fixed, KeyRing, KeyState, Policy, Rejection, SealError, Timestamp,
    View, Work,
};

use crate::client::{Client, Seeded};
use crate::events::{Shop, client, policy};

fn look(client: &Client<Shop>) -> Inspection {
    look_with(client, client.snapshot.view(), &policy())
}

fn look_with(client: &Client<Shop>, view: &Arc<View>, policy: &Policy) -> Inspection {
    let header = client.jar.header();
    inspect::jar(view, policy, [header.as_bytes()], client.at()).expect("a policy that fits")
}

fn signed_in() -> Client<Shop> {
    let mut client = client();
    client.change(|shop| {
        shop.cart.insert(7, "tea".into());
    });
    client.now += 5_000;
    client.change(|shop| {
        shop.user = Some("ada".into());
        shop.theme = "dark".into();
    });
    client
}

#[test]
fn an_empty_jar_is_no_session() {
    let found = look(&client());
    assert_eq!(found.info.arrival.kind, ArrivalKind::Absent);
    assert!(found.parcels.is_empty() && found.fields.is_empty() && found.ends.is_none());
}

#[test]
fn it_tells_what_the_exchange_tells() {
    let client = signed_in();
    let found = look(&client);
    let info = client.open().info(false);
    assert_eq!(found.info.id, info.id);
    assert_eq!(found.info.usage, info.usage);
    assert_eq!(found.info.times, info.times);
    assert!(found.info.signed_in && found.refusal.is_none());
    let ends = found.ends.expect("a session ends");
    assert_eq!(ends.idle.expect("an idle limit"), found.info.times.expect("times").expires);
}

#[test]
fn every_parcel_is_described_in_the_order_of_the_line() {
    let client = signed_in();
    let found = look(&client);
    let suffixes: Vec<&str> = found.parcels.iter().map(|parcel| parcel.suffix.as_str()).collect();
    let names: Vec<&str> =
        client.jar.0.keys().map(|name| name.split_once('.').expect("a suffix").1).collect();
    assert_eq!(suffixes, names);
    let kinds: Vec<_> = found.parcels.iter().filter_map(|parcel| parcel.kind).collect();
    assert_eq!(kinds, [Kind::Anonymous, Kind::Root, Kind::Subject]);
    for (parcel, (name, value)) in found.parcels.iter().zip(&client.jar.0) {
        assert_eq!(parcel.value_chars, value.len());
        assert_eq!(parcel.chars, name.len() + value.len());
        assert_eq!(parcel.key, Some(KeyStanding::Known(KeyState::Sealing)));
    }
    assert_eq!(found.lineages.len(), 1);
    assert_eq!(found.lineages[0].standing, Some(Standing::Winner));
    let Outcome::Opened(Contents::Root(root)) = &found.parcels[1].outcome else {
        panic!("{:?}", found.parcels[1])
    };
    assert!(root.head && root.subject.is_some() && root.identity > 0);
    assert_eq!(Some(root.id), found.info.id);
    assert_eq!(Some(&root.revocation_id), found.info.revocation_id.as_ref());
    let Outcome::Opened(Contents::Fragment(fragment)) = &found.parcels[0].outcome else {
        panic!("{:?}", found.parcels[0])
    };
    assert_eq!((fragment.entries, fragment.tombstones, fragment.under_subject), (1, 0, false));
    assert_eq!(fragment.owns.map(|owns| owns.bytes), Some(fragment.bytes));
}

#[test]
fn fields_carry_their_values_and_where_they_come_from() {
    let found = look(&signed_in());
    let of = |name| found.fields.iter().find(|field| field.name == name).expect("a field");
    let value = |name| of(name).value.clone().expect("a value").bytes;
    assert_eq!(value("user"), b"\x63ada");
    assert!(of("user").from_head && of("user").under_subject);
    assert_eq!(value("theme"), b"\x64dark");
    assert!(!of("theme").from_head && of("theme").under_subject);
    assert_eq!(of("cart").key.as_deref(), Some(&[7][..]));
    assert!(!of("cart").under_subject);
}

#[test]
fn what_is_due_is_what_the_next_response_does() {
    let mut client = signed_in();
    for n in 0..8 {
        client.now += 20_000;
        let jar = client.jar.clone();
        client.change(|shop| {
            shop.cart.insert(n, "cup".into());
        });
        // A client that ignores deletions, so that there is something dead.
        for (name, value) in jar.0 {
            client.jar.0.entry(name).or_insert(value);
        }
    }
    client.now += 4 * 3600 * 1000;
    let found = look(&client);
    let exchange = client.open();
    let outcome = client.respond(exchange, |_| {});
    assert!(!found.due.dead.is_empty() && !found.due.steps.is_empty());
    assert_eq!(found.due.chars, outcome.report.chars);
    assert_eq!(found.due.waiting, outcome.report.waiting);
    let done: Vec<Work> =
        found.due.steps.iter().filter(|step| step.now).map(|step| step.work).collect();
    assert_eq!(done, outcome.report.maintenance);
    assert!(done.contains(&Work::Touch));
    for step in found.due.steps.iter().filter(|step| step.now) {
        let name = format!("__Host-Http-hv.{}=", step.set);
        assert!(outcome.set_cookies.iter().any(|line| line.starts_with(&name)), "{step:?}");
    }
    for dead in &found.due.dead {
        assert!(matches!(dead.why, Reason::Covered | Reason::Superseded), "{dead:?}");
        let name = format!("__Host-Http-hv.{}=;", dead.suffix);
        assert_eq!(dead.now, outcome.set_cookies.iter().any(|line| line.starts_with(&name)));
    }
}

#[test]
fn after_a_logout_the_marker_tells_of_the_session() {
    let mut client = signed_in();
    let before = client.jar.clone();
    client.now += 5_000;
    client.end();
    for (name, value) in before.0 {
        client.jar.0.entry(name).or_insert(value);
    }
    let found = look(&client);
    let closed = found.lineages.iter().filter(|of| of.standing == Some(Standing::Closed));
    assert_eq!(closed.count(), 1);
    let marker = found.parcels.iter().find(|parcel| parcel.kind == Some(Kind::End));
    assert!(matches!(
        marker.map(|marker| &marker.outcome),
        Some(Outcome::Opened(Contents::Marker(_)))
    ));
    assert!(found.due.dead.iter().all(|dead| dead.why == Reason::Closed && dead.now));
    assert_eq!(found.due.dead.len(), 3);
}

#[test]
fn a_key_that_is_missing_is_named_and_keeps_the_session_from_being_written() {
    let mut client = signed_in();
    let rotated = KeyRing::for_tests()
        .rotate(client.at(), Seeded(9), KeyRing::LEAD_MS, KeyRing::overlap_ms(86_400_000))
        .expect("a next key");
    client.now += 2 * KeyRing::LEAD_MS;
    let old = Arc::clone(client.snapshot.view());
    client.snapshot = client.snapshot.with_view(Fixed::from(rotated).view());
    let stale = look(&client);
    assert!(
        stale
            .parcels
            .iter()
            .all(|parcel| { parcel.key == Some(KeyStanding::Known(KeyState::Opening)) })
    );
    assert!(stale.due.steps.iter().all(|step| step.work == Work::Rekey && step.now));
    assert_eq!(stale.due.steps.len(), 3);
    client.look();

    let found = look_with(&client, &old, &policy());
    assert_eq!(found.info.arrival.kind, ArrivalKind::Kept);
    assert!(found.info.arrival.partial);
    assert!(matches!(found.refusal, Some(SealError::Unavailable { unknown_key: Some(_) })));
    for parcel in &found.parcels {
        assert_eq!(parcel.key, Some(KeyStanding::Unknown));
        let id = parcel.key_id.expect("a key id");
        assert_eq!(parcel.outcome, Outcome::Rejected(Rejection::UnknownKey(id)));
        assert_eq!(id.mark(), found.mark);
    }
    assert!(found.due.dead.is_empty());
}

#[test]
fn another_tenant_sees_a_foreign_ring() {
    let client = signed_in();
    let other = Policy { tenant: "other".into(), ..policy() };
    let found = look_with(&client, client.snapshot.view(), &other);
    assert!(found.parcels.iter().all(|parcel| parcel.outcome == Outcome::Foreign));
    assert_eq!(found.info.arrival.kind, ArrivalKind::Absent);
}

#[test]
fn a_name_that_comes_twice_leaves_the_rest_unread() {
    let client = signed_in();
    let header = client.jar.header();
    let first = header.split("; ").next().expect("a cookie");
    let twice = format!("{header}; {first}");
    let found =
        inspect::jar(client.snapshot.view(), &policy(), [twice.as_bytes()], client.at()).unwrap();
    let outcomes: Vec<_> = found.parcels.iter().map(|parcel| parcel.outcome.clone()).collect();
    let duplicate = Outcome::Rejected(Rejection::DuplicateName);
    assert_eq!(outcomes, [duplicate.clone(), Outcome::Unread, Outcome::Unread, duplicate]);
}

#[test]
fn a_session_that_was_idle_for_too_long_says_so() {
    let mut client = signed_in();
    client.now += 25 * 3600 * 1000;
    let found = look(&client);
    assert!(matches!(
        found.lineages[0].standing,
        Some(Standing::Refused { why: Rejection::IdleExpired, .. })
    ));
    assert!(found.due.dead.iter().any(|dead| dead.why == Reason::Refused(Rejection::IdleExpired)));
}

#[test]
fn names_tell_kind_key_and_size_to_those_without_keys() {
    let client = signed_in();
    let header = client.jar.header();
    let names = inspect::names("__Host-Http-hv", [header.as_bytes()]);
    let found = look(&client);
    assert_eq!(names.len(), found.parcels.len());
    for (name, parcel) in names.iter().zip(&found.parcels) {
        assert_eq!((&name.suffix, name.kind), (&parcel.suffix, parcel.kind));
        let claim = name.claim.as_ref().expect("a parcel");
        assert_eq!(Some(claim.key_id), parcel.key_id);
        assert_eq!(claim.suite, 'A');
        assert!(claim.content.contains(&claim.frame));
        if let Outcome::Opened(Contents::Fragment(fragment)) = &parcel.outcome {
            assert!(claim.content.contains(&(fragment.bytes + 7)), "{claim:?} {fragment:?}");
        }
    }
    let odd = inspect::names("hv", [&b"hv.x=hv1A; hv.rAAbbbbbb=hv9; other=hv1A; hv.r=3"[..]]);
    let reasons: Vec<_> = odd.iter().map(|name| name.claim.clone().err()).collect();
    assert_eq!(reasons, [Some(Rejection::Malformed), Some(Rejection::UnknownVersion)]);
}

#[test]
fn a_policy_that_cannot_be_is_an_error() {
    let view = Fixed::from(KeyRing::for_tests()).view();
    let policy = Policy { tenant: "x".repeat(256), ..Policy::default() };
    assert!(inspect::jar(&view, &policy, [], Timestamp::default()).is_err());
}

#[test]
fn an_anonymous_visit_of_the_same_client_is_adopted_and_takes_no_part_until_it_is_settled() {
    let mut client = signed_in();
    // The first visit raced with another, whose cookies arrive late.
    let mut other = self::client();
    other.entropy = Seeded(2);
    other.change(|shop| {
        shop.cart.insert(8, "cup".into());
    });
    client.jar.0.extend(other.jar.0);
    let owns_of_adopted = |found: &Inspection| {
        let adopted = Some(Standing::Adopted);
        let at = found.lineages.iter().position(|lineage| lineage.standing == adopted).unwrap();
        let mut fragments = found.parcels.iter().filter_map(|parcel| match &parcel.outcome {
            Outcome::Opened(Contents::Fragment(of)) if of.lineage == at => Some(of.owns.is_some()),
            _ => None,
        });
        fragments.next().expect("its fragment")
    };
    let found = look(&client);
    assert_eq!(found.fields.iter().filter(|field| field.name == "cart").count(), 2);
    assert!(!owns_of_adopted(&found));
    client.now += 20 * 60 * 1000;
    let found = look(&client);
    assert!(owns_of_adopted(&found));
    assert!(found.due.steps.iter().any(|step| step.work == Work::Fold && step.now));
}
