//! How commands speak: failures with a hint, colours only on a terminal.

use std::io::{IsTerminal as _, Write as _, stderr, stdin, stdout};
use std::process::ExitCode;

/// Says something on standard output. Whoever does not listen any more, as `head`, has heard enough.
pub(crate) fn say(text: &str) {
    let _ = writeln!(stdout().lock(), "{text}");
}

/// Asks before what cannot be taken back, if there is somebody to ask.
pub(crate) fn confirm(what: &str) -> Result<(), Failure> {
    if !stdin().is_terminal() || !stderr().is_terminal() {
        return Ok(());
    }
    eprint!("{what}\ngo on? [y/N] ");
    let mut answer = String::new();
    let read = stdin().read_line(&mut answer);
    match answer.trim() {
        "y" | "Y" | "yes" if read.is_ok() => Ok(()),
        _ => Err(Failure::new("nothing was changed")),
    }
}

/// Why a command failed, and what to do about it.
#[derive(Debug)]
pub(crate) struct Failure {
    what: String,
    hint: Option<String>,
}

impl Failure {
    pub(crate) fn new(what: impl Into<String>) -> Self {
        Self { what: what.into(), hint: None }
    }

    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    pub(crate) fn hint_text(&self) -> Option<&str> {
        self.hint.as_deref()
    }

    /// Says it on standard error.
    pub(crate) fn report(&self) -> ExitCode {
        let (red, plain) = if stderr().is_terminal() { ("\x1b[31m", "\x1b[0m") } else { ("", "") };
        eprintln!("{red}error{plain}: {}", self.what);
        if let Some(hint) = &self.hint {
            eprintln!("hint: {hint}");
        }
        ExitCode::FAILURE
    }
}

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.what)
    }
}
