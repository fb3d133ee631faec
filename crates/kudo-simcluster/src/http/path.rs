//! Which resource a path means.

use std::num::{IntErrorKind, ParseIntError};

use percent_encoding::percent_decode_str;

/// A path below `/api/<version>` or `/apis/<group>/<version>`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct ResourcePath {
    pub(crate) group: String,
    pub(crate) version: String,
    /// Empty for all namespaces and for kinds without.
    pub(crate) namespace: String,
    pub(crate) plural: String,
    /// Empty for the collection.
    pub(crate) name: String,
    pub(crate) subresource: String,
    /// What follows the subresource (proxies).
    pub(crate) rest: String,
    /// The old `/watch/` prefix.
    pub(crate) watch: bool,
}

/// Where a request goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Route {
    Resource(ResourcePath),
    /// `/api/<version>` or `/apis/<group>/<version>`.
    GroupVersion(String, String),
    /// `/apis/<group>`.
    Group(String),
    /// Anything else, without a slash at its end.
    Other(String),
}

/// Reads a path. What it names need not exist.
pub(crate) fn route(path: &str) -> Route {
    // A slash that is encoded parts as well as another.
    let path = percent_decode_str(path).decode_utf8_lossy();
    let path = path.strip_prefix('/').unwrap_or(&path);
    let path = path.strip_suffix('/').unwrap_or(path);
    let words: Vec<&str> = path.split('/').collect();
    match words.as_slice() {
        ["api", version] => Route::GroupVersion(String::new(), (*version).to_owned()),
        ["api", version, rest @ ..] => resource("", version, rest),
        ["apis", group] => Route::Group((*group).to_owned()),
        ["apis", group, version] => Route::GroupVersion((*group).to_owned(), (*version).to_owned()),
        ["apis", group, version, rest @ ..] => resource(group, version, rest),
        _ => Route::Other(format!("/{}", words.join("/"))),
    }
}

fn resource(group: &str, version: &str, rest: &[&str]) -> Route {
    let (watch, rest) = match rest {
        ["watch", rest @ ..] => (true, rest),
        rest => (false, rest),
    };
    let mut path = ResourcePath {
        group: group.to_owned(),
        version: version.to_owned(),
        watch,
        ..ResourcePath::default()
    };
    // `namespaces/x/status` and `namespaces/x/finalize` are about the namespace itself.
    let rest = match rest {
        ["namespaces", namespace, plural, rest @ ..]
            if !(group.is_empty()
                && rest.is_empty()
                && ["status", "finalize"].contains(plural)) =>
        {
            (*namespace).clone_into(&mut path.namespace);
            (*plural).clone_into(&mut path.plural);
            rest
        }
        [plural, rest @ ..] => {
            (*plural).clone_into(&mut path.plural);
            rest
        }
        [] => rest,
    };
    let mut rest = rest.iter();
    let mut next = || {
        rest.next()
            .map(|part| (*part).to_owned())
            .unwrap_or_default()
    };
    path.name = next();
    path.subresource = next();
    path.rest = rest.copied().collect::<Vec<_>>().join("/");
    Route::Resource(path)
}

/// The parameters of a request.
#[derive(Clone, Debug, Default)]
pub(crate) struct Query(Vec<(String, String)>);

impl Query {
    pub(crate) fn parse(text: &str) -> Self {
        let pairs = form_urlencoded::parse(text.as_bytes());
        Self(
            pairs
                .map(|(name, value)| (name.into_owned(), value.into_owned()))
                .collect(),
        )
    }

    /// A parameter that is there and not empty.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.first(name).filter(|value| !value.is_empty())
    }

    /// A parameter that is a whole number; an empty one is none.
    pub(crate) fn whole(&self, name: &str) -> Result<Option<i64>, String> {
        let read = |text: &str| {
            text.parse().map_err(|error: ParseIntError| {
                let problem = match error.kind() {
                    IntErrorKind::PosOverflow | IntErrorKind::NegOverflow => "value out of range",
                    _ => "invalid syntax",
                };
                format!("strconv.ParseInt: parsing {text:?}: {problem}")
            })
        };
        self.first(name).map(read).transpose()
    }

    /// A parameter that is there.
    pub(crate) fn first(&self, name: &str) -> Option<&str> {
        let found = self.0.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value.as_str())
    }

    pub(crate) fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        let found = self.0.iter().filter(move |(known, _)| known == name);
        found.map(|(_, value)| value.as_str())
    }

    /// `true` and `1`, as servers read them; a parameter without a value is true, too.
    pub(crate) fn is(&self, name: &str) -> bool {
        let is_false = |value: &str| matches!(value.to_lowercase().as_str(), "false" | "0");
        self.first(name).is_some_and(|value| !is_false(value))
    }

    pub(crate) fn contains(&self, name: &str) -> bool {
        self.first(name).is_some()
    }
}
