//! What a session costs, beside an encrypted cookie of the same content; see the README.
//!
//! Rounds of the two sides alternate, so that a machine that slows down slows both. Every result is
//! checked inside the loop: what is not right is not fast.

mod ours;
mod rival;
mod session;

use std::collections::BTreeMap;
use std::hint::black_box;
use std::time::{Duration, Instant};

use ours::Ours;
use rival::Rival;
use session::{SIZES, Shop, shop};

fn main() {
    let quick = std::env::args().any(|argument| argument == "--quick");
    let plan = if quick {
        Plan { rounds: 3, time: Duration::from_millis(2) }
    } else {
        Plan { rounds: 61, time: Duration::from_millis(10) }
    };
    println!("{} rounds of {} ms per cell; medians", plan.rounds, plan.time.as_millis());
    println!("\n  JSON  operation  haversack  PrivateJar  ratio   characters on the wire");
    let (ours, rival) = (Ours::new(), Rival::new());
    for size in SIZES {
        measure(&plan, size, &ours, &rival);
    }
}

fn measure(plan: &Plan, size: usize, ours: &Ours, rival: &Rival) {
    let shop = shop(size);
    let changed = |act: fn(&mut Shop)| {
        let mut shop = shop.clone();
        act(&mut shop);
        shop
    };
    let json = serde_json::to_string(&shop).expect("JSON").len();

    let (our_lines, their_lines) = (ours.seal(&shop), rival.seal(&shop));
    let (our_line, their_line) = (applied("", &our_lines), applied("", &their_lines));
    let (our_count, their_count) = (our_lines.len(), their_lines.len());
    let pair = plan.alternate(
        || assert_eq!(black_box(ours.seal(black_box(&shop))).len(), our_count),
        || assert_eq!(black_box(rival.seal(black_box(&shop))).len(), their_count),
    );
    row(json, "seal", pair, chars(&our_lines), chars(&their_lines));

    let pair = plan.alternate(
        || assert_eq!(ours.open(black_box(&our_line)), shop),
        || assert_eq!(rival.open(black_box(&their_line)), shop),
    );
    row(json, "open", pair, our_line.len(), their_line.len());

    for (name, act) in [("request", one_field as fn(&mut Shop)), ("rewrite", every_field)] {
        let expected = changed(act);
        let (our_lines, their_lines) =
            (ours.request(&our_line, act), rival.request(&their_line, act));
        // What the client sends next says what was asked for.
        assert_eq!(ours.open(&applied(&our_line, &our_lines)), expected);
        assert_eq!(rival.open(&applied(&their_line, &their_lines)), expected);
        let (our_size, their_size) = (chars(&our_lines), chars(&their_lines));
        let pair = plan.alternate(
            || assert_eq!(chars(&ours.request(black_box(&our_line), act)), our_size),
            || assert_eq!(chars(&rival.request(black_box(&their_line), act)), their_size),
        );
        row(json, name, pair, our_size, their_size);
    }
}

/// The usual change.
fn one_field(shop: &mut Shop) {
    shop.visits += 1;
}

/// Every field but those that say who it is.
fn every_field(shop: &mut Shop) {
    shop.visits += 1;
    shop.theme.replace_range(..1, "p");
    shop.cart.reverse();
    shop.cart.push(shop.cart.last().cloned().unwrap_or_default());
    shop.recent.reverse();
    shop.recent.push("sku-99999".into());
}

fn row(json: usize, name: &str, [ours, rival]: [f64; 2], our_chars: usize, their_chars: usize) {
    let ratio = ours / rival;
    println!(
        "{json:>4} B  {name:<9} {ours:>7.2} µs  {rival:>7.2} µs  {ratio:>6.2}   {our_chars} / {their_chars}"
    );
}

/// How long to measure.
struct Plan {
    rounds: usize,
    time: Duration,
}

impl Plan {
    /// Microseconds per call of each side: the median of rounds that alternate.
    fn alternate(&self, mut ours: impl FnMut(), mut rival: impl FnMut()) -> [f64; 2] {
        let (our_batch, their_batch) = (self.batch(&mut ours), self.batch(&mut rival));
        let mut times = [Vec::new(), Vec::new()];
        for _ in 0..self.rounds {
            times[0].push(per_call(our_batch, &mut ours));
            times[1].push(per_call(their_batch, &mut rival));
        }
        times.map(|mut times| {
            times.sort_by(f64::total_cmp);
            times[times.len() / 2]
        })
    }

    /// How many calls fill a round; finding out warms up.
    fn batch(&self, call: &mut impl FnMut()) -> u32 {
        let mut calls = 1;
        loop {
            let began = Instant::now();
            (0..calls).for_each(|_| call());
            if began.elapsed() >= self.time || calls >= 1 << 20 {
                return calls;
            }
            calls *= 2;
        }
    }
}

fn per_call(calls: u32, call: &mut impl FnMut()) -> f64 {
    let began = Instant::now();
    (0..calls).for_each(|_| call());
    began.elapsed().as_secs_f64() * 1e6 / f64::from(calls)
}

/// The `Cookie` line of a client that had `line` and got `lines`.
fn applied(line: &str, lines: &[String]) -> String {
    let pairs = line.split("; ").filter_map(|pair| pair.split_once('='));
    let mut jar: BTreeMap<&str, &str> = pairs.collect();
    for line in lines {
        let (pair, attributes) = line.split_once(';').expect("attributes");
        let (name, value) = pair.split_once('=').expect("a pair");
        if attributes.contains("Max-Age=0;") {
            jar.remove(name);
        } else {
            jar.insert(name, value);
        }
    }
    let pairs: Vec<String> = jar.iter().map(|(name, value)| format!("{name}={value}")).collect();
    pairs.join("; ")
}

fn chars(lines: &[String]) -> usize {
    lines.iter().map(String::len).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_of_one_field_takes_a_small_share_of_the_session() {
        let ours = Ours::new();
        let line = applied("", &ours.seal(&shop(2_000)));
        let lines =
            ours.request(&line, |shop| shop.theme = "a theme of thirty-two characters".into());
        let wire = chars(&lines) + lines.len() * "Set-Cookie: \r\n".len();
        println!("{wire} characters beside {}", line.len());
        assert!(wire * 100 <= line.len() * 15, "{wire} characters beside {}", line.len());
    }
}
