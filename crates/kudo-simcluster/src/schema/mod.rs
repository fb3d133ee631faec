//! What the fields of objects are: names, types, and how lists and maps are merged.
//!
//! One model, [`Type`], describes built-in kinds (from the catalogue that the crate carries, see
//! [`of`]) and custom resources (from their definition's schema, see [`crate::structural`]). Patches,
//! server-side apply, field validation and the `OpenAPI` documents all go by it. Nothing here does
//! input or output.

mod catalogue;
mod decode;
mod duplicates;
mod openapi;
mod openapi_binary;
mod quantity;
pub(crate) mod time;
mod zero;

use std::collections::BTreeMap;
use std::sync::Arc;

pub(crate) use catalogue::definition_of;
pub use catalogue::{metadata, of};
pub use decode::{DecodeError, decode};
pub use duplicates::duplicate_fields;
pub use openapi::{Resource, openapi_v2, openapi_v3, openapi_v3_of};
pub use openapi_binary::openapi_v2_binary;
pub use quantity::{Quantity, QuantityError};

/// A type, shared; built-in types refer to each other by name, so that they may be recursive.
#[derive(Clone, Debug)]
pub struct TypeRef {
    link: Link,
    /// A field may say otherwise than its type whether the map is one value (`x-kubernetes-map-type`).
    atomic: Option<bool>,
}

#[derive(Clone, Debug)]
enum Link {
    Inline(Arc<Type>),
    Named(Arc<str>),
}

/// What a value is.
#[derive(Clone, Debug, PartialEq)]
pub enum Type {
    /// Anything: its shape is deduced from the value.
    Any,
    /// Text, number or truth value.
    Scalar(Scalar),
    /// An object with declared fields.
    Object(Object),
    /// An object with arbitrary keys.
    Map {
        /// Type of every value.
        values: TypeRef,
        /// Whether server-side apply takes the map as one value.
        atomic: bool,
    },
    /// A list.
    List {
        /// Type of every item.
        items: TypeRef,
        /// How items are told apart.
        topology: Topology,
    },
}

/// Types without parts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scalar {
    /// Text.
    Text,
    /// Base64 text.
    Bytes,
    /// RFC 3339, in seconds.
    Time,
    /// RFC 3339, in microseconds.
    MicroTime,
    /// Signed, of 32 bits.
    Int32,
    /// Signed, of 64 bits.
    Int64,
    /// Any number.
    Float,
    /// True or false.
    Boolean,
    /// A number or text.
    IntOrString,
    /// An amount, such as `500m` or `1Gi`.
    Quantity,
    /// Any scalar (custom resources without a type).
    Untyped,
}

/// How server-side apply tells the items of a list apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Topology {
    /// The list is one value.
    Atomic,
    /// Items are scalars, each once.
    Set,
    /// Items are objects with these key fields.
    Map(Vec<String>),
}

/// An object with declared fields.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Object {
    /// Name of the type in Go, such as `DeploymentSpec`; empty for custom resources.
    pub go_name: Arc<str>,
    /// Its fields.
    pub fields: BTreeMap<String, Field>,
    /// Type of fields that are not declared, where they are kept.
    pub rest: Option<TypeRef>,
    /// Whether server-side apply takes the object as one value.
    pub atomic: bool,
}

/// A declared field.
#[derive(Clone, Debug, PartialEq)]
pub struct Field {
    /// What it holds.
    pub ty: TypeRef,
    /// Whether it must be there.
    pub required: bool,
    /// How a strategic merge patch treats it.
    pub patch: Patch,
    /// The value that a missing key field of a list item stands for.
    pub key_default: Option<serde_json::Value>,
}

/// `x-kubernetes-patch-strategy` and `x-kubernetes-patch-merge-key`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Patch {
    /// Items are merged and not replaced.
    pub merge: bool,
    /// Keys that a patch does not mention in `$retainKeys` are removed.
    pub retain_keys: bool,
    /// Field that tells items apart; lists of scalars have none.
    pub merge_key: Option<String>,
}

impl TypeRef {
    /// A type of its own.
    pub fn new(ty: Type) -> Self {
        Self {
            link: Link::Inline(Arc::new(ty)),
            atomic: None,
        }
    }

    /// The type that allows anything.
    pub fn any() -> Self {
        Self::new(Type::Any)
    }

    /// The type itself.
    pub fn get(&self) -> &Type {
        match &self.link {
            Link::Inline(ty) => ty,
            Link::Named(name) => catalogue::named(name),
        }
    }

    /// The declared object, if it is one.
    pub fn object(&self) -> Option<&Object> {
        match self.get() {
            Type::Object(object) => Some(object),
            _ => None,
        }
    }

    /// The declared field of that name, if it is an object that has it.
    pub fn field(&self, name: &str) -> Option<&Field> {
        self.object()?.fields.get(name)
    }

    /// The type of the value below `key`: of a declared field, of a map's values, or of what is kept
    /// without being declared.
    pub fn child(&self, key: &str) -> Option<&TypeRef> {
        match self.get() {
            Type::Object(object) => object
                .fields
                .get(key)
                .map(|field| &field.ty)
                .or(object.rest.as_ref()),
            Type::Map { values, .. } => Some(values),
            _ => None,
        }
    }

    /// The type of a list's items.
    pub fn items(&self) -> Option<&TypeRef> {
        match self.get() {
            Type::List { items, .. } => Some(items),
            _ => None,
        }
    }

    /// Whether server-side apply takes a value of this type as one, with nothing below it to own.
    pub fn is_atomic(&self) -> bool {
        self.atomic.unwrap_or(match self.get() {
            Type::Object(object) => object.atomic,
            Type::Map { atomic, .. } => *atomic,
            Type::List { topology, .. } => *topology == Topology::Atomic,
            Type::Any => false,
            Type::Scalar(_) => true,
        })
    }
}

impl PartialEq for TypeRef {
    fn eq(&self, other: &Self) -> bool {
        self.atomic == other.atomic
            && match (&self.link, &other.link) {
                (Link::Named(left), Link::Named(right)) => left == right,
                _ => self.get() == other.get(),
            }
    }
}
