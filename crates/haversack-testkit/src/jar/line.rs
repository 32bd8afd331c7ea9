//! A `Set-Cookie` line, taken apart (RFC 6265bis section 5.6).

use super::{Refusal, SameSite, date};

/// Name and value together (section 5.6 step 5).
const MAX_PAIR: usize = 4096;
/// An attribute's value; a longer one is ignored (section 5.6).
const MAX_ATTRIBUTE: usize = 1024;
/// Section 5.5: 400 days.
const MAX_AGE_MS: u64 = 400 * 86_400 * 1000;

/// The cookie-attribute-list, reduced to what the storage model asks of it.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Line<'a> {
    pub(super) name: &'a str,
    pub(super) value: &'a str,
    /// Lower case, without a leading dot; empty if absent.
    pub(super) domain: String,
    /// Empty: given, but not absolute, hence the default path.
    pub(super) path: Option<&'a str>,
    pub(super) secure: bool,
    pub(super) http_only: bool,
    pub(super) same_site: SameSite,
    pub(super) expires_ms: Option<u64>,
}

impl<'a> Line<'a> {
    pub(super) fn parse(line: &'a [u8], now_ms: u64) -> Result<Self, Refusal> {
        // A tab is white space here, not a control character.
        if line.iter().any(|byte| byte.is_ascii_control() && *byte != b'\t') {
            return Err(Refusal::ControlCharacter);
        }
        let text = str::from_utf8(line).map_err(|_| Refusal::NotText)?;
        let (pair, attributes) = text.split_once(';').unwrap_or((text, ""));
        // Without `=` all is value: that is how browsers treat `Set-Cookie: flag`.
        let (name, value) = pair.split_once('=').unwrap_or(("", pair));
        let (name, value) = (trim(name), trim(value));
        if name.is_empty() && value.is_empty() {
            return Err(Refusal::Empty);
        }
        let octets = name.len() + value.len();
        if octets > MAX_PAIR {
            return Err(Refusal::TooLarge { octets });
        }
        let mut parsed = Self { name, value, ..Self::default() };
        parsed.read_attributes(attributes, now_ms);
        Ok(parsed)
    }

    /// Of repeated attributes the last counts; `Max-Age` counts before `Expires` in any order.
    fn read_attributes(&mut self, attributes: &'a str, now_ms: u64) {
        let latest = now_ms.saturating_add(MAX_AGE_MS);
        let (mut expires, mut max_age) = (None, None);
        for attribute in attributes.split(';') {
            let (name, value) = attribute.split_once('=').unwrap_or((attribute, ""));
            let (name, value) = (trim(name), trim(value));
            if value.len() > MAX_ATTRIBUTE {
                continue;
            }
            match name.to_ascii_lowercase().as_str() {
                "expires" => expires = date::parse(value).or(expires),
                "max-age" => max_age = seconds(value).or(max_age),
                "domain" => {
                    let domain = value.strip_prefix('.').unwrap_or(value);
                    self.domain = domain.to_ascii_lowercase();
                }
                "path" => self.path = Some(if value.starts_with('/') { value } else { "" }),
                "secure" => self.secure = true,
                "httponly" => self.http_only = true,
                "samesite" => self.same_site = same_site(value),
                _ => {}
            }
        }
        self.expires_ms = match (max_age, expires) {
            (Some(0), _) => Some(0),
            (Some(age), _) => Some(age.saturating_mul(1000).saturating_add(now_ms).min(latest)),
            (None, Some(date)) => Some(date.min(latest)),
            (None, None) => None,
        };
    }
}

/// Strips WSP, which is less than what `str::trim` strips.
fn trim(text: &str) -> &str {
    text.trim_matches([' ', '\t'])
}

/// The seconds of a `Max-Age`; below zero is zero, since both mean *now* (section 5.6.2).
fn seconds(value: &str) -> Option<u64> {
    let digits = value.strip_prefix('-').unwrap_or(value);
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let negative = digits.len() < value.len();
    // All digits, so the only failure left is a number too large.
    Some(if negative { 0 } else { digits.parse().unwrap_or(u64::MAX) })
}

/// Section 5.6.7.
fn same_site(value: &str) -> SameSite {
    let is = |word| value.eq_ignore_ascii_case(word);
    match () {
        () if is("lax") => SameSite::Lax,
        () if is("none") => SameSite::None,
        () if is("strict") => SameSite::Strict,
        () => SameSite::Default,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Line<'_> {
        Line::parse(line.as_bytes(), 1_000_000).unwrap()
    }

    #[test]
    fn splits_name_and_value_at_the_first_equals_sign() {
        // RFC 6265bis section 5.6 steps 2 to 4.
        for (line, name, value) in [
            ("a=b", "a", "b"),
            (" a\t= b c ; Path=/", "a", "b c"),
            ("a=b=c", "a", "b=c"),
            ("a=", "a", ""),
            ("=b", "", "b"),
            ("b", "", "b"),
            ("a=\"b\"", "a", "\"b\""),
            ("a=%20", "a", "%20"),
        ] {
            let parsed = parse(line);
            assert_eq!((parsed.name, parsed.value), (name, value), "{line}");
        }
    }

    #[test]
    fn refuses_control_characters_but_takes_tabs() {
        // RFC 6265bis section 5.6 step 1.
        for line in [&b"a=\0b"[..], b"a=b\r\nx", b"a=b; Path=/\x7f"] {
            assert_eq!(Line::parse(line, 0), Err(Refusal::ControlCharacter));
        }
        assert_eq!(parse("a=b\tc").value, "b\tc");
    }

    #[test]
    fn refuses_empty_and_oversized_pairs() {
        // RFC 6265bis section 5.6 step 5 and section 5.7 step 2.
        assert_eq!(Line::parse(b" = ; Secure", 0), Err(Refusal::Empty));
        let fits = format!("n={}", "v".repeat(4095));
        assert!(Line::parse(fits.as_bytes(), 0).is_ok());
        let over = format!("n={}", "v".repeat(4096));
        assert_eq!(Line::parse(over.as_bytes(), 0), Err(Refusal::TooLarge { octets: 4097 }));
    }

    #[test]
    fn reads_attributes_in_any_case_and_the_last_of_each() {
        // RFC 6265bis section 5.6 and section 5.7 steps 7, 11 and 17.
        let parsed = parse(
            "a=b; SECURE ; httponly=x; path=/a; PATH=/b; samesite=lax; SameSite=STRICT; Domain=.Shop.Example; What=ever",
        );
        assert!(parsed.secure && parsed.http_only);
        assert_eq!(parsed.path, Some("/b"));
        assert_eq!(parsed.same_site, SameSite::Strict);
        assert_eq!(parsed.domain, "shop.example");
        assert_eq!(parse("a=b; SameSite=Strict; SameSite=what").same_site, SameSite::Default);
    }

    #[test]
    fn a_relative_path_means_the_default_path() {
        // RFC 6265bis section 5.6.4.
        assert_eq!(parse("a=b; Path=cart").path, Some(""));
        assert_eq!(parse("a=b; Path=").path, Some(""));
        assert_eq!(parse("a=b").path, None);
    }

    #[test]
    fn ignores_an_attribute_over_1024_octets() {
        // RFC 6265bis section 5.6, attributes step 6.
        let long = format!("a=b; Path=/x; Path=/{}", "y".repeat(1024));
        assert_eq!(parse(&long).path, Some("/x"));
        let fits = format!("a=b; Path=/{}", "y".repeat(1023));
        assert_eq!(parse(&fits).path.unwrap().len(), 1024);
    }

    #[test]
    fn max_age_counts_before_expires() {
        // RFC 6265bis section 5.7 step 6.
        let past = "Expires=Thu, 01 Jan 1970 00:00:00 GMT";
        assert_eq!(parse(&format!("a=b; {past}")).expires_ms, Some(0));
        assert_eq!(parse(&format!("a=b; Max-Age=5; {past}")).expires_ms, Some(1_005_000));
        assert_eq!(parse(&format!("a=b; {past}; Max-Age=5")).expires_ms, Some(1_005_000));
        assert_eq!(parse(&format!("a=b; {past}; Max-Age=soon")).expires_ms, Some(0));
        assert_eq!(parse("a=b; Expires=soon").expires_ms, None);
    }

    #[test]
    fn max_age_is_a_whole_number() {
        // RFC 6265bis section 5.6.2.
        for (value, expires) in [
            ("0", Some(0)),
            ("-1", Some(0)),
            ("-99999999999999999999999", Some(0)),
            ("", None),
            ("-", None),
            ("+5", None),
            ("5s", None),
            ("1.5", None),
            ("007", Some(1_007_000)),
        ] {
            assert_eq!(parse(&format!("a=b; Max-Age={value}")).expires_ms, expires, "{value:?}");
        }
    }

    #[test]
    fn no_cookie_lives_longer_than_400_days() {
        // RFC 6265bis section 5.5.
        let limit = Some(1_000_000 + 34_560_000_000);
        assert_eq!(parse("a=b; Max-Age=34560001").expires_ms, limit);
        assert_eq!(parse("a=b; Max-Age=99999999999999999999999").expires_ms, limit);
        assert_eq!(parse("a=b; Expires=Fri, 31 Dec 9999 23:59:59 GMT").expires_ms, limit);
    }
}
