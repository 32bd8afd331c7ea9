//! What an answer or a broken connection means for a fleet.

use redis::{ErrorKind, RedisError};

use crate::EngineErrorKind;

/// What the server says instead of an answer.
pub(super) fn of_server(error: &redis::ServerError) -> EngineErrorKind {
    of_code(error.code(), error.details().unwrap_or_default())
}

/// What went wrong between us and the server.
pub(super) fn of_connection(error: &RedisError) -> EngineErrorKind {
    if let Some(code) = error.code() {
        return of_code(code, error.detail().unwrap_or_default());
    }
    match error.kind() {
        ErrorKind::Io => EngineErrorKind::Unreachable(error.to_string()),
        // What it said is not repeated: whoever speaks another protocol may echo what was sent.
        _ => EngineErrorKind::Unusable("it does not answer as Redis does".to_owned()),
    }
}

fn of_code(code: &str, details: &str) -> EngineErrorKind {
    let text = said(code, details);
    match cause(code, details) {
        "DENIED" | "NOAUTH" | "NOPERM" | "WRONGPASS" => EngineErrorKind::Refused(text),
        "OOM" | "MISCONF" => EngineErrorKind::Full(text),
        "READONLY" => EngineErrorKind::Unreachable(format!("it is a replica: {text}")),
        "BUSY" | "CLUSTERDOWN" | "LOADING" | "MASTERDOWN" | "NOREPLICAS" | "TRYAGAIN"
        | "UNBLOCKED" => EngineErrorKind::Unreachable(text),
        "ASK" | "CROSSSLOT" | "MOVED" => EngineErrorKind::Unusable(format!(
            "it is part of a Redis Cluster, which needs another protocol; use a server or a proxy \
             that is not ({text})"
        )),
        "WRONGTYPE" => EngineErrorKind::Unusable(format!(
            "one of its keys that begin with `haversack:` holds something else; delete it ({text})"
        )),
        _ => EngineErrorKind::Unusable(text),
    }
}

/// The code, also where it stands inside the text: up to Redis 6.2 scripts wrap errors, and some
/// refusals have no code of their own.
fn cause<'a>(code: &'a str, details: &str) -> &'a str {
    const WRAPPED: [&str; 6] = ["WRONGTYPE", "NOPERM", "OOM", "MISCONF", "READONLY", "NOREPLICAS"];
    if code != "ERR" {
        return code;
    }
    let wrapped = details.split(|c: char| !c.is_ascii_uppercase());
    let mut wrapped = wrapped.filter_map(|word| WRAPPED.iter().find(|code| **code == word));
    if let Some(code) = wrapped.next() {
        return code;
    }
    if details.starts_with("AUTH")
        || details.contains("can't access")
        || details.contains("can't run")
    {
        return "NOPERM";
    }
    if details.contains("max number of clients") { "BUSY" } else { code }
}

/// Its own words, but for what it repeats of ours: a command that it does not know may hold keys or
/// a password.
fn said(code: &str, details: &str) -> String {
    let details = details.split("with args").next().unwrap_or_default();
    let details: String = details.trim_end_matches([',', ' ']).chars().take(300).collect();
    if details.is_empty() { code.to_owned() } else { format!("{code} {details}") }
}

/// Whether what the server says is about this connection, so that another one may be better: its
/// host may be another server by now.
pub(super) fn is_of_connection(error: &redis::ServerError) -> bool {
    matches!(of_server(error), EngineErrorKind::Unreachable(_))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_it_says_is_sorted_by_who_can_help() {
        use EngineErrorKind::{Full, Refused, Unreachable, Unusable};

        let kind = |code, details| of_code(code, details);
        assert!(matches!(kind("WRONGPASS", "invalid"), Refused(_)));
        assert!(matches!(kind("ERR", "AUTH <password> called without any"), Refused(_)));
        assert!(matches!(
            kind("ERR", "The user executing the script can't access at least one of the keys"),
            Refused(_)
        ));
        assert!(matches!(kind("DENIED", "Redis is running in protected mode"), Refused(_)));
        assert!(matches!(kind("OOM", "command not allowed"), Full(_)));
        assert!(matches!(kind("MISCONF", "Redis is configured"), Full(_)));
        assert!(matches!(kind("READONLY", "You can't write"), Unreachable(_)));
        assert!(matches!(kind("LOADING", "Redis is loading"), Unreachable(_)));
        assert!(matches!(kind("ERR", "max number of clients reached"), Unreachable(_)));
        assert!(matches!(kind("MOVED", "1 host:1"), Unusable(_)));
        assert!(matches!(kind("ERR", "syntax error"), Unusable(_)));
        let old = "Error running script (call to f_1): @user_script:1: WRONGTYPE Operation against";
        assert!(matches!(kind("ERR", old), Unusable(why) if why.contains("delete it")));
        assert!(matches!(kind("ERR", "Error running script: -OOM command"), Full(_)));
    }

    #[test]
    fn what_it_repeats_of_ours_is_not_told() {
        let echo = "unknown command 'EVAL', with args beginning with: 'secret' ";
        let EngineErrorKind::Unusable(told) = of_code("ERR", echo) else { panic!() };
        assert_eq!(told, "ERR unknown command 'EVAL'");
    }
}
