//! What can go wrong between a fleet and its engine.

use std::{fmt, io};

use crate::document::DocumentError;

/// Why an engine could not do what it was asked.
#[derive(Debug)]
pub struct EngineError {
    engine: String,
    kind: EngineErrorKind,
}

/// What went wrong, by who can put it right.
#[derive(Debug)]
#[non_exhaustive]
pub enum EngineErrorKind {
    /// It cannot be reached, or does not answer: try again.
    Unreachable(String),
    /// It does not accept the credentials, or these may not do what is needed.
    Refused(String),
    /// It answers, but not as an engine of this kind does.
    Unusable(String),
    /// Its disk or memory is full.
    Full(String),
    /// What was asked cannot be done or stored, or the engine's URL is wrong.
    Invalid(String),
}

impl EngineError {
    /// An error of the engine that goes by this name.
    pub fn new(engine: impl Into<String>, kind: EngineErrorKind) -> Self {
        Self { engine: engine.into(), kind }
    }

    /// What went wrong.
    pub fn kind(&self) -> &EngineErrorKind {
        &self.kind
    }

    /// Whether trying again can help without anybody doing something.
    pub fn is_temporary(&self) -> bool {
        matches!(self.kind, EngineErrorKind::Unreachable(_) | EngineErrorKind::Full(_))
    }
}

impl fmt::Display for EngineError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { engine, kind } = self;
        match kind {
            EngineErrorKind::Unreachable(why) => write!(f, "cannot reach {engine}: {why}"),
            EngineErrorKind::Refused(why) => {
                write!(f, "{engine} refuses: {why}; check user, password and what the user may do")
            }
            EngineErrorKind::Unusable(why) => write!(f, "{engine} cannot be used: {why}"),
            EngineErrorKind::Full(why) => write!(f, "{engine} is full: {why}"),
            EngineErrorKind::Invalid(why) => write!(f, "{engine} cannot do this: {why}"),
        }
    }
}

impl std::error::Error for EngineError {}

/// Why a fleet cannot be joined, or its ring not be read or changed.
///
/// No secret is in it, so it may be logged.
#[derive(Debug)]
pub struct FleetError {
    engine: String,
    kind: FleetErrorKind,
}

/// What is wrong with a fleet, by who can put it right.
#[derive(Debug)]
#[non_exhaustive]
pub enum FleetErrorKind {
    /// The address names no engine that this program has.
    Address(String),
    /// The ring is changed by others faster than by this program.
    Contended,
    /// The stored ring is not taken, or could not be made.
    Document(DocumentError),
    /// The engine could not do what it was asked.
    Engine(EngineError),
    /// There is a ring already, and it is never overwritten.
    Exists {
        /// The app that it belongs to, if it could be read.
        app: Option<String>,
    },
    /// There is no ring.
    NoRing {
        /// Other apps whose rings the engine holds, as far as it tells.
        others: Vec<String>,
    },
    /// The ring belongs to another app, or its index key is another.
    OtherRing {
        /// The app that was expected.
        expected: String,
        /// The app whose ring it is.
        found: String,
    },
    /// Not all was delivered and confirmed in time; and what the engine last said, if anything.
    Timeout(Option<String>),
    /// The fleet's thread could not be started, or has ended.
    Thread(io::Error),
}

impl FleetError {
    pub(crate) fn new(engine: impl Into<String>, kind: FleetErrorKind) -> Self {
        Self { engine: engine.into(), kind }
    }

    /// The engine, without credentials.
    pub fn engine(&self) -> &str {
        &self.engine
    }

    /// What is wrong.
    pub fn kind(&self) -> &FleetErrorKind {
        &self.kind
    }

    /// Whether trying again can help without anybody doing something.
    pub fn is_temporary(&self) -> bool {
        match &self.kind {
            FleetErrorKind::Engine(error) => error.is_temporary(),
            FleetErrorKind::Document(error) => error.is_temporary(),
            FleetErrorKind::Timeout(_) | FleetErrorKind::Contended => true,
            _ => false,
        }
    }
}

impl fmt::Display for FleetError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { engine, kind } = self;
        match kind {
            FleetErrorKind::Address(why) => write!(f, "`{engine}` cannot be used: {why}"),
            FleetErrorKind::Contended => {
                write!(f, "others keep changing the key ring in {engine}: try again")
            }
            FleetErrorKind::Document(error) => write!(f, "{engine}: {error}"),
            FleetErrorKind::Engine(error) => error.fmt(f),
            FleetErrorKind::Exists { app } => {
                write!(f, "{engine} holds a key ring already")?;
                if let Some(app) = app {
                    write!(f, ", of the app `{app}`")?;
                }
                f.write_str(", and overwriting it would end every session: rotate it instead")
            }
            FleetErrorKind::NoRing { others } => {
                write!(f, "{engine} has no key ring")?;
                if others.is_empty() {
                    f.write_str(":")?;
                } else {
                    let others = others.join("`, `");
                    write!(
                        f,
                        " of this app, but of `{others}`: correct `?app=NAME` in the address, or"
                    )?;
                }
                f.write_str(
                    " make one with `haversack keys init --fleet URL`, where URL is the address that \
                     this program was given",
                )
            }
            FleetErrorKind::OtherRing { expected, found } if expected == found => write!(
                f,
                "the key ring in {engine} is another one of the app `{found}`: its index key \
                 differs from that of the ring in use"
            ),
            FleetErrorKind::OtherRing { expected, found } => write!(
                f,
                "the key ring in {engine} belongs to the app `{found}`, and this is `{expected}`: \
                 correct the name, or the address"
            ),
            FleetErrorKind::Timeout(None) => {
                write!(f, "{engine} has not delivered everything in time")
            }
            FleetErrorKind::Timeout(Some(why)) => {
                write!(f, "{engine} has not delivered everything in time: {why}")
            }
            FleetErrorKind::Thread(error) => {
                write!(f, "the thread that follows {engine} does not run: {error}")
            }
        }
    }
}

impl std::error::Error for FleetError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match &self.kind {
            FleetErrorKind::Document(error) => Some(error),
            FleetErrorKind::Engine(error) => Some(error),
            FleetErrorKind::Thread(error) => Some(error),
            _ => None,
        }
    }
}

impl From<EngineError> for FleetError {
    fn from(error: EngineError) -> Self {
        Self { engine: error.engine.clone(), kind: FleetErrorKind::Engine(error) }
    }
}
