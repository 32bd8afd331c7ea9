//! Publishing: at once in this server's view, then in the engine, however long that takes.

use std::sync::Arc;
use std::time::Duration;

use haversack::{Publication, Revocation, Timestamp, Unpublished};
use metrics::counter;
use tokio::runtime::Handle;
use tokio::time::{sleep, timeout};

use crate::backoff::Backoff;
use crate::clock::now;
use crate::engine::Record;
use crate::entropy::jittered;
use crate::error::{EngineError, EngineErrorKind};
use crate::queue::Batch;
use crate::shared::Shared;
use crate::trouble::Task;

impl Shared {
    /// Applies and queues records. What is returned is ready when the engine has them, or after a
    /// second; at once if the engine is read-only, since nothing is to be waited for.
    pub(crate) fn publish(self: &Arc<Self>, records: &[Revocation], fleet: &Handle) -> Publication {
        // As they come back from the log: a record's text has whole seconds.
        let records: Vec<Revocation> =
            records.iter().map(|it| it.to_string().parse().unwrap_or(*it)).collect();
        let now = now();
        if let Some(late) = records.iter().find(|record| begins_later(record, now)) {
            let why =
                format!("`{}` begins in the future, which would lock everybody out", late.name());
            return Box::pin(std::future::ready(Err(Unpublished { why })));
        }
        self.held.insert(&records);
        if self.engine.read_only() {
            count("read_only");
            return Box::pin(std::future::ready(Ok(())));
        }
        let hears = self.queue.push(&records);
        let shared = Arc::clone(self);
        let waits = fleet.spawn(async move {
            let result = match timeout(PATIENCE, hears).await {
                Ok(Ok(result)) => result,
                Ok(Err(_)) => Err(Unpublished { why: "the fleet's thread has ended".to_owned() }),
                Err(_) => {
                    let silent = || "the engine has not answered within a second".to_owned();
                    let why = shared.troubles.of(Task::Publish).unwrap_or_else(silent);
                    Err(Unpublished { why })
                }
            };
            count(match result {
                Ok(()) if shared.engine.read_only() => "read_only",
                Ok(()) => "published",
                Err(_) => "late",
            });
            result
        });
        Box::pin(async move {
            let ended = |_| Err(Unpublished { why: "the fleet has ended".to_owned() });
            waits.await.unwrap_or_else(ended)
        })
    }

    /// Appends what is queued, for ever.
    pub(crate) async fn append(self: Arc<Self>) {
        let mut backoff = Backoff::default();
        let mut limit = BATCH;
        loop {
            let Some(batch) = self.queue.batch(limit, now()) else {
                self.held.settle();
                self.queue.woken.notified().await;
                continue;
            };
            match self.append_batch(&batch).await {
                Ok(()) => {
                    self.troubles.over(Task::Publish);
                    self.queue.done(&batch);
                    backoff.reset();
                    limit = (limit * 2).min(BATCH);
                }
                Err(_) if self.engine.read_only() => {
                    self.note_read_only();
                    self.queue.done(&batch);
                }
                Err(error) => {
                    let consequence = "what is revoked here is not known to other servers";
                    self.troubles.engine(Task::Publish, consequence, &error);
                    match error.kind() {
                        // One record may be to blame for all.
                        EngineErrorKind::Invalid(_) if batch.records().len() > 1 => limit = 1,
                        EngineErrorKind::Invalid(_) => {
                            self.queue.refuse(&batch, &error.to_string());
                        }
                        _ => backoff.wait().await,
                    }
                }
            }
        }
    }

    /// Appends what is still queued when the fleet ends, if the engine takes it.
    pub(crate) async fn append_last(&self) {
        while let Some(batch) = self.queue.batch(BATCH, now()) {
            if self.append_batch(&batch).await.is_err() {
                let count = self.queue.len();
                tracing::error!(
                    engine = self.name,
                    count,
                    "this server ends with {count} revocations that no other server knows"
                );
                return;
            }
            self.queue.done(&batch);
        }
    }

    async fn append_batch(&self, batch: &Batch) -> Result<(), EngineError> {
        let again = matches!(batch, Batch::Again(..));
        if again {
            // Many servers notice at once. Who comes later finds what the first has put back.
            sleep(jittered(PAUSE)).await;
        }
        let records: Vec<Record> = batch
            .records()
            .iter()
            .filter(|record| !again || !self.held.has_returned(record))
            .map(stored)
            .collect();
        self.append_records(&records, again).await
    }

    /// Appends all that is held and that the log lacks; all, unless it has been `read`.
    pub(crate) async fn append_held(&self, read: bool) -> Result<(), EngineError> {
        for records in self.held.not_returned(read, now()).chunks(BATCH) {
            // Others may be at it as well.
            let lacking = records.iter().filter(|record| !self.held.has_returned(record));
            let records: Vec<Record> = lacking.map(stored).collect();
            self.append_records(&records, true).await?;
        }
        Ok(())
    }

    /// Appends records, or those that the engine has lost `again`.
    pub(crate) async fn append_records(
        &self,
        records: &[Record],
        again: bool,
    ) -> Result<(), EngineError> {
        if records.is_empty() {
            return Ok(());
        }
        let appended = timeout(APPEND, self.engine.append(records)).await.unwrap_or_else(|_| {
            let why = format!("no answer within {} seconds", APPEND.as_secs());
            Err(EngineError::new(self.name.clone(), EngineErrorKind::Unreachable(why)))
        });
        if again && appended.is_ok() {
            counter!("haversack_fleet_put_back_total").increment(records.len() as u64);
        }
        appended
    }

    /// After a reset, once all that is left was delivered: queues what is not there any more.
    pub(crate) fn put_back_records(&self) {
        let recent = || (!self.engine.forgets()).then(|| self.queue.recent());
        let Some(lacking) = self.held.lacking(recent, now()) else { return };
        let count = lacking.len();
        if count > 0 {
            tracing::warn!(
                engine = self.name,
                count,
                "the engine lost revocations; {count} that this server knows are put back"
            );
        }
        self.queue.push_again(lacking);
        if let Some(index) = self.held.index().filter(|_| self.engine.forgets()) {
            index.put_back();
        }
    }
}

fn stored(record: &Revocation) -> Record {
    Record { text: record.to_string(), until: record.until() }
}

fn count(outcome: &'static str) {
    counter!("haversack_fleet_publications_total", "outcome" => outcome).increment(1);
}

/// Whether it begins after the present second. Up to its end is right: times are whole seconds, and who
/// signed in within the present one is to be out as well.
fn begins_later(record: &Revocation, now: Timestamp) -> bool {
    match record {
        Revocation::Subject { not_before, .. } | Revocation::All { not_before, .. } => {
            not_before.as_secs() > now.as_secs() + 1
        }
        _ => false,
    }
}

/// For whoever waits for a publication.
const PATIENCE: Duration = Duration::from_secs(1);

/// For the engine to take one batch.
const APPEND: Duration = Duration::from_secs(5);

/// Before what was lost is put back.
pub(crate) const PAUSE: Duration = Duration::from_millis(500);

/// Records in one batch.
pub(crate) const BATCH: usize = 500;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sessions_end_up_to_the_end_of_the_present_second() {
        let now = Timestamp::from_millis(1_800_000_000_500);
        for (not_before, later) in [(0, false), (1_800_000_001, false), (1_800_000_002, true)] {
            for text in [
                format!("all {not_before} 1800086400"),
                format!("subject AAECAwQFBgc {not_before} 1800086400"),
            ] {
                assert_eq!(begins_later(&text.parse().unwrap(), now), later, "{text}");
            }
        }
        assert!(!begins_later(&"session AAECAwQFBgc 1800086400".parse().unwrap(), now));
    }
}
