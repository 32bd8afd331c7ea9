//! The joined state laid over the default, field by field, and what to do when a field will not fit.
//!
//! Decoding is a loop: deserialize, and if that fails, take out or replace what the [`Trace`] points
//! at and deserialize again. Every round gives up something, so the loop ends; in the usual case the
//! first round succeeds. If nobody can be blamed, as when a type validates across fields, the fields
//! are admitted one by one.

use alloc::string::ToString;
use alloc::vec::Vec;
use core::ops::Range;

use serde::de::DeserializeOwned;

use super::access::{Place, Top, Trace};
use super::error::{DecodeError, FieldReport};
use super::fields::{Field, Fields, Shape, field_of};
use super::group::{Falls, Group, Piece, Seen, default_plain};
use crate::state::{Content, Entry};

/// Rounds of one run; beyond it, fields are admitted one by one.
const MAX_ROUNDS: usize = 512;
/// Fields that are tried one by one; more than a session can hold in practice.
const MAX_TRIALS: usize = 256;

/// What became of an entry of the state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Status {
    Buffered,
    /// Not read, and none of our business.
    Carried,
    /// Could not be read; the default stands in.
    Fallen,
    Read,
    /// A plain entry that was read as the elements of an `Each`.
    Spread,
    Superseded,
}

pub(super) struct Overlay<'a> {
    default: &'a Fields,
    state: &'a [Entry<'a>],
    groups: Vec<Group<'a>>,
    falls: Falls,
    /// Fields that have their default back.
    restored: Vec<&'a str>,
    names: Option<&'static [&'static str]>,
}

impl<'a> Overlay<'a> {
    pub(super) fn new(default: &'a Fields, state: &'a [Entry<'a>]) -> Self {
        let mut overlay = Self {
            default,
            state,
            groups: Vec::with_capacity(8),
            falls: Falls::default(),
            restored: Vec::new(),
            names: None,
        };
        let mut fields = default.fields().peekable();
        let mut at = 0;
        loop {
            let here = state.get(at).map(|entry| field_of(entry.name));
            let field = fields.next_if(|field| here.is_none_or(|name| field.name <= name));
            let Some(name) = field.map(|field| field.name).or(here) else {
                break;
            };
            let start = at;
            while state.get(at).is_some_and(|e| field_of(e.name) == name) {
                at += 1;
            }
            overlay.add(name, field, start..at);
        }
        // A field's own name comes before its aliases, see `yield_to`.
        overlay.groups.sort_by_key(|group| group.default.is_none());
        overlay
    }

    /// Names that are empty or not text cannot be fields of any type: they are carried.
    fn add(&mut self, name: &'a [u8], default: Option<Field<'a>>, entries: Range<usize>) {
        let name = match core::str::from_utf8(name) {
            Ok(name) if !name.is_empty() => name,
            _ => return,
        };
        let mut group = Group::new(name, default, entries);
        group.fill(self.state, &mut self.falls);
        self.groups.push(group);
    }

    /// Decodes, whatever it takes.
    pub(super) fn decode_or_default<T: Default + DeserializeOwned>(&mut self) -> T {
        if let Ok(value) = self.run() {
            return value;
        }
        self.admit_one_by_one().unwrap_or_else(|| {
            for at in 0..self.groups.len() {
                self.blame(at, "the session value as a whole does not decode");
            }
            T::default()
        })
    }

    /// One round; the place says where it failed.
    pub(super) fn attempt<T: DeserializeOwned>(&mut self) -> Result<T, (Place, DecodeError)> {
        for group in self.groups.iter().filter(|group| !group.out) {
            group.seen.set(Seen::No);
        }
        let trace = Trace::default();
        let value = T::deserialize(Top { groups: &self.groups, trace: &trace });
        self.names = trace.names.get();
        value.map_err(|error| (trace.place.get(), error))
    }

    /// The field list that `deserialize_struct` received.
    pub(super) fn names(&self) -> Option<&'static [&'static str]> {
        self.names
    }

    /// The name of the group at a place.
    pub(super) fn name_at(&self, place: Place) -> Option<&'a str> {
        match place {
            Place::Name(at) | Place::Value(at, _) => self.groups.get(at).map(|group| group.name),
            Place::Outside => None,
        }
    }

    /// What could not be read, of the fields that the type knows.
    pub(super) fn reports(&self) -> Vec<FieldReport> {
        let is_known = |group: &Group<'_>| match group.seen.get() {
            Seen::Ignored => false,
            Seen::No => self.names.is_none_or(|names| names.contains(&group.name)),
            _ => true,
        };
        let report = |(entry, fault)| {
            let group = self.group_of(entry).filter(|group| is_known(group))?;
            Some(FieldReport { field: group.name.to_string(), fault })
        };
        self.falls.iter().filter_map(report).collect()
    }

    /// What became of the `at`th entry of the state.
    pub(super) fn status(&self, at: usize) -> Status {
        let Some(group) = self.group_of(at) else {
            return Status::Carried;
        };
        if self.falls.of(at).is_some() {
            return Status::Fallen;
        }
        let is_plain = group.plain_entry == Some(at);
        match group.seen.get() {
            Seen::Buffered | Seen::Each if is_plain && group.is_spread => Status::Spread,
            Seen::Buffered if is_plain || group.each.is_some() => Status::Buffered,
            Seen::Each if !is_plain => Status::Read,
            Seen::Plain if is_plain => Status::Read,
            Seen::Superseded if is_plain => Status::Superseded,
            _ => Status::Carried,
        }
    }

    /// Whether a plain entry of this field was read as elements of an `Each`.
    pub(super) fn is_spread(&self, field: &[u8]) -> bool {
        let mut groups = self.groups.iter();
        groups.any(|group| group.is_spread && group.name.as_bytes() == field)
    }

    fn entry(&self, at: usize) -> Option<&'a Entry<'a>> {
        self.state.get(at)
    }

    fn group_of(&self, entry: usize) -> Option<&Group<'a>> {
        self.groups.iter().find(|group| group.entries.contains(&entry))
    }

    fn run<T: DeserializeOwned>(&mut self) -> Result<T, DecodeError> {
        let mut rounds = 0;
        loop {
            let (place, error) = match self.attempt() {
                Ok(value) => return Ok(value),
                Err(fault) => fault,
            };
            rounds += 1;
            if rounds > MAX_ROUNDS || !self.amend(place, &error) {
                return Err(error);
            }
        }
    }

    /// Gives up what a failed round points at. False if that is nothing.
    fn amend(&mut self, place: Place, error: &DecodeError) -> bool {
        match (place, error) {
            (Place::Name(at), DecodeError::Duplicate(name)) => self.yield_to(at, name),
            // `deny_unknown_fields`, or a key that the type does not have: unknown, so carried.
            (Place::Name(at), _) | (Place::Value(at, _), DecodeError::NotEach) => {
                self.put_out(at, Seen::Ignored)
            }
            (Place::Value(at, _), DecodeError::Expand) => {
                let Some(group) = self.groups.get_mut(at) else {
                    return false;
                };
                group.each = Some(Shape::Map);
                self.fill(at);
                true
            }
            (Place::Value(at, element), error) => self.fall(at, element, &error.to_string()),
            (Place::Outside, DecodeError::Missing(name)) => self.restore(name),
            (Place::Outside, _) => false,
        }
    }

    fn put_out(&mut self, at: usize, seen: Seen) -> bool {
        let Some(group) = self.groups.get_mut(at) else {
            return false;
        };
        group.out = true;
        group.seen.set(seen);
        true
    }

    /// Of two entries that the type reads into one field (`alias`), the later one wins, and its own
    /// name if they cannot be compared.
    fn yield_to(&mut self, at: usize, name: &str) -> bool {
        let stamp_of = |group: &Group<'a>| {
            let source = group.plain.and_then(|piece| piece.source)?;
            self.entry(source).map(|entry| entry.stamp)
        };
        let Some(alias) = self.groups.get(at) else {
            return false;
        };
        let own = self.groups.iter().position(|group| group.name == name);
        let Some((own_at, own)) = own.and_then(|at| Some((at, self.groups.get(at)?))) else {
            return self.put_out(at, Seen::Ignored);
        };
        if own_at == at || own.out {
            return self.put_out(at, Seen::Ignored);
        }
        if own.is_default_only() {
            return self.put_out(own_at, Seen::Superseded);
        }
        match (stamp_of(own), stamp_of(alias)) {
            (Some(own), Some(alias)) if own < alias => self.put_out(own_at, Seen::Superseded),
            (Some(_), Some(_)) => self.put_out(at, Seen::Superseded),
            _ => self.put_out(at, Seen::Ignored),
        }
    }

    /// Puts the default in the place of what does not decode: of one element of an `Each` if the
    /// fault lies in one, else of all that the state says about the field.
    fn fall(&mut self, at: usize, element: Option<usize>, message: &str) -> bool {
        let (default, state) = (self.default, self.state);
        let Some(group) = self.groups.get_mut(at) else {
            return false;
        };
        let (falls, is_spread) = (&mut self.falls, group.is_spread);
        // The default's piece of the same name, or nothing.
        let mut replace = |piece: &Piece<'a>| {
            let source = piece.source?;
            falls.undecodable(source, message);
            let name = state.get(source)?.name;
            let bytes = default.get(name).filter(|_| !is_spread)?;
            Some(Piece { bytes, source: None, ..*piece })
        };
        if group.each.is_none() {
            let before = group.plain.take();
            group.plain = before.as_ref().and_then(replace);
            return before.is_some();
        }
        if let Some(element) = element {
            let Some(piece) = group.splits.get_mut(element) else {
                return false;
            };
            match replace(piece) {
                Some(default) => *piece = default,
                None => drop(group.splits.remove(element)),
            }
            return true;
        }
        if group.is_default_only() {
            return self.put_out(at, Seen::No);
        }
        group.splits = group
            .splits
            .iter()
            .filter_map(|piece| match piece.source {
                Some(_) => replace(piece),
                None => Some(*piece),
            })
            .collect();
        true
    }

    /// Brings the default back for a field that was removed and that the type cannot do without.
    fn restore(&mut self, name: &str) -> bool {
        let Some(group) = self.groups.iter_mut().find(|group| group.name == name) else {
            return false;
        };
        // Once only: if the default does not decode either, it would come back for ever.
        if group.plain.is_some() || self.restored.contains(&group.name) {
            return false;
        }
        self.restored.push(group.name);
        group.out = false;
        group.plain = group.default.and_then(default_plain);
        group.plain.is_some()
    }

    /// Starts from the default alone and keeps of the state what decodes together.
    fn admit_one_by_one<T: DeserializeOwned>(&mut self) -> Option<T> {
        self.falls.clear();
        self.restored.clear();
        for at in 0..self.groups.len() {
            self.hold(at, true);
        }
        let mut best = self.run().ok();
        best.as_ref()?;
        let mut trials = 0;
        for at in 0..self.groups.len() {
            let falls = self.falls.len();
            self.hold(at, false);
            trials += 1;
            let fault = match self.run() {
                Ok(value) if trials <= MAX_TRIALS => {
                    best = Some(value);
                    continue;
                }
                Ok(_) => DecodeError::message("too many fields to try"),
                Err(error) => error,
            };
            self.falls.truncate(falls);
            self.hold(at, true);
            self.blame(at, &fault.to_string());
        }
        // The last run may have been one that failed: once more, for what it notes.
        self.run().ok().or(best)
    }

    fn hold(&mut self, at: usize, held: bool) {
        if let Some(group) = self.groups.get_mut(at) {
            group.is_held = held;
            group.out = false;
            group.seen.set(Seen::No);
            let name = group.name;
            self.restored.retain(|restored| *restored != name);
            self.fill(at);
        }
    }

    /// Reports every value that the state has for a field.
    fn blame(&mut self, at: usize, message: &str) {
        let entries = self.groups.get(at).map_or(0..0, |group| group.entries.clone());
        for at in entries {
            let content = self.entry(at).map(|entry| entry.content);
            if let Some(Content::Value { .. }) = content {
                self.falls.undecodable(at, message);
            }
        }
    }

    fn fill(&mut self, at: usize) {
        if let Some(group) = self.groups.get_mut(at) {
            group.fill(self.state, &mut self.falls);
        }
    }
}
