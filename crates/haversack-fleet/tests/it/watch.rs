//! A server that runs while its file changes.

use std::fs;
use std::os::unix::fs::symlink;
use std::process::Command;
use std::sync::Arc;
use std::thread;

use haversack::{Feed, Version};
use haversack_fleet::file::{self, FileErrorKind};

use crate::{Keys, ask, block_on, eventually, log, mode, next, ring, set_mode};

#[test]
fn a_new_ring_takes_effect_without_a_restart() {
    let keys = Keys::new();
    let watched = keys.watch();
    assert_eq!(watched.view().ring.revision(), 1);
    keys.rotate();
    eventually("revision 2", || watched.view().ring.revision() == 2);
}

#[test]
fn who_asks_gets_what_was_written_before() {
    let keys = Keys::new();
    let watched = keys.watch();
    for _ in 0..20 {
        let than = watched.view().version;
        let ring = keys.rotate();
        let view = ask(&watched);
        assert_eq!(view.ring.revision(), ring.revision());
        assert!(view.version > than);
    }
}

#[test]
fn many_who_ask_at_once_all_get_an_answer() {
    let keys = Keys::new();
    let watched = keys.watch();
    keys.put("");
    thread::scope(|scope| {
        for _ in 0..50 {
            scope.spawn(|| ask(&watched));
        }
    });
}

#[test]
fn an_old_version_needs_no_reading() {
    let keys = Keys::new();
    let watched = keys.watch();
    block_on(|cx| {
        let answer = watched.poll_newer(Version(0), cx);
        assert!(answer.is_ready());
        answer
    });
}

#[test]
fn what_did_not_change_is_confirmed_and_stays_the_same() {
    let keys = Keys::new();
    let watched = keys.watch();
    let before = watched.view();
    eventually("confirmed again by itself", || watched.view().confirmed > before.confirmed);
    let after = watched.view();
    assert!(Arc::ptr_eq(&before.ring, &after.ring), "expanded keys need not be expanded again");
    assert!(after.version > before.version);

    // Another spelling of the same document.
    let text = fs::read_to_string(keys.path()).unwrap();
    keys.put(text.replace("  ", "\t"));
    assert!(Arc::ptr_eq(&before.ring, &ask(&watched).ring));
}

#[test]
fn the_last_good_ring_stays_and_ages() {
    let keys = Keys::new();
    let watched = keys.watch();
    let good = fs::read_to_string(keys.path()).unwrap();
    let before = ask(&watched);
    let troubled = || watched.fleet().status().report.trouble.is_some();
    let stays = |what: &str| {
        eventually(what, troubled);
        let first = ask(&watched);
        let second = ask(&watched);
        assert!(Arc::ptr_eq(&second.ring, &before.ring), "{what}");
        assert_eq!(first.confirmed, second.confirmed, "{what}");
        assert_eq!(first.version, second.version, "{what}: nothing newer was confirmed");
    };

    let well = |what: &str| {
        // Asking ends the pause of who follows.
        eventually(what, || {
            ask(&watched);
            !troubled()
        });
    };

    fs::remove_file(keys.path()).unwrap();
    stays("missing");
    keys.put(&good);
    well("there again");
    set_mode(keys.path(), 0o644);
    stays("open to others");
    set_mode(keys.path(), 0o600);
    well("private again");
    keys.put(&good[..good.len() / 2]);
    stays("cut short");
    keys.put(&good);
    well("whole again");
    keys.put(b"\xff\xfe\0garbage");
    stays("garbage");
    keys.put(&good);
    well("a ring again");
    keys.put(ring("bakery").to_json().as_bytes());
    stays("another app");
    keys.put(&good);
    well("ours again");
    keys.put(ring("shop").to_json().as_bytes());
    stays("another index key");

    let last = ask(&watched);
    keys.put(&good);
    eventually("confirmed again", || watched.view().confirmed > last.confirmed);
    let back = watched.view();
    assert!(back.version > last.version);
    assert!(Arc::ptr_eq(&back.ring, &before.ring));
}

#[test]
fn a_lower_revision_is_not_taken() {
    let keys = Keys::new();
    let old = fs::read(keys.path()).unwrap();
    keys.rotate();
    let watched = keys.watch();
    keys.put(old);
    assert_eq!(ask(&watched).ring.revision(), 2);
    // But by a server that starts now: it has nothing to compare with.
    assert_eq!(keys.watch().view().ring.revision(), 1);
    keys.rotate();
    keys.rotate();
    assert_eq!(ask(&watched).ring.revision(), 3);
}

#[test]
fn an_edit_by_hand_is_taken_even_under_the_same_revision() {
    let keys = Keys::new();
    let watched = keys.watch();
    let text = fs::read_to_string(keys.path()).unwrap();
    keys.put(text.replace("\"revoked\": null", "\"revoked\": 1800000000"));
    let now = crate::T0;
    assert!(ask(&watched).ring.sealing(now).is_none(), "the only key was revoked");
    assert_eq!(log::count(&keys.path(), "raise `revision`"), 1);
}

#[test]
fn an_error_is_logged_once_while_it_lasts() {
    let keys = Keys::new();
    let watched = keys.watch();
    let good = fs::read(keys.path()).unwrap();
    for round in 1..=2 {
        // Another error is told as well.
        for bad in ["{", "{}"] {
            keys.put(bad);
            let said = file::read(keys.path()).unwrap_err().to_string();
            eventually(&said, || log::errors(&keys.path(), &said) == round);
            for _ in 0..5 {
                ask(&watched);
            }
        }
        keys.put(&good);
        eventually("over", || log::count(&keys.path(), "works again") == round);
    }
    assert_eq!(log::errors(&keys.path(), "not JSON at line 1, column 1"), 2);
}

#[test]
fn another_process_replaces_the_file() {
    let keys = Keys::new();
    let watched = keys.watch();
    let new = keys.dir.path().join("haversack.keys.tmp");
    fs::copy(keys.path(), &new).unwrap();
    file::update(&new, next).unwrap();
    assert!(Command::new("mv").arg(&new).arg(keys.path()).status().unwrap().success());
    eventually("revision 2", || watched.view().ring.revision() == 2);
}

/// A mounted secret: `haversack.keys -> ..data/haversack.keys`, `..data -> ..1`, and an update is a
/// new `..data` renamed over the old one.
#[test]
fn kubernetes_swaps_a_symbolic_link() {
    let dir = tempfile::tempdir().unwrap();
    let mounted = |n: u32| dir.path().join(format!("..{n}"));
    fs::create_dir(mounted(1)).unwrap();
    let first = ring("shop");
    file::create(mounted(1).join("haversack.keys"), &first).unwrap();
    symlink("..1", dir.path().join("..data")).unwrap();
    let path = dir.path().join("haversack.keys");
    symlink("..data/haversack.keys", &path).unwrap();

    let watched = file::watch(&path).unwrap();
    fs::create_dir(mounted(2)).unwrap();
    file::create(mounted(2).join("haversack.keys"), &next(&first).unwrap()).unwrap();
    symlink("..2", dir.path().join("..data_tmp")).unwrap();
    fs::rename(dir.path().join("..data_tmp"), dir.path().join("..data")).unwrap();
    fs::remove_dir_all(mounted(1)).unwrap();
    eventually("revision 2", || watched.view().ring.revision() == 2);

    // The mode that counts is that of the file, not of the links.
    set_mode(mounted(2).join("haversack.keys"), 0o644);
    let error = file::watch(&path).unwrap_err();
    assert!(matches!(error.kind(), FileErrorKind::OthersMayAccess { mode: 0o644 }), "{error}");
    set_mode(mounted(2).join("haversack.keys"), 0o440);
    assert_eq!(mode(file::watch(&path).unwrap().path()), 0o440);
}

#[test]
fn clones_show_the_same_and_outlive_each_other() {
    let keys = Keys::new();
    let first = keys.watch();
    let second = first.clone();
    assert!(Arc::ptr_eq(&first.view().ring, &second.view().ring));
    drop(first);
    keys.rotate();
    eventually("revision 2", || second.view().ring.revision() == 2);
}

#[test]
fn nothing_shows_a_secret() {
    let keys = Keys::new();
    let shown = format!("{:?}", keys.watch());
    let text = fs::read_to_string(keys.path()).unwrap();
    for secret in text.split('"').filter(|part| part.len() == 43) {
        assert!(!shown.contains(secret), "{shown}");
    }
    assert!(shown.contains("shop"), "{shown}");
}
