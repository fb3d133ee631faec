//! The `OpenAPI` documents that a server with given resources answers with.

use serde_json::{Map, Value, json};

use super::catalogue::{definitions, descriptions};

/// A resource as the documents tell of it.
#[derive(Clone, Debug)]
pub struct Resource {
    /// Group; empty for the core group.
    pub group: String,
    /// Version.
    pub version: String,
    /// Kind.
    pub kind: String,
    /// Name in paths, such as `deployments`.
    pub plural: String,
    /// Whether its objects live in namespaces.
    pub namespaced: bool,
    /// The schema of a custom resource; built-in kinds have theirs in the catalogue.
    pub schema: Option<Value>,
}

impl Resource {
    fn group_version(&self) -> String {
        if self.group.is_empty() {
            format!("api/{}", self.version)
        } else {
            format!("apis/{}/{}", self.group, self.version)
        }
    }

    /// Name of a custom resource's definition: the group turned around, version and kind.
    fn definition(&self) -> String {
        let group: Vec<&str> = self.group.rsplit('.').collect();
        format!("{}.{}.{}", group.join("."), self.version, self.kind)
    }

    fn gvk(&self) -> Value {
        json!({ "group": self.group, "version": self.version, "kind": self.kind })
    }
}

/// `GET /openapi/v2` of a server with these resources.
pub fn openapi_v2(resources: &[Resource], version: &str) -> Value {
    let mut all = described();
    for resource in resources {
        add_custom(&mut all, resource);
    }
    let mut paths = Map::new();
    for resource in resources {
        add_paths(&mut paths, resource, &all, Dialect::V2);
    }
    json!({
        "swagger": "2.0",
        "info": { "title": "Kubernetes", "version": version },
        "paths": paths,
        "definitions": all,
    })
}

/// `GET /openapi/v3`: where the documents of the groups are. The hash lets clients keep them.
pub fn openapi_v3(resources: &[Resource], hash: &str) -> Value {
    let paths: Map<String, Value> = resources
        .iter()
        .map(Resource::group_version)
        .map(|name| {
            let url = format!("/openapi/v3/{name}?hash={hash}");
            (name, json!({ "serverRelativeURL": url }))
        })
        .collect();
    json!({ "paths": paths })
}

/// `GET /openapi/v3/<group_version>`, such as `api/v1` or `apis/apps/v1`; `None` if no resource is in it.
pub fn openapi_v3_of(resources: &[Resource], group_version: &str, version: &str) -> Option<Value> {
    let own: Vec<&Resource> = resources
        .iter()
        .filter(|resource| resource.group_version() == group_version)
        .collect();
    if own.is_empty() {
        return None;
    }
    let mut all = described();
    for resource in &own {
        add_custom(&mut all, resource);
    }
    let mut paths = Map::new();
    let mut wanted = Vec::new();
    for resource in &own {
        add_paths(&mut paths, resource, &all, Dialect::V3);
        wanted.extend(definition_of(&all, resource));
    }
    let mut schemas = Map::new();
    while let Some(name) = wanted.pop() {
        if schemas.contains_key(&name) {
            continue;
        }
        let Some(mut schema) = all.get(&name).cloned() else {
            continue;
        };
        turn_references(&mut schema, &mut wanted);
        schemas.insert(name, schema);
    }
    Some(json!({
        "openapi": "3.0.0",
        "info": { "title": "Kubernetes", "version": version },
        "paths": paths,
        "components": { "schemas": schemas },
    }))
}

#[derive(Clone, Copy, PartialEq)]
enum Dialect {
    V2,
    V3,
}

/// The built-in definitions with their descriptions.
fn described() -> Map<String, Value> {
    let mut all = definitions();
    let words = descriptions();
    for (name, definition) in &mut all {
        let Some(texts) = words.get(name).and_then(Value::as_object) else {
            continue;
        };
        for (field, text) in texts {
            let place = if field.is_empty() {
                Some(&mut *definition)
            } else {
                definition["properties"].get_mut(field)
            };
            if let Some(Value::Object(place)) = place {
                place.insert("description".to_owned(), text.clone());
            }
        }
    }
    all
}

fn add_custom(all: &mut Map<String, Value>, resource: &Resource) {
    let Some(schema) = &resource.schema else {
        return;
    };
    let mut schema = schema.clone();
    let text = |words: &str| json!({ "type": "string", "description": words });
    let metadata = "#/definitions/io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta";
    if let Some(map) = schema.as_object_mut() {
        let properties = map
            .entry("properties")
            .or_insert_with(|| Value::Object(Map::new()));
        properties["apiVersion"] =
            text("The version of the schema of this representation of an object.");
        properties["kind"] = text("The kind of object that this is.");
        properties["metadata"] = json!({ "$ref": metadata });
        map.insert(
            "x-kubernetes-group-version-kind".to_owned(),
            json!([resource.gvk()]),
        );
    }
    all.insert(resource.definition(), schema);
}

/// Name of the definition of a resource's objects.
fn definition_of(all: &Map<String, Value>, resource: &Resource) -> Option<String> {
    if resource.schema.is_some() {
        return Some(resource.definition());
    }
    let gvk = resource.gvk();
    all.iter()
        .find(|(_, definition)| {
            definition["x-kubernetes-group-version-kind"]
                .as_array()
                .is_some_and(|list| list.contains(&gvk))
        })
        .map(|(name, _)| name.clone())
}

/// The paths of a resource, with as much of the operations as clients look at: the kind, and for
/// writes the parameters that they may use.
fn add_paths(
    paths: &mut Map<String, Value>,
    resource: &Resource,
    all: &Map<String, Value>,
    dialect: Dialect,
) {
    let scope = if resource.namespaced {
        "namespaces/{namespace}/"
    } else {
        ""
    };
    let collection = format!("/{}/{scope}{}", resource.group_version(), resource.plural);
    let name = definition_of(all, resource).unwrap_or_default();
    let operation = |action: &str, write: bool| {
        let parameters: &[&str] = if write {
            &["dryRun", "fieldManager", "fieldValidation"]
        } else {
            &[]
        };
        let mut parameters: Vec<Value> = parameters
            .iter()
            .map(|name| query(name, "string", dialect))
            .collect();
        if action == "patch" {
            parameters.push(query("force", "boolean", dialect));
        }
        let response = match dialect {
            Dialect::V2 => json!({ "description": "OK",
                "schema": { "$ref": format!("#/definitions/{name}") } }),
            Dialect::V3 => json!({ "description": "OK", "content": { "application/json":
                { "schema": { "$ref": format!("#/components/schemas/{name}") } } } }),
        };
        json!({
            "parameters": parameters,
            "responses": { "200": response },
            "x-kubernetes-action": action,
            "x-kubernetes-group-version-kind": resource.gvk(),
        })
    };
    paths.insert(
        collection.clone(),
        json!({ "get": operation("list", false), "post": operation("post", true) }),
    );
    paths.insert(
        format!("{collection}/{{name}}"),
        json!({
            "get": operation("get", false),
            "put": operation("put", true),
            "patch": operation("patch", true),
            "delete": operation("delete", false),
        }),
    );
}

fn query(name: &str, ty: &str, dialect: Dialect) -> Value {
    match dialect {
        Dialect::V2 => json!({ "name": name, "in": "query", "type": ty, "uniqueItems": true }),
        Dialect::V3 => {
            json!({ "name": name, "in": "query", "schema": { "type": ty, "uniqueItems": true } })
        }
    }
}

/// Version 3 keeps schemas in another place; a reference with anything beside it is wrapped.
fn turn_references(schema: &mut Value, wanted: &mut Vec<String>) {
    match schema {
        Value::Object(map) => {
            for value in map.values_mut() {
                turn_references(value, wanted);
            }
            let Some(Value::String(reference)) = map.get("$ref") else {
                return;
            };
            let Some(name) = reference.strip_prefix("#/definitions/") else {
                return;
            };
            wanted.push(name.to_owned());
            let turned = json!({ "$ref": format!("#/components/schemas/{name}") });
            map.remove("$ref");
            if map.is_empty() {
                *schema = turned;
            } else {
                map.insert("allOf".to_owned(), json!([turned]));
            }
        }
        Value::Array(list) => {
            for value in list {
                turn_references(value, wanted);
            }
        }
        _ => {}
    }
}
