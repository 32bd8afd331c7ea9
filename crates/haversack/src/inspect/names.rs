//! What parcels say about themselves to those who hold no key.

use alloc::string::{String, ToString as _};
use alloc::vec::Vec;
use core::ops::RangeInclusive;

use crate::parcel::{Kind, Suffix};
use crate::seal::Padding;
use crate::transport::{Found, cookie};
use crate::wire::Envelope;
use crate::{KeyId, Rejection};

/// A parcel as it looks from outside. All of it is claimed, nothing proven.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Name {
    /// What follows `<base>.` in the cookie's name.
    pub suffix: String,
    /// What the name says it is; `None` if it is not the name of a parcel.
    pub kind: Option<Kind>,
    /// Two characters of the session that it belongs to; several sessions may share them.
    pub hint: Option<String>,
    /// Characters of the value.
    pub value_chars: usize,
    /// Characters of name and value, as browsers count them.
    pub chars: usize,
    /// What the value says about itself, or why it is not the text of a parcel.
    pub claim: Result<Claim, Rejection>,
}

/// What the text of a parcel says.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Claim {
    /// The letter of the suite: `A` for AES-256-GCM-SIV.
    pub suite: char,
    /// The key that sealed it, and with that the mark of its ring.
    pub key_id: KeyId,
    /// Bytes that are sealed, padding included.
    pub frame: usize,
    /// Bytes that may be left of them without the padding.
    pub content: RangeInclusive<usize>,
}

/// Tells what can be told without keys of the cookies named `<base>.…` in `cookie_lines`.
pub fn names<'h>(base: &str, cookie_lines: impl IntoIterator<Item = &'h [u8]>) -> Vec<Name> {
    cookie::collect(base, cookie_lines).iter().map(name).collect()
}

fn name(found: &Found<'_>) -> Name {
    let suffix = Suffix::parse(found.suffix);
    Name {
        suffix: found.suffix.to_string(),
        kind: suffix.map(Suffix::kind),
        hint: suffix
            .filter(|suffix| *suffix != Suffix::SINGLE)
            .map(|suffix| suffix.hint().map(char::from).iter().collect()),
        value_chars: found.value.len(),
        chars: found.chars.saturating_sub("=; ".len()),
        claim: Envelope::parse(found.value).map(|envelope| {
            let frame = envelope.frame_len();
            Claim {
                suite: char::from(envelope.suite().letter()),
                key_id: envelope.key_id(),
                frame,
                content: shortest(frame)..=frame,
            }
        }),
    }
}

/// The shortest content that is padded to `frame` bytes. A length that no padding leads to was not
/// padded.
fn shortest(frame: usize) -> usize {
    // Padding never adds more than an eighth.
    let least = frame - frame / 8;
    (least..=frame).find(|&len| Padding::Padme.padded_len(len) == frame).unwrap_or(frame)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shortest_content_is_one_more_than_what_pads_to_less() {
        for frame in 1..5000 {
            let shortest = shortest(frame);
            if Padding::Padme.padded_len(frame) == frame {
                assert_eq!(Padding::Padme.padded_len(shortest), frame);
                assert!(Padding::Padme.padded_len(shortest - 1) < frame);
            } else {
                assert_eq!(shortest, frame);
            }
        }
    }
}
