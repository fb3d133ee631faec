//! Semantic versions.

use std::any::Any;
use std::cmp::Ordering;
use std::rc::Rc;

use super::arguments::text;
use super::semver_constraint::Constraints;
use super::{Function, Output, Param, fixed};
use crate::budget::Failure;
use crate::value::{Object, UintType, Value};

pub(super) const FUNCTIONS: &[Function] = &[
    fixed("semver", &[Param::Text], |_, a| {
        let version = Version::parse(&text(a, 0)).map_err(Failure::new)?;
        Ok(version.into_value("*semver.Version"))
    }),
    fixed("semverCompare", &[Param::Text, Param::Text], |_, a| {
        let constraints = Constraints::parse(&text(a, 0)).map_err(Failure::new)?;
        let version = Version::parse(&text(a, 1)).map_err(Failure::new)?;
        Ok(Value::Bool(constraints.check(&version)))
    }),
];

/// A semantic version; minor and patch may be left out, and a `v` may stand before it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Version {
    pub(super) major: u64,
    pub(super) minor: u64,
    pub(super) patch: u64,
    pub(super) pre: String,
    metadata: String,
    original: String,
}

impl Version {
    pub(super) fn parse(text: &str) -> Result<Self, &'static str> {
        const INVALID: &str = "Invalid Semantic Version";
        let body = text.strip_prefix('v').unwrap_or(text);
        let (body, metadata) = match body.split_once('+') {
            Some((_, "")) => return Err(INVALID),
            Some((body, metadata)) => (body, metadata),
            None => (body, ""),
        };
        let (numbers, pre) = match body.split_once('-') {
            Some((_, "")) => return Err(INVALID),
            Some((numbers, pre)) => (numbers, pre),
            None => (body, ""),
        };
        if !identifiers_ok(pre) || !identifiers_ok(metadata) {
            return Err(INVALID);
        }
        let mut parts = [0; 3];
        for (index, number) in numbers.split('.').enumerate() {
            let digits = !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit());
            let part = parts.get_mut(index).filter(|_| digits).ok_or(INVALID)?;
            *part = number
                .parse()
                .map_err(|_| "Error parsing version segment")?;
        }
        let leads = |part: &str| {
            part.len() > 1 && part.starts_with('0') && part.bytes().all(|b| b.is_ascii_digit())
        };
        if pre.split('.').any(leads) {
            return Err("Version segment starts with 0");
        }
        Ok(Self {
            major: parts[0],
            minor: parts[1],
            patch: parts[2],
            pre: pre.to_owned(),
            metadata: metadata.to_owned(),
            original: text.to_owned(),
        })
    }

    pub(super) fn compare(&self, other: &Self) -> Ordering {
        let numbers = |v: &Self| (v.major, v.minor, v.patch);
        numbers(self).cmp(&numbers(other)).then_with(|| {
            match (self.pre.is_empty(), other.pre.is_empty()) {
                (true, true) => Ordering::Equal,
                (true, false) => Ordering::Greater,
                (false, true) => Ordering::Less,
                (false, false) => compare_prerelease(&self.pre, &other.pre),
            }
        })
    }

    fn text(&self) -> String {
        let mut text = format!("{}.{}.{}", self.major, self.minor, self.patch);
        if !self.pre.is_empty() {
            text.push('-');
            text.push_str(&self.pre);
        }
        if !self.metadata.is_empty() {
            text.push('+');
            text.push_str(&self.metadata);
        }
        text
    }

    fn into_value(self, type_name: &'static str) -> Value {
        Value::Object(Rc::new(VersionObject {
            version: self,
            type_name,
        }))
    }

    /// The version with what `change` does to it, whose own text is its original.
    fn changed(&self, change: impl FnOnce(&mut Self)) -> Value {
        let mut version = self.clone();
        change(&mut version);
        let prefix = if self.original.starts_with('v') {
            "v"
        } else {
            ""
        };
        version.original = format!("{prefix}{}", version.text());
        version.into_value("semver.Version")
    }

    fn released(&self, change: impl FnOnce(&mut Self)) -> Value {
        self.changed(|version| {
            change(version);
            version.pre.clear();
            version.metadata.clear();
        })
    }
}

/// Whether a text is empty or dotted identifiers of letters, digits and hyphens.
fn identifiers_ok(text: &str) -> bool {
    let ok = |part: &str| {
        !part.is_empty() && part.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
    };
    text.is_empty() || text.split('.').all(ok)
}

pub(super) fn compare_prerelease(a: &str, b: &str) -> Ordering {
    let (mut parts_a, mut parts_b) = (a.split('.'), b.split('.'));
    loop {
        let order = match (parts_a.next(), parts_b.next()) {
            (None, None) => return Ordering::Equal,
            (None, Some(_)) => Ordering::Less,
            (Some(_), None) => Ordering::Greater,
            (Some(a), Some(b)) => match (a.parse::<u64>(), b.parse::<u64>()) {
                (Ok(a), Ok(b)) => a.cmp(&b),
                (Ok(_), Err(_)) => Ordering::Less,
                (Err(_), Ok(_)) => Ordering::Greater,
                (Err(_), Err(_)) => a.cmp(b),
            },
        };
        if order != Ordering::Equal {
            return order;
        }
    }
}

/// A version as templates hold it.
#[derive(Debug)]
struct VersionObject {
    version: Version,
    type_name: &'static str,
}

impl VersionObject {
    /// The version given as the only argument.
    fn other<'a>(&self, name: &str, arguments: &'a [Value]) -> Result<&'a Version, Failure> {
        let other = match arguments.first() {
            Some(Value::Object(object)) => object.as_any().downcast_ref::<Self>(),
            _ => None,
        };
        other.map(|other| &other.version).ok_or_else(|| {
            let found = arguments.first().map_or("<nil>", Value::type_name);
            let _ = self;
            Failure::new(format!(
                "wrong type for value; expected *semver.Version; got {found} in {name}"
            ))
        })
    }
}

impl Object for VersionObject {
    fn type_name(&self) -> &'static str {
        self.type_name
    }

    fn kind_name(&self) -> &'static str {
        if self.type_name.starts_with('*') {
            "ptr"
        } else {
            "struct"
        }
    }

    fn display(&self) -> String {
        self.version.text()
    }

    fn method(&self, name: &str) -> Option<usize> {
        let is_pointer = self.type_name.starts_with('*');
        Some(match name {
            "Major" | "Minor" | "Patch" | "Prerelease" | "Metadata" | "String" | "IncMajor"
            | "IncMinor" | "IncPatch" => 0,
            "SetPrerelease" | "SetMetadata" => 1,
            // These are methods of the pointer only.
            "Original" if is_pointer => 0,
            "Compare" | "Equal" | "GreaterThan" | "LessThan" if is_pointer => 1,
            _ => return None,
        })
    }

    fn call(&self, name: &str, arguments: &[Value]) -> Output {
        let version = &self.version;
        let number = |number| Ok(Value::Uint(number, UintType::Uint64));
        let compare = || Ok(version.compare(self.other(name, arguments)?));
        match name {
            "Major" => number(version.major),
            "Minor" => number(version.minor),
            "Patch" => number(version.patch),
            "Prerelease" => Ok(version.pre.as_str().into()),
            "Metadata" => Ok(version.metadata.as_str().into()),
            "Original" => Ok(version.original.as_str().into()),
            "String" => Ok(version.text().into()),
            "IncMajor" => Ok(version.released(|v| {
                v.major = v.major.wrapping_add(1);
                v.minor = 0;
                v.patch = 0;
            })),
            "IncMinor" => Ok(version.released(|v| {
                v.minor = v.minor.wrapping_add(1);
                v.patch = 0;
            })),
            "IncPatch" => Ok(version.released(|v| {
                if v.pre.is_empty() {
                    v.patch = v.patch.wrapping_add(1);
                }
            })),
            "Compare" => compare().map(|order: Ordering| Value::int(i64::from(order as i8))),
            "Equal" => compare().map(|order| Value::Bool(order.is_eq())),
            "GreaterThan" => compare().map(|order| Value::Bool(order.is_gt())),
            "LessThan" => compare().map(|order| Value::Bool(order.is_lt())),
            _ => {
                let given = text(arguments, 0);
                if !identifiers_ok(&given) {
                    let kind = name.trim_start_matches("Set");
                    return Err(Failure::new(format!("Invalid {kind} string")));
                }
                Ok(version.changed(|v| {
                    if name == "SetMetadata" {
                        v.metadata = given.into_owned();
                    } else {
                        v.pre = given.into_owned();
                    }
                }))
            }
        }
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}
