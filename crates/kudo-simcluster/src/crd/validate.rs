//! What is wrong with a definition, as far as its own schema does not say.

use std::collections::BTreeSet;

use serde_json::Value;

use super::{beta, is_beta, names, parts, text, texts};
use crate::builtin::{label_1035, subdomain};
use crate::field_error::{FieldError, shown};
use crate::structural::Structural;

const APPROVED: &str = "api-approved.kubernetes.io";
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
    if old.is_none() && *name != *wanted {
        let detail = "must be spec.names.plural+\".\"+spec.group";
        errors.push(FieldError::invalid("metadata.name", name, detail));
    }
    check_group(&spec["group"], &mut errors);
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
    let unknown = match (*preserve == true, beta) {
        (true, _) => Unknown::Kept,
        (false, true) => Unknown::Pruned,
        (false, false) => Unknown::PrunedOfCourse,
    };
    versions(&spec["versions"], &unknown, &mut errors);
    check_names(&spec["names"], &mut errors);
    shared(&spec["versions"], &unknown, &mut errors);
    parts::conversion(&spec["conversion"], &mut errors);
    stored_versions(object, beta, &mut errors);
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
    if let Some(old) = old {
        immutable(spec, old, &mut errors);
    }
    errors
}

/// The versions in which objects may be stored are known, and the one that is written is one of them.
fn stored_versions(object: &Value, beta: bool, errors: &mut Vec<FieldError>) {
    const FIELD: &str = "status.storedVersions";
    let stored = texts(&object["status"]["storedVersions"]);
    if stored.is_empty() {
        let none = if beta { "[]string(nil)" } else { "[]string{}" };
        let detail = "must have at least one stored version";
        errors.push(FieldError::invalid_shown(FIELD, none, detail));
        return;
    }
    let versions = object["spec"]["versions"].as_array().into_iter().flatten();
    let mut names = BTreeSet::new();
    for version in versions {
        let name = text(&version["name"]);
        if version["storage"] == true && !stored.contains(&name) {
            let detail = format!("must have the storage version {name}");
            errors.push(FieldError::invalid(FIELD, version, detail));
        }
        names.insert(name);
    }
    for (index, name) in stored.iter().enumerate() {
        if !names.contains(name) {
            let field = format!("{FIELD}[{index}]");
            let detail = "must appear in spec.versions";
            errors.push(FieldError::invalid(field, &name.as_str().into(), detail));
        }
    }
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

fn check_group(group: &Value, errors: &mut Vec<FieldError>) {
    const FIELD: &str = "spec.group";
    let said = text(group);
    let faults = subdomain(&said);
    if said.is_empty() {
        errors.push(FieldError::required(FIELD, ""));
    } else if !faults.is_empty() {
        errors.push(FieldError::invalid(FIELD, group, faults.join(",")));
    } else if !said.contains('.') {
        let detail = "should be a domain with at least one dot";
        errors.push(FieldError::invalid(FIELD, group, detail));
    }
}

/// What all versions say alike, if they do: it is told of once, as if it stood beside them.
fn alike<'a>(versions: &'a [Value], of: impl Fn(&'a Value) -> &'a Value) -> Option<&'a Value> {
    let first = of(versions.first()?);
    let is_shared = !first.is_null() && versions.iter().all(|version| of(version) == first);
    is_shared.then_some(first)
}

fn schema_of(version: &Value) -> &Value {
    &version["schema"]["openAPIV3Schema"]
}

/// What is wrong with what all versions share.
fn shared(versions: &Value, unknown: &Unknown, errors: &mut Vec<FieldError>) {
    let versions = versions.as_array().map_or(&[][..], Vec::as_slice);
    if let Some(schema) = alike(versions, schema_of) {
        let status = versions
            .iter()
            .any(|version| version["subresources"]["status"].is_object());
        let field = "spec.validation.openAPIV3Schema";
        check_schema(schema, status, field, unknown, errors);
    }
    if let Some(shared) = alike(versions, |version| &version["subresources"]) {
        parts::subresources(shared, "spec.subresources", errors);
    }
    if let Some(shared) = alike(versions, |version| &version["additionalPrinterColumns"]) {
        parts::columns(shared, "spec.additionalPrinterColumns", errors);
    }
}

fn check_schema(
    schema: &Value,
    status: bool,
    field: &str,
    unknown: &Unknown,
    errors: &mut Vec<FieldError>,
) {
    parts::root(schema, status, field, errors);
    if !matches!(unknown, Unknown::Kept) {
        errors.extend(Structural::compile(schema, field).err().unwrap_or_default());
    }
}

fn versions(versions: &Value, unknown: &Unknown, errors: &mut Vec<FieldError>) {
    let versions = versions.as_array().map_or(&[][..], Vec::as_slice);
    let one_schema = alike(versions, schema_of).is_some();
    let one_subresources = alike(versions, |version| &version["subresources"]).is_some();
    let one_columns = alike(versions, |version| &version["additionalPrinterColumns"]).is_some();
    for (index, version) in versions.iter().enumerate() {
        let path = format!("spec.versions[{index}]");
        let faults = label_1035(&text(&version["name"]));
        if !faults.is_empty() {
            let field = format!("{path}.name");
            errors.push(FieldError::invalid(
                field,
                &version["name"],
                faults.join(","),
            ));
        }
        parts::warning(version, &path, errors);
        if !one_schema {
            let field = format!("{path}.schema.openAPIV3Schema");
            match (schema_of(version), unknown) {
                (Value::Null, Unknown::Kept) => {}
                (Value::Null, Unknown::Pruned) => {
                    let detail = "because otherwise all fields are pruned";
                    errors.push(FieldError::required(field, detail));
                }
                (Value::Null, Unknown::PrunedOfCourse) => {
                    errors.push(FieldError::required(field, "schemas are required"));
                }
                (schema, _) => {
                    let status = version["subresources"]["status"].is_object();
                    check_schema(schema, status, &field, unknown, errors);
                }
            }
        }
        if !one_subresources {
            parts::subresources(
                &version["subresources"],
                &format!("{path}.subresources"),
                errors,
            );
        }
        if !one_columns {
            let field = format!("{path}.additionalPrinterColumns");
            parts::columns(&version["additionalPrinterColumns"], &field, errors);
        }
        parts::selectable_fields(version, &path, errors);
    }
    let mut refuse = |detail: &str| {
        let list: Vec<String> = versions.iter().map(version_text).collect();
        let list = match (list.join(", "), unknown) {
            (list, Unknown::Kept | Unknown::Pruned) if list.is_empty() => "(nil)".to_owned(),
            (list, _) => format!("{{{list}}}"),
        };
        let value = format!("[]apiextensions.CustomResourceDefinitionVersion{list}");
        errors.push(FieldError::invalid_shown("spec.versions", value, detail));
    };
    let name = |index: usize| versions.get(index).map(|version| &version["name"]);
    if (1..versions.len()).any(|index| (0..index).any(|other| name(other) == name(index))) {
        refuse("must contain unique version names");
    }
    let stored = versions.iter().filter(|version| version["storage"] == true);
    if stored.count() != 1 {
        refuse("must have exactly one version marked as storage version");
    }
    let first = versions
        .first()
        .map_or(&Value::Null, |version| &version["name"]);
    let faults = label_1035(&text(first));
    if !text(first).is_empty() && !faults.is_empty() {
        errors.push(FieldError::invalid("spec.version", first, faults.join(",")));
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
    let field = |name: &str| format!("spec.names.{name}");
    for name in ["plural", "singular", "kind", "listKind"] {
        if text(&names[name]).is_empty() {
            errors.push(FieldError::required(field(name), ""));
        }
    }
    for name in ["plural", "singular"] {
        if !text(&names[name]).is_empty() {
            check_label(&field(name), &names[name], errors);
        }
    }
    for name in ["kind", "listKind"] {
        let said = text(&names[name]);
        let faults = label_1035(&said.to_lowercase());
        if !said.is_empty() && !faults.is_empty() {
            let detail = format!(
                "may have mixed case, but should otherwise match: {}",
                faults.join(",")
            );
            errors.push(FieldError::invalid(field(name), &names[name], detail));
        }
    }
    for (index, name) in list(&names["shortNames"]).enumerate() {
        check_label(&field(&format!("shortNames[{index}]")), name, errors);
    }
    if !text(&names["kind"]).is_empty() && names["kind"] == names["listKind"] {
        let detail = "kind and listKind may not be the same";
        errors.push(FieldError::invalid(
            field("listKind"),
            &names["listKind"],
            detail,
        ));
    }
    for (index, name) in list(&names["categories"]).enumerate() {
        check_label(&field(&format!("categories[{index}]")), name, errors);
    }
}

fn check_label(field: &str, value: &Value, errors: &mut Vec<FieldError>) {
    let faults = label_1035(&text(value));
    if !faults.is_empty() {
        errors.push(FieldError::invalid(field, value, faults.join(",")));
    }
}

fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}
