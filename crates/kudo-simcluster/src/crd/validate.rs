//! What is wrong with a definition, as far as its own schema does not say.

use serde_json::Value;

use super::{beta, is_beta, names, text};
use crate::field_error::{FieldError, shown};
use crate::structural::Structural;

const APPROVED: &str = "api-approved.kubernetes.io";
const LABEL: &str = "a DNS-1035 label must consist of lower case alphanumeric characters or '-', \
                     start with an alphabetic character, and end with an alphanumeric character \
                     (e.g. 'my-name',  or 'abc-123', regex used for validation is \
                     '[a-z]([-a-z0-9]*[a-z0-9])?')";

/// What is wrong with a new definition, or with one that was `old` before.
pub(crate) fn validate(object: &Value, old: Option<&Value>) -> Vec<FieldError> {
    if is_beta(object) {
        let mut errors = beta::validate(object);
        let [object, old] = [Some(object), old].map(|object| {
            let mut object = object.cloned()?;
            beta::to_v1(&mut object);
            Some(object)
        });
        let object = object.unwrap_or_default();
        errors.extend(validate_v1(&object, old.as_ref(), true));
        return errors;
    }
    validate_v1(object, old, false)
}

fn validate_v1(object: &Value, old: Option<&Value>, beta: bool) -> Vec<FieldError> {
    let mut errors = Vec::new();
    let spec = &object["spec"];
    let group = text(&spec["group"]);
    let wanted = format!("{}.{group}", text(&spec["names"]["plural"]));
    let name = &object["metadata"]["name"];
    if old.is_none() && *name != *wanted && !group.is_empty() {
        let detail = "must be spec.names.plural+\".\"+spec.group";
        errors.push(FieldError::invalid("metadata.name", name, detail));
    }
    match &spec["scope"] {
        Value::String(scope) if scope == "Cluster" || scope == "Namespaced" => {}
        Value::String(scope) if !scope.is_empty() => {
            let known = ["Cluster", "Namespaced"];
            errors.push(FieldError::not_supported(
                "spec.scope",
                &spec["scope"],
                &known,
            ));
        }
        _ => errors.push(FieldError::required("spec.scope", "")),
    }
    let preserve = &spec["preserveUnknownFields"];
    let before = old.map(|old| &old["spec"]["preserveUnknownFields"]);
    if *preserve == true && !beta && before.is_none_or(|before| *before != true) {
        let detail = "cannot set to true, set x-preserve-unknown-fields to true in \
                      spec.versions[*].schema instead";
        errors.push(FieldError::invalid(
            "spec.preserveUnknownFields",
            preserve,
            detail,
        ));
    }
    let unknown = match (*preserve == true, beta) {
        (true, _) => Unknown::Kept,
        (false, true) => Unknown::Pruned,
        (false, false) => Unknown::PrunedOfCourse,
    };
    versions(&spec["versions"], &unknown, &mut errors);
    let stored = object["status"]["storedVersions"].as_array();
    if stored.is_none_or(Vec::is_empty) {
        let detail = "must have at least one stored version";
        let none = if beta { "[]string(nil)" } else { "[]string{}" };
        errors.push(FieldError::invalid_shown(
            "status.storedVersions",
            none,
            detail,
        ));
    }
    check_names(&spec["names"], &mut errors);
    let is_approved = !text(&object["metadata"]["annotations"][APPROVED]).is_empty();
    let is_protected = [".k8s.io", ".kubernetes.io"]
        .iter()
        .any(|end| group.ends_with(end));
    if is_protected && !is_approved && old.is_none() && !beta {
        let detail = format!(
            "protected groups must have approval annotation {APPROVED:?}, see \
             https://github.com/kubernetes/enhancements/pull/1111"
        );
        let field = format!("metadata.annotations[{APPROVED}]");
        errors.push(FieldError::required(field, detail));
    }
    if let Some(old) = old {
        immutable(spec, old, &mut errors);
    }
    errors
}

/// What is stored under a name keeps it.
fn immutable(spec: &Value, old: &Value, errors: &mut Vec<FieldError>) {
    let before = &old["spec"];
    let mut keep = |field: &str, new: &Value, known: &Value| {
        if new != known {
            errors.push(FieldError::invalid(field, new, "field is immutable"));
        }
    };
    if names::is_established(old) {
        keep("spec.group", &spec["group"], &before["group"]);
        keep("spec.scope", &spec["scope"], &before["scope"]);
        keep(
            "spec.names.kind",
            &spec["names"]["kind"],
            &before["names"]["kind"],
        );
    }
    keep(
        "spec.names.plural",
        &spec["names"]["plural"],
        &before["names"]["plural"],
    );
}

/// What becomes of fields that no schema knows.
enum Unknown {
    /// They stay, and schemas may be left out.
    Kept,
    /// They go, as the definition says.
    Pruned,
    /// They go, as they always do in the newer version.
    PrunedOfCourse,
}

fn versions(versions: &Value, unknown: &Unknown, errors: &mut Vec<FieldError>) {
    let versions = versions.as_array().map_or(&[][..], Vec::as_slice);
    let stored = versions.iter().filter(|version| version["storage"] == true);
    let is_beta = !matches!(unknown, Unknown::PrunedOfCourse);
    if (is_beta || !versions.is_empty()) && stored.count() != 1 {
        let detail = "must have exactly one version marked as storage version";
        let list: Vec<String> = versions.iter().map(version_text).collect();
        let value = match list.join(", ") {
            list if list.is_empty() => "(nil)".to_owned(),
            list => format!("{{{list}}}"),
        };
        let value = format!("[]apiextensions.CustomResourceDefinitionVersion{value}");
        errors.push(FieldError::invalid_shown("spec.versions", value, detail));
    }
    if matches!(unknown, Unknown::Kept) {
        return;
    }
    let schema = |version: &Value| version["schema"]["openAPIV3Schema"].clone();
    // A schema that all versions share is told of once.
    let first = versions.first().map(schema).unwrap_or_default();
    let is_shared = !first.is_null() && versions.iter().all(|version| schema(version) == first);
    if is_shared {
        let field = "spec.validation.openAPIV3Schema";
        errors.extend(Structural::compile(&first, field).err().unwrap_or_default());
        return;
    }
    for (index, version) in versions.iter().enumerate() {
        let field = format!("spec.versions[{index}].schema.openAPIV3Schema");
        let schema = schema(version);
        if schema.is_null() {
            let detail = match unknown {
                Unknown::Pruned => "because otherwise all fields are pruned",
                _ => "schemas are required",
            };
            errors.push(FieldError::required(field, detail));
        } else {
            errors.extend(
                Structural::compile(&schema, &field)
                    .err()
                    .unwrap_or_default(),
            );
        }
    }
}

/// A version as Go shows it, without what it points to.
fn version_text(version: &Value) -> String {
    let is = |field: &str| version[field] == true;
    format!(
        "apiextensions.CustomResourceDefinitionVersion{{Name:{}, Served:{}, Storage:{}, \
         Deprecated:{}, DeprecationWarning:(*string)(nil), \
         Schema:(*apiextensions.CustomResourceValidation)(nil), \
         Subresources:(*apiextensions.CustomResourceSubresources)(nil), \
         AdditionalPrinterColumns:[]apiextensions.CustomResourceColumnDefinition(nil), \
         SelectableFields:[]apiextensions.SelectableField(nil)}}",
        shown(&version["name"]),
        is("served"),
        is("storage"),
        is("deprecated"),
    )
}

fn check_names(names: &Value, errors: &mut Vec<FieldError>) {
    let plural = text(&names["plural"]);
    if !plural.is_empty() && !is_label(&plural) {
        errors.push(FieldError::invalid(
            "spec.names.plural",
            &names["plural"],
            LABEL,
        ));
    }
    let singular = text(&names["singular"]);
    if !singular.is_empty() && !is_label(&singular) {
        errors.push(FieldError::invalid(
            "spec.names.singular",
            &names["singular"],
            LABEL,
        ));
    }
    for field in ["kind", "listKind"] {
        let name = text(&names[field]);
        if !name.is_empty() && !is_label(&name.to_lowercase()) {
            let detail = format!("may have mixed case, but should otherwise match: {LABEL}");
            let field_path = format!("spec.names.{field}");
            errors.push(FieldError::invalid(field_path, &names[field], detail));
        }
    }
    if !text(&names["kind"]).is_empty() && names["kind"] == names["listKind"] {
        let detail = "kind and listKind may not be the same";
        errors.push(FieldError::invalid(
            "spec.names.listKind",
            &names["listKind"],
            detail,
        ));
    }
}

fn is_label(name: &str) -> bool {
    let edge = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_alphanumeric);
    let bytes = name.as_bytes();
    name.len() <= 63
        && bytes.first().is_some_and(u8::is_ascii_lowercase)
        && edge(bytes.last())
        && bytes
            .iter()
            .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || *byte == b'-')
}
