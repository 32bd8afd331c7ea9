//! Records, each under a subject that is made of its text: the same one twice is stored once.

use std::collections::HashSet;

use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;

use super::escape::escape;
use super::fault::ApiFault;
use super::link::Link;
use super::stream::{Kind, Streams, class};
use crate::clock::now;
use crate::engine::Record;
use crate::{EngineError, EngineErrorKind};

/// How many may be on their way.
const UNDER_WAY: usize = 256;
const MAX_CHARS: usize = 200;

/// Stores records, and returns when the server has acknowledged each.
pub(super) async fn append(
    link: &Link,
    streams: &Streams,
    records: &[Record],
) -> Result<(), EngineError> {
    if let Some(odd) = records.iter().find(|record| !is_fine(&record.text)) {
        let length = odd.text.chars().count();
        let why = format!(
            "a record of {length} characters; records are one line of 1 to {MAX_CHARS} printable ones"
        );
        return Err(link.fail(EngineErrorKind::Invalid(why)));
    }
    let now = now();
    let mut waiting = HashSet::new();
    for record in records.iter().filter(|record| record.until > now) {
        let Some(hours) = class(record.until.millis_since(now)) else {
            let why = "a record is to be kept for longer than ten years".to_owned();
            return Err(link.fail(EngineErrorKind::Invalid(why)));
        };
        waiting.insert((hours, record.text.as_str()));
    }
    for _ in 0..10 {
        let homeless = store(link, streams, &waiting).await?;
        let Some(hours) = homeless.iter().map(|(hours, _)| *hours).max() else { return Ok(()) };
        // There is no stream, or none that keeps anything for so long.
        streams.ensure(link, Kind::Log, hours).await?;
        waiting = homeless;
    }
    let why = format!("stream {} takes no records", streams.name(Kind::Log));
    Err(link.fail(EngineErrorKind::Unreachable(why)))
}

/// Stores what it can, and returns what no stream takes.
async fn store<'a>(
    link: &Link,
    streams: &Streams,
    records: &HashSet<(u64, &'a str)>,
) -> Result<HashSet<(u64, &'a str)>, EngineError> {
    let mut homeless = HashSet::new();
    let mut rest = records.iter().copied();
    let mut under_way = FuturesUnordered::new();
    loop {
        let room = UNDER_WAY - under_way.len();
        under_way.extend(rest.by_ref().take(room).map(|record| store_one(link, streams, record)));
        match under_way.next().await {
            None => break,
            Some((record, stored)) => match stored? {
                Some(Ok(_)) => {}
                Some(Err(fault)) => return Err(link.fault("storing a record", &fault)),
                None => drop(homeless.insert(record)),
            },
        }
    }
    Ok(homeless)
}

type Stored = Result<Option<Result<u64, ApiFault>>, EngineError>;

async fn store_one<'a>(
    link: &Link,
    streams: &Streams,
    record: (u64, &'a str),
) -> ((u64, &'a str), Stored) {
    let (hours, text) = record;
    let subject = streams.key(Kind::Log, &format!("{hours}.{}", escape(text)));
    (record, link.publish(subject, None, text.as_bytes().to_vec()).await)
}

/// The record that a message holds; `None` if [`append`] has not written it.
pub(super) fn read<'a>(subject: &str, content: &'a [u8]) -> Option<&'a str> {
    let text = std::str::from_utf8(content).ok().filter(|text| is_fine(text))?;
    let (_, key) = subject.rsplit_once('.')?;
    (key == escape(text)).then_some(text)
}

fn is_fine(text: &str) -> bool {
    let short = text.len() <= MAX_CHARS * 4 && text.chars().count() <= MAX_CHARS;
    short && !text.is_empty() && !text.chars().any(char::is_control)
}

#[cfg(test)]
mod tests {
    use super::read;

    #[test]
    fn reads_what_was_written_alone() {
        let subject = "haversack.log.shop.24.closed_20_41b";
        assert_eq!(read(subject, b"closed Ab"), Some("closed Ab"));
        for other in ["closed ab", "closed Ab\n", "", "\u{7}", &"x".repeat(201)] {
            assert_eq!(read(subject, other.as_bytes()), None, "{other:?}");
        }
        assert_eq!(read(subject, b"\xff"), None);
        assert_eq!(read("", b"closed Ab"), None);
    }
}
