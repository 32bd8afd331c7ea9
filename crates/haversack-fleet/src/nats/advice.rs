//! What about the settings of a server is unsafe, and how to put it right.

use serde::Deserialize;
use serde_json::json;

use super::address::Address;
use super::link::Link;
use super::state::Info;
use super::stream::{Kind, Streams};
use crate::EngineError;

pub(super) async fn advice(
    link: &Link,
    address: &Address,
    streams: &Streams,
) -> Result<Vec<String>, EngineError> {
    let mut advice = of_connection(link, address);
    advice.extend(of_account(link).await?);
    let clustered = link.server().cluster.is_some();
    for kind in Kind::ALL {
        if let Some(info) = streams.info(link, kind).await? {
            advice.extend(of_stream(&streams.name(kind), kind, &info, clustered));
        }
    }
    Ok(advice)
}

fn of_connection(link: &Link, address: &Address) -> Vec<String> {
    let server = link.server();
    let mut advice = Vec::new();
    if !server.auth_required {
        advice.push(
            "anybody who reaches the server can read and replace the key ring: require a login, with \
             `authorization` or `accounts` in the server's configuration"
                .to_owned(),
        );
    }
    if !address.is_local() && !address.tls && !server.tls_required {
        advice.push(
            "the key ring and the password cross the network in the clear: give the server a \
             certificate and write `tls://` instead of `nats://`"
                .to_owned(),
        );
    }
    advice
}

/// Nearly full is more than nine tenths.
fn is_nearly(used: u64, limit: u64) -> bool {
    used > limit / 10 * 9
}

async fn of_account(link: &Link) -> Result<Option<String>, EngineError> {
    #[derive(Deserialize)]
    struct Account {
        #[serde(default)]
        storage: u64,
        #[serde(default)]
        limits: Limits,
    }
    #[derive(Default, Deserialize)]
    struct Limits {
        #[serde(default)]
        max_storage: i64,
    }
    let account: Account = match link.api("INFO", &json!({})).await? {
        Ok(account) => account,
        Err(fault) => return Err(link.fault("reading the limits of the account", &fault)),
    };
    let limit = u64::try_from(account.limits.max_storage).ok().filter(|limit| *limit > 0);
    let nearly = limit.filter(|limit| is_nearly(account.storage, *limit));
    Ok(nearly.map(|limit| {
        let used = account.storage;
        format!(
            "the account has used {used} of {limit} bytes of JetStream storage; when it is full, nothing \
             can be revoked: raise the limit"
        )
    }))
}

fn of_stream(name: &str, kind: Kind, info: &Info, clustered: bool) -> Vec<String> {
    let mut advice = Vec::new();
    let setting = |name: &str| info.config.get(name).and_then(|value| value.as_str());
    if setting("storage") == Some("memory") {
        advice.push(format!(
            "stream {name} is kept in memory and gone when the server restarts: delete it while the fleet \
             runs, and it is made anew on disk"
        ));
    }
    let replicas = info.replicas();
    if clustered && replicas < 3 {
        advice.push(format!(
            "stream {name} is on {replicas} server(s) of the cluster and goes away with them: \
             `nats stream edit {name} --replicas 3`, and `replicas=3` in the URL for new ones"
        ));
    }
    if setting("discard") == Some("old") && kind != Kind::Reports {
        advice.push(format!(
            "stream {name} drops what is old when it is full: `nats stream edit {name} --discard new`"
        ));
    }
    if kind == Kind::Ring && info.keeps() != u64::MAX {
        advice.push(format!(
            "stream {name} forgets the key ring after a time: `nats stream edit {name} --max-age 0`"
        ));
    }
    let limit = info.number("max_bytes").filter(|limit| is_nearly(info.state.bytes, *limit));
    if let Some(limit) = limit {
        let used = info.state.bytes;
        advice.push(format!(
            "stream {name} has used {used} of {limit} bytes: `nats stream edit {name} --max-bytes -1`"
        ));
    }
    advice
}
