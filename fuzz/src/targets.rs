//! The targets; what each says about its bytes is what the runner's seeds look like, too.

use std::sync::LazyLock;

use haversack::{KeyRing, Listed, Revocation, Revocations, Room, Timestamp};
use haversack_testkit::{CookieJar, Site};
use http::Method;
use url::Url;

use crate::forge::{self, BASE, NOW};
use crate::jar::Cookies;
use crate::serve::{Seeded, Shop, read, receive, serve, serve_header};

/// `Cookie` lines, one per line.
pub(crate) fn cookies(data: &[u8]) {
    serve(&data.split(|byte| *byte == b'\n').collect::<Vec<_>>());
}

/// Lines of the header of API clients, one per line.
pub(crate) fn header(data: &[u8]) {
    serve_header(&data.split(|byte| *byte == b'\n').collect::<Vec<_>>());
}

/// The value of one parcel. Nothing is ever sealed for these names, so nothing may open.
pub(crate) fn envelope(data: &[u8]) {
    for name in ["rAAAAAAAA", "eAAAAAAAA", "aAAAAAAAA", "uAAAAAAAA"] {
        let line = [BASE.as_bytes(), b".", name.as_bytes(), b"=", data].concat();
        let arrival = serve(&[&line]);
        assert_eq!(arrival.opened, 0, "opened what nobody sealed");
    }
    let whole = [BASE.as_bytes(), b"=", data].concat();
    assert_eq!(serve(&[&whole]).opened, 0, "opened what nobody sealed");
    assert_eq!(serve_header(&[data]).opened, 0, "opened what nobody sealed");
}

/// A kind and a frame, authentically sealed: what a holder of the key could do to its fleet, and
/// what a writer of a later version will.
pub(crate) fn frame(data: &[u8]) {
    let Some((kind, frame)) = data.split_first() else { return };
    let mut frame = frame.to_vec();
    // Nothing is later than the last stamp there is, so what bears it wins for ever, and writes are
    // lost. Only a holder of the key can write one; half the range is left to them here.
    let stamp = match kind {
        b'r' | b's' => None,
        b'e' => frame.get_mut(17),
        _ => frame.get_mut(1),
    };
    if let Some(high) = stamp {
        *high &= 0x7f;
    }
    let frame = &frame[..];
    match kind {
        b'r' | b'e' => {
            let name = if *kind == b'r' { "rjQabcdef" } else { "ejQabcdef" };
            let parcel = forge::parcel(name, b"", frame);
            serve(&[parcel.as_bytes()]);
            serve(&[format!("{}; {parcel}", forge::root()).as_bytes()]);
        }
        b's' => {
            let parcel = forge::whole(frame);
            serve(&[parcel.as_bytes()]);
            serve(&[format!("{}; {parcel}", forge::root()).as_bytes()]);
            serve_header(&[forge::in_header(frame).as_bytes()]);
        }
        _ => {
            let under_subject = *kind == b'u';
            let name = if under_subject { "ujQabcdef" } else { "ajQabcdef" };
            let parcel = forge::parcel(name, &forge::scope(under_subject), frame);
            serve(&[format!("{}; {parcel}", forge::root()).as_bytes()]);
        }
    }
}

/// Entries, each a byte that says which name, a byte with the value's length, and the value. They
/// are sealed as what another program wrote into the session.
pub(crate) fn session(data: &[u8]) {
    const NAMES: [&[u8]; 14] = [
        b"address",
        b"cart",
        b"cart\0\x01",
        b"cart\0\x02",
        b"cart\0\x18\x64",
        b"cart\0\x61a",
        b"notes",
        b"ratio",
        b"roles",
        b"step",
        b"theme",
        b"unknown",
        b"user",
        b"visits",
    ];
    let mut entries = Vec::new();
    let mut rest = data;
    while let [which, length, more @ ..] = rest {
        let (value, after) = more.split_at(usize::from(*length).min(more.len()));
        entries.push((NAMES[usize::from(*which) % NAMES.len()], value));
        rest = after;
    }
    if entries.is_empty() {
        return;
    }
    let frame = forge::fragment(NOW - 1000, entries);
    let parcel = forge::parcel("ujQabcdef", &forge::scope(true), &frame);
    serve(&[format!("{}; {parcel}", forge::root()).as_bytes()]);
    let whole = [forge::WHOLE, &frame].concat();
    serve(&[forge::whole(&whole).as_bytes()]);
    serve_header(&[forge::in_header(&whole).as_bytes()]);
}

/// Edits of a real jar, three bytes each: which cookie, where, and what to make of it. A cookie that
/// was altered must count as lost, or else make the whole session fresh (what a newer server may
/// have written is kept and not read).
pub(crate) fn jar(data: &[u8]) {
    static REAL: LazyLock<Cookies> = LazyLock::new(real);
    let mut parcels: Vec<(String, String)> = REAL.0.clone().into_iter().collect();
    let originals = parcels.clone();
    for edit in data.chunks_exact(3) {
        let which = usize::from(edit[0]) % parcels.len();
        let value = &mut parcels[which].1;
        let mut bytes = std::mem::take(value).into_bytes();
        let at = usize::from(edit[1]);
        match edit[2] {
            0 => bytes.truncate(at),
            1 => bytes.insert(at.min(bytes.len()), b'A'),
            to => {
                if let Some(byte) = bytes.get_mut(at) {
                    *byte = to.clamp(b'-', b'z');
                }
            }
        }
        *value = String::from_utf8_lossy(&bytes).replace(';', "_");
    }
    let altered = Cookies(parcels.iter().cloned().collect());
    let intact = Cookies(parcels.into_iter().filter(|parcel| originals.contains(parcel)).collect());
    let seen = read(&[altered.line().as_bytes()], NOW);
    let without = read(&[intact.line().as_bytes()], NOW);
    assert!(seen == without || seen == Shop::default(), "altered: {seen:?}, lost: {without:?}");
    serve(&[altered.line().as_bytes()]);
}

/// A session with a past: an anonymous visit, a login, writes by overlapping requests.
fn real() -> Cookies {
    let mut client = Cookies::default();
    let write = |client: &mut Cookies, seen: &Cookies, ago: u64, act: &dyn Fn(&mut Shop)| {
        let now = NOW - ago;
        let mut exchange = receive(&[seen.line().as_bytes()], now);
        let (decoded, mark) = exchange.value();
        let mut shop = decoded.value;
        act(&mut shop);
        exchange.hand_back(&shop, mark).expect("encodable");
        let entropy = &mut Seeded(ago);
        let outcome = exchange.respond(Room::default(), Timestamp::from_millis(now), entropy);
        assert!(outcome.error.is_none());
        client.apply(&outcome.set_cookies);
    };
    let seen = client.clone();
    write(&mut client, &seen, 60_000, &|shop| shop.theme = "dark".into());
    let seen = client.clone();
    write(&mut client, &seen, 50_000, &|shop| shop.user = Some("ada".into()));
    let seen = client.clone();
    write(&mut client, &seen, 40_000, &|shop| shop.visits = 7);
    write(&mut client, &seen, 39_000, &|shop| {
        shop.cart.insert(1, "tea".into());
    });
    write(&mut client, &seen, 38_000, &|shop| shop.ratio = 0.5);
    client
}

/// A key ring document. What is taken is written and taken again, the same.
pub(crate) fn keyring(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let ring = match KeyRing::parse(text) {
        Ok(ring) => ring,
        Err(error) => {
            assert!(!error.to_string().is_empty());
            return;
        }
    };
    let now = Timestamp::from_millis(NOW);
    assert!(ring.keys(now).count() >= 1);
    if let Some(sealing) = ring.sealing(now) {
        assert!(ring.keys(now).any(|key| key.id == sealing.id));
    }
    let written = ring.to_json();
    let again = KeyRing::parse(&written).expect("our own document");
    assert_eq!(again.to_json(), written, "a document changes by being read and written");
    assert_eq!(again.revision(), ring.revision());
    assert_eq!(again.app(), ring.app());
}

/// A log of revocations and listed sessions, one per line, in whatever order: a view is the set of those
/// that are taken, each record is the line that it came from, and a session is over if one says so.
pub(crate) fn revocations(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let (mut records, mut sessions) = (Vec::new(), Vec::new());
    for line in text.lines() {
        match line.parse::<Revocation>() {
            Ok(record) => {
                assert_eq!(record.to_string(), line, "one text for one record");
                records.push(record);
            }
            Err(error) => {
                assert!(!error.to_string().is_empty());
                if let Ok(listed) = line.parse::<Listed>() {
                    assert!(error.unknown_kind, "one line is one record");
                    assert_eq!(listed.to_string(), line, "one text for one session");
                    sessions.push(listed);
                }
            }
        }
    }
    let mut view = Revocations::new();
    view.extend(&records);
    let held = view.clone();
    records.reverse();
    view.extend(&records);
    assert_eq!(view.len(), held.len(), "what is known changes nothing");
    assert!(records.iter().all(|record| view.contains(record)));
    for listed in &sessions {
        let ends = |record: &&Revocation| match record {
            Revocation::Session { id, .. } => *id == listed.id,
            Revocation::Subject { id, not_before, .. } => {
                *id == listed.subject && *not_before > listed.auth
            }
            Revocation::All { not_before, .. } => *not_before > listed.auth,
            _ => false,
        };
        assert_eq!(listed.has_ended(&view), records.iter().any(|record| ends(&record)));
    }
    let now = Timestamp::from_millis(NOW);
    view.expire(now);
    assert!(view.iter().all(|record| record.until().as_secs() >= now.as_secs()));
    for record in &records {
        match record {
            Revocation::Session { id, until } if *until >= now => assert!(view.is_closed(*id)),
            Revocation::Subject { id, not_before, until } if *until >= now => {
                assert!(view.not_before(Some(*id)) >= Some(*not_before));
            }
            _ => {}
        }
    }
}

/// `Set-Cookie` lines for a test browser, one per line.
pub(crate) fn set_cookie(data: &[u8]) {
    static SHOP: LazyLock<Url> =
        LazyLock::new(|| Url::parse("https://www.shop.example/cart/").expect("an address"));
    let mut browser = CookieJar::new();
    for line in data.split(|byte| *byte == b'\n') {
        let before = browser.dropped().len();
        let refused = browser.store(&SHOP, line, Site::Same, NOW).is_err();
        assert_eq!(browser.dropped().len() - before, usize::from(refused));
    }
    let sent = browser.header_for(&SHOP, &Method::GET, Site::Same, NOW);
    // RFC 6265bis section 5.6 refuses the octets %x00-08, %x0A-1F and %x7F.
    let control = |c: char| c.is_ascii_control() && c != '\t';
    assert!(!sent.as_deref().unwrap_or_default().contains(control), "{sent:?}");
    // A cookie that was sent comes back the same if a server sets it again.
    for cookie in browser.iter().filter(|cookie| !cookie.name.is_empty()) {
        let line = format!("{}={}; Secure; HttpOnly; Path=/", cookie.name, cookie.value);
        let mut fresh = CookieJar::new();
        fresh
            .store(&SHOP, line.as_bytes(), Site::Same, NOW)
            .unwrap_or_else(|why| panic!("`{line}`, once taken, is refused: {why:?}"));
        let stored = fresh.iter().next().expect("one cookie");
        assert_eq!((&stored.name, &stored.value), (&cookie.name, &cookie.value));
    }
}
