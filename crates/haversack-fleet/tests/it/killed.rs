//! A writer may be killed at any byte: what was acknowledged is there, and nothing else is.

use std::collections::BTreeSet;
use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use haversack::Timestamp;
use haversack_fleet::engine::{Cursor, Engine, Event, Put, Record, RingDocument};
use haversack_fleet::file::FileEngine;
use tokio::sync::Notify;
use tokio::time::sleep;

use crate::PATIENCE;

pub(crate) const HOUR: Duration = Duration::from_secs(3600);

pub(crate) fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    Timestamp::from_millis(u64::try_from(since.as_millis()).unwrap())
}

pub(crate) fn record(text: impl Into<String>, ttl: Duration) -> Record {
    let until = now().plus_millis(u64::try_from(ttl.as_millis()).unwrap());
    Record { text: text.into(), until }
}

/// What a log holds after a cursor.
pub(crate) struct Read {
    pub(crate) texts: Vec<String>,
    pub(crate) cursor: Option<Cursor>,
    pub(crate) reset: bool,
}

pub(crate) async fn read(engine: &FileEngine, from: Option<Cursor>) -> Read {
    let done = Notify::new();
    let mut read = Read { texts: Vec::new(), cursor: from.clone(), reset: false };
    let mut take = |event| match event {
        Event::Records(texts, cursor) => {
            read.texts.extend(texts);
            read.cursor = Some(cursor);
        }
        Event::Reset => read.reset = true,
        Event::Confirmed(_) => done.notify_one(),
        _ => {}
    };
    tokio::select! {
        error = engine.follow(from, &mut take) => panic!("{error}"),
        () = done.notified() => {}
        () = sleep(PATIENCE) => panic!("never confirmed"),
    }
    read
}

/// The last lines of the log, cut at every byte: those that are whole are read, the next writer's
/// line arrives, and who was at the end of any line goes on from there.
#[tokio::test]
async fn a_log_that_is_cut_at_any_byte_loses_only_what_was_cut() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("haversack.keys");
    let log = dir.path().join("haversack.keys.log");
    let engine = FileEngine::open(&path).unwrap();
    let mut whole = Vec::new();
    for number in 0..3 {
        let text = format!("session AAECAwQFBgc 180000000{number}");
        engine.append(&[record(text, HOUR)]).await.unwrap();
        let cursor = read(&engine, None).await.cursor.unwrap();
        whole.push((fs::metadata(&log).unwrap().len(), cursor));
    }
    let bytes = fs::read(&log).unwrap();
    let header = bytes.iter().position(|&byte| byte == b'\n').unwrap() + 1;
    for cut in 0..bytes.len() {
        fs::write(&log, &bytes[..cut]).unwrap();
        let engine = FileEngine::open(&path).unwrap();
        let there = whole.iter().filter(|(end, _)| *end <= cut as u64).count();
        assert_eq!(read(&engine, None).await.texts.len(), there, "cut at {cut}");
        let more = format!("session AAECAwQFBgc 190000000{}", cut % 10);
        engine.append(&[record(more.clone(), HOUR)]).await.unwrap();
        let after = read(&engine, None).await.texts;
        assert_eq!((after.len(), after.last()), (there + 1, Some(&more)), "cut at {cut}");
        for (place, (_, cursor)) in whole.iter().enumerate() {
            let resumed = read(&engine, Some(cursor.clone())).await;
            // Whose lines are gone is told so, and so is who was in a log whose name is gone.
            let kept = place < there && cut >= header;
            assert_eq!(resumed.reset, !kept, "cut at {cut}, resumed after line {place}");
            let expected = if kept { there - place } else { there + 1 };
            assert_eq!(resumed.texts.len(), expected, "cut at {cut}, resumed after line {place}");
        }
    }
}

/// Whatever a killed writer left of the next ring, the ring is the one before, and can be replaced.
#[tokio::test]
async fn a_ring_that_was_half_written_is_not_there() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("haversack.keys");
    let engine = FileEngine::open(&path).unwrap();
    let document = |revision: u64| RingDocument {
        revision,
        text: format!("{{\"revision\": {revision}, \"app\": \"shop\"}}\n").into(),
    };
    assert_eq!(engine.put_ring(0, &document(1)).await.unwrap(), Put::Stored);
    let next = document(2).text;
    for (revision, cut) in (1..).zip(0..=next.len()) {
        fs::write(dir.path().join(".haversack.keys.new"), &next.as_bytes()[..cut]).unwrap();
        assert!(engine.ring().await.unwrap() == Some(document(revision)), "cut at {cut}");
        let put = engine.put_ring(revision, &document(revision + 1)).await.unwrap();
        assert_eq!(put, Put::Stored, "cut at {cut}");
    }
    assert!(!dir.path().join(".haversack.keys.new").exists());
}

/// Programs that append, replace the log again and again, and put rings, are killed without warning.
/// What they were told to be stored is there afterwards.
#[tokio::test]
async fn what_a_killed_writer_was_told_is_there() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("haversack.keys");
    let engine = FileEngine::open(&path).unwrap();
    let mut acknowledged = BTreeSet::new();
    let (mut revision, mut generations) = (0, BTreeSet::new());
    for round in 0..25_u64 {
        let writers: Vec<_> =
            (0..2).map(|n| Writer::start(&path, &format!("{round}-{n}"))).collect();
        let mut delay = [0];
        getrandom::fill(&mut delay).unwrap();
        for (writer, pause) in writers.into_iter().zip([u64::from(delay[0]) / 4, 7]) {
            // How long they got is not what is tested; that they got somewhere is.
            thread::sleep(Duration::from_millis(pause));
            for line in writer.kill() {
                match line.split_once(' ') {
                    Some(("ring", stored)) => revision = revision.max(stored.parse().unwrap()),
                    Some(("record", text)) => drop(acknowledged.insert(text.to_owned())),
                    _ => panic!("{line}"),
                }
            }
        }
        let read = read(&engine, None).await;
        let there: BTreeSet<_> = read.texts.iter().cloned().collect();
        let lost: Vec<_> = acknowledged.difference(&there).collect();
        assert!(lost.is_empty(), "round {round}: {lost:?} of {}", acknowledged.len());
        let whole = |text: &String| text.starts_with("kept ") || text.starts_with("brief ");
        assert!(read.texts.iter().all(whole), "round {round}");
        generations.extend(read.cursor.map(|it| it.0.split('.').next().unwrap().to_owned()));

        let held = engine.ring().await.unwrap().map_or(0, |ring| ring.revision);
        assert!(held >= revision, "round {round}: {held} is older than {revision}");
        let mine = format!("kept by the one that lives, {round}");
        engine.append(&[record(mine.clone(), HOUR)]).await.unwrap();
        acknowledged.insert(mine);
        assert!(engine.once(&format!("round {round}"), HOUR).await.unwrap());
    }
    assert!(acknowledged.len() > 100 && revision > 10, "{} and {revision}", acknowledged.len());
    assert!(generations.len() > 3, "the log was replaced while writers were killed");
}

/// A program that tells what was acknowledged, until it is killed.
struct Writer(Child, BufReader<std::process::ChildStdout>);

const VARIABLE: &str = "HAVERSACK_TEST_WRITER";

impl Writer {
    /// Once this returns something has been acknowledged.
    fn start(path: &Path, name: &str) -> Self {
        let mut child = itself("killed::writer")
            .env(VARIABLE, path)
            .env("HAVERSACK_TEST_NAME", name)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        while line != "begun\n" {
            line.clear();
            assert_ne!(lines.read_line(&mut line).unwrap(), 0, "the writer ended");
        }
        Self(child, lines)
    }

    /// The whole lines that it said. The last one may be torn, as anything else.
    fn kill(mut self) -> Vec<String> {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
        let said: Vec<_> = self.1.split(b'\n').map(|line| line.unwrap()).collect();
        let said = said.into_iter().map(|line| String::from_utf8(line).unwrap());
        said.filter(|line| line.ends_with('.'))
            .map(|line| line[..line.len() - 1].to_owned())
            .collect()
    }
}

/// This test program, as another process that runs one test.
pub(crate) fn itself(test: &str) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", test, "--nocapture", "--test-threads=1"]);
    command
}

/// Not a test of its own: what a killed writer runs.
#[tokio::test]
async fn writer() {
    let Some(path) = std::env::var_os(VARIABLE) else { return };
    let name = std::env::var("HAVERSACK_TEST_NAME").unwrap();
    let engine = FileEngine::open(path).unwrap();
    let say = |line: String| {
        let mut out = std::io::stdout();
        out.write_all(line.as_bytes()).and_then(|()| out.flush()).unwrap();
    };
    say("\nbegun\n".to_owned());
    for number in 0_u64.. {
        let kept = format!("kept {name} {number}");
        engine.append(&[record(kept.clone(), HOUR)]).await.unwrap();
        say(format!("record {kept}.\n"));
        // Much that expires at once, so that the log is worth replacing.
        let brief = |n| record(format!("brief {name} {number} {n} {:->150}", ""), Duration::ZERO);
        let brief: Vec<_> = (0..150).map(brief).collect();
        engine.append(&brief).await.unwrap();
        let held = engine.ring().await.unwrap().map_or(0, |ring| ring.revision);
        let text = format!("{{\"revision\": {}, \"by\": \"{name}\"}}", held + 1);
        let next = RingDocument { revision: held + 1, text: text.into() };
        if engine.put_ring(held, &next).await.unwrap() == Put::Stored {
            say(format!("ring {}.\n", held + 1));
        }
    }
}
