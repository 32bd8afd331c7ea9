//! Any text as a name that NATS takes, and back.
//!
//! Two texts never share a name, not even where a file system takes `A` for `a`: `JetStream` keeps a
//! stream in a folder of its name.

use std::fmt::Write as _;

/// Lower-case letters, digits and `-` stay; every other byte becomes `_` and two hexadecimal digits.
pub(super) fn escape(text: &str) -> String {
    let mut name = String::with_capacity(text.len() + 8);
    for byte in text.bytes() {
        if byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-' {
            name.push(char::from(byte));
        } else {
            let _ = write!(name, "_{byte:02x}");
        }
    }
    name
}

/// The text that has this name; `None` if [`escape`] makes it of no text.
pub(super) fn unescape(name: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(name.len());
    let mut rest = name.bytes();
    while let Some(byte) = rest.next() {
        if byte == b'_' {
            let (high, low) = (hex(rest.next()?)?, hex(rest.next()?)?);
            bytes.push(high << 4 | low);
        } else {
            bytes.push(byte);
        }
    }
    String::from_utf8(bytes).ok().filter(|text| escape(text) == name)
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok())
}

#[cfg(test)]
mod tests {
    use super::{escape, unescape};

    #[test]
    fn comes_back() {
        for text in ["", "shop", "shop.example", "Shop", "a_b", "a b", "ä", "*.>", "../x", "_2e"] {
            let name = escape(text);
            assert!(
                name.bytes()
                    .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"-_".contains(&b))
            );
            assert_eq!(unescape(&name).as_deref(), Some(text), "{name}");
        }
        assert_eq!(escape("shop.example"), "shop_2eexample");
    }

    #[test]
    fn takes_no_second_name() {
        for name in ["A", "_41x_", "_4", "_zz", "_2E", "_61", "_ff", "a.b", "ä"] {
            assert_eq!(unescape(name), None, "{name}");
        }
    }
}
