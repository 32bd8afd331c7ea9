//! Times and spans as people write them, in UTC.

use std::fmt;
use std::time::{Duration, SystemTime};

use haversack::Timestamp;

/// The time by this machine's clock.
pub(super) fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    Timestamp::from_millis(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}

/// A time as RFC 3339 in UTC, or as seconds since 1970.
pub(super) fn parse_time(text: &str) -> Result<Timestamp, String> {
    let expected = || format!("expected a time such as 2026-01-31T12:00:00Z, not `{text}`");
    if let Ok(secs) = text.parse() {
        return Ok(Timestamp::from_secs(secs));
    }
    let (date, clock) = text.split_once(['T', 't', ' ']).unwrap_or((text, "00:00:00"));
    let clock = clock.strip_suffix(['Z', 'z']).or_else(|| clock.strip_suffix("+00:00"));
    let clock = clock.unwrap_or(if date == text { "00:00:00" } else { "" });
    let mut date = date.splitn(3, '-').map(str::parse::<u64>);
    let (Some(Ok(year)), Some(Ok(month)), Some(Ok(day))) = (date.next(), date.next(), date.next())
    else {
        return Err(expected());
    };
    let millis = millis_of(clock).ok_or_else(expected)?;
    let secs = secs_of(year, month, day).ok_or_else(expected)?;
    Ok(Timestamp::from_secs(secs).plus_millis(millis))
}

/// The time of an `Expires` attribute, read as leniently as is of use here.
pub(super) fn parse_http_date(text: &str) -> Option<Timestamp> {
    const MONTHS: [&str; 12] =
        ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
    let (mut day, mut month, mut year, mut clock) = (None, None, None, None);
    for token in text.split([' ', ',', '-']).filter(|token| !token.is_empty()) {
        let lower = token.to_ascii_lowercase();
        if token.contains(':') {
            clock = millis_of(token);
        } else if let Ok(number) = token.parse::<u64>() {
            if day.is_none() { day = Some(number) } else { year = Some(number) }
        } else if let Some(at) = MONTHS.iter().position(|month| lower.starts_with(month)) {
            month = Some(at as u64 + 1);
        }
    }
    // Two digits: RFC 6265bis section 5.1.1.
    let year = year.map(|year| match year {
        0..70 => year + 2000,
        70..100 => year + 1900,
        _ => year,
    });
    let secs = secs_of(year?, month?, day?)?;
    Some(Timestamp::from_secs(secs).plus_millis(clock?))
}

/// Milliseconds into the day of `hh:mm[:ss[.fff]]`.
fn millis_of(clock: &str) -> Option<u64> {
    let mut parts = clock.splitn(3, ':');
    let (hours, minutes) = (parts.next()?.parse::<u64>().ok()?, parts.next()?.parse::<u64>().ok()?);
    let (secs, fraction) = match parts.next() {
        None => (0, ""),
        Some(rest) => {
            let (secs, fraction) = rest.split_once('.').unwrap_or((rest, ""));
            (secs.parse::<u64>().ok()?, fraction)
        }
    };
    if hours > 23 || minutes > 59 || secs > 60 || !fraction.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let millis: String = fraction.chars().chain("000".chars()).take(3).collect();
    Some(((hours * 60 + minutes) * 60 + secs) * 1000 + millis.parse::<u64>().ok()?)
}

/// Seconds since 1970 of a date in the years 1970 to 9999.
fn secs_of(year: u64, month: u64, day: u64) -> Option<u64> {
    const LENGTHS: [u64; 12] = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    let leap = |year: u64| {
        year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400))
    };
    let month = usize::try_from(month).ok()?.checked_sub(1)?;
    let february = u64::from(leap(year));
    let length = LENGTHS.get(month)? + if month == 1 { february } else { 0 };
    if !(1970..=9999).contains(&year) || !(1..=length).contains(&day) {
        return None;
    }
    let before = year - 1;
    let leap_days = before / 4 - before / 100 + before / 400 - (1969 / 4 - 1969 / 100 + 1969 / 400);
    let days = (year - 1970) * 365
        + leap_days
        + LENGTHS.iter().take(month).sum::<u64>()
        + if month > 1 { february } else { 0 };
    Some((days + day - 1) * 86_400)
}

/// A time, shown as RFC 3339 with a space between date and clock.
pub(super) struct Utc(pub(super) Timestamp);

impl fmt::Display for Utc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let secs = self.0.as_secs();
        let (days, clock) = (secs / 86_400, secs % 86_400);
        // From days to a date, counted from 1 March of the year 0 so that leap days come last
        // (Hinnant, "chrono-Compatible Low-Level Date Algorithms", 2021).
        let shifted = days + 719_468;
        let (era, day) = (shifted / 146_097, shifted % 146_097);
        let year_of_era = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
        let day_of_year = day - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let shifted_month = (5 * day_of_year + 2) / 153;
        let day_of_month = day_of_year - (153 * shifted_month + 2) / 5 + 1;
        let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
        let year = era * 400 + year_of_era + u64::from(month <= 2);
        let (hours, minutes) = (clock / 3600, clock / 60 % 60);
        write!(f, "{year:04}-{month:02}-{day_of_month:02}")?;
        write!(f, " {hours:02}:{minutes:02}:{:02}Z", clock % 60)
    }
}

/// A span such as `24h`, `14d` or `90s`.
pub(super) fn parse_span(text: &str) -> Result<Duration, String> {
    let expected = || format!("expected a span such as 30m, 24h or 14d, not `{text}`");
    let end = text.find(|c: char| !c.is_ascii_digit()).ok_or_else(expected)?;
    let (number, unit) = text.split_at(end);
    let secs = match unit {
        "s" => 1,
        "m" | "min" => 60,
        "h" => 3600,
        "d" => 86_400,
        _ => return Err(expected()),
    };
    let number = number.parse::<u64>().map_err(|_| expected())?;
    number.checked_mul(secs).map(Duration::from_secs).ok_or_else(expected)
}

/// A span as its two largest units.
pub(super) struct Span(pub(super) u64);

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let secs = self.0 / 1000;
        let two = |f: &mut fmt::Formatter<'_>, a: u64, unit: &str, b: u64, sub: &str| match b {
            0 => write!(f, "{a} {unit}"),
            _ => write!(f, "{a} {unit} {b} {sub}"),
        };
        match secs {
            0..60 => write!(f, "{secs} s"),
            60..3600 => two(f, secs / 60, "min", secs % 60, "s"),
            3600..86_400 => two(f, secs / 3600, "h", secs / 60 % 60, "min"),
            _ => two(f, secs / 86_400, "d", secs / 3600 % 24, "h"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_as_they_are_written() {
        for (text, secs) in [
            ("1970-01-01T00:00:00Z", 0),
            ("2000-02-29T23:59:59Z", 951_868_799),
            ("2026-01-01T00:00:00Z", 1_767_225_600),
            ("2100-03-01T12:00:00Z", 4_107_585_600),
            ("9999-12-31T23:59:59Z", 253_402_300_799),
        ] {
            assert_eq!(parse_time(text), Ok(Timestamp::from_secs(secs)), "{text}");
            assert_eq!(Utc(Timestamp::from_secs(secs)).to_string().replace(' ', "T"), text);
        }
        assert_eq!(parse_time("2026-01-01 00:00:00.25Z").unwrap().as_millis() % 1000, 250);
        assert_eq!(parse_time("2026-01-01").unwrap().as_secs(), 1_767_225_600);
        assert_eq!(parse_time("1767225600").unwrap().as_secs(), 1_767_225_600);
        for bad in [
            "",
            "now",
            "2026-02-29T00:00:00Z",
            "2026-13-01T00:00:00Z",
            "2026-01-01T25:00:00Z",
            "2026-01-01T00:00:00",
            "1969-12-31T00:00:00Z",
            "2026-01-01T00:00:00+02:00",
        ] {
            assert!(parse_time(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn dates_of_cookies_are_read() {
        for text in ["Thu, 01 Jan 2026 00:00:00 GMT", "Thursday, 01-Jan-26 00:00:00 GMT"] {
            assert_eq!(parse_http_date(text), Some(Timestamp::from_secs(1_767_225_600)), "{text}");
        }
        assert_eq!(parse_http_date("tomorrow"), None);
    }

    #[test]
    fn spans_are_read_and_shown() {
        assert_eq!(parse_span("24h"), Ok(Duration::from_secs(86_400)));
        assert_eq!(parse_span("14d"), Ok(Duration::from_secs(14 * 86_400)));
        for bad in ["", "24", "h", "1.5h", "24 h", "99999999999999999999d", "9999999999999999999d"]
        {
            assert!(parse_span(bad).is_err(), "{bad}");
        }
        let shown = |secs: u64| Span(secs * 1000).to_string();
        assert_eq!(shown(0), "0 s");
        assert_eq!(shown(3600), "1 h");
        assert_eq!(shown(3660), "1 h 1 min");
        assert_eq!(shown(14 * 86_400 - 60), "13 d 23 h");
    }
}
