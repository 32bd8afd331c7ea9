//! A day of use: how many cookies, how many characters, and what is written; see the README.
//!
//! Times are those of a plan and nothing is left to chance, so the figures are the same each time.

mod person;
mod plan;
mod rival;

use haversack_testkit::SeededEntropy;
use person::{Person, Sample};
use serde_json::json;

const DAYS: u64 = 20;
const BYTES: usize = 500;

fn main() {
    println!("{DAYS} days, a session of {BYTES} bytes; see bench/README.md\n");
    println!(
        "                        requests  writes  cookies         characters      Set-Cookie"
    );
    println!(
        "                                          median  99th    median  99th    of a single cookie's"
    );
    for (name, tells) in [("a browser", true), ("who tells no fetch mode", false)] {
        let samples: Vec<Sample> = (1..=DAYS).flat_map(|seed| live(seed, tells)).collect();
        let figures = Figures::of(&samples);
        println!(
            "{name:<24}{:>8}{:>8}{:>8}{:>6}{:>10}{:>6}    {:>5.1} %",
            samples.len(),
            samples.iter().filter(|sample| sample.rival > 0).count(),
            figures.cookies[0],
            figures.cookies[1],
            figures.chars[0],
            figures.chars[1],
            figures.share * 100.0,
        );
        let refused = samples.iter().filter(|sample| sample.refused).count();
        assert_eq!(refused, 0, "a write was refused");
    }
    if let Some(path) = std::env::args().nth(1) {
        std::fs::write(&path, chart(&live(1, true))).expect("a file that can be written");
        println!("\nwrote the first day of the browser to {path}");
    }
}

fn live(seed: u64, tells: bool) -> Vec<Sample> {
    let day = plan::day(&mut SeededEntropy::new(seed ^ 0x0dac));
    let mut person = Person::new(seed, BYTES);
    person.sign_in();
    person.live(&day, tells)
}

struct Figures {
    /// Median and 99th percentile.
    cookies: [usize; 2],
    chars: [usize; 2],
    /// Our `Set-Cookie` characters by those of the single cookie.
    share: f64,
}

impl Figures {
    #[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
    fn of(samples: &[Sample]) -> Self {
        let percentiles = |of: fn(&Sample) -> usize| {
            let mut all: Vec<usize> = samples.iter().map(of).collect();
            all.sort_unstable();
            [50, 99].map(|percent| all[(all.len() - 1) * percent / 100])
        };
        let sum = |of: fn(&Sample) -> usize| samples.iter().map(of).sum::<usize>() as f64;
        Self {
            cookies: percentiles(|sample| sample.cookies),
            chars: percentiles(|sample| sample.chars),
            share: sum(|sample| sample.set) / sum(|sample| sample.rival),
        }
    }
}

/// What the chart is drawn from: a row for each request.
fn chart(samples: &[Sample]) -> String {
    let rows: Vec<_> =
        samples.iter().map(|s| json!([s.at / 1_000, s.cookies, s.chars, s.set, s.rival])).collect();
    let columns = ["second", "cookies", "characters", "set", "set by a single cookie"];
    let lines: Vec<String> = rows.iter().map(ToString::to_string).collect();
    let columns = json!(columns);
    format!("{{\"columns\": {columns},\n\"requests\": [\n{}\n]}}\n", lines.join(",\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_of_a_browser_stays_within_its_bounds() {
        let samples: Vec<Sample> = (1..=DAYS).flat_map(|seed| live(seed, true)).collect();
        assert!(samples.iter().all(|sample| !sample.refused), "a write was refused");
        let Figures { cookies, chars, share } = Figures::of(&samples);
        assert!(cookies[0] <= 4, "{} cookies in the median", cookies[0]);
        assert!(chars[1] <= 2_000, "{} characters in the 99th percentile", chars[1]);
        assert!(share <= 0.5, "{:.1} % of what a single cookie writes", share * 100.0);
    }
}
