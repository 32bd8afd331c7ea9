//! A key has leaked, and its revocation is to be finished five minutes later.

use std::io::{BufRead as _, BufReader};
use std::process::{Command, Stdio};

use super::{done, haversack};

#[cfg(unix)]
#[test]
fn who_stops_a_revocation_is_told_what_is_left() {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("file:{}", folder.path().join("shop.keys").display());
    done(&url, &["keys", "init", "--app", "shop.example"]);
    let list: serde_json::Value =
        serde_json::from_str(&done(&url, &["keys", "list", "--json"])).unwrap();
    let id = list["keys"][0]["id"].as_str().unwrap();

    let mut revoke = Command::new(env!("CARGO_BIN_EXE_haversack"))
        .args(["keys", "revoke", id, "--fleet", &url])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(revoke.stdout.take().unwrap()).lines().map(Result::unwrap);
    let stays = lines.find(|line| line.contains("this command stays")).unwrap();
    assert!(stays.contains("(in 5 min)"), "{stays}");
    let stop = Command::new("kill").args(["-INT", &revoke.id().to_string()]).status().unwrap();
    assert!(stop.success());
    let ended = revoke.wait_with_output().unwrap();
    assert_eq!(ended.status.code(), Some(1));
    let said = String::from_utf8(ended.stderr).unwrap();
    assert!(said.starts_with("error: it was stopped; the key is revoked, but "), "{said}");
    let (_, command) = said.split_once("after that run `haversack ").unwrap();
    let command: Vec<&str> = command.trim_end().trim_end_matches('`').split(' ').collect();
    assert_eq!(command[0..2], ["revoke", "all-before"]);
    assert_eq!(command[3..], ["--fleet", &url]);
    // Too soon it is refused, where `now` would be taken and end too little.
    let soon = haversack(&command);
    assert!(soon.code == 1 && soon.err.contains("is still to come"), "{soon:?}");
}

#[test]
fn a_ring_that_leaked_remembers_whose_cookies_there_are() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("shop.keys");
    let url = format!("file:{}", path.display());
    done(&url, &["keys", "init", "--app", "shop.example"]);
    let marks = || {
        let ring: serde_json::Value =
            serde_json::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap();
        ring["replaced_marks"].as_array().unwrap().len()
    };
    done(&url, &["keys", "revoke", "--leak"]);
    assert_eq!(marks(), 1);
    let named = ["--tenant", "acme", "--tenant", "umbrella", "--purpose", "admin"];
    done(&url, &[&["keys", "revoke", "--leak"][..], &named].concat());
    assert_eq!(marks(), 1 + 3 * 2);
    let refused = haversack(&["keys", "revoke", "AAAAAAAA", "--tenant", "acme", "--fleet", &url]);
    assert_eq!(refused.code, 2, "{refused:?}");
}
