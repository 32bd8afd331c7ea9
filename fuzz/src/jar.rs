//! The cookies of a client, and what a response does to them; nothing else of a browser.

use std::collections::BTreeMap;

use crate::forge::BASE;

/// Our cookies, by name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Cookies(pub(crate) BTreeMap<String, String>);

impl Cookies {
    /// Those of ours in `Cookie` lines; none if a name comes twice or a line is not text, for
    /// then it is not what a browser would send.
    pub(crate) fn of(lines: &[&[u8]]) -> Option<Self> {
        let mut found = BTreeMap::new();
        for line in lines {
            for pair in std::str::from_utf8(line).ok()?.split(';') {
                let Some((name, value)) = pair.trim_matches([' ', '\t']).split_once('=') else {
                    continue;
                };
                if !name.trim_end().starts_with(BASE) {
                    continue;
                }
                if found.insert(name.to_owned(), value.to_owned()).is_some() {
                    return None;
                }
            }
        }
        Some(Self(found))
    }

    /// The `Cookie` line.
    pub(crate) fn line(&self) -> String {
        let pairs: Vec<String> =
            self.0.iter().map(|(name, value)| format!("{name}={value}")).collect();
        pairs.join("; ")
    }

    /// Applies `Set-Cookie` lines.
    pub(crate) fn apply(&mut self, lines: &[String]) {
        for line in lines {
            let (pair, attributes) = line.split_once(';').expect("attributes");
            let (name, value) = pair.split_once('=').expect("a pair");
            if attributes.contains("Max-Age=0;") {
                self.0.remove(name);
            } else {
                self.0.insert(name.to_owned(), value.to_owned());
            }
        }
    }
}
