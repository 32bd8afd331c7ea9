//! Where a cookie goes: secure connections, domains and paths.

use url::{Host, Url};

/// Whether `url` counts as a secure connection for cookies.
///
/// What is secure is the user agent's to say ([RFC 6265bis section 5.8.3]). Chromium and Firefox
/// trust plain http on the machine itself; Safari does not.
///
/// [RFC 6265bis section 5.8.3]: https://datatracker.ietf.org/doc/html/draft-ietf-httpbis-rfc6265bis#section-5.8.3
pub(crate) fn is_secure(url: &Url) -> bool {
    match url.host() {
        _ if url.scheme() == "https" => true,
        Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

/// Whether `host` is `domain` or lies below it (RFC 6265bis section 5.1.3).
pub(super) fn domain_matches(host: &str, domain: &str) -> bool {
    let below = || host.strip_suffix(domain).is_some_and(|rest| rest.ends_with('.'));
    host == domain || (below() && !is_address(host))
}

/// Whether no cookie may be set for all of `domain`.
///
/// Browsers ask the public suffix list. This knows only its default rule, that every top-level
/// domain is a public suffix: test domains (RFC 2606) are not on the list anyway.
pub(super) fn is_public_suffix(domain: &str) -> bool {
    !domain.contains('.') && !is_address(domain)
}

fn is_address(host: &str) -> bool {
    matches!(Host::parse(host), Ok(Host::Ipv4(_) | Host::Ipv6(_)))
}

/// The path of a cookie that names none (RFC 6265bis section 5.1.4).
pub(super) fn default_path(request_path: &str) -> &str {
    match request_path.rfind('/') {
        Some(end) if end > 0 && request_path.starts_with('/') => &request_path[..end],
        _ => "/",
    }
}

/// Whether a cookie for `cookie_path` goes to `request_path` (RFC 6265bis section 5.1.4).
pub(super) fn path_matches(request_path: &str, cookie_path: &str) -> bool {
    request_path
        .strip_prefix(cookie_path)
        .is_some_and(|rest| rest.is_empty() || cookie_path.ends_with('/') || rest.starts_with('/'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn trusts_tls_and_the_machine_itself() {
        let secure = |url| is_secure(&Url::parse(url).unwrap());
        for url in [
            "https://shop.example",
            "http://localhost:3000",
            "http://app.localhost",
            "http://127.0.0.1",
            "http://127.8.0.1:80",
            "http://[::1]:3000",
        ] {
            assert!(secure(url), "{url}");
        }
        for url in ["http://shop.example", "http://localhost.example", "http://10.0.0.1", "data:x"]
        {
            assert!(!secure(url), "{url}");
        }
    }

    #[test]
    fn domains_match_at_a_dot() {
        // RFC 6265bis section 5.1.3.
        assert!(domain_matches("shop.example", "shop.example"));
        assert!(domain_matches("a.b.shop.example", "shop.example"));
        assert!(!domain_matches("workshop.example", "shop.example"));
        assert!(!domain_matches("shop.example", "a.shop.example"));
        assert!(domain_matches("127.0.0.1", "127.0.0.1"));
        assert!(!domain_matches("127.0.0.1", "0.0.1"));
    }

    #[test]
    fn paths_default_to_the_directory() {
        // RFC 6265bis section 5.1.4.
        for (request, default) in [
            ("/", "/"),
            ("/cart", "/"),
            ("/cart/", "/cart"),
            ("/a/b/c", "/a/b"),
            ("", "/"),
            ("x/y", "/"),
        ] {
            assert_eq!(default_path(request), default, "{request}");
        }
    }

    #[test]
    fn paths_match_at_a_slash() {
        // RFC 6265bis section 5.1.4.
        for (request, cookie, matches) in [
            ("/cart", "/cart", true),
            ("/cart/7", "/cart", true),
            ("/cart/7", "/cart/", true),
            ("/cartography", "/cart", false),
            ("/cart", "/cart/", false),
            ("/Cart", "/cart", false),
        ] {
            assert_eq!(path_matches(request, cookie), matches, "{request} {cookie}");
        }
    }
}
