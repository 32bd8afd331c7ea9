//! Counters: what a run really contained, so that it cannot pass by never doing what it is for.

use haversack::{Arrival, EventKind, Report, SealError};

use crate::app::counted;

macro_rules! happenings {
    ($($(#[$doc:meta])* $name:ident => $text:literal,)*) => {
        /// What is counted.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(crate) enum Happening { $($(#[$doc])* $name,)* }

        impl Happening {
            const ALL: &[Happening] = &[$(Happening::$name,)*];

            fn name(self) -> &'static str {
                match self { $(Happening::$name => $text,)* }
            }
        }
    };
}

happenings! {
    Step => "steps",
    Sent => "requests sent",
    Answered => "answers of servers",
    Whole => "responses that arrived whole",
    Torn => "responses torn",
    TornAmid => "  of them between two lines",
    Lost => "requests or responses lost",
    Crashed => "responses lost with their server",
    Late => "late exchanges refused",
    LateWrite => "late exchanges that wrote",
    Busy => "busy refusals",
    Unavailable => "unavailable refusals",
    TooLarge => "too large",
    BadRequest => "400 of the front door, beyond the safe burst",
    Stuck => "jars that no fold fits any more, beyond the safe burst",
    Create => "sessions created",
    Write => "writes",
    Login => "logins",
    Switch => "switches of user",
    Renew => "renewals",
    End => "logouts",
    Fold => "folds",
    Rekey => "re-keys",
    Touch => "touches",
    Deleted => "parcels deleted",
    Adopted => "requests with adopted sessions",
    ClosedMet => "requests that met an end marker",
    OldProgram => "answers by the old program",
    Rotation => "ring rotations",
    RingLate => "answers by servers whose ring is late",
    RingWaitedFor => "requests that waited for a ring",
    RingCame => "rings that came when they were asked for",
    BesideKeptHead => "identity events where the ring is late",
    CrossSite => "cross-site posts without cookies",
    FirstVisits => "first-visit races",
    DoubleIdentity => "identity events at once",
    SlowHandler => "slow handlers",
    Burst => "bursts of 60",
    Rolling => "steps with six or more in flight",
    GapAlive => "gaps survived",
    GapEdgeAlive => "gaps about the idle limit, survived",
    GapEdgeOver => "gaps about the idle limit, expired",
    GapOver => "gaps expired",
    OldAge => "sessions used until their absolute limit",
    Observed => "views checked",
    Exact => "  of them with one possible outcome",
    Sure => "items that had to be there, summed over views",
    PageChecked => "pages checked against the jar they left with",
    WritableLate => "not writable after 20 seconds of quiet",
    MoreLooks => "  looks from there until writable, in sum",
    WritableSettled => "not writable before many sessions begun at once have settled",
    FixedPoint => "fixed points reached",
    Published => "revocations published",
    EndedByTime => "times from before which all sessions of somebody, or of everybody, were ended",
    Raised => "sign-ins within the second in which that was",
    Revoked => "requests refused as revoked",
    Outrun => "renewals of an older root refused",
    StaleRefused => "renewals refused by servers that may have missed something",
    Verified => "signed-in requests served by the age of the view",
    Unverified => "signed-in requests refused by the age of the view",
    Restored => "older jars restored",
    Siege => "servers cut off for longer than sessions live, and used by thieves",
    CopyTried => "copies of jars tried when everybody had learnt",
}

/// What is counted, and no aim of a run.
const HOPED_NEVER: &[Happening] =
    &[Happening::MoreLooks, Happening::Stuck, Happening::WritableLate, Happening::WritableSettled];

/// How often each thing happened.
#[derive(Clone, Debug)]
pub(crate) struct Tally([u64; Happening::ALL.len()]);

impl Default for Tally {
    fn default() -> Self {
        Self([0; Happening::ALL.len()])
    }
}

impl Tally {
    pub(crate) fn add(&mut self, happening: Happening) {
        self.add_many(happening, 1);
    }

    pub(crate) fn add_many(&mut self, happening: Happening, times: usize) {
        self.0[happening as usize] += u64::try_from(times).unwrap_or(u64::MAX);
    }

    pub(crate) fn merge(&mut self, other: &Self) {
        for (sum, more) in self.0.iter_mut().zip(other.0) {
            *sum += more;
        }
    }

    pub(crate) fn of(&self, happening: Happening) -> u64 {
        self.0[happening as usize]
    }

    /// What never happened, of what is meant to.
    pub(crate) fn missing(&self) -> Vec<&'static str> {
        let meant = |happening: &Happening| !HOPED_NEVER.contains(happening);
        let never = |happening: &&Happening| meant(happening) && self.of(**happening) == 0;
        Happening::ALL.iter().filter(never).map(|happening| happening.name()).collect()
    }

    pub(crate) fn print(&self) {
        for &happening in Happening::ALL {
            println!("{:>14}  {}", self.of(happening), happening.name());
        }
    }

    /// What one answer says of itself.
    pub(crate) fn answered(&mut self, arrival: &Arrival, why: Option<&SealError>, did: &Report) {
        match why {
            Some(SealError::Busy { .. }) => self.add(Happening::Busy),
            Some(SealError::Late) => self.add(Happening::Late),
            Some(SealError::TooLarge(_)) => self.add(Happening::TooLarge),
            Some(SealError::Unavailable { .. }) => self.add(Happening::Unavailable),
            _ => {}
        }
        match did.event {
            EventKind::Create => self.add(Happening::Create),
            EventKind::End => self.add(Happening::End),
            EventKind::Login => self.add(Happening::Login),
            EventKind::Renew => self.add(Happening::Renew),
            EventKind::Switch => self.add(Happening::Switch),
            EventKind::Write => self.add(Happening::Write),
            _ => {}
        }
        for work in did.maintenance.iter().copied().filter_map(counted) {
            self.add(work);
        }
        self.add_many(Happening::Deleted, did.deleted);
        self.add_many(Happening::Adopted, usize::from(arrival.adopted > 0));
        let closed = arrival.kind == haversack::ArrivalKind::Closed;
        self.add_many(Happening::ClosedMet, usize::from(closed));
    }
}
