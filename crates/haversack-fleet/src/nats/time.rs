//! The time as `JetStream` writes it (RFC 3339, in UTC), in nanoseconds since the Unix epoch.

use std::time::{SystemTime, UNIX_EPOCH};

use haversack::Timestamp;

/// Reads `2026-11-24T15:27:29.879409847Z`; `None` for anything else, and for times before 1970.
pub(super) fn parse(text: &str) -> Option<u64> {
    let (date, time) = text.strip_suffix('Z')?.split_once('T')?;
    let [year, month, day] = numbers(date, '-')?;
    let (time, fraction) = time.split_once('.').unwrap_or((time, ""));
    let [hour, minute, second] = numbers(time, ':')?;
    let in_range = (1970..2500).contains(&year)
        && (1..=12).contains(&month)
        && (1..=31).contains(&day)
        && hour < 24
        && minute < 60
        && second <= 60;
    if !in_range || fraction.len() > 9 || !fraction.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let nanos: u64 = format!("{fraction:0<9}").parse().ok()?;
    let seconds = days(year, month, day) * 86_400 + hour * 3600 + minute * 60 + second;
    Some(seconds * 1_000_000_000 + nanos)
}

/// Milliseconds of what [`parse`] returns.
pub(super) fn millis(nanos: u64) -> Timestamp {
    Timestamp::from_millis(nanos / 1_000_000)
}

/// This machine's clock.
pub(super) fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp::from_millis(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}

fn numbers(text: &str, between: char) -> Option<[u64; 3]> {
    let mut parts = text.split(between);
    let mut next = || parts.next().filter(|part| (2..=4).contains(&part.len()))?.parse().ok();
    let all = [next()?, next()?, next()?];
    parts.next().is_none().then_some(all)
}

/// Days from 1970-01-01, in the Gregorian calendar, for years from 1970 on.
fn days(year: u64, month: u64, day: u64) -> u64 {
    // The year begins in March, so that a leap day ends it.
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let leaps = year / 4 - year / 100 + year / 400;
    year * 365 + leaps + (153 * month + 2) / 5 + day - 1 - 719_468
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn reads_times() {
        let cases = [
            ("1970-01-01T00:00:00Z", 0),
            ("1970-01-02T00:00:01Z", 86_401_000_000_000),
            ("2000-02-29T12:00:00Z", 951_825_600_000_000_000),
            ("2024-03-01T00:00:00.5Z", 1_709_251_200_500_000_000),
            ("2026-11-24T15:27:29.879409847Z", 1_795_534_049_879_409_847),
        ];
        for (text, nanos) in cases {
            assert_eq!(parse(text), Some(nanos), "{text}");
        }
    }

    #[test]
    fn refuses_others() {
        let cases = [
            "",
            "0001-01-01T00:00:00Z",
            "2026-11-24 15:27:29Z",
            "2026-11-24T15:27:29+01:00",
            "2026-13-24T15:27:29Z",
            "2026-11-24T15:27:29.1234567890Z",
            "2026-11-24-01T15:27:29Z",
        ];
        for text in cases {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
