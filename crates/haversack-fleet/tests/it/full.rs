//! A full disk: what was acknowledged stays, what was not is refused as what it is.
//!
//! A limit on the length of files stands in for the disk. Writes up to it succeed, in part if need be,
//! and then fail, as they do where no space is left.

use std::process::{Command, Stdio};

use haversack_fleet::EngineErrorKind;
use haversack_fleet::engine::{Engine, Put, RingDocument};
use haversack_fleet::file::FileEngine;

use crate::killed::{HOUR, itself, read, record};

const VARIABLE: &str = "HAVERSACK_TEST_FULL";

#[tokio::test]
async fn a_full_disk_loses_nothing_and_says_so() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("haversack.keys");
    let inner = itself("full::writer");
    // The shell's limit is in blocks of 512 or 1024 bytes; either is small enough.
    let mut limited = Command::new("sh");
    limited.args(["-c", "trap '' XFSZ; ulimit -f 16; exec \"$0\" \"$@\""]);
    limited.arg(inner.get_program()).args(inner.get_args());
    let done = limited.env(VARIABLE, &path).stdin(Stdio::null()).output().unwrap();
    let said = String::from_utf8_lossy(&done.stdout);
    assert!(done.status.success(), "{said}{}", String::from_utf8_lossy(&done.stderr));
    let acknowledged: Vec<_> = said.lines().filter(|line| line.starts_with("kept ")).collect();
    assert!(acknowledged.len() > 20, "{said}");
    assert!(said.contains("the log is full") && said.contains("the ring is full"), "{said}");

    // With space again.
    let engine = FileEngine::open(&path).unwrap();
    engine.append(&[record("after", HOUR)]).await.unwrap();
    let texts = read(&engine, None).await.texts;
    for text in &acknowledged {
        assert!(texts.iter().any(|it| it == text), "{text} is gone");
    }
    assert_eq!(texts.last().map(String::as_str), Some("after"));
    assert_eq!(engine.ring().await.unwrap().unwrap().revision, 1);
    let large = RingDocument { revision: 2, text: "x".repeat(60_000).into() };
    assert_eq!(engine.put_ring(1, &large).await.unwrap(), Put::Stored);
}

/// Not a test of its own: what runs where there is no space.
#[tokio::test]
async fn writer() {
    let Some(path) = std::env::var_os(VARIABLE) else { return };
    let engine = FileEngine::open(path).unwrap();
    let small = RingDocument { revision: 1, text: "{\"revision\": 1}".to_owned().into() };
    assert_eq!(engine.put_ring(0, &small).await.unwrap(), Put::Stored);
    println!();
    let mut refused = 0;
    for number in 0..2000 {
        let text = format!("kept {number} {}", "-".repeat(number % 180));
        match engine.append(&[record(text.clone(), HOUR)]).await {
            Ok(()) => println!("{text}"),
            Err(error) => {
                assert!(matches!(error.kind(), EngineErrorKind::Full(_)), "{error}");
                assert!(error.is_temporary() && error.to_string().contains(".log"), "{error}");
                refused += 1;
            }
        }
        if refused == 20 {
            println!("the log is full");
            break;
        }
    }
    // Of a call that was refused nothing is half there.
    let texts = read(&engine, None).await.texts;
    assert!(texts.iter().all(|text| text.starts_with("kept ")));

    let large = RingDocument { revision: 2, text: "x".repeat(60_000).into() };
    let error = engine.put_ring(1, &large).await.unwrap_err();
    assert!(matches!(error.kind(), EngineErrorKind::Full(_)), "{error}");
    assert!(engine.ring().await.unwrap() == Some(small));
    println!("the ring is full");
    let error = engine.report("web", &"r".repeat(60_000), HOUR).await.unwrap_err();
    assert!(matches!(error.kind(), EngineErrorKind::Full(_)), "{error}");
}
