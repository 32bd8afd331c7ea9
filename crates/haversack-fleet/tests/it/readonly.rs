//! A directory that a server may only read: it follows, and is told clearly why it cannot publish.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::os::unix::fs::{MetadataExt as _, chown};
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::Stdio;

use haversack::{Feed as _, Revocation, Unpublished};
use haversack_fleet::EngineErrorKind;
use haversack_fleet::engine::{Engine, Put, RingDocument};
use haversack_fleet::file::{self, FileEngine, Watched};

use crate::killed::{HOUR, itself, read, record};
use crate::{Keys, block_on, eventually, log, mode, set_mode};

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
    assert!(!engine.read_only());
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
    assert!(engine.read_only());
}

/// Not a test of its own: what runs as a user that may only read.
#[tokio::test]
async fn reader() {
    let Some(path) = std::env::var_os(VARIABLE) else { return };
    only_reads(Path::new(&path)).await;
    println!("only read");
}

/// One server may write, the other may only read, until it is given the directory.
#[test]
fn who_may_only_read_ends_sessions_on_one_server_until_the_directory_is_given_to_it() {
    let keys = Keys::new();
    let root = fs::metadata(keys.path()).unwrap().uid() == 0;
    if root {
        chown(keys.path(), None, Some(NOBODY)).unwrap();
        set_mode(keys.path(), 0o640);
    }
    let writer = keys.watch();
    publish(&writer, revocation(1)).unwrap();
    set_mode(keys.dir.path(), 0o555);
    // The log as well: its own mode would be enough for who owns it.
    let log = keys.dir.path().join("haversack.keys.log");
    set_mode(&log, if root { 0o640 } else { 0o400 });
    if root {
        let mut reader = itself("readonly::watcher");
        let reader = reader.env(VARIABLE, keys.path()).uid(NOBODY).gid(NOBODY);
        let mut reader = reader.stdout(Stdio::piped()).spawn().unwrap();
        let mut said = Vec::new();
        for line in BufReader::new(reader.stdout.take().unwrap()).lines() {
            let line = line.unwrap();
            if line == GIVE {
                for entry in fs::read_dir(keys.dir.path()).unwrap() {
                    chown(entry.unwrap().path(), Some(NOBODY), None).unwrap();
                }
                chown(keys.dir.path(), Some(NOBODY), None).unwrap();
                set_mode(keys.dir.path(), 0o755);
            }
            said.push(line);
        }
        assert!(
            reader.wait().unwrap().success() && said.iter().any(|line| line == GIVE),
            "{said:#?}"
        );
    } else {
        watches(&keys.path(), || {
            set_mode(&log, 0o600);
            set_mode(keys.dir.path(), 0o755);
        });
    }
    eventually("what came of it", || knows(&writer, revocation(3)));
    assert!(!knows(&writer, revocation(2)), "was never published");
}

fn watches(path: &Path, give: impl FnOnce()) {
    let watched = file::watch(path).unwrap();
    let report = || watched.fleet().status().report;
    assert!(report().read_only && report().ready, "{:?}", report());
    assert!(knows(&watched, revocation(1)), "what others revoke is learnt");
    let warning = "give the user that it runs as write access";
    assert_eq!(log::count(path, warning), 1);
    publish(&watched, revocation(2)).unwrap();
    assert!(knows(&watched, revocation(2)));
    assert_eq!((report().queue, report().errors), (0, 0), "{:?}", report());
    assert_eq!(log::count(path, warning), 1);
    give();
    eventually("it may write", || !report().read_only);
    publish(&watched, revocation(3)).unwrap();
    eventually("told", || log::count(path, "can publish now") == 1);
}

/// Not a test of its own: what runs as a user that may only read.
#[test]
fn watcher() {
    let Some(path) = std::env::var_os(VARIABLE) else { return };
    log::start();
    println!();
    watches(Path::new(&path), || println!("{GIVE}"));
}

const GIVE: &str = "give me the directory";

/// The same in every process.
fn revocation(n: u8) -> Revocation {
    format!("session AAECAwQFBg{} 4000000000", ["A", "E", "I", "M"][usize::from(n)])
        .parse()
        .unwrap()
}

fn publish(watched: &Watched, record: Revocation) -> Result<(), Unpublished> {
    let mut published = watched.publish(vec![record]);
    let mut outcome = Ok(());
    block_on(|cx| published.as_mut().poll(cx).map(|done| outcome = done));
    outcome
}

fn knows(watched: &Watched, record: Revocation) -> bool {
    let view = watched.view();
    view.revocations.as_ref().is_some_and(|it| it.iter().any(|it| it == record))
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
        assert!(!engine.read_only(), "it is not by design");
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
