//! Paths to values.

use std::collections::BTreeMap;

use super::exec::{Fault, State};
use super::node::{Path, Root};
use crate::budget::Failure;
use crate::value::{Text, Value};

/// A context: what names mean at a place of the template.
#[derive(Debug, Clone)]
pub(super) struct Scope {
    pub(super) context: Value,
    /// `@index` and its like.
    pub(super) data: BTreeMap<&'static str, Value>,
    /// Block parameters with their values.
    pub(super) params: Vec<(String, Value)>,
    /// Whether `../` stops here: blocks such as `if` have no context of their own.
    pub(super) opens_context: bool,
}

impl Scope {
    pub(super) fn new(context: Value) -> Self {
        Self {
            context,
            data: BTreeMap::new(),
            params: Vec::new(),
            opens_context: true,
        }
    }
}

impl State<'_> {
    /// The value of a path; that there is none is the fault.
    pub(super) fn resolve(&self, path: &Path) -> Result<Value, Fault> {
        let (base, segments) = match path.root {
            Root::Data => self.data(path)?,
            Root::Context | Root::This => self.base(path)?,
        };
        let mut value = base;
        for segment in segments {
            value = field(&value, segment)?;
        }
        Ok(value)
    }

    /// The value that a path begins at, and the segments that are left.
    fn base<'p>(&self, path: &'p Path) -> Result<(Value, &'p [String]), Fault> {
        if let (Root::Context, 0, Some((first, rest))) =
            (path.root, path.up, path.segments.split_first())
        {
            let scopes = self.scopes.iter().rev();
            let mut params = scopes.flat_map(|scope| scope.params.iter().rev());
            if let Some((_, value)) = params.find(|(name, _)| name == first) {
                return Ok((value.clone(), rest));
            }
        }
        let mut contexts = self.scopes.iter().rev().filter(|scope| scope.opens_context);
        let scope = contexts.nth(path.up);
        let scope = scope.ok_or_else(|| Fault::from("there is no context that far up"))?;
        Ok((scope.context.clone(), &path.segments))
    }

    fn data<'p>(&self, path: &'p Path) -> Result<(Value, &'p [String]), Fault> {
        let Some((name, rest)) = path.segments.split_first() else {
            return Err(Fault::from("@ needs a name"));
        };
        if name == "root" {
            return Ok((self.root().clone(), rest));
        }
        let scopes = self.scopes.iter().rev();
        let mut known = scopes.filter_map(|scope| scope.data.get(name.as_str()));
        match known.nth(path.up) {
            Some(value) => Ok((value.clone(), rest)),
            None => Err(Fault::from(format!("there is no @{name} here"))),
        }
    }

    /// Whether the innermost context or a block parameter has this name.
    pub(super) fn is_known(&self, name: &str) -> bool {
        let params = self.scopes.iter().flat_map(|scope| &scope.params);
        if params.clone().any(|(param, _)| param == name) {
            return true;
        }
        let scope = self.scopes.iter().rfind(|scope| scope.opens_context);
        match scope.map(|scope| &scope.context) {
            Some(Value::Map(map)) => map.contains(name.as_bytes()),
            _ => false,
        }
    }
}

/// Reads a field of a map or struct, an element of a list.
fn field(value: &Value, name: &str) -> Result<Value, Fault> {
    match value {
        Value::Map(map) => {
            if let Some(value) = map.get(name.as_bytes()) {
                return Ok(value);
            }
            let keys = map.keys();
            let keys: Vec<_> = keys.iter().map(Text::to_str).collect();
            let nearest = kudo_package::suggest::nearest(name, keys.iter().map(AsRef::as_ref));
            Err(Fault {
                failure: Failure::new(format!("there is no {name:?}")),
                nearest: nearest.map(str::to_owned),
            })
        }
        Value::List(list) => {
            if name == "length" {
                return Ok(Value::size(list.len()));
            }
            let item = name
                .parse()
                .ok()
                .and_then(|index: usize| list.items().get(index));
            item.cloned()
                .ok_or_else(|| Fault::from(format!("the list has no element {name:?}")))
        }
        Value::Object(object) => {
            if let Some(value) = object.field(name) {
                return Ok(value);
            }
            if object.method(name) == Some(0) {
                return Ok(object.call(name, &[])?);
            }
            Err(Fault::from(format!(
                "{} has no {name:?}",
                object.type_name()
            )))
        }
        other => {
            let type_name = if other.is_nil() {
                "null"
            } else {
                other.type_name()
            };
            Err(Fault::from(format!("{type_name} has no {name:?}")))
        }
    }
}
