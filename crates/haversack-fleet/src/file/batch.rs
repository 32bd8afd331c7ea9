//! Several who write at once share one write, and one wait for the disk.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::oneshot::{self, Receiver, Sender};

use super::fault::Fault;

/// Lines that wait to be written.
#[derive(Debug, Default)]
pub(super) struct Batch(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    waiting: Vec<Waiting>,
    /// Somebody writes for all.
    led: bool,
}

type Waiting = (Vec<u8>, Sender<Result<(), Fault>>);

/// Who writes for all, until nobody waits. If it is dropped before, those who wait learn that nothing
/// came of it, and the next one leads.
#[derive(Debug)]
pub(super) struct Leader {
    batch: Arc<Batch>,
    leads: bool,
}

impl Batch {
    /// Adds lines. They are written once somebody leads: the caller must, if it is told so.
    pub(super) fn join(
        self: &Arc<Self>,
        lines: Vec<u8>,
    ) -> (Receiver<Result<(), Fault>>, Option<Leader>) {
        let (done, written) = oneshot::channel();
        let mut state = self.state();
        state.waiting.push((lines, done));
        let leads = !std::mem::replace(&mut state.led, true);
        (written, leads.then(|| Leader { batch: Arc::clone(self), leads }))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Leader {
    /// Writes what waits, and what has come meanwhile, and so on.
    pub(super) fn lead(mut self, write: impl Fn(&[u8]) -> Result<(), Fault>) {
        while let Some(waiting) = self.take() {
            let (lines, done): (Vec<_>, Vec<_>) = waiting.into_iter().unzip();
            let outcome = write(&lines.concat());
            for done in done {
                // Who does not wait any more has no need to know.
                let _ = done.send(outcome.clone());
            }
        }
    }

    /// Those who wait; if there are none this one leads no more.
    fn take(&mut self) -> Option<Vec<Waiting>> {
        let mut state = self.batch.state();
        if state.waiting.is_empty() {
            state.led = false;
            self.leads = false;
            return None;
        }
        Some(std::mem::take(&mut state.waiting))
    }
}

impl Drop for Leader {
    fn drop(&mut self) {
        if self.leads {
            let mut state = self.batch.state();
            state.led = false;
            state.waiting.clear();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn those_who_come_while_one_writes_share_the_next_write() {
        let batch = Arc::new(Batch::default());
        let (mut first, leader) = batch.join(b"1".to_vec());
        let late = Mutex::new(Vec::new());
        let writes = Mutex::new(Vec::new());
        leader.unwrap().lead(|lines| {
            if lines == b"1" {
                for line in [b"2", b"3"] {
                    let (written, leader) = batch.join(line.to_vec());
                    assert!(leader.is_none(), "one leads already");
                    late.lock().unwrap().push(written);
                }
            }
            writes.lock().unwrap().push(lines.to_vec());
            Ok(())
        });
        assert_eq!(*writes.lock().unwrap(), [b"1".to_vec(), b"23".to_vec()]);
        assert_eq!(first.try_recv(), Ok(Ok(())));
        for mut written in late.into_inner().unwrap() {
            assert_eq!(written.try_recv(), Ok(Ok(())));
        }
        assert!(batch.join(Vec::new()).1.is_some(), "nobody leads any more");
    }

    #[test]
    fn all_who_shared_a_write_learn_what_came_of_it() {
        let batch = Arc::new(Batch::default());
        let (mut first, leader) = batch.join(Vec::new());
        let (mut second, _) = batch.join(Vec::new());
        let full = Fault::Full("no space".to_owned());
        leader.unwrap().lead(|_| Err(full.clone()));
        assert_eq!(first.try_recv(), Ok(Err(full.clone())));
        assert_eq!(second.try_recv(), Ok(Err(full)));
    }

    #[test]
    fn a_leader_that_goes_takes_nobody_with_it() {
        let batch = Arc::new(Batch::default());
        let (mut first, leader) = batch.join(Vec::new());
        drop(leader);
        assert!(first.try_recv().is_err());
        let (mut second, leader) = batch.join(Vec::new());
        leader.unwrap().lead(|_| Ok(()));
        assert_eq!(second.try_recv(), Ok(Ok(())));
    }
}
