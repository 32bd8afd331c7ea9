//! Lines of the log: what they look like, and how one that is torn or changed is told.
//!
//! ```text
//! haversack-log 1 5f2c9a41d07e3b68 f21213b3
//! session AAECAwQFBgc 1800000000 1800000000000 d4b1e022
//! ```
//!
//! The first line names the log, and for one that replaced another also where that one ended, and how
//! many bytes of it, the lines after the first, were carried over. Each other line is a record: its text, the millisecond until which
//! it counts, and the CRC-32 of what is before it, in hexadecimal. A line ends in a newline; what does
//! not is none.

use crate::engine::Record;

/// Bytes that a line of ours can have, without its newline.
pub(super) const LONGEST: usize = 1024;

/// Characters that the text of a record can have.
const CHARACTERS: usize = 200;

/// The words that a log begins with: what it is, and the version of its form.
const MAGIC: &str = "haversack-log 1 ";

/// Adds a record's line to `lines`.
pub(super) fn encode(record: &Record, lines: &mut Vec<u8>) -> Result<(), &'static str> {
    let Record { text, until } = record;
    if text.is_empty() {
        return Err("a record without text");
    }
    if text.chars().count() > CHARACTERS {
        return Err("a record of more than 200 characters");
    }
    if text.contains(|c: char| c.is_control() || matches!(c, '\u{2028}' | '\u{2029}')) {
        return Err("a record that is not one line of printable text");
    }
    sum(&format!("{text} {}", until.as_millis()), lines);
    Ok(())
}

/// What a line says.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Line<'a> {
    pub(super) text: &'a str,
    /// In milliseconds.
    pub(super) until: u64,
}

/// A record's line, without its newline; `None` if it is none.
pub(super) fn decode(line: &[u8]) -> Option<Line<'_>> {
    let (text, until) = summed(line)?.rsplit_once(' ')?;
    let until = until.parse().ok()?;
    (!text.is_empty()).then_some(Line { text, until })
}

/// The first line of a log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Header {
    /// The log's name.
    pub(super) generation: String,
    /// The end of the log that it replaced, as a cursor, and the bytes that were carried over.
    pub(super) before: Option<(String, u64)>,
}

impl Header {
    /// As long as it is for any other number of bytes.
    pub(super) fn encode(&self) -> Vec<u8> {
        let mut line = Vec::new();
        let generation = &self.generation;
        match &self.before {
            None => sum(&format!("{MAGIC}{generation}"), &mut line),
            Some((end, carried)) => {
                // In this order it is no record: no number is last.
                sum(&format!("{MAGIC}{generation} {carried:020} {end}"), &mut line);
            }
        }
        line
    }

    /// From a line without its newline.
    pub(super) fn decode(line: &[u8]) -> Option<Self> {
        let mut parts = summed(line)?.strip_prefix(MAGIC)?.split(' ');
        let generation = parts.next()?.to_owned();
        let before = match parts.next() {
            None => None,
            Some(carried) => {
                let carried = carried.parse().ok()?;
                Some((parts.next()?.to_owned(), carried))
            }
        };
        let fine = !generation.is_empty()
            && generation.bytes().all(|b| b.is_ascii_alphanumeric())
            && parts.next().is_none();
        fine.then_some(Self { generation, before })
    }
}

fn sum(text: &str, line: &mut Vec<u8>) {
    line.extend(text.as_bytes());
    line.extend(format!(" {:08x}\n", crc32(text.as_bytes())).as_bytes());
}

fn summed(line: &[u8]) -> Option<&str> {
    if line.len() > LONGEST {
        return None;
    }
    let (text, sum) = std::str::from_utf8(line).ok()?.rsplit_once(' ')?;
    (sum == format!("{:08x}", crc32(text.as_bytes()))).then_some(text)
}

/// CRC-32 as in zip and PNG: finds every error of up to 32 bits in a row.
pub(super) fn crc32(bytes: &[u8]) -> u32 {
    crc32fast::hash(bytes)
}

#[cfg(test)]
mod tests {
    use haversack::Timestamp;

    use super::*;

    fn line(text: &str) -> Vec<u8> {
        let mut line = Vec::new();
        let until = Timestamp::from_millis(1_800_000_000_000);
        encode(&Record { text: text.to_owned(), until }, &mut line).unwrap();
        assert_eq!(line.pop(), Some(b'\n'));
        line
    }

    #[test]
    fn the_sum_is_the_usual_one() {
        assert_eq!(crc32(b"123456789"), 0xcbf4_3926);
        assert_eq!(crc32(b""), 0);
    }

    #[test]
    fn a_line_is_its_record() {
        let long = "x".repeat(200);
        let wide = "\u{1F511}".repeat(200);
        for text in ["session AAECAwQFBgc 1800000000", " spaces  ", "x", "1 2", &long, &wide] {
            let line = line(text);
            assert!(line.len() <= LONGEST);
            assert_eq!(decode(&line), Some(Line { text, until: 1_800_000_000_000 }));
        }
    }

    #[test]
    fn the_first_line_says_what_was_before() {
        let first = Header { generation: "5f2c".to_owned(), before: None };
        let next = |carried| {
            let before = Some(("5f2c.900.0a0b0c0d".to_owned(), carried));
            Header { generation: "0001".to_owned(), before }
        };
        for header in [&first, &next(0), &next(u64::MAX)] {
            let line = header.encode();
            let line = line.strip_suffix(b"\n").unwrap();
            assert_eq!(Header::decode(line).as_ref(), Some(header));
            assert_eq!(decode(line), None, "it is no record");
        }
        assert_eq!(next(0).encode().len(), next(u64::MAX).encode().len());
    }

    #[test]
    fn no_part_of_a_line_and_no_changed_line_is_a_record() {
        let line = line("session AAECAwQFBgc 1800000000");
        for end in 0..line.len() {
            assert_eq!(decode(&line[..end]), None);
        }
        for place in 0..line.len() {
            for bit in 0..8 {
                let mut changed = line.clone();
                changed[place] ^= 1 << bit;
                assert_eq!(decode(&changed), None);
            }
        }
        assert_eq!(decode(b""), None);
        let header = Header { generation: "5f2c".to_owned(), before: None }.encode();
        assert_eq!(decode(header.strip_suffix(b"\n").unwrap()), None, "5f2c is no number");
        assert_eq!(Header::decode(&line), None);
    }

    #[test]
    fn what_is_not_one_printable_line_is_refused() {
        for text in ["", "a\nb", "\r", "nul\0", "\u{7f}", "\u{2028}", &"x".repeat(201)] {
            let until = Timestamp::from_millis(1);
            let mut lines = Vec::new();
            assert!(encode(&Record { text: text.to_owned(), until }, &mut lines).is_err());
            assert!(lines.is_empty());
        }
    }
}
