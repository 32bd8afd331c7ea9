//! Parcels that the library would never write: any frame, authentically sealed.
//!
//! The ring is that of the test vectors, whose keys are public. Its derived values are copied from
//! `spec/vectors/envelope/ok_design.json`, so that this needs a cipher and nothing else of the format.

use aes_gcm_siv::aead::{Aead as _, KeyInit as _, Payload};
use aes_gcm_siv::{Aes256GcmSiv, Nonce};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use haversack::KeyRing;

/// The base name of the cookies.
pub(crate) const BASE: &str = "__Host-Http-hv";
/// The time of all requests, in milliseconds; that of the vectors.
pub(crate) const NOW: u64 = 1_800_000_000_000;

/// A signed-in root of the vectors: its name, frame, lineage and subject.
pub(crate) const ROOT_NAME: &str = "rjQEQAVu0";
pub(crate) const ROOT_FRAME: &[u8] = b"\x11\x8d\x05\x2f\x32\x30\x5c\xdf\xc0\xee\x3b\x7a\x39\x73\x80\x78\x6f\x6b\x49\xc3\xf0\xa0\x88\xd8\x01\xa5\xa2\x8b\x29\xad\xfd\x25\x19\x15roles\x01\x07\x81\x65admin\x11user\x01\x04\x63ada";
/// The same as a whole session; its fields, in the form of a fragment, follow.
pub(crate) const WHOLE: &[u8] = b"\x31\x8d\x05\x2f\x32\x30\x5c\xdf\xc0\xee\x3b\x7a\x39\x73\x80\x78\x6f\x6b\x49\xc3\xf0\xa0\x88\xd8\x01\xa5\xa2\x8b\x29\xad\xfd\x25\x19\x15roles\x01\x07\x81\x65admin\x11user\x01\x04\x63ada\x00";
pub(crate) const LINEAGE: &[u8; 16] =
    b"\x8d\x05\x2f\x32\x30\x5c\xdf\xc0\xee\x3b\x7a\x39\x73\x80\x78\x6f";
pub(crate) const SUBJECT: &[u8; 8] = b"\xa5\xa2\x8b\x29\xad\xfd\x25\x19";

/// The ring of the vectors.
pub(crate) fn ring() -> KeyRing {
    let counting = |from: u8| std::array::from_fn(|i| from + u8::try_from(i).expect("below 32"));
    haversack::danger::ring_for_vectors("shop.example", counting(0x20), &[counting(0)])
}

/// The header of API clients.
pub(crate) const HEADER: &str = "haversack-session";

/// `name=value` of a parcel that holds `frame`; `name` is what follows the base.
pub(crate) fn parcel(name: &str, scope: &[u8], frame: &[u8]) -> String {
    let name = format!("{BASE}.{name}");
    format!("{name}={}", value(&format!("c:{name}"), scope, frame))
}

/// `name=value` of a whole session in one cookie.
pub(crate) fn whole(frame: &[u8]) -> String {
    format!("{BASE}={}", value(&format!("c:{BASE}"), b"", frame))
}

/// The header's value of a whole session.
pub(crate) fn in_header(frame: &[u8]) -> String {
    value(&format!("h:{HEADER}"), b"", frame)
}

fn value(channel: &str, scope: &[u8], frame: &[u8]) -> String {
    const IDENTITY: &[u8; 12] = b"\x86\xfd\x40\x9a\x39\xd9\xcd\x2b\x51\x94\x5d\xc2";
    const SEAL_KEY: &[u8; 32] = b"\x3c\x32\x82\x3b\x9d\xaa\xfd\xeb\xd8\xf6\x6e\x00\x2f\x29\x04\x7e\x88\x68\x4d\xf9\xd1\xc0\x39\x49\xa5\xa7\xfe\x80\xf1\xea\xbd\x8a";
    let nonce = [0; 12];
    let mut aad = IDENTITY.to_vec();
    for part in [channel.as_bytes(), scope] {
        aad.extend(u16::try_from(part.len()).expect("short").to_be_bytes());
        aad.extend(part);
    }
    let cipher = Aes256GcmSiv::new(&(*SEAL_KEY).into());
    let sealed = cipher
        .encrypt(&Nonce::from(nonce), Payload { msg: frame, aad: &aad })
        .expect("a frame is short");
    URL_SAFE_NO_PAD.encode([&IDENTITY[..], &nonce, &sealed].concat())
}

/// The root above, as `name=value`.
pub(crate) fn root() -> String {
    parcel(ROOT_NAME, b"", ROOT_FRAME)
}

/// The scope of fragments of that root, under its subject or not.
pub(crate) fn scope(under_subject: bool) -> Vec<u8> {
    if under_subject { [&LINEAGE[..], SUBJECT].concat() } else { LINEAGE.to_vec() }
}

/// The frame of a fragment with these entries, all stamped `stamp`; names are sorted here.
pub(crate) fn fragment(stamp: u64, mut entries: Vec<(&[u8], &[u8])>) -> Vec<u8> {
    entries.retain(|(name, _)| (1..=255).contains(&name.len()));
    entries.sort_unstable();
    entries.dedup_by(|later, earlier| later.0 == earlier.0);
    let mut frame = vec![0];
    frame.extend(&stamp.to_be_bytes()[2..]);
    for (name, value) in entries {
        varint(&mut frame, name.len() << 2 | 1);
        frame.extend(name);
        frame.push(1);
        varint(&mut frame, value.len());
        frame.extend(value);
    }
    frame
}

/// LEB128, least significant group first.
fn varint(out: &mut Vec<u8>, mut number: usize) {
    while number >= 0x80 {
        out.push(u8::try_from(number & 0x7f).expect("seven bits") | 0x80);
        number >>= 7;
    }
    out.push(u8::try_from(number).expect("seven bits"));
}

#[cfg(test)]
mod tests {
    use haversack::{ArrivalKind, Exchange, Timestamp};

    use super::*;
    use crate::serve::{Shop, receive_header, snapshot};

    #[test]
    fn what_is_forged_is_opened() {
        let fragment = fragment(NOW - 1000, vec![(b"theme", b"\x64dark")]);
        let line = [root(), parcel("ujQabcdef", &scope(true), &fragment)].join("; ");
        let exchange: Exchange<Shop> =
            Exchange::receive(snapshot(), [line.as_bytes()], Timestamp::from_millis(NOW));
        assert_eq!(exchange.arrival().kind, ArrivalKind::Admitted);
        let shop = exchange.value().0.value;
        assert_eq!(shop.user.as_deref(), Some("ada"));
        assert_eq!(shop.theme, "dark");
    }

    #[test]
    fn a_forged_whole_session_is_opened_in_a_cookie_and_in_a_header() {
        let frame = [WHOLE, &fragment(NOW - 1000, vec![(b"theme", b"\x64dark")])].concat();
        let cookie = whole(&frame);
        let exchange: Exchange<Shop> =
            Exchange::receive(snapshot(), [cookie.as_bytes()], Timestamp::from_millis(NOW));
        let value = in_header(&frame);
        for exchange in [exchange, receive_header(&[value.as_bytes()], NOW)] {
            let shop = exchange.value().0.value;
            assert_eq!((shop.user.as_deref(), shop.theme.as_str()), (Some("ada"), "dark"));
        }
    }
}
