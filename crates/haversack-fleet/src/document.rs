//! The ring document as an engine stores it: in the clear, or sealed with a key-encryption key.
//!
//! The sealed form is a small JSON object. It names what an engine and an operator must know without
//! the key, and all of that is bound to the seal.

#[cfg(test)]
mod vectors;

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use haversack::{KeyRing, KeyRingError};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::engine::RingDocument;
use crate::wrap::{WrapError, Wraps};

/// A stored ring document is not taken, or could not be made. Nothing of its content is in here.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum DocumentError {
    /// It is stored in the clear, and only sealed rings are accepted.
    Clear,
    /// What the ring says about itself is not what is said beside it.
    Mismatch {
        /// `app` or `revision`.
        what: &'static str,
    },
    /// Its content is no key ring, or not a safe one.
    Ring(KeyRingError),
    /// It is sealed, and there is no key-encryption key to open it.
    Sealed {
        /// The key-encryption key that sealed it.
        by: String,
        /// Those that this program has.
        have: Vec<String>,
    },
    /// It is longer than a ring can be.
    TooLong,
    /// It is sealed in a form that this version does not know.
    Unknown,
    /// Sealing or opening it failed.
    Wrap(WrapError),
}

impl DocumentError {
    /// Whether trying again can help without anybody doing something.
    pub fn is_temporary(&self) -> bool {
        matches!(self, Self::Wrap(WrapError::Unreachable(_)))
    }
}

impl fmt::Display for DocumentError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Clear => f.write_str(
                "the key ring is stored in the clear, and only sealed ones are accepted: store it \
                 again with the key-encryption key, or accept it as it is",
            ),
            Self::Mismatch { what } => write!(
                f,
                "the stored key ring is corrupted: its `{what}` is not the one that is said beside \
                 it; restore it from a backup"
            ),
            Self::Ring(error @ KeyRingError::Version { .. }) => {
                write!(f, "the key ring is newer than this program: {error}; update the program")
            }
            Self::Ring(error) => write!(f, "the stored key ring cannot be used: {error}"),
            Self::Sealed { by, have } if have.is_empty() => write!(
                f,
                "the key ring is sealed with the key-encryption key `{by}`, and this program was \
                 given none"
            ),
            Self::Sealed { by, have } => write!(
                f,
                "the key ring is sealed with the key-encryption key `{by}`, and this program has {}",
                have.join(", ")
            ),
            Self::TooLong => {
                write!(f, "what is stored is longer than {LIMIT} bytes, which no key ring is")
            }
            Self::Unknown => f.write_str(
                "the key ring is sealed in a form that this program does not know: update the program",
            ),
            Self::Wrap(error) => write!(f, "the key ring cannot be opened or sealed: {error}"),
        }
    }
}

impl std::error::Error for DocumentError {}

impl From<KeyRingError> for DocumentError {
    fn from(error: KeyRingError) -> Self {
        Self::Ring(error)
    }
}

/// The sealed form.
#[derive(Serialize, Deserialize)]
struct Envelope {
    haversack_sealed_ring: u64,
    revision: u64,
    app: String,
    wrapped_by: String,
    sealed: String,
}

/// Tells the two forms apart without reading the rest.
#[derive(Deserialize)]
struct Form {
    haversack_sealed_ring: Option<u64>,
}

/// The one sealed form there is so far.
const FORM: u64 = 1;

/// The ring as it is to be stored.
pub(crate) async fn store(ring: &KeyRing, wraps: &Wraps) -> Result<RingDocument, DocumentError> {
    let (revision, app) = (ring.revision(), ring.app().to_owned());
    let clear = ring.to_json();
    let Some(wrap) = wraps.sealing() else {
        return Ok(RingDocument { revision, text: clear });
    };
    let sealed = wrap.wrap(clear.as_bytes(), &context(&app, revision)).await;
    let sealed = URL_SAFE_NO_PAD.encode(sealed.map_err(DocumentError::Wrap)?);
    let wrapped_by = wrap.id();
    let text = serde_json::to_string(&Envelope {
        haversack_sealed_ring: FORM,
        revision,
        app,
        wrapped_by,
        sealed,
    })
    .map_err(|_| DocumentError::Unknown)?;
    Ok(RingDocument { revision, text: Zeroizing::new(text) })
}

/// The ring in a stored document.
pub(crate) async fn open(document: &RingDocument, wraps: &Wraps) -> Result<KeyRing, DocumentError> {
    let text = document.text.as_str();
    if text.len() > LIMIT {
        return Err(DocumentError::TooLong);
    }
    let ring = match serde_json::from_str::<Form>(text) {
        Ok(Form { haversack_sealed_ring: Some(FORM) }) => unseal(text, wraps).await?,
        Ok(Form { haversack_sealed_ring: Some(_) }) => return Err(DocumentError::Unknown),
        _ if wraps.refuses_clear() => return Err(DocumentError::Clear),
        _ => KeyRing::parse(text)?,
    };
    if ring.revision() != document.revision {
        return Err(DocumentError::Mismatch { what: "revision" });
    }
    Ok(ring)
}

/// Whether it is stored in the clear.
pub(crate) fn is_clear(document: &RingDocument) -> bool {
    !matches!(serde_json::from_str(&document.text), Ok(Form { haversack_sealed_ring: Some(_) }))
}

async fn unseal(text: &str, wraps: &Wraps) -> Result<KeyRing, DocumentError> {
    let Envelope { revision, app, wrapped_by, sealed, .. } =
        serde_json::from_str(text).map_err(|error| {
            let (line, column) = (error.line(), error.column());
            DocumentError::Ring(KeyRingError::Json { line, column })
        })?;
    let encoding = || KeyRingError::KeyEncoding { place: "sealed".to_owned() };
    let sealed = URL_SAFE_NO_PAD.decode(sealed).map_err(|_| encoding())?;
    let mut tried = None;
    for wrap in wraps.opening(&wrapped_by) {
        match wrap.unwrap(&wrapped_by, &sealed, &context(&app, revision)).await {
            Ok(clear) => {
                let text = std::str::from_utf8(&clear).map_err(|_| encoding())?;
                let ring = KeyRing::parse(text)?;
                // A key of a service may bind less than it was told to.
                return match () {
                    () if ring.app() != app => Err(DocumentError::Mismatch { what: "app" }),
                    () if ring.revision() != revision => {
                        Err(DocumentError::Mismatch { what: "revision" })
                    }
                    () => Ok(ring),
                };
            }
            Err(error) => tried = Some(DocumentError::Wrap(error)),
        }
    }
    Err(tried.unwrap_or_else(|| DocumentError::Sealed { by: wrapped_by, have: wraps.ids() }))
}

/// What the seal is bound to.
fn context(app: &str, revision: u64) -> Vec<u8> {
    let mut context = b"haversack/v1/ring\0".to_vec();
    context.extend_from_slice(&revision.to_be_bytes());
    context.extend_from_slice(app.as_bytes());
    context
}

/// Several times what 64 keys take, sealed.
const LIMIT: usize = 384 * 1024;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::entropy::Os;
    use crate::wrap::{KeyWrap as _, LocalKey};
    use haversack::Timestamp;
    use std::pin::pin;
    use std::task::{Context, Poll, Waker};

    /// Nothing here waits.
    fn now<T>(future: impl Future<Output = T>) -> T {
        match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(value) => value,
            Poll::Pending => panic!("waits"),
        }
    }

    fn key(n: u8) -> LocalKey {
        LocalKey::from_bytes(std::array::from_fn(|i| {
            let i = u8::try_from(i).unwrap();
            i.wrapping_mul(i).wrapping_mul(73).wrapping_add(i ^ n)
        }))
        .unwrap()
    }

    fn ring() -> KeyRing {
        KeyRing::generate("shop", Timestamp::from_secs(1_800_000_000), Os).unwrap()
    }

    #[test]
    fn a_ring_in_the_clear_is_read_unless_only_sealed_ones_are_wanted() {
        let ring = ring();
        let document = now(store(&ring, &Wraps::none())).unwrap();
        assert!(is_clear(&document));
        for wraps in [Wraps::none(), Wraps::with(key(1))] {
            assert_eq!(now(open(&document, &wraps)).unwrap().to_json(), ring.to_json());
        }
        let strict = Wraps::with(key(1)).only_sealed();
        assert_eq!(now(open(&document, &strict)).unwrap_err(), DocumentError::Clear);
    }

    #[test]
    fn a_sealed_ring_opens_with_its_key_alone() {
        let ring = ring();
        let document = now(store(&ring, &Wraps::with(key(1)))).unwrap();
        assert!(!is_clear(&document));
        let clear = ring.to_json();
        let roots = clear.split('"').filter(|text| text.len() == 43);
        assert!(
            roots.clone().count() == 2 && roots.clone().all(|root| !document.text.contains(root))
        );

        let changing = Wraps::with(key(2)).and_unwrap(key(1));
        for wraps in [Wraps::with(key(1)).only_sealed(), changing] {
            assert_eq!(now(open(&document, &wraps)).unwrap().to_json(), clear);
        }
        let by = key(1).id();
        let none = DocumentError::Sealed { by: by.clone(), have: vec![] };
        assert_eq!(now(open(&document, &Wraps::none())).unwrap_err(), none);
        let other = DocumentError::Sealed { by, have: vec![key(2).id()] };
        assert_eq!(now(open(&document, &Wraps::with(key(2)))).unwrap_err(), other);
    }

    #[test]
    fn what_is_said_beside_the_seal_is_bound_to_it() {
        let wraps = Wraps::with(key(1));
        let document = now(store(&ring(), &wraps)).unwrap();
        let changed = |from: &str, to: &str, revision: u64| {
            let text = Zeroizing::new(document.text.replacen(from, to, 1));
            assert_ne!(text, document.text, "{from}");
            now(open(&RingDocument { revision, text }, &wraps)).unwrap_err()
        };
        let forged = DocumentError::Wrap(WrapError::NotAuthentic);
        assert_eq!(changed("\"revision\":1", "\"revision\":2", 2), forged);
        assert_eq!(changed("\"app\":\"shop\"", "\"app\":\"shed\"", 1), forged);
        assert_eq!(changed("_ring\":1", "_ring\":2", 1), DocumentError::Unknown);
        let end = document.text.len() - 2;
        let last = &document.text[end - 5..end];
        assert_eq!(changed(last, "AAAAA", 1), forged);
        let other = RingDocument { revision: 9, text: document.text.clone() };
        let mismatch = DocumentError::Mismatch { what: "revision" };
        assert_eq!(now(open(&other, &wraps)).unwrap_err(), mismatch);
    }

    #[test]
    fn nothing_shows_a_key() {
        let text = "Vb3xQ0lLw8h1Jm5cTz7rKp2aYd9eGf4sNu6iHo0jXqE";
        let bytes = URL_SAFE_NO_PAD.decode(text).unwrap();
        let key = LocalKey::from_bytes(bytes.try_into().unwrap()).unwrap();
        let shown = format!("{key:?} {:?} {}", Wraps::with(key_again(text)), key.id());
        assert!(!shown.contains(text) && shown.contains("local:"), "{shown}");
    }

    fn key_again(text: &str) -> LocalKey {
        LocalKey::from_bytes(URL_SAFE_NO_PAD.decode(text).unwrap().try_into().unwrap()).unwrap()
    }
}
