//! `haversack keys`: what an operator does with a key ring, in a file or shared by a fleet. Secrets are
//! never printed.

pub(crate) mod check;
mod kek;
mod list;
mod revoke;
mod status;

use std::fmt::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Subcommand;
use haversack::{Entropy, KeyInfo, KeyRing, KeyRingError, KeyState, NoEntropy};
use haversack_fleet::file::{self, FileError, FileErrorKind};
use haversack_fleet::{Report, RingStore};

use crate::output::{Failure, say};
use crate::place::{Fleet, Place, PlaceArgs, wait};
use crate::time;

#[derive(Subcommand)]
pub(crate) enum Keys {
    /// Make a key ring, in a new file that only you can read, or for a fleet
    ///
    /// Every server of the app needs the same ring: share it through an engine (`--fleet`), or copy the
    /// file, or hand it out as a secret.
    Init {
        #[command(flatten)]
        place: PlaceArgs,
        /// The app whose sessions the keys are for; it can never be changed
        #[arg(long, value_name = "NAME")]
        app: String,
    },
    /// Show the keys and what each of them does
    List {
        #[command(flatten)]
        place: PlaceArgs,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Add a key, which seals sessions once every server has it
    ///
    /// Servers that watch the file, or that follow the fleet, take the new ring within a second, without
    /// a restart. Where the file is copied, it must have arrived everywhere before the new key seals: see
    /// `--lead`. The servers of a fleet rotate its ring themselves unless they were told not to.
    Rotate {
        #[command(flatten)]
        place: PlaceArgs,
        /// How long sessions live unused; without such a limit, how long they live at all
        ///
        /// The present key opens for three times as long after it stopped sealing; longer, if servers
        /// report that their sessions live longer.
        #[arg(long, value_name = "DURATION", default_value = "24h", value_parser = time::parse)]
        idle: u64,
        /// How long from now until the new key seals
        #[arg(long, value_name = "DURATION", default_value = "10m", value_parser = time::parse)]
        lead: u64,
    },
    /// Look for problems; exit code 1 if there are any
    Check {
        #[command(flatten)]
        place: PlaceArgs,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    Status(status::Args),
    Revoke(revoke::Args),
    /// Make a key-encryption key, in a new file that only you can read
    Kek {
        /// The file
        #[arg(value_name = "FILE")]
        file: PathBuf,
    },
    /// Seal the ring with a key-encryption key, or with another one
    ///
    /// Every server needs that key first: one that does not have it keeps the ring that it has, and
    /// cannot start. To change the key name the new one first and then the old one, here and on the
    /// servers.
    Wrap {
        #[command(flatten)]
        place: PlaceArgs,
    },
    /// Store the ring in the clear
    Unwrap {
        #[command(flatten)]
        place: PlaceArgs,
    },
}

impl Keys {
    pub(crate) fn run(self) -> Result<ExitCode, Failure> {
        match self {
            Self::Init { place, app } => init(&place, &app)?,
            Self::List { place, json } => list(&place, json)?,
            Self::Rotate { place, idle, lead } => rotate(&place, idle, lead)?,
            Self::Check { place, json } => return check(&place, json),
            Self::Status(args) => return args.run(),
            Self::Revoke(args) => args.run()?,
            Self::Kek { file } => kek::make(&file)?,
            Self::Wrap { place } => kek::wrap(place.fleet()?)?,
            Self::Unwrap { place } => kek::unwrap(place.fleet()?)?,
        }
        Ok(ExitCode::SUCCESS)
    }
}

fn init(place: &PlaceArgs, app: &str) -> Result<(), Failure> {
    let ring = KeyRing::generate(app, time::now(), Os)?;
    let (name, sealed) = match place.place()? {
        Place::File(file) => {
            file::create(&file, &ring)?;
            (file.display().to_string(), None)
        }
        Place::Fleet(_) => {
            let fleet = place.fleet()?.of_app(app);
            let sealed = fleet.seals_with();
            let store = fleet.open()?;
            wait(async { Ok(store.create(&ring).await?) })?;
            (store.engine().name(), sealed)
        }
    };
    let key = ring.sealing(time::now()).map(|key| key.id.to_string()).unwrap_or_default();
    let sealed = sealed.map(|by| format!(", sealed with {by}")).unwrap_or_default();
    say(&format!("{name}: key ring for {app}{sealed}, key {key} seals from now on"));
    Ok(())
}

fn list(place: &PlaceArgs, json: bool) -> Result<(), Failure> {
    let (name, ring) = match place.place()? {
        Place::File(file) => (file.display().to_string(), file::read(&file)?),
        Place::Fleet(_) => {
            let store = place.fleet()?.open()?;
            (store.engine().name(), wait(async { Ok(store.ring().await?) })?)
        }
    };
    say(&list::show(&name, &ring, time::now(), json));
    Ok(())
}

fn rotate(place: &PlaceArgs, idle: u64, lead: u64) -> Result<(), Failure> {
    let next = |ring: &KeyRing, idle| ring.rotate(time::now(), Os, lead, KeyRing::overlap_ms(idle));
    let ring = match place.place()? {
        Place::File(file) => file::update(&file, |ring| next(ring, idle))?,
        Place::Fleet(_) => {
            let fleet = place.fleet()?;
            wait(async {
                let store = fleet.open_as_it_is().await?;
                let idle = idle.max(unused_ms(&store.servers().await?));
                Ok(store.update(|ring| next(ring, idle)).await?)
            })?
        }
    };
    say(&rotated(&ring));
    Ok(())
}

/// How long sessions live unused as their servers report it, some minutes more.
fn unused_ms(servers: &[Report]) -> u64 {
    let kept = servers.iter().filter_map(|report| report.revocations_kept_s).max();
    kept.map_or(0, |s| s.saturating_mul(1000))
}

fn check(place: &PlaceArgs, json: bool) -> Result<ExitCode, Failure> {
    let report = match place.place()? {
        Place::File(file) => check::check(&file, time::now()),
        Place::Fleet(_) => wait(check_fleet(place.fleet()?))?,
    };
    Ok(report.tell(json))
}

async fn check_fleet(fleet: Fleet) -> Result<check::Report, Failure> {
    let store = fleet.open()?;
    let mut report = check::Report::of_fleet(Some(store.engine().name()));
    judge_stored(&store, &mut report).await;
    Ok(report)
}

/// Judges the ring that an engine holds, and how it holds it.
pub(crate) async fn judge_stored(store: &RingStore, report: &mut check::Report) {
    match store.ring().await {
        Ok(ring) => report.judge(&ring, time::now()),
        Err(error) => {
            let failure = Failure::from(error);
            return report.problem(match failure.hint_text() {
                Some(hint) => format!("{failure}: {hint}"),
                None => failure.to_string(),
            });
        }
    }
    let on_this_machine = store.engine().name().starts_with("file:");
    if !on_this_machine && matches!(store.is_clear().await, Ok(Some(true))) {
        report.warning(
            "the key ring is stored in the clear: who may read the engine, its backups or its \
             traffic can forge any session; seal it with `haversack keys wrap`, once every server \
             has the key-encryption key",
        );
    }
}

/// The new key, and how long those open that it takes over from.
fn rotated(ring: &KeyRing) -> String {
    let now = time::now();
    let Some(new) = ring.keys(now).last() else { return String::new() };
    let mut out = format!("key {} seals from {}", new.id, time::both(new.seals_from, now));
    let ends =
        |key: &KeyInfo| key.seals_until == Some(new.seals_from) && key.state != KeyState::Revoked;
    for key in ring.keys(now).filter(ends) {
        if let Some(end) = key.opens_until {
            let _ = write!(out, "\nkey {} opens until {}", key.id, time::both(end, now));
        }
    }
    out
}

impl From<FileError> for Failure {
    fn from(error: FileError) -> Self {
        match error.kind() {
            FileErrorKind::Ring(ring) => {
                Self::of_ring(ring).unwrap_or_else(|| Self::new(error.to_string()))
            }
            _ => Self::new(error.to_string()),
        }
    }
}

impl From<KeyRingError> for Failure {
    fn from(error: KeyRingError) -> Self {
        Self::of_ring(&error).unwrap_or_else(|| Self::new(error.to_string()))
    }
}

impl Failure {
    /// What is not wrong with a ring, but with what was asked of it.
    pub(crate) fn of_ring(error: &KeyRingError) -> Option<Self> {
        match error {
            KeyRingError::Upcoming { id, activates } => Some(
                Self::new(format!(
                    "nothing was rotated: key {id} is already there and seals from {}",
                    time::both(*activates, time::now())
                ))
                .hint("rotate again after that"),
            ),
            KeyRingError::AlreadyRevoked { id, since } => Some(Self::new(format!(
                "nothing was revoked: key {id} was at {}",
                time::both(*since, time::now())
            ))),
            KeyRingError::UnknownKey { .. } => Some(Self::new(error.to_string())),
            _ => None,
        }
    }
}

/// For scripts, and readable.
pub(crate) fn json(value: &impl serde::Serialize) -> String {
    serde_json::to_string_pretty(value).unwrap_or_default() // strings and numbers always encode
}

/// The operating system's random generator.
pub(crate) struct Os;

impl Entropy for Os {
    fn fill(&mut self, bytes: &mut [u8]) -> Result<(), NoEntropy> {
        getrandom::fill(bytes).map_err(|_| NoEntropy)
    }
}
