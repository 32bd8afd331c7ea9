//! Marks that one server takes: a key of a bucket, and for how many milliseconds it is taken.
//!
//! Its time begins when the server of NATS stores it, and is judged by the clock of that server.
//!
//! A condition on the last message of a key does not hold in a cluster of servers 2.9: of those who take
//! an expired mark at once several win. So the bucket keeps all messages of a key, and first is who
//! wrote the first one.

use std::time::Duration;

use async_nats::HeaderMap;
use serde_json::json;

use super::escape::escape;
use super::link::Link;
use super::stream::{Kind, Streams, class};
use crate::clock::millis;
use crate::{EngineError, EngineErrorKind};

/// A subject is one line of the protocol, which may have 4096 bytes.
pub(super) const MAX_KEY: usize = 3000;

/// Takes a mark, if nobody has it.
pub(super) async fn once(
    link: &Link,
    streams: &Streams,
    mark: &str,
    ttl: Duration,
) -> Result<bool, EngineError> {
    // A key must not be empty, and a mark may be.
    let key = format!("mark-{}", escape(mark));
    if key.len() > MAX_KEY {
        let why = format!("a mark of {} bytes is too long", mark.len());
        return Err(link.fail(EngineErrorKind::Invalid(why)));
    }
    let millis = millis(ttl);
    let Some(hours) = class(millis) else {
        let why = "a mark is to be kept for longer than ten years".to_owned();
        return Err(link.fail(EngineErrorKind::Invalid(why)));
    };
    let info = streams.ensure(link, Kind::Marks, hours).await?;
    let marks = (Kind::Marks, &info);
    let sequence = match streams.last(link, marks, &key).await? {
        None => 0,
        Some(held) if held.is_deletion() => held.sequence,
        Some(held) => {
            // What nobody can read is taken: whoever wrote it, it was not to let two go first.
            let taken_for: Option<u64> = held.text().and_then(|text| text.parse().ok());
            let since = held.time().zip(streams.server_time(link).await?);
            let age = since.map(|(from, to)| to.saturating_sub(from) / 1_000_000);
            if taken_for.zip(age).is_none_or(|(taken_for, age)| age < taken_for) {
                return Ok(false);
            }
            held.sequence
        }
    };
    let subject = streams.key(Kind::Marks, &key);
    let content = millis.to_string().into_bytes();
    let mut headers = HeaderMap::new();
    headers.insert("Nats-Expected-Last-Subject-Sequence", sequence.to_string().as_str());
    let mine = match link.publish(subject.clone(), Some(headers), content).await? {
        Some(Ok(mine)) => mine,
        Some(Err(fault)) if fault.is_lost_race() => return Ok(false),
        Some(Err(fault)) => return Err(link.fault("taking a mark", &fault)),
        None => {
            let why = format!("stream {} has just been deleted", streams.name(Kind::Marks));
            return Err(link.fail(EngineErrorKind::Unreachable(why)));
        }
    };
    let which = json!({ "seq": sequence + 1, "next_by_subj": subject });
    let first = streams.get(link, marks, &which).await?;
    if first.is_none_or(|first| first.sequence != mine) {
        return Ok(false);
    }
    // Somebody may have made the stream keep less in between.
    streams.ensure(link, Kind::Marks, hours).await?;
    Ok(true)
}
