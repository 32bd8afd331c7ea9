//! The streams of an app in `JetStream`: what they are called, how they are made, what they hold.
//!
//! | stream | holds | forgets |
//! |---|---|---|
//! | `KV_haversack-ring-APP` | the ring document, under the key `ring` | nothing |
//! | `haversack-log-APP` | records, each under a subject of its own | after its longest time |
//! | `KV_haversack-marks-APP` | marks of `once` | after its longest time |
//! | `KV_haversack-reports-APP` | what servers tell of themselves | after its longest time |
//!
//! Those that begin with `KV_` are key-value buckets to the tools of NATS. A stream that is full
//! refuses what is new (`discard: new`); it never makes room.
//!
//! # How the log keeps its promise
//!
//! A stream has one time after which it forgets. So the subject of a record says for how many hours it
//! must be kept, and the stream takes the subjects of as many hours as it keeps. A record that must
//! be kept for longer finds no stream; then the time is raised, and the subject added, in one step.
//! No writer needs to know what another has just done to the stream. Should two writers raise the
//! time at once and the lower one win, the next follower that sees such a record puts it right.

use std::time::Duration;

use serde::Deserialize;
use serde_json::{Value, json};
use tokio::time::sleep;

use super::escape::escape;
use super::link::Link;
use super::state::{Info, Message};
use crate::{EngineError, EngineErrorKind};

pub(super) const HOUR_NS: u64 = 3600 * 1_000_000_000;
/// Between two questions about a stream that another client is having made.
const MAKING: Duration = Duration::from_millis(10);
/// Far more than anything is kept for.
pub(super) const MAX_HOURS: u64 = 10 * 366 * 24;

/// The streams of one app.
#[derive(Debug)]
pub(super) struct Streams {
    pub(super) app: String,
    token: String,
    replicas: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Ring,
    Log,
    Marks,
    Reports,
}

impl Kind {
    pub(super) const ALL: [Self; 4] = [Self::Ring, Self::Log, Self::Marks, Self::Reports];

    fn prefix(self) -> &'static str {
        match self {
            Self::Ring => "KV_haversack-ring-",
            Self::Log => "haversack-log-",
            Self::Marks => "KV_haversack-marks-",
            Self::Reports => "KV_haversack-reports-",
        }
    }
}

impl Streams {
    /// `None` if the name of the app is too long for the name of a stream.
    pub(super) fn of(app: &str, replicas: u64) -> Option<Self> {
        let token = escape(app);
        let fits = !token.is_empty() && token.len() <= 200;
        fits.then(|| Self { app: app.to_owned(), token, replicas })
    }

    pub(super) fn name(&self, kind: Kind) -> String {
        format!("{}{}", kind.prefix(), self.token)
    }

    /// The subject of a key in one of the buckets.
    pub(super) fn key(&self, kind: Kind, key: &str) -> String {
        match kind {
            Kind::Log => format!("haversack.log.{}.{key}", self.token),
            _ => format!("$KV.{}.{key}", self.name(kind).trim_start_matches("KV_")),
        }
    }

    fn subjects(&self, kind: Kind, hours: u64) -> Vec<String> {
        match kind {
            Kind::Log => {
                let classes = classes().take_while(|class| *class <= hours);
                classes.map(|class| self.key(kind, &format!("{class}.*"))).collect()
            }
            _ => vec![self.key(kind, ">")],
        }
    }

    fn config(&self, kind: Kind, hours: u64) -> Value {
        json!({
            "name": self.name(kind),
            "description": format!("haversack, app {}", self.app),
            "subjects": self.subjects(kind, hours),
            "retention": "limits",
            "storage": "file",
            "discard": "new",
            "max_age": hours * HOUR_NS,
            "max_msgs_per_subject": if kind == Kind::Marks { -1 } else { 1 },
            "max_msgs": -1,
            "max_bytes": -1,
            "max_consumers": -1,
            "num_replicas": self.replicas,
            // Not a promise about anything here: nothing is told apart by message ids.
            "duplicate_window": 1_000_000_000_u64,
            "deny_delete": false,
            "deny_purge": false,
            "allow_rollup_hdrs": kind != Kind::Log,
        })
    }

    /// What a stream is like; `None` if there is none.
    ///
    /// Servers 2.9 crash if they are asked for a message of a stream, or to change it, while another
    /// client has them make it. So everything that does so wants an [`Info`], and one is given of streams
    /// alone that are made.
    pub(super) async fn info(&self, link: &Link, kind: Kind) -> Result<Option<Info>, EngineError> {
        let name = self.name(kind);
        for _ in 0..100 {
            match link.api::<Info>(&format!("STREAM.INFO.{name}"), &json!({})).await? {
                Ok(info) if info.is_made() => return Ok(Some(info)),
                Ok(_) => sleep(MAKING).await,
                Err(fault) if fault.is_no_stream() => return Ok(None),
                Err(fault) => return Err(link.fault(&format!("reading stream {name}"), &fault)),
            }
        }
        let why = format!("stream {name} is being made, and does not get ready");
        Err(link.fail(EngineErrorKind::Unreachable(why)))
    }

    /// Sees to it that a stream is there, and keeps what it holds for so many hours (0: for ever).
    pub(super) async fn ensure(
        &self,
        link: &Link,
        kind: Kind,
        hours: u64,
    ) -> Result<Info, EngineError> {
        let name = self.name(kind);
        for _ in 0..10 {
            let Some(info) = self.info(link, kind).await? else {
                let config = self.config(kind, hours);
                match link.api::<Value>(&format!("STREAM.CREATE.{name}"), &config).await? {
                    Ok(_) => tracing::info!(stream = name, "made a stream"),
                    Err(fault) if fault.is_other_stream() => {}
                    Err(fault) => return Err(link.fault(&format!("making stream {name}"), &fault)),
                }
                continue;
            };
            let Some(config) = self.raised(&info, kind, hours) else { return Ok(info) };
            match link.api::<Value>(&format!("STREAM.UPDATE.{name}"), &config).await? {
                Ok(_) => tracing::info!(stream = name, hours, "a stream keeps more"),
                Err(fault) if fault.is_no_stream() => {}
                Err(fault) => return Err(link.fault(&format!("changing stream {name}"), &fault)),
            }
        }
        Err(link.unusable(format!("stream {name} is changed by others again and again")))
    }

    /// The settings that it should have instead. What operators have set otherwise stays.
    fn raised(&self, info: &Info, kind: Kind, hours: u64) -> Option<Value> {
        let mut config = info.config.clone();
        let hours = if kind == Kind::Log { hours.max(self.promised(info)) } else { hours };
        let mut changed = false;
        if info.keeps() < hours.saturating_mul(HOUR_NS) {
            config["max_age"] = json!(hours * HOUR_NS);
            changed = true;
        }
        if let Some(subjects) = config.get_mut("subjects").and_then(Value::as_array_mut) {
            for subject in self.subjects(kind, hours) {
                if !subjects.iter().any(|held| held == &subject) {
                    subjects.push(subject.into());
                    changed = true;
                }
            }
        }
        changed.then_some(config)
    }

    /// For how many hours the log promises to keep what it takes, by its subjects.
    pub(super) fn promised(&self, info: &Info) -> u64 {
        let subjects = info.config.get("subjects").and_then(Value::as_array);
        let promised = subjects.into_iter().flatten().filter_map(Value::as_str);
        promised.filter_map(|subject| self.class_of(subject)).max().unwrap_or(0)
    }

    /// The hours that the subject of a record says.
    pub(super) fn class_of(&self, subject: &str) -> Option<u64> {
        let rest = subject.strip_prefix(&self.key(Kind::Log, ""))?;
        rest.split_once('.')?.0.parse().ok().filter(|hours| *hours <= MAX_HOURS)
    }

    /// The last message under a subject; `None` if there is none, or no stream any more.
    pub(super) async fn last(
        &self,
        link: &Link,
        (kind, info): (Kind, &Info),
        key: &str,
    ) -> Result<Option<Message>, EngineError> {
        self.get(link, (kind, info), &json!({ "last_by_subj": self.key(kind, key) })).await
    }

    /// A message; `None` if there is none, or no stream any more.
    pub(super) async fn get(
        &self,
        link: &Link,
        (kind, _): (Kind, &Info),
        which: &Value,
    ) -> Result<Option<Message>, EngineError> {
        #[derive(Deserialize)]
        struct Answer {
            message: Message,
        }
        let name = self.name(kind);
        match link.api::<Answer>(&format!("STREAM.MSG.GET.{name}"), which).await? {
            Ok(answer) => Ok(Some(answer.message)),
            Err(fault) if fault.is_no_message() || fault.is_no_stream() => Ok(None),
            Err(fault) => Err(link.fault(&format!("reading from stream {name}"), &fault)),
        }
    }

    /// The time of the server that holds what servers tell of themselves, in nanoseconds.
    pub(super) async fn server_time(&self, link: &Link) -> Result<Option<u64>, EngineError> {
        let info = match self.info(link, Kind::Reports).await? {
            Some(info) => info,
            None => self.ensure(link, Kind::Reports, 1).await?,
        };
        if let Some(told) = info.asked() {
            return Ok(Some(told));
        }
        // Servers before 2.10 say only when they stored a message.
        let subject = self.key(Kind::Reports, "clock");
        match link.publish(subject, None, Vec::new()).await? {
            None => return Ok(None),
            Some(Err(fault)) => return Err(link.fault("asking for the time", &fault)),
            Some(Ok(_)) => {}
        }
        let message = self.last(link, (Kind::Reports, &info), "clock").await?;
        Ok(message.and_then(|message| message.time()))
    }
}

/// The apps that have a ring on a server.
pub(super) async fn apps(link: &Link) -> Result<Vec<String>, EngineError> {
    #[derive(Deserialize)]
    struct Names {
        #[serde(default)]
        total: usize,
        streams: Option<Vec<String>>,
    }
    let (mut apps, mut offset) = (Vec::new(), 0);
    for _ in 0..100 {
        let names = match link.api::<Names>("STREAM.NAMES", &json!({ "offset": offset })).await? {
            Ok(names) => names,
            Err(fault) => return Err(link.fault("listing streams", &fault)),
        };
        let page = names.streams.unwrap_or_default();
        offset += page.len();
        let tokens = page.iter().filter_map(|name| name.strip_prefix(Kind::Ring.prefix()));
        apps.extend(tokens.filter_map(super::escape::unescape));
        if page.is_empty() || offset >= names.total {
            break;
        }
    }
    Ok(apps)
}

/// Hours for which things are kept: steps of half as much or a third more, so that lives that change
/// a little do not change the stream.
fn classes() -> impl Iterator<Item = u64> {
    let doubled = (1_u32..).map(|power| 1_u64 << power);
    let steps = doubled.flat_map(|hours| [hours, hours + hours / 2]);
    std::iter::once(1).chain(steps).take_while(|hours| *hours <= 2 * MAX_HOURS)
}

/// The class that keeps for so many milliseconds at least; `None` if there is none.
pub(super) fn class(millis: u64) -> Option<u64> {
    // What is on its way for a few minutes is kept in full all the same.
    let hours = millis.saturating_add(10 * 60 * 1000).div_ceil(3_600_000);
    classes().find(|class| *class >= hours).filter(|class| *class <= MAX_HOURS)
}

#[cfg(test)]
mod tests {
    use super::{Info, Kind, MAX_HOURS, Streams, class, classes};

    const HOUR: u64 = 3_600_000;

    #[test]
    fn keeps_at_least_what_was_asked() {
        let all: Vec<_> = classes().take(9).collect();
        assert_eq!(all, [1, 2, 3, 4, 6, 8, 12, 16, 24]);
        assert_eq!((class(0), class(HOUR)), (Some(1), Some(2)));
        assert_eq!(class(24 * HOUR), Some(32));
        assert_eq!(class(400 * 24 * HOUR), Some(12_288));
        assert_eq!((class(u64::MAX), class(2 * MAX_HOURS * HOUR)), (None, None));
    }

    fn info() -> Info {
        let text = r#"{"config":{"subjects":["haversack.log.shop.1.*","haversack.log.shop.24.*"]},
            "created":"2026-11-24T15:27:29.879409847Z",
            "state":{"messages":0,"bytes":0,"first_seq":0,"last_seq":0,"last_ts":"0001-01-01T00:00:00Z"}}"#;
        serde_json::from_str(text).unwrap()
    }

    #[test]
    fn reads_what_a_stream_promises() {
        let shop = Streams::of("shop", 1).unwrap();
        assert_eq!(shop.promised(&info()), 24);
        assert_eq!(Streams::of("other", 1).unwrap().promised(&info()), 0);
        assert_eq!(shop.class_of("haversack.log.shop.32.abc"), Some(32));
        assert_eq!(shop.class_of("haversack.log.shop.x.abc"), None);
        assert_eq!(shop.name(Kind::Ring), "KV_haversack-ring-shop");
        assert_eq!(shop.key(Kind::Ring, "ring"), "$KV.haversack-ring-shop.ring");
        assert!(Streams::of(&"A".repeat(100), 1).is_none());
    }
}
