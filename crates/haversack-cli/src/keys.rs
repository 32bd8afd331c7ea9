//! `haversack keys`: what an operator does with a key ring file. Secrets are never printed.

mod check;
mod list;
mod time;

use std::fmt::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Subcommand};
use haversack::{Entropy, KeyRing, KeyRingError, NoEntropy};
use haversack_fleet::file::{self, FileError, FileErrorKind};

use crate::output::{Failure, say};

#[derive(Subcommand)]
pub(crate) enum Keys {
    /// Make a key ring, in a new file that only you can read
    ///
    /// Every server of the app needs the same ring: copy the file, or hand it out as a secret.
    Init {
        #[command(flatten)]
        file: File,
        /// The app whose sessions the keys are for; it can never be changed
        #[arg(long, value_name = "NAME")]
        app: String,
    },
    /// Show the keys and what each of them does
    List {
        #[command(flatten)]
        file: File,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Add a key, which seals sessions once every server has it
    ///
    /// Servers that watch the file take the new ring within a second, without a restart. Where the
    /// file is copied, it must have arrived everywhere before the new key seals: see `--lead`.
    Rotate {
        #[command(flatten)]
        file: File,
        /// How long sessions live unused; without such a limit, how long they live at all
        ///
        /// The present key opens for three times as long after it stopped sealing.
        #[arg(long, value_name = "DURATION", default_value = "24h", value_parser = time::parse)]
        idle: u64,
        /// How long from now until the new key seals
        #[arg(long, value_name = "DURATION", default_value = "10m", value_parser = time::parse)]
        lead: u64,
    },
    /// Look for problems; exit code 1 if there are any
    Check {
        #[command(flatten)]
        file: File,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
}

#[derive(Args)]
pub(crate) struct File {
    /// The key ring file
    #[arg(
        value_name = "FILE",
        env = "HAVERSACK_KEYS",
        hide_env_values = true,
        default_value = "haversack.keys"
    )]
    file: PathBuf,
}

impl Keys {
    pub(crate) fn run(self) -> Result<ExitCode, Failure> {
        match self {
            Self::Init { file: File { file }, app } => {
                let ring = KeyRing::generate(&app, time::now(), Os)?;
                file::create(&file, &ring)?;
                let key = ring.sealing(time::now()).map(|key| key.id.to_string());
                say(&format!(
                    "{}: key ring for {app}, key {} seals from now on",
                    file.display(),
                    key.unwrap_or_default()
                ));
                Ok(ExitCode::SUCCESS)
            }
            Self::List { file: File { file }, json } => {
                let ring = file::read(&file)?;
                say(&list::show(&file, &ring, time::now(), json));
                Ok(ExitCode::SUCCESS)
            }
            Self::Rotate { file: File { file }, idle, lead } => {
                let rotate =
                    |ring: &KeyRing| ring.rotate(time::now(), Os, lead, KeyRing::overlap_ms(idle));
                say(&rotated(&file::update(&file, rotate)?));
                Ok(ExitCode::SUCCESS)
            }
            Self::Check { file: File { file }, json } => {
                let report = check::check(&file, time::now());
                say(&report.show(json));
                Ok(if report.is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
            }
        }
    }
}

/// The new key, and how long those open that it takes over from.
fn rotated(ring: &KeyRing) -> String {
    let now = time::now();
    let Some(new) = ring.keys(now).last() else { return String::new() };
    let mut out = format!("key {} seals from {}", new.id, time::both(new.seals_from, now));
    for key in ring.keys(now).filter(|key| key.seals_until == Some(new.seals_from)) {
        if let Some(end) = key.opens_until {
            let _ = write!(out, "\nkey {} opens until {}", key.id, time::both(end, now));
        }
    }
    out
}

impl From<FileError> for Failure {
    fn from(error: FileError) -> Self {
        match error.kind() {
            FileErrorKind::Ring(error @ KeyRingError::Upcoming { .. }) => error.clone().into(),
            _ => Self::new(error.to_string()),
        }
    }
}

impl From<KeyRingError> for Failure {
    fn from(error: KeyRingError) -> Self {
        match error {
            KeyRingError::Upcoming { id, activates } => Self::new(format!(
                "nothing was rotated: key {id} is already there and seals from {}",
                time::both(activates, time::now())
            ))
            .hint("rotate again after that"),
            error => Self::new(error.to_string()),
        }
    }
}

/// For scripts, and readable.
fn json(value: &impl serde::Serialize) -> String {
    serde_json::to_string_pretty(value).unwrap_or_default() // strings and numbers always encode
}

/// The operating system's random generator.
pub(crate) struct Os;

impl Entropy for Os {
    fn fill(&mut self, bytes: &mut [u8]) -> Result<(), NoEntropy> {
        getrandom::fill(bytes).map_err(|_| NoEntropy)
    }
}
