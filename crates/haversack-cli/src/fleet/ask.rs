//! One request to a front and its answer, whole, over a connection of its own. HTTP/1.1, with TLS for
//! https.

use std::sync::Arc;
use std::time::Duration;

use http_body_util::{BodyExt as _, Empty, Limited};
use hyper::body::Bytes;
use hyper::header::{CONNECTION, COOKIE, HOST, SERVER, SET_COOKIE, USER_AGENT};
use hyper::{HeaderMap, Request, client::conn::http1};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::crypto::aws_lc_rs;
use tokio_rustls::rustls::pki_types::ServerName;
use tokio_rustls::rustls::{ClientConfig, RootCertStore};
use url::{Host, Url};

/// What came back.
pub(super) struct Answer {
    pub(super) status: u16,
    /// What the front calls itself.
    pub(super) server: String,
    pub(super) set_cookies: Vec<String>,
    pub(super) body: String,
}

/// Asks for `url` with these `Cookie` lines; otherwise says what failed.
pub(super) async fn get(url: &Url, cookies: &[String]) -> Result<Answer, String> {
    match timeout(PATIENCE, exchange(url, cookies)).await {
        Ok(answer) => answer,
        Err(_) => Err(format!("no answer within {} s", PATIENCE.as_secs())),
    }
}

async fn exchange(url: &Url, cookies: &[String]) -> Result<Answer, String> {
    let (host, name) = match url.host() {
        Some(Host::Domain(domain)) => (domain.to_owned(), domain.to_owned()),
        Some(Host::Ipv4(ip)) => (ip.to_string(), ip.to_string()),
        Some(Host::Ipv6(ip)) => (ip.to_string(), ip.to_string()),
        None => return Err("its address names no host".to_owned()),
    };
    let port = url.port_or_known_default().unwrap_or(80);
    let stream = TcpStream::connect((host.as_str(), port)).await;
    let stream = stream.map_err(|error| format!("cannot connect: {error}"))?;
    if url.scheme() != "https" {
        return speak(stream, url, cookies).await;
    }
    let name = ServerName::try_from(name).map_err(|_| "its host is no name for TLS".to_owned())?;
    let connector = TlsConnector::from(Arc::new(config()?));
    let stream = connector.connect(name, stream).await;
    speak(stream.map_err(|error| format!("no TLS: {error}"))?, url, cookies).await
}

async fn speak(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    url: &Url,
    cookies: &[String],
) -> Result<Answer, String> {
    let failed = |error: hyper::Error| format!("the connection failed: {}", Causes(&error));
    let (mut client, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(failed)?;
    tokio::spawn(connection);
    let target = url.query().map_or(url.path().to_owned(), |it| format!("{}?{it}", url.path()));
    let authority = match url.port() {
        Some(port) => format!("{}:{port}", url.host_str().unwrap_or_default()),
        None => url.host_str().unwrap_or_default().to_owned(),
    };
    let mut request = Request::get(target)
        .header(HOST, authority)
        .header(USER_AGENT, concat!("haversack/", env!("CARGO_PKG_VERSION")))
        .header(CONNECTION, "close");
    for line in cookies {
        request = request.header(COOKIE, line);
    }
    let request = request.body(Empty::<Bytes>::new()).map_err(|error| error.to_string())?;
    let response = client.send_request(request).await.map_err(failed)?;
    let (head, body) = response.into_parts();
    // A proxy that cuts off an error's body has said enough in its head.
    let body = Limited::new(body, BODY).collect().await.map(http_body_util::Collected::to_bytes);
    Ok(Answer {
        status: head.status.as_u16(),
        server: text(&head.headers, &SERVER).next().unwrap_or_default(),
        set_cookies: text(&head.headers, &SET_COOKIE).collect(),
        body: String::from_utf8_lossy(&body.unwrap_or_default()).into_owned(),
    })
}

fn text(headers: &HeaderMap, name: &hyper::header::HeaderName) -> impl Iterator<Item = String> {
    headers.get_all(name).iter().map(|it| String::from_utf8_lossy(it.as_bytes()).into_owned())
}

/// An error and what caused it, which `hyper` keeps apart.
struct Causes<'a>(&'a dyn std::error::Error);

impl std::fmt::Display for Causes<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.0)?;
        match self.0.source() {
            Some(cause) => write!(f, ": {}", Causes(cause)),
            None => Ok(()),
        }
    }
}

fn config() -> Result<ClientConfig, String> {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if roots.is_empty() {
        return Err("this system trusts no certificates; SSL_CERT_FILE can name some".to_owned());
    }
    // The provider is named: that of the process may be another one, or there may be two.
    let config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?;
    Ok(config.with_root_certificates(roots).with_no_client_auth())
}

const PATIENCE: Duration = Duration::from_secs(10);

/// The probe's answer has some 200 bytes.
const BODY: usize = 64 * 1024;
