//! What must happen at once, as scripts that run on the server, and reading its answers.

use redis::{Cmd, Value};

use super::keys::{APPS, Keys};

/// Appends to the log, and forgets what is over.
///
/// An entry goes once it is older than the longest time that any record was to be kept, and five
/// minutes more: clocks differ. That time is noted first, so that a half-done script keeps too much.
const APPEND: &str = r"
local log, state = KEYS[1], KEYS[2]
redis.call('HSETNX', state, 'generation', ARGV[1])
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local held = redis.call('HGET', state, 'keep')
local known = tonumber(held or '0')
local keep = known or 0
for i = 2, #ARGV, 2 do
  keep = math.max(keep, tonumber(ARGV[i]) - now)
end
if known and keep > known then
  redis.call('HSET', state, 'keep', string.format('%.0f', keep))
end
local id
for i = 2, #ARGV, 2 do
  id = redis.call('XADD', log, '*', 'record', ARGV[i + 1])
end
local oldest = now - keep - 300000
if known and oldest > 0 then
  redis.call('XTRIM', log, 'MINID', '~', string.format('%.0f-0', oldest))
end
return id";

/// Changes the ring if it has the revision that is expected, and announces it to who follows.
const PUT: &str = r"
local held = redis.call('HGET', KEYS[1], 'revision') or '0'
if held ~= ARGV[1] then
  return {held}
end
redis.call('HSETNX', KEYS[3], 'generation', ARGV[5])
redis.call('SADD', KEYS[4], ARGV[4])
local id = redis.call('XADD', KEYS[2], '*', 'ring', ARGV[2])
redis.call('HSET', KEYS[1], 'revision', ARGV[2], 'text', ARGV[3])
return {held, id}";

/// Keeps a report, and the thousand servers at most whose reports last longest.
const REPORT: &str = r"
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
redis.call('ZADD', KEYS[2], string.format('%.0f', now + ARGV[3]), ARGV[1])
redis.call('ZREMRANGEBYSCORE', KEYS[2], '-inf', string.format('%.0f', now))
redis.call('ZREMRANGEBYRANK', KEYS[2], 0, -1001)
return 1";

pub(super) fn append(keys: &Keys, generation: &str, records: &[(u64, &str)]) -> Cmd {
    let mut command = eval(APPEND, &[&keys.log, &keys.state]);
    command.arg(generation);
    for (until, text) in records {
        command.arg(until).arg(*text);
    }
    command
}

pub(super) fn put(keys: &Keys, expect: u64, revision: u64, text: &str, generation: &str) -> Cmd {
    let mut command = eval(PUT, &[&keys.ring, &keys.log, &keys.state, APPS]);
    command.arg(expect).arg(revision).arg(text).arg(&keys.app).arg(generation);
    command
}

pub(super) fn report(keys: &Keys, server: &str, report: &str, ttl_ms: u64) -> Cmd {
    let mut command = eval(REPORT, &[&keys.server(server), &keys.servers]);
    command.arg(server).arg(report).arg(ttl_ms);
    command
}

/// The script goes along each time: it is short, and nothing has to be loaded again after a restart.
fn eval(script: &str, keys: &[&str]) -> Cmd {
    let mut command = redis::cmd("EVAL");
    command.arg(script).arg(keys.len()).arg(keys);
    command
}

/// A value that is text.
pub(super) fn text(value: Value) -> Option<String> {
    match value {
        Value::BulkString(bytes) => String::from_utf8(bytes).ok(),
        Value::SimpleString(text) => Some(text),
        Value::Int(number) => Some(number.to_string()),
        _ => None,
    }
}

/// The values of a list; of nothing, none.
pub(super) fn list(value: Value) -> Vec<Value> {
    match value {
        Value::Array(values) | Value::Set(values) => values,
        _ => Vec::new(),
    }
}

/// One entry of a stream.
pub(super) struct Entry {
    pub(super) id: String,
    /// The record, if it is one that we write.
    pub(super) record: Option<String>,
    /// Whether it announces a ring.
    pub(super) announces: bool,
}

/// The entries of one stream that XREAD returned.
pub(super) fn entries(value: Value) -> Vec<Entry> {
    let stream = list(value).into_iter().next().map(list).unwrap_or_default();
    let entries = stream.into_iter().nth(1).map(list).unwrap_or_default();
    entries.into_iter().filter_map(entry).collect()
}

fn entry(value: Value) -> Option<Entry> {
    let mut parts = list(value).into_iter();
    let id = text(parts.next()?)?;
    let mut fields = parts.next().map(list).unwrap_or_default().into_iter();
    let (name, value, more) = (fields.next(), fields.next(), fields.next());
    let name = name.and_then(text).filter(|_| more.is_none());
    let record = match name.as_deref() {
        Some("record") => value.and_then(text).filter(|it| is_line(it)),
        _ => None,
    };
    Some(Entry { id, record, announces: name.as_deref() == Some("ring") })
}

/// What a record may be: one line of printable ASCII, 1 to 200 characters.
pub(super) fn is_line(text: &str) -> bool {
    (1..=200).contains(&text.len()) && text.bytes().all(|it| matches!(it, b' '..=b'~'))
}
