//! `Each`: a map or set whose entries are written, merged and removed one by one.

use core::fmt;
use core::marker::PhantomData;
use core::ops::{Deref, DerefMut};

use serde::de::{Deserialize, Deserializer, Visitor};
use serde::ser::{Serialize, Serializer};

/// The newtype name by which our serializer and deserializer recognise an [`Each`].
///
/// No Rust type can be called this, so nothing is taken for an `Each` by accident.
pub(super) const MAGIC: &str = "$haversack::Each";

/// A map or set of which every entry is merged on its own.
///
/// A plain map is one field: of two requests that change it at the same time, the later one wins,
/// whole. In an `Each` every entry has its own stamp, so two requests that add an item to the cart at
/// the same time leave both items in the cart, and removing one item leaves the others alone.
///
/// It is not for values that must change together: keep those in one field, without `Each`.
///
/// 1. It works as a top-level field of the session type; anywhere deeper it is refused, at the latest
///    by the first write.
/// 2. It holds a map, a set or another collection without duplicates, in any order of its own: what
///    is carried has no order.
/// 3. A field may change from a plain map to `Each` in a new version of the program, and what is in
///    flight is read. The way back gives up what was written as `Each`.
/// 4. A field's name and an encoded key take at most 254 bytes together.
///
/// In other formats, such as JSON, it is what it holds.
///
/// ```
/// use std::collections::{BTreeMap, BTreeSet};
///
/// use haversack::Each;
/// use serde::{Deserialize, Serialize};
///
/// #[derive(Default, Serialize, Deserialize)]
/// struct Shop {
///     cart: Each<BTreeMap<u32, u8>>,
///     seen: Each<BTreeSet<String>>,
/// }
///
/// let mut shop = Shop::default();
/// shop.cart.insert(4711, 1);
/// *shop.cart.entry(4711).or_default() += 1;
/// shop.seen.insert("welcome".into());
///
/// assert_eq!(shop.cart.get(&4711), Some(&2));
/// assert_eq!(
///     serde_json::to_string(&shop).unwrap(),
///     r#"{"cart":{"4711":2},"seen":["welcome"]}"#,
/// );
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Each<M>(pub M);

impl<M> Deref for Each<M> {
    type Target = M;

    fn deref(&self) -> &M {
        &self.0
    }
}

impl<M> DerefMut for Each<M> {
    fn deref_mut(&mut self) -> &mut M {
        &mut self.0
    }
}

impl<M> From<M> for Each<M> {
    fn from(entries: M) -> Self {
        Self(entries)
    }
}

impl<A, M: FromIterator<A>> FromIterator<A> for Each<M> {
    fn from_iter<I: IntoIterator<Item = A>>(entries: I) -> Self {
        Self(entries.into_iter().collect())
    }
}

impl<A, M: Extend<A>> Extend<A> for Each<M> {
    fn extend<I: IntoIterator<Item = A>>(&mut self, entries: I) {
        self.0.extend(entries);
    }
}

impl<M: IntoIterator> IntoIterator for Each<M> {
    type Item = M::Item;
    type IntoIter = M::IntoIter;

    fn into_iter(self) -> M::IntoIter {
        self.0.into_iter()
    }
}

#[expect(clippy::into_iter_without_iter, reason = "it would hide that of what is held")]
impl<'a, M> IntoIterator for &'a Each<M>
where
    &'a M: IntoIterator,
{
    type Item = <&'a M as IntoIterator>::Item;
    type IntoIter = <&'a M as IntoIterator>::IntoIter;

    fn into_iter(self) -> Self::IntoIter {
        (&self.0).into_iter()
    }
}

#[expect(clippy::into_iter_without_iter, reason = "it would hide that of what is held")]
impl<'a, M> IntoIterator for &'a mut Each<M>
where
    &'a mut M: IntoIterator,
{
    type Item = <&'a mut M as IntoIterator>::Item;
    type IntoIter = <&'a mut M as IntoIterator>::IntoIter;

    fn into_iter(self) -> Self::IntoIter {
        (&mut self.0).into_iter()
    }
}

impl<M: Serialize> Serialize for Each<M> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_newtype_struct(MAGIC, &self.0)
    }
}

impl<'de, M: Deserialize<'de>> Deserialize<'de> for Each<M> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_newtype_struct(MAGIC, Inner(PhantomData))
    }
}

struct Inner<M>(PhantomData<M>);

impl<'de, M: Deserialize<'de>> Visitor<'de> for Inner<M> {
    type Value = Each<M>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a map or a set")
    }

    fn visit_newtype_struct<D: Deserializer<'de>>(
        self,
        deserializer: D,
    ) -> Result<Each<M>, D::Error> {
        M::deserialize(deserializer).map(Each)
    }
}

#[cfg(test)]
mod tests {
    use alloc::collections::BTreeMap;
    use alloc::string::String;

    use super::*;

    #[test]
    fn is_transparent_in_other_formats() {
        let each: Each<BTreeMap<String, u8>> = [(String::from("a"), 1)].into_iter().collect();
        let text = serde_json::to_string(&each).unwrap();
        assert_eq!(text, r#"{"a":1}"#);
        assert_eq!(serde_json::from_str::<Each<BTreeMap<String, u8>>>(&text).unwrap(), each);
    }

    #[test]
    fn iterates_as_what_it_holds() {
        let mut each: Each<BTreeMap<u8, u8>> = BTreeMap::from([(1, 2)]).into();
        each.extend([(3, 4)]);
        for (_, value) in &mut each {
            *value += 1;
        }
        let mut sum = 0;
        for (key, value) in &each {
            sum += key * value;
        }
        assert_eq!(sum, 3 + 15);
        assert_eq!(each.into_iter().count(), 2);
    }
}
