//! The client: a cookie jar, and the lines of a response that change it.

use std::collections::BTreeMap;
use std::sync::Arc;

/// What a browser holds for the site. Cheap to copy: most steps of the model leave it as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Jar(Arc<BTreeMap<Arc<str>, Arc<str>>>);

/// One `Set-Cookie` line, as far as it concerns the jar.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Line {
    Set { name: Arc<str>, value: Arc<str> },
    Delete { name: Arc<str> },
}

impl Line {
    /// Reads a value of a `Set-Cookie` field. One without a lifetime left deletes
    /// (RFC 6265bis section 5.7); nothing else here lives shorter than the model runs.
    pub(crate) fn parse(text: &str) -> Self {
        let (pair, attributes) = text.split_once(';').unwrap_or((text, ""));
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let deletes = attributes.split(';').any(|attribute| attribute.trim() == "Max-Age=0");
        let name = name.into();
        if deletes { Self::Delete { name } } else { Self::Set { name, value: value.into() } }
    }

    /// What follows the base in the cookie's name, with what is done to it.
    pub(crate) fn brief(&self) -> String {
        let suffix = |name: &str| name.rsplit('.').next().unwrap_or_default().to_owned();
        match self {
            Self::Set { name, .. } => format!("set {}", suffix(name)),
            Self::Delete { name } => format!("delete {}", suffix(name)),
        }
    }
}

impl Jar {
    pub(crate) fn apply(&mut self, line: &Line) {
        let cookies = Arc::make_mut(&mut self.0);
        match line {
            Line::Set { name, value } => {
                cookies.insert(Arc::clone(name), Arc::clone(value));
            }
            Line::Delete { name } => {
                cookies.remove(name);
            }
        }
    }

    /// The `Cookie` line of a request.
    pub(crate) fn cookie_line(&self) -> String {
        let mut line = String::new();
        for (name, value) in self.0.iter() {
            let lead = if line.is_empty() { "" } else { "; " };
            line.extend([lead, name, "=", value]);
        }
        line
    }

    /// How many cookies there are.
    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// What follows the base in the cookies' names.
    pub(crate) fn brief(&self) -> String {
        let names: Vec<&str> = self.0.keys().filter_map(|name| name.rsplit('.').next()).collect();
        names.join(" ")
    }
}
