//! Label and field selectors.

use serde_json::Value;

use crate::kinds::Shown;

/// A label selector as it is written in a query.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Labels(Vec<Requirement>);

#[derive(Clone, Debug, PartialEq, Eq)]
struct Requirement {
    key: String,
    test: Test,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Test {
    Exists,
    Absent,
    In(Vec<String>),
    NotIn(Vec<String>),
    Above(i64),
    Below(i64),
}

impl Labels {
    /// Reads `a=b,c!=d,e in (f, g),!h,i,j>1`.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let bad = |problem: String| format!("unable to parse requirement: {problem}");
        if text.trim().is_empty() {
            return Ok(Self::default());
        }
        let mut requirements = Vec::new();
        let parts = split(text);
        for (index, part) in parts.iter().enumerate() {
            let part = part.trim();
            if part.is_empty() {
                let found = if index + 1 < parts.len() { "," } else { "" };
                return Err(match index {
                    0 => format!("found '{found}', expected: !, identifier, or 'end of string'"),
                    _ => format!("found '{found}', expected: identifier after ','"),
                });
            }
            requirements.push(requirement(part).map_err(bad)?);
        }
        Ok(Self(requirements))
    }

    /// The selector of an object: `matchLabels` and `matchExpressions`.
    pub(crate) fn of(selector: &Value) -> Self {
        let mut requirements = Vec::new();
        let exact = selector["matchLabels"].as_object();
        for (key, value) in exact.into_iter().flatten() {
            let value = value.as_str().unwrap_or_default().to_owned();
            requirements.push(Requirement {
                key: key.clone(),
                test: Test::In(vec![value]),
            });
        }
        let expressions = selector["matchExpressions"].as_array();
        for expression in expressions.into_iter().flatten() {
            let values = expression["values"].as_array().into_iter().flatten();
            let values = values.filter_map(|value| value.as_str().map(ToOwned::to_owned));
            let test = match expression["operator"].as_str() {
                Some("In") => Test::In(values.collect()),
                Some("NotIn") => Test::NotIn(values.collect()),
                Some("Exists") => Test::Exists,
                _ => Test::Absent,
            };
            let key = expression["key"].as_str().unwrap_or_default().to_owned();
            requirements.push(Requirement { key, test });
        }
        Self(requirements)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether labels, asked for by name, fit.
    pub(crate) fn fits<'a>(&self, label: impl Fn(&str) -> Option<&'a str>) -> bool {
        self.0.iter().all(|requirement| {
            let value = label(&requirement.key);
            let number = || value.and_then(|value| value.parse::<i64>().ok());
            match &requirement.test {
                Test::Exists => value.is_some(),
                Test::Absent => value.is_none(),
                Test::In(values) => value.is_some_and(|value| values.iter().any(|v| v == value)),
                Test::NotIn(values) => value.is_none_or(|value| values.iter().all(|v| v != value)),
                Test::Above(limit) => number().is_some_and(|number| number > *limit),
                Test::Below(limit) => number().is_some_and(|number| number < *limit),
            }
        })
    }
}

/// Parts between commas that are not in brackets.
fn split(text: &str) -> Vec<&str> {
    let (mut parts, mut start, mut depth) = (Vec::new(), 0, 0_u32);
    for (at, letter) in text.char_indices() {
        match letter {
            '(' => depth += 1,
            ')' => depth = depth.saturating_sub(1),
            ',' if depth == 0 => {
                parts.push(&text[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    parts.push(&text[start..]);
    parts
}

fn requirement(part: &str) -> Result<Requirement, String> {
    let made = |key: &str, test: Test| -> Result<Requirement, String> {
        let key = key.trim();
        check_key(key)?;
        if let Test::In(values) | Test::NotIn(values) = &test {
            values
                .iter()
                .try_for_each(|value| check_value(key, value))?;
        }
        let key = key.to_owned();
        Ok(Requirement { key, test })
    };
    if let Some(key) = part.strip_prefix('!') {
        return made(key, Test::Absent);
    }
    for (operator, is) in [("!=", false), ("==", true), ("=", true)] {
        if let Some((key, value)) = part.split_once(operator)
            && !key.trim().contains(['(', ' '])
        {
            if value.starts_with('=') {
                return Err("found '=', expected: identifier".to_owned());
            }
            let values = vec![value.trim().to_owned()];
            let test = if is {
                Test::In(values)
            } else {
                Test::NotIn(values)
            };
            return made(key, test);
        }
    }
    for operator in ['>', '<'] {
        if let Some((key, value)) = part.split_once(operator) {
            let Ok(limit) = value.trim().parse() else {
                return Err(format!(
                    "values[0][{}]: Invalid value: {:?}: for 'Gt', 'Lt' operators, the value must be an integer",
                    key.trim(),
                    value.trim()
                ));
            };
            let test = if operator == '>' {
                Test::Above(limit)
            } else {
                Test::Below(limit)
            };
            return made(key, test);
        }
    }
    let mut words = part.splitn(2, char::is_whitespace);
    let key = words.next().unwrap_or_default();
    let Some(rest) = words.next().map(str::trim) else {
        return made(key, Test::Exists);
    };
    let (operator, values) = match rest.find('(') {
        Some(at) => (rest[..at].trim(), rest[at..].trim()),
        None => (rest, ""),
    };
    let listed = values
        .strip_prefix('(')
        .and_then(|values| values.strip_suffix(')'));
    let values = || listed.map(|list| list.split(',').map(|v| v.trim().to_owned()).collect());
    let unlisted = || {
        let expected = if rest.contains('(') {
            "',', ')' or identifier"
        } else {
            "'('"
        };
        Err(format!("found '', expected: {expected}"))
    };
    match operator {
        "in" => match values() {
            Some(values) => made(key, Test::In(values)),
            None => unlisted(),
        },
        "notin" => match values() {
            Some(values) => made(key, Test::NotIn(values)),
            None => unlisted(),
        },
        other => {
            let word = other.split_whitespace().next().unwrap_or_default();
            Err(format!(
                "found '{word}', expected: in, notin, =, ==, !=, gt, lt"
            ))
        }
    }
}

const PART: &str = "(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?";

fn is_qualified(name: &str) -> bool {
    let inside = |b: u8| b.is_ascii_alphanumeric() || b"-_.".contains(&b);
    let edge = |b: Option<&u8>| b.is_some_and(u8::is_ascii_alphanumeric);
    let bytes = name.as_bytes();
    edge(bytes.first())
        && edge(bytes.last())
        && bytes.iter().all(|b| inside(*b))
        && name.len() <= 63
}

fn check_key(key: &str) -> Result<(), String> {
    let name = key.rsplit('/').next().unwrap_or(key);
    if is_qualified(name) {
        return Ok(());
    }
    Err(format!(
        "key: Invalid value: {key:?}: name part must consist of alphanumeric characters, '-', '_' or \
         '.', and must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  \
         or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')"
    ))
}

fn check_value(key: &str, value: &str) -> Result<(), String> {
    if value.is_empty() || is_qualified(value) {
        return Ok(());
    }
    Err(format!(
        "values[0][{key}]: Invalid value: {value:?}: a valid label must be an empty string or consist \
         of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric \
         character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation is '{PART}')"
    ))
}

/// A field selector.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Fields {
    terms: Vec<(String, bool, String)>,
    /// Of custom resources: what is not there is nothing.
    custom: bool,
}

impl Fields {
    /// Reads `a=b,c!=d`; the fields must be ones that the kind can be selected by.
    pub(crate) fn parse(text: &str, shown: &Shown) -> Result<Self, String> {
        let kind = shown.kind.kind.as_str();
        let custom = shown.kind.is_custom();
        let mut terms = Vec::new();
        for part in terms_of(text).into_iter().filter(|part| !part.is_empty()) {
            let Some((field, is, value)) = sides(part) else {
                return Err(format!(
                    "invalid selector: '{text}'; can't understand '{part}'"
                ));
            };
            let value = unescaped(value)?;
            if !custom && fields_of(kind).is_empty() && !is_identity(field) {
                return Err(format!(
                    "{field:?} is not a known field selector: only \"metadata.name\", \
                     \"metadata.namespace\""
                ));
            }
            let is_known = if custom {
                let known = &shown.version().selectable;
                known.iter().any(|known| known == field)
            } else {
                fields_of(kind).contains(&field)
            };
            if !is_identity(field) && !is_known {
                return Err(format!("field label not supported: {field}"));
            }
            terms.push((field.to_owned(), is, value));
        }
        Ok(Self { terms, custom })
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.terms.is_empty()
    }

    /// The one name that a selector, as it is written, asks for; none if it can't be a name.
    pub(crate) fn name_in(text: &str) -> Option<String> {
        let mut terms = terms_of(text).into_iter().filter_map(sides);
        let (_, _, name) = terms.find(|(field, is, _)| *field == "metadata.name" && *is)?;
        let name = unescaped(name).ok()?;
        let fits = !name.contains(['/', '%']) && ![".", ".."].contains(&name.as_str());
        fits.then_some(name)
    }

    /// Whether the fit shows from namespace and name alone.
    pub(crate) fn needs_object(&self) -> bool {
        self.terms
            .iter()
            .any(|(field, ..)| !field.starts_with("metadata."))
    }

    pub(crate) fn fits(&self, namespace: &str, name: &str, object: &Value) -> bool {
        self.terms.iter().all(|(field, is, wanted)| {
            let value = match field.as_str() {
                "metadata.name" => name.to_owned(),
                "metadata.namespace" => namespace.to_owned(),
                other if self.custom => plain_text(object, other),
                other => text(object, other),
            };
            (value == *wanted) == *is
        })
    }
}

/// The terms of a field selector: a comma after a backslash is part of one.
fn terms_of(text: &str) -> Vec<&str> {
    let (mut terms, mut begin, mut escaped) = (Vec::new(), 0, false);
    for (place, letter) in text.char_indices() {
        match letter {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            ',' => {
                terms.push(&text[begin..place]);
                begin = place + 1;
            }
            _ => {}
        }
    }
    terms.push(&text[begin..]);
    terms
}

/// The field, whether it is to be equal, and the value, parted by the first operator.
fn sides(term: &str) -> Option<(&str, bool, &str)> {
    let (place, _) = term
        .match_indices(['!', '='])
        .find(|(place, sign)| *sign == "=" || term[*place..].starts_with("!="))?;
    let (field, rest) = term.split_at(place);
    let operators = [("!=", false), ("==", true), ("=", true)];
    operators.into_iter().find_map(|(operator, is)| {
        let value = rest.strip_prefix(operator)?;
        Some((field, is, value))
    })
}

/// A value in which commas, equals signs and backslashes come after a backslash.
fn unescaped(value: &str) -> Result<String, String> {
    let mut letters = value.chars();
    let mut plain = String::with_capacity(value.len());
    while let Some(letter) = letters.next() {
        plain.push(match letter {
            '\\' => match letters.next() {
                Some(next @ ('\\' | ',' | '=')) => next,
                next => {
                    let next = next.map(String::from).unwrap_or_default();
                    return Err(format!(
                        "invalid field selector: invalid escape sequence: \\{next}"
                    ));
                }
            },
            // Go prints the number of the letter.
            ',' | '=' => {
                let number = u32::from(letter);
                return Err(format!(
                    "invalid field selector: unescaped character in value: {number}"
                ));
            }
            letter => letter,
        });
    }
    Ok(plain)
}

fn text(object: &Value, field: &str) -> String {
    let field = if field == "source" {
        "source.component"
    } else {
        field
    };
    match at(object, field) {
        Value::Null if field == "spec.unschedulable" || field == "spec.hostNetwork" => {
            "false".to_owned()
        }
        Value::Null
            if field.starts_with("status.")
                && ["replicas", "successful"]
                    .iter()
                    .any(|end| field.ends_with(end)) =>
        {
            if field == "status.successful" {
                return text(object, "status.succeeded").replace("null", "0");
            }
            "0".to_owned()
        }
        _ => plain_text(object, field),
    }
}

/// What is in a field, as a selector writes it.
fn plain_text(object: &Value, field: &str) -> String {
    match at(object, field) {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

fn at<'a>(object: &'a Value, field: &str) -> &'a Value {
    field.split('.').fold(object, |value, part| &value[part])
}

fn is_identity(field: &str) -> bool {
    matches!(field, "metadata.name" | "metadata.namespace")
}

/// Fields that a kind can be selected by, beside its name and namespace.
fn fields_of(kind: &str) -> &'static [&'static str] {
    match kind {
        "Pod" => &[
            "spec.nodeName",
            "spec.restartPolicy",
            "spec.schedulerName",
            "spec.serviceAccountName",
            "spec.hostNetwork",
            "status.phase",
            "status.podIP",
            "status.podIPs",
            "status.nominatedNodeName",
        ],
        "Event" => &[
            "involvedObject.kind",
            "involvedObject.namespace",
            "involvedObject.name",
            "involvedObject.uid",
            "involvedObject.apiVersion",
            "involvedObject.resourceVersion",
            "involvedObject.fieldPath",
            "reason",
            "reportingComponent",
            "source",
            "type",
        ],
        "Secret" => &["type"],
        "Node" => &["spec.unschedulable"],
        "Namespace" => &["status.phase"],
        "Job" => &["status.successful"],
        "ReplicaSet" | "ReplicationController" => &["status.replicas"],
        "Service" => &["spec.clusterIP", "spec.type"],
        "CertificateSigningRequest" => &["spec.signerName"],
        _ => &[],
    }
}
