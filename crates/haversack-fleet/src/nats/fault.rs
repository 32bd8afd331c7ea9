//! What `JetStream` says when it does not do what it was asked.

use serde::Deserialize;

use crate::EngineErrorKind;

/// An error of its API.
#[derive(Debug, Deserialize)]
pub(super) struct ApiFault {
    #[serde(default)]
    code: u32,
    #[serde(default, rename = "err_code")]
    number: u32,
    #[serde(default)]
    description: String,
}

impl ApiFault {
    pub(super) fn is_no_stream(&self) -> bool {
        self.number == 10059
    }

    pub(super) fn is_no_message(&self) -> bool {
        self.number == 10037
    }

    /// The stream is there, with other settings.
    pub(super) fn is_other_stream(&self) -> bool {
        self.number == 10058
    }

    /// Somebody else has written in between.
    pub(super) fn is_lost_race(&self) -> bool {
        // The second is that of servers from 2.11 on, in some places.
        matches!(self.number, 10071 | 10164)
    }

    /// Who can put it right. `doing` is what was asked.
    pub(super) fn kind(&self, doing: &str) -> EngineErrorKind {
        let Self { code, number, description } = self;
        let why = format!("{doing}: {description} (error {number})");
        match number {
            10039 | 10076 => EngineErrorKind::Unusable(format!(
                "{why}; start `nats-server` with `-js -sd FOLDER`, and enable JetStream for the account"
            )),
            // Of the server, of the account, of the stream.
            10002 | 10023 | 10027 | 10028 | 10047 | 10051 => EngineErrorKind::Full(why),
            10077 if description.contains("maximum") || description.contains("resource") => {
                EngineErrorKind::Full(why)
            }
            10005 | 10074 => EngineErrorKind::Unusable(format!(
                "{why}; lower `replicas` in the URL, or add servers"
            )),
            10054 => EngineErrorKind::Invalid(why),
            _ if *code == 401 || *code == 403 => EngineErrorKind::Refused(why),
            _ if *code == 503 || *code == 504 => EngineErrorKind::Unreachable(why),
            _ => EngineErrorKind::Unusable(why),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::ApiFault;
    use crate::EngineErrorKind;

    fn fault(code: u32, number: u32, description: &str) -> EngineErrorKind {
        ApiFault { code, number, description: description.to_owned() }.kind("storing")
    }

    #[test]
    fn tells_who_can_put_it_right() {
        let full = [
            fault(503, 10077, "maximum bytes exceeded"),
            fault(500, 10047, "insufficient storage resources available"),
            fault(503, 10023, "insufficient resources"),
        ];
        assert!(full.iter().all(|kind| matches!(kind, EngineErrorKind::Full(_))), "{full:?}");
        let off = fault(503, 10039, "JetStream not enabled for account");
        assert!(matches!(&off, EngineErrorKind::Unusable(why) if why.contains("-js")), "{off:?}");
        let alone = fault(500, 10074, "replicas > 1 not supported in non-clustered mode");
        assert!(matches!(&alone, EngineErrorKind::Unusable(why) if why.contains("`replicas`")));
        let leaderless = fault(503, 10008, "JetStream system temporarily unavailable");
        assert!(matches!(leaderless, EngineErrorKind::Unreachable(_)), "{leaderless:?}");
    }
}
