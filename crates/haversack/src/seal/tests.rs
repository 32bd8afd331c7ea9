use std::format;
use std::string::{String, ToString as _};
use std::vec;
use std::vec::Vec;

use proptest::prelude::*;

use super::*;
use crate::env::Timestamp;
use crate::keyring::{Context, Keys, ring_for_vectors};

const NOW: Timestamp = Timestamp::from_secs(1);
const NONCE: [u8; 12] = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11];
const CHANNEL: &str = "c:__Host-hv";

fn keys() -> Keys {
    let from = |start: u8| core::array::from_fn(|i| start + u8::try_from(i).unwrap());
    Keys::new(&ring_for_vectors("shop.example", from(32), &[from(0)]), &Context::default())
}

fn sealed(keys: &Keys, scope: &[u8], frame: &[u8]) -> String {
    let mut out = String::new();
    seal(keys.sealing(NOW).unwrap(), NONCE, CHANNEL, scope, frame, &mut out).unwrap();
    out
}

fn opened(keys: &Keys, value: &str, channel: &str, scope: &[u8]) -> Result<Vec<u8>, Rejection> {
    let envelope = Envelope::parse(value.as_bytes())?;
    let mut buf = vec![1, 2, 3];
    unseal(keys.sealing(NOW).unwrap(), &envelope, channel, scope, &mut buf)?;
    Ok(buf)
}

/// Both backends, as far as they are compiled.
fn backends(key: &[u8; 32]) -> Vec<Cipher> {
    vec![
        #[cfg(feature = "aws-lc-rs")]
        Cipher(Backend::AwsLc(Box::new(aws_lc::GcmSiv::new(key).unwrap()))),
        Cipher(Backend::RustCrypto(Box::new(rustcrypto::GcmSiv::new(key)))),
    ]
}

fn bytes(hex: &str) -> Vec<u8> {
    (0..hex.len()).step_by(2).map(|i| u8::from_str_radix(&hex[i..i + 2], 16).unwrap()).collect()
}

/// The vector of the format's specification; a second implementation in Python agrees.
#[test]
fn the_published_vector_on_every_backend() {
    let text =
        "hv1AmjnZzStRlF3CAAECAwQFBgcICQoLC8_w8QGkk5Cpo0FokSWcMi7TJIF-u26-_SlB160HzJcJFdHfr-w";
    let frame = b"hello, stateless world";
    let keys = keys();
    assert_eq!(sealed(&keys, &[], frame), text);
    assert_eq!(text.len(), wire::text_len(frame.len()));
    assert_eq!(opened(&keys, text, CHANNEL, &[]).unwrap(), frame);

    let key = bytes("3c32823b9daafdebd8f66e002f29047e88684df9d1c03949a5a7fe80f1eabd8a")
        .try_into()
        .unwrap();
    let aad = associated_data(&bytes("86fd409a39d9cd2b51945dc2"), CHANNEL, &[]).unwrap();
    assert_eq!(aad, bytes("86fd409a39d9cd2b51945dc2000b633a5f5f486f73742d68760000"));
    for cipher in backends(&key) {
        let mut parcel = bytes("86fd409a39d9cd2b51945dc2000102030405060708090a0b");
        parcel.extend_from_slice(frame);
        let tag = cipher.seal(&NONCE, &aad, &mut parcel[HEAD..]).unwrap();
        parcel.extend_from_slice(&tag);
        let mut out = String::new();
        wire::encode(&parcel, &mut out);
        assert_eq!(out, text);
    }
}

/// RFC 8452 appendix C.2, some of each kind: key, nonce, associated data, plaintext, ciphertext.
const RFC_8452: &[[&str; 5]] = &[
    [
        "0100000000000000000000000000000000000000000000000000000000000000",
        "030000000000000000000000",
        "",
        "0100000000000000",
        "c2ef328e5c71c83b843122130f7364b761e0b97427e3df28",
    ],
    [
        "0100000000000000000000000000000000000000000000000000000000000000",
        "030000000000000000000000",
        "",
        "01000000000000000000000000000000",
        "85a01b63025ba19b7fd3ddfc033b3e76c9eac6fa700942702e90862383c6c366",
    ],
    [
        "0100000000000000000000000000000000000000000000000000000000000000",
        "030000000000000000000000",
        "",
        "01000000000000000000000000000000020000000000000000000000000000000300000000000000000000000000000004000000000000000000000000000000",
        "c2d5160a1f8683834910acdafc41fbb1632d4a353e8b905ec9a5499ac34f96c7e1049eb080883891a4db8caaa1f99dd004d80487540735234e3744512c6f90ce112864c269fc0d9d88c61fa47e39aa08",
    ],
    [
        "0100000000000000000000000000000000000000000000000000000000000000",
        "030000000000000000000000",
        "010000000000000000000000000000000200",
        "0300000000000000000000000000000004000000",
        "43dd0163cdb48f9fe3212bf61b201976067f342bb879ad976d8242acc188ab59cabfe307",
    ],
    [
        "0100000000000000000000000000000000000000000000000000000000000000",
        "030000000000000000000000",
        "0100000000000000000000000000000002000000",
        "030000000000000000000000000000000400",
        "462401724b5ce6588d5a54aae5375513a075cfcdf5042112aa29685c912fc2056543",
    ],
    [
        "bae8e37fc83441b16034566b7a806c46bb91c3c5aedb64a6c590bc84d1a5e269",
        "e4b47801afc0577e34699b9e",
        "4fbdc66f14",
        "671fdd",
        "0eaccb93da9bb81333aee0c785b240d319719d",
    ],
    [
        "a44102952ef94b02b805249bac80e6f61455bfac8308a2d40d8c845117808235",
        "5c9e940fea2f582950a70d5a",
        "0da55210cc1c1b0abde3b2f204d1e9f8b06bc47f",
        "1db2316fd568378da107b52b",
        "8dbeb9f7255bf5769dd56692404099c2587f64979f21826706d497d5",
    ],
    [
        "3c535de192eaed3822a2fbbe2ca9dfc88255e14a661b8aa82cc54236093bbc23",
        "688089e55540db1872504e1c",
        "734320ccc9d9bbbb19cb81b2af4ecbc3e72834321f7aa0f70b7282b4f33df23f167541",
        "ced532ce4159b035277d4dfbb7db62968b13cd4eec",
        "626660c26ea6612fb17ad91e8e767639edd6c9faee9d6c7029675b89eaf4ba1ded1a286594",
    ],
];

#[test]
fn aes_256_gcm_siv_as_its_rfc_gives_it() {
    for [key, nonce, aad, plain, sealed] in RFC_8452 {
        let nonce = bytes(nonce).try_into().unwrap();
        for cipher in backends(&bytes(key).try_into().unwrap()) {
            let mut text = bytes(plain);
            let tag = cipher.seal(&nonce, &bytes(aad), &mut text).unwrap();
            assert_eq!([&text[..], &tag].concat(), bytes(sealed));
            cipher.open(&nonce, &bytes(aad), &mut text, &tag).unwrap();
            assert_eq!(text, bytes(plain));
        }
    }
}

#[test]
fn a_parcel_opens_only_in_its_place() {
    let keys = keys();
    let text = sealed(&keys, b"lineage", b"frame");
    assert!(opened(&keys, &text, CHANNEL, b"lineage").is_ok());
    for (channel, scope) in [
        ("c:__Host-hv", &b""[..]),
        ("c:__Host-hv", b"lineagE"),
        ("c:__Host-hx", b"lineage"),
        ("h:__Host-hv", b"lineage"),
        ("c:__Host-hvl", b"ineage"),
        ("c:__Host-h", b"vlineage"),
    ] {
        assert_eq!(opened(&keys, &text, channel, scope), Err(Rejection::Inauthentic), "{channel}");
    }
    let other = ring_for_vectors("shop.example", [7; 32], &[[9; 32]]);
    for (ring, tenant, purpose) in [
        (&other, "", "session"),
        (&ring_for_vectors("shop.example.org", [7; 32], &[[9; 32]]), "", "session"),
        (&other, "b", "session"),
        (&other, "", "form"),
    ] {
        let theirs = Keys::new(ring, &Context::new(tenant, purpose).unwrap());
        assert_eq!(opened(&theirs, &text, CHANNEL, b"lineage"), Err(Rejection::Inauthentic));
    }
}

#[test]
fn trying_scopes_in_turn_finds_the_right_one() {
    let keys = keys();
    let text = sealed(&keys, b"second", b"frame");
    let envelope = Envelope::parse(text.as_bytes()).unwrap();
    let key = keys.sealing(NOW).unwrap();
    let mut buf = Vec::new();
    assert!(unseal(key, &envelope, CHANNEL, b"first", &mut buf).is_err());
    assert!(buf.is_empty(), "a failure leaves nothing");
    unseal(key, &envelope, CHANNEL, b"second", &mut buf).unwrap();
    assert_eq!(buf, b"frame");
}

#[test]
fn a_parcel_cannot_choose_its_suite() {
    let keys = keys();
    let text = sealed(&keys, &[], &[0; 40]).replace("hv1A", "hv1F");
    assert_eq!(opened(&keys, &text, CHANNEL, &[]), Err(Rejection::Inauthentic));
}

#[test]
fn every_other_character_anywhere_is_rejected() {
    let keys = keys();
    let text = sealed(&keys, b"scope", b"a frame of some bytes");
    for (i, is) in text.char_indices() {
        for other in ('!'..='~').filter(|c| *c != is) {
            let altered = format!("{}{other}{}", &text[..i], &text[i + 1..]);
            assert!(opened(&keys, &altered, CHANNEL, b"scope").is_err(), "{altered}");
        }
        let gone = format!("{}{}", &text[..i], &text[i + 1..]);
        assert!(opened(&keys, &gone, CHANNEL, b"scope").is_err(), "{gone}");
        assert!(opened(&keys, &text[..i], CHANNEL, b"scope").is_err());
    }
    assert!(opened(&keys, &(text.clone() + "AAAA"), CHANNEL, b"scope").is_err());
}

#[test]
fn what_no_length_can_say_is_refused() {
    let keys = keys();
    let key = keys.sealing(NOW).unwrap();
    let long = "x".repeat(65_536);
    let mut out = "before".to_string();
    assert_eq!(seal(key, NONCE, &long, &[], &[], &mut out), Err(Unsealable));
    assert_eq!(seal(key, NONCE, "c:", long.as_bytes(), &[], &mut out), Err(Unsealable));
    assert_eq!(out, "before");
}

proptest! {
    #[test]
    fn what_is_sealed_opens(
        nonce: [u8; 12],
        channel in "[ch]:[!-~]{0,40}",
        scope in prop::collection::vec(any::<u8>(), 0..30),
        frame in prop::collection::vec(any::<u8>(), 0..600),
    ) {
        let keys = keys();
        let key = keys.sealing(NOW).unwrap();
        let mut out = String::from("name=");
        seal(key, nonce, &channel, &scope, &frame, &mut out).unwrap();
        let value = out.strip_prefix("name=").unwrap();
        prop_assert_eq!(value.len(), wire::text_len(frame.len()));
        let envelope = Envelope::parse(value.as_bytes()).unwrap();
        prop_assert_eq!(envelope.key_id(), key.id());
        let mut buf = Vec::new();
        unseal(key, &envelope, &channel, &scope, &mut buf).unwrap();
        prop_assert_eq!(buf, frame);
    }

    #[test]
    fn backends_agree(
        key: [u8; 32],
        nonce: [u8; 12],
        aad in prop::collection::vec(any::<u8>(), 0..80),
        frame in prop::collection::vec(any::<u8>(), 0..600),
        flip: prop::sample::Index,
    ) {
        let mut all = Vec::new();
        for cipher in backends(&key) {
            let mut text = frame.clone();
            let mut tag = cipher.seal(&nonce, &aad, &mut text).unwrap();
            all.push((text.clone(), tag));
            cipher.open(&nonce, &aad, &mut text.clone(), &tag).unwrap();
            let bit = flip.index((text.len() + 16) * 8);
            match text.get_mut(bit / 8) {
                Some(byte) => *byte ^= 1 << (bit % 8),
                None => tag[bit / 8 - frame.len()] ^= 1 << (bit % 8),
            }
            prop_assert!(cipher.open(&nonce, &aad, &mut text, &tag).is_none());
        }
        prop_assert!(all.windows(2).all(|pair| pair[0] == pair[1]));
    }

    #[test]
    fn garbage_is_rejected(head in "hv1[AF]", tail in "[A-Za-z0-9_-]{0,300}", other in ".{0,60}") {
        let keys = keys();
        for value in [format!("{head}{tail}"), format!("hv{other}"), other] {
            prop_assert!(opened(&keys, &value, CHANNEL, &[]).is_err());
        }
    }
}
