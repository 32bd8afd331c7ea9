//! A cookie jar that takes, keeps and sends cookies as browsers do.
//!
//! Section numbers in this module are those of [RFC 6265bis]. Where the draft leaves the browser a
//! choice, Chromium's is taken. Four things differ from a browser, each because a test is better
//! off without it:
//!
//! 1. The public suffix list is reduced to its default rule: a single label is a public suffix.
//! 2. The limit on cookies is counted per `Domain`, where browsers count per registrable domain.
//! 3. There is no limit on all cookies of all domains together.
//! 4. A line that is not UTF-8 is refused.
//!
//! The time is an argument everywhere, in milliseconds since the Unix epoch.
//!
//! [RFC 6265bis]: https://datatracker.ietf.org/doc/html/draft-ietf-httpbis-rfc6265bis

mod cookie;
mod date;
mod line;
mod refusal;
mod scope;

use std::cmp::Reverse;

use http::Method;
use url::Url;

use self::line::Line;
pub(crate) use self::scope::is_secure;
pub use self::{
    cookie::{Cookie, SameSite, Site},
    refusal::{Dropped, Refusal},
};

/// Above this many cookies of a domain, Chromium evicts.
const MAX_PER_DOMAIN: usize = 180;
/// How many it leaves.
const PURGED_PER_DOMAIN: usize = 150;

/// The cookies of one browser.
///
/// # Examples
///
/// ```
/// use haversack_testkit::{CookieJar, Refusal, Site};
/// use http::Method;
/// use url::Url;
///
/// let shop = Url::parse("https://shop.example/cart").unwrap();
/// let mut jar = CookieJar::new();
/// jar.store(&shop, b"theme=dark; Path=/; Max-Age=60", Site::Same, 0).unwrap();
///
/// // A prefix is a promise that the browser checks.
/// let refused = jar.store(&shop, b"__Host-id=1; Secure", Site::Same, 0).unwrap_err();
/// assert_eq!(refused, Refusal::Prefix { prefix: "__Host-", needs: "Path=/" });
///
/// let sent = jar.header_for(&shop, &Method::GET, Site::Same, 59_999);
/// assert_eq!(sent.as_deref(), Some("theme=dark"));
/// assert_eq!(jar.header_for(&shop, &Method::GET, Site::Same, 60_000), None);
/// ```
#[derive(Clone, Debug, Default)]
pub struct CookieJar {
    cookies: Vec<Cookie>,
    dropped: Vec<Dropped>,
    evicted: Vec<Cookie>,
    /// Counts stored cookies, for [`Cookie::order`].
    stored: u64,
}

/// The cookies of a jar at one moment; see [`CookieJar::snapshot`].
#[derive(Clone, Debug, Default)]
pub struct Snapshot {
    cookies: Vec<Cookie>,
}

impl Snapshot {
    /// The cookies, in no particular order.
    pub fn iter(&self) -> impl Iterator<Item = &Cookie> {
        self.cookies.iter()
    }
}

impl CookieJar {
    /// An empty jar.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes one `Set-Cookie` line of a response to a request for `url` (sections 5.6 and 5.7).
    ///
    /// # Errors
    ///
    /// When a browser would ignore the line as a whole. The line and the reason are also kept in
    /// [`dropped`](Self::dropped).
    pub fn store(
        &mut self,
        url: &Url,
        line: &[u8],
        site: Site,
        now_ms: u64,
    ) -> Result<(), Refusal> {
        self.forget_expired(now_ms);
        let outcome = self.receive(url, line, site, now_ms);
        if let Err(reason) = &outcome {
            self.dropped.push(Dropped {
                line: String::from_utf8_lossy(line).into_owned(),
                reason: reason.clone(),
                at_ms: now_ms,
            });
        }
        outcome
    }

    /// The value of the `Cookie` header of a request (section 5.8.3); `None` if there is nothing
    /// to send.
    ///
    /// What is sent counts as used, which is what eviction goes by.
    pub fn header_for(
        &mut self,
        url: &Url,
        method: &Method,
        site: Site,
        now_ms: u64,
    ) -> Option<String> {
        self.forget_expired(now_ms);
        let host = url.host_str()?;
        let mut sent: Vec<&mut Cookie> = self
            .cookies
            .iter_mut()
            .filter(|cookie| {
                covers_host(cookie, host)
                    && scope::path_matches(url.path(), &cookie.path)
                    && (!cookie.secure || is_secure(url))
                    && same_site_allows(cookie.same_site, method, site)
            })
            .collect();
        sent.sort_by_key(|cookie| (Reverse(cookie.path.len()), cookie.created_ms, cookie.order));
        let mut pairs = Vec::with_capacity(sent.len());
        for cookie in sent {
            cookie.accessed_ms = now_ms;
            pairs.push(match cookie.name.as_str() {
                "" => cookie.value.clone(),
                name => format!("{name}={}", cookie.value),
            });
        }
        (!pairs.is_empty()).then(|| pairs.join("; "))
    }

    /// The cookies in the jar, in no particular order. Those that expired since the jar was last
    /// used are still among them; see [`Cookie::is_expired`].
    pub fn iter(&self) -> impl Iterator<Item = &Cookie> {
        self.cookies.iter()
    }

    /// The `Set-Cookie` lines that were refused, oldest first.
    pub fn dropped(&self) -> &[Dropped] {
        &self.dropped
    }

    /// The cookies that had to go because their domain had too many, oldest eviction first.
    pub fn evicted(&self) -> &[Cookie] {
        &self.evicted
    }

    /// A copy of the cookies, to be [restored](Self::restore) later.
    pub fn snapshot(&self) -> Snapshot {
        Snapshot { cookies: self.cookies.clone() }
    }

    /// Puts the cookies of an older moment in the place of the present ones, as a restored backup
    /// does. What was dropped and evicted meanwhile stays on record.
    pub fn restore(&mut self, snapshot: &Snapshot) {
        self.cookies.clone_from(&snapshot.cookies);
    }

    /// Removes every cookie called `name`, as a user can, and returns how many there were.
    pub fn remove(&mut self, name: &str) -> usize {
        let before = self.cookies.len();
        self.cookies.retain(|cookie| cookie.name != name);
        before - self.cookies.len()
    }

    /// Ends the browser session: cookies without an expiry go (section 5.7).
    pub fn end_session(&mut self) {
        self.cookies.retain(|cookie| cookie.expires_ms.is_some());
    }

    /// The storage model, in the order of section 5.7.
    fn receive(&mut self, url: &Url, line: &[u8], site: Site, now_ms: u64) -> Result<(), Refusal> {
        let line = Line::parse(line, now_ms)?;
        let secure_connection = is_secure(url);
        let (domain, host_only) = domain_for(url, &line.domain)?;
        let given_path = line.path.filter(|path| !path.is_empty());
        let path = given_path.unwrap_or_else(|| scope::default_path(url.path()));
        let mut cookie = Cookie {
            name: line.name.to_owned(),
            value: line.value.to_owned(),
            domain,
            host_only,
            path: path.to_owned(),
            secure: line.secure,
            http_only: line.http_only,
            same_site: line.same_site,
            created_ms: now_ms,
            accessed_ms: now_ms,
            expires_ms: line.expires_ms,
            order: self.stored,
        };
        if cookie.secure && !secure_connection {
            return Err(Refusal::InsecureConnection);
        }
        if !secure_connection && self.cookies.iter().any(|old| is_shadowed(old, &cookie)) {
            return Err(Refusal::ShadowsSecure);
        }
        // A navigation of the whole tab may set any cookie, even one it was not allowed to send.
        if cookie.same_site != SameSite::None && site == Site::CrossEmbedded {
            return Err(Refusal::CrossSite);
        }
        if cookie.same_site == SameSite::None && !cookie.secure {
            return Err(Refusal::NoneWithoutSecure);
        }
        check_prefixes(&cookie, line.path.is_some())?;

        self.stored += 1;
        if let Some(at) = self.cookies.iter().position(|old| old.has_identity_of(&cookie)) {
            let old = self.cookies.remove(at);
            (cookie.created_ms, cookie.order) = (old.created_ms, old.order);
        }
        // A cookie that is over already is how a server deletes: what it replaces is gone.
        if !cookie.is_expired(now_ms) {
            let domain = cookie.domain.clone();
            self.cookies.push(cookie);
            self.evict_excess(&domain);
        }
        Ok(())
    }

    fn forget_expired(&mut self, now_ms: u64) {
        self.cookies.retain(|cookie| !cookie.is_expired(now_ms));
    }

    /// Section 5.7, "remove excess cookies": insecure ones first, then the least recently used.
    fn evict_excess(&mut self, domain: &str) {
        let (mut domains_own, others): (Vec<_>, Vec<_>) =
            self.cookies.drain(..).partition(|cookie| cookie.domain == domain);
        self.cookies = others;
        if domains_own.len() > MAX_PER_DOMAIN {
            domains_own.sort_by_key(|cookie| (cookie.secure, cookie.accessed_ms, cookie.order));
            let excess = domains_own.len() - PURGED_PER_DOMAIN;
            self.evicted.extend(domains_own.drain(..excess));
        }
        self.cookies.append(&mut domains_own);
    }
}

/// The cookie's domain, and whether it is the host alone (section 5.7 steps 8 to 10).
fn domain_for(url: &Url, attribute: &str) -> Result<(String, bool), Refusal> {
    let host = url.host_str().unwrap_or_default();
    if attribute.is_empty() {
        return Ok((host.to_owned(), true));
    }
    if scope::is_public_suffix(attribute) {
        return if attribute == host {
            Ok((host.to_owned(), true))
        } else {
            Err(Refusal::PublicSuffix(attribute.to_owned()))
        };
    }
    // A host is ASCII, so this also refuses what is not (step 8).
    if !scope::domain_matches(host, attribute) {
        return Err(Refusal::Domain(attribute.to_owned()));
    }
    Ok((attribute.to_owned(), false))
}

fn covers_host(cookie: &Cookie, host: &str) -> bool {
    if cookie.host_only {
        cookie.domain == host
    } else {
        scope::domain_matches(host, &cookie.domain)
    }
}

/// Section 5.6.7.1: `Lax` lets pass what a link does, and not what a form can.
fn same_site_allows(same_site: SameSite, method: &Method, site: Site) -> bool {
    match (same_site, site) {
        (SameSite::None, _) | (_, Site::Same) => true,
        (SameSite::Default | SameSite::Lax, Site::CrossNavigation) => method.is_safe(),
        (SameSite::Strict, _) | (_, Site::CrossEmbedded) => false,
    }
}

/// Section 5.7 step 16, for a cookie from an insecure connection.
fn is_shadowed(old: &Cookie, new: &Cookie) -> bool {
    old.secure
        && old.name == new.name
        && (scope::domain_matches(&old.domain, &new.domain)
            || scope::domain_matches(&new.domain, &old.domain))
        && scope::path_matches(&new.path, &old.path)
}

/// Section 5.7 steps 20 to 22; the two `Http` prefixes are in its successor, [Cookies].
///
/// A nameless cookie is sent as its bare value, which servers read as a name: so its value must not
/// look like one with a prefix.
///
/// [Cookies]: https://datatracker.ietf.org/doc/html/draft-ietf-httpbis-layered-cookies
fn check_prefixes(cookie: &Cookie, has_path: bool) -> Result<(), Refusal> {
    let shown = if cookie.name.is_empty() { &cookie.value } else { &cookie.name };
    let begins = |prefix: &str| {
        shown.get(..prefix.len()).is_some_and(|start| start.eq_ignore_ascii_case(prefix))
    };
    // The longest prefix first, so that a refusal names the one that was meant.
    let (prefix, host, http) = match () {
        () if begins("__Host-Http-") => ("__Host-Http-", true, true),
        () if begins("__Host-") => ("__Host-", true, false),
        () if begins("__Http-") => ("__Http-", false, true),
        () if begins("__Secure-") => ("__Secure-", false, false),
        () => return Ok(()),
    };
    let needs = match () {
        () if cookie.name.is_empty() => "a name before it",
        () if !cookie.secure => "Secure",
        () if http && !cookie.http_only => "HttpOnly",
        () if host && !cookie.host_only => "no Domain",
        () if host && !(has_path && cookie.path == "/") => "Path=/",
        () => return Ok(()),
    };
    Err(Refusal::Prefix { prefix, needs })
}

#[cfg(test)]
mod tests;
