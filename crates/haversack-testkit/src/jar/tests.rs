//! One test per rule of RFC 6265bis that the jar keeps.

use proptest::prelude::*;

use super::*;

const NOW: u64 = 1_000_000;

/// A jar, and the few verbs the tests need.
#[derive(Default)]
struct Jar(CookieJar);

impl Jar {
    fn set(&mut self, url: &str, line: &str) -> Result<(), Refusal> {
        self.set_at(url, line, NOW)
    }

    fn set_at(&mut self, url: &str, line: &str, now: u64) -> Result<(), Refusal> {
        self.0.store(&Url::parse(url).unwrap(), line.as_bytes(), Site::Same, now)
    }

    fn sent(&mut self, url: &str) -> String {
        self.sent_at(url, NOW)
    }

    fn sent_at(&mut self, url: &str, now: u64) -> String {
        self.request(url, &Method::GET, Site::Same, now)
    }

    fn request(&mut self, url: &str, method: &Method, site: Site, now: u64) -> String {
        self.0.header_for(&Url::parse(url).unwrap(), method, site, now).unwrap_or_default()
    }
}

const SHOP: &str = "https://shop.example/cart/7";

#[test]
fn keeps_a_host_only_cookie_to_its_host() {
    // Section 5.7 step 10, section 5.8.3.
    let mut jar = Jar::default();
    jar.set(SHOP, "a=1; Path=/").unwrap();
    jar.set(SHOP, "b=2; Path=/; Domain=").unwrap();
    assert_eq!(jar.sent("https://shop.example/"), "a=1; b=2");
    assert_eq!(jar.sent("https://SHOP.example:8443/"), "a=1; b=2", "ports do not separate cookies");
    assert_eq!(jar.sent("https://www.shop.example/"), "");
    assert_eq!(jar.sent("https://example/"), "");
}

#[test]
fn sends_a_domain_cookie_below_its_domain() {
    // Section 5.7 step 10, section 5.1.3.
    let mut jar = Jar::default();
    jar.set("https://www.shop.example/", "a=1; Domain=.Shop.example").unwrap();
    assert_eq!(jar.sent("https://shop.example/"), "a=1");
    assert_eq!(jar.sent("https://a.b.shop.example/"), "a=1");
    assert_eq!(jar.sent("https://workshop.example/"), "");
    let refused = Err(Refusal::Domain("other.example".into()));
    assert_eq!(jar.set(SHOP, "a=1; Domain=other.example"), refused);
    assert!(jar.set(SHOP, "a=1; Domain=www.shop.example").is_err(), "a host speaks for no child");
    assert!(jar.set(SHOP, "a=1; Domain=shöp.example").is_err(), "step 8");
}

#[test]
fn refuses_a_cookie_for_a_public_suffix() {
    // Section 5.7 step 9.
    let mut jar = Jar::default();
    assert_eq!(jar.set(SHOP, "a=1; Domain=example"), Err(Refusal::PublicSuffix("example".into())));
    jar.set("http://localhost/", "a=1; Domain=localhost").unwrap();
    assert_eq!(jar.sent("http://localhost/"), "a=1");
    assert_eq!(jar.sent("http://app.localhost/"), "", "it became host-only");
}

#[test]
fn an_address_has_no_subdomains() {
    // Section 5.1.3.
    let mut jar = Jar::default();
    assert!(jar.set("http://127.0.0.1/", "a=1; Domain=0.0.1").is_err());
    jar.set("http://127.0.0.1/", "a=1; Domain=127.0.0.1").unwrap();
    assert_eq!(jar.sent("http://127.0.0.1:3000/"), "a=1");
}

#[test]
fn scopes_cookies_to_their_path() {
    // Sections 5.1.4, 5.6.4 and 5.7 step 11.
    let mut jar = Jar::default();
    jar.set(SHOP, "given=1; Path=/cart").unwrap();
    jar.set(SHOP, "default=2").unwrap();
    jar.set(SHOP, "relative=3; Path=cart").unwrap();
    assert_eq!(jar.0.iter().filter(|cookie| cookie.path == "/cart").count(), 3);
    assert_eq!(jar.sent("https://shop.example/cart?page=2"), "given=1; default=2; relative=3");
    assert_eq!(jar.sent("https://shop.example/cartography"), "");
}

#[test]
fn sends_secure_cookies_over_secure_connections() {
    // Section 5.7 step 13, section 5.8.3.
    let mut jar = Jar::default();
    jar.set(SHOP, "a=1; Secure; Path=/").unwrap();
    assert_eq!(jar.sent("http://shop.example/"), "");
    assert_eq!(jar.sent("https://shop.example/"), "a=1");
    assert_eq!(jar.set("http://shop.example/", "b=1; Secure"), Err(Refusal::InsecureConnection));
    // Chromium and Firefox trust the machine itself.
    for local in ["http://localhost:3000/", "http://127.0.0.1/", "http://[::1]/"] {
        jar.set(local, "__Host-Http-b=1; Secure; HttpOnly; Path=/").unwrap();
        assert_eq!(jar.sent(local), "__Host-Http-b=1");
    }
}

#[test]
fn an_insecure_connection_cannot_overlay_a_secure_cookie() {
    // Section 5.7 step 16, with the example of its note.
    let mut jar = Jar::default();
    jar.set("https://shop.example/", "a=1; Secure; Path=/login").unwrap();
    for path in ["/login", "/login/en"] {
        let line = format!("a=2; Path={path}");
        assert_eq!(jar.set("http://shop.example/", &line), Err(Refusal::ShadowsSecure));
    }
    for path in ["/", "/foo"] {
        jar.set("http://shop.example/", &format!("a=2; Path={path}")).unwrap();
    }
    let above = "a=2; Path=/login; Domain=shop.example";
    assert_eq!(jar.set("http://www.shop.example/", above), Err(Refusal::ShadowsSecure));
    jar.set(SHOP, "a=3; Path=/login").unwrap();
}

#[test]
fn enforces_name_prefixes_in_any_case() {
    // Section 5.4, section 5.7 steps 20 and 21; the Http prefixes as in layered-cookies.
    let mut jar = Jar::default();
    let mut needs = |line: &str| match jar.set(SHOP, line) {
        Err(Refusal::Prefix { prefix, needs }) => Some((prefix, needs)),
        Ok(()) => None,
        Err(other) => panic!("{line}: {other}"),
    };
    for (line, expected) in [
        ("__Secure-a=1", Some(("__Secure-", "Secure"))),
        ("__SECURE-a=1; Domain=shop.example", Some(("__Secure-", "Secure"))),
        ("__secure-a=1; Secure; Domain=shop.example", None),
        ("__Host-a=1; Path=/", Some(("__Host-", "Secure"))),
        ("__Host-a=1; Secure", Some(("__Host-", "Path=/"))),
        ("__HOST-a=1; Secure; Path=/cart", Some(("__Host-", "Path=/"))),
        ("__host-a=1; Secure; Path=/; Domain=shop.example", Some(("__Host-", "no Domain"))),
        ("__host-a=1; Secure; Path=/", None),
        ("__Http-a=1; Secure", Some(("__Http-", "HttpOnly"))),
        ("__HTTP-a=1; HttpOnly", Some(("__Http-", "Secure"))),
        ("__Http-a=1; Secure; HttpOnly; Path=/x; Domain=shop.example", None),
        ("__Host-Http-a=1; Secure; Path=/", Some(("__Host-Http-", "HttpOnly"))),
        ("__host-HTTP-a=1; Secure; HttpOnly", Some(("__Host-Http-", "Path=/"))),
        ("__Host-Http-a=1; Secure; HttpOnly; Path=/", None),
        ("__Host=1", None),
        ("x__Host-a=1", None),
    ] {
        assert_eq!(needs(line), expected, "{line}");
    }
    // `Path=/` must be said, even where the default path is the same.
    assert!(jar.set("https://shop.example/", "__Host-b=1; Secure").is_err());
}

#[test]
fn a_nameless_cookie_cannot_pose_as_a_prefixed_one() {
    // Section 5.7 step 22.
    let mut jar = Jar::default();
    for line in ["__Host-a=1", "__secure-a=1", "__HTTP-a=1", "__Host-Http-a"] {
        let line = format!("={line}; Secure; HttpOnly; Path=/");
        assert!(matches!(jar.set(SHOP, &line), Err(Refusal::Prefix { .. })), "{line}");
    }
    jar.set(SHOP, "flag; Path=/").unwrap();
    assert_eq!(jar.sent(SHOP), "flag");
}

#[test]
fn withholds_same_site_cookies_from_other_sites() {
    // Sections 5.6.7.1 and 5.8.3.
    let mut jar = Jar::default();
    for line in ["d=0", "l=1; SameSite=Lax", "s=2; SameSite=Strict", "n=3; SameSite=None; Secure"] {
        jar.set(SHOP, line).unwrap();
    }
    for (method, site, sent) in [
        (Method::POST, Site::Same, "d=0; l=1; s=2; n=3"),
        (Method::GET, Site::CrossNavigation, "d=0; l=1; n=3"),
        (Method::HEAD, Site::CrossNavigation, "d=0; l=1; n=3"),
        (Method::POST, Site::CrossNavigation, "n=3"),
        (Method::GET, Site::CrossEmbedded, "n=3"),
    ] {
        assert_eq!(jar.request(SHOP, &method, site, NOW), sent, "{method} {site:?}");
    }
}

#[test]
fn takes_same_site_cookies_from_navigations_only() {
    // Section 5.7 steps 18 and 19.
    let url = Url::parse(SHOP).unwrap();
    let mut jar = CookieJar::new();
    let line = b"s=1; SameSite=Strict";
    assert_eq!(jar.store(&url, line, Site::CrossNavigation, NOW), Ok(()));
    assert_eq!(jar.store(&url, line, Site::CrossEmbedded, NOW), Err(Refusal::CrossSite));
    assert_eq!(jar.store(&url, b"d=1", Site::CrossEmbedded, NOW), Err(Refusal::CrossSite));
    let none = b"n=1; SameSite=None; Secure";
    assert_eq!(jar.store(&url, none, Site::CrossEmbedded, NOW), Ok(()));
    let insecure = jar.store(&url, b"n=1; SameSite=None", Site::Same, NOW);
    assert_eq!(insecure, Err(Refusal::NoneWithoutSecure));
}

#[test]
fn overwrites_by_name_domain_and_path_and_keeps_the_creation_time() {
    // Section 5.7 step 23.
    let mut jar = Jar::default();
    jar.set_at(SHOP, "a=1; Path=/", 10).unwrap();
    jar.set_at(SHOP, "b=2; Path=/", 20).unwrap();
    jar.set_at(SHOP, "a=3; Path=/; Max-Age=100", 30).unwrap();
    assert_eq!(jar.sent_at(SHOP, 30), "a=3; b=2");
    let overwritten = jar.0.iter().find(|cookie| cookie.name == "a").unwrap();
    assert_eq!((overwritten.created_ms, overwritten.expires_ms), (10, Some(100_030)));
    jar.set_at(SHOP, "a=4; Path=/; Domain=shop.example", 40).unwrap();
    jar.set_at(SHOP, "A=5; Path=/", 50).unwrap();
    assert_eq!(jar.sent_at(SHOP, 50), "a=3; b=2; a=4; A=5");
}

#[test]
fn orders_longer_paths_first_then_by_creation() {
    // Section 5.8.3 step 4.
    let mut jar = Jar::default();
    jar.set_at(SHOP, "root=1; Path=/", 10).unwrap();
    jar.set_at(SHOP, "late=2; Path=/cart", 30).unwrap();
    jar.set_at(SHOP, "early=3; Path=/cart", 20).unwrap();
    jar.set_at(SHOP, "deep=4; Path=/cart/7", 40).unwrap();
    assert_eq!(jar.sent_at(SHOP, 50), "deep=4; early=3; late=2; root=1");
}

#[test]
fn an_expired_line_deletes() {
    // Sections 5.6.1, 5.6.2 and 5.7.
    let past = "Expires=Thu, 01-Jan-1970 00:00:00 GMT";
    for end in ["Max-Age=0", "Max-Age=-1", past, "Expires=Wed, 31 Dec 1969 23:59:59 GMT"] {
        let mut jar = Jar::default();
        jar.set(SHOP, "a=1; Path=/").unwrap();
        jar.set(SHOP, &format!("a=; Path=/cart; {end}")).unwrap();
        assert_eq!(jar.sent(SHOP), "a=1", "another path is another cookie");
        jar.set(SHOP, &format!("a=; Path=/; {end}")).unwrap();
        assert_eq!(jar.sent(SHOP), "", "{end}");
        assert_eq!(jar.0.iter().count(), 0);
    }
}

#[test]
fn a_refused_deletion_deletes_nothing() {
    // Section 5.7 step 21: the usual reason why a logout does not log out.
    let mut jar = Jar::default();
    jar.set(SHOP, "__Host-a=1; Secure; Path=/").unwrap();
    jar.set(SHOP, "__Host-a=; Path=/; Max-Age=0").unwrap_err();
    assert_eq!(jar.sent(SHOP), "__Host-a=1");
    let dropped = &jar.0.dropped()[0];
    assert_eq!(dropped.line, "__Host-a=; Path=/; Max-Age=0");
    assert_eq!(dropped.reason.to_string(), "the prefix __Host- needs Secure");
    assert_eq!(dropped.at_ms, NOW);
}

#[test]
fn forgets_what_expired() {
    // Section 5.7, "expired", and section 5.5.
    let mut jar = Jar::default();
    jar.set_at(SHOP, "a=1; Max-Age=10", 0).unwrap();
    jar.set_at(SHOP, "b=2; Expires=Thu, 01 Jan 1970 00:00:20 GMT", 0).unwrap();
    jar.set_at(SHOP, "c=3", 0).unwrap();
    assert_eq!(jar.sent_at(SHOP, 9_999), "a=1; b=2; c=3");
    assert_eq!(jar.sent_at(SHOP, 10_000), "b=2; c=3");
    assert_eq!(jar.sent_at(SHOP, 20_000), "c=3");
    assert_eq!(jar.0.iter().count(), 1);
}

#[test]
fn a_restart_ends_session_cookies() {
    // Section 5.7, last paragraph.
    let mut jar = Jar::default();
    jar.set(SHOP, "session=1").unwrap();
    jar.set(SHOP, "kept=2; Max-Age=60").unwrap();
    jar.0.end_session();
    assert_eq!(jar.sent(SHOP), "kept=2");
}

#[test]
fn evicts_insecure_then_least_recently_used_cookies() {
    // Section 5.7, "remove excess cookies"; the numbers are Chromium's.
    let mut jar = Jar::default();
    for n in 0..10 {
        jar.set_at(SHOP, &format!("insecure{n}=1; Path=/"), 500).unwrap();
    }
    for n in 0..170_u64 {
        jar.set_at(SHOP, &format!("c{n}=1; Path=/{n}; Secure"), n).unwrap();
    }
    jar.set_at("https://other.example/", "elsewhere=1", 0).unwrap();
    assert!(jar.0.evicted().is_empty(), "180 of a domain fit");
    jar.sent_at("https://shop.example/3", 400);
    jar.set_at(SHOP, "last=1; Path=/; Secure", 600).unwrap();
    let evicted: Vec<_> = jar.0.evicted().iter().map(|cookie| cookie.name.as_str()).collect();
    assert_eq!(evicted.len(), 31);
    assert!(evicted[..10].iter().all(|name| name.starts_with("insecure")));
    assert_eq!(evicted[10..14], ["c0", "c1", "c2", "c4"], "c3 was used since");
    assert_eq!(jar.0.iter().filter(|cookie| cookie.domain == "shop.example").count(), 150);
    assert_eq!(jar.sent("https://other.example/"), "elsewhere=1");
}

#[test]
fn restores_an_older_jar_and_keeps_the_record() {
    let mut jar = Jar::default();
    jar.set(SHOP, "a=1").unwrap();
    let before = jar.0.snapshot();
    jar.set(SHOP, "a=2").unwrap();
    jar.set(SHOP, "b=3").unwrap();
    jar.set(SHOP, "__Host-c=4").unwrap_err();
    jar.0.restore(&before);
    assert_eq!(jar.sent(SHOP), "a=1");
    assert_eq!(jar.0.dropped().len(), 1);
    assert_eq!(before.iter().count(), 1);
    assert_eq!(jar.0.remove("a"), 1);
    assert_eq!(jar.sent(SHOP), "");
}

/// Pieces that a `Set-Cookie` line is made of, so that the search goes deeper than random octets.
fn line() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        prop::sample::select(vec![
            "=",
            ";",
            "; ",
            " ",
            "\t",
            "\0",
            "a",
            "__Host-",
            "__HOST-Http-",
            "__Secure-",
            "__Http-",
            "; Secure",
            "; HttpOnly",
            "; Path=/",
            "; Path=/a/",
            "; Domain=",
            "; Domain=.",
            "; Domain=shop.example",
            "; Domain=example",
            "; Max-Age=",
            "; Max-Age=-1",
            "; Max-Age=99999999999999999999",
            "; Expires=",
            "1 Jan 2030 00:00:00",
            "; SameSite=None",
            "; SameSite=Strict",
            "ü",
            "\u{0130}",
            "1",
            "-",
        ])
        .prop_map(|piece| piece.as_bytes().to_vec()),
        prop::collection::vec(any::<u8>(), 0..8),
        (0_usize..5000).prop_map(|length| vec![b'x'; length]),
    ];
    prop::collection::vec(piece, 0..12).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn no_line_makes_the_jar_panic_or_break_its_rules(
        lines in prop::collection::vec((line(), any::<bool>()), 0..12),
        now in prop_oneof![0..10_000_u64, any::<u64>()],
    ) {
        let mut jar = CookieJar::new();
        for (line, secure) in &lines {
            let scheme = if *secure { "https" } else { "http" };
            let url = Url::parse(&format!("{scheme}://www.shop.example/a/b")).unwrap();
            let before = jar.dropped().len();
            let outcome = jar.store(&url, line, Site::Same, now);
            prop_assert_eq!(jar.dropped().len(), before + usize::from(outcome.is_err()));
        }
        let cookies: Vec<_> = jar.iter().cloned().collect();
        for (at, cookie) in cookies.iter().enumerate() {
            prop_assert!(cookie.name.len() + cookie.value.len() <= 4096);
            prop_assert!(!cookie.is_expired(now));
            prop_assert!(!cookies[..at].iter().any(|other| other.has_identity_of(cookie)));
            if cookie.name.to_ascii_lowercase().starts_with("__host-") {
                prop_assert!(cookie.secure && cookie.host_only && cookie.path == "/");
            }
        }
        let url = Url::parse("https://www.shop.example/a/b").unwrap();
        let sent = jar.header_for(&url, &Method::GET, Site::Same, now).unwrap_or_default();
        prop_assert!(http::HeaderValue::from_str(&sent).is_ok() || !sent.is_ascii());
        prop_assert!(http::HeaderValue::from_bytes(sent.as_bytes()).is_ok());
    }

    #[test]
    fn no_date_makes_the_parser_panic(text in "[0-9a-zA-Z:, ü-]{0,40}|\\PC{0,40}") {
        date::parse(&text);
    }
}
