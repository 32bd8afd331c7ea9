//! `haversack fleet check`: what is wrong with an engine, a key ring, the servers, and the front.

use std::process::ExitCode;

use haversack::Timestamp;
use haversack_fleet::RingStore;

use super::{front, status};
use crate::keys::check::Report;
use crate::keys::judge_stored;
use crate::output::Failure;
use crate::place::{FleetArgs, wait};
use crate::servers::clock_difference;
use crate::time;

/// Look for problems in the engine, the key ring, the servers, and in front of them; exit code 1 if
/// there are any
#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    fleet: FleetArgs,
    /// Where clients reach the servers: whether the proxies on the way pass what sessions need
    ///
    /// The servers answer `haversack_tower::Probe` there, at /.well-known/haversack-probe below this
    /// address. May be repeated. Alone, without a fleet, only the front is checked.
    #[arg(long, value_name = "URL")]
    front: Vec<String>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

impl Args {
    pub(super) fn run(&self) -> Result<ExitCode, Failure> {
        let fronts: Vec<_> =
            self.front.iter().map(|url| front::Front::parse(url)).collect::<Result<_, _>>()?;
        // A front can be checked by who has no access to the fleet.
        let fleet = if self.fleet.is_given() || fronts.is_empty() {
            Some(self.fleet.fleet()?.open()?)
        } else {
            None
        };
        wait(async {
            let mut report = Report::of_fleet(fleet.as_ref().map(|it| it.engine().name()));
            if let Some(store) = &fleet {
                check(store, &mut report).await;
            }
            for front in &fronts {
                front.check(&mut report).await;
            }
            Ok(report.tell(self.json))
        })
    }
}

async fn check(store: &RingStore, report: &mut Report) {
    let engine = store.engine();
    let revision = match engine.ring().await {
        Ok(document) => document.map(|document| document.revision),
        // Nothing else can be asked either.
        Err(error) => return report.problem(error.to_string()),
    };
    judge_stored(store, report).await;
    let difference = clock_difference(engine.as_ref()).await;
    match &difference {
        Ok(Some(ms)) if ms.unsigned_abs() > NOT_READY_MS => report.problem(format!(
            "the engine's clock is {}: servers whose clock differs by so much from it are not ready; \
             synchronise both (NTP)",
            apart(*ms)
        )),
        Ok(Some(ms)) if ms.unsigned_abs() > SKEW_MS => report.warning(format!(
            "the engine's clock is {}: synchronise both (NTP)",
            apart(*ms)
        )),
        Ok(_) => {}
        Err(error) => report.problem(error.to_string()),
    }
    match engine.advice().await {
        Ok(advice) => advice.into_iter().for_each(|it| report.warning(it)),
        Err(error) => report.problem(error.to_string()),
    }
    match store.servers().await {
        Err(error) => report.problem(error.to_string()),
        Ok(servers) if servers.is_empty() => report.warning(
            "no server has reported within 20 seconds: none runs, or they use another address, or may \
             not report",
        ),
        Ok(servers) => {
            let ahead = difference.ok().flatten().unwrap_or(0);
            let now = Timestamp::from_millis(time::now().as_millis().saturating_add_signed(ahead));
            let count = servers.len();
            let mut ready = 0;
            for server in servers {
                let problems = status::problems(&server, revision.unwrap_or(0), now);
                if problems.is_empty() {
                    ready += 1;
                } else {
                    report.problem(format!("server {}: {}", server.server, problems.join("; ")));
                }
            }
            report.fact(format!("{ready} of {count} servers are ready and up to date"));
        }
    }
}

fn apart(ms: i64) -> String {
    let by = time::span(ms.unsigned_abs());
    if ms > 0 {
        format!("{by} ahead of this machine's")
    } else {
        format!("{by} behind this machine's")
    }
}

/// Clocks that are synchronised differ by less.
const SKEW_MS: u64 = 5_000;

/// Half the grace, as servers judge themselves.
const NOT_READY_MS: u64 = 150_000;
