//! The public names of keys and rings, as parcels carry them and logs show them.

use core::fmt;

/// Names the key that sealed a parcel, and the ring that key belongs to.
///
/// Nine bytes, shown as 12 characters: 8 of the key ([`ShortKeyId`]), then 4 of the ring
/// ([`RingMark`]). Both are derived and neither reveals anything about the key.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyId([u8; 9]);

/// The part of a [`KeyId`] that the key alone determines: the same for every tenant and purpose.
///
/// Six bytes, shown as 8 characters. The key ring document names its keys this way.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ShortKeyId([u8; 6]);

/// The part of a [`KeyId`] that names the ring, for one app, tenant and purpose.
///
/// Three bytes, shown as 4 characters. It outlives rotation, so a parcel of another ring on the
/// same origin is told from one of ours whose key we do not have yet.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RingMark([u8; 3]);

impl KeyId {
    /// The id of key `short` in the ring `mark`.
    pub const fn new(short: ShortKeyId, mark: RingMark) -> Self {
        let ShortKeyId([k1, k2, k3, k4, k5, k6]) = short;
        let RingMark([m1, m2, m3]) = mark;
        Self([k1, k2, k3, k4, k5, k6, m1, m2, m3])
    }

    /// The part that names the key.
    pub const fn short(self) -> ShortKeyId {
        let [k1, k2, k3, k4, k5, k6, ..] = self.0;
        ShortKeyId([k1, k2, k3, k4, k5, k6])
    }

    /// The part that names the ring.
    pub const fn mark(self) -> RingMark {
        let [.., m1, m2, m3] = self.0;
        RingMark([m1, m2, m3])
    }
}

/// What the ids have in common: fixed bytes, and canonical base64url as their text.
macro_rules! text_is_base64url {
    ($name:ident, $bytes:literal) => {
        impl $name {
            /// The id that these bytes are.
            pub const fn from_bytes(bytes: [u8; $bytes]) -> Self {
                Self(bytes)
            }

            /// The bytes, as a parcel carries them.
            pub const fn as_bytes(&self) -> &[u8; $bytes] {
                &self.0
            }
        }

        impl core::fmt::Display for $name {
            fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
                core::fmt::Display::fmt(
                    &base64::display::Base64Display::new(
                        &self.0,
                        &base64::engine::general_purpose::URL_SAFE_NO_PAD,
                    ),
                    f,
                )
            }
        }

        impl core::fmt::Debug for $name {
            fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
                core::fmt::Display::fmt(self, f)
            }
        }

        impl core::str::FromStr for $name {
            type Err = $crate::key_id::InvalidId;

            fn from_str(text: &str) -> Result<Self, $crate::key_id::InvalidId> {
                let mut bytes = [0; $bytes];
                let decoded = base64::Engine::decode_slice(
                    &base64::engine::general_purpose::URL_SAFE_NO_PAD,
                    text,
                    &mut bytes,
                );
                match decoded {
                    Ok($bytes) => Ok(Self(bytes)),
                    _ => Err($crate::key_id::InvalidId { chars: usize::div_ceil($bytes * 4, 3) }),
                }
            }
        }
    };
}

pub(crate) use text_is_base64url;

text_is_base64url!(KeyId, 9);
text_is_base64url!(ShortKeyId, 6);
text_is_base64url!(RingMark, 3);

/// A text that should have been an id is not one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InvalidId {
    pub(crate) chars: usize,
}

impl fmt::Display for InvalidId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "an id of this kind is {} characters of base64url", self.chars)
    }
}

impl core::error::Error for InvalidId {}

#[cfg(test)]
mod tests {
    use super::*;
    use std::format;

    #[test]
    fn the_text_of_a_key_id_is_that_of_its_key_then_that_of_its_ring() {
        let id = KeyId::from_bytes([0x9a, 0x39, 0xd9, 0xcd, 0x2b, 0x51, 0x94, 0x5d, 0xc2]);
        assert_eq!(format!("{id}"), "mjnZzStRlF3C");
        assert_eq!(format!("{id:?}"), "mjnZzStRlF3C");
        assert_eq!(format!("{}{}", id.short(), id.mark()), "mjnZzStRlF3C");
        assert_eq!(KeyId::new(id.short(), id.mark()), id);
        assert_eq!("mjnZzStRlF3C".parse(), Ok(id));
        assert_eq!("mjnZzStR".parse(), Ok(id.short()));
        assert_eq!("lF3C".parse(), Ok(id.mark()));
    }

    #[test]
    fn other_texts_are_no_ids() {
        for text in [
            "",
            "mjnZzStRlF3",
            "mjnZzStRlF3C=",
            "mjnZzStRlF3+",
            "mjnZzStRlF3CA",
            "mjnZzStRlF3CAAAA",
        ] {
            assert!(text.parse::<KeyId>().is_err(), "{text}");
        }
    }
}
