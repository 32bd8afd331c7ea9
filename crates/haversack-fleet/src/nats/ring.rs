//! The ring document: one key of a bucket. Its revision stands on the first line, the text follows.
//!
//! It is alone in its stream, so that the compare-and-swap can be on the number of the last message of
//! the whole stream. The condition on that of the key alone, which tools use, holds in no
//! cluster of servers 2.9: of those who write at once several win.

use async_nats::HeaderMap;
use zeroize::Zeroizing;

use super::link::Link;
use super::state::{Info, Message};
use super::stream::{Kind, Streams};
use crate::engine::{Put, RingDocument};
use crate::{EngineError, EngineErrorKind};

pub(super) const KEY: &str = "ring";
const EXPECT: &str = "Nats-Expected-Last-Sequence";

/// What is stored, and in which message: 0 if there is none.
pub(super) struct Held {
    sequence: u64,
    pub(super) document: Option<RingDocument>,
}

/// Reads what is stored. The inner error says why it is no ring document.
pub(super) async fn read(
    link: &Link,
    streams: &Streams,
) -> Result<Result<Held, EngineError>, EngineError> {
    let info = streams.info(link, Kind::Ring).await?;
    read_from(link, streams, info.as_ref()).await
}

/// The same if the stream has been asked for already.
pub(super) async fn read_from(
    link: &Link,
    streams: &Streams,
    info: Option<&Info>,
) -> Result<Result<Held, EngineError>, EngineError> {
    let message = match info {
        Some(info) => streams.last(link, (Kind::Ring, info), KEY).await?,
        None => None,
    };
    let Some(message) = message else {
        return Ok(Ok(Held { sequence: 0, document: None }));
    };
    let sequence = message.sequence;
    if message.is_deletion() {
        return Ok(Ok(Held { sequence, document: None }));
    }
    Ok(parse(&message).map(|document| Held { sequence, document: Some(document) }).ok_or_else(
        || {
            let bucket = streams.name(Kind::Ring);
            let bucket = bucket.trim_start_matches("KV_");
            link.unusable(format!(
            "what is under the key `{KEY}` of bucket `{bucket}` is no key ring; if no server has a \
             backup, delete it with `nats kv del {bucket} {KEY}`, and put a ring there again"
        ))
        },
    ))
}

pub(super) async fn put(
    link: &Link,
    streams: &Streams,
    expect: u64,
    document: &RingDocument,
) -> Result<Put, EngineError> {
    if document.revision == 0 {
        let why = "a ring document has a revision of 1 or more".to_owned();
        return Err(link.fail(EngineErrorKind::Invalid(why)));
    }
    // Each time round somebody else has written, which cannot go on with the revision unchanged.
    for _ in 0..10 {
        // In this order: what is written after the first question makes the last one fail.
        let info = streams.ensure(link, Kind::Ring, 0).await?;
        let last = info.state.last_seq;
        let held = read_from(link, streams, Some(&info)).await??;
        if held.sequence > last {
            continue;
        }
        let revision = held.document.map_or(0, |document| document.revision);
        if revision != expect {
            return Ok(Put::Lost(revision));
        }
        let mut headers = HeaderMap::new();
        headers.insert(EXPECT, last.to_string().as_str());
        let content = format!("{}\n{}", document.revision, *document.text).into_bytes();
        let subject = streams.key(Kind::Ring, KEY);
        match link.publish(subject, Some(headers), content).await? {
            Some(Ok(_)) => return Ok(Put::Stored),
            Some(Err(fault)) if fault.is_lost_race() => {}
            Some(Err(fault)) => return Err(link.fault("storing the key ring", &fault)),
            None => {}
        }
    }
    let why = "others change the key ring without end".to_owned();
    Err(link.fail(EngineErrorKind::Unreachable(why)))
}

fn parse(message: &Message) -> Option<RingDocument> {
    let text = Zeroizing::new(message.text()?);
    let (revision, text) = text.split_once('\n')?;
    let digits = revision.bytes().all(|byte| byte.is_ascii_digit()) && !revision.starts_with('0');
    let revision = revision.parse().ok().filter(|_| digits)?;
    Some(RingDocument { revision, text: Zeroizing::new(text.to_owned()) })
}
