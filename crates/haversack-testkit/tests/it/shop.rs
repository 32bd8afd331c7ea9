//! A small service: it does what the path says.

use std::convert::Infallible;

use bytes::Bytes;
use haversack_testkit::Browser;
use http::{Request, Response, StatusCode, header};
use http_body_util::{BodyExt as _, Full};
use tower::{Service, service_fn};

/// - `/set/<name>/<value>/...` sets cookies, in this order;
/// - `/go/<status>/<path>` redirects there, and sets the cookie `hop`;
/// - `/to?<location>` redirects anywhere;
/// - `/fail` fails, as a service whose connection broke;
/// - all else shows the request.
async fn answer(request: Request<Full<Bytes>>) -> Result<Response<String>, String> {
    let uri = request.uri().clone();
    let parts: Vec<&str> = uri.path().trim_start_matches('/').split('/').collect();
    let mut response = Response::builder();
    match parts.as_slice() {
        ["fail"] => return Err("out of order".into()),
        ["set", cookies @ ..] => {
            for pair in cookies.chunks(2) {
                response =
                    response.header(header::SET_COOKIE, format!("{}; Path=/", pair.join("=")));
            }
        }
        ["go", status, rest @ ..] => {
            response = response
                .status(StatusCode::from_bytes(status.as_bytes()).unwrap())
                .header(header::LOCATION, format!("/{}", rest.join("/")))
                .header(header::SET_COOKIE, format!("hop={status}; Path=/"));
        }
        ["to"] => {
            let location = uri.query().unwrap_or_default();
            response = response.status(303).header(header::LOCATION, location);
        }
        _ => {}
    }
    let shown = show(request).await.unwrap();
    Ok(response.body(shown).unwrap())
}

/// Method, target, interesting headers and body, one a line.
async fn show(request: Request<Full<Bytes>>) -> Result<String, Infallible> {
    let mut shown = format!("{} {}\n", request.method(), request.uri());
    for name in ["host", "cookie", "origin", "sec-fetch-site", "content-type", "x-test"] {
        for value in request.headers().get_all(name) {
            shown.extend([name, ": ", value.to_str().unwrap(), "\n"]);
        }
    }
    let body = request.into_body().collect().await?.to_bytes();
    Ok(shown + &String::from_utf8_lossy(&body))
}

pub(crate) fn service() -> impl Service<
    Request<Full<Bytes>>,
    Response = Response<String>,
    Error = String,
    Future = impl Future<Output = Result<Response<String>, String>> + Send,
> + Clone
+ Send
+ 'static {
    service_fn(answer)
}

pub(crate) fn browser() -> Browser<impl haversack_testkit::browser::Serve<Full<Bytes>>> {
    Browser::new(service())
}
