//! `haversack revoke`: ends sessions on all servers of a fleet.

mod subject;

use std::process::ExitCode;
use std::time::Duration;

use clap::Subcommand;
use haversack::{Lifetime, Revocation, RevocationId, Timestamp};
use haversack_fleet::engine::Record;
use haversack_fleet::{EngineError, Report, RingStore};

use crate::output::{Failure, say};
use crate::place::{FleetArgs, wait};
use crate::servers::{self, Moment, reach};
use crate::time;

#[derive(Subcommand)]
pub(crate) enum Revoke {
    /// End one session
    Session {
        /// Its revocation id, as logs show it: 11 characters
        #[arg(allow_hyphen_values = true)]
        id: String,
        #[command(flatten)]
        how: How,
    },
    /// End all sessions of somebody who is signed in; who signs in again afterwards is let in
    Subject {
        #[command(flatten)]
        subject: subject::Args,
        #[command(flatten)]
        how: How,
    },
    /// End all sessions that were created or authenticated before a time
    AllBefore {
        /// `now`, or a time that is over, for example 2026-11-24T10:00:00Z
        #[arg(value_parser = time::parse_time)]
        time: Timestamp,
        #[command(flatten)]
        how: How,
    },
}

#[derive(clap::Args)]
pub(crate) struct How {
    #[command(flatten)]
    fleet: FleetArgs,
    /// How long sessions live unused, or `none`: for so long it is remembered [default: 24h, or longer as
    /// the servers report it]
    #[arg(long, value_name = "DURATION", value_parser = idle)]
    idle: Option<Idle>,
    /// How long sessions live at all, where they have no other limit [default: 14d]
    #[arg(long, value_name = "DURATION", value_parser = time::parse)]
    absolute: Option<u64>,
    /// How long to wait for the servers to say that they have it
    #[arg(long, value_name = "DURATION", default_value = "10s", value_parser = time::parse)]
    wait: u64,
}

/// An idle limit that may be absent. Not an `Option`, which clap takes for an absent argument.
#[derive(Clone, Copy, Debug)]
struct Idle(Option<Duration>);

fn idle(text: &str) -> Result<Idle, String> {
    match text {
        "none" => Ok(Idle(None)),
        _ => time::parse(text).map(|ms| Idle(Some(Duration::from_millis(ms)))),
    }
}

impl Revoke {
    pub(crate) fn run(self) -> Result<ExitCode, Failure> {
        match self {
            Self::Session { id, how } => how.session(&id)?,
            Self::Subject { subject, how } => how.subject(&subject)?,
            Self::AllBefore { time, how } => how.all_before(time)?,
        }
        Ok(ExitCode::SUCCESS)
    }
}

impl How {
    fn session(&self, id: &str) -> Result<(), Failure> {
        let id: RevocationId = id.parse().map_err(|_| {
            Failure::new(format!("`{id}` is no revocation id, which has 11 characters"))
                .hint("logs name it, and `Info::revocation_id`")
        })?;
        let store = self.fleet.fleet()?.open()?;
        wait(async {
            let until = self.until(&store).await?;
            let done = format!("session {id} is over");
            self.publish(&store, Revocation::Session { id, until }, &done).await
        })
    }

    fn subject(&self, subject: &subject::Args) -> Result<(), Failure> {
        let subject = subject.parse()?;
        let store = self.fleet.fleet()?.open()?;
        wait(async {
            let id = subject.id(&store.ring().await?)?;
            // Up to the end of the present second: whoever signed in within it is out as well.
            let not_before = Timestamp::from_secs(time::now().as_secs() + 1);
            let until = self.until(&store).await?;
            let done = format!("all sessions of subject {id} until now are over");
            self.publish(&store, Revocation::Subject { id, not_before, until }, &done).await
        })
    }

    fn all_before(&self, time: Timestamp) -> Result<(), Failure> {
        if time > time::now() {
            return Err(Failure::new(format!(
                "{} is still to come: nobody could sign in until then",
                time::both(time, time::now())
            ))
            .hint("say `now`, or a time that is over"));
        }
        let store = self.fleet.fleet()?.open()?;
        wait(async {
            let not_before = Timestamp::from_secs(time.plus_millis(999).as_secs());
            let until = self.until(&store).await?;
            let done = format!("all sessions from before {} are over", time::rfc3339(not_before));
            self.publish(&store, Revocation::All { not_before, until }, &done).await
        })
    }

    /// Until when it must be remembered. That there is a ring is checked as well: who revokes in the
    /// wrong place must hear of it.
    async fn until(&self, store: &RingStore) -> Result<Timestamp, Failure> {
        if store.is_clear().await?.is_none() {
            store.ring().await?;
        }
        let said = (self.idle.is_some() || self.absolute.is_some()).then(|| {
            let usual = Lifetime::default();
            Lifetime {
                idle: self.idle.map_or(usual.idle, |idle| idle.0),
                absolute: self.absolute.map_or(usual.absolute, Duration::from_millis),
                ..usual
            }
        });
        Ok(servers::until(store, said).await?)
    }

    async fn publish(
        &self,
        store: &RingStore,
        revocation: Revocation,
        done: &str,
    ) -> Result<(), Failure> {
        publish(store, revocation).await?;
        let (until, now) = (revocation.until(), time::now());
        let place = store.engine().name();
        say(&format!("{place}: {done}, remembered until {}", time::both(until, now)));
        let moment = Moment::now(store.engine().as_ref()).await?;
        let knows = |report: &Report| moment.is_known_to(report);
        say(&reach(store, self.wait, knows).await?.to_string());
        Ok(())
    }
}

/// Tells the fleet. Once this succeeds every server learns of it.
pub(crate) async fn publish(store: &RingStore, revocation: Revocation) -> Result<(), EngineError> {
    let record = Record { text: revocation.to_string(), until: revocation.until() };
    store.engine().append(&[record]).await
}

impl From<EngineError> for Failure {
    fn from(error: EngineError) -> Self {
        Self::new(error.to_string())
    }
}
