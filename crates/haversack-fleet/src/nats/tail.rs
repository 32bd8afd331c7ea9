//! The messages of the log from a place on, in order and without gaps, as the server pushes them.
//!
//! A consumer of the server that ends when nobody listens. It numbers what it pushes; a number left out
//! ends the tail, and so does silence: the server promises a sign of life each second. Nothing is
//! concluded from either: that nothing is missing is known from the stream alone.

use std::time::Duration;

use async_nats::Subscriber;
use futures_util::{FutureExt as _, StreamExt as _};
use serde_json::{Value, json};
use tokio::time::{Instant, timeout_at};

use super::link::Link;
use super::stream::{Kind, Streams};
use crate::EngineError;

const SIGN_OF_LIFE: Duration = Duration::from_secs(1);
/// At most so many messages at a time.
const BATCH: usize = 1000;

/// A consumer that pushes.
pub(super) struct Tail {
    subscriber: Subscriber,
    pushed: u64,
    /// When something last came.
    heard: Instant,
}

/// A message of the log.
pub(super) struct Line {
    pub(super) sequence: u64,
    /// When it was stored, in nanoseconds.
    pub(super) stored: u64,
    pub(super) subject: String,
    pub(super) content: async_nats::Message,
}

impl Tail {
    /// Begins with the message of this number, or the next one that there is. `None` without a stream.
    pub(super) async fn open(
        link: &Link,
        streams: &Streams,
        from: u64,
    ) -> Result<Option<Self>, EngineError> {
        let inbox = link.inbox();
        let subscriber = link.subscribe(inbox.clone()).await?;
        let stream = streams.name(Kind::Log);
        let nanos = |time: Duration| u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
        let question = json!({
            "stream_name": stream,
            "config": {
                "deliver_subject": inbox,
                "deliver_policy": "by_start_sequence",
                "opt_start_seq": from.max(1),
                "ack_policy": "none",
                "replay_policy": "instant",
                "max_deliver": 1,
                "flow_control": true,
                "idle_heartbeat": nanos(SIGN_OF_LIFE),
                "inactive_threshold": nanos(SIGN_OF_LIFE * 10),
                "mem_storage": true,
                "num_replicas": 1,
            },
        });
        match link.api::<Value>(&format!("CONSUMER.CREATE.{stream}"), &question).await? {
            Ok(_) => Ok(Some(Self { subscriber, pushed: 0, heard: Instant::now() })),
            Err(fault) if fault.is_no_stream() => Ok(None),
            Err(fault) => Err(link.fault(&format!("following stream {stream}"), &fault)),
        }
    }

    /// The next messages: at least one, as soon as there is one. `None` if this tail is at its end.
    ///
    /// Nothing is lost if it is dropped while it waits.
    pub(super) async fn next(&mut self, link: &Link) -> Option<Vec<Line>> {
        loop {
            let message =
                timeout_at(self.heard + SIGN_OF_LIFE * 3, self.subscriber.next()).await.ok()??;
            self.heard = Instant::now();
            if message.status.is_some() {
                control(link, message);
                continue;
            }
            let mut lines = vec![self.line(message)?];
            // From here on it does not wait, so it cannot be dropped.
            while lines.len() < BATCH
                && let Some(Some(message)) = self.subscriber.next().now_or_never()
            {
                if message.status.is_some() {
                    control(link, message);
                } else if let Some(line) = self.line(message) {
                    lines.push(line);
                } else {
                    // The number after the one left out is refused next time as well.
                    break;
                }
            }
            return Some(lines);
        }
    }

    fn line(&mut self, message: async_nats::Message) -> Option<Line> {
        let reply = message.reply.as_ref()?.as_str();
        let parts: Vec<_> = reply.strip_prefix("$JS.ACK.")?.split('.').collect();
        // Stream, consumer, deliveries, number in the stream, number of the consumer, time, pending.
        // Servers may put domain and account in front, and more behind.
        let numbers = if parts.len() == 7 { &parts[2..] } else { parts.get(4..)? };
        let number = |at: usize| numbers.get(at)?.parse::<u64>().ok();
        let (sequence, pushed, stored) = (number(1)?, number(2)?, number(3)?);
        if pushed != self.pushed + 1 {
            return None;
        }
        self.pushed = pushed;
        Some(Line { sequence, stored, subject: message.subject.to_string(), content: message })
    }
}

/// Answers what the server asks before it goes on pushing. The rest are signs of life.
fn control(link: &Link, message: async_nats::Message) {
    let stalled = message.headers.as_ref().and_then(|it| it.get("Nats-Consumer-Stalled"));
    let subject = stalled.map(|subject| subject.as_str().into()).or(message.reply);
    if let Some(subject) = subject {
        link.nod(subject);
    }
}
