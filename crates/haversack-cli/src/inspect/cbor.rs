//! CBOR as diagnostic notation (RFC 8949 section 8), safe to print.

use std::fmt::Write as _;

use minicbor::Decoder;
use minicbor::data::Type;

/// How deep values are shown; session types cannot nest deeper.
const DEPTH: usize = 80;

/// One value in diagnostic notation; its bytes in hexadecimal if it is not one definite value.
pub(super) fn diagnostic(bytes: &[u8]) -> String {
    let mut decoder = Decoder::new(bytes);
    let mut out = String::new();
    match item(&mut decoder, &mut out, DEPTH) {
        Some(()) if decoder.position() == bytes.len() => out,
        _ => hex(bytes),
    }
}

/// Bytes as diagnostic notation writes them.
pub(super) fn hex(bytes: &[u8]) -> String {
    format!("h'{}'", digits(bytes))
}

/// Bytes as hexadecimal digits.
pub(super) fn digits(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut out, byte| {
        let _ = write!(out, "{byte:02x}");
        out
    })
}

fn item(decoder: &mut Decoder<'_>, out: &mut String, depth: usize) -> Option<()> {
    let depth = depth.checked_sub(1)?;
    match decoder.datatype().ok()? {
        Type::Bool => write!(out, "{}", decoder.bool().ok()?).ok()?,
        Type::Null => {
            decoder.null().ok()?;
            out.push_str("null");
        }
        Type::Undefined => {
            decoder.undefined().ok()?;
            out.push_str("undefined");
        }
        Type::Simple => write!(out, "simple({})", decoder.simple().ok()?).ok()?,
        Type::F16 => float(out, decoder.f16().ok()?.into()),
        Type::F32 => float(out, decoder.f32().ok()?.into()),
        Type::F64 => float(out, decoder.f64().ok()?),
        Type::Bytes => out.push_str(&hex(decoder.bytes().ok()?)),
        Type::String => text(out, decoder.str().ok()?),
        Type::Array => {
            let len = decoder.array().ok()??;
            out.push('[');
            for n in 0..len {
                out.push_str(if n == 0 { "" } else { ", " });
                item(decoder, out, depth)?;
            }
            out.push(']');
        }
        Type::Map => {
            let len = decoder.map().ok()??;
            out.push('{');
            for n in 0..len {
                out.push_str(if n == 0 { "" } else { ", " });
                item(decoder, out, depth)?;
                out.push_str(": ");
                item(decoder, out, depth)?;
            }
            out.push('}');
        }
        Type::Tag => {
            write!(out, "{}(", decoder.tag().ok()?.as_u64()).ok()?;
            item(decoder, out, depth)?;
            out.push(')');
        }
        Type::U8
        | Type::U16
        | Type::U32
        | Type::U64
        | Type::I8
        | Type::I16
        | Type::I32
        | Type::I64
        | Type::Int => write!(out, "{}", decoder.int().ok()?).ok()?,
        _ => return None,
    }
    Some(())
}

fn float(out: &mut String, value: f64) {
    let _ = match value {
        _ if value.is_nan() => write!(out, "NaN"),
        _ if value.is_infinite() && value > 0.0 => write!(out, "Infinity"),
        _ if value.is_infinite() => write!(out, "-Infinity"),
        _ => write!(out, "{value:?}"),
    };
}

/// A text with what would disturb a terminal escaped: what a session holds may come from anybody.
fn text(out: &mut String, text: &str) {
    out.push('"');
    printable(out, text, true);
    out.push('"');
}

/// Appends `text` with control and direction characters escaped.
pub(super) fn printable(out: &mut String, text: &str, quoted: bool) {
    for c in text.chars() {
        match c {
            '"' | '\\' if quoted => out.extend(['\\', c]),
            '\n' => out.push_str("\\n"),
            c if c.is_control()
                || matches!(u32::from(c), 0x200b..=0x200f | 0x2028..=0x202e | 0x2066..=0x2069 | 0xfeff) =>
            {
                let _ = write!(out, "\\u{:04x}", u32::from(c));
            }
            c => out.push(c),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_notation_of_the_rfc() {
        let cases: [(&[u8], &str); 11] = [
            (&[0x18, 0x64], "100"),
            (&[0x39, 0x03, 0xe7], "-1000"),
            (&[0x3b, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff], "-18446744073709551616"),
            (&[0xf9, 0x3e, 0x00], "1.5"),
            (&[0xf9, 0x7e, 0x00], "NaN"),
            (&[0xf6], "null"),
            (&[0x44, 1, 2, 3, 4], "h'01020304'"),
            (&[0x62, 0x22, 0x5c], "\"\\\"\\\\\""),
            (&[0x82, 0x01, 0x82, 0x02, 0x03], "[1, [2, 3]]"),
            (&[0xa1, 0x61, 0x61, 0xf5], "{\"a\": true}"),
            (&[0xc1, 0x01], "1(1)"),
        ];
        for (bytes, shown) in cases {
            assert_eq!(diagnostic(bytes), shown);
        }
    }

    #[test]
    fn what_would_disturb_a_terminal_is_escaped() {
        assert_eq!(diagnostic(b"\x63\x1b[m"), "\"\\u001b[m\"");
        assert_eq!(diagnostic("\x63\u{202e}".as_bytes()), "\"\\u202e\"");
    }

    #[test]
    fn what_is_no_single_value_is_shown_as_it_is() {
        assert_eq!(diagnostic(&[]), "h''");
        assert_eq!(diagnostic(&[1, 2]), "h'0102'");
        assert_eq!(diagnostic(&[0x9f, 0xff]), "h'9fff'");
        assert!(diagnostic(&[0x81; 200]).starts_with("h'8181"));
    }

    proptest! {
        #[test]
        fn any_bytes_are_shown(bytes in proptest::collection::vec(any::<u8>(), 0..60)) {
            prop_assert!(!diagnostic(&bytes).contains(char::is_control));
        }
    }
}
