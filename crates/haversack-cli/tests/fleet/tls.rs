//! Engines behind TLS, with a CA that exists for one test.

use std::path::Path;
use std::process::Command;

use haversack_testkit::daemon::Daemon;

use super::{Done, haversack_with};

/// A CA, a certificate of it for 127.0.0.1, and another CA.
fn certificates(dir: &Path) {
    let openssl = |args: &str| {
        let done = Command::new("openssl").args(args.split(' ')).current_dir(dir).output().unwrap();
        assert!(done.status.success(), "{args}: {}", String::from_utf8_lossy(&done.stderr));
    };
    let key = "-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes";
    for name in ["ca", "stranger"] {
        openssl(&format!(
            "req -x509 {key} -keyout {name}.key -out {name}.pem -days 2 -subj /CN={name}"
        ));
    }
    std::fs::write(dir.join("ext"), "subjectAltName=IP:127.0.0.1").unwrap();
    openssl(&format!("req {key} -keyout server.key -out server.csr -subj /CN=server"));
    openssl(
        "x509 -req -in server.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 -extfile ext \
         -out server.pem",
    );
}

fn file(dir: &Path, name: &str) -> String {
    dir.join(name).display().to_string()
}

/// What an operator does in a day, each over a connection of its own.
fn a_day(url: &str, env: &[(&str, &str)]) {
    let done = |args: &[&str]| {
        let env = [env, &[("HAVERSACK_FLEET", url)]].concat();
        let done = haversack_with(args, &env);
        assert_eq!(done.code, 0, "{args:?}: {done:?}");
        done.out
    };
    done(&["keys", "init", "--app", "shop.example"]);
    done(&["keys", "rotate"]);
    let list = done(&["keys", "list", "--json"]);
    let list: serde_json::Value = serde_json::from_str(&list).unwrap();
    let id = list["keys"][0]["id"].as_str().unwrap();
    done(&["revoke", "subject", "ada", "--wait", "0s"]);
    let revoked = done(&["keys", "revoke", id, "--once", "--wait", "0s"]);
    assert!(revoked.contains("opens nothing any more, revision 3"), "{revoked}");
    let checked = done(&["fleet", "check"]);
    assert!(!checked.contains("TLS"), "{checked}");
}

fn fails(url: &str, env: &[(&str, &str)]) -> String {
    let args = ["keys", "list", "--fleet", url];
    let Done { code, err, .. } = haversack_with(&args, env);
    assert_eq!(code, 1, "{err}");
    assert!(err.starts_with("error: ") && !err.contains("hunter2"), "{err}");
    err
}

#[test]
fn redis_with_tls() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    certificates(dir);
    let redis = Daemon::start("redis-server", |port, folder| {
        let (port, folder) = (port.to_string(), folder.display().to_string());
        let [cert, key] = ["server.pem", "server.key"].map(|name| file(dir, name));
        let args = [
            ["--bind", "127.0.0.1", "--port", "0", "--tls-port", &port, "--requirepass", "hunter2"],
            [
                "--tls-cert-file",
                &cert,
                "--tls-key-file",
                &key,
                "--tls-auth-clients",
                "no",
                "--dir",
                &folder,
            ],
        ];
        let keeps = ["--save", "", "--appendonly", "yes", "--appendfsync", "always"];
        args.concat().into_iter().chain(keeps).map(str::to_owned).collect()
    });
    let redis = redis.unwrap();
    let url = format!("rediss://:hunter2@{}?app=shop.example", redis.address());
    let ca = |name: &str| format!("{url}&ca={}", file(dir, name));
    a_day(&ca("ca.pem"), &[]);
    // The system's authorities are named by a variable.
    let trusted = haversack_with(
        &["keys", "list", "--fleet", &url],
        &[("SSL_CERT_FILE", &file(dir, "ca.pem"))],
    );
    assert_eq!(trusted.code, 0, "{trusted:?}");

    for said in [
        fails(&ca("stranger.pem"), &[]),
        fails(&url, &[("SSL_CERT_FILE", &file(dir, "stranger.pem"))]),
    ] {
        assert!(said.contains("not trusted") && said.contains("?ca=PATH"), "{said}");
    }
    assert!(fails(&ca("gone.pem"), &[]).contains("gone.pem"));
    fails(&url.replace("rediss:", "redis:"), &[]);
    let plain = Daemon::redis(false).unwrap();
    fails(&format!("rediss://:hunter2@{}?ca={}", plain.address(), file(dir, "ca.pem")), &[]);
}

#[test]
fn nats_with_tls() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    certificates(dir);
    let nats = Daemon::start("nats-server", |port, folder| {
        let line = format!(
            "-a 127.0.0.1 -p {port} -js -sd {} --user me --pass hunter2 --tls --tlscert {} --tlskey {}",
            folder.display(),
            file(dir, "server.pem"),
            file(dir, "server.key"),
        );
        line.split(' ').map(str::to_owned).collect()
    });
    let nats = nats.unwrap();
    let url = format!("tls://me:hunter2@{}?app=shop.example", nats.address());
    let trusted = file(dir, "ca.pem");
    let trusted = [("SSL_CERT_FILE", trusted.as_str())];
    a_day(&url, &trusted);

    let stranger = file(dir, "stranger.pem");
    let said = fails(&url, &[("SSL_CERT_FILE", &stranger)]);
    assert!(said.contains("SSL_CERT_FILE"), "{said}");
    let plain = Daemon::nats().unwrap();
    let said = fails(&format!("tls://me:hunter2@{}?app=shop.example", plain.address()), &trusted);
    assert!(said.contains("does not answer with TLS"), "{said}");
}
