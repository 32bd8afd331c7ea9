//! What people paste: finds out what it is, and which cookies a client would send.
//!
//! 1. Lines that begin with `Cookie:` or `Set-Cookie:` decide; then all other lines (a request line,
//!    other headers) are passed over. The marks that `curl -v` puts in front are too.
//! 2. `Set-Cookie` lines are applied in their order to the cookies before them, as a browser does.
//! 3. A `curl` command, as browsers' tools copy a request, has its cookies in `-b` or `-H`.
//! 4. Otherwise lines of seven fields with tabs are a cookie jar as `curl -c` and browsers' export
//!    tools write it; what has expired in it is not sent.
//! 5. Otherwise each line is a `Cookie` or a `Set-Cookie` value without its field name.
//!
//! With `--header` it is the lines of that header, in a request or a response or a curl command, or
//! the value alone. A response's line takes the place of the request's.

use std::fmt;

use haversack::Timestamp;

use super::time::parse_http_date;
use crate::output::Failure;

/// The cookies that a client would send.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Input {
    pub(super) format: Format,
    /// Names and values in order. A `Cookie` line may hold a name twice.
    pub(super) cookies: Vec<(String, String)>,
    /// Cookies that `Set-Cookie` lines deleted.
    pub(super) deleted: usize,
    /// Cookies of a jar that have expired.
    pub(super) expired: usize,
}

/// What the input is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Format {
    Cookie,
    CookieThenSet,
    Curl,
    Header,
    Jar,
    Pairs,
    SetCookie,
}

impl Format {
    /// The name for scripts.
    pub(super) fn id(self) -> &'static str {
        match self {
            Format::Cookie => "cookie",
            Format::CookieThenSet => "cookie_then_set_cookie",
            Format::Curl => "curl",
            Format::Header => "header",
            Format::Jar => "jar",
            Format::Pairs => "pairs",
            Format::SetCookie => "set_cookie",
        }
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Format::Cookie => "a Cookie header",
            Format::CookieThenSet => "a Cookie header and the Set-Cookie lines of its response",
            Format::Curl => "a curl command",
            Format::Header => "a header",
            Format::Jar => "a cookie jar in the format of curl",
            Format::Pairs => "a Cookie header without its name",
            Format::SetCookie => "Set-Cookie lines",
        })
    }
}

/// Reads cookies from `text`; of a jar those that are in time at `now` and, if it is given, of
/// `host`.
pub(super) fn parse(text: &str, now: Timestamp, host: Option<&str>) -> Result<Input, Failure> {
    let lines: Vec<&str> = text.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    if lines.is_empty() {
        return Err(not_understood("there is no input"));
    }
    if lines.first().is_some_and(|line| line.starts_with("curl ")) {
        let words = words(text);
        return Ok(Input { format: Format::Curl, ..apply(&arguments(&words), now) });
    }
    let headers: Vec<Header<'_>> = lines.iter().filter_map(|line| header(line)).collect();
    if !headers.is_empty() {
        return Ok(apply(&headers, now));
    }
    // Untrimmed: the last field, the value, may be empty.
    let rows: Vec<Row<'_>> = text.lines().filter_map(row).collect();
    if !rows.is_empty() || lines.iter().any(|line| is_jar_title(line)) {
        return jar(&rows, now, host);
    }
    let bare: Result<Vec<Header<'_>>, Failure> =
        lines.iter().enumerate().map(|(n, line)| bare(n + 1, line)).collect();
    let mut input = apply(&bare?, now);
    if input.format == Format::Cookie {
        input.format = Format::Pairs;
    }
    Ok(input)
}

/// Reads the values of a header from `text`.
pub(super) fn header_values(text: &str, name: &str) -> Result<Input, Failure> {
    let lines: Vec<&str> = text.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    let mut input = Input { format: Format::Header, cookies: Vec::new(), deleted: 0, expired: 0 };
    if lines.first().is_some_and(|line| line.starts_with("curl ")) {
        input.format = Format::Curl;
        let words = words(text);
        let follows = words.iter().zip(words.iter().skip(1));
        let headers = follows.filter(|(flag, _)| matches!(flag.as_str(), "-H" | "--header"));
        let empty = |word: &String| {
            // How curl is told to send a header without a value.
            let bare = word.strip_suffix(';')?;
            bare.eq_ignore_ascii_case(name).then(|| (name.to_ascii_lowercase(), String::new()))
        };
        let value = |word: &String| named(word, name).or_else(|| empty(word));
        input.cookies = headers.filter_map(|(_, word)| value(word)).collect();
        return Ok(input);
    }
    let mut found = false;
    for line in &lines {
        let Some((name, value)) = named(line, name) else { continue };
        found = true;
        let answered = line.starts_with('<');
        if answered {
            input.deleted += if value.is_empty() { input.cookies.len() } else { 0 };
            input.cookies.clear();
        }
        if !(answered && value.is_empty()) {
            input.cookies.push((name, value));
        }
    }
    match lines.as_slice() {
        _ if found => Ok(input),
        // Without its name: a value has no colon.
        values if !values.is_empty() && !values.iter().any(|line| line.contains(':')) => {
            let name = name.to_ascii_lowercase();
            let cookies = values.iter().map(|value| (name.clone(), (*value).to_owned()));
            Ok(Input { cookies: cookies.collect(), ..input })
        }
        _ => Err(Failure::new(format!("there is no header `{name}` in the input"))
            .hint(format!("for example: haversack inspect --header {name} '{name}: hv1A…'"))),
    }
}

/// The value of a line that is this header.
fn named(line: &str, name: &str) -> Option<(String, String)> {
    let line = line.strip_prefix(['<', '>']).unwrap_or(line).trim_start();
    let (found, value) = line.split_once(':')?;
    let ours = found.trim_end().eq_ignore_ascii_case(name);
    ours.then(|| (name.to_ascii_lowercase(), value.trim().to_owned()))
}

enum Header<'a> {
    Cookie(&'a str),
    SetCookie(&'a str),
}

/// A line that names its field.
fn header(line: &str) -> Option<Header<'_>> {
    let line = line.strip_prefix(['<', '>']).unwrap_or(line).trim_start();
    let (name, value) = line.split_once(':')?;
    if name.eq_ignore_ascii_case("cookie") {
        Some(Header::Cookie(value))
    } else if name.eq_ignore_ascii_case("set-cookie") {
        Some(Header::SetCookie(value))
    } else {
        None
    }
}

/// The cookies among the arguments of a curl command.
fn arguments(words: &[String]) -> Vec<Header<'_>> {
    let follows = words.iter().zip(words.iter().skip(1));
    follows
        .filter_map(|(flag, word)| match flag.as_str() {
            "-H" | "--header" => header(word),
            // Without `=` it names a file.
            "-b" | "--cookie" if word.contains('=') => Some(Header::Cookie(word)),
            _ => None,
        })
        .collect()
}

/// Splits a command as a shell does, as far as tools that copy commands use its quotes.
fn words(text: &str) -> Vec<String> {
    let (mut words, mut word, mut quote) = (Vec::new(), String::new(), None);
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match (quote, c) {
            (Some(open), c) if c == open => quote = None,
            (None, '\'' | '"') => quote = Some(c),
            (None | Some('"'), '\\') => word.extend(chars.next().filter(|&c| c != '\n')),
            (None, c) if c.is_whitespace() => {
                if !word.is_empty() {
                    words.push(core::mem::take(&mut word));
                }
            }
            (_, c) => word.push(c),
        }
    }
    words.push(word);
    words
}

/// A line without a field name.
fn bare(number: usize, line: &str) -> Result<Header<'_>, Failure> {
    if line.starts_with("hv1") && !line.contains('=') {
        return Err(Failure::new(format!("line {number} is a value without the cookie's name"))
            .hint("the name is part of what is sealed, so give both: `name=value`; for the value of a header its name: `--header NAME`"));
    }
    let mut parts = line.split(';');
    if parts.next().and_then(pair).is_none() {
        return Err(not_understood(&format!("line {number} is not a cookie")));
    }
    let attribute = |part: &str| {
        let name = part.split('=').next().unwrap_or_default().trim().to_ascii_lowercase();
        ["domain", "expires", "httponly", "max-age", "path", "samesite", "secure"]
            .contains(&name.as_str())
    };
    Ok(if parts.any(attribute) { Header::SetCookie(line) } else { Header::Cookie(line) })
}

fn apply(headers: &[Header<'_>], now: Timestamp) -> Input {
    let mut input = Input { format: Format::Cookie, cookies: Vec::new(), deleted: 0, expired: 0 };
    let any = |set: bool| headers.iter().any(|h| matches!(h, Header::SetCookie(_)) == set);
    input.format = match (any(false), any(true)) {
        (true, true) => Format::CookieThenSet,
        (_, false) => Format::Cookie,
        (false, true) => Format::SetCookie,
    };
    for header in headers {
        match header {
            Header::Cookie(line) => input.cookies.extend(line.split(';').filter_map(pair)),
            Header::SetCookie(line) => set(&mut input, line, now),
        }
    }
    input
}

fn set(input: &mut Input, line: &str, now: Timestamp) {
    let (first, attributes) = line.split_once(';').unwrap_or((line, ""));
    let Some((name, value)) = pair(first) else { return };
    if is_over(attributes, now) {
        let before = input.cookies.len();
        input.cookies.retain(|(held, _)| *held != name);
        input.deleted += before - input.cookies.len();
        return;
    }
    match input.cookies.iter_mut().find(|(held, _)| *held == name) {
        Some((_, held)) => *held = value,
        None => input.cookies.push((name, value)),
    }
}

/// Whether attributes leave a cookie no time. `Max-Age` goes before `Expires`, and of equal
/// attributes the last counts (RFC 6265bis section 5.7).
fn is_over(attributes: &str, now: Timestamp) -> bool {
    let (mut max_age, mut expires) = (None, None);
    for attribute in attributes.split(';') {
        let (name, value) = attribute.split_once('=').unwrap_or((attribute, ""));
        let (name, value) = (name.trim(), value.trim());
        if name.eq_ignore_ascii_case("max-age") {
            let digits = value.strip_prefix('-').unwrap_or(value);
            if !digits.is_empty() && digits.bytes().all(|digit| digit.is_ascii_digit()) {
                max_age = Some(value.starts_with('-') || digits.bytes().all(|digit| digit == b'0'));
            }
        } else if name.eq_ignore_ascii_case("expires") {
            expires = parse_http_date(value).or(expires);
        }
    }
    max_age.unwrap_or_else(|| expires.is_some_and(|expires| expires <= now))
}

/// A cookie's name and value; `None` if it has no name, or none that a cookie can have.
fn pair(part: &str) -> Option<(String, String)> {
    let (name, value) = part.split_once('=')?;
    let (name, value) = (name.trim(), value.trim());
    let token = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c);
    (!name.is_empty() && name.chars().all(token)).then(|| (name.to_owned(), value.to_owned()))
}

/// A line of a jar.
struct Row<'a> {
    domain: &'a str,
    expires: u64,
    name: &'a str,
    value: &'a str,
}

fn is_jar_title(line: &str) -> bool {
    line.starts_with("# Netscape HTTP Cookie File") || line.starts_with("# HTTP Cookie File")
}

/// `domain, subdomains, path, secure, expires, name, value`.
fn row(line: &str) -> Option<Row<'_>> {
    let line = line.trim_end_matches('\r');
    let line = line.strip_prefix("#HttpOnly_").unwrap_or(line);
    if line.starts_with('#') {
        return None;
    }
    let mut fields = line.split('\t');
    let domain = fields.next()?;
    let flag = |text: &str| text.eq_ignore_ascii_case("true") || text.eq_ignore_ascii_case("false");
    // A row and not just any text with tabs; what it names is safe to print, too.
    let host = |c: char| c.is_alphanumeric() || matches!(c, '.' | '-' | '_' | ':' | '[' | ']');
    let subdomains = fields.next()?;
    let (_path, secure) = (fields.next()?, fields.next()?);
    if !flag(subdomains) || !flag(secure) || domain.is_empty() || !domain.chars().all(host) {
        return None;
    }
    let expires = fields.next()?.split('.').next()?.parse().ok()?;
    Some(Row { domain, expires, name: fields.next()?, value: fields.next().unwrap_or_default() })
}

fn jar(rows: &[Row<'_>], now: Timestamp, host: Option<&str>) -> Result<Input, Failure> {
    let mut input = Input { format: Format::Jar, cookies: Vec::new(), deleted: 0, expired: 0 };
    let mut domains: Vec<&str> = Vec::new();
    for row in rows {
        let domain = row.domain.trim_start_matches('.');
        let reaches = |host: &str| {
            host.eq_ignore_ascii_case(domain)
                || (row.domain.starts_with('.')
                    && host.to_ascii_lowercase().ends_with(&row.domain.to_ascii_lowercase()))
        };
        if host.is_some_and(|host| !reaches(host)) {
            continue;
        }
        // 0 is a cookie that ends with the browser's session.
        if row.expires != 0 && row.expires <= now.as_secs() {
            input.expired += 1;
            continue;
        }
        if row.value.starts_with("hv") && !domains.contains(&domain) {
            domains.push(domain);
        }
        input.cookies.push((row.name.to_owned(), row.value.to_owned()));
    }
    if let (None, [first, _, ..]) = (host, domains.as_slice()) {
        return Err(Failure::new(format!(
            "the jar has sessions of several hosts: {}",
            domains.join(", ")
        ))
        .hint(format!("choose one, for example `--host {first}`")));
    }
    Ok(input)
}

fn not_understood(what: &str) -> Failure {
    Failure::new(format!(
        "{what}; expected a Cookie header, Set-Cookie lines, a cookie jar of curl, a curl command, or \
         name=value"
    ))
    .hint("for example: haversack inspect --keys haversack.keys 'Cookie: __Host-Http-hv.rK3q8Zt1v=hv1A…'")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const NOW: Timestamp = Timestamp::from_secs(1_767_225_600);

    fn read(text: &str) -> (Format, String, usize) {
        let input = parse(text, NOW, None).unwrap();
        let cookies: Vec<String> =
            input.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        (input.format, cookies.join("; "), input.deleted)
    }

    #[test]
    fn a_cookie_header_with_and_without_its_name() {
        assert_eq!(read("Cookie: a=1; b=2"), (Format::Cookie, "a=1; b=2".into(), 0));
        assert_eq!(read("a=1; b=2\n"), (Format::Pairs, "a=1; b=2".into(), 0));
        assert_eq!(read("hv.rK3q8Zt1v=hv1Aabc"), (Format::Pairs, "hv.rK3q8Zt1v=hv1Aabc".into(), 0));
        assert_eq!(read("a=1; a=2").1, "a=1; a=2", "what came twice is shown twice");
    }

    #[test]
    fn a_whole_request_is_searched_for_its_cookies() {
        let request =
            "GET /?a=b HTTP/1.1\r\nHost: x\r\nCookie: a=1\r\ncookie: b=2; c\r\nX: d=3\r\n";
        assert_eq!(read(request), (Format::Cookie, "a=1; b=2".into(), 0));
    }

    #[test]
    fn set_cookie_lines_are_applied_in_order() {
        let response = "HTTP/1.1 200 OK\nset-cookie: a=1; Path=/\nSet-Cookie: b=2; Max-Age=9\n\
            Set-Cookie: a=; Max-Age=0; Path=/\nSet-Cookie: b=3\nCache-Control: max-age=0";
        assert_eq!(read(response), (Format::SetCookie, "b=3".into(), 1));
        assert_eq!(read("a=1; Path=/; HttpOnly"), (Format::SetCookie, "a=1".into(), 0));
        let past = "a=1; Path=/\na=; Expires=Thu, 01 Jan 1970 00:00:00 GMT";
        assert_eq!(read(past), (Format::SetCookie, String::new(), 1));
        let longer = "a=1; Expires=Thu, 01 Jan 1970 00:00:00 GMT; Max-Age=60";
        assert_eq!(read(longer).1, "a=1", "Max-Age goes before Expires");
    }

    #[test]
    fn what_curl_prints_of_a_request_and_its_response() {
        let verbose = "* Connected\n> GET / HTTP/1.1\n> Cookie: a=1; b=2\n>\n< HTTP/1.1 200 OK\n\
            < set-cookie: c=3; Path=/\n< set-cookie: a=; Max-Age=0";
        assert_eq!(read(verbose), (Format::CookieThenSet, "b=2; c=3".into(), 1));
    }

    #[test]
    fn a_command_that_a_browser_copied() {
        let command = "curl 'https://x.example/?a=b' \\\n  -H 'accept: */*' \\\n  -b 'a=1; b=2' \\\n  \
            -H \"Cookie: c=3\" --cookie jar.txt -H 'x: d=4'";
        assert_eq!(read(command), (Format::Curl, "a=1; b=2; c=3".into(), 0));
        assert_eq!(read("curl 'https://x.example").1, "");
    }

    #[test]
    fn a_header_in_requests_responses_and_commands_and_alone() {
        let values = |text: &str| -> String {
            let input = header_values(text, "X-Session").unwrap();
            assert!(input.cookies.iter().all(|(name, _)| name == "x-session"));
            let values: Vec<&str> = input.cookies.iter().map(|(_, value)| value.as_str()).collect();
            format!("{} -{}", values.join("|"), input.deleted)
        };
        assert_eq!(values("hv1Aabc\n"), "hv1Aabc -0");
        assert_eq!(values("GET / HTTP/1.1\nHost: x\nX-Session: a\nCookie: b=1"), "a -0");
        assert_eq!(values("x-session: a\nx-session: b"), "a|b -0");
        assert_eq!(values("x-session:"), " -0");
        assert_eq!(values("> X-Session: a\n< HTTP/2 200\n< x-session: b\n< vary: x"), "b -0");
        assert_eq!(values("> X-Session: a\n< x-session:"), " -1");
        assert_eq!(values("curl 'https://x' -H 'X-Session: a' -H 'b: c'"), "a -0");
        assert_eq!(values("curl 'https://x' -H 'X-Session;'"), " -0");
        for text in ["", "Cookie: a=1", "y-session: a"] {
            let failure = header_values(text, "x-session").unwrap_err();
            assert!(format!("{failure:?}").contains("--header x-session"), "{failure:?}");
        }
    }

    #[test]
    fn a_jar_of_curl() {
        let jar = "# Netscape HTTP Cookie File\n\n#HttpOnly_x.example\tFALSE\t/\tTRUE\t0\ta\t1\n\
            x.example\tFALSE\t/\tFALSE\t1767225601\tb\t2\nx.example\tFALSE\t/\tFALSE\t1767225600\tc\t3\n";
        let input = parse(jar, NOW, None).unwrap();
        assert_eq!((input.format, input.expired, input.cookies.len()), (Format::Jar, 1, 2));
        assert!(parse("# Netscape HTTP Cookie File\n", NOW, None).unwrap().cookies.is_empty());
        let two =
            "a.example\tFALSE\t/\tTRUE\t0\ths.r\thv1A\n.b.example\tTRUE\t/\tTRUE\t0\ths.r\thv1A\n";
        let failure = parse(two, NOW, None).unwrap_err();
        assert!(format!("{failure:?}").contains("--host a.example"), "{failure:?}");
        for host in ["a.example", "B.example", "www.b.example"] {
            assert_eq!(parse(two, NOW, Some(host)).unwrap().cookies.len(), 1, "{host}");
        }
        assert_eq!(parse(two, NOW, Some("www.a.example")).unwrap().cookies, []);
    }

    #[test]
    fn what_is_not_understood_is_told_with_an_example() {
        for text in ["", "\n \n", "hello", "=1", "a b=1", "a=1\nhello"] {
            let failure = format!("{:?}", parse(text, NOW, None).unwrap_err());
            assert!(failure.contains("expected") && failure.contains("for example"), "{failure}");
        }
        let failure = format!("{:?}", parse("hv1AmjnZzStRlF3C", NOW, None).unwrap_err());
        assert!(failure.contains("without the cookie's name"), "{failure}");
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in "\\PC{0,200}") {
            let _ = parse(&text, NOW, Some("x"));
            let _ = parse(&format!("curl {text}"), NOW, None);
        }

        #[test]
        fn any_near_miss_is_read_or_refused(
            lines in proptest::collection::vec(
                "(Set-Cookie:|Cookie:|#HttpOnly_|< |)[a-c=;\t, .:0-9-]{0,30}(Max-Age=|Expires=|TRUE\t|)[0-9:a-z -]{0,20}",
                0..5),
        ) {
            let _ = parse(&lines.join("\n"), NOW, None);
        }

        #[test]
        fn a_header_gives_back_its_pairs(
            pairs in proptest::collection::vec(("[A-Za-z_.-]{1,12}", "[!#-+--:<-~]{0,20}"), 1..6),
        ) {
            let text: Vec<String> = pairs.iter().map(|(name, value)| format!("{name}={value}")).collect();
            let input = parse(&format!("Cookie: {}", text.join("; ")), NOW, None).unwrap();
            prop_assert_eq!(input.cookies, pairs);
        }
    }
}
