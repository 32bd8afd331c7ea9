//! The command line against real engines, real servers of a fleet, and real proxies.

mod errors;
mod front;
mod leak;
mod servers;
mod tls;

use std::process::{Command, Output};
use std::time::{Duration, Instant};

/// What a command did.
#[derive(Debug)]
struct Done {
    code: i32,
    out: String,
    err: String,
}

fn haversack(args: &[&str]) -> Done {
    haversack_with(args, &[])
}

fn haversack_with(args: &[&str], env: &[(&str, &str)]) -> Done {
    let mut command = Command::new(env!("CARGO_BIN_EXE_haversack"));
    for name in ["HAVERSACK_FLEET", "HAVERSACK_KEYS", "HAVERSACK_KEY_ENCRYPTION_KEY"] {
        command.env_remove(name);
    }
    let Output { status, stdout, stderr } =
        command.args(args).envs(env.iter().copied()).output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    Done { code: status.code().unwrap(), out: text(stdout), err: text(stderr) }
}

/// The command on a fleet. It must succeed.
fn done(url: &str, args: &[&str]) -> String {
    let done = haversack(&[args, &["--fleet", url]].concat());
    assert_eq!(done.code, 0, "{args:?}: {done:?}");
    done.out
}

/// Runs it again until it says so.
fn until(args: &[&str], says: impl Fn(&Done) -> bool) -> Done {
    let begun = Instant::now();
    loop {
        let done = haversack(args);
        if says(&done) {
            return done;
        }
        assert!(begun.elapsed() < Duration::from_secs(30), "{args:?}: {done:?}");
        std::thread::sleep(Duration::from_millis(100));
    }
}
