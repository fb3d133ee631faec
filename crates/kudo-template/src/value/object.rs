//! Values of Go types that have methods or fields of their own.

use std::fmt;

use super::Value;
use crate::budget::Failure;

/// A value of a Go struct type, seen through its methods and fields.
pub(crate) trait Object: fmt::Debug {
    /// The name of the type, as `%T` prints it.
    fn type_name(&self) -> &'static str;

    /// The name of the kind: `struct` or `ptr`.
    fn kind_name(&self) -> &'static str;

    /// The value as `%v` prints it.
    fn display(&self) -> String;

    /// Whether [`display`](Self::display) is a `String` method.
    fn has_string_method(&self) -> bool {
        true
    }

    /// Reads an exported field.
    fn field(&self, name: &str) -> Option<Value> {
        let _ = name;
        None
    }

    /// Number of arguments of a method, if it exists.
    fn method(&self, name: &str) -> Option<usize> {
        let _ = name;
        None
    }

    /// Calls a method that exists, with as many arguments as it takes.
    fn call(&self, name: &str, arguments: &[Value]) -> Result<Value, Failure> {
        let _ = arguments;
        Err(Failure::new(format!("no method {name}")))
    }

    /// The value as JSON encodes it.
    fn json(&self) -> serde_json::Value {
        serde_json::Value::String(self.display())
    }

    /// The object itself, for functions that take its type.
    fn as_any(&self) -> &dyn std::any::Any;

    /// Whether the other object is equal in depth.
    fn equals(&self, other: &dyn Object) -> bool {
        self.type_name() == other.type_name() && self.display() == other.display()
    }
}

/// Sprig's `certificate`: a certificate and its private key in PEM.
#[derive(Debug, Clone)]
pub(crate) struct Certificate {
    pub(crate) cert: String,
    pub(crate) key: String,
}

impl Object for Certificate {
    fn type_name(&self) -> &'static str {
        "sprig.certificate"
    }

    fn kind_name(&self) -> &'static str {
        "struct"
    }

    fn display(&self) -> String {
        format!("{{{} {}}}", self.cert, self.key)
    }

    fn has_string_method(&self) -> bool {
        false
    }

    fn field(&self, name: &str) -> Option<Value> {
        match name {
            "Cert" => Some(self.cert.as_str().into()),
            "Key" => Some(self.key.as_str().into()),
            _ => None,
        }
    }

    fn json(&self) -> serde_json::Value {
        serde_json::json!({ "Cert": self.cert, "Key": self.key })
    }

    fn as_any(&self) -> &dyn std::any::Any {
        self
    }
}
