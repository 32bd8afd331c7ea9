//! The jar as one can see it from outside: names, sizes and key ids, nothing that is sealed.

use axum::http::HeaderMap;
use axum::http::header::{COOKIE, SET_COOKIE};
use serde::Serialize;

/// The default base name of the session's cookies, which the replicas use.
pub(super) const BASE: &str = "__Host-Http-hv";
/// `hv1A`, before the key's id.
const MAGIC: usize = 4;
const KEY: usize = 8;

/// What kind of parcel it is; the first letter of its name says so.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Kind {
    Root,
    Marker,
    /// Written under the name of who is signed in.
    Signed,
    Anonymous,
}

/// What the response does with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Fate {
    Gone,
    New,
    /// The same content, sealed again: names come from content, so it keeps its name.
    Resealed,
    Stays,
}

#[derive(Clone, Debug, Serialize)]
pub(super) struct Parcel {
    pub(super) name: String,
    pub(super) kind: Kind,
    pub(super) chars: usize,
    pub(super) key: String,
    pub(super) fate: Fate,
}

/// The parcels on a request, as names and values.
pub(super) fn sent(headers: &HeaderMap) -> Vec<(String, String)> {
    let lines = headers.get_all(COOKIE).iter().filter_map(|line| line.to_str().ok());
    let pairs = lines.flat_map(|line| line.split(';')).filter_map(|pair| pair.split_once('='));
    pairs
        .map(|(name, value)| (name.trim().to_owned(), value.trim().to_owned()))
        .filter(|(name, _)| kind(name).is_some())
        .collect()
}

/// The jar during a response: what stays, what it sets, what it deletes.
pub(super) fn parcels(sent: &[(String, String)], response: &HeaderMap) -> Vec<Parcel> {
    let mut parcels: Vec<Parcel> =
        sent.iter().filter_map(|(name, value)| parcel(name, value, Fate::Stays)).collect();
    let lines = response.get_all(SET_COOKIE).iter().filter_map(|line| line.to_str().ok());
    for (name, value) in lines.filter_map(|line| line.split(';').next()?.split_once('=')) {
        match (parcels.iter_mut().find(|held| held.name == name), value.is_empty()) {
            (Some(held), true) => held.fate = Fate::Gone,
            (None, true) => {}
            (Some(held), false) => {
                if let Some(resealed) = parcel(name, value, Fate::Resealed) {
                    *held = resealed;
                }
            }
            (None, false) => parcels.extend(parcel(name, value, Fate::New)),
        }
    }
    parcels.sort_by(|a, b| (a.kind, &a.name).cmp(&(b.kind, &b.name)));
    parcels
}

fn parcel(name: &str, value: &str, fate: Fate) -> Option<Parcel> {
    Some(Parcel {
        name: name.to_owned(),
        kind: kind(name)?,
        chars: name.len() + value.len(),
        key: value.get(MAGIC..MAGIC + KEY).unwrap_or_default().to_owned(),
        fate,
    })
}

fn kind(name: &str) -> Option<Kind> {
    match name.strip_prefix(BASE)?.strip_prefix('.')?.chars().next()? {
        'r' => Some(Kind::Root),
        'e' => Some(Kind::Marker),
        'u' => Some(Kind::Signed),
        'a' => Some(Kind::Anonymous),
        _ => None,
    }
}

/// What the answer to a read did to the jar, if it is worth a sentence: a read writes nothing of
/// its own, so it is upkeep.
pub(super) fn upkeep(parcels: &[Parcel]) -> Option<String> {
    let with = |fate| parcels.iter().filter(move |parcel| parcel.fate == fate);
    if let Some(resealed) = with(Fate::Resealed).next() {
        let (n, key) = (with(Fate::Resealed).count(), &resealed.key);
        return Some(format!("sealed {n} parcels anew, under key {key}"));
    }
    let (new, gone) = (with(Fate::New).count(), with(Fate::Gone).count());
    (new > 0 && gone > new).then(|| format!("folded {gone} fragments into {new}"))
}

/// A line that puts a cookie into the jar as the session layer would.
pub(super) fn put(name: &str, value: &str) -> String {
    format!("{name}={value}; Path=/; Secure; HttpOnly; SameSite=Lax; Max-Age=1209600")
}

/// A line that takes a cookie out of the jar.
pub(super) fn take(name: &str) -> String {
    format!("{name}=; Path=/; Secure; HttpOnly; SameSite=Lax; Max-Age=0")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tells_what_a_response_does_with_the_jar() {
        let mut request = HeaderMap::new();
        let line = "a=b; __Host-Http-hv.rXXaaaaaa=hv1A12345678mark; __Host-Http-hv.aXXbbbbbb=hv1A1";
        request.insert(COOKIE, line.parse().unwrap());
        let mut response = HeaderMap::new();
        response.append(SET_COOKIE, put("__Host-Http-hv.aXXcccccc", "hv1A").parse().unwrap());
        response.append(SET_COOKIE, take("__Host-Http-hv.aXXbbbbbb").parse().unwrap());
        response.append(
            SET_COOKIE,
            put("__Host-Http-hv.rXXaaaaaa", "hv1A87654321mark").parse().unwrap(),
        );
        let parcels = parcels(&sent(&request), &response);
        let fates: Vec<_> = parcels.iter().map(|parcel| (parcel.kind, parcel.fate)).collect();
        let anonymous = [(Kind::Anonymous, Fate::Gone), (Kind::Anonymous, Fate::New)];
        assert_eq!(fates[0], (Kind::Root, Fate::Resealed));
        assert_eq!(fates[1..], anonymous);
        assert_eq!(parcels[0].key, "87654321");
    }
}
