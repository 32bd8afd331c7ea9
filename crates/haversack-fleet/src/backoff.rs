//! How long to wait before trying again.

use std::time::Duration;

use crate::entropy::jittered;

/// Doubles from 100 ms to 2 s, with jitter, until something works.
#[derive(Debug)]
pub(crate) struct Backoff(Duration);

impl Default for Backoff {
    fn default() -> Self {
        Self(LEAST)
    }
}

impl Backoff {
    pub(crate) async fn wait(&mut self) {
        tokio::time::sleep(self.next()).await;
    }

    pub(crate) fn next(&mut self) -> Duration {
        let wait = jittered(self.0).clamp(LEAST, MOST);
        self.0 = (self.0 * 2).min(MOST);
        wait
    }

    pub(crate) fn reset(&mut self) {
        self.0 = LEAST;
    }
}

const LEAST: Duration = Duration::from_millis(100);
const MOST: Duration = Duration::from_secs(2);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_within_bounds_and_begin_anew() {
        let mut backoff = Backoff::default();
        for _ in 0..20 {
            assert!((LEAST..=MOST).contains(&backoff.next()));
        }
        assert!(backoff.next() >= MOST / 2);
        backoff.reset();
        assert!(backoff.next() <= LEAST * 2);
    }
}
