//! Rendered text to Kubernetes objects.

use serde_json::Value;

use kudo_package::yaml::{self, Document, Mark, YamlError};

use crate::excerpt::{Excerpt, discreet, ending};

/// Why rendered text does not hold objects. Marks are places in the rendered text.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ObjectError {
    /// The text is not YAML that Kubernetes would read.
    #[error("{template}: rendered text is not valid YAML: {source}{}", ending(.excerpt.as_deref()))]
    Yaml {
        /// Name of the template.
        template: String,
        /// What is wrong and where.
        source: YamlError,
        /// The line.
        excerpt: Option<Box<Excerpt>>,
    },
    /// A document is not a map.
    #[error("{template}: line {} of the rendered text: an object must be a map, found {found}{}", .mark.line, ending(.excerpt.as_deref()))]
    NotAMap {
        /// Name of the template.
        template: String,
        /// Where the document begins.
        mark: Mark,
        /// What it is instead: `a list`, `text` and so on.
        found: &'static str,
        /// The line.
        excerpt: Option<Box<Excerpt>>,
    },
    /// An object lacks a field that every object has.
    #[error("{template}: line {} of the rendered text: object{} has no {field}", .mark.line, described(.object.as_deref()))]
    MissingField {
        /// Name of the template.
        template: String,
        /// Where the document begins.
        mark: Mark,
        /// The object as far as it is known: `Service/web`.
        object: Option<String>,
        /// Path of the field: `apiVersion`, `kind` or `metadata.name`.
        field: &'static str,
    },
    /// A field that every object has as text is something else, as `name: y`, which YAML 1.1 reads as true.
    #[error("{template}: line {} of the rendered text: {field} of object{} must be text, but is {found}; put it in quotes", .mark.line, described(.object.as_deref()))]
    NotText {
        /// Name of the template.
        template: String,
        /// Where the document begins.
        mark: Mark,
        /// The object as far as it is known: `Service`.
        object: Option<String>,
        /// Path of the field: `apiVersion`, `kind` or `metadata.name`.
        field: &'static str,
        /// What it is instead: `a number`, `a boolean` and so on.
        found: &'static str,
    },
}

impl ObjectError {
    /// The same with those of these parameters that stand where it is wrong.
    pub(crate) fn naming(mut self, parameters: &[(&str, &Value)]) -> Self {
        if let Self::Yaml { excerpt, .. } | Self::NotAMap { excerpt, .. } = &mut self {
            *excerpt = excerpt
                .take()
                .map(|excerpt| Box::new(excerpt.naming(parameters)));
        }
        self
    }
}

fn described(object: Option<&str>) -> String {
    object.map(|text| format!(" {text}")).unwrap_or_default()
}

/// Reads the objects in the rendered text of `template`: YAML documents, empty ones skipped, lists
/// flattened as kubectl does. Each must have `apiVersion`, `kind` and `metadata.name`.
pub fn objects(template: &str, text: &str) -> Result<Vec<Value>, ObjectError> {
    let mut objects = Vec::new();
    for document in documents(template, text)? {
        collect(template, text, document.mark, document.value, &mut objects)?;
    }
    Ok(objects)
}

/// Reads the documents in the rendered text of `template`.
pub(crate) fn documents(template: &str, text: &str) -> Result<Vec<Document>, ObjectError> {
    yaml::parse_documents(text).map_err(|source| ObjectError::Yaml {
        template: template.to_owned(),
        excerpt: Excerpt::of(text, &source).map(Box::new),
        source: discreet(text, source),
    })
}

fn collect(
    template: &str,
    text: &str,
    mark: Mark,
    value: Value,
    objects: &mut Vec<Value>,
) -> Result<(), ObjectError> {
    match &value {
        Value::Object(_) => {}
        Value::Null => return Ok(()),
        other => {
            return Err(ObjectError::NotAMap {
                template: template.to_owned(),
                mark,
                found: what(other),
                excerpt: Excerpt::at(text, mark).map(Box::new),
            });
        }
    }
    let absent = |object: Option<String>, field, pointer| {
        let template = template.to_owned();
        match value.pointer(pointer) {
            None | Some(Value::Null | Value::String(_)) => ObjectError::MissingField {
                template,
                mark,
                object,
                field,
            },
            Some(other) => ObjectError::NotText {
                template,
                mark,
                object,
                field,
                found: what(other),
            },
        }
    };
    let field = |pointer: &str| value.pointer(pointer).and_then(Value::as_str);
    let kind = field("/kind").filter(|kind| !kind.is_empty());
    let name = field("/metadata/name").filter(|name| !name.is_empty());
    let described = match (kind, name) {
        (Some(kind), Some(name)) => Some(format!("{kind}/{name}")),
        (Some(kind), None) => Some(kind.to_owned()),
        (None, Some(name)) => Some(name.to_owned()),
        (None, None) => None,
    };
    if field("/apiVersion").is_none_or(str::is_empty) {
        return Err(absent(described, "apiVersion", "/apiVersion"));
    }
    let Some(kind) = kind else {
        return Err(absent(described, "kind", "/kind"));
    };
    if kind.ends_with("List") && value.get("items").is_some_and(Value::is_array) {
        let Some(Value::Array(items)) = value.get("items").cloned() else {
            return Ok(());
        };
        for item in items {
            collect(template, text, mark, item, objects)?;
        }
        return Ok(());
    }
    if name.is_none() {
        return Err(absent(described, "metadata.name", "/metadata/name"));
    }
    objects.push(value);
    Ok(())
}

/// What a value is, for messages that expected something else: `a map`, `text`, `nothing` and so on.
pub fn what(value: &Value) -> &'static str {
    match value {
        Value::Object(_) => "a map",
        Value::Array(_) => "a list",
        Value::String(_) => "text",
        Value::Number(_) => "a number",
        Value::Bool(_) => "a boolean",
        Value::Null => "nothing",
    }
}
