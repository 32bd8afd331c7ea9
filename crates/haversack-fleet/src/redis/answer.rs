//! What a fleet asks of an engine, one by one.

use std::sync::atomic::Ordering;
use std::time::Duration;

use async_trait::async_trait;
use haversack::Timestamp;
use redis::Value;

use super::follow::Following;
use super::script::{self, list, text};
use super::{RedisEngine, advice, apps};
use crate::EngineError;
use crate::clock::{self, now};
use crate::engine::{Cursor, Engine, Follower, Put, Record, RingDocument};

/// Records of one script: it keeps all others waiting while it runs.
const BATCH: usize = 500;
/// How long it is checked that a change of the ring is still there; all entries stay for longer.
const RING_CHECKED_MS: u64 = 240_000;
/// The longest name of a server or mark, and the longest report, in bytes.
const MAX_NAME: usize = 500;
const MAX_REPORT: usize = 64 * 1024;
/// The most servers whose reports are read.
const MAX_REPORTS: usize = 1000;

#[async_trait]
impl Engine for RedisEngine {
    fn name(&self) -> String {
        self.target.name.clone()
    }

    fn app(&self) -> Option<String> {
        self.keys.get().map(|keys| keys.app.clone())
    }

    async fn apps(&self) -> Result<Vec<String>, EngineError> {
        apps(&*self.reads.get().await?).await
    }

    async fn ring(&self) -> Result<Option<RingDocument>, EngineError> {
        let Some(keys) = self.keys_if_any().await? else { return Ok(None) };
        self.read_ring(&*self.reads.get().await?, keys).await
    }

    async fn put_ring(&self, expect: u64, document: &RingDocument) -> Result<Put, EngineError> {
        let RingDocument { revision, text: content } = document;
        if *revision == 0 {
            return Err(self.invalid("a ring of revision 0, which means that there is none"));
        }
        let keys = self.keys().await?;
        let script = script::put(keys, expect, *revision, content, &self.fresh_generation()?);
        let until = now().plus_millis(RING_CHECKED_MS);
        let answer = self.write(keys, script, until, |answer| match answer {
            Value::Array(answer) => answer.get(1).cloned().and_then(text),
            _ => None,
        });
        let mut answer = list(answer.await?).into_iter();
        let held = answer.next().unwrap_or(Value::Nil);
        if answer.next().is_some() {
            self.met.store(true, Ordering::Release);
            return Ok(Put::Stored);
        }
        let held = text(held).and_then(|held| held.parse().ok());
        let held = held.ok_or_else(|| self.unusable("the revision of its ring is not a number"))?;
        Ok(Put::Lost(held))
    }

    async fn append(&self, records: &[Record]) -> Result<(), EngineError> {
        if !records.iter().all(|record| script::is_line(&record.text)) {
            return Err(self.invalid("a record is one line of 1 to 200 printable ASCII characters"));
        }
        let keys = self.keys().await?;
        for batch in records.chunks(BATCH) {
            let lines: Vec<_> =
                batch.iter().map(|it| (it.until.as_millis(), it.text.as_str())).collect();
            let script = script::append(keys, &self.fresh_generation()?, &lines);
            let until = batch.iter().map(|it| it.until).max().unwrap_or(now());
            self.write(keys, script, until, |id| text(id.clone())).await?;
        }
        Ok(())
    }

    async fn follow(&self, from: Option<Cursor>, to: &mut dyn Follower) -> EngineError {
        match Following::start(self, from, to).await {
            Ok(following) => following.run(to).await,
            Err(error) => error,
        }
    }

    async fn clock(&self) -> Result<Option<Timestamp>, EngineError> {
        let time = self.reads.get().await?.ask_one(redis::cmd("TIME")).await?;
        let time: Vec<u64> =
            list(time).into_iter().filter_map(|it| text(it)?.parse().ok()).collect();
        match time.as_slice() {
            [seconds, micros] => {
                let millis = seconds.saturating_mul(1000).saturating_add(micros / 1000);
                Ok(Some(Timestamp::from_millis(millis)))
            }
            _ => Err(self.unusable("it does not tell the time")),
        }
    }

    async fn once(&self, mark: &str, ttl: Duration) -> Result<bool, EngineError> {
        named(self, "a mark", mark)?;
        let keys = self.keys().await?;
        let mut set = redis::cmd("SET");
        set.arg(keys.once(mark)).arg(1).arg("NX").arg("PX").arg(millis(ttl));
        Ok(self.reads.get().await?.ask_one(set).await? == Value::Okay)
    }

    async fn report(&self, server: &str, report: &str, ttl: Duration) -> Result<(), EngineError> {
        named(self, "a server's name", server)?;
        if report.len() > MAX_REPORT {
            return Err(self.invalid(format!("a report of more than {MAX_REPORT} bytes")));
        }
        let keys = self.keys().await?;
        let script = script::report(keys, server, report, millis(ttl));
        self.reads.get().await?.ask_one(script).await?;
        Ok(())
    }

    async fn reports(&self) -> Result<Vec<(String, String)>, EngineError> {
        let Some(keys) = self.keys_if_any().await? else { return Ok(Vec::new()) };
        let connection = self.reads.get().await?;
        let mut names = redis::cmd("ZREVRANGE");
        names.arg(&keys.servers).arg(0).arg(MAX_REPORTS - 1);
        let names = list(connection.ask_one(names).await?);
        let names: Vec<_> = names.into_iter().filter_map(text).collect();
        if names.is_empty() {
            return Ok(Vec::new());
        }
        let mut reports = redis::cmd("MGET");
        for name in &names {
            reports.arg(keys.server(name));
        }
        // A report that is over is gone, although its name may still be there.
        let reports = list(connection.ask_one(reports).await?).into_iter().map(text);
        Ok(names.into_iter().zip(reports).filter_map(|(name, it)| Some((name, it?))).collect())
    }

    async fn advice(&self) -> Result<Vec<String>, EngineError> {
        let connection = self.reads.get().await?;
        Ok(advice::Facts::of(&connection).await?.advice(&self.target))
    }

    fn forgets(&self) -> bool {
        true
    }
}

/// Names are parts of keys.
fn named(engine: &RedisEngine, what: &str, name: &str) -> Result<(), EngineError> {
    if name.len() > MAX_NAME {
        return Err(engine.invalid(format!("{what} of more than {MAX_NAME} bytes")));
    }
    Ok(())
}

/// At least one: Redis knows no time that is over at once.
fn millis(ttl: Duration) -> u64 {
    // Redis refuses what does not fit its clock.
    clock::millis(ttl).clamp(1, 1 << 47)
}
