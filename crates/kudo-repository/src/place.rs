//! Places that can be fetched from: files of this machine, and the web.

use std::fmt;
use std::path::PathBuf;

use percent_encoding::percent_decode_str;

/// Where something lies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// A file or folder of this machine.
    File(PathBuf),
    /// An http or https URL.
    Web(String),
}

/// A text that is no URL of a kind that can be fetched.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is not a usable URL: {problem}")]
pub struct NotAPlace {
    /// Text given.
    pub text: String,
    /// What is wrong with it.
    pub problem: &'static str,
}

impl Place {
    /// Reads an `http:`, `https:` or `file:` URL.
    pub fn parse(text: &str) -> Result<Self, NotAPlace> {
        let refuse = |problem| {
            Err(NotAPlace {
                text: text.to_owned(),
                problem,
            })
        };
        if text.chars().any(|c| c.is_control() || c == ' ') {
            return refuse("it holds spaces or control characters");
        }
        let Some((scheme, rest)) = text.split_once(':') else {
            return refuse("it does not begin with https:, http: or file:");
        };
        match scheme.to_ascii_lowercase().as_str() {
            "http" | "https" => match rest.strip_prefix("//") {
                Some(rest) if !rest.is_empty() && !rest.starts_with(['/', '?', '#', ':']) => {
                    Ok(Self::Web(text.to_owned()))
                }
                _ => refuse("it names no host"),
            },
            "file" => {
                let path = match rest.strip_prefix("//") {
                    Some(rest) => rest.strip_prefix("localhost").unwrap_or(rest),
                    None => rest,
                };
                if !path.starts_with('/') {
                    return refuse("file: takes an absolute path, as in file:///srv/packages");
                }
                match percent_decode_str(path).decode_utf8() {
                    Ok(path) => Ok(Self::File(PathBuf::from(path.into_owned()))),
                    Err(_) => refuse("its path is not UTF-8 text"),
                }
            }
            _ => refuse("only https:, http: and file: can be fetched from"),
        }
    }

    /// Whether a text begins as a URL does.
    pub fn is_url(text: &str) -> bool {
        text.contains("://") || text.starts_with("file:")
    }

    /// What lies under this place, a folder; or what `name` means by itself, if it is a URL.
    pub fn join(&self, name: &str) -> Result<Self, NotAPlace> {
        if Self::is_url(name) {
            return Self::parse(name);
        }
        Ok(match self {
            Self::File(folder) => Self::File(folder.join(name)),
            Self::Web(url) => {
                // What follows the path, such as an access key, belongs behind the longer path too.
                let end = url.find(['?', '#']).unwrap_or(url.len());
                let (path, rest) = url.split_at(end);
                Self::Web(format!("{}/{name}{rest}", path.trim_end_matches('/')))
            }
        })
    }

    /// Where a server that was asked for this place sends to: a URL, or a path on the same server.
    pub(crate) fn redirected(&self, location: &str) -> Result<Self, NotAPlace> {
        let Self::Web(url) = self else {
            return Self::parse(location);
        };
        let has_scheme = location
            .split(['/', '?', '#'])
            .next()
            .is_some_and(|first| first.contains(':'));
        if has_scheme {
            return Self::parse(location);
        }
        let host = url.find("://").map_or(0, |scheme| scheme + 3);
        let end_of = |text: &str, ends: &[char]| text.find(ends).unwrap_or(text.len());
        let path = host + end_of(&url[host..], &['/', '?', '#']);
        let query = path + end_of(&url[path..], &['?', '#']);
        let absolute = if location.starts_with("//") {
            format!("{}{location}", &url[..host - 2])
        } else if location.starts_with('/') {
            format!("{}{location}", &url[..path])
        } else {
            let folder = url[path..query].rfind('/').unwrap_or(0);
            let folder = url[..path + folder].trim_end_matches('/');
            format!("{folder}/{location}")
        };
        Self::parse(&absolute)
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => write!(f, "{}", path.display()),
            Self::Web(url) => f.write_str(url),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls() {
        let file = |path: &str| Ok(Place::File(path.into()));
        let web = |url: &str| Ok(Place::Web(url.to_owned()));
        let cases = [
            ("file:///srv/packages", file("/srv/packages")),
            ("file:/srv/packages", file("/srv/packages")),
            ("file://localhost/srv", file("/srv")),
            ("file:///a%20b", file("/a b")),
            ("https://example.org/v1", web("https://example.org/v1")),
            ("HTTP://example.org", web("HTTP://example.org")),
            ("https://", Err("it names no host")),
            ("http:///index", Err("it names no host")),
            (
                "file://host/x",
                Err("file: takes an absolute path, as in file:///srv/packages"),
            ),
            (
                "ftp://example.org",
                Err("only https:, http: and file: can be fetched from"),
            ),
            (
                "badurl",
                Err("it does not begin with https:, http: or file:"),
            ),
            ("http://a b", Err("it holds spaces or control characters")),
        ];
        for (text, expected) in cases {
            let found = Place::parse(text).map_err(|error| error.problem);
            assert_eq!(found, expected, "{text}");
        }
    }

    #[test]
    fn what_lies_under_a_place() {
        let cases = [
            ("http://h/v1", "index.yaml", "http://h/v1/index.yaml"),
            ("http://h/v1/", "index.yaml", "http://h/v1/index.yaml"),
            ("http://h?key=1", "index.yaml", "http://h/index.yaml?key=1"),
            ("http://h/v1", "https://other/a.tgz", "https://other/a.tgz"),
            ("file:///srv", "a.tgz", "/srv/a.tgz"),
        ];
        for (folder, name, expected) in cases {
            let joined = Place::parse(folder).unwrap().join(name).unwrap();
            assert_eq!(joined.to_string(), expected);
        }
    }

    #[test]
    fn where_servers_send_to() {
        let from = Place::parse("https://h:1/a/b?key=1").unwrap();
        let cases = [
            ("https://other/x", "https://other/x"),
            ("//other/x", "https://other/x"),
            ("/x?y=1", "https://h:1/x?y=1"),
            ("x", "https://h:1/a/x"),
            ("x?to=http://y", "https://h:1/a/x?to=http://y"),
            ("file:///etc/passwd", "/etc/passwd"),
        ];
        for (location, expected) in cases {
            let found = from.redirected(location).unwrap();
            assert_eq!(found.to_string(), expected, "{location}");
        }
        let bare = Place::parse("http://h").unwrap();
        assert_eq!(bare.redirected("x").unwrap().to_string(), "http://h/x");
        for location in ["ftp://h/x", "javascript:x", "", "a b"] {
            let found = bare.redirected(location);
            assert_eq!(
                found.is_err(),
                !location.is_empty(),
                "{location}: {found:?}"
            );
        }
    }
}
