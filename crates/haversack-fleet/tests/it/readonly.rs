//! A directory that a server may only read: it follows, and is told clearly why it cannot publish.

use std::fs;
use std::os::unix::fs::{MetadataExt as _, chown};
use std::os::unix::process::CommandExt as _;
use std::path::Path;

use haversack_fleet::EngineErrorKind;
use haversack_fleet::engine::{Engine, Put, RingDocument};
use haversack_fleet::file::FileEngine;

use crate::killed::{HOUR, itself, read, record};
use crate::{mode, set_mode};

const VARIABLE: &str = "HAVERSACK_TEST_READONLY";
/// `nobody`, on the systems that this runs on: root may write anywhere.
const NOBODY: u32 = 65534;

#[tokio::test]
async fn who_may_only_read_follows_and_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("haversack.keys");
    let engine = FileEngine::open(&path).unwrap();
    let ring = RingDocument { revision: 1, text: "{\"revision\": 1}".to_owned().into() };
    assert_eq!(engine.put_ring(0, &ring).await.unwrap(), Put::Stored);
    let root = fs::metadata(&path).unwrap().uid() == 0;
    if root {
        chown(&path, None, Some(NOBODY)).unwrap();
        set_mode(&path, 0o640);
    }
    engine.append(&[record("told", HOUR)]).await.unwrap();
    engine.report("writer", "fine", HOUR).await.unwrap();
    assert!(engine.once("taken", HOUR).await.unwrap());
    let log = dir.path().join("haversack.keys.log");
    assert_eq!(mode(&log), if root { 0o640 } else { 0o600 }, "as the ring");
    assert_eq!(fs::metadata(&log).unwrap().gid(), fs::metadata(&path).unwrap().gid());
    set_mode(dir.path(), 0o555);
    if root {
        let mut reader = itself("readonly::reader");
        let done = reader.env(VARIABLE, &path).uid(NOBODY).gid(NOBODY).output().unwrap();
        let said = String::from_utf8_lossy(&done.stdout);
        assert!(done.status.success() && said.contains("only read"), "{said}");
    } else {
        only_reads(&path).await;
    }
    set_mode(dir.path(), 0o755);
}

async fn only_reads(path: &Path) {
    let engine = FileEngine::open(path).unwrap();
    let ring = engine.ring().await.unwrap().unwrap();
    assert_eq!(ring.revision, 1);
    assert_eq!(read(&engine, None).await.texts, ["told"]);
    let next = RingDocument { revision: 2, text: "{\"revision\": 2}".to_owned().into() };
    let errors = [
        engine.put_ring(1, &next).await.unwrap_err(),
        engine.append(&[record("not told", HOUR)]).await.unwrap_err(),
        engine.once("mark", HOUR).await.unwrap_err(),
        engine.report("reader", "fine", HOUR).await.unwrap_err(),
    ];
    for error in errors {
        assert!(matches!(error.kind(), EngineErrorKind::Refused(_)), "{error}");
        assert!(error.to_string().contains("make the directory writable"), "{error}");
    }
    assert_eq!(engine.put_ring(5, &next).await.unwrap(), Put::Lost(1), "too late in any case");
    assert_eq!(engine.reports().await.unwrap(), [("writer".to_owned(), "fine".to_owned())]);
    let advice = engine.advice().await.unwrap().join("\n");
    assert!(advice.contains("a logout here is not told"), "{advice}");
}

/// Not a test of its own: what runs as a user that may only read.
#[tokio::test]
async fn reader() {
    let Some(path) = std::env::var_os(VARIABLE) else { return };
    only_reads(Path::new(&path)).await;
    println!("only read");
}

/// What others may write is not trusted, and neither is what they may read.
#[tokio::test]
async fn a_log_that_others_may_write_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("haversack.keys");
    let engine = FileEngine::open(&path).unwrap();
    engine.append(&[record("told", HOUR)]).await.unwrap();
    let log = dir.path().join("haversack.keys.log");
    for bits in [0o666, 0o620, 0o604] {
        set_mode(&log, bits);
        let error = engine.append(&[record("told", HOUR)]).await.unwrap_err();
        assert!(matches!(error.kind(), EngineErrorKind::Refused(_)), "{error}");
        assert!(error.to_string().contains("chmod"), "{error}");
        let error = engine.follow(None, &mut |_| {}).await;
        assert!(matches!(error.kind(), EngineErrorKind::Refused(_)), "{error}");
    }
    set_mode(&log, 0o600);
    assert_eq!(read(&engine, None).await.texts, ["told"]);
    assert!(engine.advice().await.unwrap().is_empty());
    set_mode(dir.path(), 0o777);
    let advice = engine.advice().await.unwrap().join("\n");
    assert!(advice.contains("chmod go-w"), "{advice}");
}
