//! The demo without a person: many browsers, replicas that die under them, thieves who come
//! after a sign-out, and a count at the end.

use std::net::SocketAddr;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};
use tokio::sync::{Mutex, Semaphore};
use tokio::task::JoinSet;
use tokio::time::sleep;
use url::Url;

use super::client::{self, Browser, Tally};
use super::front::Shared;
use super::person::{Person, Random, Score};
use super::report::Report;
use super::thief::Thief;
use crate::output::Failure;

/// What the built-in client does.
#[derive(clap::Args)]
pub(super) struct Load {
    /// Requests to send
    #[arg(long, default_value_t = 2000, requires = "headless", value_parser = clap::value_parser!(u64).range(1..))]
    requests: u64,
    /// Kill a replica with SIGKILL each time that many requests were sent, 0 for never
    #[arg(long, default_value_t = 100, requires = "headless")]
    kill_every: u64,
    /// Print the result as JSON
    #[arg(long, requires = "headless")]
    json: bool,
}

/// Requests per person: what they write fits a session, and a session is not all that is tested.
const EACH: u64 = 40;
/// People who are at it at the same time.
const AT_ONCE: usize = 16;
/// From the death of a replica to its next start.
const DOWN: Duration = Duration::from_millis(30);
/// From publishing the second key to sealing with it: replicas hear of it within a second.
const LEAD_MS: u64 = 1_000;

/// What lies in the way of the requests: replicas die, keys change.
pub(super) struct Course {
    front: Shared,
    pub(super) thief: Arc<Thief>,
    load: (u64, u64),
    begun: AtomicU64,
    killed: AtomicU64,
    rotated: AtomicBool,
    dice: Mutex<Random>,
    bar: ProgressBar,
}

impl Course {
    /// Runs one request, and what is due beside it.
    pub(super) async fn run<R>(&self, request: impl Future<Output = R>) -> R {
        let (requests, kill_every) = self.load;
        let begun = self.begun.fetch_add(1, Ordering::Relaxed) + 1;
        if begun >= requests / 2 && !self.rotated.swap(true, Ordering::Relaxed) {
            // A failure would show: the report counts keys.
            let _ = self.front.keys.rotate(LEAD_MS).await;
        }
        let reply = if kill_every > 0 && begun.is_multiple_of(kill_every) {
            tokio::join!(request, self.kill()).0
        } else {
            request.await
        };
        self.bar.inc(1);
        reply
    }

    /// Kills one of the live replicas and starts it again shortly after. Never the last one:
    /// then nobody could answer, which is another test.
    async fn kill(&self) {
        let mut dice = self.dice.lock().await;
        let begun = Instant::now();
        while begun.elapsed() < Duration::from_secs(20) {
            let live = self.front.balancer.replicas.live();
            if live.len() >= 2 {
                let Some(&number) = live.get(dice.index(live.len())) else { return };
                if self.front.balancer.replicas.kill(number).await.is_some() {
                    self.killed.fetch_add(1, Ordering::Relaxed);
                }
                let replicas = Arc::clone(&self.front.balancer.replicas);
                tokio::spawn(async move {
                    sleep(DOWN).await;
                    // One that cannot start stays down, and the next kill waits in vain.
                    let _ = replicas.start(number).await;
                });
                return;
            }
            sleep(Duration::from_millis(5)).await;
        }
    }
}

pub(super) async fn run(
    load: &Load,
    front: &Shared,
    address: SocketAddr,
) -> Result<ExitCode, Failure> {
    let base = Url::parse(&format!("http://{address}/"))
        .map_err(|error| Failure::new(format!("no address: {error}")))?;
    let course = Arc::new(Course {
        front: Arc::clone(front),
        thief: Arc::new(Thief::new(Arc::clone(front))),
        load: (load.requests, load.kill_every),
        begun: AtomicU64::new(0),
        killed: AtomicU64::new(0),
        rotated: AtomicBool::new(false),
        dice: Mutex::new(Random(0x5eed)),
        bar: bar(load.requests),
    });
    let tally = Arc::new(Tally::default());
    let begun = Instant::now();
    let people = load.requests.div_ceil(EACH);
    let (http, seats) = (client::http(), Arc::new(Semaphore::new(AT_ONCE)));
    let mut living = JoinSet::new();
    for number in 1..=people {
        let browser = Browser::new(http.clone(), base.clone(), Arc::clone(&tally));
        let mut person = Person::new(number, browser, Arc::clone(&course));
        let seats = Arc::clone(&seats);
        // One request is for the last look.
        let share = load.requests / people + u64::from(number <= load.requests % people);
        living.spawn(async move {
            let _seat = seats.acquire_owned().await;
            person.live(share.saturating_sub(1)).await;
            person
        });
    }
    let people = living.join_all().await;
    let score = last_look(people, &course, &seats).await;
    let loot = course.thief.look_again().await;
    course.bar.finish_and_clear();
    let report = Report::new(&tally, score, begun.elapsed())
        .killed(course.killed.load(Ordering::Relaxed))
        .loot(loot)
        .keys(course.front.keys.keys().len());
    if load.json {
        println!("{}", report.json());
    } else {
        print!("{}", report.table());
    }
    Ok(if report.is_clean() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Everybody looks at what they have, under the new key, on replicas that have died meanwhile.
async fn last_look(people: Vec<Person>, course: &Arc<Course>, seats: &Arc<Semaphore>) -> Score {
    sleep(Duration::from_millis(2 * LEAD_MS)).await;
    let mut looking = JoinSet::new();
    for mut person in people {
        let seats = Arc::clone(seats);
        looking.spawn(async move {
            let _seat = seats.acquire_owned().await;
            person.look().await;
            person.score
        });
    }
    course.bar.set_message("looking at what is there");
    let mut sum = Score::default();
    while let Some(score) = looking.join_next().await {
        // A person who cannot be asked has found nothing.
        let score = score.unwrap_or(Score { lost: 1, ..Score::default() });
        sum.acknowledged += score.acknowledged;
        sum.found += score.found;
        sum.lost += score.lost;
    }
    sum
}

/// Draws on standard error if that is a terminal, else nothing.
fn bar(requests: u64) -> ProgressBar {
    let style = ProgressStyle::with_template("{bar:40} {pos}/{len} requests  {per_sec}  {msg}");
    let bar = ProgressBar::new(requests);
    match style {
        Ok(style) => bar.with_style(style.progress_chars("━╸─")),
        Err(_) => bar,
    }
}
