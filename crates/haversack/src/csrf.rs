//! Form tokens: a page of the session made this request, and not a page of somebody else.
//!
//! ```text
//! tag   = PRF(csrf key, lineage ‖ subject or nothing)[..16]
//! token = base64url(mask ‖ (mask xor tag))
//! ```
//!
//! Nothing is kept to compare with: the cookies say which session it is, and the tag follows from
//! that. The mask is drawn anew for each use, so that a page that is compressed beside text of an
//! attacker never holds the same secret twice (BREACH).

use alloc::string::String;
use core::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

/// Bytes of a tag, and of the mask over it.
const LEN: usize = 16;
/// Characters of a token.
const CHARS: usize = 43;

/// What a token proves to know. Compared by [`Keys::is_csrf_tag`](crate::keyring::Keys) alone, in
/// constant time.
#[derive(Clone, Copy)]
pub(crate) struct Tag(pub(crate) [u8; LEN]);

impl Tag {
    /// Writes it under a mask.
    pub(crate) fn masked(self, mask: [u8; LEN]) -> String {
        let mut bytes = [0; 2 * LEN];
        let (front, back) = bytes.split_at_mut(LEN);
        front.copy_from_slice(&mask);
        for ((to, mask), tag) in back.iter_mut().zip(mask).zip(self.0) {
            *to = mask ^ tag;
        }
        URL_SAFE_NO_PAD.encode(bytes)
    }

    /// Reads one from under its mask; `None` if the text is not a token.
    pub(crate) fn unmasked(token: &str) -> Option<Self> {
        if token.len() != CHARS {
            return None;
        }
        let bytes = URL_SAFE_NO_PAD.decode(token).ok()?;
        let (mask, masked) = bytes.split_first_chunk::<LEN>()?;
        let masked: &[u8; LEN] = masked.try_into().ok()?;
        let mut tag = *mask;
        for (to, masked) in tag.iter_mut().zip(masked) {
            *to ^= masked;
        }
        Some(Self(tag))
    }
}

/// Why a form token was refused.
///
/// The handler must do nothing of what the request asks for. Say to the user that the page is out
/// of date, and show it again with a new token. No variant holds a secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum CsrfRejection {
    /// Of this client, from before somebody signed in: a page that was open during the login.
    BeforeLogin,
    /// Not the text of any token; a form without one, for example.
    Malformed,
    /// The request carries no session, or one that has ended, so no token can be right.
    NoSession,
    /// The session that it may belong to cannot be read by this server; a newer key ring or program
    /// may. The same request can succeed later.
    Unavailable,
    /// Of another session: of one that has ended, of another user, or made up.
    Wrong,
}

impl CsrfRejection {
    /// A stable label for metrics.
    pub const fn name(self) -> &'static str {
        match self {
            Self::BeforeLogin => "before_login",
            Self::Malformed => "malformed",
            Self::NoSession => "no_session",
            Self::Unavailable => "unavailable",
            Self::Wrong => "wrong",
        }
    }
}

impl fmt::Display for CsrfRejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::BeforeLogin => "the form token is from before somebody signed in",
            Self::Malformed => "not the text of a form token",
            Self::NoSession => "there is no session that a form token could belong to",
            Self::Unavailable => {
                "the session that the form token may belong to cannot be read by this server"
            }
            Self::Wrong => "the form token belongs to another session",
        })
    }
}

impl core::error::Error for CsrfRejection {}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::format;
    use std::string::ToString as _;

    #[test]
    fn a_name_is_its_variant_in_snake_case() {
        for rejection in [
            CsrfRejection::BeforeLogin,
            CsrfRejection::Malformed,
            CsrfRejection::NoSession,
            CsrfRejection::Unavailable,
            CsrfRejection::Wrong,
        ] {
            let variant = format!("{rejection:?}").to_lowercase();
            assert_eq!(rejection.name().replace('_', ""), variant);
            assert!(!rejection.to_string().is_empty());
        }
    }

    #[test]
    fn one_tag_has_another_text_under_each_mask() {
        let tag = Tag([7; 16]);
        let texts = [tag.masked([1; 16]), tag.masked([2; 16])];
        assert_ne!(texts[0], texts[1]);
        for text in texts {
            assert_eq!(text.len(), CHARS);
            assert_eq!(Tag::unmasked(&text).unwrap().0, tag.0);
        }
    }

    proptest! {
        #[test]
        fn a_mask_comes_off(tag: [u8; 16], mask: [u8; 16]) {
            let text = Tag(tag).masked(mask);
            prop_assert_eq!(Tag::unmasked(&text).unwrap().0, tag);
            prop_assert!(Tag::unmasked(&(text.clone() + "=")).is_none());
            prop_assert!(Tag::unmasked(&text[..42]).is_none());
        }

        #[test]
        fn any_text_is_a_token_or_is_not(text: String) {
            if let Some(tag) = Tag::unmasked(&text) {
                let bytes = URL_SAFE_NO_PAD.decode(&text).unwrap();
                let mask = bytes[..16].try_into().unwrap();
                prop_assert_eq!(tag.masked(mask), text);
            }
        }
    }
}
