//! The key ring document: JSON that operators store and programs rotate.
//!
//! `spec/keyring.schema.json` describes it to editors and to other languages.

use alloc::string::String;
use alloc::vec::Vec;

use zeroize::Zeroizing;

use super::error::KeyRingError;
use super::json::{self, Fields, Node};
use super::schedule::{End, LAST, Schedule};
use super::secret::{self, Secret};
use super::{KeyRing, MAX_KEYS, MAX_REMEMBERED, RingKey, weak};
use crate::env::Timestamp;
use crate::key_id::{InvalidId, ShortKeyId};
use crate::wire::Suite;

/// The one format there is so far.
const FORMAT: u64 = 1;
const RING_FIELDS: [&str; 7] =
    ["version", "revision", "app", "index_key", "replaced_marks", "keys", "retired"];
const KEY_FIELDS: [&str; 8] =
    ["id", "suite", "root", "created", "seals_from", "seals_until", "opens_until", "revoked"];

impl KeyRing {
    /// Reads and judges a key ring document.
    ///
    /// Whether some key seals *now* is a question of time: ask [`KeyRing::sealing`].
    ///
    /// # Errors
    ///
    /// When the document is not complete, not consistent or not safe. The error says where and
    /// what to do, and quotes nothing.
    pub fn parse(document: &str) -> Result<Self, KeyRingError> {
        let mut fields = Fields::new(json::parse(document)?, "", &RING_FIELDS)?;
        // First: another version may spell everything else differently.
        match fields.integer("version")? {
            FORMAT => {}
            found => return Err(KeyRingError::Version { found }),
        }
        let ring = Self {
            revision: fields.integer("revision")?,
            app: fields.text("app")?.into_owned(),
            index: read_secret(&mut fields, "index_key")?,
            replaced: read_ids(&mut fields, "replaced_marks", 4)?,
            keys: read_keys(&mut fields)?,
            retired: read_ids(&mut fields, "retired", 8)?,
        };
        ring.checked()
    }

    /// The document, the same for the same ring. It holds the secrets: the caller stores it where
    /// only the servers can read it.
    pub fn to_json(&self) -> Zeroizing<String> {
        // Enough for the whole text, so that no copy of it is left behind by growth.
        let size = 512
            + self.app.len() * 6
            + self.keys.len() * 512
            + (self.retired.len() + self.replaced.len()) * 16;
        let mut out = Zeroizing::new(String::with_capacity(size));
        let _ = self.write_json(&mut out); // writing to a String cannot fail
        out
    }

    fn write_json(&self, out: &mut String) -> core::fmt::Result {
        use core::fmt::Write as _;

        write!(
            out,
            "{{\n  \"version\": {FORMAT},\n  \"revision\": {},\n  \"app\": ",
            self.revision
        )?;
        write_text(out, &self.app)?;
        out.push_str(",\n  \"index_key\": \"");
        self.index.write_text(out);
        out.push_str("\",\n  \"replaced_marks\": ");
        write_ids(out, &self.replaced)?;
        out.push_str(",\n  \"keys\": [");
        for (i, key) in self.keys.iter().enumerate() {
            out.push_str(if i == 0 { "\n" } else { ",\n" });
            write!(out, "    {{\n      \"id\": \"{}\",\n", key.id)?;
            write!(
                out,
                "      \"suite\": \"{}\",\n      \"root\": \"",
                char::from(key.suite.letter())
            )?;
            key.root.write_text(out);
            let Schedule { created, seals_from, end, revoked } = key.schedule;
            write!(out, "\",\n      \"created\": {},\n", created.as_secs())?;
            writeln!(out, "      \"seals_from\": {},", seals_from.as_secs())?;
            write_time(out, "seals_until", end.map(|end| end.seals_until))?;
            out.push_str(",\n");
            write_time(out, "opens_until", end.map(|end| end.opens_until))?;
            out.push_str(",\n");
            write_time(out, "revoked", revoked)?;
            out.push_str("\n    }");
        }
        out.push_str("\n  ],\n  \"retired\": ");
        write_ids(out, &self.retired)?;
        out.push_str("\n}\n");
        Ok(())
    }
}

fn read_keys(ring: &mut Fields<'_>) -> Result<Vec<RingKey>, KeyRingError> {
    let nodes = ring.list("keys", MAX_KEYS)?;
    // With the exact capacity: growth would leave copies behind.
    let mut keys = Vec::with_capacity(nodes.len());
    for (place, node) in nodes {
        keys.push(read_key(node, place)?);
    }
    Ok(keys)
}

fn read_key(node: Node<'_>, place: String) -> Result<RingKey, KeyRingError> {
    let mut fields = Fields::new(node, &place, &KEY_FIELDS)?;
    let suite = match fields.text("suite")?.as_ref() {
        "A" => Suite::A,
        "F" => {
            return Err(KeyRingError::ReservedSuite { place: fields.at("suite") });
        }
        _ => {
            return Err(KeyRingError::UnknownSuite { place: fields.at("suite") });
        }
    };
    let root = read_secret(&mut fields, "root")?;
    let created = time(&mut fields, "created")?.ok_or_else(|| missing(&fields, "created"))?;
    let seals_from =
        time(&mut fields, "seals_from")?.ok_or_else(|| missing(&fields, "seals_from"))?;
    let seals_until = time(&mut fields, "seals_until")?;
    let opens_until = time(&mut fields, "opens_until")?;
    let end = match (seals_until, opens_until) {
        (None, None) => None,
        (Some(seals_until), Some(opens_until)) => Some(End { seals_until, opens_until }),
        (Some(_), None) => {
            let problem = "`seals_until` without `opens_until`: set that to `seals_until` and three idle \
                           lifetimes and 15 minutes more";
            return Err(KeyRingError::Times { place, problem });
        }
        (None, Some(_)) => {
            let problem =
                "`opens_until` without `seals_until`: a key stops sealing before it stops opening";
            return Err(KeyRingError::Times { place, problem });
        }
    };
    let schedule = Schedule { created, seals_from, end, revoked: time(&mut fields, "revoked")? };
    if let Some(problem) = schedule.inconsistency() {
        return Err(KeyRingError::Times { place, problem });
    }
    let key = RingKey::new(suite, root, schedule);
    if let Some(id) = fields.optional_text("id")? {
        let place = fields.at("id");
        match id.parse::<ShortKeyId>() {
            Ok(id) if id == key.id => {}
            Ok(_) => {
                return Err(KeyRingError::IdMismatch { place, derived: key.id });
            }
            Err(_) => return Err(KeyRingError::InvalidId { place, chars: 8 }),
        }
    }
    Ok(key)
}

fn read_secret(fields: &mut Fields<'_>, name: &str) -> Result<Secret, KeyRingError> {
    let text = fields.text(name)?;
    let place = fields.at(name);
    if text.len() != secret::TEXT_LEN {
        return Err(KeyRingError::KeyLength { place, chars: text.chars().count() });
    }
    let Some(secret) = Secret::from_text(&text) else {
        return Err(KeyRingError::KeyEncoding { place });
    };
    match weak::weakness(&secret) {
        Some(weakness) => Err(KeyRingError::WeakKey { place, weakness }),
        None => Ok(secret),
    }
}

fn read_ids<T>(fields: &mut Fields<'_>, name: &str, chars: usize) -> Result<Vec<T>, KeyRingError>
where
    T: core::str::FromStr<Err = InvalidId>,
{
    let read = |(place, node)| match node {
        Node::Text(text) => {
            text.parse().map_err(|InvalidId { .. }| KeyRingError::InvalidId { place, chars })
        }
        _ => Err(KeyRingError::WrongType { place, expected: "a string" }),
    };
    fields.list(name, MAX_REMEMBERED)?.into_iter().map(read).collect()
}

fn missing(fields: &Fields<'_>, name: &str) -> KeyRingError {
    KeyRingError::MissingField { place: fields.at(name) }
}

/// Whole seconds since 1970.
fn time(fields: &mut Fields<'_>, name: &str) -> Result<Option<Timestamp>, KeyRingError> {
    match fields.optional_integer(name)? {
        Some(s) if s > LAST.as_secs() => {
            let problem =
                "is later than the year 9999: times are seconds since 1970, not milliseconds";
            Err(KeyRingError::Times { place: fields.at(name), problem })
        }
        s => Ok(s.map(Timestamp::from_secs)),
    }
}

/// Writes a text with the escapes that JSON asks for.
fn write_text(out: &mut String, text: &str) -> core::fmt::Result {
    use core::fmt::Write as _;

    out.push('"');
    for c in text.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            c if c.is_control() => write!(out, "\\u{:04x}", u32::from(c))?,
            c => out.push(c),
        }
    }
    out.push('"');
    Ok(())
}

fn write_ids<T: core::fmt::Display>(out: &mut String, ids: &[T]) -> core::fmt::Result {
    use core::fmt::Write as _;

    out.push('[');
    for (i, id) in ids.iter().enumerate() {
        write!(out, "{}\"{id}\"", if i == 0 { "" } else { ", " })?;
    }
    out.push(']');
    Ok(())
}

fn write_time(out: &mut String, name: &str, time: Option<Timestamp>) -> core::fmt::Result {
    use core::fmt::Write as _;

    match time {
        Some(time) => write!(out, "      \"{name}\": {}", time.as_secs()),
        None => write!(out, "      \"{name}\": null"),
    }
}

#[cfg(test)]
mod tests;
