//! Runs the targets for some seconds each, on stable, from a seed that can be given again.
//!
//! ```text
//! haversack-fuzz [--seconds N] [--seed N|random] [TARGET...]
//! haversack-fuzz --replay TARGET HEX      one input, as printed on failure
//! haversack-fuzz --write-seeds DIRECTORY  the seeds as files, for a fuzzer with coverage
//! ```

use std::fmt::Write as _;
use std::panic::{self, AssertUnwindSafe};
use std::path::Path;
use std::process::ExitCode;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use std::{env, fs, io};

use haversack_fuzz::{TARGETS, Target, run, seeds};

fn main() -> ExitCode {
    let mut seconds = 5;
    let mut seed = 1;
    let mut wanted = Vec::new();
    let mut arguments = env::args().skip(1);
    while let Some(argument) = arguments.next() {
        let mut value = || arguments.next().unwrap_or_default();
        match argument.as_str() {
            "--seconds" => seconds = value().parse().unwrap_or(seconds),
            "--seed" => seed = value().parse().unwrap_or_else(|_| random_seed()),
            "--replay" => {
                run(&value(), &from_hex(&value()));
                return ExitCode::SUCCESS;
            }
            "--write-seeds" => {
                return write_seeds(Path::new(&value()))
                    .map_or(ExitCode::FAILURE, |()| ExitCode::SUCCESS);
            }
            _ => wanted.push(argument),
        }
    }
    let unknown = wanted.iter().find(|name| TARGETS.iter().all(|target| target.name != **name));
    if let Some(name) = unknown {
        eprintln!("error: there is no target `{name}`");
        return ExitCode::FAILURE;
    }
    // A failure is reported once, with what it takes to see it again.
    panic::set_hook(Box::new(|_| {}));
    let chosen =
        |target: &Target| wanted.is_empty() || wanted.iter().any(|name| name == target.name);
    let mut failed = false;
    for target in TARGETS.into_iter().filter(chosen) {
        failed |= !fuzz(target, Duration::from_secs(seconds), seed);
    }
    if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}

/// Runs every seed, then mutations until the time is up. Stops at the first failure.
fn fuzz(target: Target, time: Duration, seed: u64) -> bool {
    let seeds = seeds(target.name);
    let mut random = Random(seed);
    let began = Instant::now();
    let mut count: u64 = 0;
    let mut next = 0;
    while next < seeds.len() || began.elapsed() < time {
        let data = match seeds.get(next) {
            Some(seed) => seed.clone(),
            None => mutated(&seeds, &mut random),
        };
        next += 1;
        count += 1;
        if let Err(cause) = panic::catch_unwind(AssertUnwindSafe(|| (target.run)(&data))) {
            let message = cause
                .downcast_ref::<String>()
                .map(String::as_str)
                .or_else(|| cause.downcast_ref::<&str>().copied())
                .unwrap_or("a panic without a message");
            println!("{:<10} FAILED at input {count} of seed {seed}: {message}", target.name);
            println!(
                "to see it again: cargo run -p haversack-fuzz -- --replay {} {}",
                target.name,
                to_hex(&data)
            );
            return false;
        }
    }
    println!("{:<10} {count} inputs, {} of them seeds", target.name, seeds.len());
    true
}

/// A seed with a few changes, now and then with a piece of another one.
fn mutated(seeds: &[Vec<u8>], random: &mut Random) -> Vec<u8> {
    const TELLING: [u8; 16] =
        [0, 1, 2, 0x17, 0x18, 0x3f, 0x7f, 0x80, 0xf6, 0xff, b'=', b';', b' ', b'"', b'.', b'\n'];
    let mut data = seeds[random.below(seeds.len())].clone();
    for _ in 0..=random.below(6) {
        let at = random.below(data.len() + 1);
        match random.below(9) {
            0 => data.insert(at, TELLING[random.below(TELLING.len())]),
            1 => data.insert(at, random.byte()),
            2 => data.truncate(at),
            3 => {
                let end = (at + 1 + random.below(8)).min(data.len());
                data.drain(at..end);
            }
            4 => {
                let end = (at + 1 + random.below(64)).min(data.len());
                let piece = data[at..end].to_vec();
                let to = random.below(data.len() + 1);
                data.splice(to..to, piece);
            }
            5 => {
                let other = &seeds[random.below(seeds.len())];
                let from = random.below(other.len() + 1);
                data.splice(at.., other[from..].iter().copied());
            }
            6 => {
                if let Some(byte) = data.get_mut(at) {
                    *byte = TELLING[random.below(TELLING.len())];
                }
            }
            7 => {
                if let Some(byte) = data.get_mut(at) {
                    *byte ^= 1 << random.below(8);
                }
            }
            _ => {
                if let Some(byte) = data.get_mut(at) {
                    *byte = random.byte();
                }
            }
        }
    }
    data.truncate(20_000);
    data
}

/// `SplitMix64`.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn byte(&mut self) -> u8 {
        self.next().to_le_bytes()[0]
    }

    /// Below `limit`, which is far below 2^32.
    fn below(&mut self, limit: usize) -> usize {
        let [a, b, c, d, ..] = self.next().to_le_bytes();
        u32::from_le_bytes([a, b, c, d]) as usize % limit.max(1)
    }
}

fn random_seed() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    now.as_secs() ^ u64::from(now.subsec_nanos()) << 20
}

fn write_seeds(directory: &Path) -> io::Result<()> {
    for target in TARGETS {
        let directory = directory.join(target.name);
        fs::create_dir_all(&directory)?;
        for (number, seed) in seeds(target.name).iter().enumerate() {
            fs::write(directory.join(format!("seed-{number}")), seed)?;
        }
    }
    Ok(())
}

fn to_hex(data: &[u8]) -> String {
    data.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

fn from_hex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> =
        text.chars().filter_map(|c| c.to_digit(16)).filter_map(|d| u8::try_from(d).ok()).collect();
    digits.chunks_exact(2).map(|pair| pair[0] << 4 | pair[1]).collect()
}
