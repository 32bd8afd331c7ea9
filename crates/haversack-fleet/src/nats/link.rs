//! One connection to NATS, and questions asked over it.
//!
//! A connection that ends is not mended but replaced by whoever needs one next: so what prevents it is
//! that caller's error, and nothing that was asked long ago is sent late.

use std::future::{pending, ready};
use std::sync::Arc;
use std::time::Duration;

use async_nats::rustls::{self, ClientConfig, RootCertStore};
use async_nats::{Client, ConnectErrorKind, ConnectOptions, HeaderMap, Message, RequestErrorKind};
use async_nats::{Event, Request, ServerAddr, ServerError, ServerInfo, Subject, Subscriber};
use futures_util::FutureExt as _;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::sync::watch;
use tokio::time::timeout;

use super::address::Address;
use super::fault::ApiFault;
use crate::{EngineError, EngineErrorKind};

/// What is not answered within this time is not answered.
pub(super) const PATIENCE: Duration = Duration::from_secs(3);

/// A connection. It knows when it has ended, and what the server refused over it.
pub(super) struct Link {
    name: String,
    client: Client,
    ended: Arc<watch::Sender<bool>>,
    refused: Arc<watch::Sender<Option<String>>>,
}

impl Link {
    /// Connects. `name` is what the engine is called in errors.
    pub(super) async fn open(address: &Address, name: &str) -> Result<Self, EngineError> {
        let fail = |kind| EngineError::new(name, kind);
        let ended = Arc::new(watch::Sender::new(false));
        let refused = Arc::new(watch::Sender::new(None));
        let told = (Arc::clone(&ended), Arc::clone(&refused));
        let mut options = ConnectOptions::new()
            .name("haversack")
            .connection_timeout(PATIENCE * 2 / 3)
            .request_timeout(Some(PATIENCE))
            .ping_interval(Duration::from_secs(5))
            .require_tls(address.tls)
            .tls_client_config(tls().map_err(|why| fail(EngineErrorKind::Unusable(why)))?)
            // One attempt for each server, then the connection is given up.
            .max_reconnects(address.hosts.len())
            .event_callback(move |event| {
                match event {
                    Event::Disconnected | Event::Closed => drop(told.0.send_replace(true)),
                    Event::ServerError(ServerError::Other(text)) if is_refusal(&text) => {
                        told.1.send_replace(Some(text));
                    }
                    _ => {}
                }
                ready(())
            });
        if let Some((user, password)) = &address.login {
            options = options.user_and_password(user.clone(), password.to_string());
        }
        if let Some(path) = &address.credentials {
            options = options.credentials_file(path).await.map_err(|error| {
                let why = format!("the credentials file {}: {error}", path.display());
                fail(EngineErrorKind::Refused(why))
            })?;
        }
        let scheme = if address.tls { "tls" } else { "nats" };
        let servers = address.hosts.iter().map(|host| {
            let server = format!("{scheme}://{}:{}", host.name, host.port);
            server.parse::<ServerAddr>().map_err(|error| {
                fail(EngineErrorKind::Invalid(format!("{server} is no address: {error}")))
            })
        });
        let servers = servers.collect::<Result<Vec<_>, _>>()?;
        let client = match timeout(PATIENCE * 5 / 3, options.connect(servers)).await {
            Ok(Ok(client)) => client,
            Ok(Err(error)) => {
                let why = error.to_string();
                return Err(fail(match error.kind() {
                    ConnectErrorKind::Authentication | ConnectErrorKind::AuthorizationViolation => {
                        EngineErrorKind::Refused(why)
                    }
                    // Trying again changes nothing.
                    ConnectErrorKind::Tls => EngineErrorKind::Unusable(why),
                    _ if why.contains("certificate") => EngineErrorKind::Unusable(format!(
                        "{why}; if the authority is your own, name its file in `SSL_CERT_FILE`"
                    )),
                    // What rustls says of an answer that is none of TLS.
                    _ if why.contains("InvalidContentType") => EngineErrorKind::Unreachable(
                        "it does not answer with TLS; without, its address begins with `nats://`"
                            .to_owned(),
                    ),
                    _ => EngineErrorKind::Unreachable(why),
                }));
            }
            Err(_) => return Err(fail(EngineErrorKind::Unreachable("no answer".to_owned()))),
        };
        Ok(Self { name: name.to_owned(), client, ended, refused })
    }

    /// Whether another one is needed.
    pub(super) fn has_ended(&self) -> bool {
        *self.ended.borrow()
    }

    /// Waits until the connection has ended, and says so.
    pub(super) async fn end(&self) -> EngineError {
        let _ = self.ended.subscribe().wait_for(|ended| *ended).await;
        self.fail(EngineErrorKind::Unreachable("the connection has ended".to_owned()))
    }

    pub(super) fn fail(&self, kind: EngineErrorKind) -> EngineError {
        EngineError::new(&self.name, kind)
    }

    pub(super) fn unusable(&self, why: impl Into<String>) -> EngineError {
        self.fail(EngineErrorKind::Unusable(why.into()))
    }

    pub(super) fn server(&self) -> ServerInfo {
        self.client.server_info()
    }

    /// Asks the API of `JetStream`. The inner error is what the server has to say.
    pub(super) async fn api<T: DeserializeOwned>(
        &self,
        question: &str,
        content: &impl Serialize,
    ) -> Result<Result<T, ApiFault>, EngineError> {
        let content = serde_json::to_vec(content);
        let content = content.map_err(|error| self.unusable(error.to_string()))?;
        let subject = format!("$JS.API.{question}");
        let Some(answer) = self.ask(subject, None, content).await? else {
            // In a cluster that has no leader just now, nobody answers either.
            if self.server().jetstream {
                let why = "JetStream does not answer".to_owned();
                return Err(self.fail(EngineErrorKind::Unreachable(why)));
            }
            return Err(self.unusable(
                "it runs without JetStream, its storage; start `nats-server` with `-js -sd FOLDER`",
            ));
        };
        self.understand(&answer)
    }

    /// Publishes to a stream and waits until it is stored, under which number; `None` if no stream takes this subject.
    pub(super) async fn publish(
        &self,
        subject: String,
        headers: Option<HeaderMap>,
        content: Vec<u8>,
    ) -> Result<Option<Result<u64, ApiFault>>, EngineError> {
        #[derive(serde::Deserialize)]
        struct Acknowledged {
            seq: u64,
        }
        let Some(answer) = self.ask(subject, headers, content).await? else { return Ok(None) };
        let acknowledged = self.understand::<Acknowledged>(&answer)?;
        Ok(Some(acknowledged.map(|acknowledged| acknowledged.seq)))
    }

    /// A question and its answer; `None` if nobody listens there.
    async fn ask(
        &self,
        subject: String,
        headers: Option<HeaderMap>,
        content: Vec<u8>,
    ) -> Result<Option<Message>, EngineError> {
        let mut request = Request::new().payload(content.into());
        if let Some(headers) = headers {
            request = request.headers(headers);
        }
        let mut refused = self.refused.subscribe();
        let quoted = format!("\"{subject}\"");
        let outcome = tokio::select! {
            outcome = self.client.send_request(subject.clone(), request) => outcome,
            why = refusal_of(&mut refused, &quoted) => {
                return Err(self.fail(EngineErrorKind::Refused(why)));
            }
            error = self.end() => return Err(error),
        };
        let error = match outcome {
            Ok(answer) => return Ok(Some(answer)),
            Err(error) => error,
        };
        match error.kind() {
            RequestErrorKind::NoResponders => return Ok(None),
            RequestErrorKind::MaxPayloadExceeded | RequestErrorKind::InvalidSubject => {
                return Err(self.fail(EngineErrorKind::Invalid(error.to_string())));
            }
            _ => {}
        }
        // It may answer another connection; and answers that come late are of no use on this one.
        self.ended.send_replace(true);
        // Who may not listen for answers gets none.
        let silenced = self.refused.borrow().clone().filter(|why| why.contains("Subscription"));
        if let Some(why) = silenced {
            return Err(self.fail(EngineErrorKind::Refused(why)));
        }
        let why = match error.kind() {
            RequestErrorKind::TimedOut => format!("no answer within {} s", PATIENCE.as_secs()),
            _ => error.to_string(),
        };
        Err(self.fail(EngineErrorKind::Unreachable(why)))
    }

    /// What is published to a subject from now on.
    pub(super) async fn subscribe(&self, subject: String) -> Result<Subscriber, EngineError> {
        let subscribed = timeout(PATIENCE, self.client.subscribe(subject)).await;
        match subscribed {
            Ok(Ok(subscriber)) => Ok(subscriber),
            Ok(Err(error)) => Err(self.fail(EngineErrorKind::Unreachable(error.to_string()))),
            Err(_) => Err(self.fail(EngineErrorKind::Unreachable("no answer".to_owned()))),
        }
    }

    /// A subject that only this connection knows.
    pub(super) fn inbox(&self) -> String {
        self.client.new_inbox()
    }

    /// Sends an empty message, as flow control asks for. What is not sent is asked for again.
    pub(super) fn nod(&self, subject: Subject) {
        let _ = self.client.publish(subject, Vec::new().into()).now_or_never();
    }

    fn understand<T: DeserializeOwned>(
        &self,
        answer: &Message,
    ) -> Result<Result<T, ApiFault>, EngineError> {
        #[derive(serde::Deserialize)]
        struct Failed {
            error: Option<ApiFault>,
        }
        let unclear = |_| self.unusable("it answers what no JetStream server answers");
        let failed: Failed = serde_json::from_slice(&answer.payload).map_err(unclear)?;
        match failed.error {
            Some(fault) => Ok(Err(fault)),
            None => serde_json::from_slice(&answer.payload).map(Ok).map_err(unclear),
        }
    }

    /// Turns what the server has to say into an error.
    pub(super) fn fault(&self, doing: &str, fault: &ApiFault) -> EngineError {
        self.fail(fault.kind(doing))
    }
}

/// TLS with the certificates that the operating system trusts. Servers may ask for it without `tls://`.
///
/// The backend is named, since a program that has two of them has no default.
fn tls() -> Result<ClientConfig, String> {
    let backend = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut trusted = RootCertStore::empty();
    trusted.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    let versions =
        ClientConfig::builder_with_provider(backend).with_safe_default_protocol_versions();
    let versions = versions.map_err(|error| error.to_string())?;
    Ok(versions.with_root_certificates(trusted).with_no_client_auth())
}

/// Waits until the server refuses something with these words in it.
async fn refusal_of(refused: &mut watch::Receiver<Option<String>>, words: &str) -> String {
    while refused.changed().await.is_ok() {
        if let Some(why) = refused.borrow_and_update().as_ref().filter(|why| why.contains(words)) {
            return why.clone();
        }
    }
    pending().await
}

fn is_refusal(text: &str) -> bool {
    let text = text.to_ascii_lowercase();
    text.contains("permissions violation") || text.contains("authorization")
}
