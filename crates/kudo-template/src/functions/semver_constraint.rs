//! Constraints on versions: `^1.2`, `~1.2.3`, `>= 1, < 2 || 3.x`.

use std::cmp::Ordering;
use std::sync::LazyLock;

use regex::Regex;

use super::semver::{Version, compare_prerelease};

const OPERATORS: &str = r"=||!=|>|<|>=|=>|<=|=<|~|~>|\^";
const VERSION: &str = concat!(
    r"v?([0-9|x|X|\*]+)(\.[0-9|x|X|\*]+)?(\.[0-9|x|X|\*]+)?",
    r"(-([0-9A-Za-z\-]+(\.[0-9A-Za-z\-]+)*))?",
    r"(\+([0-9A-Za-z\-]+(\.[0-9A-Za-z\-]+)*))?",
);
const MAX_LENGTH: usize = 1000;

/// The expressions that take a constraint apart.
struct Grammar {
    one: Regex,
    range: Regex,
    find: Regex,
    all: Regex,
}

static GRAMMAR: LazyLock<Option<Grammar>> = LazyLock::new(|| {
    // Spaces are ASCII, as in Go.
    let build = |pattern: String| Regex::new(&pattern.replace(r"\s", r"[\t\n\f\r ]")).ok();
    Some(Grammar {
        one: build(format!(r"^\s*({OPERATORS})\s*({VERSION})\s*$"))?,
        range: build(format!(r"\s*({VERSION})\s+-\s+({VERSION})\s*"))?,
        find: build(format!(r"({OPERATORS})\s*({VERSION})"))?,
        all: build(format!(
            r"^(\s*({OPERATORS})\s*({VERSION})\s*)((?:\s+|,\s*)({OPERATORS})\s*({VERSION})\s*)*$"
        ))?,
    })
});

/// Alternatives, each of constraints that must all hold.
#[derive(Debug)]
pub(super) struct Constraints(Vec<Vec<Constraint>>);

#[derive(Debug)]
struct Constraint {
    operator: String,
    version: Version,
    /// Some part is left out or a wildcard.
    dirty: bool,
    minor_dirty: bool,
    patch_dirty: bool,
}

impl Constraints {
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let improper = |text: &str| format!("improper constraint: {text}");
        let Some(grammar) = GRAMMAR.as_ref().filter(|_| text.len() <= MAX_LENGTH) else {
            return Err(improper(text));
        };
        let mut rewritten = text.to_owned();
        for range in grammar.range.captures_iter(text) {
            let bounds = format!(">= {}, <= {}", &range[1], &range[11]);
            rewritten = rewritten.replacen(&range[0], &bounds, 1);
        }
        let alternatives = rewritten.split("||").map(|part| {
            if !grammar.all.is_match(part) {
                return Err(improper(part));
            }
            let found = grammar.find.find_iter(part);
            found
                .map(|one| Constraint::parse(grammar, one.as_str()))
                .collect()
        });
        Ok(Self(alternatives.collect::<Result<_, _>>()?))
    }

    pub(super) fn check(&self, version: &Version) -> bool {
        let holds = |all: &Vec<Constraint>| all.iter().all(|one| one.check(version));
        self.0.iter().any(holds)
    }
}

fn is_wildcard(part: &str) -> bool {
    matches!(part, "" | "x" | "X" | "*")
}

impl Constraint {
    fn parse(grammar: &Grammar, text: &str) -> Result<Self, String> {
        let Some(parts) = grammar.one.captures(text) else {
            return Err(format!("improper constraint: {text}"));
        };
        let part = |index: usize| parts.get(index).map_or("", |part| part.as_str());
        let number = |index: usize| part(index).trim_start_matches('.');
        let (major, minor, patch, pre) = (number(3), number(4), number(5), part(6));
        let (mut minor_dirty, mut patch_dirty) = (false, false);
        let version = if is_wildcard(major) {
            format!("0.0.0{pre}")
        } else if is_wildcard(minor) {
            minor_dirty = true;
            format!("{major}.0.0{pre}")
        } else if is_wildcard(patch) {
            patch_dirty = true;
            format!("{major}.{minor}.0{pre}")
        } else {
            part(2).to_owned()
        };
        let dirty = is_wildcard(major) || minor_dirty || patch_dirty;
        Ok(Self {
            operator: part(1).to_owned(),
            version: Version::parse(&version).map_err(|_| "constraint Parser Error".to_owned())?,
            dirty,
            minor_dirty,
            patch_dirty,
        })
    }

    fn check(&self, version: &Version) -> bool {
        // A prerelease satisfies only constraints that name one.
        let unwanted = !version.pre.is_empty() && self.version.pre.is_empty();
        match self.operator.as_str() {
            "!=" => self.differs(version, unwanted),
            _ if unwanted => false,
            ">" => self.greater(version),
            "<" => version.compare(&self.version).is_lt(),
            ">=" | "=>" => version.compare(&self.version).is_ge(),
            "<=" | "=<" => self.less_or_equal(version),
            "~" | "~>" => self.tilde(version),
            "^" => self.caret(version),
            _ if self.dirty => self.tilde(version),
            _ => version.compare(&self.version).is_eq(),
        }
    }

    fn differs(&self, version: &Version, unwanted: bool) -> bool {
        let wanted = &self.version;
        if !self.dirty {
            return version.compare(wanted).is_ne();
        }
        if unwanted {
            return false;
        }
        if wanted.major != version.major {
            return true;
        }
        if self.minor_dirty {
            return false;
        }
        if wanted.minor != version.minor {
            return true;
        }
        if self.patch_dirty {
            return compare_prerelease(&version.pre, &wanted.pre) != Ordering::Equal;
        }
        version.compare(wanted).is_ne()
    }

    fn greater(&self, version: &Version) -> bool {
        let wanted = &self.version;
        if !self.dirty {
            return version.compare(wanted).is_gt();
        }
        match version.major.cmp(&wanted.major) {
            Ordering::Greater => true,
            Ordering::Less => false,
            Ordering::Equal if self.minor_dirty => false,
            Ordering::Equal if self.patch_dirty => version.minor > wanted.minor,
            Ordering::Equal => version.compare(wanted).is_gt(),
        }
    }

    fn less_or_equal(&self, version: &Version) -> bool {
        let wanted = &self.version;
        if !self.dirty {
            return version.compare(wanted).is_le();
        }
        let beyond =
            version.major == wanted.major && version.minor > wanted.minor && !self.minor_dirty;
        version.major <= wanted.major && !beyond
    }

    fn tilde(&self, version: &Version) -> bool {
        let wanted = &self.version;
        if version.compare(wanted).is_lt() {
            return false;
        }
        let zero = wanted.major == 0 && wanted.minor == 0 && wanted.patch == 0;
        if zero && !self.minor_dirty && !self.patch_dirty {
            return true;
        }
        version.major == wanted.major && (version.minor == wanted.minor || self.minor_dirty)
    }

    fn caret(&self, version: &Version) -> bool {
        let wanted = &self.version;
        if version.compare(wanted).is_lt() {
            return false;
        }
        if wanted.major > 0 || self.minor_dirty {
            return version.major == wanted.major;
        }
        if version.major > 0 {
            return false;
        }
        if wanted.minor > 0 || self.patch_dirty {
            return version.minor == wanted.minor;
        }
        version.minor == 0 && version.patch == wanted.patch
    }
}
