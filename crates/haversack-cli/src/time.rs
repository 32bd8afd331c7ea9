//! Times and durations as people read and type them.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use haversack::Timestamp;

pub(crate) fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp::from_millis(millis(since))
}

/// `90s`, `10m`, `24h`, `14d`, or several such one after another; in milliseconds.
pub(crate) fn parse(text: &str) -> Result<u64, String> {
    let duration = humantime::parse_duration(text)
        .map_err(|error| format!("{error}; durations look like 90s, 10m, 24h or 14d"))?;
    Ok(millis(duration))
}

/// A moment that is over: RFC 3339 in UTC, seconds since 1970, or `now`.
pub(crate) fn parse_time(text: &str) -> Result<Timestamp, String> {
    if text == "now" {
        return Ok(now());
    }
    if let Ok(secs) = text.parse() {
        return Ok(Timestamp::from_secs(secs));
    }
    let time = humantime::parse_rfc3339_weak(text)
        .map_err(|error| format!("{error}; times look like 2026-11-24T10:00:00Z, or are `now`"))?;
    Ok(Timestamp::from_millis(millis(time.duration_since(UNIX_EPOCH).unwrap_or_default())))
}

/// RFC 3339, in UTC: `2026-11-24T10:00:00Z`.
pub(crate) fn rfc3339(time: Timestamp) -> String {
    // Key rings name no later time than the last that can be written so.
    humantime::format_rfc3339_seconds(UNIX_EPOCH + Duration::from_secs(time.as_secs())).to_string()
}

/// `2026-11-24T10:00:00Z (in 10 min)`
pub(crate) fn both(time: Timestamp, now: Timestamp) -> String {
    format!("{} ({})", rfc3339(time), relative(time, now))
}

/// `in 10 min`, `3 h ago`, `now`
pub(crate) fn relative(time: Timestamp, now: Timestamp) -> String {
    if time.as_secs() == now.as_secs() {
        "now".to_owned()
    } else if time > now {
        format!("in {}", span(time.millis_since(now)))
    } else {
        format!("{} ago", span(now.millis_since(time)))
    }
}

/// In the unit that leaves a number one can picture, rounded.
pub(crate) fn span(ms: u64) -> String {
    const SECOND: u64 = 1000;
    const MINUTE: u64 = 60 * SECOND;
    const HOUR: u64 = 60 * MINUTE;
    const DAY: u64 = 24 * HOUR;

    let (unit, name) = match ms.saturating_add(SECOND / 2) {
        0..=119_999 => (SECOND, "s"),
        120_000..=7_199_999 => (MINUTE, "min"),
        7_200_000..=172_799_999 => (HOUR, "h"),
        _ => (DAY, "d"),
    };
    format!("{} {name}", ms.saturating_add(unit / 2) / unit)
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_in_the_unit_that_fits() {
        let cases = [
            (0, "0 s"),
            (599_600, "10 min"),
            (90_000, "90 s"),
            (119_999, "2 min"),
            (3_600_000, "60 min"),
            (3 * 3_600_000 - 1, "3 h"),
            (36 * 3_600_000, "36 h"),
            (48 * 3_600_000, "2 d"),
            (u64::MAX, "213503982334 d"),
        ];
        for (ms, expected) in cases {
            assert_eq!(span(ms), expected, "{ms}");
        }
    }

    #[test]
    fn durations_as_they_are_typed() {
        assert_eq!(parse("90s"), Ok(90_000));
        assert_eq!(parse("10m"), Ok(600_000));
        assert_eq!(parse("24h"), Ok(86_400_000));
        assert_eq!(parse("14d"), Ok(14 * 86_400_000));
        assert!(parse("24").is_err() && parse("").is_err());
    }

    #[test]
    fn times_as_they_are_typed() {
        let time = Ok(Timestamp::from_secs(1_800_000_000));
        assert_eq!(parse_time("2027-01-15T08:00:00Z"), time);
        assert_eq!(parse_time("2027-01-15 08:00:00"), time);
        assert_eq!(parse_time("1800000000"), time);
        assert!(parse_time("now").is_ok_and(|time| time <= now()));
        assert!(parse_time("tomorrow").is_err() && parse_time("-1").is_err());
    }

    #[test]
    fn times_are_rfc_3339() {
        assert_eq!(rfc3339(Timestamp::from_secs(253_402_300_799)), "9999-12-31T23:59:59Z");
        let now = Timestamp::from_secs(1_800_000_000);
        assert_eq!(both(now, now), "2027-01-15T08:00:00Z (now)");
        assert_eq!(relative(now, now.plus_millis(9_900)), "10 s ago");
        assert_eq!(relative(now.plus_millis(9_600), now), "in 10 s");
    }
}
