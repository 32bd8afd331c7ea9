//! Drafts: parcels that a response is about to set, named but not yet sealed.

use alloc::borrow::Cow;

use crate::jar::{Held, Jar};
use crate::join::Holding;
use crate::keyring::Keys;
use crate::parcel::{Fragment, Kind, Lineage, Marker, Root, Subject, Suffix};
use crate::state::{Entry, Stamp};
use crate::transport::Carrier;

#[derive(Clone, Debug)]
pub(crate) enum Body {
    Root(Root),
    Marker(Marker),
    Fragment { lineage: Lineage, subject: Option<Subject>, fragment: Fragment },
}

#[derive(Clone, Debug)]
pub(crate) struct Draft {
    pub(crate) suffix: Suffix,
    pub(crate) body: Body,
    /// The request carries it already, under a key that still seals: it is not set again.
    pub(crate) present: bool,
}

impl Draft {
    /// A whole session has one name, and is overwritten by what comes after it.
    pub(crate) fn root(jar: &Jar, keys: &Keys, root: &Root) -> Self {
        if root.fields.is_some() {
            let held = jar.holds(Suffix::SINGLE, root.lineage, &root.encode());
            let present = held == Some(Held::Same { stale: false });
            return Self { suffix: Suffix::SINGLE, body: Body::Root(root.clone()), present };
        }
        Self::named(jar, keys, Kind::Root, root.lineage, |salt| {
            Body::Root(Root { salt, ..root.clone() })
        })
    }

    pub(crate) fn marker(jar: &Jar, keys: &Keys, lineage: Lineage, stamp: Stamp) -> Self {
        Self::named(jar, keys, Kind::End, lineage, |salt| {
            Body::Marker(Marker { lineage, stamp, salt })
        })
    }

    pub(crate) fn fragment(
        jar: &Jar,
        keys: &Keys,
        lineage: Lineage,
        subject: Option<Subject>,
        count: u64,
        entries: &[Entry<'_>],
    ) -> Self {
        let kind = if subject.is_some() { Kind::Subject } else { Kind::Anonymous };
        Self::named(jar, keys, kind, lineage, |salt| Body::Fragment {
            lineage,
            subject,
            fragment: Fragment::new(count, salt, entries),
        })
    }

    /// The same parcel as it is on the request, to be sealed under another key.
    pub(crate) fn reissue(suffix: Suffix, body: Body) -> Self {
        Self { suffix, body, present: false }
    }

    /// Names it by its content. A name that the request carries with other content is avoided by a
    /// salt, so that a name is never overwritten by anything else.
    fn named(
        jar: &Jar,
        keys: &Keys,
        kind: Kind,
        lineage: Lineage,
        body: impl Fn(u8) -> Body,
    ) -> Self {
        let mut salt = 0;
        loop {
            let body = body(salt);
            let frame = body.frame();
            let suffix = Suffix::of(keys, kind, lineage, &frame);
            let held = jar.holds(suffix, lineage, &frame);
            drop(frame);
            if held != Some(Held::Other) || salt == u8::MAX {
                return Self { suffix, body, present: held == Some(Held::Same { stale: false }) };
            }
            salt += 1;
        }
    }

    /// Characters of the parcel, name and value, before padding.
    pub(crate) fn chars(&self, carrier: Carrier<'_>) -> usize {
        carrier.parcel_len(self.suffix.as_str(), self.body.frame().len())
    }

    /// As the join will see it on the next request; `None` if it holds nothing that joins.
    pub(crate) fn holding(&self, carrier: Carrier<'_>) -> Option<Holding<'_>> {
        let (lineage, subject, fragment) = match &self.body {
            Body::Fragment { lineage, subject, fragment } => (*lineage, *subject, fragment),
            Body::Root(root) => (root.lineage, root.subject, root.held()?),
            Body::Marker(_) => return None,
        };
        let chars = self.chars(carrier);
        Some(Holding { suffix: self.suffix, lineage, subject, fragment, chars, stale: false })
    }
}

impl Body {
    /// The frame, unpadded.
    pub(crate) fn frame(&self) -> Cow<'_, [u8]> {
        match self {
            Body::Root(root) => root.encode().into(),
            Body::Marker(marker) => marker.encode().into(),
            Body::Fragment { fragment, .. } => fragment.frame().into(),
        }
    }
}
