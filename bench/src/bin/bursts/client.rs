//! A client with one cookie jar, as strict as a browser's, that sends what it likes when it likes.

use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use haversack_testkit::{CookieJar, Site};
use http::Method;
use url::Url;

/// A request with the cookies of the moment at which it was made.
pub(crate) struct Request {
    method: Method,
    path: &'static str,
    body: String,
    cookies: Option<String>,
}

/// A status that is none, for a connection that broke.
const BROKEN: u16 = 0;

pub(crate) struct Answer {
    pub(crate) status: u16,
    head: String,
    pub(crate) body: String,
}

impl Answer {
    fn fields<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        let fields = self.head.lines().skip(1).filter_map(|line| line.split_once(": "));
        fields.filter(move |(field, _)| field.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }

    /// Whether a note was taken. What does not fit is answered by a redirection that says so.
    pub(crate) fn acknowledges(&self) -> bool {
        self.status == 303 && self.fields("location").all(|place| place == "/")
    }
}

pub(crate) struct Client {
    address: SocketAddr,
    url: Url,
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    jar: CookieJar,
    seen: Seen,
}

/// What happened so far.
#[derive(Clone, Debug, Default)]
pub(crate) struct Seen {
    /// Answers by status.
    pub(crate) statuses: BTreeMap<u16, usize>,
    /// Most characters of a `Cookie` line.
    pub(crate) peak_chars: usize,
    /// Most cookies on a request.
    pub(crate) peak_parcels: usize,
}

impl Client {
    pub(crate) fn new(address: SocketAddr) -> Self {
        // The name, since `Secure` cookies are taken over plain http from a local host only.
        let url = Url::parse(&format!("http://localhost:{}/", address.port())).expect("a URL");
        Self { address, url, inner: Mutex::default() }
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn seen(&self) -> Seen {
        self.inner().seen.clone()
    }

    /// Characters and number of the cookies that a request would carry now.
    pub(crate) fn size(&self) -> (usize, usize) {
        let line = self.inner().jar.header_for(&self.url, &Method::GET, Site::Same, now_ms());
        line.map_or((0, 0), |line| (line.len(), line.matches('=').count()))
    }

    pub(crate) fn read(&self) -> Request {
        self.request(Method::GET, "/data.json", String::new())
    }

    pub(crate) fn write(&self, id: usize, text: &str) -> Request {
        self.request(Method::POST, "/notes/add", format!("id={id}&text={text}"))
    }

    fn request(&self, method: Method, path: &'static str, body: String) -> Request {
        let mut inner = self.inner();
        let cookies = inner.jar.header_for(&self.url, &method, Site::Same, now_ms());
        let line = cookies.as_deref().unwrap_or_default();
        inner.seen.peak_chars = inner.seen.peak_chars.max(line.len());
        inner.seen.peak_parcels = inner.seen.peak_parcels.max(line.matches('=').count());
        Request { method, path, body, cookies }
    }

    /// Sends, and does not touch the jar.
    pub(crate) fn send(&self, request: &Request) -> Answer {
        let bytes = self.exchange(request).unwrap_or_default();
        let text = String::from_utf8_lossy(&bytes);
        let (head, body) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
        let status = head.split(' ').nth(1).and_then(|status| status.parse().ok());
        Answer { status: status.unwrap_or(BROKEN), head: head.to_owned(), body: body.to_owned() }
    }

    fn exchange(&self, request: &Request) -> std::io::Result<Vec<u8>> {
        let mut stream = TcpStream::connect(self.address)?;
        stream.set_read_timeout(Some(Duration::from_secs(30)))?;
        let Request { method, path, body, .. } = request;
        let cookie = request.cookies.as_deref().map(|line| format!("Cookie: {line}\r\n"));
        let head = format!(
            "{method} {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\
             Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n{}\r\n{body}",
            body.len(),
            cookie.unwrap_or_default(),
        );
        stream.write_all(head.as_bytes())?;
        let mut bytes = Vec::new();
        stream.read_to_end(&mut bytes)?;
        Ok(bytes)
    }

    /// The answer arrives: it counts, and its cookies go into the jar.
    pub(crate) fn take(&self, answer: &Answer) {
        let mut inner = self.inner();
        *inner.seen.statuses.entry(answer.status).or_default() += 1;
        for line in answer.fields("set-cookie") {
            self.store(&mut inner, line);
        }
    }

    /// Puts cookies into the jar that came from elsewhere.
    pub(crate) fn give(&self, lines: &[String]) {
        let mut inner = self.inner();
        for line in lines {
            self.store(&mut inner, line);
        }
    }

    fn store(&self, inner: &mut Inner, line: &str) {
        let stored = inner.jar.store(&self.url, line.as_bytes(), Site::Same, now_ms());
        stored.unwrap_or_else(|refusal| panic!("no browser would take {line:?}: {refusal:?}"));
    }
}

fn now_ms() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("a clock that was set");
    u64::try_from(now.as_millis()).expect("this century")
}
