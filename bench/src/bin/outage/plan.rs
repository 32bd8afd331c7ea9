//! What is run: how many servers, for how long, and what they are told.

use std::time::Duration;

use haversack_testkit::SeededEntropy;

/// What every server is told.
#[derive(Clone, Copy, Debug)]
pub(super) struct Terms {
    pub(super) fresh: Duration,
    pub(super) blind: Duration,
    pub(super) idle: Duration,
    /// Between two keys.
    pub(super) every: Duration,
    pub(super) lead: Duration,
}

impl Terms {
    /// Short ones, so that all limits are reached within a run.
    pub(super) fn new(quick: bool) -> Self {
        let seconds = Duration::from_secs;
        let (fresh, blind) = if quick { (2, 5) } else { (3, 20) };
        // Keys open for three times the idle time and 15 minutes, and a ring takes 47 of them: so
        // `every` is stretched to 26.8 seconds.
        Self {
            fresh: seconds(fresh),
            blind: seconds(blind),
            idle: seconds(120),
            every: seconds(20),
            lead: seconds(4),
        }
    }

    /// Between two keys, as the fleet stretches it.
    pub(super) fn period(&self) -> Duration {
        (self.idle * 3 + Duration::from_secs(15 * 60)).div_f64(47.0).max(self.every)
    }

    pub(super) fn limit(&self) -> u64 {
        millis(self.fresh) + millis(self.blind)
    }
}

/// What the fleet shares its secrets over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Redis,
    Nats,
    File,
}

/// What was asked for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Plan {
    pub(super) kind: Kind,
    pub(super) servers: usize,
    pub(super) browsers: usize,
    pub(super) minutes: u64,
    pub(super) quick: bool,
    /// Whether the engine keeps what it has when it is killed.
    pub(super) durable: bool,
    pub(super) seed: u64,
}

pub(super) const USAGE: &str = "usage: outage [--servers 20] [--minutes 5] [--quick] \
                                [--engine redis|nats|file] [--forgetful] [--seed N]";

impl Plan {
    pub(super) fn parse(arguments: impl Iterator<Item = String>) -> Option<Self> {
        let mut arguments = arguments.peekable();
        let (mut servers, mut minutes, mut seed) = (None, None, None);
        let (mut kind, mut quick, mut durable) = (Kind::Redis, false, true);
        while let Some(argument) = arguments.next() {
            let mut number = || arguments.next()?.parse::<u64>().ok();
            match argument.as_str() {
                "--servers" => servers = Some(usize::try_from(number()?).ok()?),
                "--minutes" => minutes = Some(number()?),
                "--seed" => seed = Some(number()?),
                "--quick" => quick = true,
                "--forgetful" => durable = false,
                "--engine" => {
                    kind = match arguments.next()?.as_str() {
                        "redis" => Kind::Redis,
                        "nats" => Kind::Nats,
                        "file" => Kind::File,
                        _ => return None,
                    }
                }
                _ => return None,
            }
        }
        let servers = servers.unwrap_or(if quick { 4 } else { 20 }).max(2);
        Some(Self {
            kind,
            servers,
            browsers: if quick { 16 } else { servers * 2 },
            minutes: minutes.unwrap_or(if quick { 0 } else { 5 }),
            quick,
            durable,
            seed: seed.unwrap_or_else(now_ms),
        })
    }

    pub(super) fn dice(&self, number: u64) -> SeededEntropy {
        SeededEntropy::new(self.seed.wrapping_mul(0x9e37_79b9).wrapping_add(number))
    }
}

pub(super) fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// All processes are on one machine, so that times of one can be compared with those of another.
pub(super) fn now_ms() -> u64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    millis(since.unwrap_or_default())
}
