//! Fronts that pass what sessions need, and fronts that do not.

use std::fmt::Write as _;
use std::net::SocketAddr;
use std::process::Command;

use axum::Router;
use axum::extract::Request;
use axum::middleware::{Next, from_fn};
use axum::response::Response;
use axum::routing::any;
use haversack_testkit::daemon::Daemon;
use haversack_tower::Probe;
use hyper::header::{HeaderName, HeaderValue, SET_COOKIE};

use super::{Done, haversack, haversack_with};

fn check(url: &str) -> Done {
    haversack(&["fleet", "check", "--front", url])
}

/// Servers with the probe, on a thread that lives as long as the test.
fn serve(app: Router) -> SocketAddr {
    let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
    listener.set_nonblocking(true).unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async move {
            let listener = tokio::net::TcpListener::from_std(listener).unwrap();
            axum::serve(listener, app).await.unwrap();
        });
    });
    address
}

fn probe() -> Router {
    Router::new().route_service(Probe::PATH, Probe::new())
}

/// An nginx in front of the probe, with further settings of its `http` and of its `server`.
fn nginx(http: &str, server: &str) -> Daemon {
    let behind = serve(probe());
    Daemon::start("nginx", |port, folder| {
        let at = folder.display();
        let mut paths = String::new();
        for name in ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"] {
            let _ = write!(paths, "{name}_temp_path {at}/{name}; ");
        }
        let listen = if server.contains("ssl_certificate") { " ssl" } else { "" };
        let settings = format!(
            "daemon off; master_process off; pid {at}/pid; error_log {at}/errors;
             events {{ worker_connections 100; }}
             http {{
               access_log off; {paths} {http}
               server {{
                 listen 127.0.0.1:{port}{listen}; {server}
                 location / {{ proxy_pass http://{behind}; }}
               }}
             }}"
        );
        std::fs::write(folder.join("nginx.conf"), settings.replace("FOLDER", &at.to_string()))
            .unwrap();
        let line = format!("-p {at} -e {at}/errors -c {at}/nginx.conf");
        line.split(' ').map(str::to_owned).collect()
    })
    .unwrap()
}

fn http(daemon: &Daemon) -> String {
    format!("http://{}", daemon.address())
}

#[test]
fn a_server_without_a_front_and_one_without_a_probe() {
    let plain = format!("http://{}", serve(probe()));
    let done = check(&plain);
    assert_eq!(done.code, 0, "{done:?}");
    assert!(
        done.out.starts_with(&format!("front {plain}: passes 10 Set-Cookie lines")),
        "{done:?}"
    );

    let done = check(&format!("http://{}", serve(Router::new())));
    assert_eq!(done.code, 1, "{done:?}");
    assert!(done.out.contains("no probe answers") && done.out.contains("(status 404)"), "{done:?}");
    assert!(done.out.contains("route_service(Probe::PATH, Probe::new())"), "{done:?}");
}

#[test]
fn nginx_as_it_comes_passes_all() {
    let nginx = nginx("", "");
    let done = check(&http(&nginx));
    assert_eq!(done.code, 0, "{done:?}");
}

#[test]
fn nginx_with_small_buffers() {
    let nginx = nginx(
        "proxy_buffer_size 2k; proxy_buffers 4 2k; proxy_busy_buffers_size 4k; \
                       large_client_header_buffers 4 4k;",
        "",
    );
    let done = check(&http(&nginx));
    assert_eq!(done.code, 1, "{done:?}");
    for said in [
        "makes 502 of an answer with 10 Set-Cookie lines of 3,400 characters: in nginx set \
         `proxy_buffer_size 8k;`",
        "makes 502 of an answer with a cookie of 3,072 characters: in nginx set",
        "answers 400 to a Cookie line of 5000 characters",
        "in nginx set `large_client_header_buffers 8 16k;`",
    ] {
        assert!(done.out.contains(said), "{said} is not in {}", done.out);
    }
}

#[test]
fn nginx_with_its_limit_between_the_two() {
    let nginx = nginx("large_client_header_buffers 4 6k;", "");
    let done = check(&http(&nginx));
    assert_eq!(done.code, 1, "{done:?}");
    assert!(done.out.contains("answers 400 to a Cookie line of 8000 characters"), "{done:?}");
    assert_eq!(done.out.lines().count(), 1, "{done:?}");
}

#[test]
fn nginx_that_hides_or_stores_what_is_set() {
    let hides = nginx("proxy_hide_header Set-Cookie;", "");
    let done = check(&http(&hides));
    assert!(done.out.contains("drops Set-Cookie lines (0 of 10 arrive)"), "{done:?}");
    assert!(done.out.contains("no `proxy_hide_header Set-Cookie`"), "{done:?}");

    let stores = nginx(
        "proxy_cache_path FOLDER/cache keys_zone=all:1m; proxy_cache all; proxy_cache_valid 200 1m; \
         proxy_ignore_headers Cache-Control Set-Cookie;",
        "",
    );
    let done = check(&http(&stores));
    assert_eq!(done.code, 1, "{done:?}");
    assert!(done.out.contains("come from a cache, so that one client gets another's"), "{done:?}");
}

#[test]
fn haproxy_that_keeps_one_line() {
    let behind = serve(probe());
    let front = Daemon::start("haproxy", |port, folder| {
        let settings = format!(
            "defaults
               mode http
               timeout connect 5s
               timeout client 30s
               timeout server 30s
             frontend all
               bind 127.0.0.1:{port}
               http-response set-header Set-Cookie %[res.hdr(set-cookie)]
               default_backend probe
             backend probe
               server one {behind}\n"
        );
        let path = folder.join("haproxy.cfg");
        std::fs::write(&path, settings).unwrap();
        ["-db", "-f", &path.display().to_string()].map(str::to_owned).to_vec()
    })
    .unwrap();
    let done = check(&http(&front));
    assert_eq!(done.code, 1, "{done:?}");
    assert!(done.out.contains("drops Set-Cookie lines (1 of 10 arrive)"), "{done:?}");
    assert!(done.out.contains("`Layout::Single`"), "{done:?}");
}

#[test]
fn a_front_that_joins_lines() {
    async fn joins(request: Request, next: Next) -> Response {
        let mut response = next.run(request).await;
        let lines = response.headers().get_all(SET_COOKIE).iter();
        let joined: Vec<_> = lines.map(|line| line.to_str().unwrap().to_owned()).collect();
        if !joined.is_empty() {
            let joined = HeaderValue::try_from(joined.join(", ")).unwrap();
            response.headers_mut().insert(SET_COOKIE, joined);
        }
        response
    }
    let done = check(&format!("http://{}", serve(probe().layer(from_fn(joins)))));
    assert_eq!(done.code, 1, "{done:?}");
    assert!(done.out.contains("joins Set-Cookie lines (10 became 1)"), "{done:?}");
}

#[test]
fn a_front_that_drops_long_lines_without_a_word() {
    async fn drops(mut request: Request, next: Next) -> Response {
        let cookie = HeaderName::from_static("cookie");
        if request.headers().get(&cookie).is_some_and(|line| line.len() > 4_096) {
            request.headers_mut().remove(cookie);
        }
        next.run(request).await
    }
    let done = check(&format!("http://{}", serve(probe().layer(from_fn(drops)))));
    assert!(done.out.contains("drops the Cookie line if it has 5000 characters"), "{done:?}");
}

#[test]
fn a_front_with_tls_is_trusted_if_the_system_trusts_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).display().to_string();
    let (certificate, key) = (path("certificate.pem"), path("key.pem"));
    let openssl = Command::new("openssl")
        .args(["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1"])
        .args(["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"])
        .args(["-addext", "basicConstraints=critical,CA:FALSE"])
        .args(["-keyout", &key, "-out", &certificate])
        .output()
        .unwrap();
    assert!(openssl.status.success(), "{openssl:?}");
    let nginx = nginx("", &format!("ssl_certificate {certificate}; ssl_certificate_key {key};"));
    let front = format!("https://localhost:{}", nginx.address().port());
    let line = ["fleet", "check", "--front", &front];
    let done = haversack_with(&line, &[("SSL_CERT_FILE", &certificate)]);
    assert_eq!(done.code, 0, "{done:?}");
    let done = haversack(&line);
    assert!(done.code == 1 && done.out.contains("no TLS"), "{done:?}");
}

#[test]
fn nobody_answers() {
    let port = haversack_testkit::daemon::free_port().unwrap();
    let done = check(&format!("http://127.0.0.1:{port}"));
    assert!(done.code == 1 && done.out.contains("cannot connect"), "{done:?}");
    // `any` answers what is not the probe's answer.
    let other = serve(Router::new().route(Probe::PATH, any(|| async { "hello" })));
    let done = check(&format!("http://{other}"));
    assert!(done.out.contains("no probe answers") && done.out.contains("(status 200)"), "{done:?}");
}
