//! A JSON document as a tree that borrows its text and knows where each value stands.
//!
//! Derived deserializers quote what they did not expect, and that could be a key. This tree reports
//! places and never content; it sees a field that is there twice; and it copies no text, unless
//! that has escapes in it.

use alloc::borrow::{Cow, ToOwned as _};
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};

use super::error::KeyRingError;

/// Any JSON value.
pub(super) enum Node<'a> {
    Null,
    Integer(u64),
    Text(Cow<'a, str>),
    List(Vec<Node<'a>>),
    Object(Vec<(Cow<'a, str>, Node<'a>)>),
    /// A boolean, a fraction or a negative number: no field has such a value.
    Other,
}

/// Reads a whole document.
pub(super) fn parse(text: &str) -> Result<Node<'_>, KeyRingError> {
    serde_json::from_str(text)
        .map_err(|error| KeyRingError::Json { line: error.line(), column: error.column() })
}

/// The fields of one object, each taken once.
pub(super) struct Fields<'a> {
    place: String,
    left: Vec<(Cow<'a, str>, Node<'a>)>,
}

impl<'a> Fields<'a> {
    /// The fields of the object at `place`, which may have no others than `known`.
    pub(super) fn new(node: Node<'a>, place: &str, known: &[&str]) -> Result<Self, KeyRingError> {
        let Node::Object(left) = node else {
            let place = if place.is_empty() { "the document" } else { place };
            return Err(KeyRingError::WrongType { place: place.to_owned(), expected: "an object" });
        };
        let fields = Self { place: place.to_owned(), left };
        for (i, (name, _)) in fields.left.iter().enumerate() {
            if !known.contains(&name.as_ref()) {
                return Err(KeyRingError::UnknownField { place: fields.at(printable(name)) });
            }
            if fields.left.iter().take(i).any(|(earlier, _)| earlier == name) {
                return Err(KeyRingError::DuplicateField { place: fields.at(name) });
            }
        }
        Ok(fields)
    }

    /// Where the field `name` stands in the document.
    pub(super) fn at(&self, name: &str) -> String {
        if self.place.is_empty() { name.to_owned() } else { format!("{}.{name}", self.place) }
    }

    /// Takes a field that may be absent or null.
    fn optional(&mut self, name: &str) -> Option<Node<'a>> {
        let i = self.left.iter().position(|(field, _)| field == name)?;
        let (_, node) = self.left.swap_remove(i);
        (!matches!(node, Node::Null)).then_some(node)
    }

    /// Takes an integer that may be absent or null.
    pub(super) fn optional_integer(&mut self, name: &str) -> Result<Option<u64>, KeyRingError> {
        match self.optional(name) {
            None => Ok(None),
            Some(Node::Integer(value)) => Ok(Some(value)),
            Some(_) => Err(self.wrong_type(name, "a whole number, not negative")),
        }
    }

    /// Takes an integer.
    pub(super) fn integer(&mut self, name: &str) -> Result<u64, KeyRingError> {
        self.optional_integer(name)?.ok_or_else(|| self.missing(name))
    }

    /// Takes a text that may be absent or null.
    pub(super) fn optional_text(
        &mut self,
        name: &str,
    ) -> Result<Option<Cow<'a, str>>, KeyRingError> {
        match self.optional(name) {
            None => Ok(None),
            Some(Node::Text(text)) => Ok(Some(text)),
            Some(_) => Err(self.wrong_type(name, "a string")),
        }
    }

    /// Takes a text.
    pub(super) fn text(&mut self, name: &str) -> Result<Cow<'a, str>, KeyRingError> {
        self.optional_text(name)?.ok_or_else(|| self.missing(name))
    }

    /// Takes a list of at most `limit` values, each with its place; an absent one is empty.
    pub(super) fn list(
        &mut self,
        name: &str,
        limit: usize,
    ) -> Result<Vec<(String, Node<'a>)>, KeyRingError> {
        let place = self.at(name);
        match self.optional(name) {
            None => Ok(Vec::new()),
            Some(Node::List(nodes)) if nodes.len() > limit => {
                Err(KeyRingError::TooMany { place, limit })
            }
            Some(Node::List(nodes)) => Ok(nodes
                .into_iter()
                .enumerate()
                .map(|(i, node)| (format!("{place}[{i}]"), node))
                .collect()),
            Some(_) => Err(self.wrong_type(name, "a list")),
        }
    }

    fn missing(&self, name: &str) -> KeyRingError {
        KeyRingError::MissingField { place: self.at(name) }
    }

    fn wrong_type(&self, name: &str, expected: &'static str) -> KeyRingError {
        KeyRingError::WrongType { place: self.at(name), expected }
    }
}

/// A field's name if it can be one; a key that slipped to the left of a colon is not repeated.
fn printable(name: &str) -> &str {
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-' || c == '$';
    if name.len() <= 24 && name.chars().all(plain) { name } else { "(a field)" }
}

impl<'de> Deserialize<'de> for Node<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(NodeVisitor)
    }
}

struct NodeVisitor;

impl<'de> Visitor<'de> for NodeVisitor {
    type Value = Node<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Node<'de>, E> {
        Ok(Node::Null)
    }

    fn visit_bool<E>(self, _: bool) -> Result<Node<'de>, E> {
        Ok(Node::Other)
    }

    fn visit_u64<E>(self, value: u64) -> Result<Node<'de>, E> {
        Ok(Node::Integer(value))
    }

    fn visit_i64<E>(self, _: i64) -> Result<Node<'de>, E> {
        Ok(Node::Other)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Node<'de>, E> {
        Ok(Node::Other)
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Node<'de>, E> {
        Ok(Node::Text(Cow::Borrowed(text)))
    }

    fn visit_str<E>(self, text: &str) -> Result<Node<'de>, E> {
        Ok(Node::Text(Cow::Owned(text.to_owned())))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Node<'de>, A::Error> {
        let mut nodes = Vec::new();
        while let Some(node) = list.next_element()? {
            nodes.push(node);
        }
        Ok(Node::List(nodes))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Node<'de>, A::Error> {
        let mut fields = Vec::new();
        while let Some((name, node)) = map.next_entry()? {
            // Every key in JSON is a text.
            if let Node::Text(name) = name {
                fields.push((name, node));
            }
        }
        Ok(Node::Object(fields))
    }
}
