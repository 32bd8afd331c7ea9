//! The keys of one app. Their common part in braces keeps them on one node of a cluster.

/// The set of all apps that a server holds.
pub(super) const APPS: &str = "haversack:apps";

pub(super) struct Keys {
    pub(super) app: String,
    /// Hash: `revision`, `text`.
    pub(super) ring: String,
    /// Stream: an entry has the field `record`, or `ring` where the ring changed.
    pub(super) log: String,
    /// Hash about the log: `generation`, which another log has not; `keep`, in milliseconds.
    pub(super) state: String,
    /// Sorted set: servers that reported, by when that is over.
    pub(super) servers: String,
    /// Never there. To delete it changes nothing, and only a server that may be written to does it.
    pub(super) nothing: String,
}

impl Keys {
    pub(super) fn of(app: &str) -> Self {
        let key = |name| format!("haversack:{{{app}}}:{name}");
        Self {
            app: app.to_owned(),
            ring: key("ring"),
            log: key("log"),
            state: key("state"),
            servers: key("servers"),
            nothing: key("nothing"),
        }
    }

    pub(super) fn server(&self, name: &str) -> String {
        format!("haversack:{{{}}}:server:{name}", self.app)
    }

    pub(super) fn once(&self, mark: &str) -> String {
        format!("haversack:{{{}}}:once:{mark}", self.app)
    }
}
