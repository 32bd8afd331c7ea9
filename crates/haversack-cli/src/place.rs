//! Which key ring a command is about: a file of this machine, or what a fleet shares in an engine.

use std::env;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use clap::Args;
use haversack_fleet::wrap::{KeyWrap as _, LocalKey, LocalKeyError, Wraps};
use haversack_fleet::{DocumentError, FleetError, FleetErrorKind, RingStore, address};

use crate::output::Failure;

/// Which fleet, for every command that can be about one.
#[derive(Args, Clone, Debug, Default)]
pub(crate) struct FleetArgs {
    /// What the servers share: `redis://…`, `rediss://…`, `nats://…`, `tls://…`, `file:PATH` or a
    /// path [env: `HAVERSACK_FLEET`]
    ///
    /// Other users of this machine see arguments: a URL with a password belongs in the variable.
    #[arg(long, value_name = "URL")]
    fleet: Option<String>,
    /// The key-encryption key that the ring is sealed with: its file, or `env:NAME` [env:
    /// `HAVERSACK_KEY_ENCRYPTION_KEY`]
    ///
    /// May be repeated (in the variable: with commas). The first one seals and opens, the others only
    /// open.
    #[arg(long, value_name = "FILE|env:NAME", value_delimiter = ',')]
    key_encryption_key: Vec<String>,
}

/// A key ring file, or a fleet.
#[derive(Args, Clone, Debug)]
pub(crate) struct PlaceArgs {
    /// The key ring file [env: `HAVERSACK_KEYS`] [default: haversack.keys]
    #[arg(value_name = "FILE", conflicts_with = "fleet")]
    file: Option<PathBuf>,
    #[command(flatten)]
    fleet: FleetArgs,
}

/// Where a key ring is.
#[derive(Debug, PartialEq)]
pub(crate) enum Place {
    /// A file, read and written by its path alone.
    File(PathBuf),
    /// An engine's address.
    Fleet(String),
}

const FLEET: &str = "HAVERSACK_FLEET";
const KEYS: &str = "HAVERSACK_KEYS";
const KEY_ENCRYPTION_KEY: &str = "HAVERSACK_KEY_ENCRYPTION_KEY";
const DEFAULT: &str = "haversack.keys";

impl PlaceArgs {
    pub(crate) fn place(&self) -> Result<Place, Failure> {
        let place = choose(self.file.clone(), self.fleet.fleet.clone(), |name| env::var_os(name))?;
        if matches!(place, Place::File(_)) && !self.fleet.key_encryption_key.is_empty() {
            return Err(Failure::new(
                "a key-encryption key goes with `--fleet`, and a file was named",
            )
            .hint("for a sealed ring in a file: --fleet file:PATH"));
        }
        Ok(place)
    }

    /// The fleet, whose engine may be the file.
    pub(crate) fn fleet(&self) -> Result<Fleet, Failure> {
        match self.place()? {
            Place::File(path) => Ok(Fleet::of_file(&path)),
            Place::Fleet(url) => Fleet::new(url, &self.fleet),
        }
    }

    /// What a later command must be given to be about the same fleet; nothing if the environment says
    /// it. A URL may hold a password, and what a command prints may be kept for longer than that.
    pub(crate) fn again(&self) -> String {
        match (&self.fleet.fleet, &self.file) {
            (Some(url), _) if url.contains('@') => WITH_PASSWORD.to_owned(),
            (Some(url), _) => format!(" --fleet {}", quoted(url)),
            (None, Some(path)) => {
                format!(" --fleet {}", quoted(&format!("file:{}", path.display())))
            }
            (None, None) => String::new(),
        }
    }
}

/// What stands for an address that is not repeated.
pub(crate) const WITH_PASSWORD: &str = " --fleet URL";

impl FleetArgs {
    /// The fleet; without an address the one whose engine is the key ring file.
    pub(crate) fn fleet(&self) -> Result<Fleet, Failure> {
        match choose(None, self.fleet.clone(), |name| env::var_os(name))? {
            Place::File(path) => Ok(Fleet {
                url: format!("file:{}", path.display()),
                ..Fleet::new(String::new(), self)?
            }),
            Place::Fleet(url) => Fleet::new(url, self),
        }
    }

    /// Whether anybody said which fleet.
    pub(crate) fn is_given(&self) -> bool {
        self.fleet.is_some() || [FLEET, KEYS].iter().any(|name| env::var_os(name).is_some())
    }

    fn keys(&self) -> Result<Vec<LocalKey>, Failure> {
        let mut names = self.key_encryption_key.clone();
        if names.is_empty()
            && let Some(from_env) = env::var_os(KEY_ENCRYPTION_KEY).filter(|it| !it.is_empty())
        {
            let text = from_env.into_string().map_err(|_| not_utf8(KEY_ENCRYPTION_KEY))?;
            names = text.split(',').map(str::to_owned).collect();
        }
        let key = |name: &String| match name.strip_prefix("env:") {
            Some(name) => LocalKey::from_env(name),
            None => LocalKey::from_file(name),
        };
        Ok(names.iter().map(key).collect::<Result<_, LocalKeyError>>()?)
    }
}

/// What was typed counts more than what the environment says.
fn choose(
    file: Option<PathBuf>,
    fleet: Option<String>,
    env: impl Fn(&str) -> Option<OsString>,
) -> Result<Place, Failure> {
    if let Some(url) = fleet {
        return Ok(Place::Fleet(url));
    }
    if let Some(path) = file {
        return Ok(Place::File(path));
    }
    let set = |name| env(name).filter(|value| !value.is_empty());
    match (set(FLEET), set(KEYS)) {
        (Some(_), Some(_)) => {
            Err(Failure::new(format!("{FLEET} and {KEYS} are both set, and name two key rings"))
                .hint("say which one: `--fleet URL` or the file, or unset one of the two"))
        }
        (Some(url), None) => Ok(Place::Fleet(url.into_string().map_err(|_| not_utf8(FLEET))?)),
        (None, Some(path)) => Ok(Place::File(path.into())),
        (None, None) => Ok(Place::File(DEFAULT.into())),
    }
}

fn not_utf8(name: &str) -> Failure {
    Failure::new(format!("environment variable `{name}` is not UTF-8"))
}

/// A fleet that is not asked yet, with the key-encryption keys for its ring.
#[derive(Debug)]
pub(crate) struct Fleet {
    url: String,
    seals: Option<LocalKey>,
    opens: Vec<LocalKey>,
}

impl Fleet {
    fn new(url: String, args: &FleetArgs) -> Result<Self, Failure> {
        let mut keys = args.keys()?.into_iter();
        Ok(Self { url, seals: keys.next(), opens: keys.collect() })
    }

    fn of_file(path: &Path) -> Self {
        Self { url: format!("file:{}", path.display()), seals: None, opens: Vec::new() }
    }

    /// The key-encryption key that it seals with.
    pub(crate) fn seals_with(&self) -> Option<String> {
        self.seals.as_ref().map(LocalKey::id)
    }

    /// For an app whose ring is yet to be made: engines that hold several must be told.
    pub(crate) fn of_app(mut self, app: &str) -> Self {
        let query = self.url.split_once('?').map(|(_, query)| query);
        let named = query.is_some_and(|it| it.split('&').any(|it| it.starts_with("app=")));
        if self.url.contains("://") && !named {
            let join = if query.is_some() { '&' } else { '?' };
            self.url = format!("{}{join}app={}", self.url, escaped(app));
        }
        self
    }

    /// The ring store, which seals what it stores if there is a key for that.
    pub(crate) fn open(self) -> Result<RingStore, FleetError> {
        let wraps = match self.seals {
            Some(key) => Wraps::with(key),
            None => Wraps::none(),
        };
        store(&self.url, self.opens.into_iter().fold(wraps, Wraps::and_unwrap))
    }

    /// The same; what it stores is in the clear.
    pub(crate) fn open_clear(self) -> Result<RingStore, FleetError> {
        let keys = self.seals.into_iter().chain(self.opens);
        store(&self.url, keys.fold(Wraps::none(), Wraps::and_unwrap))
    }

    /// The same; what it stores is sealed if what is there is, and only then: who rotates keys must not
    /// seal a ring that servers cannot open.
    pub(crate) async fn open_as_it_is(self) -> Result<RingStore, FleetError> {
        if self.seals.is_some() {
            let clear = store(&self.url, Wraps::none())?.is_clear().await? == Some(true);
            if clear {
                eprintln!(
                    "warning: the key ring is stored in the clear, and stays so: seal it with \
                     `haversack keys wrap` once every server has the key-encryption key"
                );
                return self.open_clear();
            }
        }
        self.open()
    }
}

fn store(url: &str, wraps: Wraps) -> Result<RingStore, FleetError> {
    Ok(RingStore::new(address::engine(url)?, wraps))
}

/// Percent-encoded, all that is not unreserved (RFC 3986 section 2.3).
fn escaped(text: &str) -> String {
    let escape = |byte: u8| match byte {
        b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
            char::from(byte).to_string()
        }
        byte => format!("%{byte:02X}"),
    };
    text.bytes().map(escape).collect()
}

/// As a shell takes it for one word.
fn quoted(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._/:@%+=,".contains(&byte);
    if text.bytes().all(plain) {
        text.to_owned()
    } else {
        format!("'{}'", text.replace('\'', r"'\''"))
    }
}

/// Runs what asks an engine; once for a command, since connections end with it.
pub(crate) fn wait<T>(future: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    haversack_fleet::run(future)
        .map_err(|error| Failure::new(format!("no runtime can be started: {error}")))?
}

impl From<FleetError> for Failure {
    fn from(error: FleetError) -> Self {
        let failure = Self::new(error.to_string());
        match error.kind() {
            FleetErrorKind::Document(DocumentError::Ring(ring)) => {
                Self::of_ring(ring).unwrap_or(failure)
            }
            FleetErrorKind::Document(DocumentError::Sealed { .. }) => failure.hint(format!(
                "give it: `--key-encryption-key FILE`, or `env:NAME`, or {KEY_ENCRYPTION_KEY}"
            )),
            _ => failure,
        }
    }
}

impl From<LocalKeyError> for Failure {
    fn from(error: LocalKeyError) -> Self {
        Self::new(error.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chosen(
        file: Option<&str>,
        fleet: Option<&str>,
        env: &[(&str, &str)],
    ) -> Result<Place, Failure> {
        let value = |name: &str| env.iter().find(|(key, _)| *key == name).map(|(_, it)| it.into());
        choose(file.map(Into::into), fleet.map(Into::into), value)
    }

    #[test]
    fn what_was_typed_counts_more_than_the_environment() {
        let both = [(FLEET, "redis://one"), (KEYS, "two.keys")];
        let file = |path: &str| Place::File(path.into());
        let fleet = |url: &str| Place::Fleet(url.into());
        assert_eq!(chosen(Some("my.keys"), None, &both).unwrap(), file("my.keys"));
        assert_eq!(chosen(None, Some("nats://x"), &both).unwrap(), fleet("nats://x"));
        assert_eq!(chosen(None, None, &both[..1]).unwrap(), fleet("redis://one"));
        assert_eq!(chosen(None, None, &both[1..]).unwrap(), file("two.keys"));
        assert_eq!(chosen(None, None, &[(FLEET, "")]).unwrap(), file("haversack.keys"));
        assert!(chosen(None, None, &both).is_err());
    }

    #[test]
    fn a_later_command_names_the_same_fleet_and_no_password() {
        let again = |file: Option<&str>, url: Option<&str>| {
            let fleet = FleetArgs { fleet: url.map(str::to_owned), ..FleetArgs::default() };
            PlaceArgs { file: file.map(Into::into), fleet }.again()
        };
        assert_eq!(again(None, None), "");
        assert_eq!(again(Some("my.keys"), None), " --fleet file:my.keys");
        assert_eq!(again(Some("it's.keys"), None), r" --fleet 'file:it'\''s.keys'");
        assert_eq!(again(None, Some("nats://h:1")), " --fleet nats://h:1");
        assert_eq!(again(None, Some("redis://h?app=a&b")), " --fleet 'redis://h?app=a&b'");
        assert_eq!(again(None, Some("redis://:hunter2@h")), WITH_PASSWORD);
    }

    #[test]
    fn a_new_ring_names_its_app_where_there_can_be_several() {
        for (url, with) in [
            ("redis://h:1", "redis://h:1?app=my%20shop"),
            ("redis://h:1?replicas=2", "redis://h:1?replicas=2&app=my%20shop"),
            ("nats://h?app=other", "nats://h?app=other"),
            ("file:/tmp/x", "file:/tmp/x"),
            ("x.keys", "x.keys"),
        ] {
            let fleet = Fleet { url: url.to_owned(), seals: None, opens: Vec::new() };
            assert_eq!(fleet.of_app("my shop").url, with);
        }
    }
}
