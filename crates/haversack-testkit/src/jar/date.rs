//! Cookie dates, as the `Expires` attribute carries them.
//!
//! The algorithm of [RFC 6265bis section 5.1.1] reads far more than the three formats of HTTP
//! dates: `Thu, 01-Jan-1970 00:00:00 GMT`, with which many frameworks delete a cookie, is none of
//! them. A parser of HTTP dates would leave such a cookie alive where every browser drops it.
//!
//! [RFC 6265bis section 5.1.1]: https://datatracker.ietf.org/doc/html/draft-ietf-httpbis-rfc6265bis#section-5.1.1

const MONTHS: [&str; 12] =
    ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];

/// The milliseconds since the Unix epoch that `text` denotes; earlier dates are the epoch.
pub(super) fn parse(text: &str) -> Option<u64> {
    let (mut time, mut day, mut month, mut year) = (None, None, None, None);
    for token in text.as_bytes().split(|byte| is_delimiter(*byte)) {
        // The order of the four questions is the RFC's: `10` is a day before it is a year.
        if time.is_none() {
            time = time_of(token);
            if time.is_some() {
                continue;
            }
        }
        if day.is_none() {
            day = number(token, 1, 2).map(|(value, _)| value);
            if day.is_some() {
                continue;
            }
        }
        if month.is_none() {
            month = month_of(token);
            if month.is_some() {
                continue;
            }
        }
        if year.is_none() {
            year = number(token, 2, 4).map(|(value, _)| value);
        }
    }
    let ((hour, minute, second), day, month) = (time?, day?, month?);
    let year = match year? {
        short @ 70..=99 => short + 1900,
        short @ 0..=69 => short + 2000,
        full => full,
    };
    let sound = (1..=days_in(year, month)).contains(&day)
        && year >= 1601
        && hour <= 23
        && minute <= 59
        && second <= 59;
    if !sound {
        return None;
    }
    let seconds =
        days_since_epoch(year, month, day) * 86_400 + i64::from(hour * 3600 + minute * 60 + second);
    Some(u64::try_from(seconds).unwrap_or(0) * 1000)
}

fn is_delimiter(byte: u8) -> bool {
    matches!(byte, 0x09 | 0x20..=0x2F | 0x3B..=0x40 | 0x5B..=0x60 | 0x7B..=0x7E)
}

/// A run of `min` to `max` digits at the start of `token`, and what follows it.
fn number(token: &[u8], min: usize, max: usize) -> Option<(u32, &[u8])> {
    let length = token.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let (digits, rest) = token.split_at(length);
    (min..=max).contains(&length).then(|| {
        let value = digits.iter().fold(0, |sum, digit| sum * 10 + u32::from(digit - b'0'));
        (value, rest)
    })
}

fn time_of(token: &[u8]) -> Option<(u32, u32, u32)> {
    let (hour, rest) = number(token, 1, 2)?;
    let (minute, rest) = number(rest.strip_prefix(b":")?, 1, 2)?;
    let (second, _) = number(rest.strip_prefix(b":")?, 1, 2)?;
    Some((hour, minute, second))
}

/// The month, from 1, that the first three letters of `token` name.
fn month_of(token: &[u8]) -> Option<u32> {
    let start = token.get(..3)?;
    let found =
        MONTHS.iter().zip(1..).find(|(name, _)| start.eq_ignore_ascii_case(name.as_bytes()));
    found.map(|(_, month)| month)
}

fn days_in(year: u32, month: u32) -> u32 {
    match month {
        2 if year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400)) => {
            29
        }
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Days from 1970-01-01 to a date of the Gregorian calendar. Years are counted from March, so that
/// the leap day is a year's last.
fn days_since_epoch(year: u32, month: u32, day: u32) -> i64 {
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let days = year * 365 + year / 4 - year / 100 + year / 400 + (month * 153 + 2) / 5 + day - 1;
    i64::from(days) - 719_468
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn reads_the_formats_in_use() {
        // RFC 6265bis section 5.1.1; the last four are no HTTP dates.
        for text in [
            "Sun, 06 Nov 1994 08:49:37 GMT",
            "Sunday, 06-Nov-94 08:49:37 GMT",
            "Sun Nov  6 08:49:37 1994",
            "Sun, 06-Nov-1994 08:49:37 GMT",
            "6 november 94 8:49:37",
            "1994 08:49:37x Nov 6th", // the first one or two digits are the day, so 1994 is not
            "08:49:37 06 Nov 1994 +0200",
        ] {
            assert_eq!(parse(text), Some(784_111_777_000), "{text}");
        }
    }

    #[test]
    fn two_digit_years_turn_at_seventy() {
        // RFC 6265bis section 5.1.1 steps 3 and 4.
        assert_eq!(parse("1 Jan 70 00:00:00"), Some(0));
        assert_eq!(parse("1 Jan 69 00:00:00"), Some(3_124_224_000_000));
    }

    #[test]
    fn refuses_what_is_no_date() {
        // RFC 6265bis section 5.1.1 steps 5 and 6.
        for text in [
            "",
            "tomorrow",
            "06 Nov 1994",
            "32 Jan 2000 00:00:00",
            "0 Jan 2000 00:00:00",
            "29 Feb 2100 00:00:00",
            "1 Jan 1600 00:00:00",
            "1 Jan 2000 24:00:00",
            "1 Jan 2000 00:60:00",
            "1 Jan 2000 00:00:60",
            "1 Jan 20000 00:00:00",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
    }

    #[test]
    fn counts_days_over_leap_years_and_before_the_epoch() {
        assert_eq!(parse("29 Feb 2000 00:00:00"), Some(951_782_400_000));
        assert_eq!(parse("1 Mar 2100 00:00:00"), Some(4_107_542_400_000));
        assert_eq!(parse("1 Jan 1601 00:00:00"), Some(0));
    }
}
