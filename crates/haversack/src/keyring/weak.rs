//! Keys that somebody made up instead of drawing them.
//!
//! A key id is computed from its key, so a key that can be guessed can be confirmed by anyone who
//! sees one cookie, offline. Hence such keys are refused when a ring is loaded. A key that was drawn
//! at random is refused less than once in a million times.

use alloc::string::String;
use core::fmt;

use zeroize::Zeroize as _;

use super::secret::Secret;
use super::test_ring;

/// Why a key counts as weak.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Weakness {
    /// Its bytes count up or down in equal steps.
    Counting,
    /// It has fewer than 16 different bytes among its 32.
    FewValues,
    /// All its bytes are printable characters.
    Passphrase,
    /// It spells out a placeholder.
    Placeholder,
    /// It is printed in public, in the tests of this project.
    Published,
    /// It is a shorter sequence, repeated.
    Repeating,
}

impl Weakness {
    /// The first reason, if any, to think that a key was not drawn at random.
    pub fn of(key: &[u8; 32]) -> Option<Self> {
        weakness(&Secret::new(*key))
    }
}

impl fmt::Display for Weakness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Counting => "counts up or down in equal steps",
            Self::FewValues => "has fewer than 16 different bytes",
            Self::Passphrase => "looks like a passphrase",
            Self::Placeholder => "spells out a placeholder",
            Self::Published => "is published in the tests of haversack",
            Self::Repeating => "repeats a shorter sequence",
        })
    }
}

/// The first reason, if any, to think that `secret` was not drawn at random.
pub(super) fn weakness(secret: &Secret) -> Option<Weakness> {
    let bytes = secret.bytes();
    let mut text = String::with_capacity(super::secret::TEXT_LEN);
    secret.write_text(&mut text);
    let spelled = spells_placeholder(bytes) || spells_placeholder(text.as_bytes());
    text.zeroize();

    if test_ring::is_published(bytes) {
        Some(Weakness::Published)
    } else if spelled {
        Some(Weakness::Placeholder)
    } else if (1..=16).any(|period| bytes.iter().skip(period).eq(bytes.iter().take(32 - period))) {
        Some(Weakness::Repeating)
    } else if counts(bytes) {
        Some(Weakness::Counting)
    } else if bytes.iter().all(|b| matches!(b, b' '..=b'~' | b'\t' | b'\r' | b'\n')) {
        Some(Weakness::Passphrase)
    } else if values(bytes) < 16 {
        Some(Weakness::FewValues)
    } else {
        None
    }
}

/// Whether text or bytes contain one of the words that stand where a key should be.
fn spells_placeholder(bytes: &[u8]) -> bool {
    PLACEHOLDERS.iter().any(|word| {
        bytes.windows(word.len()).any(|part| part.eq_ignore_ascii_case(word.as_bytes()))
    })
}

fn counts(bytes: &[u8; 32]) -> bool {
    let mut steps = bytes.iter().zip(bytes.iter().skip(1)).map(|(a, b)| b.wrapping_sub(*a));
    let first = steps.next();
    steps.all(|step| Some(step) == first)
}

fn values(bytes: &[u8; 32]) -> usize {
    (0..=u8::MAX).filter(|value| bytes.contains(value)).count()
}

/// At least six letters each, so that a random key's text contains one with a chance below 2^-20.
const PLACEHOLDERS: [&str; 16] = [
    "change-me",
    "change_me",
    "changeit",
    "changeme",
    "default",
    "example",
    "insecure",
    "passphrase",
    "password",
    "placeholder",
    "qwertyui",
    "replace",
    "secret",
    "testkey",
    "your-256-bit",
    "your_key",
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Seeded;
    use std::vec::Vec;

    fn of(bytes: &[u8; 32]) -> Option<Weakness> {
        weakness(&Secret::new(*bytes))
    }

    fn from_fn(f: impl Fn(u8) -> u8) -> [u8; 32] {
        core::array::from_fn(|i| f(u8::try_from(i).unwrap()))
    }

    #[test]
    fn made_up_keys_are_told_by_how_they_were_made() {
        let mut padded = [0; 32];
        padded[..8].copy_from_slice(b"ChangeMe");
        let mut few = from_fn(|i| i.wrapping_mul(i) % 15);
        few[31] = 200;
        let cases = [
            (of(&[0; 32]), Weakness::Repeating),
            (of(&[0xff; 32]), Weakness::Repeating),
            (of(&from_fn(|i| i % 16 * 7)), Weakness::Repeating),
            (of(&from_fn(|i| i % 11 * 23)), Weakness::Repeating),
            (of(&from_fn(|i| i)), Weakness::Counting),
            (of(&from_fn(|i| 0x20 + i)), Weakness::Counting),
            (of(&from_fn(|i| 200 - i)), Weakness::Counting),
            (of(&from_fn(|i| i.wrapping_mul(37))), Weakness::Counting),
            (of(b"correct horse battery staple 123"), Weakness::Passphrase),
            (of(b"6b3fa1c09d7e25481f0ac7d2e9b86534"), Weakness::Passphrase),
            (of(b"your-256-bit-secret-your-256-bit"), Weakness::Placeholder),
            (of(&padded), Weakness::Placeholder),
            (of(&few), Weakness::FewValues),
            (of(test_ring::ROOT), Weakness::Published),
            (of(test_ring::INDEX), Weakness::Published),
        ];
        for (i, (found, expected)) in cases.into_iter().enumerate() {
            assert_eq!(found, Some(expected), "case {i}");
        }
    }

    #[test]
    fn a_placeholder_typed_where_base64url_belongs_is_seen() {
        for text in [
            "replace-this-with-your-own-key-before-use-A",
            "SECRET-of-the-shop-b4d0c93kfLsPQmXzVtYw17U8",
            "changemechangemechangemechangemechangemechA",
        ] {
            let secret = Secret::from_text(text).unwrap();
            assert_eq!(weakness(&secret), Some(Weakness::Placeholder), "{text}");
        }
    }

    #[test]
    fn random_keys_pass() {
        let mut entropy = Seeded(1);
        let drawn: Vec<Secret> = (0..2000).map(|_| Secret::random(&mut entropy).unwrap()).collect();
        assert!(drawn.iter().all(|secret| weakness(secret).is_none()));
    }

    #[test]
    fn every_placeholder_is_long_enough_not_to_occur_by_chance() {
        assert!(PLACEHOLDERS.iter().all(|word| word.len() >= 6));
    }
}
