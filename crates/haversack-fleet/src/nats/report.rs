//! What servers tell of themselves: a key of a bucket for each. The first line of its content says for
//! how many milliseconds it holds, the second begins the report.

use std::time::Duration;

use serde_json::json;

use super::escape::{escape, unescape};
use super::link::Link;
use super::mark::MAX_KEY;
use super::state::Message;
use super::stream::{Kind, Streams, class};
use crate::clock::millis;
use crate::{EngineError, EngineErrorKind};

const PREFIX: &str = "server-";
/// More servers than this are not read.
const MAX_SERVERS: usize = 10_000;

pub(super) async fn report(
    link: &Link,
    streams: &Streams,
    server: &str,
    report: &str,
    ttl: Duration,
) -> Result<(), EngineError> {
    let key = format!("{PREFIX}{}", escape(server));
    let millis = millis(ttl);
    let hours = class(millis).filter(|_| key.len() <= MAX_KEY);
    let Some(hours) = hours else {
        let why = "the name of the server is too long, or the time of its report".to_owned();
        return Err(link.fail(EngineErrorKind::Invalid(why)));
    };
    streams.ensure(link, Kind::Reports, hours).await?;
    let subject = streams.key(Kind::Reports, &key);
    let content = format!("{millis}\n{report}").into_bytes();
    match link.publish(subject, None, content).await? {
        Some(Ok(_)) => Ok(()),
        Some(Err(fault)) => Err(link.fault("storing a report", &fault)),
        None => {
            let why = format!("stream {} has just been deleted", streams.name(Kind::Reports));
            Err(link.fail(EngineErrorKind::Unreachable(why)))
        }
    }
}

pub(super) async fn reports(
    link: &Link,
    streams: &Streams,
) -> Result<Vec<(String, String)>, EngineError> {
    let Some(now) = streams.server_time(link).await? else { return Ok(Vec::new()) };
    let Some(info) = streams.info(link, Kind::Reports).await? else { return Ok(Vec::new()) };
    let subjects = streams.key(Kind::Reports, "*");
    let mut all = std::collections::BTreeMap::new();
    let mut next = 1;
    for _ in 0..MAX_SERVERS {
        let which = json!({ "seq": next, "next_by_subj": subjects });
        let message = streams.get(link, (Kind::Reports, &info), &which).await?;
        let Some(message) = message else { break };
        next = message.sequence + 1;
        if let Some((server, report)) = parse(streams, &message, now) {
            // Later ones come later: of one that has reported in the meantime the newest stays.
            all.insert(server, report);
        }
    }
    Ok(all.into_iter().collect())
}

/// `None` for what is over, and for what [`report`] has not written.
fn parse(streams: &Streams, message: &Message, now: u64) -> Option<(String, String)> {
    let key = message.subject.strip_prefix(&streams.key(Kind::Reports, PREFIX))?;
    let text = message.text()?;
    let (millis, report) = text.split_once('\n')?;
    let age = now.saturating_sub(message.time()?) / 1_000_000;
    let holds = millis.parse::<u64>().is_ok_and(|millis| age < millis);
    holds.then_some((unescape(key)?, report.to_owned()))
}
