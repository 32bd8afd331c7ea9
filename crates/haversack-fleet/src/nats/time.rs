//! The time as `JetStream` writes it (RFC 3339, in UTC), in nanoseconds since the Unix epoch.

use std::time::UNIX_EPOCH;

use haversack::Timestamp;

/// Reads `2026-11-24T15:27:29.879409847Z`; `None` for anything else, and for times before 1970.
pub(super) fn parse(text: &str) -> Option<u64> {
    let since = humantime::parse_rfc3339(text).ok()?.duration_since(UNIX_EPOCH).ok()?;
    u64::try_from(since.as_nanos()).ok()
}

/// Milliseconds of what [`parse`] returns.
pub(super) fn millis(nanos: u64) -> Timestamp {
    Timestamp::from_millis(nanos / 1_000_000)
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
            "2026-11-24-01T15:27:29Z",
        ];
        for text in cases {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
