//! Where a NATS server is, and who one is to it: the URL of an engine.

use std::fmt;
use std::path::PathBuf;

use zeroize::Zeroizing;

/// What a URL says. Its texts never hold the password.
pub(super) struct Address {
    pub(super) hosts: Vec<Host>,
    pub(super) tls: bool,
    pub(super) login: Option<(String, Zeroizing<String>)>,
    pub(super) app: Option<String>,
    pub(super) replicas: u64,
    pub(super) credentials: Option<PathBuf>,
}

/// One server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Host {
    /// IPv6 addresses in brackets.
    pub(super) name: String,
    pub(super) port: u16,
}

impl Address {
    /// Reads `nats://[user:password@]host[:port][,host...][?app=NAME&replicas=N&creds=PATH]`.
    ///
    /// What it returns on failure says what is wrong and repeats nothing but names of settings.
    pub(super) fn parse(url: &str) -> Result<Self, String> {
        let (scheme, rest) = url.split_once("://").ok_or("write `nats://host:4222`")?;
        let tls = match scheme {
            "nats" => false,
            "tls" | "nats+tls" => true,
            _ => return Err("begin with `nats://`, or with `tls://` for TLS".to_owned()),
        };
        let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
        let (login, hosts) = match rest.rsplit_once('@') {
            Some((login, hosts)) => (Some(parse_login(login)?), hosts),
            None => (None, rest),
        };
        let hosts = hosts.strip_suffix('/').unwrap_or(hosts);
        let hosts = hosts.split(',').map(Host::parse).collect::<Result<Vec<_>, _>>()?;
        let mut address = Self { hosts, tls, login, app: None, replicas: 1, credentials: None };
        for setting in query.split('&').filter(|setting| !setting.is_empty()) {
            address.set(setting)?;
        }
        Ok(address)
    }

    fn set(&mut self, setting: &str) -> Result<(), String> {
        let (name, value) = setting.split_once('=').unwrap_or((setting, ""));
        let value =
            decode(value).ok_or_else(|| format!("`{name}` is not percent-encoded UTF-8"))?;
        match name {
            "app" if value.is_empty() => return Err("`app` is empty".to_owned()),
            "app" => self.app = Some(value),
            "creds" if value.is_empty() => return Err("`creds` is empty".to_owned()),
            "creds" => self.credentials = Some(value.into()),
            "replicas" => {
                let number = value.parse().ok().filter(|number| (1..=5).contains(number));
                self.replicas = number.ok_or("`replicas` is a number from 1 to 5")?;
            }
            _ => {
                return Err("there are the settings `app`, `replicas` and `creds`, and there is \
                            another; a password with `?` or `@` needs %3F and %40"
                    .to_owned());
            }
        }
        Ok(())
    }

    /// Whether all of it stays on this machine.
    pub(super) fn is_local(&self) -> bool {
        self.hosts.iter().all(|host| {
            let name = host.name.trim_start_matches('[').trim_end_matches(']');
            let ip = name.parse::<std::net::IpAddr>();
            name.eq_ignore_ascii_case("localhost") || ip.is_ok_and(|ip| ip.is_loopback())
        })
    }
}

/// What it is called in logs and errors.
impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.tls { "tls://" } else { "nats://" })?;
        for (number, host) in self.hosts.iter().enumerate() {
            let between = if number > 0 { "," } else { "" };
            write!(f, "{between}{}:{}", host.name, host.port)?;
        }
        Ok(())
    }
}

impl Host {
    fn parse(text: &str) -> Result<Self, String> {
        let port_at = text.rfind(':').filter(|&at| !text[at..].contains(']'));
        let (name, port) = port_at.map_or((text, None), |at| (&text[..at], Some(&text[at + 1..])));
        let port = match port {
            None => 4222,
            Some(port) => {
                let port = port.parse().ok().filter(|&port| port > 0);
                port.ok_or("a port is a number from 1 to 65535")?
            }
        };
        let inner = name.strip_prefix('[').and_then(|name| name.strip_suffix(']'));
        let fits = |b: u8| b.is_ascii_alphanumeric() || b"-._".contains(&b);
        let fine = inner.map_or_else(
            || !name.is_empty() && name.bytes().all(fits),
            |ip| ip.parse::<std::net::Ipv6Addr>().is_ok(),
        );
        if !fine {
            return Err("a host is a name or an address, IPv6 in brackets".to_owned());
        }
        Ok(Self { name: name.to_owned(), port })
    }
}

fn parse_login(text: &str) -> Result<(String, Zeroizing<String>), String> {
    let (user, password) = text.split_once(':').ok_or("write `user:password@` before the host")?;
    let user = decode(user).ok_or("the user is not percent-encoded UTF-8")?;
    let password = decode(password).ok_or("the password is not percent-encoded UTF-8")?;
    Ok((user, Zeroizing::new(password)))
}

/// Undoes percent-encoding. A lone `%` is refused: it would be somebody's password otherwise.
fn decode(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte == b'%' {
            let mut digit = || char::from(rest.next()?).to_digit(16);
            let value = digit()? << 4 | digit()?;
            bytes.push(u8::try_from(value).ok()?);
        } else {
            bytes.push(byte);
        }
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::Address;

    fn parse(url: &str) -> Address {
        Address::parse(url).unwrap_or_else(|why| panic!("{url}: {why}"))
    }

    #[test]
    fn reads_urls() {
        let plain = parse("nats://example");
        assert_eq!(plain.to_string(), "nats://example:4222");
        assert!(!plain.tls && plain.login.is_none() && plain.app.is_none() && plain.replicas == 1);

        let full = parse(
            "tls://me:p%40ss%3a@a.example:1,[::1]:2,c/?app=shop%20one&replicas=3&creds=/etc/n.creds",
        );
        assert_eq!(full.to_string(), "tls://a.example:1,[::1]:2,c:4222");
        let (user, password) = full.login.unwrap();
        assert_eq!((user.as_str(), password.as_str()), ("me", "p@ss:"));
        assert_eq!(full.app.as_deref(), Some("shop one"));
        assert_eq!((full.tls, full.replicas), (true, 3));
        assert_eq!(full.credentials.unwrap().to_str(), Some("/etc/n.creds"));
        assert!(parse("nats+tls://example").tls);
    }

    #[test]
    fn knows_this_machine() {
        for (url, local) in [
            ("nats://127.0.0.1", true),
            ("nats://localhost,[::1]:3", true),
            ("nats://127.0.0.1,example", false),
            ("nats://10.0.0.1", false),
        ] {
            assert_eq!(parse(url).is_local(), local, "{url}");
        }
    }

    #[test]
    fn says_what_is_wrong_without_the_password() {
        for url in [
            "",
            "example",
            "redis://hunter2@example",
            "nats://",
            "nats://hunter2@example",
            "nats://me:hunter2%@example",
            "nats://me:hunter2@",
            "nats://me:hunter2@exa mple",
            "nats://me:hunter2@example:0",
            "nats://me:hunter2@example:99999",
            "nats://me:hunter2@example?replicas=0",
            "nats://me:hunter2@example?replicas=hunter2",
            "nats://me:hunter2@example?app=",
            "nats://me:hunter2@example?hunter2=1",
            "nats://me:hunter?2@example",
            "nats://me:hunter2@[::zz]",
        ] {
            let why = Address::parse(url).err().unwrap_or_else(|| panic!("{url} was taken"));
            assert!(!why.is_empty() && !why.contains("hunter"), "{url}: {why}");
        }
    }
}
