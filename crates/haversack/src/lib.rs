//! Client-carried sessions for stateless servers.
//!
//! A session is a small typed value that travels with its client, sealed, in cookies. It arrives
//! with every request, and comes back changed on the response. Any server that holds the key ring
//! continues any session; no server keeps anything.
//!
//! This crate is the core: it turns `Cookie` lines into a session, and a changed session into
//! `Set-Cookie` lines. (Or one header's value into another: see [`HeaderSpec`].) It does no I/O, reads no clock and rolls no dice: times and randomness are
//! arguments. Most programs use it through `haversack-tower`, which brings the layer, the axum
//! extractor, metrics and the system's clock.
//!
//! # What it is not
//!
//! - No session database, and no place for large data: a session has about 2.7 KB.
//! - No place for facts that must not be rolled back, such as balances, one-time codes and attempt
//!   counters. A client can bring back an older state of its own jar, and it is taken.
//! - No store of what is revoked. It judges by the [`Revocations`] of its [`View`], and an [`Outcome`] says what is
//!   to be published; `haversack-fleet` does both. Without one, a copied jar stays valid until its lifetime ends.
//! - No identity provider. Against cross-site request forgery there are `SameSite` and form tokens
//!   ([`Exchange::csrf`]), which handlers must ask for.
//!
//! # How data flows
//!
//! ```text
//!  browser jar                     any server                                  handler
//!  ───────────                     ──────────                                  ───────
//!  hv.rK3q8Zt1v  root: who     ─►  find → unseal → admit → join → decode  ─►   T
//!  hv.aK3b0Xw2a  fragment: what        (no I/O, no lock, no store)             │ change
//!  hv.uK39Lm4Ts  fragment: what                                                ▼
//!        ▲                                                                diff per field
//!        └── Set-Cookie: what is new, then deletions of what it covers ◄─ seal ◄─ encode
//! ```
//!
//! One sealed cookie is a *parcel*. The client's cookie jar is the replica of a state-based CRDT,
//! and four rules carry everything:
//!
//! 1. **The root says who, fragments say what.** A small root holds whose session it is, since
//!    when, and the identity fields. Fragments hold the other fields, each with a stamp.
//! 2. **A parcel's name follows from its content**, so a name is never overwritten by anything
//!    else, and work that two servers do alike lands on one name.
//! 3. **First set, then delete**, and delete only what was read and is covered by what is set, or
//!    is dead.
//! 4. **Reading joins everything**: of each entry the highest stamp wins.
//!
//! So requests that overlap lose nothing of each other, and a response that is late or torn undoes
//! nothing. `spec/haversack-v1.md` has the format and the rules, byte by byte.
//!
//! A client that can hold one value only, such as an API client, gets the whole session in one
//! parcel ([`Layout::Single`]). That is smaller and simpler, and promises less: of responses that
//! overlap the last one wins, whole.
//!
//! # Deployment caveat
//!
//! One assumption is made about the world: a client applies a response within five minutes of its
//! request's departure, and the clocks of any two servers differ by less. Every `Cookie` line must
//! be handed in as the client sent it, and every `Set-Cookie` line must reach the client, in order.
//!
//! # Example
//!
//! Two servers and a client, without a framework. An [`Exchange`] is one request and its response.
//!
//! ```
//! use std::io::Read as _;
//! use std::sync::Arc;
//!
//! use haversack::{
//!     Entropy, Exchange, Feed as _, Fixed, KeyRing, NoEntropy, Policy, Room, Rules, Snapshot,
//!     Timestamp,
//! };
//! use serde::{Deserialize, Serialize};
//!
//! #[derive(Default, Serialize, Deserialize)]
//! struct Shop {
//!     user: Option<String>,
//!     visits: u32,
//! }
//!
//! /// The operating system's generator.
//! struct Os;
//!
//! impl Entropy for Os {
//!     fn fill(&mut self, bytes: &mut [u8]) -> Result<(), NoEntropy> {
//!         let file = std::fs::File::open("/dev/urandom").and_then(|mut f| f.read_exact(bytes));
//!         file.map_err(|_| NoEntropy)
//!     }
//! }
//!
//! /// One request: counts the visit. Returns values for `Set-Cookie` header fields.
//! fn visit(server: &Snapshot<Shop>, cookie: &str, now: Timestamp) -> (u32, Vec<String>) {
//!     let mut exchange = Exchange::receive(server, [cookie.as_bytes()], now);
//!     let (decoded, since) = exchange.value();
//!     let mut shop = decoded.value;
//!     shop.visits += 1;
//!     exchange.hand_back(&shop, since).expect("a `Shop` can be encoded");
//!     let outcome = exchange.respond(Room::default(), now, &mut Os);
//!     assert_eq!(outcome.error, None); // otherwise: replace the response
//!     (shop.visits, outcome.set_cookies)
//! }
//!
//! // Each server has the ring, and nothing else in common. (These keys are public: a program reads
//! // its own with `KeyRing::parse`.)
//! let server = || -> Result<Snapshot<Shop>, haversack::ConfigError> {
//!     let policy = Policy { subject: Some("user".into()), ..Policy::default() };
//!     let keys = Fixed::from(KeyRing::for_tests());
//!     Ok(Snapshot::new(Arc::new(Rules::new(policy)?), keys.view()))
//! };
//! let now = Timestamp::from_secs(1_767_225_600);
//!
//! let (visits, set_cookies) = visit(&server()?, "", now);
//! assert_eq!(visits, 1);
//! assert!(set_cookies[0].starts_with("__Host-Http-hv.r"), "the root comes first");
//! assert!(set_cookies[0].ends_with("; Path=/; Secure; HttpOnly; SameSite=Lax"));
//!
//! // What a browser makes of them.
//! let pairs: Vec<&str> = set_cookies.iter().filter_map(|line| line.split(';').next()).collect();
//! let (visits, _) = visit(&server()?, &pairs.join("; "), now.plus_millis(1000));
//! assert_eq!(visits, 2);
//! # Ok::<(), haversack::ConfigError>(())
//! ```
//!
//! # Sizes
//!
//! Characters of the cookie's value. A name has 10 more than its base: `__Host-Http-hv` makes it
//! 24. Padding rounds lengths up (Padmé), so that they tell little. A root that was made in the
//! first 128 milliseconds of a second takes 83 characters instead of 86.
//!
//! ```
//! # use std::sync::Arc;
//! # use haversack::*;
//! # use serde::{Deserialize, Serialize};
//! # struct Counting(u8);
//! # impl Entropy for Counting {
//! #     fn fill(&mut self, bytes: &mut [u8]) -> Result<(), NoEntropy> {
//! #         self.0 += 1;
//! #         bytes.fill(self.0);
//! #         Ok(())
//! #     }
//! # }
//! #[derive(Default, Serialize, Deserialize)]
//! struct Shop {
//!     user: Option<String>,
//!     role: Option<String>,
//!     note: String,
//! }
//!
//! # fn sizes(padding: Padding) -> [usize; 4] {
//! # let policy = Policy {
//! #     subject: Some("user".into()), identity: vec!["role".into()], padding, ..Policy::default()
//! # };
//! # let keys = Fixed::from(KeyRing::for_tests()).view();
//! # let snapshot = Snapshot::<Shop>::new(Arc::new(Rules::new(policy).unwrap()), keys);
//! # let now = Timestamp::from_millis(1_767_225_600_500);
//! # let respond = |cookie: &str, ms: u64, end: bool, act: &dyn Fn(&mut Shop)| {
//! #     let now = now.plus_millis(ms);
//! #     let mut exchange = Exchange::receive(&snapshot, [cookie.as_bytes()], now);
//! #     let (decoded, since) = exchange.value();
//! #     let mut shop = decoded.value;
//! #     act(&mut shop);
//! #     exchange.hand_back(&shop, since).unwrap();
//! #     if end { exchange.end() }
//! #     exchange.respond(Room::default(), now, &mut Counting(ms as u8)).set_cookies
//! # };
//! # let pair = |line: &String| line.split(';').next().unwrap().to_owned();
//! # let value = |line: &String| pair(line).split_once('=').unwrap().1.len();
//! # let created = respond("", 0, false, &|shop| shop.note = "123456789".into());
//! # let cookie = created.iter().map(pair).collect::<Vec<_>>().join("; ");
//! # let login = respond(&cookie, 60, false, &|shop| {
//! #     shop.user = Some("ada".into());
//! #     shop.role = Some("admin".into());
//! # });
//! # let end = respond(&cookie, 120, true, &|_| {});
//! # [value(&created[0]), value(&login[0]), value(&end[0]), value(&created[1])]
//! # }
//! // `sizes` creates a session with `note: "123456789"` (10 bytes in CBOR), signs in `user: "ada"`
//! // with `role: "admin"`, and ends it.
//! let [anonymous_root, signed_in_root, end_marker, fragment] = sizes(Padding::Padme);
//! assert_eq!([anonymous_root, signed_in_root, end_marker, fragment], [86, 128, 86, 86]);
//! assert_eq!(sizes(Padding::None), [84, 127, 84, 86]);
//! ```
//!
//! # Where things are
//!
//! | to learn | look at |
//! |---|---|
//! | what happens to a request | [`Exchange`] |
//! | what is accepted and issued | [`Policy`]: [`CookieSpec`], [`HeaderSpec`], [`Layout`], [`Lifetime`], [`Budget`], [`Padding`], and the fields with a meaning |
//! | keys, their states, their rotation | [`KeyRing`], [`KeyState`] |
//! | how keys and revocations reach a program | [`Feed`], [`View`], [`Fixed`] |
//! | what ended before its time, and how old such knowledge may be | [`Revocation`], [`Revocations`], [`Staleness`], [`Scrutiny`] |
//! | which sessions somebody is signed in to | [`SessionIndex`], [`Listed`], [`Exchange::label`] |
//! | what a session type can be | [`Rules`], [`SchemaError`]; maps whose entries merge one by one: [`Each`] |
//! | why a cookie was not taken, and what becomes of it | [`Rejection`], [`Disposition`] |
//! | why a session could not be written | [`SealError`], [`TooLarge`], [`EncodeError`] |
//! | what is wrong with the settings | [`ConfigError`], [`KeyRingError`] |
//! | how a session arrived, its ids, times and sizes | [`Arrival`], [`Info`] |
//! | form tokens | [`Exchange::csrf`], [`Exchange::verify_csrf`], [`CsrfRejection`] |
//! | what a response did | [`Outcome`], [`Report`] |
//! | what a jar holds, without its session type | [`inspect`] |
//! | the world, as arguments | [`Timestamp`], [`Entropy`] |
//!
//! # Features
//!
//! | feature | default | what it does |
//! |---|---|---|
//! | `aws-lc-rs` | yes | the faster of two implementations of AES-256-GCM-SIV; needs `std`. Without it RustCrypto's is used, and the crate is `no_std` with `alloc`. Both write the same bytes and refuse the same input. |
#![no_std]

extern crate alloc;
#[cfg(any(test, feature = "aws-lc-rs"))]
extern crate std;

mod admit;
mod arrival;
mod budget;
mod codec;
mod csrf;
mod draft;
mod env;
mod error;
mod event;
mod exchange;
mod feed;
mod index;
mod info;
pub mod inspect;
mod intent;
mod jar;
mod join;
mod key_id;
mod keyring;
mod layout;
mod lifetime;
mod lineage;
mod maintain;
mod overridden;
mod parcel;
mod policy;
mod respond;
mod revocation;
mod seal;
mod size;
mod snapshot;
mod staleness;
mod state;
#[cfg(test)]
mod testing;
mod transport;
#[cfg(test)]
mod vectors;
mod wire;

pub use self::arrival::{Arrival, ArrivalKind};
pub use self::budget::{Budget, Limit, TooLarge};
pub use self::codec::{
    Decoded, Each, EncodeError, FieldFault, FieldReport, SchemaError, encode_field,
};
pub use self::csrf::CsrfRejection;
pub use self::env::{Entropy, NoEntropy, Timestamp};
pub use self::error::{ConfigError, Disposition, Rejection, SealError, StaleView};
pub use self::event::EventKind;
pub use self::exchange::{Exchange, Mark};
pub use self::feed::{Feed, Fixed, Freshness, IntoFeed, Publication, Unpublished, Version, View};
pub use self::index::{Listed, SealedLabel, SessionIndex};
pub use self::info::{Info, SessionId, Times, Usage};
pub use self::key_id::{InvalidId, KeyId, RingMark, ShortKeyId};
pub use self::keyring::{KeyInfo, KeyRing, KeyRingError, KeyState, Weakness};
pub use self::lifetime::Lifetime;
pub use self::maintain::Work;
pub use self::overridden::Overridden;
pub use self::policy::Policy;
pub use self::respond::{Fetch, Outcome, Report, Room};
pub use self::revocation::{InvalidRecord, Revocation, RevocationId, Revocations, SubjectId};
pub use self::seal::Padding;
pub use self::snapshot::{Rules, Snapshot};
pub use self::staleness::{Scrutiny, Staleness};
pub use self::state::{Content, Entry, OPEN, Stamp};
pub use self::transport::cookie::mentions;
pub use self::transport::{CookieSpec, HeaderSpec, Layout, SameSite, Transport};

/// What weakens the seal, for test vectors only. Nothing that is served has a use for it.
#[doc(hidden)]
pub mod danger {
    pub use crate::keyring::ring_for_vectors;
}
