//! What requests and the reading thread say to each other.
//!
//! Readings are numbered. Who asks while one is under way waits for the next, since the one under
//! way may have read the file before it was changed; all who wait share that next one.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use haversack::Version;

#[derive(Debug, Default)]
pub(super) struct Signal {
    state: Mutex<State>,
    woken: Condvar,
}

#[derive(Debug, Default)]
struct State {
    /// The number of the last reading that began.
    begun: u64,
    changed: bool,
    stopped: bool,
    waiting: Vec<Waiting>,
}

/// A task that asked for a newer view.
#[derive(Debug)]
struct Waiting {
    waker: Waker,
    than: Version,
    answer: Answer,
}

#[derive(Debug, PartialEq, Eq)]
enum Answer {
    /// Comes with this reading.
    Due(u64),
    /// Came then: the task has been woken and not yet asked again.
    Given(Instant),
}

impl Signal {
    /// Asks for a reading that begins after this call; ready when it is over, whatever came of it.
    pub(super) fn poll(&self, than: Version, cx: &mut Context<'_>) -> Poll<()> {
        let mut state = self.lock();
        let mine = |waiting: &Waiting| waiting.than == than && waiting.waker.will_wake(cx.waker());
        match state.waiting.iter().position(mine) {
            Some(i) if matches!(state.waiting[i].answer, Answer::Given(_)) => {
                state.waiting.swap_remove(i);
                return Poll::Ready(());
            }
            Some(_) => {}
            None => {
                let answer = Answer::Due(state.begun + 1);
                state.waiting.push(Waiting { waker: cx.waker().clone(), than, answer });
                self.woken.notify_one();
            }
        }
        Poll::Pending
    }

    /// The file may have changed.
    pub(super) fn changed(&self) {
        self.lock().changed = true;
        self.woken.notify_one();
    }

    /// Nobody wants to know any more.
    pub(super) fn stop(&self) {
        self.lock().stopped = true;
        self.woken.notify_one();
    }

    /// Waits until it is time to read, `every` at most; the number of the reading that begins, or
    /// `None` when it is time to stop.
    pub(super) fn next(&self, every: Duration) -> Option<u64> {
        let idle = |state: &mut State| !(state.changed || state.asked() || state.stopped);
        let mut state = self.wait(self.lock(), every, idle);
        if state.changed {
            // A program that writes much into the directory must not keep this thread busy.
            state = self.wait(state, SETTLE, |state| !(state.asked() || state.stopped));
        }
        if state.stopped {
            return None;
        }
        state.changed = false;
        state.begun += 1;
        Some(state.begun)
    }

    /// The reading with this number is over, and `version` is now the newest: wakes those who
    /// waited for it.
    pub(super) fn over(&self, number: u64, version: Version) {
        let now = Instant::now();
        let mut wake = Vec::new();
        let mut state = self.lock();
        state.waiting.retain_mut(|waiting| match waiting.answer {
            Answer::Due(due) if due <= number => {
                wake.push(waiting.waker.clone());
                waiting.answer = Answer::Given(now);
                // Who finds a newer view needs no other answer.
                waiting.than >= version
            }
            Answer::Due(_) => true,
            // A task that was woken and did not come back gave up.
            Answer::Given(then) => now.duration_since(then) < FORGET,
        });
        // Wakers run code of others, which may ask again.
        drop(state);
        wake.into_iter().for_each(Waker::wake);
    }

    fn wait<'a>(
        &'a self,
        state: MutexGuard<'a, State>,
        time: Duration,
        idle: impl FnMut(&mut State) -> bool,
    ) -> MutexGuard<'a, State> {
        let waited = self.woken.wait_timeout_while(state, time, idle);
        waited.unwrap_or_else(PoisonError::into_inner).0
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn asked(&self) -> bool {
        self.waiting.iter().any(|waiting| matches!(waiting.answer, Answer::Due(_)))
    }
}

/// From a change in the directory to the reading: those who replace a file change it several times.
const SETTLE: Duration = Duration::from_millis(10);

/// Requests wait 250 ms at most; this is long after.
const FORGET: Duration = Duration::from_secs(2);

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::task::Wake;

    use super::*;

    #[derive(Default)]
    struct Count(AtomicUsize);

    impl Wake for Count {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::SeqCst);
        }
    }

    fn poll(signal: &Signal, count: &Arc<Count>) -> Poll<()> {
        let waker = Waker::from(Arc::clone(count));
        signal.poll(Version(1), &mut Context::from_waker(&waker))
    }

    const EVERY: Duration = Duration::from_secs(3600);

    #[test]
    fn a_reading_under_way_does_not_answer() {
        let (signal, early, late) = <(Signal, Arc<Count>, Arc<Count>)>::default();
        assert!(poll(&signal, &early).is_pending());
        assert_eq!(signal.next(EVERY), Some(1));
        assert!(poll(&signal, &late).is_pending(), "comes while the file is being read");
        signal.over(1, Version(1));
        assert_eq!((early.0.load(Ordering::SeqCst), late.0.load(Ordering::SeqCst)), (1, 0));
        assert!(poll(&signal, &early).is_ready());
        assert!(poll(&signal, &late).is_pending());
        assert_eq!(signal.next(EVERY), Some(2), "does not wait an hour");
        signal.over(2, Version(1));
        assert!(poll(&signal, &late).is_ready());
    }

    #[test]
    fn who_asks_often_waits_once() {
        let (signal, task) = <(Signal, Arc<Count>)>::default();
        for _ in 0..3 {
            assert!(poll(&signal, &task).is_pending());
        }
        assert_eq!(signal.next(EVERY), Some(1));
        signal.over(1, Version(1));
        assert_eq!(task.0.load(Ordering::SeqCst), 1);
        assert!(poll(&signal, &task).is_ready());
        assert!(signal.lock().waiting.is_empty());
        assert!(poll(&signal, &task).is_pending(), "a new question");
    }

    #[test]
    fn stopping_and_changes_end_the_wait() {
        let signal = Signal::default();
        signal.changed();
        assert_eq!(signal.next(EVERY), Some(1));
        assert_eq!(signal.next(Duration::ZERO), Some(2));
        signal.stop();
        assert_eq!(signal.next(EVERY), None);
    }
}
