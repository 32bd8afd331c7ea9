//! The scenarios: each a corner of the world with bounds of its own, explored completely.

use std::time::Duration;

use haversack::Lifetime;

use crate::servers::{Millis, Server};
use crate::session::Act::{
    self, End, Leave, Login, LoginAndWrite, Read, Remove, Renew, Visit, Write, WriteBoth,
};
use crate::session::Field::{A, B, C, D, E, F};
use crate::session::User::{Ada, Bob};

/// What is explored together.
#[derive(Clone, Copy)]
pub(crate) struct Scenario {
    pub(crate) name: &'static str,
    /// Requests that are over when the scenario begins, with the time after each.
    pub(crate) setup: &'static [(Act, Millis)],
    /// What each of the requests may do.
    pub(crate) acts: &'static [Act],
    /// How many requests there are; all may be under way at once.
    pub(crate) requests: usize,
    /// How long the clock may stand still before it moves on, each at any moment, in this order.
    pub(crate) clock: &'static [Millis],
    /// Who may answer a request.
    pub(crate) servers: &'static [Server],
    /// After the setup, when the first key stops sealing.
    pub(crate) rekey: Option<Millis>,
    pub(crate) lifetime: Lifetime,
    /// Two answers are never of the same instant.
    pub(crate) answer_takes_time: bool,
    /// Clocks agree, so that of two overlapping writes the one answered later wins.
    pub(crate) ordered: bool,
    /// After so many steps of the clock sessions may be past their lifetime.
    pub(crate) expires: usize,
    /// Parcels in the jar at any moment, at most.
    pub(crate) parcels: usize,
    /// Servers tell each other what is over.
    pub(crate) fleet: bool,
    /// What somebody with a copy of the jar may ask for, and how often.
    pub(crate) thief: (&'static [Act], usize),
}

const SECOND: Millis = 1000;
const MINUTE: Millis = 60 * SECOND;
const HOUR: Millis = 60 * MINUTE;

/// Long enough that the next request sees what could be folded.
const PAUSE: Millis = 20 * SECOND;
/// Into the next slot of folds.
const SLOT: Millis = 11 * SECOND;
/// As late as a response may arrive.
const ALMOST_GRACE: Millis = 5 * MINUTE - SECOND;
/// Three graces and more: no response under way knows of what was before.
const SETTLED: Millis = 16 * MINUTE;
/// A tenth of the idle limit is over.
const TOUCH: Millis = 2 * HOUR + 25 * MINUTE;

const GRACE: Millis = 5 * MINUTE;
/// Hears nothing of the others.
const CUT_OFF: Server = Server { deaf: true, ..Server::PLAIN };

const DAY: Lifetime = Lifetime {
    idle: Some(Duration::from_secs(24 * 3600)),
    absolute: Duration::from_secs(14 * 24 * 3600),
    leeway: Duration::from_secs(60),
};

const BASE: Scenario = Scenario {
    name: "",
    setup: &[],
    acts: &[],
    requests: 3,
    clock: &[],
    servers: &[Server::PLAIN],
    rekey: None,
    lifetime: DAY,
    answer_takes_time: true,
    ordered: true,
    expires: usize::MAX,
    parcels: 24,
    fleet: false,
    thief: (&[], 0),
};

const ANONYMOUS: &[(Act, Millis)] = &[(Write(A), PAUSE), (Write(B), PAUSE)];
const SIGNED_IN: &[(Act, Millis)] = &[(WriteBoth, PAUSE), (Login(Ada), PAUSE), (Write(B), PAUSE)];
/// Five fragments that a fold could take.
const MANY: &[(Act, Millis)] = &[
    (Write(A), PAUSE),
    (Write(B), PAUSE),
    (Write(C), PAUSE),
    (Write(D), PAUSE),
    (Write(E), PAUSE),
];
const MANY_SIGNED_IN: &[(Act, Millis)] = &[
    (Write(F), PAUSE),
    (Login(Ada), PAUSE),
    (Write(A), PAUSE),
    (Write(B), PAUSE),
    (Write(C), PAUSE),
    (Write(D), PAUSE),
    (Write(E), PAUSE),
];

const MANY_IDLE: &[(Act, Millis)] = &[
    (Write(A), PAUSE),
    (Write(B), PAUSE),
    (Write(C), PAUSE),
    (Write(D), PAUSE),
    (Write(E), TOUCH),
];
const ANONYMOUS_IDLE: &[(Act, Millis)] = &[(Write(A), PAUSE), (Write(B), TOUCH)];
const SIGNED_IN_IDLE: &[(Act, Millis)] =
    &[(WriteBoth, PAUSE), (Login(Ada), PAUSE), (Write(B), TOUCH)];

const HOUR_IDLE: Lifetime = Lifetime { idle: Some(Duration::from_secs(3600)), ..DAY };

pub(crate) const ALL: &[Scenario] = &[
    Scenario {
        name: "writes",
        setup: ANONYMOUS,
        acts: &[Write(A), Write(B), WriteBoth, Remove(A), Read],
        clock: &[SLOT],
        ..BASE
    },
    Scenario {
        name: "same instant",
        setup: ANONYMOUS,
        acts: &[Write(A), WriteBoth, Remove(A), Visit, Read],
        answer_takes_time: false,
        ordered: false,
        ..BASE
    },
    Scenario {
        name: "other clocks",
        setup: ANONYMOUS,
        acts: &[Write(A), WriteBoth, Remove(A), Read],
        servers: &[Server::PLAIN, Server { ahead: 4 * MINUTE, ..Server::PLAIN }],
        ordered: false,
        ..BASE
    },
    Scenario {
        name: "late ring",
        setup: ANONYMOUS,
        acts: &[Write(A), Remove(B), Read],
        servers: &[Server::PLAIN, Server { old_ring: true, ..Server::PLAIN }],
        rekey: Some(0),
        ..BASE
    },
    Scenario {
        name: "first visits",
        acts: &[Write(A), Write(B), Login(Ada), LoginAndWrite(Bob), Renew, End, Read],
        clock: &[SETTLED],
        ..BASE
    },
    Scenario {
        name: "sign in",
        setup: ANONYMOUS,
        acts: &[Login(Ada), LoginAndWrite(Bob), Renew, End, Write(A), Remove(A), Visit],
        ..BASE
    },
    Scenario {
        name: "sign out",
        setup: SIGNED_IN,
        acts: &[Write(A), Remove(B), Renew, End, LoginAndWrite(Bob), Leave],
        ..BASE
    },
    Scenario { name: "folds", setup: MANY, acts: &[Read, Write(A)], clock: &[SLOT], ..BASE },
    Scenario {
        name: "folds, signed in",
        setup: MANY_SIGNED_IN,
        acts: &[Read, Write(A), LoginAndWrite(Bob)],
        requests: 2,
        ..BASE
    },
    Scenario {
        name: "removals",
        setup: MANY,
        acts: &[Read, Remove(A)],
        clock: &[ALMOST_GRACE, 26 * MINUTE],
        ..BASE
    },
    Scenario {
        name: "re-key",
        setup: SIGNED_IN,
        acts: &[Read, Write(A), WriteBoth],
        rekey: Some(5 * SECOND),
        clock: &[SLOT],
        ..BASE
    },
    Scenario {
        name: "touch",
        setup: SIGNED_IN,
        acts: &[Read, Renew, End, Write(A), Login(Bob)],
        clock: &[TOUCH],
        ..BASE
    },
    Scenario {
        name: "idle limit",
        setup: &[(Write(A), 7 * MINUTE)],
        acts: &[Read, Login(Ada), Write(B)],
        clock: &[ALMOST_GRACE, 58 * MINUTE],
        lifetime: HOUR_IDLE,
        expires: 2,
        ..BASE
    },
    Scenario {
        name: "upkeep, anonymous",
        setup: ANONYMOUS_IDLE,
        acts: &[Read, WriteBoth, Remove(B), Login(Ada), Renew, End, Visit],
        rekey: Some(0),
        ..BASE
    },
    Scenario {
        name: "upkeep, signed in",
        setup: SIGNED_IN_IDLE,
        acts: &[Read, Write(A), Remove(B), LoginAndWrite(Bob), Renew, End, Leave, Visit],
        rekey: Some(0),
        requests: 2,
        ..BASE
    },
    Scenario {
        name: "folds meet all",
        setup: MANY_IDLE,
        acts: &[Read, WriteBoth, Remove(B), Login(Ada), LoginAndWrite(Bob), Renew, End, Visit],
        requests: 2,
        ..BASE
    },
    Scenario {
        name: "a stolen jar",
        setup: SIGNED_IN,
        acts: &[Renew, End, LoginAndWrite(Bob), Write(A)],
        requests: 2,
        clock: &[GRACE + SECOND],
        servers: &[Server::PLAIN, CUT_OFF],
        fleet: true,
        thief: (&[Read, Renew], 2),
        ..BASE
    },
    Scenario {
        name: "cut off for long",
        setup: SIGNED_IN,
        acts: &[End, Leave, Read],
        requests: 1,
        clock: &[7 * MINUTE, 27 * MINUTE, 27 * MINUTE, 2 * MINUTE],
        servers: &[Server::PLAIN, CUT_OFF],
        lifetime: HOUR_IDLE,
        expires: 0,
        fleet: true,
        thief: (&[Read, Write(A)], 4),
        ..BASE
    },
    Scenario {
        name: "cut off, and adopting",
        setup: SIGNED_IN,
        acts: &[End, Write(A), Visit, Read],
        requests: 3,
        clock: &[SETTLED + MINUTE],
        servers: &[Server::PLAIN, CUT_OFF],
        fleet: true,
        ..BASE
    },
    Scenario {
        name: "all upkeep at once",
        setup: MANY_IDLE,
        acts: &[Read],
        rekey: Some(0),
        ..BASE
    },
];
