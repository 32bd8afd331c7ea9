//! Ending all sessions a second time, once what was made with a leaked key has begun.
//!
//! Servers take a session that claims to begin up to five minutes from now, since clocks may differ by
//! that much. So who had a key may have made sessions that begin after it was revoked, and have had
//! them sealed anew; and what is over cannot name a time that is still to come.

use haversack::{Revocation, Timestamp};
use haversack_fleet::RingStore;
use indicatif::{ProgressBar, ProgressStyle};
use tokio::time::{Duration, sleep};

use crate::output::{Failure, say};
use crate::place::WITH_PASSWORD;
use crate::servers::{self, clock_difference};
use crate::{revoke, time};

/// The second time, which is still to come.
#[derive(Debug)]
pub(super) struct Second {
    at: Timestamp,
    /// The rest of a command that names the same fleet.
    place: String,
}

/// How a pause ended.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Pause {
    Over,
    Stopped,
}

impl Second {
    /// When no server takes such a session for one of before any more. All of them know of the key by
    /// now, and a clock that is ahead took sessions that begin so much later.
    pub(super) async fn of(store: &RingStore, place: String) -> Self {
        Self::after(time::now(), ahead_ms(store).await.unwrap_or(0), place)
    }

    fn after(now: Timestamp, ahead_ms: u64, place: String) -> Self {
        // Clocks that differ by more are not the fleet's to bear.
        let wait = GRACE_MS + ahead_ms.min(GRACE_MS);
        Self { at: now.plus_millis(wait).next_second(), place }
    }

    /// The command that does it. Before its time it is refused, and it can be given at any time after.
    fn command(&self) -> String {
        let command =
            format!("haversack revoke all-before {}{}", time::rfc3339(self.at), self.place);
        if self.place == WITH_PASSWORD {
            format!("`{command}`, where URL is the address that this command was given")
        } else {
            format!("`{command}`")
        }
    }

    /// What is left to do, for who does not stay.
    pub(super) fn announce(&self) {
        say(&format!(
            "not done yet: sessions that were made with the key may begin until {}; after that run \
             {}",
            time::both(self.at, time::now()),
            self.command()
        ));
    }

    /// Stays until then and ends them, in a store that is opened anew: a connection that is idle for
    /// minutes may be gone.
    pub(super) async fn stay(
        &self,
        open: impl FnOnce() -> Result<RingStore, Failure>,
        pause: impl Future<Output = Pause>,
    ) -> Result<(), Failure> {
        say(&format!(
            "sessions that were made with the key may begin until {}: this command stays, and ends \
             them then",
            time::both(self.at, time::now())
        ));
        if pause.await == Pause::Stopped {
            return Err(self.left("it was stopped"));
        }
        let published = async { self.publish(&open()?).await };
        published.await.map_err(|error| self.left(&error.to_string()))?;
        say(&format!("all sessions from before {} are over", time::rfc3339(self.at)));
        Ok(())
    }

    async fn publish(&self, store: &RingStore) -> Result<(), Failure> {
        let until = servers::until(store, None).await?;
        let all = Revocation::All { not_before: self.at, until };
        revoke::publish(store, all).await?;
        Ok(())
    }

    fn left(&self, why: &str) -> Failure {
        Failure::new(format!(
            "{why}; the key is revoked, but sessions that were made with it may begin until {}",
            time::both(self.at, time::now())
        ))
        .hint(format!("after that run {}", self.command()))
    }

    /// Until it is time, by the clock on the wall: a machine that sleeps meanwhile is not late.
    pub(super) async fn pause(&self) -> Pause {
        let left = || self.at.millis_since(time::now());
        let bar = ProgressBar::new(left());
        if let Ok(style) = ProgressStyle::with_template("{bar:40} {msg}") {
            bar.set_style(style.progress_chars("━╸─"));
        }
        let count = async {
            while left() > 0 {
                bar.set_position(bar.length().unwrap_or(0).saturating_sub(left()));
                bar.set_message(format!("{}, Ctrl-C says what is left to do", time::span(left())));
                sleep(Duration::from_millis(left().min(1000))).await;
            }
            Pause::Over
        };
        let ended = tokio::select! {
            over = count => over,
            () = crate::signal::stop() => Pause::Stopped,
        };
        bar.finish_and_clear();
        ended
    }
}

/// By how much the clock of a server is ahead of ours, at the most, as far as anybody knows.
async fn ahead_ms(store: &RingStore) -> Option<u64> {
    let ours = clock_difference(store.engine().as_ref()).await.ok()??;
    let servers = store.servers().await.ok()?;
    let theirs = servers.iter().filter_map(|it| it.clock_difference_ms);
    theirs.filter_map(|theirs| u64::try_from(ours.saturating_sub(theirs)).ok()).max()
}

/// By how much clocks may differ, and so how far ahead a session may begin.
const GRACE_MS: u64 = 5 * 60 * 1000;

#[cfg(test)]
mod tests {
    use std::path::Path;

    use haversack_fleet::{address, run, wrap::Wraps};

    use super::*;

    const T0: Timestamp = Timestamp::from_secs(1_800_000_000);

    fn store(keys: &Path) -> Result<RingStore, Failure> {
        let engine = address::engine(&format!("file:{}", keys.display()));
        Ok(RingStore::new(engine?, Wraps::none()))
    }

    fn second() -> Second {
        Second::after(T0, 0, " --fleet shop.keys".to_owned())
    }

    /// How it ended, and what the fleet's log then says of all sessions.
    fn stayed(pause: Pause, write: bool) -> (Result<(), Failure>, Vec<String>) {
        let folder = tempfile::tempdir().unwrap();
        let keys = folder.path().join(if write { "shop.keys" } else { "gone/shop.keys" });
        let ended = run(second().stay(|| store(&keys), async { pause })).unwrap();
        let log = std::fs::read_to_string(folder.path().join("shop.keys.log")).unwrap_or_default();
        (ended, log.lines().filter(|it| it.starts_with("all ")).map(str::to_owned).collect())
    }

    #[test]
    fn what_was_made_with_the_key_is_over_once_it_has_begun() {
        let (ended, log) = stayed(Pause::Over, true);
        ended.unwrap();
        assert_eq!(log.len(), 1, "{log:?}");
        assert!(log[0].starts_with("all 1800000301 "), "{log:?}");
    }

    #[test]
    fn who_does_not_stay_is_told_what_is_left() {
        let command = "after that run `haversack revoke all-before 2027-01-15T08:05:01Z --fleet \
                       shop.keys`";
        let (ended, log) = stayed(Pause::Stopped, true);
        assert_eq!(ended.unwrap_err().hint_text(), Some(command));
        assert_eq!(log, [""; 0]);

        let (ended, _) = stayed(Pause::Over, false);
        assert_eq!(ended.unwrap_err().hint_text(), Some(command), "it could not be published");
    }

    #[test]
    fn clocks_that_are_ahead_took_sessions_that_begin_later() {
        let wait = |ahead| Second::after(T0, ahead, String::new()).at.millis_since(T0);
        assert_eq!(wait(0), 301_000);
        assert_eq!(wait(100_500), 401_000);
        assert_eq!(wait(86_400_000), 601_000, "no clock of a fleet is so wrong");
    }

    #[test]
    fn a_pause_lasts_until_its_time() {
        let over = Second { at: time::now(), place: String::new() };
        assert_eq!(run(over.pause()).unwrap(), Pause::Over);
        let ahead = Second { at: time::now().plus_millis(60_000), place: String::new() };
        let waits = run(async {
            tokio::select! { _ = ahead.pause() => false, () = tokio::task::yield_now() => true }
        });
        assert!(waits.unwrap());
    }
}
