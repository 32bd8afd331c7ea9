//! The header transport: a whole session in one header field, for clients that keep no cookies.

use alloc::string::String;
use alloc::vec::Vec;

use super::Found;
use crate::ConfigError;

/// The header field that carries sessions of API clients, in requests and in responses.
///
/// 1. A request with this field is read from it alone: cookies on it are neither read nor touched.
/// 2. An empty value asks for a fresh session that is answered by this field.
/// 3. A response has the field when the session changed or was refreshed; empty when it ended.
///
/// Unlike a cookie, no browser sends it by itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeaderSpec {
    /// As it was given, for errors.
    given: String,
    /// In lower case, as HTTP/2 sends it and as parcels are bound to it.
    name: String,
}

impl HeaderSpec {
    /// A header field of this name, in any case: `haversack-session` for example.
    #[must_use]
    pub fn named(name: impl Into<String>) -> Self {
        let given = name.into();
        Self { name: given.to_ascii_lowercase(), given }
    }

    /// Its name in lower case.
    pub fn name(&self) -> &str {
        &self.name
    }

    pub(crate) fn validate(&self) -> Result<(), ConfigError> {
        let bad = |what| Err(ConfigError::Header { name: self.given.clone(), what });
        let token = |b: &u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(b);
        if self.name.is_empty() || self.name.len() > 64 {
            return bad("must have 1 to 64 characters");
        }
        if !self.name.as_bytes().iter().all(token) {
            return bad("has a character that RFC 9110 does not allow in a field name");
        }
        if TAKEN.contains(&self.name.as_str()) {
            return bad(
                "has a meaning of its own in HTTP; choose another, such as `haversack-session`",
            );
        }
        Ok(())
    }

    /// Characters of the field on the wire, with its line end.
    pub(crate) fn line_len(&self, value_len: usize) -> usize {
        self.name.len() + ": \r\n".len() + value_len
    }
}

/// Names that proxies and programs act upon (RFC 9110 and RFC 9112).
const TAKEN: [&str; 18] = [
    "authorization",
    "cache-control",
    "connection",
    "content-encoding",
    "content-length",
    "content-type",
    "cookie",
    "date",
    "expect",
    "host",
    "keep-alive",
    "location",
    "set-cookie",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "vary",
];

/// Our parcels in the lines of the header: one, unless it was sent twice or is empty.
pub(crate) fn collect<'h>(
    header: &HeaderSpec,
    lines: impl IntoIterator<Item = &'h [u8]>,
) -> Vec<Found<'h>> {
    let found = |line: &'h [u8]| Found {
        suffix: "",
        value: line.trim_ascii(),
        chars: header.name.len() + line.trim_ascii().len() + "=; ".len(),
    };
    let mut all: Vec<Found<'h>> = lines.into_iter().map(found).collect();
    if let [one] = all.as_slice()
        && one.value.is_empty()
    {
        all.clear();
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::format;

    #[test]
    fn a_name_that_means_something_else_or_is_no_name_is_refused() {
        for name in ["", "Cookie", "set-cookie", "a b", "a:b", "sess\u{e9}", &"a".repeat(65)] {
            let error = HeaderSpec::named(name).validate().unwrap_err();
            assert!(format!("{error}").contains(&format!("`{name}`")), "{error}");
        }
        for name in ["haversack-session", "X-Session", "a"] {
            assert_eq!(HeaderSpec::named(name).validate(), Ok(()));
        }
        assert_eq!(HeaderSpec::named("X-Session").name(), "x-session");
    }

    #[test]
    fn an_empty_value_is_no_parcel_and_two_lines_are_two() {
        let header = HeaderSpec::named("x");
        assert!(collect(&header, [&b" "[..]]).is_empty());
        assert!(collect(&header, []).is_empty());
        assert_eq!(
            collect(&header, [&b" hv1A "[..]]).first().map(|found| found.value),
            Some(&b"hv1A"[..])
        );
        assert_eq!(collect(&header, [&b""[..], b""]).len(), 2);
    }
}
