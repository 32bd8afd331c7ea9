//! A parcel's text: which suite, which key, and whether it is well formed.
//!
//! No cryptography and no clock: what is parsed here is claimed, not proven. The text is canonical
//! unpadded base64url (RFC 4648 section 5) of
//!
//! | bytes | field |
//! |---|---|
//! | 3 | magic and suite: the text `hv1A` or `hv1F` |
//! | 9 | key id |
//! | 12 (A), 24 (F) | nonce or salt |
//! | n | ciphertext of the frame |
//! | 16 | tag |

use alloc::string::String;
use alloc::vec::Vec;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::error::Rejection;
use crate::key_id::KeyId;

/// How a key seals. A property of the key: a parcel names it, but cannot choose it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Suite {
    /// AES-256-GCM-SIV (RFC 8452) under a key that seals many parcels.
    A,
    /// AES-256-GCM under a key derived for each parcel. Reserved: no ring holds such a key yet.
    F,
}

impl Suite {
    /// The letter in the magic and in every derivation.
    pub(crate) const fn letter(self) -> u8 {
        match self {
            Self::A => b'A',
            Self::F => b'F',
        }
    }

    /// The three bytes whose text is `hv1` and the letter.
    pub(crate) const fn magic(self) -> [u8; 3] {
        match self {
            Self::A => [0x86, 0xfd, 0x40],
            Self::F => [0x86, 0xfd, 0x45],
        }
    }

    /// Bytes of a parcel besides its frame.
    const fn overhead(self) -> usize {
        match self {
            Self::A => 3 + 9 + 12 + 16,
            Self::F => 3 + 9 + 24 + 16,
        }
    }
}

/// Whether a cookie's value claims to be a parcel; any other value is left alone.
pub(crate) fn is_ours(value: &[u8]) -> bool {
    value.starts_with(b"hv")
}

/// Characters of the value of a parcel with a (padded) frame of `frame_len` bytes, suite `hv1A`.
pub(crate) const fn text_len(frame_len: usize) -> usize {
    Suite::A.overhead().saturating_add(frame_len).saturating_mul(4).div_ceil(3)
}

/// Appends the text of a parcel's bytes to `out`.
pub(crate) fn encode(parcel: &[u8], out: &mut String) {
    URL_SAFE_NO_PAD.encode_string(parcel, out);
}

/// A parcel's text, well formed but not authentic.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Envelope<'a> {
    text: &'a [u8],
    suite: Suite,
    key_id: KeyId,
}

impl<'a> Envelope<'a> {
    /// Reads the value of a cookie or header that [`is_ours`].
    ///
    /// Magic first: a text of a later version may follow rules that we do not know.
    pub(crate) fn parse(value: &'a [u8]) -> Result<Self, Rejection> {
        let suite = match value.get(..4) {
            Some(b"hv1A") => Suite::A,
            Some(b"hv1F") => Suite::F,
            _ if is_ours(value) => return Err(Rejection::UnknownVersion),
            _ => return Err(Rejection::Malformed),
        };
        if !is_canonical(value) || value.len() * 3 / 4 < suite.overhead() {
            return Err(Rejection::Malformed);
        }
        let mut id = [0; 9];
        let text = value.get(4..16).ok_or(Rejection::Malformed)?;
        URL_SAFE_NO_PAD.decode_slice(text, &mut id).map_err(|_| Rejection::Malformed)?;
        Ok(Self { text: value, suite, key_id: KeyId::from_bytes(id) })
    }

    /// The suite that the parcel claims.
    pub(crate) fn suite(&self) -> Suite {
        self.suite
    }

    /// The key that the parcel claims to be sealed with.
    pub(crate) fn key_id(&self) -> KeyId {
        self.key_id
    }

    /// Bytes of the frame that it claims to hold, padding included.
    pub(crate) fn frame_len(&self) -> usize {
        (self.text.len() * 3 / 4).saturating_sub(self.suite.overhead())
    }

    /// Replaces what is in `out` by the parcel's bytes; may be called again.
    pub(crate) fn decode(&self, out: &mut Vec<u8>) -> Result<(), Rejection> {
        out.clear();
        URL_SAFE_NO_PAD.decode_vec(self.text, out).map_err(|_| Rejection::Malformed)
    }
}

/// Whether this is the one text of some bytes: no padding, and no bits beyond the last byte.
///
/// Otherwise a parcel would have several texts, and with them one content several spellings.
fn is_canonical(text: &[u8]) -> bool {
    // Without a branch per character, many are compared at once.
    let is_character = |c: u8| c.is_ascii_alphanumeric() || c == b'-' || c == b'_';
    let in_alphabet = text.iter().fold(true, |all, &c| all & is_character(c));
    let ends_well = match (text.len() % 4, text.last()) {
        (2, Some(last)) => b"AQgw".contains(last),
        (3, Some(last)) => b"AEIMQUYcgkosw048".contains(last),
        (1, _) => false,
        _ => true,
    };
    in_alphabet && ends_well
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::format;
    use std::vec;

    fn text(bytes: &[u8]) -> String {
        let mut out = String::new();
        encode(bytes, &mut out);
        out
    }

    fn parcel(suite: Suite, rest: usize) -> Vec<u8> {
        let mut bytes = suite.magic().to_vec();
        bytes.extend((0..9 + rest).map(|i| u8::try_from(i).unwrap()));
        bytes
    }

    #[test]
    fn the_magic_reads_as_its_suite() {
        assert_eq!(text(&Suite::A.magic()), "hv1A");
        assert_eq!(text(&Suite::F.magic()), "hv1F");
    }

    #[test]
    fn a_later_version_is_unknown_whatever_follows() {
        for value in ["hv", "hv1", "hv1B", "hv2A", "hv1a", "hvac=1; not base64", "hv1 "] {
            assert_eq!(
                Envelope::parse(value.as_bytes()).err(),
                Some(Rejection::UnknownVersion),
                "{value}"
            );
            assert!(is_ours(value.as_bytes()));
        }
        assert!(!is_ours(b"h") && !is_ours(b"") && !is_ours(b"HV1A"));
    }

    #[test]
    fn the_shortest_parcel_of_each_suite_passes_and_a_shorter_one_does_not() {
        for (suite, rest) in [(Suite::A, 28), (Suite::F, 40)] {
            let whole = text(&parcel(suite, rest));
            let envelope = Envelope::parse(whole.as_bytes()).unwrap();
            assert_eq!(envelope.suite(), suite);
            assert_eq!(*envelope.key_id().as_bytes(), [0, 1, 2, 3, 4, 5, 6, 7, 8]);
            let short = text(&parcel(suite, rest - 1));
            assert_eq!(Envelope::parse(short.as_bytes()).err(), Some(Rejection::Malformed));
        }
    }

    #[test]
    fn one_content_has_one_text() {
        for rest in 28..34 {
            let good = text(&parcel(Suite::A, rest));
            assert!(Envelope::parse(good.as_bytes()).is_ok());
            for last in "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_".chars() {
                let other = format!("{}{last}", &good[..good.len() - 1]);
                let strict = URL_SAFE_NO_PAD.decode(&other).is_ok();
                assert_eq!(Envelope::parse(other.as_bytes()).is_ok(), strict, "{other}");
            }
            for tail in ["=", "==", "\n", " ", "+", "/", "%3D", "\u{e9}"] {
                let other = format!("{good}{tail}");
                assert_eq!(
                    Envelope::parse(other.as_bytes()).err(),
                    Some(Rejection::Malformed),
                    "{other}"
                );
            }
        }
    }

    #[test]
    fn the_length_of_a_text_is_known_before_it_is_made() {
        for frame in 0..200 {
            assert_eq!(text(&vec![0; 40 + frame]).len(), text_len(frame));
        }
        assert_eq!(text_len(usize::MAX), usize::MAX.div_ceil(3));
    }

    proptest! {
        #[test]
        fn any_bytes_parse_or_are_rejected(value in prop::collection::vec(any::<u8>(), 0..120)) {
            let _ = Envelope::parse(&value);
        }

        #[test]
        fn what_parses_encodes_to_itself(tail in "[A-Za-z0-9_-]{48,90}", suite in "[AF]") {
            let value = format!("hv1{suite}{tail}");
            if let Ok(envelope) = Envelope::parse(value.as_bytes()) {
                let mut bytes = vec![1, 2, 3];
                envelope.decode(&mut bytes).unwrap();
                prop_assert_eq!(text(&bytes), value);
            }
        }
    }
}
