//! Every key that is used comes from a root by HKDF-SHA-256 (RFC 5869), under a label of its own.
//!
//! ```text
//! PRK = Extract(salt = "haversack/v1", root)
//! key = Expand(PRK, "haversack/v1/" ‖ use ‖ 0x00 ‖ suite ‖ lp(app) ‖ lp(tenant) ‖ lp(purpose))
//! ```
//!
//! `lp` is a length of two bytes in front. So no app, tenant or purpose can read or forge what
//! belongs to another, though all of them share one ring. The id of a key leaves out the last three,
//! so that it is the same for all.

use alloc::vec::Vec;

use hmac::digest::Key as MacKey;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;
use zeroize::Zeroizing;

use super::secret::Secret;
use crate::key_id::{RingMark, ShortKeyId};
use crate::wire::Suite;

/// For whom the keys of a ring are derived, besides the ring's own app.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Context {
    /// `lp(tenant) ‖ lp(purpose)`
    info: Vec<u8>,
}

impl Context {
    /// The keys of `tenant` for `purpose`; `None` if one of them is longer than 255 bytes.
    pub(crate) fn new(tenant: &str, purpose: &str) -> Option<Self> {
        if tenant.len() > 255 || purpose.len() > 255 {
            return None;
        }
        let mut info = Vec::with_capacity(4 + tenant.len() + purpose.len());
        write_lp(&mut info, tenant);
        write_lp(&mut info, purpose);
        Some(Self { info })
    }
}

impl Default for Context {
    /// No tenant, purpose `session`: what library, gateway and agent share unless told otherwise.
    fn default() -> Self {
        Self { info: b"\0\0\0\x07session".to_vec() }
    }
}

/// What the keys of one app, tenant and purpose are bound to.
pub(super) struct Scope(Vec<u8>);

impl Scope {
    pub(super) fn new(app: &str, context: &Context) -> Self {
        let mut info = Vec::with_capacity(2 + app.len() + context.info.len());
        write_lp(&mut info, app);
        info.extend_from_slice(&context.info);
        Self(info)
    }
}

/// Two bytes of length in front. Names of more than 255 bytes were refused before.
fn write_lp(out: &mut Vec<u8>, name: &str) {
    out.extend_from_slice(&u16::try_from(name.len()).unwrap_or(u16::MAX).to_be_bytes());
    out.extend_from_slice(name.as_bytes());
}

/// A root or index key, extracted: ready to derive from.
pub(super) struct Extracted {
    prk: Prf,
    suite: u8,
}

impl Extracted {
    /// Of a key of the ring.
    pub(super) fn root(root: &Secret, suite: Suite) -> Self {
        Self { prk: extract(root), suite: suite.letter() }
    }

    /// Of the index key, which has the suite `0`.
    pub(super) fn index(index: &Secret) -> Self {
        Self { prk: extract(index), suite: b'0' }
    }

    /// The id of this key, the same for every tenant and purpose.
    pub(super) fn short_id(&self) -> ShortKeyId {
        ShortKeyId::from_bytes(*self.expand("kid", &[]))
    }

    /// The mark of the ring that this index key belongs to.
    pub(super) fn mark(&self, scope: &Scope) -> RingMark {
        RingMark::from_bytes(*self.key("mark", scope))
    }

    /// A key for one use.
    pub(super) fn key<const N: usize>(&self, purpose: &str, scope: &Scope) -> Zeroizing<[u8; N]> {
        self.expand(purpose, &scope.0)
    }

    /// A keyed function for one use.
    pub(super) fn prf(&self, purpose: &str, scope: &Scope) -> Prf {
        Prf::new::<32>(&self.key(purpose, scope))
    }

    /// HKDF-Expand of one block at most (RFC 5869 section 2.3): `T(1) = HMAC(PRK, info ‖ 0x01)`.
    fn expand<const N: usize>(&self, purpose: &str, scope: &[u8]) -> Zeroizing<[u8; N]> {
        const { assert!(N <= 32, "one block of SHA-256") };
        let parts = [LABEL.as_slice(), b"/", purpose.as_bytes(), &[0, self.suite], scope, &[1]];
        Zeroizing::new(first(&Zeroizing::new(self.prk.of(&parts))))
    }
}

/// HKDF-Extract (RFC 5869 section 2.2): `HMAC(salt, root)`.
fn extract(root: &Secret) -> Prf {
    Prf::new::<32>(&Zeroizing::new(Prf::new(LABEL).of(&[root.bytes()])))
}

/// The salt of every extraction and the head of every label.
const LABEL: &[u8; 12] = b"haversack/v1";

/// A keyed function that nobody without the key can tell from chance: HMAC-SHA-256.
#[derive(Clone)]
pub(super) struct Prf(Hmac<Sha256>);

impl Prf {
    pub(super) fn new<const N: usize>(key: &[u8; N]) -> Self {
        const { assert!(N <= 64, "HMAC would hash a longer key") };
        let mut block = Zeroizing::new([0; 64]);
        for (to, from) in block.iter_mut().zip(key) {
            *to = *from;
        }
        Self(Hmac::new(<&MacKey<Hmac<Sha256>>>::from(&*block)))
    }

    /// The function's value at the concatenation of `parts`.
    pub(super) fn of(&self, parts: &[&[u8]]) -> [u8; 32] {
        let mut mac = self.0.clone();
        for part in parts {
            mac.update(part);
        }
        mac.finalize().into_bytes().into()
    }

    /// Whether the function's value begins with `bytes`, in constant time.
    pub(super) fn begins_with(&self, bytes: &[u8; 16], parts: &[&[u8]]) -> bool {
        let mut mac = self.0.clone();
        for part in parts {
            mac.update(part);
        }
        mac.verify_truncated_left(bytes).is_ok()
    }
}

/// The first bytes of `whole`.
pub(super) fn first<const N: usize>(whole: &[u8; 32]) -> [u8; N] {
    const { assert!(N <= 32) };
    let mut bytes = [0; N];
    for (to, from) in bytes.iter_mut().zip(whole) {
        *to = *from;
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::hex;
    use proptest::prelude::*;

    /// The vector of the format's specification; a second implementation in Python agrees.
    #[test]
    fn the_published_vector() {
        let scope = Scope::new("shop.example", &Context::default());
        let root = Extracted::root(
            &Secret::new(core::array::from_fn(|i| u8::try_from(i).unwrap())),
            Suite::A,
        );
        assert_eq!(hex(root.short_id().as_bytes()), "9a39d9cd2b51");
        assert_eq!(
            hex(&*root.key::<32>("seal", &scope)),
            "3c32823b9daafdebd8f66e002f29047e88684df9d1c03949a5a7fe80f1eabd8a"
        );
        let index =
            Extracted::index(&Secret::new(core::array::from_fn(|i| u8::try_from(32 + i).unwrap())));
        assert_eq!(hex(index.mark(&scope).as_bytes()), "945dc2");
        assert_eq!(hex(&*index.key::<16>("name", &scope)), "64471c1ca256cc19176314afcced93a3");
        for (purpose, key) in [
            ("sid", "5abd6b007b1a95a28cbda74a38ddbc0fdda67b54659d87e14289d936b6f4d2ae"),
            ("subject", "ad0b137f58bfc1fdd7986b1c6f9f1df2d4caf2e7b8a9f8eb031ff11840388edf"),
            ("csrf", "866b3ca860396ee5775b6d93bfac5bc1d57a63dd249376ba9dbe6b8335a57f5e"),
            ("revoke", "9773577a63899d1732d4fd9a6d047b9ef61536ad2312e484244da7ee6c937dd0"),
            ("label", "3acafc45b22aa11730edd756442e06929baa61bf88247e4f06ef92d897a3f630"),
        ] {
            assert_eq!(hex(&*index.key::<32>(purpose, &scope)), key, "{purpose}");
        }
    }

    #[test]
    fn the_default_context_is_the_one_that_is_spelled_out() {
        assert_eq!(Context::new("", "session"), Some(Context::default()));
        let long = "x".repeat(256);
        assert!(Context::new(&long, "session").is_none() && Context::new("", &long).is_none());
    }

    #[test]
    fn names_that_only_together_are_alike_derive_different_keys() {
        let root = Extracted::root(&Secret::new([9; 32]), Suite::A);
        let key = |app: &str, tenant: &str, purpose: &str| {
            let context = Context::new(tenant, purpose).unwrap();
            *root.key::<32>("seal", &Scope::new(app, &context))
        };
        let keys =
            [key("ab", "c", "d"), key("a", "bc", "d"), key("a", "b", "cd"), key("abc", "", "d")];
        for (i, a) in keys.iter().enumerate() {
            assert!(keys.iter().skip(i + 1).all(|b| a != b));
        }
    }

    /// RFC 4231 section 4.3, test case 2.
    #[test]
    fn hmac_as_its_rfc_gives_it() {
        assert_eq!(
            hex(&Prf::new(b"Jefe").of(&[b"what do ya want ", b"for nothing?"])),
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
        );
    }

    proptest! {
        #[test]
        fn hkdf_as_another_implementation_computes_it(root: [u8; 32], purpose in "[a-z]{1,9}", scope: Vec<u8>) {
            let root = Secret::new(root);
            let mut info = std::format!("haversack/v1/{purpose}\0A").into_bytes();
            info.extend_from_slice(&scope);
            let mut expected = [0; 32];
            hkdf::Hkdf::<Sha256>::new(Some(LABEL), root.bytes()).expand(&info, &mut expected).unwrap();
            prop_assert_eq!(*Extracted::root(&root, Suite::A).expand::<32>(&purpose, &scope), expected);
        }
    }
}
