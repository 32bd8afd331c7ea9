//! What can go wrong between a fleet and its engine.

use std::fmt;

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
