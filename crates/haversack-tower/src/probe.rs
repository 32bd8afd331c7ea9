//! A probe for what lies between clients and servers: whether it passes what sessions need.

use std::convert::Infallible;
use std::future::{Ready, ready};
use std::task::{Context, Poll};

use http::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE, COOKIE, SET_COOKIE};
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode};
use tower_service::Service;

/// Tells whether a proxy in front of a server passes the header lines that sessions are made of.
/// `haversack fleet check --front URL` asks it, and says which setting to change.
///
/// ```
/// # #[cfg(feature = "axum")] {
/// # use axum::Router;
/// use haversack_tower::Probe;
///
/// let app: Router = Router::new().route_service(Probe::PATH, Probe::new());
/// # }
/// ```
///
/// It may stay there in public: it holds no secret, opens no session, repeats nothing that it was
/// sent, and one answer is no larger than one that sets a session. A browser keeps none of its cookies.
///
/// # What it answers
///
/// A `GET` with `?lines=L&chars=C` is answered with `L` lines of `Set-Cookie` (0 to 10, default 0) that
/// together have `C` characters (at most 3,400), each with [`Probe::cookie`] of its number. What is
/// over a bound is brought down to it. The body is JSON:
///
/// | field | is |
/// |---|---|
/// | `cookie_lines` | `Cookie` lines that arrived, whatever was in them |
/// | `cookies` | cookies of the probe among them |
/// | `cookie_chars` | characters of those, names, values and `=` |
/// | `intact` | whether each of them is as [`Probe::cookie`] made it |
/// | `in_order` | whether none came before one with a lower number |
/// | `duplicates` | how many had the number of the one before |
/// | `set_cookie_lines`, `set_cookie_chars` | what was sent back |
#[derive(Clone, Copy, Debug, Default)]
pub struct Probe {
    _private: (),
}

/// Most `Set-Cookie` lines of an answer.
const LINES: usize = 10;
/// Most characters of them: the default of [`Budget::response`](crate::Budget::response).
const CHARS: usize = 3_400;

const PREFIX: &str = "hv-probe.";
/// Name, number and `=`.
const NAMED: usize = PREFIX.len() + 3;
/// Nothing is kept: it is over when it arrives.
const ATTRIBUTES: &str = "; Max-Age=0; Path=/.well-known/haversack-probe; Secure; HttpOnly";

impl Probe {
    /// Where it is looked for.
    pub const PATH: &'static str = "/.well-known/haversack-probe";

    /// The probe.
    pub const fn new() -> Self {
        Self { _private: () }
    }

    /// A cookie for the probe, name and value, of `chars` characters (at least 12). Of `number` the
    /// last two digits count.
    pub fn cookie(number: u8, chars: usize) -> String {
        const ALPHABET: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
        let number = number % 100;
        let mut cookie = format!("{PREFIX}{number:02}=");
        let value = ALPHABET.iter().cycle().skip(usize::from(number));
        cookie.extend(value.take(chars.saturating_sub(NAMED)).map(|byte| char::from(*byte)));
        cookie
    }
}

impl<B> Service<Request<B>> for Probe {
    type Response = Response<String>;
    type Error = Infallible;
    type Future = Ready<Result<Response<String>, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        ready(Ok(match *request.method() {
            Method::GET | Method::HEAD => {
                answer(request.uri().query().unwrap_or_default(), request.headers())
            }
            _ => not_allowed(),
        }))
    }
}

fn not_allowed() -> Response<String> {
    let mut response = Response::new(String::new());
    *response.status_mut() = StatusCode::METHOD_NOT_ALLOWED;
    response.headers_mut().insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
    response
}

fn answer(query: &str, headers: &HeaderMap) -> Response<String> {
    let arrived = Arrived::of(headers);
    let sent = set_cookies(number(query, "lines").min(LINES), number(query, "chars").min(CHARS));
    let mut response = Response::new(format!(
        "{{\"cookie_lines\":{},\"cookies\":{},\"cookie_chars\":{},\"intact\":{},\"in_order\":{},\
         \"duplicates\":{},\"set_cookie_lines\":{},\"set_cookie_chars\":{}}}\n",
        arrived.lines,
        arrived.cookies,
        arrived.chars,
        !arrived.changed,
        !arrived.moved,
        arrived.duplicates,
        sent.len(),
        sent.iter().map(String::len).sum::<usize>(),
    ));
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    for line in sent {
        // Of base64url and attributes: always a header value.
        headers.extend(HeaderValue::try_from(line).ok().map(|value| (SET_COOKIE, value)));
    }
    response
}

/// A number of the query; 0 if it is not there, and if it is none.
fn number(query: &str, name: &str) -> usize {
    let pairs = query.split('&').filter_map(|pair| pair.split_once('='));
    let value = pairs.filter(|(key, _)| *key == name).map(|(_, value)| value).next_back();
    value.and_then(|value| value.parse().ok()).unwrap_or(0)
}

/// As many lines, of as many characters as can be.
fn set_cookies(lines: usize, chars: usize) -> Vec<String> {
    let Some(each) = chars.checked_div(lines) else { return Vec::new() };
    let over = chars - each * lines;
    let line = |number: u8| {
        let chars = each + usize::from(usize::from(number) < over);
        Probe::cookie(number, chars.saturating_sub(ATTRIBUTES.len())) + ATTRIBUTES
    };
    (0_u8..).take(lines).map(line).collect()
}

#[derive(Default)]
struct Arrived {
    lines: usize,
    cookies: usize,
    chars: usize,
    changed: bool,
    moved: bool,
    duplicates: usize,
}

impl Arrived {
    fn of(headers: &HeaderMap) -> Self {
        let mut arrived = Self::default();
        let mut last = None;
        for line in headers.get_all(COOKIE) {
            arrived.lines += 1;
            let pairs = line.as_bytes().split(|byte| *byte == b';').map(<[u8]>::trim_ascii);
            for pair in pairs.filter(|pair| pair.starts_with(PREFIX.as_bytes())) {
                arrived.cookies += 1;
                arrived.chars += pair.len();
                let digits = pair.get(PREFIX.len()..PREFIX.len() + 2);
                let number = digits.and_then(|it| std::str::from_utf8(it).ok()?.parse().ok());
                let made = number.map(|number| Probe::cookie(number, pair.len()));
                arrived.changed |= made.is_none_or(|made| made.as_bytes() != pair);
                arrived.moved |= last.is_some_and(|last| number < last);
                arrived.duplicates += usize::from(last == Some(number));
                last = Some(number);
            }
        }
        arrived
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ask(method: Method, query: &str, cookies: &[&str]) -> Response<String> {
        let mut request = Request::builder().method(method).uri(format!("{}{query}", Probe::PATH));
        for line in cookies {
            request = request.header(COOKIE, *line);
        }
        let request = request.body(()).unwrap();
        Probe::new().call(request).into_inner().unwrap()
    }

    fn set(response: &Response<String>) -> Vec<&str> {
        response.headers().get_all(SET_COOKIE).iter().map(|it| it.to_str().unwrap()).collect()
    }

    #[test]
    fn it_sets_what_it_is_asked_for_within_its_bounds() {
        assert!(set(&ask(Method::GET, "", &[])).is_empty());
        for (query, lines, chars) in [
            ("?lines=10&chars=3400", 10, 3_400),
            ("?lines=7&chars=1000", 7, 1_000),
            ("?lines=1&chars=3072", 1, 3_072),
            ("?lines=99999&chars=99999999", 10, 3_400),
        ] {
            let response = ask(Method::GET, query, &[]);
            let set = set(&response);
            let total: usize = set.iter().map(|line| line.len()).sum();
            assert_eq!((set.len(), total), (lines, chars), "{query}");
            assert!(set.iter().all(|line| line.contains("; Max-Age=0;")));
            assert!(set.windows(2).all(|pair| pair[0] < pair[1]), "numbered: {set:?}");
            let told = format!("\"set_cookie_lines\":{lines},\"set_cookie_chars\":{chars}}}");
            assert!(response.body().contains(&told), "{}", response.body());
        }
        for query in ["?lines=-1&chars=x", "?lines=&chars", "?lines=3000000000000000000000"] {
            assert!(set(&ask(Method::GET, query, &[])).is_empty(), "{query}");
        }
    }

    #[test]
    fn it_tells_what_arrived_and_repeats_none_of_it() {
        let [zero, one, two] = [0, 1, 2].map(|number| Probe::cookie(number, 100));
        let told = |lines: &[&str]| {
            let response = ask(Method::GET, "", lines);
            assert_eq!(response.headers()[CACHE_CONTROL], "no-store");
            response.body().split(",\"set_").next().unwrap().to_owned()
        };
        assert_eq!(
            told(&[&format!("other=secret; {zero}; {one}"), &format!("{two};{two}")]),
            "{\"cookie_lines\":2,\"cookies\":4,\"cookie_chars\":400,\"intact\":true,\
             \"in_order\":true,\"duplicates\":1"
        );
        assert!(told(&[&format!("{one}; {zero}")]).contains("\"in_order\":false"));
        assert!(told(&[&zero[..99]]).contains("\"cookie_chars\":99,\"intact\":true"));
        for changed in ["hv-probe.0", "hv-probe.0x=A", "hv-probe.00=a", "hv-probe.é"] {
            assert!(told(&[changed]).contains("\"intact\":false"), "{changed}");
        }
        assert!(told(&["HV-PROBE.00=A"]).contains("\"cookies\":0"));
    }

    #[test]
    fn it_only_reads() {
        let response = ask(Method::POST, "?lines=10&chars=3400", &[]);
        assert_eq!(response.status(), StatusCode::METHOD_NOT_ALLOWED);
        assert_eq!(response.headers()[ALLOW], "GET, HEAD");
        assert!(set(&response).is_empty());
    }
}
