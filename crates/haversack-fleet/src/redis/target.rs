//! Where a Redis server is, and how to get in: what a URL says.

use std::fmt;
use std::path::PathBuf;

use percent_encoding::percent_decode_str;
use url::{Host, Url};
use zeroize::Zeroizing;

use crate::{EngineError, EngineErrorKind};

/// What a URL says.
pub(super) struct Target {
    /// The URL without its credentials and parameters.
    pub(super) name: String,
    pub(super) place: Place,
    pub(super) user: Option<String>,
    pub(super) password: Option<Zeroizing<String>>,
    pub(super) database: u32,
    pub(super) app: Option<String>,
    /// How many replicas must have what is written.
    pub(super) replicas: u32,
}

pub(super) enum Place {
    Tcp { host: String, port: u16, tls: Option<Tls> },
    Unix(PathBuf),
}

/// The files that TLS needs besides what the system trusts.
#[derive(Default)]
pub(super) struct Tls {
    /// Trusted instead of what the system trusts.
    pub(super) ca: Option<PathBuf>,
    /// Our own certificate and its key, for servers that ask for one.
    pub(super) identity: Option<(PathBuf, PathBuf)>,
}

impl Target {
    pub(super) fn parse(text: &str) -> Result<Self, EngineError> {
        // Never the text itself: it may hold a password where none belongs.
        let invalid = |why: String| EngineError::new("redis", EngineErrorKind::Invalid(why));
        let url =
            Url::parse(text).map_err(|error| invalid(format!("its URL is not one: {error}")))?;
        let mut target = Self::from_url(&url).map_err(invalid)?;
        if target.database != 0 {
            target.name = format!("{}/{}", target.name, target.database);
        }
        Ok(target)
    }

    fn from_url(url: &Url) -> Result<Self, String> {
        let mut given = Given::of(url)?;
        if url.fragment().is_some() {
            return Err("its URL has a part after `#`, which means nothing here".to_owned());
        }
        let path = decoded(url.path(), "path")?;
        let (name, place, database) = match url.scheme() {
            scheme @ ("redis" | "rediss") => {
                let host = match url.host() {
                    None | Some(Host::Domain("")) => "127.0.0.1".to_owned(),
                    Some(Host::Domain(domain)) => domain.to_owned(),
                    Some(Host::Ipv4(ip)) => ip.to_string(),
                    Some(Host::Ipv6(ip)) => ip.to_string(),
                };
                let port = url.port().unwrap_or(6379);
                let shown = if host.contains(':') { format!("[{host}]") } else { host.clone() };
                let tls = if scheme == "rediss" { Some(given.tls()?) } else { None };
                let database = path.trim_matches('/').to_owned();
                (format!("{scheme}://{shown}:{port}"), Place::Tcp { host, port, tls }, database)
            }
            "redis+unix" | "unix" => {
                if path.len() < 2 {
                    return Err("its URL names no socket: write redis+unix:///path".to_owned());
                }
                let database = given.take("db").unwrap_or_default();
                (format!("redis+unix://{path}"), Place::Unix(PathBuf::from(path)), database)
            }
            _ => return Err("its URL must begin with redis:, rediss: or redis+unix:".to_owned()),
        };
        let database = match database.as_str() {
            "" => 0,
            number => number.parse().map_err(|_| {
                "the path of its URL must be the number of a database, as in /0".to_owned()
            })?,
        };
        let replicas = match given.take("replicas") {
            None => 0,
            Some(number) => number
                .parse()
                .ok()
                .filter(|number| (1..=16).contains(number))
                .ok_or("`replicas` must be a number from 1 to 16")?,
        };
        let app = given.take("app");
        if app.as_ref().is_some_and(|app| app.is_empty() || app.len() > 255) {
            return Err("`app` must have 1 to 255 bytes".to_owned());
        }
        given.nothing_is_left()?;
        let user = Some(decoded(url.username(), "user")?).filter(|user| !user.is_empty());
        let password = match url.password() {
            None => None,
            Some(password) => Some(Zeroizing::new(decoded(password, "password")?)),
        };
        if user.is_some() && password.is_none() {
            return Err("its URL has a user without a password: write user:password@".to_owned());
        }
        Ok(Self { name, place, user, password, database, app, replicas })
    }

    /// Whether nobody but this machine sees what is sent.
    pub(super) fn is_private(&self) -> bool {
        match &self.place {
            Place::Unix(_) | Place::Tcp { tls: Some(_), .. } => true,
            Place::Tcp { host, .. } => {
                let ip = host.parse::<std::net::IpAddr>();
                host == "localhost" || ip.is_ok_and(|ip| ip.is_loopback())
            }
        }
    }

    pub(super) fn error(&self, kind: EngineErrorKind) -> EngineError {
        EngineError::new(&self.name, kind)
    }
}

impl fmt::Debug for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Target")
            .field("name", &self.name)
            .field("app", &self.app)
            .field("replicas", &self.replicas)
            .finish_non_exhaustive()
    }
}

fn decoded(text: &str, what: &str) -> Result<String, String> {
    let text = percent_decode_str(text).decode_utf8();
    Ok(text.map_err(|_| format!("the {what} in its URL is not UTF-8"))?.into_owned())
}

/// The parameters of a URL that nobody has asked for yet.
struct Given(Vec<(String, String)>);

impl Given {
    fn of(url: &Url) -> Result<Self, String> {
        let mut given = Vec::<(String, String)>::new();
        for (name, value) in url.query_pairs() {
            if given.iter().any(|(there, _)| *there == name) {
                return Err(format!("its URL has `{name}` twice"));
            }
            given.push((name.into_owned(), value.into_owned()));
        }
        Ok(Self(given))
    }

    fn take(&mut self, name: &str) -> Option<String> {
        let at = self.0.iter().position(|(there, _)| there == name)?;
        Some(self.0.swap_remove(at).1)
    }

    fn tls(&mut self) -> Result<Tls, String> {
        let ca = self.take("ca").map(PathBuf::from);
        let identity = match (self.take("cert"), self.take("key")) {
            (None, None) => None,
            (Some(cert), Some(key)) => Some((cert.into(), key.into())),
            _ => return Err("`cert` and `key` go together".to_owned()),
        };
        Ok(Tls { ca, identity })
    }

    fn nothing_is_left(&self) -> Result<(), String> {
        let Some((name, _)) = self.0.first() else { return Ok(()) };
        // A name of this length is a value that lost its name.
        let name: String = name.chars().take(20).collect();
        Err(format!(
            "its URL has `{name}`, which means nothing here: there are `app` and `replicas`, with \
             rediss: `ca`, `cert` and `key`, and with redis+unix: `db`"
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_says_where_and_how() {
        let target = Target::parse(
            "rediss://us%40er:p%3Aw@[::1]:7000/3?app=shop+one&ca=/etc/ca.pem&replicas=2",
        )
        .unwrap();
        assert_eq!(target.name, "rediss://[::1]:7000/3");
        assert_eq!(target.user.as_deref(), Some("us@er"));
        assert_eq!(target.password.as_ref().map(|it| it.as_str()), Some("p:w"));
        assert_eq!((target.database, target.replicas), (3, 2));
        assert_eq!(target.app.as_deref(), Some("shop one"));
        let Place::Tcp { host, port, tls: Some(tls) } = &target.place else { panic!() };
        assert_eq!((host.as_str(), *port), ("::1", 7000));
        assert_eq!(tls.ca, Some(PathBuf::from("/etc/ca.pem")));

        let target = Target::parse("redis://:secret@cache").unwrap();
        assert_eq!((target.name.as_str(), target.user.as_deref()), ("redis://cache:6379", None));
        assert!(target.password.is_some() && !target.is_private());
        assert!(!format!("{target:?}").contains("secret"));

        let target = Target::parse("unix:///run/redis%20one.sock?db=2").unwrap();
        assert_eq!(target.name, "redis+unix:///run/redis one.sock/2");
        assert!(matches!(&target.place, Place::Unix(path) if path.ends_with("redis one.sock")));
    }

    #[test]
    fn only_this_machine_is_private_without_tls() {
        for (url, private) in [
            ("redis://127.0.0.1", true),
            ("redis://127.8.9.1", true),
            ("redis://localhost", true),
            ("redis://[::1]", true),
            ("redis:///0", true),
            ("unix:///run/r", true),
            ("rediss://cache.example", true),
            ("redis://10.0.0.1", false),
            ("redis://localhost.example", false),
            ("redis://[fd00::1]", false),
        ] {
            assert_eq!(Target::parse(url).unwrap().is_private(), private, "{url}");
        }
    }

    #[test]
    fn what_is_wrong_with_a_url_is_told_without_its_password() {
        for (url, hint) in [
            ("hunter2", "not one"),
            ("http://hunter2@host", "must begin with"),
            ("redis://u:hunter2@host:99999", "not one"),
            ("redis://u:hunter2@host/shop", "number of a database"),
            ("redis://u:hunter2@host?ap=shop", "`ap`"),
            ("redis://u:hunter2@host?app=", "1 to 255"),
            ("redis://u:hunter2@host?app=a&app=b", "twice"),
            ("redis://u:hunter2@host?ca=/x", "`ca`"),
            ("rediss://u:hunter2@host?cert=/x", "go together"),
            ("redis://u:hunter2@host?replicas=0", "1 to 16"),
            ("rediss://u:hunter2@host#insecure", "`#`"),
            ("redis://hunter2@host", "user without a password"),
            ("redis://u:hunter2%ff@host", "not UTF-8"),
            ("redis+unix:", "names no socket"),
        ] {
            let error = Target::parse(url).unwrap_err();
            assert!(matches!(error.kind(), EngineErrorKind::Invalid(_)), "{url}");
            let told = format!("{error} {error:?}");
            assert!(told.contains(hint) && !told.contains("hunter2"), "{url}: {told}");
        }
    }
}
