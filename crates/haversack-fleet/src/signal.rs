//! What requests and the fleet's thread say to each other about newer rings.
//!
//! Questions to the engine are numbered. Who asks while one is under way waits for the next, since the
//! engine may have answered before the ring was changed; all who wait share that next one.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use haversack::Version;
use tokio::sync::Notify;

#[derive(Debug, Default)]
pub(crate) struct Signal {
    state: Mutex<State>,
    woken: Notify,
}

#[derive(Debug, Default)]
struct State {
    /// The number of the last question that was put.
    begun: u64,
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
    /// Comes with this question.
    Due(u64),
    /// Came then: the task has been woken and not yet asked again.
    Given(Instant),
}

impl Signal {
    /// Asks the engine after this call; ready when it has answered, whatever came of it. Ready at once
    /// when more tasks wait than can be told, and when the fleet has stopped.
    pub(crate) fn poll(&self, than: Version, cx: &mut Context<'_>) -> Poll<()> {
        let mut state = self.lock();
        if state.stopped {
            return Poll::Ready(());
        }
        let mine = |waiting: &Waiting| waiting.than == than && waiting.waker.will_wake(cx.waker());
        match state.waiting.iter().position(mine) {
            Some(i) if matches!(state.waiting[i].answer, Answer::Given(_)) => {
                state.waiting.swap_remove(i);
                return Poll::Ready(());
            }
            Some(_) => {}
            None if state.waiting.len() >= MOST => return Poll::Ready(()),
            None => {
                let answer = Answer::Due(state.begun + 1);
                state.waiting.push(Waiting { waker: cx.waker().clone(), than, answer });
                self.woken.notify_one();
            }
        }
        Poll::Pending
    }

    /// Waits until somebody asks; the number of the question that begins.
    pub(crate) async fn next(&self) -> u64 {
        loop {
            if let Some(number) = self.begin() {
                return number;
            }
            self.woken.notified().await;
        }
    }

    fn begin(&self) -> Option<u64> {
        let mut state = self.lock();
        let due = |waiting: &Waiting| matches!(waiting.answer, Answer::Due(_));
        if !state.waiting.iter().any(due) {
            return None;
        }
        state.begun += 1;
        Some(state.begun)
    }

    /// The question with this number was answered, and `version` is now the newest: wakes those who
    /// waited for it.
    pub(crate) fn over(&self, number: u64, version: Version) {
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

    /// Nobody answers any more.
    pub(crate) fn stop(&self) {
        let mut state = self.lock();
        state.stopped = true;
        let waiting = std::mem::take(&mut state.waiting);
        drop(state);
        for waiting in waiting {
            waiting.waker.wake();
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Requests wait 250 ms at most; this is long after.
const FORGET: Duration = Duration::from_secs(2);

/// Tasks that wait at most.
const MOST: usize = 10_000;

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

    #[test]
    fn a_question_under_way_does_not_answer() {
        let (signal, early, late) = <(Signal, Arc<Count>, Arc<Count>)>::default();
        assert_eq!(signal.begin(), None);
        assert!(poll(&signal, &early).is_pending());
        assert_eq!(signal.begin(), Some(1));
        assert!(poll(&signal, &late).is_pending(), "comes while the engine is asked");
        signal.over(1, Version(1));
        assert_eq!((early.0.load(Ordering::SeqCst), late.0.load(Ordering::SeqCst)), (1, 0));
        assert!(poll(&signal, &early).is_ready());
        assert!(poll(&signal, &late).is_pending());
        assert_eq!(signal.begin(), Some(2));
        signal.over(2, Version(1));
        assert!(poll(&signal, &late).is_ready());
        assert_eq!(signal.begin(), None);
    }

    #[test]
    fn who_asks_often_waits_once() {
        let (signal, task) = <(Signal, Arc<Count>)>::default();
        for _ in 0..3 {
            assert!(poll(&signal, &task).is_pending());
        }
        assert_eq!(signal.begin(), Some(1));
        signal.over(1, Version(1));
        assert_eq!(task.0.load(Ordering::SeqCst), 1);
        assert!(poll(&signal, &task).is_ready());
        assert!(signal.lock().waiting.is_empty());
        assert!(poll(&signal, &task).is_pending(), "a new question");
    }

    #[test]
    fn a_crowd_is_bounded_and_stopping_ends_every_wait() {
        let signal = Signal::default();
        let tasks: Vec<Arc<Count>> = (0..=MOST).map(|_| Arc::default()).collect();
        let pending = tasks.iter().filter(|task| poll(&signal, task).is_pending()).count();
        assert_eq!(pending, MOST);
        signal.stop();
        assert!(tasks.iter().take(MOST).all(|task| task.0.load(Ordering::SeqCst) == 1));
        assert!(poll(&signal, &tasks[0]).is_ready());
    }
}
