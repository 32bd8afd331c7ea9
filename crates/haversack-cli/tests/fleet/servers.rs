//! An operator's work while two servers run.

use std::time::Duration;

use haversack::{Feed as _, KeyState, Lifetime, RevocationId, ShortKeyId, Timestamp, encode_field};
use haversack_fleet::{Fleet, run};
use haversack_testkit::daemon::Daemon;

use super::{Done, done, haversack, until};

const NOW: Timestamp = Timestamp::from_secs(4_000_000_000);

fn join(url: &str, name: &str) -> Fleet {
    let fleet = Fleet::builder(url).server(name).rotation(None);
    let fleet = fleet.patience(Duration::from_secs(30)).connect_blocking().unwrap();
    let idle = Duration::from_secs(48 * 3600);
    fleet.serves(&Lifetime { idle: Some(idle), ..Lifetime::default() });
    fleet
}

#[test]
fn a_day_on_redis() {
    // The user of `docs/fleet.md`.
    let user = "--user haversack on >s3cret ~haversack:* +@read +@write -@dangerous +eval +info \
                +select +time +wait";
    let user: Vec<&str> = user.split_whitespace().collect();
    let redis = Daemon::redis_with(true, &user).unwrap();
    day(&format!("redis://haversack:s3cret@{}?app=shop.example", redis.address()));
}

#[test]
fn a_day_on_nats() {
    // The user of `docs/fleet.md`.
    let nats = Daemon::start("nats-server", |port, folder| {
        let path = folder.join("nats.conf");
        let settings = format!(
            r#"listen: 127.0.0.1:{port}
            jetstream {{ store_dir: "{}" }}
            authorization {{ users: [
              {{ user: haversack, password: "s3cret", permissions: {{
                publish: ["$JS.API.>", "$JS.FC.>", "haversack.log.shop_2eexample.>",
                          "$KV.haversack-ring-shop_2eexample.>",
                          "$KV.haversack-marks-shop_2eexample.>",
                          "$KV.haversack-reports-shop_2eexample.>"]
                subscribe: ["_INBOX.>", "$KV.haversack-ring-shop_2eexample.ring"]
              }} }}
            ] }}"#,
            folder.display()
        );
        std::fs::write(&path, settings).unwrap();
        vec!["-c".to_owned(), path.display().to_string()]
    });
    let address = nats.as_ref().unwrap().address();
    day(&format!("nats://haversack:s3cret@{address}?app=shop.example"));
}

#[test]
fn a_day_on_a_file() {
    let folder = tempfile::tempdir().unwrap();
    day(&format!("file:{}", folder.path().join("shop.keys").display()));
}

/// The key that seals, as the command line tells it.
fn sealing(url: &str) -> ShortKeyId {
    let list: serde_json::Value =
        serde_json::from_str(&done(url, &["keys", "list", "--json"])).unwrap();
    let keys = list["keys"].as_array().unwrap();
    let key = keys.iter().find(|key| key["state"] == "sealing").unwrap();
    key["id"].as_str().unwrap().parse().unwrap()
}

fn day(url: &str) {
    let made = done(url, &["keys", "init", "--app", "shop.example"]);
    assert!(made.contains("key ring for shop.example, key "), "{made}");
    let servers = [join(url, "web-1"), join(url, "web-2")];
    let id = sealing(url);
    (0..3).for_each(|_| servers[1].opened(id, Timestamp::from_secs(1_800_000_000)));

    let status = ["fleet", "status", "--fleet", url];
    let shown = until(&status, |done| done.code == 0 && done.out.contains("web-2"));
    for name in ["web-1", "web-2"] {
        let line = shown.out.lines().find(|line| line.starts_with(name)).unwrap();
        assert!(line.ends_with("  ready"), "{line}");
    }

    // A session, everywhere.
    let session = RevocationId::from_bytes([7; 8]);
    let text = session.to_string();
    let said = done(url, &["revoke", "session", &text, "--wait", "30s"]);
    assert!(said.contains("all 2 servers have it"), "{said}");
    assert!(said.contains("(in 2 d)"), "as long as the servers need it: {said}");
    for server in &servers {
        assert!(server.view().revocations.as_ref().unwrap().is_closed(session));
    }

    // Somebody, by the value of the field, for a tenant.
    let line = ["revoke", "subject", "42", "--int", "--tenant", "acme", "--wait", "30s"];
    let said = done(url, &line);
    assert!(said.contains("all 2 servers have it"), "{said}");
    for server in &servers {
        let view = server.view();
        let subject = view.ring.subject_id("acme", "session", &encode_field(&42_u64).unwrap());
        let revocations = view.revocations.as_ref().unwrap();
        assert!(revocations.not_before(subject).is_some());
        let other = view.ring.subject_id("acme", "session", &encode_field("42").unwrap());
        assert_eq!(revocations.not_before(other), None);
        assert!(said.contains(&subject.unwrap().to_string()), "{said}");
    }

    // Who uses which key.
    let used = until(&["keys", "status", "--fleet", url, "--json"], |done| {
        done.out.contains("\"opens\": 3,") && done.out.contains("\"last_server\": \"web-2\"")
    });
    assert!(used.out.contains("\"servers\": 2"), "{}", used.out);
    let kept = haversack(&["keys", "status", "--key", &id.to_string(), "--fleet", url]);
    assert!(kept.code == 1 && kept.out.contains("no: it seals"), "{kept:?}");

    // Keys open for as long as the servers' sessions need them: 3 x 48 hours.
    let rotated = done(url, &["keys", "rotate"]);
    assert!(rotated.contains("seals from") && rotated.contains("(in 6 d)"), "{rotated}");

    // A key, everywhere.
    let said = done(url, &["keys", "revoke", &id.to_string(), "--once", "--wait", "30s"]);
    assert!(said.contains(&format!("key {id} opens nothing any more, revision 3")), "{said}");
    assert!(said.contains("all 2 servers have it"), "{said}");
    assert!(said.contains("after that run `haversack revoke all-before "), "{said}");
    for server in &servers {
        let view = server.view();
        let key = view.ring.keys(NOW).find(|key| key.id == id).unwrap();
        assert_eq!(key.state, KeyState::Revoked);
        assert!(view.revocations.as_ref().unwrap().not_before(None).is_some());
    }

    let checked = haversack(&["fleet", "check", "--fleet", url]);
    assert_eq!(checked.code, 0, "{checked:?}");
    assert!(checked.out.contains("2 of 2 servers are ready and up to date"), "{checked:?}");

    // One that is not ready, in its own words.
    let told = r#"{"ready": false, "not_ready": "the moon is full", "ring_revision": 3}"#;
    let engine = servers[0].rings().engine().clone();
    run(engine.report("web-9", told, Duration::from_secs(60))).unwrap().unwrap();
    let shown = haversack(&status);
    assert!(shown.code == 1 && shown.out.contains("not ready: the moon is full"), "{shown:?}");
    let checked = haversack(&["fleet", "check", "--fleet", url]);
    assert_eq!(checked.code, 1, "{checked:?}");
    assert!(
        checked.out.contains("problem: server web-9: not ready: the moon is full"),
        "{checked:?}"
    );
    let json = haversack(&["fleet", "status", "--json", "--fleet", url]);
    let json: serde_json::Value = serde_json::from_str(&json.out).unwrap();
    assert_eq!(json["ok"], false);
    assert_eq!(json["servers"].as_array().unwrap().len(), 3);
    // A revocation does not wait for ever for a server that says nothing of use.
    let said = done(url, &["revoke", "all-before", "now", "--wait", "1s"]);
    assert!(said.contains("published; ") && said.contains("web-9"), "{said}");

    // The whole ring: running servers do not take it, and those that start do.
    let said = done(url, &["keys", "revoke", "--leak"]);
    assert!(said.contains("all keys are replaced, revision 4"), "{said}");
    let shown = until(&status, |done| done.out.contains("web-1"));
    assert!(shown.code == 1 && shown.out.contains("has ring 3, not 4"), "{shown:?}");
    // Each of them is named, with what is to be done about it.
    for (args, before) in
        [(&status[..], ""), (&["fleet", "check", "--fleet", url], "problem: server ")]
    {
        let named = |done: &Done, name: &str| {
            let begins = format!("{before}{name}");
            let line = done.out.lines().find(|line| line.starts_with(&begins));
            line.is_some_and(|it| it.contains("another index key") && it.contains("restart"))
        };
        let shown = until(args, |done| named(done, "web-1") && named(done, "web-2"));
        assert_eq!(shown.code, 1, "{shown:?}");
    }
    assert_eq!(servers[0].view().ring.revision(), 3);
    assert_eq!(join(url, "web-3").view().ring.revision(), 4);
}

#[test]
fn a_ring_is_sealed_opened_and_sealed_anew() {
    let redis = Daemon::redis(true).unwrap();
    let url = format!("redis://{}", redis.address());
    let folder = tempfile::tempdir().unwrap();
    let [one, two] = ["one", "two"].map(|name| folder.path().join(name).display().to_string());
    for path in [&one, &two] {
        assert_eq!(haversack(&["keys", "kek", path]).code, 0);
    }
    let sealed = ["keys", "init", "--app", "shop.example", "--key-encryption-key", &one];
    assert!(done(&url, &sealed).contains("sealed with local:"));
    let checked = haversack(&["keys", "check", "--fleet", &url]);
    assert_eq!(checked.code, 1);
    assert!(
        checked.out.contains("this program was given none: give it: `--key-enc"),
        "{checked:?}"
    );

    // What was sealed stays so when it is changed.
    done(&url, &["keys", "rotate", "--key-encryption-key", &one]);
    assert_eq!(haversack(&["keys", "list", "--fleet", &url]).code, 1);
    done(&url, &["keys", "wrap", "--key-encryption-key", &two, "--key-encryption-key", &one]);
    assert_eq!(haversack(&["keys", "list", "--fleet", &url, "--key-encryption-key", &one]).code, 1);
    let list = done(&url, &["keys", "list", "--key-encryption-key", &two]);
    assert!(list.contains("app shop.example, revision 3"), "{list}");

    // In the clear it is warned of, and stays so until it is wrapped.
    done(&url, &["keys", "unwrap", "--key-encryption-key", &two]);
    let checked = done(&url, &["keys", "check"]);
    assert!(checked.contains("warning: the key ring is stored in the clear"), "{checked}");
    let id = sealing(&url).to_string();
    let revoke = ["keys", "revoke", &id, "--once", "--key-encryption-key", &two, "--fleet", &url];
    let revoked = haversack(&revoke);
    assert!(revoked.code == 0 && revoked.err.contains("stays so"), "{revoked:?}");
    assert!(done(&url, &["keys", "list"]).contains("revision 5"));
}
