//! What fails says what, where, and how to put it right, in a line or two, and no password.

use haversack_fleet::engine::{Put, RingDocument};
use haversack_fleet::{address, run};
use haversack_testkit::daemon::{Daemon, free_port};

use super::{done, haversack, haversack_with};

/// What it says, which is one line and perhaps a hint.
fn fails(args: &[&str], url: &str) -> String {
    let done = haversack_with(args, &[("HAVERSACK_FLEET", url)]);
    assert_eq!(done.code, 1, "{args:?}: {done:?}");
    let said = if done.err.is_empty() { done.out } else { done.err };
    assert!(said.starts_with("error: ") || said.starts_with("problem: "), "{said}");
    // What else is worth saying about the engine is beside the point.
    let beside = |line: &&str| line.starts_with("hint: ") || line.starts_with("warning: ");
    let lines = said.lines().filter(|line| !beside(line)).count();
    assert_eq!(lines, 1, "{said}");
    assert!(!said.contains("hunter2"), "{said}");
    said
}

const EVERY: [&[&str]; 6] = [
    &["keys", "list"],
    &["keys", "rotate"],
    &["keys", "status"],
    &["revoke", "all-before", "now"],
    &["fleet", "status"],
    &["fleet", "check"],
];

#[test]
fn an_engine_that_is_down() {
    for scheme in ["redis", "nats"] {
        let place = format!("127.0.0.1:{}", free_port().unwrap());
        let url = format!("{scheme}://me:hunter2@{place}?app=shop.example");
        for args in EVERY {
            let said = fails(args, &url);
            assert!(said.contains(&format!("cannot reach {scheme}://{place}: ")), "{said}");
        }
    }
}

#[test]
fn credentials_that_are_wrong() {
    let redis = Daemon::redis_with(false, &["--requirepass", "right"]).unwrap();
    let url = format!("redis://:hunter2@{}?app=shop.example", redis.address());
    for args in EVERY {
        let said = fails(args, &url);
        assert!(said.contains("refuses") && said.contains("check user, password"), "{said}");
    }
    let nats = Daemon::start("nats-server", |port, folder| {
        let folder = folder.display();
        let line =
            format!("-a 127.0.0.1 -p {port} -js -sd {folder} --user me --pass right-password");
        line.split(' ').map(str::to_owned).collect()
    });
    let url = format!("nats://me:hunter2@{}?app=shop.example", nats.as_ref().unwrap().address());
    for args in EVERY {
        let said = fails(args, &url);
        assert!(said.contains("refuses") && said.contains("check user, password"), "{said}");
    }
}

#[test]
fn another_app_and_no_ring_at_all() {
    let (redis, nats) = (Daemon::redis(false).unwrap(), Daemon::nats().unwrap());
    for (scheme, at) in [("redis", redis.address()), ("nats", nats.address())] {
        let url = format!("{scheme}://{at}");
        let said = fails(&["keys", "list"], &url);
        assert!(said.contains("key ring"), "{said}");
        let said = fails(&["keys", "rotate"], &format!("{url}?app=shop.example"));
        assert!(said.contains("has no key ring: make one with `haversack keys init"), "{said}");

        let init = ["keys", "init", "--app", "shop.example"];
        let said = fails(&init, &format!("{url}?app=other"));
        assert!(said.contains("`shop.example`") && said.contains("`other`"), "{said}");
        done(&url, &init);
        let said = fails(&init, &url);
        assert!(said.contains("of the app `shop.example`") && said.contains("rotate it"), "{said}");
        done(&url, &["keys", "list"]);
        // Whoever has misspelt it sees what is there.
        for args in EVERY {
            let said = fails(args, &format!("{url}?app=shop"));
            assert!(said.contains("no key ring of this app, but of `shop.example`: "), "{said}");
            assert!(said.contains("?app=NAME"), "{said}");
        }
    }
}

#[test]
fn a_ring_that_is_newer_than_the_program_and_one_that_is_none() {
    let redis = Daemon::redis(false).unwrap();
    let url = format!("redis://{}", redis.address());
    done(&url, &["keys", "init", "--app", "shop.example"]);
    let put = |revision: u64, change: &dyn Fn(&str) -> String| {
        run(async {
            let engine = address::engine(&url).unwrap();
            let held = engine.ring().await.unwrap().unwrap();
            let text = change(&held.text).into();
            let put = engine.put_ring(held.revision, &RingDocument { revision, text }).await;
            assert_eq!(put.unwrap(), Put::Stored);
        })
        .unwrap();
    };
    put(2, &|text| text.replacen("\"version\": 1", "\"version\": 2", 1));
    for args in [EVERY[0], EVERY[1], EVERY[2], EVERY[5]] {
        let said = fails(args, &url);
        assert!(said.contains("newer than this program") && said.contains("update"), "{said}");
    }
    // A session can be ended all the same: that needs no key.
    done(&url, &["revoke", "session", "AAAAAAAAAAA", "--wait", "0s"]);
    put(3, &|_| "{}".to_owned());
    assert!(fails(EVERY[0], &url).contains(&url));
}

#[test]
fn a_file_that_others_may_read() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("kek").display().to_string();
    assert_eq!(haversack(&["keys", "kek", &path]).code, 0);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
        let said =
            fails(&["keys", "list", "--fleet", "x.keys", "--key-encryption-key", &path], "unused");
        assert!(said.contains("chmod"), "{said}");
    }
}
