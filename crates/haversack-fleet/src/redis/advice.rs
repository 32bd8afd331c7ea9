//! What about a server's settings is unsafe, what can come of it, and how to put it right.

use std::collections::HashMap;

use redis::Value;

use super::connect::Connection;
use super::script::{list, text};
use super::target::Target;
use crate::EngineError;

/// What a server tells of itself. What it does not tell, or not to us, is missing.
#[derive(Default)]
pub(super) struct Facts {
    info: HashMap<String, String>,
    settings: HashMap<String, String>,
    user: Option<String>,
    /// The flags of our user, `nopass` among them.
    flags: Vec<String>,
}

impl Facts {
    /// Asks for them. Not to be allowed to know is no error.
    pub(super) async fn of(connection: &Connection) -> Result<Self, EngineError> {
        let mut ask = redis::pipe();
        ask.cmd("INFO");
        for setting in ["protected-mode", "appendfsync", "min-replicas-to-write"] {
            ask.cmd("CONFIG").arg("GET").arg(setting);
        }
        ask.cmd("ACL").arg("WHOAMI");
        ask.cmd("ACL").arg("GETUSER").arg("default");
        let mut answers = connection.ask(ask, std::time::Duration::ZERO).await?;
        let flags = answers.pop().map(list).unwrap_or_default();
        let user = answers.pop().and_then(text);
        let mut facts = Self { user, ..Self::default() };
        let mut answers = answers.into_iter();
        let info = answers.next().unwrap_or(Value::Nil);
        let hidden = matches!(&info, Value::ServerError(said) if said.code() == "NOPERM");
        let info = if hidden { None } else { text(connection.fine(info)?) }.unwrap_or_default();
        let pairs = info.lines().filter_map(|line| line.split_once(':'));
        facts.info = pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        for answer in answers {
            let pair: Vec<_> = list(answer).into_iter().filter_map(text).collect();
            if let [name, value] = pair.as_slice() {
                facts.settings.insert(name.clone(), value.clone());
            }
        }
        let at = flags.iter().position(|it| matches!(it, Value::BulkString(it) if it == b"flags"));
        let flags = at.and_then(|at| flags.into_iter().nth(at + 1)).map(list).unwrap_or_default();
        facts.flags = flags.into_iter().filter_map(text).collect();
        Ok(facts)
    }

    fn info(&self, name: &str) -> Option<&str> {
        self.info.get(name).map(String::as_str)
    }

    fn number(&self, name: &str) -> u64 {
        self.info(name).and_then(|it| it.parse().ok()).unwrap_or(0)
    }

    fn setting(&self, name: &str) -> Option<&str> {
        self.settings.get(name).map(String::as_str)
    }

    pub(super) fn advice(&self, target: &Target) -> Vec<String> {
        let mut advice = Vec::new();
        self.about_loss(target, &mut advice);
        self.about_access(target, &mut advice);
        advice
    }

    fn about_loss(&self, target: &Target, advice: &mut Vec<String>) {
        let mut say = |text: String| advice.push(text);
        if let Some(version) = self.info("redis_version").filter(|it| is_old(it)) {
            say(format!(
                "Redis {version} is older than 6.2: it cannot forget old revocations, so that \
                 revoking fails; upgrade it to 6.2 or later"
            ));
        }
        if self.info("cluster_enabled") == Some("1") {
            say(
                "it is part of a Redis Cluster: keys of an app on another node are not found, and \
                 a failover is not followed; use a server or a proxy that is not a cluster"
                    .to_owned(),
            );
        }
        if self.info("role") == Some("slave") {
            say("it is a replica: nothing can be written, and what it shows may be old; connect to \
                 the one that it follows"
                .to_owned());
        }
        if self.info("aof_enabled") == Some("0") {
            say("appendonly is off: after a restart key ring and revocations are gone, or as old as \
                 the last snapshot, and ended sessions work until a server puts their revocations \
                 back; set `appendonly yes`"
                .to_owned());
        } else if self.setting("appendfsync") == Some("no") {
            say("appendfsync is `no`: a power failure loses what the system has not yet written, \
                 half a minute of revocations by custom; set `appendfsync everysec`"
                .to_owned());
        }
        let policy = self.info("maxmemory_policy").unwrap_or("noeviction");
        if self.number("maxmemory") > 0 && policy != "noeviction" {
            let gone = if policy.starts_with("allkeys") {
                "key ring and revocations, and with them everybody's session"
            } else {
                "marks that may be used once, and then they can be used twice"
            };
            say(format!(
                "maxmemory-policy is `{policy}`: when memory runs short it throws away {gone}; set \
                 `maxmemory-policy noeviction`"
            ));
        }
        let few = self.setting("min-replicas-to-write").is_some_and(|it| it == "0");
        if self.number("connected_slaves") > 0 && few {
            say("min-replicas-to-write is 0: a server that lost its replicas, and that they have \
                 replaced, goes on taking revocations that nobody else hears of; set \
                 `min-replicas-to-write 1`"
                .to_owned());
        }
        if self.number("connected_slaves") > 0 && target.replicas == 0 {
            say(
                "it has replicas, but writes do not wait for them: what was written just before a \
                 failover is lost until a server puts it back; add `?replicas=1` to the URL"
                    .to_owned(),
            );
        }
    }

    fn about_access(&self, target: &Target, advice: &mut Vec<String>) {
        let mut say = |text: &str| advice.push(text.to_owned());
        if !target.is_private() {
            say("the connection is not encrypted: who can listen on the way reads the key ring, \
                 and makes any session; use rediss://, or a Unix socket");
        }
        let open = self.flags.iter().any(|flag| flag == "nopass");
        let on = self.flags.iter().any(|flag| flag == "on");
        if open && on {
            say("the user `default` has no password: every program that reaches the server reads \
                 the key ring, and makes any session; set `requirepass`, or a user of its own as \
                 below and `user default off`");
        }
        if open && on && self.setting("protected-mode") == Some("no") {
            say("protected-mode is off and no password is set: the server answers everybody on \
                 its network; set `protected-mode yes`");
        }
        if self.user.as_deref() == Some("default") {
            say(
                "it is used as the user `default`, who may do everything, FLUSHALL among it; make \
                 a user that may only do what is needed: `user haversack on >PASSWORD \
                 ~haversack:* +@read +@write -@dangerous +eval +info +select +time +wait`",
            );
        }
    }
}

fn is_old(version: &str) -> bool {
    let mut parts = version.split('.').map(|it| it.parse::<u32>().unwrap_or(0));
    (parts.next().unwrap_or(0), parts.next().unwrap_or(0)) < (6, 2)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn advice(url: &str, info: &[(&str, &str)]) -> Vec<String> {
        let info = info.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        let facts = Facts { info: info.collect(), ..Facts::default() };
        facts.advice(&Target::parse(url).unwrap())
    }

    #[test]
    fn what_is_not_known_is_not_advised_about() {
        assert!(advice("redis://127.0.0.1", &[]).is_empty());
        let well = [("redis_version", "7.0.15"), ("aof_enabled", "1"), ("role", "master")];
        assert!(advice("rediss://cache.example", &well).is_empty());
        assert!(advice("redis://127.0.0.1", &[("redis_version", "6.2.0")]).is_empty());
        assert!(advice("redis://127.0.0.1", &[("redis_version", "10.0.0")]).is_empty());
    }

    #[test]
    fn what_is_unsafe_is_told_with_what_can_happen() {
        for (url, info, told) in [
            ("redis://cache.example", ("role", "master"), "not encrypted"),
            ("redis://127.0.0.1", ("redis_version", "6.0.16"), "older than 6.2"),
            ("redis://127.0.0.1", ("redis_version", "5.0"), "older than 6.2"),
            ("redis://127.0.0.1", ("cluster_enabled", "1"), "Cluster"),
            ("redis://127.0.0.1", ("role", "slave"), "a replica"),
            ("redis://127.0.0.1", ("connected_slaves", "1"), "?replicas=1"),
        ] {
            let advice = advice(url, &[info]);
            assert!(advice.len() == 1 && advice[0].contains(told), "{info:?}: {advice:?}");
        }
        assert!(advice("redis://127.0.0.1?replicas=1", &[("connected_slaves", "1")]).is_empty());
    }
}
