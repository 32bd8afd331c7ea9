//! One connection: where to, TLS, and who we are.

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, Pipeline, RedisConnectionInfo, Value};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::OnceCell;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::crypto::aws_lc_rs;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use tokio_rustls::rustls::{self, ClientConfig, RootCertStore};

use super::error;
use super::target::{Place, Target, Tls};
use crate::{EngineError, EngineErrorKind};

/// How long a server may take to answer, and how long to let us in.
pub(super) const PATIENCE: Duration = Duration::from_secs(2);

/// A connection that any number of tasks may use at once. It ends when this is dropped.
pub(super) struct Connection {
    target: Arc<Target>,
    redis: MultiplexedConnection,
    driver: JoinHandle<()>,
    /// It did not answer, or says that another one would be better.
    broken: AtomicBool,
    /// Done once, before anything is written.
    pub(super) checked: OnceCell<()>,
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.driver.abort();
    }
}

impl Connection {
    pub(super) async fn open(target: &Arc<Target>) -> Result<Self, EngineError> {
        let opened = timeout(PATIENCE, open(target)).await;
        let late = || EngineErrorKind::Unreachable("no connection within 2 seconds".to_owned());
        let (redis, driver) =
            opened.unwrap_or_else(|_| Err(late())).map_err(|it| target.error(it))?;
        let this = Self {
            target: Arc::clone(target),
            redis,
            driver,
            broken: AtomicBool::new(false),
            checked: OnceCell::new(),
        };
        let mut hello = redis::pipe();
        if let Some(password) = &target.password {
            hello.cmd("AUTH");
            if let Some(user) = &target.user {
                hello.arg(user);
            }
            hello.arg(password.as_str());
        }
        if target.database != 0 {
            hello.cmd("SELECT").arg(target.database);
        }
        if !hello.is_empty() {
            for answer in this.ask(hello, Duration::ZERO).await? {
                this.fine(answer)?;
            }
        }
        Ok(this)
    }

    /// Sends commands in one go. The answers are as many as the commands, errors among them.
    ///
    /// The server may take `blocks` longer than usual.
    pub(super) async fn ask(
        &self,
        mut commands: Pipeline,
        blocks: Duration,
    ) -> Result<Vec<Value>, EngineError> {
        commands.ignore_errors();
        let mut redis = self.redis.clone();
        let asked = timeout(PATIENCE + blocks, commands.query_async::<Vec<Value>>(&mut redis));
        let Ok(answered) = asked.await else {
            self.broken.store(true, Ordering::Release);
            let late = EngineErrorKind::Unreachable("no answer within 2 seconds".to_owned());
            return Err(self.target.error(late));
        };
        let answers = answered.map_err(|failed| {
            self.broken.store(true, Ordering::Release);
            self.target.error(error::of_connection(&failed))
        })?;
        let moved =
            |it: &Value| matches!(it, Value::ServerError(it) if error::is_of_connection(it));
        if answers.iter().any(moved) {
            self.broken.store(true, Ordering::Release);
        }
        Ok(answers)
    }

    /// The same for one command.
    pub(super) async fn ask_one(&self, command: redis::Cmd) -> Result<Value, EngineError> {
        let mut commands = redis::pipe();
        commands.add_command(command);
        let answer = self.ask(commands, Duration::ZERO).await?.into_iter().next();
        self.fine(answer.unwrap_or(Value::Nil))
    }

    /// The answer, unless it is an error.
    pub(super) fn fine(&self, answer: Value) -> Result<Value, EngineError> {
        match answer {
            Value::ServerError(said) => Err(self.target.error(error::of_server(&said))),
            answer => Ok(answer),
        }
    }

    /// An error unless a write was let through. That there is no room for more is none.
    pub(super) fn is_writable(&self, written: Value) -> Result<(), EngineError> {
        match self.fine(written) {
            Err(error) if !matches!(error.kind(), EngineErrorKind::Full(_)) => Err(error),
            _ => Ok(()),
        }
    }

    /// Whether it ended, or should.
    pub(super) fn is_over(&self) -> bool {
        self.broken.load(Ordering::Acquire) || self.driver.is_finished()
    }
}

const WHO: &str = "if it asks for a certificate, give one with ?cert=PATH&key=PATH";

type Opened = Result<(MultiplexedConnection, JoinHandle<()>), EngineErrorKind>;

async fn open(target: &Target) -> Opened {
    match &target.place {
        Place::Tcp { host, port, tls } => {
            let stream =
                TcpStream::connect((host.as_str(), *port)).await.map_err(|it| unreachable(&it))?;
            let _ = stream.set_nodelay(true);
            let Some(tls) = tls else { return speak(stream).await };
            let config = config(tls).map_err(EngineErrorKind::Unusable)?;
            let name = ServerName::try_from(host.clone())
                .map_err(|_| EngineErrorKind::Unusable(format!("{host} is no name for TLS")))?;
            let connector = TlsConnector::from(Arc::new(config));
            let stream = connector.connect(name, stream).await.map_err(|it| untrusted(&it))?;
            speak(greeted(stream, tls).await?).await
        }
        #[cfg(unix)]
        Place::Unix(path) => {
            speak(tokio::net::UnixStream::connect(path).await.map_err(|it| unreachable(&it))?).await
        }
        #[cfg(not(unix))]
        Place::Unix(_) => {
            Err(EngineErrorKind::Unusable("there are no Unix sockets here".to_owned()))
        }
    }
}

/// Whether a server lets us in is only told after the handshake, with the first answer.
async fn greeted<S>(mut stream: S, tls: &Tls) -> Result<S, EngineErrorKind>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let greet = async {
        stream.write_all(b"PING\r\n").await?;
        // `+PONG`, or that a password is asked for: either is an answer.
        for _ in 0..1000 {
            if stream.read_u8().await? == b'\n' {
                break;
            }
        }
        Ok(())
    };
    match greet.await {
        Ok(()) => Ok(stream),
        Err(error) => match untrusted(&error) {
            EngineErrorKind::Unreachable(why) if tls.identity.is_none() => {
                Err(EngineErrorKind::Unreachable(format!("{why}; {WHO}")))
            }
            kind => Err(kind),
        },
    }
}

/// The crate's own greeting is left out: its errors say too little.
async fn speak(stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static) -> Opened {
    let info = RedisConnectionInfo::default().set_skip_set_lib_name();
    let config = AsyncConnectionConfig::new().set_response_timeout(None);
    let opened = MultiplexedConnection::new_with_config(&info, stream, config).await;
    let (redis, driver) = opened.map_err(|failed| error::of_connection(&failed))?;
    Ok((redis, tokio::spawn(driver)))
}

fn unreachable(error: &io::Error) -> EngineErrorKind {
    EngineErrorKind::Unreachable(error.to_string())
}

fn untrusted(error: &io::Error) -> EngineErrorKind {
    let inner = error.get_ref().and_then(|it| it.downcast_ref::<rustls::Error>());
    match inner {
        Some(rustls::Error::InvalidCertificate(why)) => EngineErrorKind::Unusable(format!(
            "its certificate is not trusted ({why:?}); if it is from a CA of your own, name the \
             CA's file with ?ca=PATH"
        )),
        Some(rustls::Error::InvalidMessage(_)) => EngineErrorKind::Unusable(
            "it does not speak TLS at this port; use its TLS port, or redis://".to_owned(),
        ),
        Some(rustls::Error::AlertReceived(alert)) => {
            EngineErrorKind::Unusable(format!("it ends the TLS handshake ({alert:?}); {WHO}"))
        }
        _ => EngineErrorKind::Unreachable(error.to_string()),
    }
}

/// Read for each connection, so that files may be renewed. They are small.
fn config(tls: &Tls) -> Result<ClientConfig, String> {
    let mut roots = RootCertStore::empty();
    if let Some(ca) = &tls.ca {
        for certificate in certificates(ca)? {
            let bad = |error| format!("{}: not a CA certificate: {error}", ca.display());
            roots.add(certificate).map_err(bad)?;
        }
    } else {
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        if roots.is_empty() {
            let none = "this system trusts no certificates; name those of a CA with ?ca=PATH";
            return Err(none.to_owned());
        }
    }
    // The provider is named: that of the process may be another one, or there may be two.
    let config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?
        .with_root_certificates(roots);
    let Some((certificate, key)) = &tls.identity else { return Ok(config.with_no_client_auth()) };
    let bad = |error| format!("{}: not a private key in PEM: {error}", key.display());
    let private = PrivateKeyDer::from_pem_file(key).map_err(bad)?;
    config
        .with_client_auth_cert(certificates(certificate)?, private)
        .map_err(|error| format!("{}: {error}", certificate.display()))
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, String> {
    let read = CertificateDer::pem_file_iter(path).and_then(Iterator::collect);
    let read: Vec<_> = read.map_err(|error| format!("{}: {error}", path.display()))?;
    if read.is_empty() {
        return Err(format!("{}: there is no certificate in PEM in it", path.display()));
    }
    Ok(read)
}
