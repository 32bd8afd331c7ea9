//! What `JetStream` says of a stream, and of a message in it.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde_json::Value;
use zeroize::Zeroize as _;

use super::time;

/// What a stream is like.
#[derive(Debug, Deserialize)]
pub(super) struct Info {
    pub(super) config: Value,
    created: String,
    pub(super) state: State,
    cluster: Option<Cluster>,
    /// When it was asked. Servers before 2.10 do not say.
    ts: Option<String>,
}

#[derive(Debug, Deserialize)]
pub(super) struct State {
    pub(super) messages: u64,
    pub(super) bytes: u64,
    pub(super) first_seq: u64,
    pub(super) last_seq: u64,
    last_ts: String,
}

#[derive(Debug, Deserialize)]
struct Cluster {
    replicas: Option<Vec<Replica>>,
}

#[derive(Debug, Deserialize)]
struct Replica {
    /// Nanoseconds since it was heard of.
    #[serde(default)]
    active: u64,
    #[serde(default)]
    offline: bool,
}

impl Info {
    /// Whether the server has made it. One that is asked while it makes it says it was made in the year 1.
    pub(super) fn is_made(&self) -> bool {
        !self.created.starts_with("0001-")
    }

    /// When it was made: another one of the same name was made at another time.
    pub(super) fn generation(&self) -> u64 {
        time::parse(&self.created).unwrap_or(0)
    }

    /// When the server answered, in nanoseconds.
    pub(super) fn asked(&self) -> Option<u64> {
        time::parse(self.ts.as_deref()?)
    }

    /// Nanoseconds after which it forgets.
    pub(super) fn keeps(&self) -> u64 {
        self.number("max_age").filter(|age| *age > 0).unwrap_or(u64::MAX)
    }

    pub(super) fn replicas(&self) -> u64 {
        self.number("num_replicas").unwrap_or(1)
    }

    /// A setting that is a number; `None` if it is absent or negative.
    pub(super) fn number(&self, setting: &str) -> Option<u64> {
        self.config.get(setting).and_then(Value::as_u64)
    }

    /// When the last message was stored, in nanoseconds.
    pub(super) fn last_stored(&self) -> Option<u64> {
        time::parse(&self.state.last_ts)
    }

    /// For how many milliseconds the answer may have been out of date when it was given.
    ///
    /// Who leads a group of replicas and is cut off does not know that the others have a new leader
    /// until much later. While most of them answer it, they have none: so the answer is as old as the
    /// answer of the last one that it takes for a majority. `None` if there is no majority.
    pub(super) fn lag(&self) -> Option<u64> {
        let all = self.replicas();
        if all <= 1 {
            return Some(0);
        }
        let others = self.cluster.as_ref()?.replicas.as_deref().unwrap_or_default();
        let mut ages: Vec<_> = others.iter().filter(|it| !it.offline).map(|it| it.active).collect();
        ages.sort_unstable();
        let beside_itself = usize::try_from(all / 2).ok()?;
        let age = *ages.get(beside_itself.checked_sub(1)?)?;
        Some(age.div_ceil(1_000_000))
    }
}

/// A message of a stream.
#[derive(Deserialize)]
pub(super) struct Message {
    pub(super) subject: String,
    #[serde(rename = "seq")]
    pub(super) sequence: u64,
    #[serde(default)]
    data: String,
    #[serde(default, rename = "hdrs")]
    headers: String,
    time: String,
}

/// It may hold the keys.
impl Drop for Message {
    fn drop(&mut self) {
        self.data.zeroize();
    }
}

impl Message {
    /// Its content; `None` if it is no text.
    pub(super) fn text(&self) -> Option<String> {
        String::from_utf8(STANDARD.decode(&self.data).ok()?).ok()
    }

    /// Whether it marks its key as deleted, as the tools of NATS do it.
    pub(super) fn is_deletion(&self) -> bool {
        let headers = STANDARD.decode(&self.headers).unwrap_or_default();
        let headers = String::from_utf8_lossy(&headers).to_ascii_lowercase();
        headers.contains("kv-operation: del") || headers.contains("kv-operation: purge")
    }

    /// When it was stored, in nanoseconds.
    pub(super) fn time(&self) -> Option<u64> {
        time::parse(&self.time)
    }
}

#[cfg(test)]
mod tests {
    use super::Info;

    fn info(more: &str) -> Info {
        let text = format!(
            r#"{{"config":{{"num_replicas":3}},
            "created":"2026-11-24T15:27:29.879409847Z",
            "state":{{"messages":0,"bytes":0,"first_seq":0,"last_seq":0,"last_ts":"0001-01-01T00:00:00Z"}}{more}}}"#
        );
        serde_json::from_str(&text).unwrap()
    }

    #[test]
    fn knows_a_stream_in_the_making() {
        assert!(info("").is_made());
        let making = r#"{"config":{},"created":"0001-01-01T00:00:00Z",
            "state":{"messages":0,"bytes":0,"first_seq":0,"last_seq":0,"last_ts":"0001-01-01T00:00:00Z"}}"#;
        assert!(!serde_json::from_str::<Info>(making).unwrap().is_made());
    }

    #[test]
    fn an_answer_is_as_old_as_its_majority() {
        let replicas =
            |text: &str| info(&format!(r#","cluster":{{"leader":"a","replicas":[{text}]}}"#)).lag();
        let (near, far) =
            (r#"{"name":"b","active":2000000}"#, r#"{"name":"c","active":9000000000}"#);
        assert_eq!(replicas(&format!("{far},{near}")), Some(2));
        assert_eq!(replicas(far), Some(9000));
        assert_eq!(replicas(r#"{"name":"b","active":1,"offline":true}"#), None);
        assert_eq!(replicas(""), None);
        assert_eq!(info("").lag(), None);
    }
}
