//! URLs, and the one function over host names, which asks no network.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::arguments::{map, text};
use super::{Context, Function, Output, Param, fixed};
use crate::budget::Failure;
use crate::value::{Map, Text, Value};

pub(super) const FUNCTIONS: &[Function] = &[
    fixed("urlParse", &[Param::Text], |c, a| url_parse(c, &text(a, 0))),
    fixed("urlJoin", &[Param::Map], url_join),
    fixed("getHostByName", &[Param::Text], |_, a| {
        host_by_name(&text(a, 0))
    }),
];

/// Part of a URL, which decides what must be escaped in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    Path,
    User,
    Host,
    Zone,
    Query,
    Fragment,
}

fn must_escape(byte: u8, part: Part) -> bool {
    if byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte) {
        return false;
    }
    if matches!(part, Part::Host | Part::Zone) {
        return !b"!$&'()*+,;=:[]<>\"".contains(&byte);
    }
    if b"$&+,/:;=?@".contains(&byte) {
        return match part {
            Part::Path => byte == b'?',
            Part::User => b"@/?:".contains(&byte),
            Part::Fragment => false,
            _ => true,
        };
    }
    !(part == Part::Fragment && b"!()*".contains(&byte))
}

fn escape(bytes: &[u8], part: Part) -> String {
    let mut escaped = String::with_capacity(bytes.len());
    for byte in bytes {
        if *byte == b' ' && part == Part::Query {
            escaped.push('+');
        } else if must_escape(*byte, part) {
            let _ = write!(escaped, "%{byte:02X}");
        } else {
            escaped.push(char::from(*byte));
        }
    }
    escaped
}

/// Escapes a text for a query.
pub(super) fn escape_query(bytes: &[u8]) -> String {
    escape(bytes, Part::Query)
}

fn unescape(text: &[u8], part: Part) -> Result<Vec<u8>, String> {
    let quoted = |bytes: &[u8]| crate::format::quote(bytes, false);
    let host = matches!(part, Part::Host | Part::Zone);
    let mut bytes = Vec::with_capacity(text.len());
    let mut at = 0;
    while let Some(byte) = text.get(at).copied() {
        if byte != b'%' {
            if host && byte.is_ascii() && must_escape(byte, part) {
                return Err(format!(
                    "invalid character {} in host name",
                    quoted(&[byte])
                ));
            }
            bytes.push(byte);
            at += 1;
            continue;
        }
        let escape = &text[at..text.len().min(at + 3)];
        let digits = escape
            .get(1..3)
            .and_then(|digits| std::str::from_utf8(digits).ok());
        let plain = digits.filter(|digits| digits.bytes().all(|b| b.is_ascii_hexdigit()));
        let Some(code) = plain.and_then(|digits| u8::from_str_radix(digits, 16).ok()) else {
            return Err(format!("invalid URL escape {}", quoted(escape)));
        };
        let percent = escape == b"%25";
        let refused = match part {
            Part::Host => code < 0x80 && !percent,
            Part::Zone => !percent && code != b' ' && must_escape(code, Part::Host),
            _ => false,
        };
        if refused {
            return Err(format!("invalid URL escape {}", quoted(escape)));
        }
        bytes.push(code);
        at += 3;
    }
    Ok(bytes)
}

/// The parts of a URL, those of the path and fragment decoded.
#[derive(Debug, Default)]
struct Url {
    scheme: String,
    opaque: String,
    user: Option<(Vec<u8>, Option<Vec<u8>>)>,
    host: Vec<u8>,
    path: Vec<u8>,
    force_query: bool,
    query: String,
    fragment: Vec<u8>,
}

impl Url {
    fn parse(text: &str) -> Result<Self, String> {
        let quoted = |text: &str| crate::format::quote(text.as_bytes(), false);
        let (before, fragment) = text.split_once('#').unwrap_or((text, ""));
        let mut url = Self::parse_before_fragment(before)
            .map_err(|error| format!("parse {}: {error}", quoted(before)))?;
        url.fragment = unescape(fragment.as_bytes(), Part::Fragment)
            .map_err(|error| format!("parse {}: {error}", quoted(text)))?;
        Ok(url)
    }

    fn parse_before_fragment(text: &str) -> Result<Self, String> {
        if text.bytes().any(|byte| byte < b' ' || byte == 0x7f) {
            return Err("net/url: invalid control character in URL".to_owned());
        }
        let mut url = Self::default();
        if text == "*" {
            url.path = b"*".to_vec();
            return Ok(url);
        }
        let (scheme, mut rest) = scheme(text)?;
        url.scheme = scheme.to_ascii_lowercase();
        if rest.ends_with('?') && rest.matches('?').count() == 1 {
            url.force_query = true;
            rest = &rest[..rest.len() - 1];
        } else if let Some((before, query)) = rest.split_once('?') {
            rest = before;
            query.clone_into(&mut url.query);
        }
        if !rest.starts_with('/') {
            if !url.scheme.is_empty() {
                rest.clone_into(&mut url.opaque);
                return Ok(url);
            }
            let segment = rest.split('/').next().unwrap_or("");
            if segment.contains(':') {
                return Err("first path segment in URL cannot contain colon".to_owned());
            }
        }
        let has_authority = !url.scheme.is_empty() || !rest.starts_with("///");
        if let Some(after) = rest.strip_prefix("//").filter(|_| has_authority) {
            let slash = after.find('/').unwrap_or(after.len());
            url.authority(&after[..slash])?;
            rest = &after[slash..];
        }
        url.path = unescape(rest.as_bytes(), Part::Path)?;
        Ok(url)
    }

    fn authority(&mut self, text: &str) -> Result<(), String> {
        let Some((user, host)) = text.rsplit_once('@') else {
            self.host = host(text)?;
            return Ok(());
        };
        self.host = self::host(host)?;
        self.user = Some(user_info(user)?);
        Ok(())
    }

    /// The host without its port and brackets.
    fn hostname(&self) -> &[u8] {
        let host = self.host.as_slice();
        let colon = host.iter().rposition(|byte| *byte == b':');
        let name = match colon {
            Some(at) if host[at + 1..].iter().all(u8::is_ascii_digit) => &host[..at],
            _ => host,
        };
        let inner = name
            .strip_prefix(b"[")
            .and_then(|name| name.strip_suffix(b"]"));
        inner.unwrap_or(name)
    }

    fn user_text(&self) -> String {
        match &self.user {
            None => String::new(),
            Some((name, None)) => escape(name, Part::User),
            Some((name, Some(password))) => {
                format!(
                    "{}:{}",
                    escape(name, Part::User),
                    escape(password, Part::User)
                )
            }
        }
    }

    fn text(&self) -> String {
        let mut text = String::new();
        if !self.scheme.is_empty() {
            text.push_str(&self.scheme);
            text.push(':');
        }
        if self.opaque.is_empty() {
            self.push_hierarchy(&mut text);
        } else {
            text.push_str(&self.opaque);
        }
        if self.force_query || !self.query.is_empty() {
            text.push('?');
            text.push_str(&self.query);
        }
        if !self.fragment.is_empty() {
            text.push('#');
            text.push_str(&escape(&self.fragment, Part::Fragment));
        }
        text
    }

    fn push_hierarchy(&self, text: &mut String) {
        let known = !self.host.is_empty() || self.user.is_some();
        if !self.scheme.is_empty() || known {
            if known || !self.path.is_empty() {
                text.push_str("//");
            }
            if self.user.is_some() {
                text.push_str(&self.user_text());
                text.push('@');
            }
            text.push_str(&escape(&self.host, Part::Host));
        }
        let path = if self.path == b"*" {
            "*".to_owned()
        } else {
            escape(&self.path, Part::Path)
        };
        if !path.is_empty() && !path.starts_with('/') && !self.host.is_empty() {
            text.push('/');
        }
        if text.is_empty()
            && path
                .split('/')
                .next()
                .is_some_and(|part| part.contains(':'))
        {
            text.push_str("./");
        }
        text.push_str(&path);
    }
}

/// Splits off the scheme.
fn scheme(text: &str) -> Result<(&str, &str), String> {
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' => {}
            b'0'..=b'9' | b'+' | b'-' | b'.' if at > 0 => {}
            b':' if at == 0 => return Err("missing protocol scheme".to_owned()),
            b':' => return Ok((&text[..at], &text[at + 1..])),
            _ => break,
        }
    }
    Ok(("", text))
}

fn host(text: &str) -> Result<Vec<u8>, String> {
    let check_port = |port: &str| {
        let digits = port
            .strip_prefix(':')
            .unwrap_or(if port.is_empty() { "" } else { "x" });
        if digits.bytes().all(|byte| byte.is_ascii_digit()) {
            return Ok(());
        }
        let port = crate::format::quote(port.as_bytes(), false);
        Err(format!("invalid port {port} after host"))
    };
    if text.starts_with('[') {
        let Some(end) = text.rfind(']') else {
            return Err("missing ']' in host".to_owned());
        };
        check_port(&text[end + 1..])?;
        if let Some(zone) = text[..end].find("%25") {
            let mut host = unescape(&text.as_bytes()[..zone], Part::Host)?;
            host.append(&mut unescape(&text.as_bytes()[zone..end], Part::Zone)?);
            host.append(&mut unescape(&text.as_bytes()[end..], Part::Host)?);
            return Ok(host);
        }
    } else if let Some(colon) = text.rfind(':') {
        check_port(&text[colon..])?;
    }
    unescape(text.as_bytes(), Part::Host)
}

type User = (Vec<u8>, Option<Vec<u8>>);

fn user_info(text: &str) -> Result<User, String> {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-._:~!$&'()*+,;=%@".contains(&byte);
    if !text.bytes().all(allowed) {
        return Err("net/url: invalid userinfo".to_owned());
    }
    let decode = |text: &str| unescape(text.as_bytes(), Part::User);
    match text.split_once(':') {
        None => Ok((decode(text)?, None)),
        Some((name, password)) => Ok((decode(name)?, Some(decode(password)?))),
    }
}

fn url_parse(context: &Context, text: &str) -> Output {
    context.budget.map(8)?;
    context.budget.memory(text.len().saturating_mul(4))?;
    let url =
        Url::parse(text).map_err(|error| Failure::new(format!("unable to parse url: {error}")))?;
    let hostname = url.hostname().to_vec();
    let userinfo = url.user_text();
    let parts: [(&str, Value); 8] = [
        ("scheme", url.scheme.into()),
        ("host", url.host.into()),
        ("hostname", hostname.into()),
        ("path", url.path.into()),
        ("query", url.query.into()),
        ("opaque", url.opaque.into()),
        ("fragment", url.fragment.into()),
        ("userinfo", userinfo.into()),
    ];
    let entries: BTreeMap<Text, Value> = parts
        .into_iter()
        .map(|(name, value)| (Text::from(name), value))
        .collect();
    Ok(Value::Map(Map::any(entries)))
}

fn url_join(context: &Context, arguments: &[Value]) -> Output {
    let part = |name: &str| -> Result<Vec<u8>, Failure> {
        match map(arguments, 0).and_then(|map| map.get(name.as_bytes())) {
            None => Ok(Vec::new()),
            Some(Value::Text(text)) => Ok(text.as_bytes().to_vec()),
            Some(other) => Err(Failure::new(format!(
                "unable to parse {name} key, must be of type string, but {} found",
                other.kind_name()
            ))),
        }
    };
    let lossy = |bytes: Vec<u8>| crate::value::lossy(&bytes).into_owned();
    let mut url = Url {
        scheme: lossy(part("scheme")?),
        host: part("host")?,
        path: part("path")?,
        query: lossy(part("query")?),
        opaque: lossy(part("opaque")?),
        fragment: part("fragment")?,
        ..Url::default()
    };
    let user = lossy(part("userinfo")?);
    if !user.is_empty() {
        let parsed = Url::parse(&format!("proto://{user}@host"))
            .map_err(|error| Failure::new(format!("unable to parse userinfo in dict: {error}")))?;
        url.user = parsed.user;
    }
    let text = url.text();
    context.budget.text(text.len())?;
    Ok(text.into())
}

/// Answers for names that need no look-up; a template can't use the network.
fn host_by_name(name: &str) -> Output {
    if name == "localhost" {
        return Ok("127.0.0.1".into());
    }
    match name.parse::<std::net::IpAddr>() {
        Ok(address) => Ok(address.to_string().into()),
        Err(_) => Err(Failure::new(
            "a template can't use the network: only localhost and addresses are known",
        )),
    }
}
