//! What holds for whole session types.

use alloc::boxed::Box;
use alloc::collections::{BTreeMap, BTreeSet};
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use alloc::{format, vec};

use proptest::collection::{btree_map, btree_set, vec as many};
use proptest::prelude::*;
use proptest::sample::select;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::error::EncodeFault;
use super::*;
use crate::state::{Content, OPEN, Stamp};

/// A state that owns its entries: the join, in small.
#[derive(Clone, Debug, Default)]
struct State(BTreeMap<Vec<u8>, (u64, Stored)>);

/// An encoding and its bytes; none for a tombstone.
type Stored = Option<(u8, Vec<u8>)>;

impl State {
    fn of<T: Serialize>(value: &T, stamp: u64) -> Self {
        let mut state = Self::default();
        for (name, bytes) in encode_fields(value).unwrap().iter() {
            state.put(stamp, name, Some(bytes));
        }
        state
    }

    fn put(&mut self, stamp: u64, name: &[u8], bytes: Option<&[u8]>) {
        let stored = bytes.map(|bytes| (OPEN, bytes.to_vec()));
        self.put_as(stamp, name, stored);
    }

    fn put_as(&mut self, stamp: u64, name: &[u8], stored: Stored) {
        let old = self.0.get(name);
        let content = |stored: &Stored| (stored.is_none(), stored.clone());
        if old.is_none_or(|(at, old)| (*at, content(old)) < (stamp, content(&stored))) {
            self.0.insert(name.to_vec(), (stamp, stored));
        }
    }

    fn apply(&mut self, stamp: u64, changes: &Changes) {
        for (name, value) in changes.iter() {
            self.put(stamp, name, value);
        }
    }

    fn entries(&self) -> Vec<Entry<'_>> {
        self.0
            .iter()
            .map(|(name, (stamp, stored))| Entry {
                name,
                stamp: Stamp::from_millis(*stamp),
                content: match stored {
                    Some((encoding, bytes)) => Content::Value { encoding: *encoding, bytes },
                    None => Content::Tombstone,
                },
            })
            .collect()
    }
}

trait Session: Default + Serialize + DeserializeOwned {}
impl<T: Default + Serialize + DeserializeOwned> Session for T {}

fn decode<T: Session>(state: &State) -> Decoded<T> {
    Schema::new().unwrap().decode(&state.entries())
}

/// Decodes where nothing is to be reported.
fn read<T: Session>(state: &State) -> T {
    let decoded = decode(state);
    assert_eq!(decoded.reports, []);
    decoded.value
}

fn changes<T: Session>(value: &T, state: &State) -> Changes {
    Schema::new().unwrap().changes(value, &state.entries()).unwrap()
}

/// What one request does: decode, change, write.
fn request<T: Session>(state: &mut State, stamp: u64, change: impl FnOnce(&mut T)) -> Changes {
    let before = state.clone();
    let mut value = decode(&before).value;
    change(&mut value);
    let changes = changes(&value, &before);
    state.apply(stamp, &changes);
    changes
}

fn names(changes: &Changes) -> Vec<String> {
    changes
        .iter()
        .map(|(name, value)| {
            let sign = if value.is_some() { '+' } else { '-' };
            format!("{sign}{}", name.escape_ascii())
        })
        .collect()
}

fn cbor<T: Serialize>(value: T) -> Vec<u8> {
    let fields = encode_fields(&BTreeMap::from([("x", value)])).unwrap();
    fields.get(b"x").unwrap().to_vec()
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
struct Shop {
    user: Option<u64>,
    roles: Vec<String>,
    cart: Each<BTreeMap<u32, u8>>,
    seen: Each<BTreeSet<String>>,
    theme: Theme,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
enum Theme {
    #[default]
    Light,
    Dark,
    Custom(u8),
    Pair(u8, i8),
    Named {
        name: String,
    },
}

#[test]
fn a_schema_knows_names_and_defaults() {
    let schema = Schema::<Shop>::new().unwrap();
    assert_eq!(schema.names(), Some(&["user", "roles", "cart", "seen", "theme"][..]));
    assert_eq!(schema.default_bytes(b"user"), Some(&[0xf6][..]));
    assert_eq!(schema.default_bytes(b"theme"), Some(&b"\x65Light"[..]));
    assert_eq!(schema.default_bytes(b"cart"), None);
    assert!(format!("{schema:?}").contains("roles"));
}

#[test]
fn entries_are_named_by_field_and_key() {
    let shop = Shop {
        cart: [(1000, 2), (5, 1)].into_iter().collect(),
        seen: ["a".to_string()].into_iter().collect(),
        ..Shop::default()
    };
    let fields = encode_fields(&shop).unwrap();
    let listed: Vec<_> = fields.iter().collect();
    assert_eq!(
        listed,
        [
            (&b"cart\0\x05"[..], &[1][..]),
            (b"cart\0\x19\x03\xe8", &[2]),
            (b"roles", &[0x80]),
            (b"seen\0\x61a", &[0xf6]),
            (b"theme", b"\x65Light"),
            (b"user", &[0xf6]),
        ]
    );
    assert_eq!(field_of(b"cart\0\x05"), b"cart");
    assert_eq!(field_of(b"user"), b"user");
    assert_eq!(read::<Shop>(&State::of(&shop, 1)), shop);
}

#[test]
fn only_what_changed_is_written() {
    let mut state = State::default();
    assert!(changes(&Shop::default(), &state).is_empty());
    let first = request::<Shop>(&mut state, 1, |shop| {
        shop.user = Some(7);
        shop.cart.insert(1, 1);
        shop.cart.insert(2, 1);
    });
    assert_eq!(names(&first), ["+cart\\x00\\x01", "+cart\\x00\\x02", "+user"]);
    let second = request::<Shop>(&mut state, 2, |shop| {
        shop.cart.remove(&1);
        shop.cart.insert(2, 1);
        shop.theme = Theme::Dark;
    });
    assert_eq!(names(&second), ["-cart\\x00\\x01", "+theme"]);
    assert!(request::<Shop>(&mut state, 3, |_| ()).is_empty());
    // Back to the default: written, since something else had arrived.
    let third = request::<Shop>(&mut state, 4, |shop| shop.theme = Theme::Light);
    assert_eq!(names(&third), ["+theme"]);
}

#[test]
fn concurrent_changes_of_elements_all_stay() {
    let mut state = State::default();
    request::<Shop>(&mut state, 1, |shop| {
        shop.cart.insert(1, 1);
        shop.cart.insert(2, 1);
    });
    let start = state.clone();
    let add = request::<Shop>(&mut start.clone(), 2, |shop| {
        shop.cart.insert(3, 1);
    });
    let remove = request::<Shop>(&mut start.clone(), 3, |shop| {
        shop.cart.remove(&1);
    });
    let raise = request::<Shop>(&mut start.clone(), 4, |shop| {
        shop.cart.insert(2, 9);
    });
    for order in [[&add, &remove, &raise], [&raise, &add, &remove]] {
        let mut state = start.clone();
        for changes in order {
            let stamp = if changes == &add { 2 } else { 3 };
            state.apply(stamp, changes);
        }
        let cart = read::<Shop>(&state).cart;
        assert_eq!(cart, BTreeMap::from([(2, 9), (3, 1)]).into());
    }
}

#[test]
fn unknown_fields_are_carried() {
    let mut state = State::of(&Shop::default(), 1);
    state.put(2, b"new", Some(&[1]));
    state.put(2, b"newer\0\x01", Some(&[1]));
    state.put_as(2, b"strange", Some((9, vec![0xff])));
    state.put(2, b"not\xfftext", Some(&[1]));
    state.put(2, b"\0nameless", Some(&[1]));
    let changes = request::<Shop>(&mut state, 3, |shop| shop.user = Some(1));
    assert_eq!(names(&changes), ["+user"]);
    assert_eq!(decode::<Shop>(&state).reports, []);
}

#[test]
fn denied_fields_are_carried_too() {
    #[derive(Default, Serialize, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Strict {
        a: u8,
        nested: Option<Inner>,
    }
    #[derive(Default, Serialize, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Inner {
        x: u8,
    }
    let mut state = State::default();
    state.put(1, b"a", Some(&[5]));
    for name in ["0", "b", "c", "z"] {
        state.put(1, name.as_bytes(), Some(&[1]));
    }
    let mut value = read::<Strict>(&state);
    assert_eq!(value.a, 5);
    value.a = 6;
    assert_eq!(names(&changes(&value, &state)), ["+a"]);
    // Inside a field it is the field that does not decode.
    state.put(1, b"nested", Some(&cbor(BTreeMap::from([("y", 1)]))));
    let decoded = decode::<Strict>(&state);
    assert_eq!(decoded.reports.len(), 1);
    assert_eq!(decoded.reports[0].field, "nested");
    assert!(decoded.value.nested.is_none());
    assert_eq!(decoded.value.a, 5);
}

#[test]
fn what_does_not_decode_falls_back_alone() {
    let mut state = State::default();
    request::<Shop>(&mut state, 1, |shop| {
        shop.user = Some(7);
        shop.cart.insert(1, 1);
        shop.cart.insert(2, 1);
        shop.theme = Theme::Dark;
    });
    state.put(2, b"user", Some(b"\x61x"));
    state.put(2, b"cart\0\x02", Some(b"\x61x"));
    state.put(2, b"cart\0\x61x", Some(&[1]));
    state.put(2, b"cart\0", Some(&[1]));
    state.put_as(2, b"theme", Some((7, vec![1])));
    let decoded = decode::<Shop>(&state);
    assert_eq!(decoded.value, Shop { cart: BTreeMap::from([(1, 1)]).into(), ..Shop::default() });
    let mut reported: Vec<_> = decoded.reports.iter().map(|r| r.field.as_str()).collect();
    reported.sort_unstable();
    assert_eq!(reported, ["cart", "cart", "cart", "theme", "user"]);
    assert!(decoded.reports.iter().any(|report| report.fault == FieldFault::UnknownEncoding(7)));

    // Carried, unless set.
    assert!(changes(&decoded.value, &state).is_empty());
    let changes = request::<Shop>(&mut state, 3, |shop| {
        shop.roles.push("admin".into());
        shop.cart.insert(2, 5);
    });
    assert_eq!(names(&changes), ["+cart\\x00\\x02", "+roles"]);
    let changes = request::<Shop>(&mut state, 4, |shop| shop.user = Some(8));
    assert_eq!(names(&changes), ["+user"]);
    assert_eq!(decode::<Shop>(&state).value.user, Some(8));
}

#[test]
fn a_type_that_changed_for_all_elements_is_bounded_work() {
    let mut state = State::default();
    request::<Shop>(&mut state, 1, |shop| shop.user = Some(1));
    for key in 0..700_u16 {
        let name = [b"cart\0".to_vec(), cbor(key)].concat();
        state.put(1, &name, Some(b"\x61x"));
    }
    let decoded = decode::<Shop>(&state);
    assert_eq!(decoded.value.user, Some(1));
    assert!(decoded.value.cart.is_empty());
    assert_eq!(decoded.reports.len(), 700);
    assert!(changes(&decoded.value, &state).is_empty());
}

#[test]
fn a_removed_field_has_its_default_if_it_must_be_there() {
    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Must {
        a: u8,
        #[serde(default)]
        b: u8,
        c: Option<u8>,
    }
    impl Default for Must {
        fn default() -> Self {
            Self { a: 1, b: 2, c: Some(3) }
        }
    }
    let mut state = State::default();
    for name in [b"a", b"b", b"c"] {
        state.put(1, name, None);
    }
    let value = read::<Must>(&state);
    assert_eq!(value, Must { a: 1, b: 0, c: None });
    assert!(changes(&value, &state).is_empty());
    let change = Must { c: Some(1), ..value };
    assert_eq!(names(&changes(&change, &state)), ["+c"]);
}

#[test]
fn skipped_fields_are_absent() {
    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Lean {
        #[serde(default, skip_serializing_if = "Option::is_none")]
        note: Option<u8>,
        #[serde(default, skip_serializing_if = "is_empty")]
        tags: Each<BTreeSet<u8>>,
    }
    impl Default for Lean {
        fn default() -> Self {
            Self { note: Some(1), tags: Each::default() }
        }
    }
    fn is_empty(tags: &Each<BTreeSet<u8>>) -> bool {
        tags.is_empty()
    }
    let mut state = State::default();
    let none = request::<Lean>(&mut state, 1, |lean| lean.note = None);
    assert_eq!(names(&none), ["-note"]);
    assert_eq!(read::<Lean>(&state).note, None);
    assert!(request::<Lean>(&mut state, 2, |_| ()).is_empty());
    request::<Lean>(&mut state, 3, |lean| lean.note = Some(2));
    request::<Lean>(&mut state, 3, |lean| {
        lean.tags.insert(9);
    });
    assert_eq!(
        names(&request::<Lean>(&mut state, 4, |lean| {
            lean.note = None;
            lean.tags.clear();
        })),
        ["-note", "-tags\\x00\\t"]
    );
}

#[test]
fn other_encodings_of_the_same_value_are_untouched() {
    #[derive(Default, Serialize, Deserialize)]
    struct Mixed {
        f: f64,
        n: u64,
        m: BTreeMap<String, u8>,
        s: Option<String>,
    }
    let mut state = State::default();
    state.put(1, b"f", Some(&[7])); // an integer
    state.put(1, b"n", Some(&[0x18, 1])); // too wide
    state.put(1, b"m", Some(b"\xa2\x61b\x01\x61a\x02")); // unsorted
    let changes = request::<Mixed>(&mut state, 2, |mixed| mixed.s = Some("x".into()));
    assert_eq!(names(&changes), ["+s"]);
    let changes = request::<Mixed>(&mut state, 3, |mixed| mixed.f = 8.0);
    assert_eq!(names(&changes), ["+f"]);
}

#[test]
fn flattened_structs_are_fields_too() {
    #[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
    struct Outer {
        a: u8,
        cart: Each<BTreeMap<String, u8>>,
        #[serde(flatten)]
        inner: Inner,
    }
    #[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
    struct Inner {
        b: u8,
        c: String,
        tags: Each<BTreeSet<String>>,
    }
    assert_eq!(Schema::<Outer>::new().unwrap().names(), None);
    let mut state = State::default();
    state.put(1, b"unknown", Some(&[1]));
    let first = request::<Outer>(&mut state, 1, |outer| {
        outer.cart.insert("x".into(), 1);
        outer.inner.c = "hello".into();
        outer.inner.tags.insert("t".into());
    });
    assert_eq!(
        names(&first),
        ["+c", "+cart\\x00ax", "+tags\\x00at"],
        "the unknown field is carried"
    );
    let value = read::<Outer>(&state);
    assert_eq!((value.inner.c.as_str(), value.inner.tags.len()), ("hello", 1));
    // The fault shows after everything has been read; it is found all the same.
    state.put(2, b"b", Some(b"\x61x"));
    state.put(2, b"c", Some(&[1]));
    let decoded = decode::<Outer>(&state);
    let mut reported: Vec<_> = decoded.reports.iter().map(|r| r.field.as_str()).collect();
    reported.sort_unstable();
    assert_eq!(reported, ["b", "c"]);
    assert_eq!(decoded.value.cart.len(), 1);
    assert_eq!(decoded.value.inner.tags.len(), 1);
    assert!(changes(&decoded.value, &state).is_empty());
}

#[test]
fn catch_all_maps_see_unknown_plain_fields() {
    #[derive(Debug, Default, Serialize, Deserialize)]
    struct Open {
        a: u8,
        #[serde(flatten)]
        rest: BTreeMap<String, serde_json::Value>,
    }
    let mut state = State::default();
    state.put(1, b"x", Some(&[1]));
    state.put(1, b"y", Some(&[2]));
    state.put(1, b"z\0\x01", Some(&[2]));
    let changes = request::<Open>(&mut state, 2, |open| {
        assert_eq!(open.rest.len(), 2);
        open.rest.remove("x");
        open.rest.insert("w".into(), true.into());
    });
    assert_eq!(names(&changes), ["+w", "-x"]);
}

#[test]
fn maps_are_session_types() {
    type Loose = BTreeMap<String, u8>;
    assert_eq!(Schema::<Loose>::new().unwrap().names(), None);
    let mut state = State::default();
    request::<Loose>(&mut state, 1, |map| {
        map.extend([("a".into(), 1), ("b".into(), 2)]);
    });
    state.put(1, b"split\0\x01", Some(&[1]));
    state.put(1, b"bad", Some(&[0x61]));
    let decoded = decode::<Loose>(&state);
    assert_eq!(decoded.value, [("a".into(), 1), ("b".into(), 2)].into());
    assert_eq!(decoded.reports[0].field, "bad");
    let changes = request::<Loose>(&mut state, 2, |map| {
        map.remove("a");
        map.insert("c".into(), 3);
    });
    assert_eq!(names(&changes), ["-a", "+c"]);
}

#[test]
fn maps_of_each_are_session_types() {
    #[derive(Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
    struct Name(String);
    #[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
    struct Carts(BTreeMap<Name, Each<BTreeMap<u8, u8>>>);
    let mut state = State::default();
    let changes = request::<Carts>(&mut state, 1, |carts| {
        carts.0.insert(Name("x".into()), [(1, 2)].into_iter().collect());
    });
    assert_eq!(names(&changes), ["+x\\x00\\x01"]);
    state.put(2, b"y", Some(&cbor(BTreeMap::from([(3, 4)]))));
    let carts = read::<Carts>(&state).0;
    assert_eq!(carts[&Name("x".into())].0, [(1, 2)].into());
    assert_eq!(carts[&Name("y".into())].0, [(3, 4)].into());
}

#[test]
fn names_may_be_variants() {
    #[derive(Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
    enum Slot {
        #[default]
        Left,
        Right,
    }
    let mut state = State::of(&BTreeMap::from([(Slot::Right, 1)]), 1);
    state.put(1, b"Middle", Some(&[1]));
    assert_eq!(read::<BTreeMap<Slot, u8>>(&state), [(Slot::Right, 1)].into());
}

mod evolution {
    use super::*;

    #[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
    pub(super) struct Plain {
        cart: BTreeMap<u32, u8>,
        n: u8,
    }

    #[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
    pub(super) struct Split {
        cart: Each<BTreeMap<u32, u8>>,
        n: u8,
    }

    /// As [`Split`], but the schema cannot know from the default.
    #[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
    pub(super) struct Shy {
        #[serde(default, skip_serializing_if = "is_empty")]
        cart: Each<BTreeMap<u32, u8>>,
        n: u8,
    }

    fn is_empty(cart: &Each<BTreeMap<u32, u8>>) -> bool {
        cart.is_empty()
    }

    fn plain(stamp: u64) -> State {
        let mut state = State::default();
        request::<Plain>(&mut state, stamp, |plain| {
            plain.cart.extend([(1, 1), (2, 2), (3, 3)]);
        });
        state
    }

    #[test]
    fn a_plain_map_is_read_as_split() {
        let mut state = plain(5);
        assert_eq!(read::<Split>(&state).cart.len(), 3);
        assert_eq!(read::<Shy>(&state).cart.len(), 3);
        let first = request::<Split>(&mut state, 6, |split| split.n = 1);
        assert_eq!(names(&first), ["+n"], "the plain entry is not rewritten");
        let second = request::<Split>(&mut state, 7, |split| {
            split.cart.remove(&1);
            split.cart.insert(2, 9);
            split.cart.insert(4, 4);
        });
        assert_eq!(names(&second), ["-cart\\x00\\x01", "+cart\\x00\\x02", "+cart\\x00\\x04"]);
        let expected: BTreeMap<_, _> = [(2, 9), (3, 3), (4, 4)].into();
        assert_eq!(read::<Split>(&state).cart.0, expected);
        assert_eq!(read::<Shy>(&state).cart.0, expected);
        assert!(request::<Split>(&mut state, 8, |_| ()).is_empty());
        assert!(request::<Shy>(&mut state, 8, |_| ()).is_empty());
    }

    #[test]
    fn a_plain_set_is_read_as_split() {
        #[derive(Default, Serialize, Deserialize)]
        struct Tags {
            tags: Each<BTreeSet<u8>>,
        }
        let mut state = State::default();
        state.put(1, b"tags", Some(&[0x82, 2, 1]));
        let changes = request::<Tags>(&mut state, 2, |value| {
            value.tags.remove(&1);
            value.tags.insert(3);
        });
        assert_eq!(names(&changes), ["-tags\\x00\\x01", "+tags\\x00\\x03"]);
        assert_eq!(read::<Tags>(&state).tags.0, [2, 3].into());
    }

    #[test]
    fn the_later_of_plain_and_split_wins_per_element() {
        let mut state = plain(5);
        state.put(4, b"cart\0\x01", Some(&[7])); // earlier
        state.put(5, b"cart\0\x02", Some(&[7])); // as late, and greater
        state.put(5, b"cart\0\x03", Some(&[0])); // as late, and lesser
        state.put(4, b"cart\0\x09", Some(&[9])); // nothing said about it
        let expected: BTreeMap<_, _> = [(1, 1), (2, 7), (3, 3), (9, 9)].into();
        assert_eq!(read::<Split>(&state).cart.0, expected);

        // Bytes that arrived, but were not what was read, count as set.
        let changes = request::<Split>(&mut state, 6, |split| {
            split.cart.insert(1, 7);
        });
        assert_eq!(names(&changes), ["+cart\\x00\\x01"]);
        assert_eq!(read::<Split>(&state).cart[&1], 7);
    }

    #[test]
    fn a_plain_tombstone_hides_what_is_earlier() {
        let mut state = State::default();
        state.put(4, b"cart\0\x01", Some(&[1]));
        state.put(5, b"cart", None);
        state.put(6, b"cart\0\x02", Some(&[2]));
        assert_eq!(read::<Split>(&state).cart.0, [(2, 2)].into());
        let changes = request::<Split>(&mut state, 7, |split| {
            split.cart.insert(1, 1);
        });
        assert_eq!(names(&changes), ["+cart\\x00\\x01"]);
        assert_eq!(read::<Split>(&state).cart.0, [(1, 1), (2, 2)].into());
    }

    #[test]
    fn a_plain_entry_that_is_no_map_falls_back() {
        let mut state = State::default();
        state.put(5, b"cart", Some(&[1]));
        state.put(4, b"cart\0\x02", Some(&[2]));
        for reports in [decode::<Split>(&state).reports, decode::<Shy>(&state).reports] {
            assert_eq!(reports.len(), 1);
            assert_eq!(reports[0].field, "cart");
        }
        let changes = request::<Split>(&mut state, 6, |split| {
            split.cart.insert(1, 1);
        });
        assert_eq!(names(&changes), ["+cart\\x00\\x01"]);
        assert_eq!(decode::<Split>(&state).value.cart.0, [(1, 1), (2, 2)].into());
    }

    #[test]
    fn split_entries_are_carried_where_a_map_is_read() {
        let mut state = State::default();
        request::<Split>(&mut state, 1, |split| {
            split.cart.extend([(1, 1), (2, 2)]);
            split.n = 3;
        });
        assert_eq!(read::<Plain>(&state), Plain { cart: BTreeMap::new(), n: 3 });
        let changes = request::<Plain>(&mut state, 2, |plain| plain.n = 4);
        assert_eq!(names(&changes), ["+n"]);
        let changes = request::<Plain>(&mut state, 3, |plain| {
            plain.cart.insert(5, 5);
        });
        assert_eq!(names(&changes), ["+cart"]);
        assert_eq!(read::<Plain>(&state).cart, [(5, 5)].into());
        // And forward again.
        assert_eq!(read::<Split>(&state).cart.0, [(1, 1), (2, 2), (5, 5)].into());
    }

    #[test]
    fn elements_of_the_default_can_be_removed() {
        #[derive(Debug, Serialize, Deserialize)]
        struct Full {
            cart: Each<BTreeMap<u32, u8>>,
        }
        impl Default for Full {
            fn default() -> Self {
                Self { cart: [(1, 1), (2, 2)].into_iter().collect() }
            }
        }
        let mut state = State::default();
        let changes = request::<Full>(&mut state, 1, |full| {
            full.cart.remove(&1);
        });
        assert_eq!(names(&changes), ["-cart\\x00\\x01"]);
        assert_eq!(read::<Full>(&state).cart.0, [(2, 2)].into());
        // Broken: its default stands in.
        state.put(2, b"cart\0\x02", Some(&[0x61]));
        let decoded = decode::<Full>(&state);
        assert_eq!(decoded.value.cart.0, [(2, 2)].into());
        assert!(changes_of(&decoded.value, &state).is_empty());
        // A plain entry speaks for the whole field.
        let state = plain(3);
        assert_eq!(read::<Full>(&state).cart.len(), 3);
        let mut state = State::default();
        state.put(3, b"cart", Some(&[0xa0]));
        assert!(read::<Full>(&state).cart.is_empty());
        assert!(request::<Full>(&mut state, 4, |_| ()).is_empty());
    }

    fn changes_of<T: Session>(value: &T, state: &State) -> Changes {
        super::changes(value, state)
    }
}

mod renames {
    use super::*;

    #[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
    pub(super) struct New {
        #[serde(alias = "old")]
        new: u8,
        other: u8,
    }

    #[test]
    fn an_alias_is_read_and_moves_with_the_next_change() {
        let mut state = State::default();
        state.put(1, b"old", Some(&[5]));
        assert_eq!(read::<New>(&state).new, 5);
        let changes = request::<New>(&mut state, 2, |value| value.other = 1);
        assert_eq!(names(&changes), ["+new", "-old", "+other"]);
        assert_eq!(read::<New>(&state).new, 5);
        assert!(request::<New>(&mut state, 3, |_| ()).is_empty());
    }

    #[test]
    fn of_two_names_the_later_wins() {
        let mut state = State::default();
        state.put(3, b"new", Some(&[3]));
        state.put(2, b"old", Some(&[2]));
        assert_eq!(read::<New>(&state).new, 3);
        state.put(4, b"old", Some(&[4]));
        assert_eq!(read::<New>(&state).new, 4);
        let changes = request::<New>(&mut state, 5, |value| value.other = 1);
        assert_eq!(names(&changes), ["+new", "-old", "+other"]);
        assert_eq!(read::<New>(&state).new, 4);
    }

    #[test]
    fn a_tombstone_under_the_own_name_does_not_swallow_the_alias() {
        #[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
        struct Maybe {
            #[serde(alias = "old", default, skip_serializing_if = "Option::is_none")]
            new: Option<u8>,
            other: u8,
        }
        let mut state = State::default();
        state.put(3, b"new", None);
        state.put(4, b"old", Some(&[4]));
        let changes = request::<Maybe>(&mut state, 5, |value| value.other = 1);
        assert_eq!(names(&changes), ["+new", "-old", "+other"]);
        assert_eq!(read::<Maybe>(&state).new, Some(4));
    }

    #[test]
    fn fields_that_are_only_read_are_cleaned_up() {
        #[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
        struct Migrating {
            #[serde(default, skip_serializing)]
            name: Option<String>,
            first: String,
            kept: u8,
        }
        let mut state = State::default();
        state.put(1, b"name", Some(b"\x62Al"));
        state.put(1, b"kept", Some(b"\x62Al"));
        let decoded = decode::<Migrating>(&state);
        assert_eq!(decoded.value.name.as_deref(), Some("Al"));
        let changes = request::<Migrating>(&mut state, 2, |value| {
            value.first = value.name.take().unwrap_or_default();
        });
        assert_eq!(names(&changes), ["+first", "-name"]);
    }
}

mod validation {
    use super::*;

    #[derive(Debug, Default, PartialEq, Clone, Serialize, Deserialize)]
    #[serde(try_from = "Raw")]
    pub(super) struct Checked {
        low: u8,
        high: u8,
        name: String,
    }

    #[derive(Deserialize)]
    struct Raw {
        low: u8,
        high: u8,
        name: String,
    }

    impl TryFrom<Raw> for Checked {
        type Error = &'static str;

        fn try_from(raw: Raw) -> Result<Self, &'static str> {
            let Raw { low, high, name } = raw;
            if low > high {
                return Err("low is above high");
            }
            Ok(Self { low, high, name })
        }
    }

    #[test]
    fn what_cannot_stand_together_is_reported() {
        let mut state = State::default();
        state.put(1, b"low", Some(&[9]));
        state.put(1, b"name", Some(b"\x61x"));
        let decoded = decode::<Checked>(&state);
        assert_eq!(decoded.value, Checked { name: "x".into(), ..Checked::default() });
        assert_eq!(decoded.reports.len(), 1);
        assert_eq!(
            decoded.reports[0].to_string(),
            "session field `low`: does not decode (low is above high)"
        );
        assert!(changes(&decoded.value, &state).is_empty());
        state.put(1, b"high", Some(&[10]));
        assert_eq!(decode::<Checked>(&state).value.high, 10);
    }

    #[test]
    fn in_the_worst_case_there_is_the_default() {
        /// Decodes its own default once, then never again.
        #[derive(Debug, Default, PartialEq, Serialize)]
        struct Fickle {
            a: u8,
        }
        impl<'de> Deserialize<'de> for Fickle {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let map = BTreeMap::<String, u8>::deserialize(deserializer)?;
                match map.get("a") {
                    Some(0) if map.len() == 1 => Ok(Self { a: 0 }),
                    _ => Err(serde::de::Error::custom("no")),
                }
            }
        }
        let mut state = State::default();
        state.put(1, b"a", Some(&[9]));
        state.put(1, b"b", Some(&[9]));
        let decoded = decode::<Fickle>(&state);
        assert_eq!(decoded.value, Fickle::default());
        assert_eq!(decoded.reports.len(), 2);
        assert!(changes(&decoded.value, &state).is_empty());
    }
}

mod refusals {
    use super::*;

    fn fault<T: Session>() -> EncodeFault {
        match Schema::<T>::new().unwrap_err() {
            SchemaError::Encode(error) => error.fault().clone(),
            other @ SchemaError::Default { .. } => panic!("{other}"),
        }
    }

    #[test]
    fn types_without_fields() {
        #[derive(Default, Serialize, Deserialize)]
        struct Unit;
        #[derive(Default, Serialize, Deserialize)]
        struct Tuple(u8, u8);
        assert_eq!(fault::<u8>(), EncodeFault::NotFields);
        assert_eq!(fault::<()>(), EncodeFault::NotFields);
        assert_eq!(fault::<Unit>(), EncodeFault::NotFields);
        assert_eq!(fault::<Tuple>(), EncodeFault::NotFields);
        assert_eq!(fault::<Vec<u8>>(), EncodeFault::NotFields);
        assert_eq!(fault::<Theme>(), EncodeFault::NotFields);
        assert_eq!(fault::<Option<Shop>>(), EncodeFault::NotFields);
        assert!(encode_fields(&Some(Shop::default())).is_err());
        assert!(encode_fields(&Theme::Named { name: String::new() }).is_err());
    }

    #[test]
    fn names() {
        #[derive(Default, Serialize, Deserialize)]
        struct Empty {
            #[serde(rename = "")]
            a: u8,
        }
        #[derive(Default, Serialize, Deserialize)]
        struct Zero {
            #[serde(rename = "a\0b", default, skip_serializing)]
            #[expect(dead_code, reason = "only its name matters")]
            a: u8,
        }
        assert_eq!(fault::<Empty>(), EncodeFault::NameEmpty);
        assert_eq!(fault::<Zero>(), EncodeFault::NameZero);
        let long = BTreeMap::from([("x".repeat(256), 1)]);
        let error = encode_fields(&long).unwrap_err();
        assert_eq!(error.fault(), &EncodeFault::NameLong(256));
        let numbers = BTreeMap::from([(1, 1)]);
        assert_eq!(encode_fields(&numbers).unwrap_err().fault(), &EncodeFault::NameNotText);
        let mut shop = Shop::default();
        shop.seen.insert("x".repeat(250));
        let error = encode_fields(&shop).unwrap_err();
        assert_eq!(error.field(), Some("seen"));
        assert_eq!(error.fault(), &EncodeFault::NameLong(257));
        assert!(error.to_string().starts_with("session field `seen`: "));
    }

    #[test]
    fn doubled_names_and_elements() {
        #[derive(Serialize)]
        struct Twice {
            a: u8,
            #[serde(flatten)]
            rest: BTreeMap<String, u8>,
        }
        #[derive(Serialize)]
        struct List {
            a: Each<Vec<u8>>,
        }
        let twice = Twice { a: 1, rest: [("a".into(), 2)].into() };
        let error = encode_fields(&twice).unwrap_err();
        assert_eq!(error.fault(), &EncodeFault::DuplicateField);
        let list = List { a: vec![1, 1].into() };
        let error = encode_fields(&list).unwrap_err();
        assert_eq!((error.fault(), error.field()), (&EncodeFault::DuplicateKey, Some("a")));
    }

    #[test]
    fn each_in_the_wrong_place() {
        type Inner = BTreeMap<u8, u8>;
        #[derive(Default, Serialize, Deserialize)]
        struct Holds<F> {
            field: F,
        }
        fn of<F: Session>(field: F) -> EncodeFault {
            encode_fields(&Holds { field }).unwrap_err().fault().clone()
        }
        let inner: Each<Inner> = Each::default();
        assert_eq!(fault::<Each<Inner>>(), EncodeFault::EachNested);
        assert_eq!(fault::<Holds<Each<Each<Inner>>>>(), EncodeFault::EachNested);
        assert_eq!(fault::<Holds<Holds<Each<Inner>>>>(), EncodeFault::EachNested);
        assert_eq!(of(Some(inner.clone())), EncodeFault::EachNested);
        assert_eq!(of(vec![inner.clone()]), EncodeFault::EachNested);
        assert_eq!(of(Each(BTreeMap::from([(1, inner.clone())]))), EncodeFault::EachNested);
        assert_eq!(of(Each(1)), EncodeFault::EachShape);
        assert_eq!(of(Each(Some(Inner::new()))), EncodeFault::EachShape);
        assert_eq!(of(Each(Holds { field: 1 })), EncodeFault::EachShape);
    }

    /// Serde takes a newtype for what it holds, and so does this.
    #[test]
    fn each_in_a_newtype() {
        type Inner = BTreeMap<u8, u8>;
        #[derive(Default, Serialize, Deserialize)]
        struct Holds<F> {
            field: F,
        }
        #[derive(Default, Serialize, Deserialize)]
        struct Cart(Each<Inner>);
        let schema = Schema::<Holds<Cart>>::new().unwrap();
        let value = Holds { field: Cart(Inner::from([(1, 1)]).into()) };
        assert_eq!(names_of(&schema.changes(&value, &[]).unwrap()), ["+field\\x00\\x01"]);
    }

    fn names_of(changes: &Changes) -> Vec<String> {
        super::names(changes)
    }

    #[test]
    fn defaults_that_do_not_decode() {
        #[derive(Default, Serialize, Deserialize)]
        struct Lossy {
            ok: u8,
            #[serde(skip_serializing)]
            #[expect(dead_code, reason = "only its name matters")]
            gone: u8,
        }
        #[derive(Default, Serialize, Deserialize)]
        struct Wrong {
            #[serde(serialize_with = "as_text")]
            a: String,
            #[serde(default)]
            b: u8,
        }
        fn as_text<S: Serializer>(text: &str, serializer: S) -> Result<S::Ok, S::Error> {
            serializer.serialize_u64(text.len() as u64)
        }
        let error = Schema::<Lossy>::new().unwrap_err();
        assert!(error.to_string().contains("missing field `gone`"), "{error}");
        let error = Schema::<Wrong>::new().unwrap_err();
        assert!(
            matches!(&error, SchemaError::Default { field: Some(field), .. } if field == "a"),
            "{error}"
        );
    }
}

/// One of everything that serde knows.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
struct Rich {
    flags: (bool, Option<bool>, ()),
    ints: (i8, i16, i32, i64, u8, u16, u32, u64),
    big: (i128, u128),
    floats: (f32, f64),
    letter: char,
    text: String,
    #[serde(with = "as_bytes")]
    bytes: Vec<u8>,
    list: Vec<Option<String>>,
    themes: Vec<Theme>,
    by_number: BTreeMap<i64, Theme>,
    by_pair: BTreeMap<(u8, String), Vec<u8>>,
    nested: Option<Box<Inside>>,
    each: Each<BTreeMap<(u8, Letter), Option<i16>>>,
    set: Each<BTreeSet<i32>>,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
struct Inside {
    text: String,
    big: (i128, u128),
    floats: (f32, f64),
    themes: Vec<Theme>,
    by_number: BTreeMap<i64, Theme>,
    by_pair: BTreeMap<(u8, String), Vec<u8>>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
struct Letter(char);

mod as_bytes {
    use super::*;

    pub(super) fn serialize<S: Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(bytes)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Vec<u8>, D::Error> {
        struct Bytes;
        impl serde::de::Visitor<'_> for Bytes {
            type Value = Vec<u8>;
            fn expecting(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
                f.write_str("bytes")
            }
            fn visit_bytes<E>(self, bytes: &[u8]) -> Result<Vec<u8>, E> {
                Ok(bytes.to_vec())
            }
        }
        deserializer.deserialize_bytes(Bytes)
    }
}

fn theme() -> impl Strategy<Value = Theme> {
    prop_oneof![
        Just(Theme::Light),
        Just(Theme::Dark),
        any::<u8>().prop_map(Theme::Custom),
        any::<(u8, i8)>().prop_map(|(a, b)| Theme::Pair(a, b)),
        ".{0,4}".prop_map(|name| Theme::Named { name }),
    ]
}

fn text() -> impl Strategy<Value = String> {
    ".{0,6}"
}

fn rich() -> impl Strategy<Value = Rich> {
    let scalars = (
        any::<(bool, Option<bool>, ())>(),
        any::<(i8, i16, i32, i64, u8, u16, u32, u64)>(),
        any::<(i128, u128)>(),
        any::<(f32, f64)>(),
        any::<char>(),
        text(),
        many(any::<u8>(), 0..6),
    );
    let lists = (
        many(proptest::option::of(text()), 0..4),
        many(theme(), 0..4),
        btree_map(any::<i64>(), theme(), 0..40),
        btree_map((any::<u8>(), text()), many(any::<u8>(), 0..3), 0..5),
        btree_map((any::<u8>(), any::<char>().prop_map(Letter)), any::<Option<i16>>(), 0..5),
        btree_set(-3..300_i32, 0..5),
    );
    (scalars, lists).prop_map(|(scalars, lists)| Rich {
        flags: scalars.0,
        ints: scalars.1,
        big: scalars.2,
        floats: scalars.3,
        letter: scalars.4,
        text: scalars.5,
        bytes: scalars.6,
        list: lists.0,
        themes: lists.1,
        by_number: lists.2,
        by_pair: lists.3,
        nested: None,
        each: lists.4.into(),
        set: lists.5.into(),
    })
}

/// With another one inside, which cannot have an `Each`.
fn rich_nested() -> impl Strategy<Value = Rich> {
    (rich(), proptest::option::of(rich())).prop_map(|(rich, inner)| Rich {
        nested: inner.map(|inner| {
            let Rich { text, big, floats, themes, by_number, by_pair, .. } = inner;
            Box::new(Inside { text, big, floats, themes, by_number, by_pair })
        }),
        ..rich
    })
}

fn shop() -> impl Strategy<Value = Shop> {
    (
        any::<Option<u64>>(),
        many("[a-c]{1,2}", 0..3),
        btree_map(0..5_u32, 0..3_u8, 0..5),
        btree_set("[a-d]", 0..4),
        theme(),
    )
        .prop_map(|(user, roles, cart, seen, theme)| Shop {
            user,
            roles,
            cart: cart.into(),
            seen: seen.into(),
            theme,
        })
}

/// Entries near those of a [`Shop`], mostly wrong ones.
fn any_state() -> impl Strategy<Value = State> {
    const NAMES: [&[u8]; 16] = [
        b"a",
        b"cart",
        b"cart\0",
        b"cart\0\x01",
        b"cart\0\x02",
        b"high",
        b"low",
        b"n",
        b"new",
        b"old",
        b"roles",
        b"seen",
        b"seen\0\x61a",
        b"theme",
        b"theme\0\x01",
        b"user",
    ];
    const VALUES: [&[u8]; 7] =
        [&[1], &[0xf6], &[0xa0], &[0x80], &[0xa1, 1, 2], &[0x81, 0x61, 0x61], b"\x64Dark"];
    let name = prop_oneof![select(&NAMES[..]).prop_map(<[u8]>::to_vec), many(any::<u8>(), 1..8),];
    let bytes =
        prop_oneof![select(&VALUES[..]).prop_map(<[u8]>::to_vec), many(any::<u8>(), 0..12),];
    let encoding = prop_oneof![9 => Just(OPEN), 1 => any::<u8>()];
    let stored = prop_oneof![
        4 => (encoding, bytes).prop_map(Some),
        1 => Just(None),
    ];
    many((name, 1..4_u64, stored), 0..16).prop_map(|entries| {
        let mut state = State::default();
        for (name, stamp, stored) in entries {
            state.put_as(stamp, &name, stored);
        }
        state
    })
}

/// Writing back what was decoded loses nothing, and nothing panics.
fn survives<T: Session>(state: &State) {
    let value = decode::<T>(state).value;
    let changes = changes(&value, state);
    let mut after = state.clone();
    after.apply(9, &changes);
    let again = encode_fields(&decode::<T>(&after).value).unwrap();
    let value = encode_fields(&value).unwrap();
    assert!(again.iter().eq(value.iter()));
}

fn is_quiet<T: Session>(state: &State) {
    let value = decode::<T>(state).value;
    assert_eq!(names(&changes(&value, state)), Vec::<String>::new());
}

#[test]
fn an_element_of_a_field_without_a_name_is_carried_and_not_read() {
    let state = State(BTreeMap::from([(std::vec![0, 0], (1, Some((1, std::vec![1]))))]));
    survives::<BTreeMap<String, Each<BTreeMap<u8, u8>>>>(&state);
    is_quiet::<BTreeMap<String, Each<BTreeMap<u8, u8>>>>(&state);
}

proptest! {
    #[test]
    fn what_is_encoded_decodes_to_itself(value in rich_nested()) {
        let state = State::of(&value, 1);
        let decoded = read::<Rich>(&state);
        prop_assert_eq!(&decoded, &value);
        prop_assert!(changes(&decoded, &state).is_empty());
    }

    #[test]
    fn encoding_does_not_depend_on_the_order(
        map in btree_map(any::<i64>(), theme(), 0..40), by in any::<usize>(),
    ) {
        struct Turned(Vec<(i64, Theme)>);
        impl Serialize for Turned {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_map(self.0.iter().map(|(key, value)| (key, value)))
            }
        }
        let mut turned: Vec<_> = map.clone().into_iter().collect();
        let by = by % turned.len().max(1);
        turned.rotate_left(by);
        prop_assert_eq!(cbor(Turned(turned)), cbor(map));
    }

    #[test]
    fn changes_carry_a_value_to_the_next_request(
        arrived in shop(), next in shop(), extra in any_state(), third in shop(),
    ) {
        let mut state = extra;
        state.apply(5, &changes(&arrived, &state));
        prop_assert_eq!(&decode::<Shop>(&state).value, &arrived);
        let changed = request::<Shop>(&mut state, 6, |shop| *shop = next.clone());
        prop_assert_eq!(&decode::<Shop>(&state).value, &next);
        prop_assert!(arrived != next || changed.is_empty());
        request::<Shop>(&mut state, 7, |shop| *shop = third.clone());
        prop_assert_eq!(&decode::<Shop>(&state).value, &third);
    }

    #[test]
    fn arbitrary_states_never_panic(state in any_state()) {
        survives::<Shop>(&state);
        survives::<BTreeMap<String, u8>>(&state);
        survives::<BTreeMap<String, Each<BTreeMap<u8, u8>>>>(&state);
        survives::<validation::Checked>(&state);
        survives::<evolution::Plain>(&state);
        survives::<evolution::Split>(&state);
        survives::<evolution::Shy>(&state);
        survives::<renames::New>(&state);
    }

    #[test]
    fn unchanged_values_are_not_written(state in any_state()) {
        is_quiet::<Shop>(&state);
        is_quiet::<BTreeMap<String, u8>>(&state);
        is_quiet::<validation::Checked>(&state);
        is_quiet::<evolution::Plain>(&state);
        is_quiet::<evolution::Split>(&state);
        is_quiet::<evolution::Shy>(&state);
    }

    #[test]
    fn a_state_out_of_order_never_panics(state in any_state()) {
        let mut entries = state.entries();
        entries.reverse();
        let schema = Schema::<Shop>::new().unwrap();
        let value = schema.decode(&entries).value;
        schema.changes(&value, &entries).unwrap();
    }
}
