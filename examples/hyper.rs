//! Plain hyper: a counter behind `SessionLayer`, without a framework.
//!
//! 1. `cargo run -- keys init --app shop.example` makes `haversack.keys`.
//! 2. `cargo run -p haversack-examples --bin hyper`, and <http://localhost:3000/>.

use std::convert::Infallible;
use std::error::Error;

use haversack_tower::{Haversack, Session, SessionLayer};
use http::{Request, Response, StatusCode};
use http_body_util::Full;
use hyper::body::Bytes;
use hyper::server::conn::http1;
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use serde::{Deserialize, Serialize};
use tower::{Layer as _, service_fn};

#[derive(Default, Serialize, Deserialize)]
struct Visits {
    count: u32,
}

/// What the extractor does for axum, `Session::open` does everywhere else.
async fn visit<B>(request: Request<B>) -> Result<Response<Full<Bytes>>, Infallible> {
    let mut visits = match Session::<Visits>::open(request.extensions()).await {
        Ok(visits) => visits,
        Err(error) => {
            let mut response = Response::new(Full::default());
            *response.status_mut() = error.status();
            return Ok(response);
        }
    };
    // The browser asks for its icon beside the page; that is no visit.
    if request.uri().path() != "/" {
        let response = Response::builder().status(StatusCode::NOT_FOUND).body(Full::default());
        return Ok(response.unwrap_or_default());
    }
    visits.count += 1;
    Ok(Response::new(Full::from(format!("visit {}\n", visits.count))))
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let keys = haversack_tower::file::watch("haversack.keys")?;
    let sessions = Haversack::<Visits>::builder(keys).build()?;
    let service = SessionLayer::new(sessions).layer(service_fn(visit));
    let service = TowerToHyperService::new(service);

    let listener = tokio::net::TcpListener::bind("127.0.0.1:3000").await?;
    loop {
        let (stream, _) = listener.accept().await?;
        let connection =
            http1::Builder::new().serve_connection(TokioIo::new(stream), service.clone());
        tokio::spawn(async move {
            if let Err(error) = connection.await {
                eprintln!("connection: {error}");
            }
        });
    }
}
