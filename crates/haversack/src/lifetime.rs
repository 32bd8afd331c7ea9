//! When a session ends by itself.

use core::time::Duration;

use crate::ConfigError;
use crate::policy::GRACE_MS;

const HOUR: u64 = 3600;
const DAY: u64 = 24 * HOUR;

/// When a session ends by itself (OWASP Session Management: idle and absolute timeout).
///
/// The limits are enforced from times inside the seal; a cookie's own expiry is never trusted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lifetime {
    /// Longest time between two requests that use the session; `None` for no idle limit.
    /// Default: 24 hours.
    pub idle: Option<Duration>,
    /// Longest time from creation or the last authentication. At most 400 days, the longest that
    /// browsers keep a cookie (RFC 6265bis). Default: 14 days.
    pub absolute: Duration,
    /// Allowance for clocks that differ, added to both limits. Default: 60 seconds.
    pub leeway: Duration,
}

impl Default for Lifetime {
    fn default() -> Self {
        Self {
            idle: Some(Duration::from_secs(DAY)),
            absolute: Duration::from_secs(14 * DAY),
            leeway: Duration::from_secs(60),
        }
    }
}

impl Lifetime {
    /// The longest absolute lifetime: 400 days.
    pub const MAX: Duration = Duration::from_secs(400 * DAY);

    /// The time limits of NIST SP 800-63B-4 (July 2025) for authentication assurance level 1:
    /// 30 days, and no idle limit.
    ///
    /// Section 2.1.3: an overall limit SHALL be set and SHOULD be 30 days at most; an idle limit MAY
    /// be set and is not required. Without one a copied jar works for all of the 30 days, and what
    /// is revoked is remembered as long ([`tail`](Self::tail)), so consider adding one:
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use haversack::Lifetime;
    /// let week = Duration::from_secs(7 * 24 * 3600);
    /// let lifetime = Lifetime { idle: Some(week), ..Lifetime::aal1() };
    /// # assert_eq!(lifetime.absolute, Duration::from_secs(30 * 24 * 3600));
    /// ```
    ///
    /// # What the presets do and do not do
    ///
    /// They set limits of time, and nothing else of the standard. Which authenticators and how many
    /// factors a level demands, phishing resistance, and what a re-authentication must consist of
    /// are up to the program. It calls
    /// [`authenticated()`](crate::Exchange::authenticated) when the subject proved itself again,
    /// which starts both limits anew (section 5.2).
    ///
    /// Their leeway is zero, since it would be added to both limits. So a session may end a little
    /// early where servers' clocks differ, and up to a tenth of the idle limit early, since the last
    /// activity is noted only once that has passed. It ends later only on a server whose clock is
    /// behind, and by as much.
    ///
    /// Section 5.1 also wants that a session's cookies SHOULD NOT outlive the browser; that is
    /// [`CookieSpec::browser_session`](crate::CookieSpec::browser_session), not a lifetime.
    pub const fn aal1() -> Self {
        Self { idle: None, absolute: Duration::from_secs(30 * DAY), leeway: Duration::ZERO }
    }

    /// The time limits of NIST SP 800-63B-4 for authentication assurance level 2: 24 hours, and one
    /// hour without activity.
    ///
    /// Section 2.2.3: an overall limit SHALL be set and SHOULD be 24 hours at most, the idle limit
    /// SHOULD be one hour at most. That section also lets a program, after the idle limit only, ask
    /// for one factor alone together with the session. An expired session is a fresh one here, so
    /// that takes a shorter limit of the program's own, judged by the times in
    /// [`Info`](crate::Info). See [`aal1`](Self::aal1) for what a preset does not do.
    pub const fn aal2() -> Self {
        let idle = Some(Duration::from_secs(HOUR));
        Self { idle, absolute: Duration::from_secs(24 * HOUR), leeway: Duration::ZERO }
    }

    /// The time limits of NIST SP 800-63B-4 for authentication assurance level 3: 12 hours, and 15
    /// minutes without activity.
    ///
    /// Section 2.3.3: the overall limit SHALL be 12 hours at most, the idle limit SHOULD be 15
    /// minutes at most. See [`aal1`](Self::aal1) for what a preset does not do.
    pub const fn aal3() -> Self {
        let idle = Some(Duration::from_secs(HOUR / 4));
        Self { idle, absolute: Duration::from_secs(12 * HOUR), leeway: Duration::ZERO }
    }

    /// For how long after an event a session that it did not reach could still be used: a revocation
    /// must be kept for that long. The idle lifetime (without one, the absolute), the leeway, and 15
    /// minutes for responses under way and clocks that differ.
    pub fn tail(&self) -> Duration {
        let unused = self.idle.unwrap_or(self.absolute);
        unused.saturating_add(self.leeway).saturating_add(Duration::from_millis(3 * GRACE_MS))
    }

    pub(crate) fn idle_secs(&self) -> Option<u64> {
        self.idle.map(|idle| idle.as_secs())
    }

    /// Steps in which a touch advances `seen`, so that parallel touches write the same bytes.
    pub(crate) fn touch_step(&self) -> Option<u64> {
        self.idle_secs().map(|idle| (idle / 40).max(1))
    }

    pub(crate) fn validate(&self) -> Result<(), ConfigError> {
        let bad = |what| Err(ConfigError::Lifetime { what });
        if self.absolute > Self::MAX {
            return bad("absolute is over 400 days, the longest that browsers keep a cookie");
        }
        if self.absolute < Duration::from_secs(60) {
            return bad("absolute is under 60 seconds");
        }
        if self.idle.is_some_and(|idle| idle > self.absolute) {
            return bad("idle is longer than absolute");
        }
        if self.idle.is_some_and(|idle| idle < Duration::from_secs(60)) {
            return bad("idle is under 60 seconds");
        }
        if self.leeway > Duration::from_millis(GRACE_MS) {
            return bad("leeway is over 5 minutes");
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_preset_with_its_leeway_stays_within_its_level() {
        for (lifetime, absolute, idle) in [
            (Lifetime::aal1(), 30 * DAY, None),
            (Lifetime::aal2(), DAY, Some(3600)),
            (Lifetime::aal3(), 43_200, Some(900)),
        ] {
            assert_eq!(lifetime.validate(), Ok(()));
            assert!(lifetime.absolute + lifetime.leeway <= Duration::from_secs(absolute));
            assert_eq!(lifetime.idle.is_some(), idle.is_some());
            if let (Some(of), Some(at_most)) = (lifetime.idle, idle) {
                assert!(of + lifetime.leeway <= Duration::from_secs(at_most));
            }
        }
    }
}
