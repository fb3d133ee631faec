//! Schema fragments that a derive cannot give: types of the Kubernetes API and closed word lists.

use schemars::{Schema, SchemaGenerator, json_schema};

/// A reference to another object, as `core/v1` has it.
pub(crate) fn object_reference(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "object",
        "properties": {
            "apiVersion": { "type": "string", "description": "API version of the referent." },
            "fieldPath": {
                "type": "string",
                "description": "A piece of the object rather than the entire object, such as spec.containers[2]."
            },
            "kind": { "type": "string", "description": "Kind of the referent." },
            "name": { "type": "string", "description": "Name of the referent." },
            "namespace": { "type": "string", "description": "Namespace of the referent." },
            "resourceVersion": {
                "type": "string",
                "description": "The resourceVersion this reference is made to, if any."
            },
            "uid": { "type": "string", "description": "UID of the referent." }
        }
    })
}

/// A list of references.
pub(crate) fn object_references(generator: &mut SchemaGenerator) -> Schema {
    let reference = object_reference(generator);
    json_schema!({ "type": "array", "items": reference })
}

/// A point in time in RFC 3339, or `null` as upstream wrote for a plan that never ran.
pub(crate) fn nullable_time(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "type": "string", "format": "date-time", "nullable": true })
}

/// The standard list of conditions, one of each type.
pub(crate) fn conditions(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "array",
        "x-kubernetes-list-type": "map",
        "x-kubernetes-list-map-keys": ["type"],
        "items": {
            "type": "object",
            "description": "One aspect of the instance's state.",
            "required": ["lastTransitionTime", "message", "reason", "status", "type"],
            "properties": {
                "lastTransitionTime": {
                    "type": "string",
                    "format": "date-time",
                    "description": "When the condition last changed from one status to another."
                },
                "message": {
                    "type": "string",
                    "maxLength": 32768,
                    "description": "What the condition means here, for people; may be empty."
                },
                "observedGeneration": {
                    "type": "integer",
                    "format": "int64",
                    "minimum": 0,
                    "description": "The metadata.generation that the condition was set for."
                },
                "reason": {
                    "type": "string",
                    "minLength": 1,
                    "maxLength": 1024,
                    "pattern": "^[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?$",
                    "description": "Why the condition has its status, in one CamelCase word."
                },
                "status": {
                    "type": "string",
                    "enum": ["True", "False", "Unknown"],
                    "description": "Whether the condition holds."
                },
                "type": {
                    "type": "string",
                    "maxLength": 316,
                    "pattern": "^([a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*/)?(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])$",
                    "description": "Which aspect: Ready, Accepted."
                }
            }
        }
    })
}
