//! Who is signed in, as one types it: the value of the subject field, or its id.

use haversack::{KeyRing, SubjectId, encode_field};

use crate::output::Failure;

#[derive(clap::Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is an option of the command line")]
pub(crate) struct Args {
    /// The value of the subject field; a text unless an option says otherwise
    #[arg(allow_hyphen_values = true)]
    value: String,
    /// The value is a whole number
    #[arg(long, group = "kind")]
    int: bool,
    /// The value is JSON, as serde writes the field
    #[arg(long, group = "kind")]
    json: bool,
    /// The value is CBOR in hexadecimal digits, as `haversack inspect` shows bytes
    #[arg(long, group = "kind")]
    cbor: bool,
    /// The value is the subject's id: 11 characters
    #[arg(long, group = "kind")]
    id: bool,
    /// The tenant that the sessions are sealed for
    #[arg(long, default_value = "", hide_default_value = true)]
    tenant: String,
    /// The purpose that the sessions are sealed for
    #[arg(long, default_value = "session")]
    purpose: String,
}

/// A subject, not yet of a ring.
pub(super) struct Subject<'a> {
    value: Value,
    tenant: &'a str,
    purpose: &'a str,
}

#[derive(Debug, PartialEq)]
enum Value {
    Encoded(Vec<u8>),
    Id(SubjectId),
}

impl Args {
    pub(super) fn parse(&self) -> Result<Subject<'_>, Failure> {
        Ok(Subject { value: self.value()?, tenant: &self.tenant, purpose: &self.purpose })
    }

    fn value(&self) -> Result<Value, Failure> {
        let text = self.value.as_str();
        let not = |what: &str| Failure::new(format!("`{text}` is not {what}"));
        let encoded = if self.id {
            return text.parse().map(Value::Id).map_err(|_| not("a subject's id of 11 characters"));
        } else if self.int {
            let number = || text.parse::<u64>().map(|it| encode_field(&it));
            let encoded = number().or_else(|_| text.parse::<i64>().map(|it| encode_field(&it)));
            encoded.map_err(|_| not("a whole number of 64 bits"))?
        } else if self.json {
            let json = serde_json::from_str::<serde_json::Value>(text);
            encode_field(&json.map_err(|error| not(&format!("JSON: {error}")))?)
        } else if self.cbor {
            Ok(cbor(text).ok_or_else(|| not("one value of CBOR in hexadecimal digits"))?)
        } else {
            encode_field(text)
        };
        let encoded = encoded.map_err(|error| Failure::new(format!("`{text}`: {error}")))?;
        // Null, or nothing at all: nobody is signed in.
        if matches!(encoded.as_slice(), [] | [0xf6]) {
            return Err(Failure::new("null names nobody"));
        }
        Ok(Value::Encoded(encoded))
    }
}

fn cbor(digits: &str) -> Option<Vec<u8>> {
    let digits = digits.strip_prefix("h'").and_then(|it| it.strip_suffix('\'')).unwrap_or(digits);
    let pairs = digits.as_bytes().chunks(2).map(|pair| match pair {
        [high, low] => {
            let digit = |byte: u8| char::from(byte).to_digit(16);
            u8::try_from(digit(*high)? << 4 | digit(*low)?).ok()
        }
        _ => None,
    });
    let bytes: Vec<u8> = pairs.collect::<Option<_>>()?;
    let mut decoder = minicbor::Decoder::new(&bytes);
    decoder.skip().ok()?;
    (decoder.position() == bytes.len()).then_some(bytes)
}

impl Subject<'_> {
    pub(super) fn id(&self, ring: &KeyRing) -> Result<SubjectId, Failure> {
        match &self.value {
            Value::Id(id) => Ok(*id),
            Value::Encoded(encoded) => ring
                .subject_id(self.tenant, self.purpose, encoded)
                .ok_or_else(|| Failure::new("tenant and purpose have at most 255 bytes")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        subject: Args,
    }

    fn value(line: &[&str]) -> Result<Value, String> {
        let line = Line::try_parse_from([&["x"], line].concat()).map_err(|it| it.to_string())?;
        line.subject.value().map_err(|failure| failure.to_string())
    }

    fn encoded<T: serde::Serialize + ?Sized>(value: &T) -> Value {
        Value::Encoded(encode_field(value).unwrap())
    }

    #[test]
    fn a_subject_is_what_the_field_holds() {
        assert_eq!(value(&["7"]), Ok(encoded("7")));
        assert_eq!(value(&["7", "--int"]), Ok(encoded(&7_u64)));
        assert_eq!(value(&["-7", "--int"]), Ok(encoded(&-7_i32)));
        assert_eq!(value(&["18446744073709551615", "--int"]), Ok(encoded(&u64::MAX)));
        assert_eq!(value(&["7", "--json"]), Ok(encoded(&7_u8)));
        assert_eq!(value(&["\"ada\"", "--json"]), Ok(encoded("ada")));
        assert_eq!(value(&["[1,\"a\"]", "--json"]), Ok(encoded(&(1, "a"))));
        assert_eq!(value(&["63616461", "--cbor"]), Ok(encoded("ada")));
        let id = SubjectId::from_bytes([7; 8]);
        assert_eq!(value(&[&id.to_string(), "--id"]), Ok(Value::Id(id)));
    }

    #[test]
    fn what_names_nobody_is_refused() {
        for line in [
            ["null", "--json"],
            ["f6", "--cbor"],
            ["", "--cbor"],
            ["616161", "--cbor"],
            ["zz", "--cbor"],
            ["616", "--cbor"],
            ["ada", "--int"],
            ["1.5", "--int"],
            ["ada", "--id"],
            ["{", "--json"],
        ] {
            assert!(value(&line).is_err(), "{line:?}");
        }
        assert!(value(&["1", "--int", "--json"]).is_err());
    }
}
