//! The demo as a process: what it says at the end, and what it leaves behind.

use std::io::{BufRead as _, BufReader};
use std::process::{Command, Stdio};

const HAVERSACK: &str = env!("CARGO_BIN_EXE_haversack");

#[test]
fn loses_nothing_while_replicas_die() {
    let arguments = ["demo", "--headless", "--json", "--requests", "300", "--kill-every", "30"];
    let output = Command::new(HAVERSACK).args(arguments).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{text}{}", String::from_utf8_lossy(&output.stderr));
    let report: serde_json::Value = serde_json::from_str(&text).unwrap();
    let number = |name: &str| report[name].as_u64().unwrap();
    assert_eq!(number("lost"), 0, "{report}");
    assert_eq!(number("found"), number("acknowledged"), "{report}");
    assert!(number("acknowledged") > 100, "{report}");
    assert!(number("replicas_killed") >= 8, "{report}");
    assert!(number("hops") > 50, "{report}");
    assert_eq!(number("keys"), 2, "{report}");
    assert!(number("older_jars") > 0, "{report}");
    assert_eq!(number("older_jars_taken"), 0, "{report}");
}

#[test]
#[cfg(target_os = "linux")]
fn leaves_no_process_behind_when_it_is_killed() {
    use std::path::PathBuf;
    use std::time::{Duration, Instant};

    let folder = tempfile::tempdir().unwrap();
    let mut command = Command::new(HAVERSACK);
    // Its key file outlives a SIGKILL; this folder does not outlive the test.
    command.args(["demo", "--port", "0"]).env("TMPDIR", folder.path());
    let mut demo = command.stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(demo.stdout.take().unwrap()).lines();
    assert!(lines.next().unwrap().unwrap().contains("http://localhost:"));
    let said = lines.next().unwrap().unwrap();
    let words = said.split(|c: char| !c.is_ascii_digit()).filter(|word| !word.is_empty());
    let replicas: Vec<PathBuf> = words.map(|pid| PathBuf::from(format!("/proc/{pid}"))).collect();
    assert_eq!(replicas.len(), 3, "{said}");
    assert!(replicas.iter().all(|process| process.exists()));

    demo.kill().unwrap(); // SIGKILL: it cannot tidy up
    demo.wait().unwrap();
    let begun = Instant::now();
    // Without a parent they are reaped by whoever adopts them, or stay as zombies.
    let lives = |process: &PathBuf| {
        let stat = std::fs::read_to_string(process.join("stat")).unwrap_or_default();
        !stat.is_empty() && !stat.contains(") Z ")
    };
    while replicas.iter().any(lives) {
        assert!(begun.elapsed() < Duration::from_secs(10), "replicas outlived the demo");
        std::thread::sleep(Duration::from_millis(20));
    }
}
