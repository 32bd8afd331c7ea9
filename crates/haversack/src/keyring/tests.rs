use std::format;
use std::string::{String, ToString as _};
use std::vec::Vec;

use super::*;
use crate::env::NoEntropy;
use crate::key_id::KeyId;
use crate::testing::{Seeded, hex};

const HOUR: u64 = 60 * 60 * 1000;
const T0: Timestamp = Timestamp::from_secs(1_800_000_000);
const LEAD: u64 = KeyRing::LEAD_MS;
const OVERLAP: u64 = KeyRing::overlap_ms(24 * HOUR);

fn ring() -> KeyRing {
    KeyRing::generate("shop.example", T0, Seeded(1)).unwrap()
}

fn states(ring: &KeyRing, now: Timestamp) -> Vec<KeyState> {
    ring.keys(now).map(|key| key.state).collect()
}

#[test]
fn a_new_ring_seals_at_once_and_until_it_is_rotated() {
    let ring = ring();
    assert_eq!((ring.app(), ring.revision()), ("shop.example", 1));
    let key = ring.sealing(T0).unwrap();
    assert_eq!(
        (key.created, key.seals_from, key.seals_until, key.opens_until),
        (T0, T0, None, None)
    );
    assert!(ring.sealing(T0.plus_millis(100 * 365 * 24 * HOUR)).is_some());
}

#[test]
fn the_default_overlap_is_three_idle_lifetimes_and_three_graces() {
    assert_eq!(OVERLAP, 3 * 24 * HOUR + 15 * 60 * 1000);
    assert_eq!(KeyRing::overlap_ms(u64::MAX), u64::MAX);
}

#[test]
fn rotation_hands_over_without_a_gap_and_then_forgets() {
    let first = ring();
    let now = T0.plus_millis(24 * HOUR);
    let second = first.rotate(now, Seeded(2), LEAD, OVERLAP).unwrap();
    assert_eq!(second.revision(), 2);
    let [old, new] = second.keys(now).collect::<Vec<_>>().try_into().unwrap();
    assert_eq!((old.state, new.state), (KeyState::Sealing, KeyState::Upcoming));
    assert_eq!(second.sealing(now).unwrap().id, old.id);

    let handover = now.plus_millis(LEAD);
    assert_eq!((old.seals_until, new.seals_from), (Some(handover), handover));
    assert_eq!(states(&second, handover), [KeyState::Opening, KeyState::Sealing]);
    assert_eq!(second.sealing(handover).unwrap().id, new.id);
    let over = handover.plus_millis(OVERLAP);
    assert_eq!(old.opens_until, Some(over));
    assert_eq!(
        states(&second, Timestamp::from_millis(over.as_millis() - 1)),
        [KeyState::Opening, KeyState::Sealing]
    );
    assert_eq!(states(&second, over), [KeyState::Retired, KeyState::Sealing]);

    let third = second.rotate(over, Seeded(3), LEAD, OVERLAP).unwrap();
    assert!(third.keys(over).all(|key| key.id != old.id));
    assert!(third.to_json().contains(&format!("\"retired\": [\"{}\"]", old.id)));
    let keys = Keys::new(&third, &Context::default());
    assert!(matches!(keys.find(&KeyId::new(old.id, keys.mark()), over), Found::Retired));
}

#[test]
fn at_every_moment_of_many_rotations_one_key_seals_and_what_it_sealed_opens() {
    let mut ring = ring();
    let mut sealed: Vec<(Timestamp, ShortKeyId)> = Vec::new();
    let idle = HOUR;
    for hour in 1..200 {
        let now = T0.plus_millis(hour * HOUR + hour * 77_777);
        match ring.rotate(now, Seeded(1000 + hour), LEAD, KeyRing::overlap_ms(idle)) {
            Ok(next) => ring = next,
            Err(error) => panic!("{error}"),
        }
        ring = KeyRing::parse(&ring.to_json()).unwrap();
        let keys = Keys::new(&ring, &Context::default());
        sealed.push((now, ring.sealing(now).unwrap().id));
        for (when, id) in
            sealed.iter().rev().take_while(|(when, _)| now.millis_since(*when) <= idle)
        {
            let found = keys.find(&KeyId::new(*id, keys.mark()), now);
            assert!(matches!(found, Found::Key(_)), "sealed at {when:?}: {found:?}");
        }
        assert!(ring.keys.len() < 8 && ring.retired.len() <= 64);
    }
    assert_eq!(ring.retired.len(), 64, "bounded, and the last");
}

#[test]
fn revisions_of_a_ring_are_told_from_other_rings() {
    let first = ring();
    assert!(first.rotate(T0, Seeded(2), LEAD, OVERLAP).unwrap().is_revision_of(&first));
    assert!(!KeyRing::generate(first.app(), T0, Seeded(3)).unwrap().is_revision_of(&first));
    assert!(!KeyRing::generate("other", T0, Seeded(1)).unwrap().is_revision_of(&first));
}

#[test]
fn rotation_waits_for_the_key_that_is_already_there() {
    let second = ring().rotate(T0, Seeded(2), LEAD, OVERLAP).unwrap();
    let error = second.rotate(T0.plus_millis(1), Seeded(3), LEAD, OVERLAP).unwrap_err();
    let next = second.keys(T0).nth(1).unwrap();
    assert_eq!(error, KeyRingError::Upcoming { id: next.id, activates: T0.plus_millis(LEAD) });
    assert_eq!(
        error.to_string(),
        format!(
            "key {} is already there and begins to seal at 1800000600 (Unix time): rotate after that",
            next.id
        )
    );
    assert!(second.rotate(T0.plus_millis(LEAD), Seeded(3), LEAD, OVERLAP).is_ok());
}

#[test]
fn times_are_whole_seconds_and_never_less_than_asked() {
    let now = T0.plus_millis(1);
    let second = ring().rotate(now, Seeded(2), 1000, 1500).unwrap();
    let [old, new] = second.keys(now).collect::<Vec<_>>().try_into().unwrap();
    assert_eq!((new.created, new.seals_from), (T0, T0.plus_millis(2000)));
    assert_eq!(old.opens_until, Some(T0.plus_millis(4000)));

    let endless = ring().rotate(now, Seeded(2), 1000, u64::MAX).unwrap();
    assert!(KeyRing::parse(&endless.to_json()).is_ok());
}

#[test]
fn a_key_that_was_to_stop_early_seals_until_its_successor_does() {
    let mut first = ring();
    first.keys[0].schedule.end = Some(schedule::End {
        seals_until: T0.plus_millis(60_000),
        opens_until: T0.plus_millis(1000 * HOUR),
    });
    let second = first.rotate(T0, Seeded(2), LEAD, OVERLAP).unwrap();
    let old = second.keys(T0).next().unwrap();
    assert_eq!(old.seals_until, Some(T0.plus_millis(LEAD)));
    assert_eq!(
        old.opens_until,
        Some(T0.plus_millis(1000 * HOUR)),
        "an end is never brought forward"
    );
}

#[test]
fn a_ring_whose_sealing_key_was_revoked_seals_again_at_once() {
    let mut first = ring();
    first.keys[0].schedule.revoked = Some(T0);
    assert_eq!(first.sealing(T0), None);
    let second = first.rotate(T0, Seeded(2), LEAD, OVERLAP).unwrap();
    assert_eq!(states(&second, T0), [KeyState::Revoked, KeyState::Sealing]);
    // The revoked key goes when its parcels cannot come any more.
    let later = T0.plus_millis(OVERLAP);
    let third = second.rotate(later, Seeded(3), LEAD, OVERLAP).unwrap();
    assert_eq!(states(&third, later), [KeyState::Sealing, KeyState::Upcoming]);
}

#[test]
fn of_several_keys_that_may_seal_the_newest_does_then_the_highest_id() {
    let mut ring = ring_for_vectors("a", [7; 32], &[[1; 32], [2; 32], [3; 32]]);
    let keys = Keys::new(&ring, &Context::default());
    let highest = ring.keys(T0).map(|key| key.id).max().unwrap();
    assert_eq!(ring.sealing(T0).unwrap().id, highest);
    assert_eq!(keys.sealing(T0).unwrap().id().short(), highest);
    let low = ring.keys.iter_mut().min_by_key(|key| key.id).unwrap();
    low.schedule.seals_from = T0;
    let low = low.id;
    assert_eq!(ring.sealing(T0).unwrap().id, low);
    let keys = Keys::new(&ring, &Context::default());
    assert_eq!(keys.sealing(T0).unwrap().id().short(), low);
    assert!(
        ring.keys.iter().all(|key| {
            let id = KeyId::new(key.id, keys.mark());
            matches!(keys.find(&id, T0), Found::Key(key) if key.is_sealing(T0))
        }),
        "what the others sealed stays"
    );
}

#[test]
fn an_id_is_one_of_six_things() {
    let mut ring = ring_for_vectors("a", [7; 32], &[[1; 32], [2; 32], [3; 32]]);
    ring.keys[1].schedule.revoked = Some(T0);
    ring.keys[2].schedule.end =
        Some(schedule::End { seals_until: T0, opens_until: T0.plus_millis(1000) });
    ring.retired.push("AAAAAAAA".parse().unwrap());
    ring.replaced.push("AAAA".parse().unwrap());
    let keys = Keys::new(&ring, &Context::default());
    let ours = |short| KeyId::new(short, keys.mark());
    let found =
        |id: KeyId| format!("{:?}", keys.find(&id, T0)).split('(').next().unwrap().to_string();

    assert_eq!(found(ours(ring.keys[0].id)), "Key");
    assert_eq!(found(ours(ring.keys[1].id)), "Revoked");
    assert_eq!(found(ours(ring.keys[2].id)), "Key");
    assert!(matches!(keys.find(&ours(ring.keys[2].id), T0.plus_millis(1000)), Found::Retired));
    assert_eq!(found(ours("AAAAAAAA".parse().unwrap())), "Retired");
    assert_eq!(found(ours("BBBBBBBB".parse().unwrap())), "Unknown");
    // Another ring on the same origin, even with the same root.
    assert_eq!(found(KeyId::new(ring.keys[0].id, "BBBB".parse().unwrap())), "Foreign");
    assert_eq!(found(KeyId::new(ring.keys[0].id, "AAAA".parse().unwrap())), "ReplacedRing");
}

#[test]
fn tenants_and_purposes_are_other_rings_to_each_other() {
    let ring = ring();
    let keys = Keys::new(&ring, &Context::default());
    for other in [Context::new("b", "session").unwrap(), Context::new("", "form").unwrap()] {
        let other = Keys::new(&ring, &other);
        assert_ne!(other.mark(), keys.mark());
        let id = other.sealing(T0).unwrap().id();
        assert!(matches!(keys.find(&id, T0), Found::Foreign));
        assert_eq!(id.short(), keys.sealing(T0).unwrap().id().short());
        assert_ne!(other.subject(b"1"), keys.subject(b"1"));
    }
}

#[test]
fn what_names_and_ids_are_made_of() {
    // Computed independently, in Python, from the keys of the published vector.
    let ring = ring_for_vectors(
        "shop.example",
        core::array::from_fn(|i| u8::try_from(32 + i).unwrap()),
        &[core::array::from_fn(|i| u8::try_from(i).unwrap())],
    );
    let keys = Keys::new(&ring, &Context::default());
    let lineage = [0xaa; 16];
    assert_eq!(hex(&keys.name_tag(&[b"r", &lineage, b"frame"])), "e60b5e179e356cb0");
    assert_eq!(
        keys.name_tag(&[b"r", &lineage, b"frame"]),
        keys.name_tag(&[b"", b"r", &lineage, b"fra", b"me"])
    );
    assert_eq!(
        hex(&keys.session_id(&lineage, 0x0123_4567_89ab)),
        "ee9e9e971ed3663d034d845a3b942c46"
    );
    assert_eq!(hex(&keys.subject(b"\x01")), "47218af3043886d6");
    assert_eq!(hex(keys.revocation_id(&lineage, None).as_bytes()), "933a05096beaa5d3");
    assert_eq!(hex(keys.revocation_id(&lineage, Some(&[0xbb; 8])).as_bytes()), "f23eb197b874bda6");
}

#[test]
fn nothing_shows_a_secret() {
    let ring = ring();
    let keys = Keys::new(&ring, &Context::default());
    let shown = format!("{ring:?} {ring:#?} {keys:?} {keys:#?} {:?}", keys.sealing(T0));
    let mut secrets = Vec::from([ring.index.clone()]);
    secrets.extend(ring.keys.iter().map(|key| key.root.clone()));
    for secret in secrets {
        let mut text = String::new();
        secret.write_text(&mut text);
        let list = format!("{:?}", secret.bytes());
        let hex = hex(secret.bytes());
        for form in [&text[..8], &list[1..12], &hex[..8]] {
            assert!(!shown.contains(form), "{shown}");
        }
    }
    assert!(shown.contains("shop.example") && shown.contains(&ring.keys[0].id.to_string()));
}

#[test]
fn the_ring_for_tests_works_and_cannot_be_loaded() {
    let ring = KeyRing::for_tests();
    assert!(Keys::new(&ring, &Context::default()).sealing(Timestamp::default()).is_some());
    assert_eq!(
        KeyRing::parse(&ring.to_json()).unwrap_err().to_string(),
        "`index_key` is published in the tests of haversack: draw 32 random bytes, there are no keys from passphrases"
    );
}

#[test]
fn without_random_bytes_there_is_no_ring() {
    struct Broken;

    impl Entropy for Broken {
        fn fill(&mut self, _: &mut [u8]) -> Result<(), NoEntropy> {
            Err(NoEntropy)
        }
    }

    assert_eq!(KeyRing::generate("a", T0, Broken).err(), Some(KeyRingError::NoEntropy));
    assert_eq!(ring().rotate(T0, Broken, LEAD, OVERLAP).err(), Some(KeyRingError::NoEntropy));
    // A generator that starts over returns the key that is already there.
    let error = ring().rotate(T0, Seeded(1), LEAD, OVERLAP).unwrap_err();
    assert!(matches!(error, KeyRingError::DuplicateKey { .. }), "{error}");
}

#[test]
fn an_app_has_a_name() {
    assert_eq!(KeyRing::generate("", T0, Seeded(1)).err(), Some(KeyRingError::App { bytes: 0 }));
    assert_eq!(
        KeyRing::generate(&"x".repeat(256), T0, Seeded(1)).err(),
        Some(KeyRingError::App { bytes: 256 })
    );
    assert!(KeyRing::generate(&"x".repeat(255), T0, Seeded(1)).is_ok());
}

#[test]
fn a_full_ring_says_so() {
    let mut ring = ring();
    for n in 0..63 {
        let now = T0.plus_millis(n * LEAD);
        ring = ring.rotate(now, Seeded(100 + n), LEAD, 1000 * HOUR).unwrap();
    }
    let error = ring.rotate(T0.plus_millis(63 * LEAD), Seeded(99), LEAD, 1000 * HOUR).unwrap_err();
    assert_eq!(error, KeyRingError::TooMany { place: "keys".to_owned(), limit: 64 });
    assert!(KeyRing::parse(&ring.to_json()).is_ok());
}
