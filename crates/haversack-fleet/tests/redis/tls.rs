//! TLS, with a CA that exists for one test.

use std::path::Path;
use std::process::Command;

use haversack_fleet::engine::Engine as _;
use haversack_fleet::redis::RedisEngine;
use haversack_testkit::daemon::Daemon;

use super::{Server, append, engine, init, kind};

fn openssl(dir: &Path, args: &str) {
    let done = Command::new("openssl").args(args.split(' ')).current_dir(dir).output().unwrap();
    assert!(done.status.success(), "{args}: {}", String::from_utf8_lossy(&done.stderr));
}

/// A CA, and certificates of it for 127.0.0.1, for another host, and for a client.
fn certificates(dir: &Path) {
    let key = "-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes";
    openssl(dir, &format!("req -x509 {key} -keyout ca.key -out ca.pem -days 2 -subj /CN=ca"));
    for (name, alternative) in [("server", "IP:127.0.0.1"), ("other", "DNS:other.example")] {
        std::fs::write(dir.join("ext"), format!("subjectAltName={alternative}")).unwrap();
        openssl(dir, &format!("req {key} -keyout {name}.key -out {name}.csr -subj /CN={name}"));
        openssl(
            dir,
            &format!(
                "x509 -req -in {name}.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 \
                 -extfile ext -out {name}.pem"
            ),
        );
    }
    openssl(dir, &format!("req -x509 {key} -keyout x.key -out stranger.pem -days 2 -subj /CN=x"));
}

fn redis(dir: &Path, name: &str, clients: &str) -> Daemon {
    Daemon::start("redis-server", |port, folder| {
        let file = |name: String| dir.join(name).display().to_string();
        let args = [
            "--bind",
            "127.0.0.1",
            "--port",
            "0",
            "--tls-port",
            &port.to_string(),
            "--tls-cert-file",
            &file(format!("{name}.pem")),
            "--tls-key-file",
            &file(format!("{name}.key")),
            "--tls-ca-cert-file",
            &file("ca.pem".to_owned()),
            "--tls-auth-clients",
            clients,
            "--save",
            "",
            "--appendonly",
            "no",
            "--dir",
            &folder.display().to_string(),
        ];
        args.map(str::to_owned).to_vec()
    })
    .unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_private_ca_is_trusted_and_nobody_else() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    certificates(dir);
    let server = redis(dir, "server", "no");
    let open = |daemon: &Daemon, more: &str| {
        let url = format!("rediss://{}?app=shop{more}", daemon.address());
        std::sync::Arc::new(RedisEngine::open(&url).unwrap())
    };
    let ca = format!("&ca={}", dir.join("ca.pem").display());

    let ours = open(&server, &ca);
    init(&ours).await;
    append(&ours, &["sealed"]).await;
    let follows = Server::start(&ours);
    follows.has("sealed").await;
    follows.is_confirmed().await;

    let error = open(&server, "").ring().await.unwrap_err();
    assert_eq!(kind(&error), "unusable", "{error}");
    let stranger = format!("&ca={}", dir.join("stranger.pem").display());
    let error = open(&server, &stranger).ring().await.unwrap_err();
    assert!(kind(&error) == "unusable" && error.to_string().contains("?ca=PATH"), "{error}");
    for missing in ["ca.csr", "ca.key"] {
        let missing = format!("&ca={}", dir.join(missing).display());
        let error = open(&server, &missing).ring().await.unwrap_err();
        assert!(kind(&error) == "unusable" && error.to_string().contains("/ca."), "{error}");
    }
    let other = redis(dir, "other", "no");
    let error = open(&other, &ca).ring().await.unwrap_err();
    assert!(kind(&error) == "unusable" && error.to_string().contains("not trusted"), "{error}");

    // TLS where there is none, and none where there is.
    let plain = Daemon::redis(false).unwrap();
    let error = open(&plain, &ca).ring().await.unwrap_err();
    assert_ne!(kind(&error), "another", "{error}");
    let error = engine(&server).ring().await.unwrap_err();
    assert_ne!(kind(&error), "another", "{error}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_asks_who_we_are_is_told() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    certificates(dir);
    let server = redis(dir, "server", "yes");
    let file = |name: &str| dir.join(name).display().to_string();
    let url = format!("rediss://{}?app=shop&ca={}", server.address(), file("ca.pem"));
    let error = RedisEngine::open(&url).unwrap().ring().await.unwrap_err();
    assert!(error.to_string().contains("?cert=PATH"), "{error}");
    let known = format!("{url}&cert={}&key={}", file("other.pem"), file("other.key"));
    init(&RedisEngine::open(&known).unwrap()).await;
}
