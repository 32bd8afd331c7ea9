//! Whether the proxies in front of the servers pass what sessions need, as the probe behind them sees
//! it: `docs/cookies-and-proxies.md` has the limits, and where to raise them.

use haversack_tower::Probe;
use serde::Deserialize;
use url::Url;

use super::ask::{Answer, get};
use crate::keys::check::Report;
use crate::output::Failure;

/// An address that clients use.
pub(super) struct Front {
    /// As it is shown.
    name: String,
    probe: Url,
}

/// What the probe says.
#[derive(Deserialize)]
struct Seen {
    cookies: usize,
    cookie_chars: usize,
    intact: bool,
    in_order: bool,
    duplicates: usize,
    set_cookie_lines: usize,
}

/// What was asked of the front.
#[derive(Clone, Copy)]
enum Asked {
    Cookie(usize),
    SetCookie(&'static str),
}

impl Front {
    pub(super) fn parse(text: &str) -> Result<Self, Failure> {
        let bad = |why: &str| {
            Failure::new(format!("the front's address {why}")).hint("write https://shop.example")
        };
        let mut url = Url::parse(text).map_err(|error| bad(&format!("is no URL: {error}")))?;
        if !matches!(url.scheme(), "http" | "https") || !url.has_host() {
            return Err(bad("must begin with http:// or https://"));
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(bad("holds credentials, which the probe does not need"));
        }
        url.set_query(None);
        url.set_fragment(None);
        let name = url.as_str().trim_end_matches('/').to_owned();
        let path = format!("{}{}", url.path().trim_end_matches('/'), Probe::PATH);
        url.set_path(&path);
        Ok(Self { name, probe: url })
    }

    /// Asks the probe, and says what does not come through.
    pub(super) async fn check(&self, report: &mut Report) {
        let first = match self.ask("", &[]).await {
            Ok(answer) => answer,
            Err(why) => return report.problem(format!("front {}: {why}", self.name)),
        };
        if seen(&first).is_none() {
            return report.problem(format!(
                "front {}: no probe answers at {} (status {}): mount it on the servers, in axum with \
                 `.route_service(Probe::PATH, Probe::new())`, and let proxies pass that path",
                self.name,
                self.probe.path(),
                first.status
            ));
        }
        let mut found = Vec::new();
        found.extend(self.set_cookies(10, 3_400, "10 Set-Cookie lines of 3,400 characters").await);
        found.extend(self.set_cookies(1, ONE_COOKIE, "a cookie of 3,072 characters").await);
        let small = self.cookies(5_000).await;
        // What cuts off the one cuts off the other.
        if small.is_empty() {
            found.extend(self.cookies(8_000).await);
        }
        found.extend(small);
        found.extend(self.cached().await);
        if found.is_empty() {
            report.fact(format!(
                "front {}: passes 10 Set-Cookie lines of 3,400 characters, a cookie of 3,072 and a \
                 Cookie line of 8,000, unchanged and in order",
                self.name
            ));
        }
        for text in found {
            report.problem(format!("front {}: {text}", self.name));
        }
    }

    async fn ask(&self, query: &str, cookies: &[String]) -> Result<Answer, String> {
        let mut url = self.probe.clone();
        url.set_query(Some(query).filter(|query| !query.is_empty()));
        get(&url, cookies).await
    }

    /// Whether so many `Set-Cookie` lines arrive.
    async fn set_cookies(&self, lines: usize, chars: usize, what: &'static str) -> Vec<String> {
        let asked = Asked::SetCookie(what);
        match self.ask(&format!("lines={lines}&chars={chars}"), &[]).await {
            Err(why) => vec![format!("an answer with {what} does not arrive: {why}")],
            Ok(answer) => match seen(&answer) {
                None => vec![refused(&answer, asked)],
                Some(seen) => arrived(&answer.set_cookies, seen.set_cookie_lines),
            },
        }
    }

    /// Whether a `Cookie` line of so many characters arrives.
    async fn cookies(&self, chars: usize) -> Vec<String> {
        let sent = cookie_line(chars);
        match self.ask("", std::slice::from_ref(&sent)).await {
            Err(why) => vec![format!("a Cookie line of {chars} characters is not answered: {why}")],
            Ok(answer) => match seen(&answer) {
                None => vec![refused(&answer, Asked::Cookie(chars))],
                Some(seen) => taken(&seen, &sent),
            },
        }
    }

    /// Whether the same answer comes to another client.
    async fn cached(&self) -> Option<String> {
        let query = format!("lines=1&chars=200&once={}", std::process::id());
        self.ask(&query, &[]).await.ok()?;
        let again = self.ask(&query, &[Probe::cookie(0, 50)]).await.ok()?;
        let is_old = seen(&again)?.cookies == 0 && self.takes_cookies().await;
        is_old.then(|| {
            "answers that set cookies come from a cache, so that one client gets another's session: \
             let it obey `Cache-Control: no-store` (in nginx remove Cache-Control and Set-Cookie from \
             `proxy_ignore_headers`)"
                .to_owned()
        })
    }

    async fn takes_cookies(&self) -> bool {
        let query = format!("other={}", std::process::id());
        let answer = self.ask(&query, &[Probe::cookie(0, 50)]).await;
        answer.ok().and_then(|answer| seen(&answer)).is_some_and(|seen| seen.cookies == 1)
    }
}

/// A cookie of 3,072 characters with its attributes.
const ONE_COOKIE: usize = 3_072 + 64;

/// What the probe says, if it is the probe that answers.
fn seen(answer: &Answer) -> Option<Seen> {
    Some(answer).filter(|it| it.status == 200).and_then(|it| serde_json::from_str(&it.body).ok())
}

/// A line of so many characters: cookies of a thousand or so, of which two have one name.
fn cookie_line(chars: usize) -> String {
    let count = chars / 1_000;
    let each = (chars - 2 * (count - 1)) / count;
    let over = chars - 2 * (count - 1) - each * count;
    let cookies = (0..count).map(|at| {
        let number = u8::try_from(at.saturating_sub(usize::from(at >= 2))).unwrap_or(99);
        Probe::cookie(number, each + usize::from(at < over))
    });
    cookies.collect::<Vec<_>>().join("; ")
}

/// What is missing of the `Set-Cookie` lines of an answer that did arrive.
fn arrived(lines: &[String], sent: usize) -> Vec<String> {
    let number = |line: &String| line.split(['=', ';']).next().unwrap_or_default().to_owned();
    let joined = lines.iter().any(|line| line.matches("hv-probe.").count() > 1);
    if joined {
        return vec![format!(
            "joins Set-Cookie lines ({sent} became {}), of which clients take the first cookie alone: \
             have it pass them one by one (in HAProxy `add-header`, not `set-header`; in Apache no \
             `Header merge`), or use `Layout::Single`",
            lines.len()
        )];
    }
    if lines.len() < sent {
        return vec![format!(
            "drops Set-Cookie lines ({} of {sent} arrive): have it pass all (nginx: no \
             `proxy_hide_header Set-Cookie`; Apache: no `Header unset` or `set`; HAProxy: no \
             `del-header` or `set-header`), or, if one of them arrives always, use `Layout::Single`",
            lines.len()
        )];
    }
    let mut found = Vec::new();
    if !lines.is_sorted_by_key(number) {
        found.push(
            "changes the order of Set-Cookie lines, so that a torn answer can lose a write: have it \
             keep their order"
                .to_owned(),
        );
    }
    let is_made = |line: &String| {
        let cookie = line.split(';').next().unwrap_or_default();
        let number = cookie.get(9..11).and_then(|digits| digits.parse().ok());
        number.is_some_and(|number| Probe::cookie(number, cookie.len()) == cookie)
    };
    if !lines.iter().all(is_made) {
        found.push(
            "changes names or values of cookies that are set, which then open no session: turn off \
             what rewrites or signs cookies"
                .to_owned(),
        );
    }
    found
}

/// What is missing of a `Cookie` line that did arrive.
fn taken(seen: &Seen, sent: &str) -> Vec<String> {
    let cookies: Vec<&str> = sent.split("; ").collect();
    let chars: usize = cookies.iter().map(|cookie| cookie.len()).sum();
    let all = sent.len();
    if seen.cookies == 0 {
        return vec![format!(
            "drops the Cookie line if it has {all} characters, without an error: raise its limit (Fastly \
             32K), and let it pass cookies (CloudFront: an origin request policy that has them)"
        )];
    }
    let mut found = Vec::new();
    match () {
        () if seen.cookies + 1 == cookies.len() && seen.duplicates == 0 => found.push(
            "drops one of two cookies with one name: harmless, unless it drops others too"
                .to_owned(),
        ),
        () if seen.cookies < cookies.len() || seen.cookie_chars < chars => found.push(format!(
            "cuts a Cookie line of {all} characters ({} of {chars} arrive): raise its limit",
            seen.cookie_chars
        )),
        () => {}
    }
    if !seen.intact {
        found.push(
            "changes values of cookies that clients send, which then open no session: turn off what \
             rewrites cookies"
                .to_owned(),
        );
    }
    if !seen.in_order {
        found.push("changes the order of cookies".to_owned());
    }
    found
}

/// What to do about an answer that is not the probe's.
fn refused(answer: &Answer, asked: Asked) -> String {
    let Answer { status, server, .. } = answer;
    let what = match asked {
        Asked::Cookie(chars) => format!(
            "answers {status} to a Cookie line of {chars} characters, and no answer of a server can \
             then help that client"
        ),
        Asked::SetCookie(what) => format!("makes {status} of an answer with {what}"),
    };
    let [nginx, apache, haproxy] = match asked {
        Asked::Cookie(_) => [
            "`large_client_header_buffers 8 16k;`",
            "`LimitRequestFieldSize 16380`",
            "`tune.bufsize 32768`",
        ],
        Asked::SetCookie(_) => [
            "`proxy_buffer_size 8k;`",
            "`ResponseFieldSize` of `ProxyPass`, 8192 or more",
            "`tune.bufsize 32768`",
        ],
    };
    let kind = server.to_ascii_lowercase();
    if kind.contains("nginx") {
        format!("{what}: in nginx set {nginx}")
    } else if kind.contains("apache") {
        format!("{what}: in Apache set {apache}")
    } else {
        format!("{what}: in nginx set {nginx}, in Apache {apache}, in HAProxy {haproxy}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_front_is_an_address_without_secrets() {
        let front = Front::parse("https://shop.example/app/?x#y").unwrap();
        assert_eq!(front.name, "https://shop.example/app");
        assert_eq!(front.probe.as_str(), "https://shop.example/app/.well-known/haversack-probe");
        for bad in ["shop.example", "ftp://shop.example", "https://me:hunter2@shop.example", ""] {
            let why = Front::parse(bad).err().map(|failure| failure.to_string());
            assert!(why.is_some_and(|why| !why.contains("hunter2")), "{bad}");
        }
    }

    #[test]
    fn lines_have_the_length_that_they_should() {
        for chars in [5_000, 8_000, 3_001] {
            let line = cookie_line(chars);
            assert_eq!(line.len(), chars);
            let names: Vec<_> = line.split("; ").map(|it| &it[..12]).collect();
            assert_eq!(names[..3], ["hv-probe.00=", "hv-probe.01=", "hv-probe.01="]);
        }
    }

    fn lines(numbers: &[u8]) -> Vec<String> {
        let line = |number: &u8| Probe::cookie(*number, 40) + "; Max-Age=0; Path=/";
        numbers.iter().map(line).collect()
    }

    #[test]
    fn what_happens_to_set_cookie_lines_is_told_apart() {
        assert!(arrived(&lines(&[0, 1, 2]), 3).is_empty());
        let said = |lines: &[String]| arrived(lines, 3).join("; ");
        assert!(
            said(&[lines(&[0, 1, 2]).join(", ")]).contains("joins Set-Cookie lines (3 became 1)")
        );
        assert!(said(&lines(&[2])).contains("(1 of 3 arrive)"));
        assert!(said(&[]).contains("(0 of 3 arrive)"));
        assert!(said(&lines(&[0, 2, 1])).contains("order"));
        let signed: Vec<String> =
            lines(&[0, 1, 2]).iter().map(|line| line.replacen(';', ".sig;", 1)).collect();
        assert!(said(&signed).contains("changes names or values"));
    }

    #[test]
    fn what_happens_to_cookies_is_told_apart() {
        let sent = cookie_line(5_000);
        let seen = |json: &str| serde_json::from_str::<Seen>(json).unwrap();
        let said = |cookies: usize,
                    chars: usize,
                    intact: bool,
                    in_order: bool,
                    duplicates: usize| {
            let json = serde_json::json!({
                "cookies": cookies, "cookie_chars": chars, "intact": intact, "in_order": in_order,
                "duplicates": duplicates, "set_cookie_lines": 0,
            });
            taken(&seen(&json.to_string()), &sent).join("; ")
        };
        assert_eq!(said(5, 4_992, true, true, 1), "");
        assert!(said(0, 0, true, true, 0).contains("drops the Cookie line"));
        assert!(said(4, 3_994, true, true, 0).contains("two cookies with one name"));
        assert!(said(3, 2_994, true, true, 1).contains("2994 of 4992 arrive"));
        assert!(said(5, 4_992, false, true, 1).contains("changes values"));
        assert!(said(5, 4_992, true, false, 1).contains("order"));
    }
}
