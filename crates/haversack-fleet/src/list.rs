//! Telling the other servers of sessions.
//!
//! They are beside revocations in the log, and weigh less: nobody waits for one, and what cannot be
//! told in time is left out.

use std::sync::Arc;

use tokio::time::sleep;

use crate::backoff::Backoff;
use crate::clock::now;
use crate::engine::Record;
use crate::entropy::jittered;
use crate::error::{EngineError, EngineErrorKind};
use crate::index::{Index, Waiting};
use crate::publish::{BATCH, PAUSE};
use crate::shared::Shared;
use crate::trouble::Task;

impl Shared {
    /// Appends what is queued, for ever.
    pub(crate) async fn list(self: Arc<Self>) {
        let Some(index) = self.held.index() else { return std::future::pending().await };
        let mut backoff = Backoff::default();
        let mut limit = BATCH;
        loop {
            let batch = index.batch(limit);
            if batch.is_empty() {
                index.woken.notified().await;
                continue;
            }
            match self.append_listed(index, &batch).await {
                Ok(()) => {
                    self.troubles.over(Task::List);
                    index.done(&batch);
                    backoff.reset();
                    limit = (limit * 2).min(BATCH);
                }
                Err(_) if self.engine.read_only() => index.done(&batch),
                Err(error) => {
                    let consequence = "other servers do not list the sessions that begin here";
                    self.troubles.engine(Task::List, consequence, &error);
                    match error.kind() {
                        // One may be to blame for all.
                        EngineErrorKind::Invalid(_) if batch.len() > 1 => limit = 1,
                        EngineErrorKind::Invalid(_) => index.done(&batch),
                        _ => backoff.wait().await,
                    }
                }
            }
        }
    }

    /// The same once, when the fleet ends.
    pub(crate) async fn list_last(&self) {
        let Some(index) = self.held.index() else { return };
        loop {
            let batch = index.batch(BATCH);
            if batch.is_empty() || self.append_listed(index, &batch).await.is_err() {
                return;
            }
            index.done(&batch);
        }
    }

    async fn append_listed(&self, index: &Index, batch: &[Waiting]) -> Result<(), EngineError> {
        let again = batch.iter().any(|waiting| waiting.again);
        if again {
            // Many servers notice at once. Who comes later finds what the first has put back.
            sleep(jittered(PAUSE)).await;
        }
        let now = now();
        let records: Vec<Record> = batch
            .iter()
            .filter(|it| it.listed.until > now && !(it.again && index.is_stored(&it.listed)))
            .map(|it| Record { text: it.listed.to_string(), until: it.listed.until })
            .collect();
        self.append_records(&records, again).await
    }
}
