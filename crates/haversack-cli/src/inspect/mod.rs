//! `haversack inspect`: what a client carries, what a server makes of it, and what to do about it.
//!
//! Everything that is judged is judged by `haversack::inspect`, in the way a server does; here it is
//! read, laid out and explained. Nothing is sent anywhere, and nothing is changed.

mod advice;
mod cbor;
mod human;
mod input;
mod json;
mod table;
mod time;
mod words;

use std::io::{IsTerminal as _, Read as _, Write as _, stdin, stdout};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;
use std::{env, fs};

use haversack::inspect::{self, Inspection};
use haversack::{
    CookieSpec, Feed as _, Fixed, HeaderSpec, KeyRing, Lifetime, Policy, Timestamp, View,
};

use crate::output::Failure;
use crate::ring::load_ring;

use self::input::Input;

/// Tell what a client carries: whose session, which fields, what is due and what is wrong
///
/// Reads cookies from the arguments, from files that they name, or from standard input: a Cookie
/// header, Set-Cookie lines (deletions apply), a cookie jar of curl, a curl command as browsers copy
/// it, or name=value. With --header it reads the session of an API client: the header's line, a curl
/// command, or the value alone. Without a key file it tells what the names and key ids tell.
///
/// What it prints is what the session holds, in the clear; `--no-values` leaves that out.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Cookies, or files with cookies; `-` or nothing reads standard input
    input: Vec<String>,
    /// The key ring document of the servers
    #[arg(long, value_name = "FILE", env = "HAVERSACK_KEYS")]
    keys: Option<PathBuf>,
    /// The cookies' name before the dot [default: `__Host-Http-hv`, or what the input shows]
    #[arg(long)]
    name: Option<String>,
    /// Read the session in this header instead of cookies
    #[arg(long, value_name = "NAME", conflicts_with_all = ["name", "host"])]
    header: Option<String>,
    /// The tenant that the sessions are sealed for
    #[arg(long, default_value = "", hide_default_value = true)]
    tenant: String,
    /// The purpose that the sessions are sealed for
    #[arg(long, default_value = "session")]
    purpose: String,
    /// A field that the program declares as its subject or an identity field; may be repeated
    #[arg(long, value_name = "FIELD")]
    identity: Vec<String>,
    /// The idle lifetime, or `none`
    #[arg(long, value_name = "SPAN", default_value = "24h", value_parser = idle)]
    idle: Idle,
    /// The absolute lifetime
    #[arg(long, value_name = "SPAN", default_value = "14d", value_parser = time::parse_span)]
    absolute: Duration,
    /// Judge as at this time, for example 2026-01-31T12:00:00Z [default: now]
    #[arg(long, value_name = "TIME", value_parser = time::parse_time)]
    now: Option<Timestamp>,
    /// Of a cookie jar, the cookies that are sent to this host
    #[arg(long)]
    host: Option<String>,
    /// Leave out the values of fields
    #[arg(long)]
    no_values: bool,
    /// Show long values whole
    #[arg(long)]
    full: bool,
    /// Print JSON; times are milliseconds since 1970
    #[arg(long)]
    json: bool,
}

/// An idle limit that may be absent. Not an `Option`, which clap takes for an absent argument.
#[derive(Clone, Copy, Debug)]
struct Idle(Option<Duration>);

fn idle(text: &str) -> Result<Idle, String> {
    match text {
        "none" => Ok(Idle(None)),
        _ => time::parse_span(text).map(|idle| Idle(Some(idle))),
    }
}

/// What is reported on.
struct Case<'a> {
    input: &'a Input,
    /// The cookies' name before the dot, or the header's.
    base: &'a str,
    in_header: bool,
    /// Nobody gave that name: the input showed it.
    guessed: bool,
    now: Timestamp,
    values: bool,
}

impl Case<'_> {
    /// How a cookie is called here: by what follows the base, or by the base alone.
    fn named<'n>(&'n self, suffix: &'n str) -> &'n str {
        if suffix.is_empty() { self.base } else { suffix }
    }
}

/// What is known with a key ring.
struct Opened<'a> {
    ring: &'a KeyRing,
    found: &'a Inspection,
}

/// Runs the command.
pub(crate) fn run(args: &Args) -> Result<ExitCode, Failure> {
    let now = args.now.unwrap_or_else(time::now);
    let ring = args.keys.as_deref().map(load_ring).transpose()?;
    let text = read(&args.input)?;
    let input = match &args.header {
        Some(header) => input::header_values(&text, header)?,
        None => input::parse(&text, now, args.host.as_deref())?,
    };
    let (base, guessed) = match (&args.header, &args.name) {
        (Some(header), _) => (HeaderSpec::named(header).name().to_owned(), false),
        (None, Some(name)) => (name.clone(), false),
        (None, None) => guess_name(&input)?,
    };
    let in_header = args.header.is_some();
    let values = !args.no_values;
    let case = Case { input: &input, base: &base, in_header, guessed, now, values };
    let text = match &ring {
        None => {
            let lines = lines(&input);
            let names = inspect::names(&base, lines.iter().map(String::as_bytes));
            if args.json {
                json::names(&case, &names)
            } else {
                human::names(&case, &names, &style(args))
            }
        }
        Some(ring) => {
            let view = Fixed::from(ring.clone()).view();
            let found = inspection(args, &case, &view)?;
            let opened = Opened { ring, found: &found };
            if args.json {
                json::jar(&case, &opened)
            } else {
                human::jar(&case, &opened, &style(args))
            }
        }
    };
    // A pager that was closed early is no failure.
    let _ = stdout().lock().write_all(text.as_bytes());
    Ok(ExitCode::SUCCESS)
}

fn inspection(args: &Args, case: &Case<'_>, view: &Arc<View>) -> Result<Inspection, Failure> {
    let policy = policy(args, case);
    if case.in_header {
        let values = case.input.cookies.iter().map(|(_, value)| value.as_bytes());
        let found = inspect::header(view, &policy, values, case.now);
        if let Some(found) = found.map_err(|error| Failure::new(error.to_string()))? {
            return Ok(found);
        }
    }
    let lines = lines(case.input);
    inspect::jar(view, &policy, lines.iter().map(String::as_bytes), case.now)
        .map_err(|error| Failure::new(error.to_string()))
}

/// The cookies as lines; what is in a header as if it were a cookie of its name.
fn lines(input: &Input) -> Vec<String> {
    input.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect()
}

fn policy(args: &Args, case: &Case<'_>) -> Policy {
    let (cookie, header) = if case.in_header {
        (CookieSpec::default(), Some(HeaderSpec::named(case.base)))
    } else {
        (CookieSpec::named(case.base), None)
    };
    Policy {
        cookie,
        header,
        lifetime: Lifetime { idle: args.idle.0, absolute: args.absolute, ..Lifetime::default() },
        tenant: args.tenant.clone(),
        purpose: Some(args.purpose.clone()),
        identity: args.identity.clone(),
        ..Policy::default()
    }
}

fn style(args: &Args) -> human::Style {
    let columns = env::var("COLUMNS").ok().and_then(|columns| columns.parse().ok());
    human::Style {
        colour: stdout().is_terminal() && env::var_os("NO_COLOR").is_none(),
        width: if args.full { usize::MAX } else { columns.unwrap_or(100).max(60) },
    }
}

/// Largest input, far beyond what any client sends.
const MAX_INPUT: u64 = 4 << 20;

/// The text of all arguments: cookies, files, or standard input.
fn read(arguments: &[String]) -> Result<String, Failure> {
    if arguments.is_empty() {
        return read_stdin();
    }
    let mut text = String::new();
    for argument in arguments {
        if argument == "-" {
            text += &read_stdin()?;
        } else if !argument.contains('=') && Path::new(argument).is_file() {
            let bytes = fs::read(argument)
                .map_err(|error| Failure::new(format!("cannot read {argument}: {error}")))?;
            text += &String::from_utf8_lossy(&bytes);
        } else {
            text += argument;
        }
        text.push('\n');
    }
    Ok(text)
}

fn read_stdin() -> Result<String, Failure> {
    let mut stdin = stdin();
    if stdin.is_terminal() {
        eprintln!("paste cookies, then end with Ctrl-D");
    }
    let mut bytes = Vec::new();
    (&mut stdin)
        .take(MAX_INPUT)
        .read_to_end(&mut bytes)
        .map_err(|error| Failure::new(format!("cannot read standard input: {error}")))?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// The default name, unless the input has only sessions under another.
fn guess_name(input: &Input) -> Result<(String, bool), Failure> {
    let default = CookieSpec::default().base().to_owned();
    let mut names: Vec<&str> = Vec::new();
    for (name, value) in &input.cookies {
        let base = match name.rsplit_once('.') {
            Some((base, suffix))
                if suffix.len() == 9 && suffix.starts_with(['a', 'e', 'r', 'u']) =>
            {
                base
            }
            _ => name, // a whole session, named by the base alone
        };
        let in_one = base == name;
        let is_parcel = value.starts_with(if in_one { "hv1" } else { "hv" });
        if is_parcel && !names.contains(&base) {
            names.push(base);
        }
    }
    match names.as_slice() {
        [] => Ok((default, false)),
        names if names.contains(&default.as_str()) => Ok((default, false)),
        [name] => Ok(((*name).to_owned(), true)),
        [first, ..] => Err(Failure::new(format!(
            "there are sessions under several names: {}",
            names.join(", ")
        ))
        .hint(format!("choose one, for example `--name {first}`"))),
    }
}
