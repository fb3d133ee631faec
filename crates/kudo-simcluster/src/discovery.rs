//! What the server says of itself: versions, groups, resources, `OpenAPI`, health.

use std::fmt::Write as _;

use http::Response;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::http::Call;
use crate::http::answer::{self, Body};
use crate::http::path::Route;
use crate::http::status::Refusal;
use crate::kinds::{Kind, Registry, Shown, api_version};
use crate::schema;

/// The version that the server says to be.
const MINOR: &str = "34";
/// The document of the second version as protocol buffers: its media type, and what older clients
/// call it, which is none.
const BINARY: [&str; 2] = [
    "application/com.github.proto-openapi.spec.v2.v1.0+protobuf",
    "application/com.github.proto-openapi.spec.v2@v1.0+protobuf",
];
const VERSION: &str = "v1.34.0";
/// What of its health the server is asked for, and the parts of each, in order.
const HEALTH: [(&str, &[&str]); 3] = [
    ("healthz", &["ping", "log", "etcd"]),
    ("livez", &["ping", "log", "etcd"]),
    (
        "readyz",
        &["ping", "log", "etcd", "informer-sync", "shutdown"],
    ),
];

impl Call {
    /// Answers a request that is about no resource.
    pub(crate) fn discover(&self, route: &Route) -> Response<Body> {
        let registry = self.server.registry();
        let found = match route {
            Route::Resource(_) => None,
            Route::GroupVersion(group, version) => {
                let found = resources(&registry, group, version);
                if found.is_none() && registry.serves_by_itself(group) {
                    return answer::refusal(&Refusal::no_such_resource());
                }
                found
            }
            Route::Group(group) => group_of(&registry, group),
            Route::Other(path) => return self.other(path, &registry),
        };
        found.map_or_else(answer::no_such_path, |value| answer::json(200, &value))
    }

    fn other(&self, path: &str, registry: &Registry) -> Response<Body> {
        let value = match path {
            "/version" => version(),
            "/api" | "/apis" => {
                let core = path == "/api";
                match self.aggregated() {
                    Some(stage) => {
                        let value = aggregated(registry, core, stage);
                        let media = if stage == "v2" {
                            "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"
                        } else {
                            "application/json;g=apidiscovery.k8s.io;v=v2beta1;as=APIGroupDiscoveryList"
                        };
                        return answer::bytes(200, media, value.to_string());
                    }
                    None if core => core_versions(),
                    None => groups(registry),
                }
            }
            "/openapi/v2" => {
                let document = schema::openapi_v2(&described(registry), VERSION);
                let first = self.accept().split(',').next().unwrap_or_default();
                if BINARY.contains(&first.trim()) {
                    let bytes = schema::openapi_v2_binary(&document);
                    return answer::bytes(200, BINARY[0], bytes);
                }
                document
            }
            "/openapi/v3" => schema::openapi_v3(&described(registry), &registry.serial.to_string()),
            "/" => json!({ "paths": paths(registry) }),
            _ => {
                if let Some(health) = self.health(path) {
                    return answer::text(200, &health);
                }
                let document = path.strip_prefix("/openapi/v3/");
                let found = document
                    .and_then(|name| schema::openapi_v3_of(&described(registry), name, VERSION));
                return found.map_or_else(
                    || answer::json(404, &json!({ "paths": paths(registry) })),
                    |value| answer::json(200, &value),
                );
            }
        };
        answer::json(200, &value)
    }

    /// How the server or a part of it is: whoever can ask is told that it is well.
    fn health(&self, path: &str) -> Option<String> {
        let (check, part) = path[1..].split_once('/').unwrap_or((&path[1..], ""));
        let (_, parts) = HEALTH.iter().find(|(name, _)| *name == check)?;
        if !part.is_empty() {
            return parts.contains(&part).then(|| "ok".to_owned());
        }
        if !self.query.contains("verbose") {
            return Some("ok".to_owned());
        }
        let excluded: Vec<&str> = self.query.all("exclude").collect();
        let mut text = String::new();
        for part in *parts {
            let how = if excluded.contains(part) {
                "excluded: ok"
            } else {
                "ok"
            };
            let _ = writeln!(text, "[+]{part} {how}");
        }
        let _ = writeln!(text, "{check} check passed");
        Some(text)
    }

    /// Whether all groups with their resources are wanted at once, and in which version.
    fn aggregated(&self) -> Option<&'static str> {
        self.accept().split(',').find_map(|part| {
            let wanted =
                part.contains("as=APIGroupDiscoveryList") && part.contains("apidiscovery.k8s.io");
            if wanted && part.contains("v=v2beta1") {
                Some("v2beta1")
            } else if wanted && part.contains("v=v2") {
                Some("v2")
            } else {
                None
            }
        })
    }
}

fn version() -> Value {
    json!({
        "major": "1", "minor": MINOR, "gitVersion": VERSION, "gitCommit": "", "gitTreeState": "clean",
        "buildDate": "1970-01-01T00:00:00Z", "goVersion": "none", "compiler": "rustc",
        "platform": format!("{}/{}", std::env::consts::OS, std::env::consts::ARCH),
    })
}

fn core_versions() -> Value {
    json!({
        "kind": "APIVersions", "versions": ["v1"],
        "serverAddressByClientCIDRs": [{ "clientCIDR": "0.0.0.0/0", "serverAddress": "127.0.0.1" }],
    })
}

fn group(name: &str, versions: &[String]) -> Value {
    let shown: Vec<Value> = versions
        .iter()
        .map(|version| json!({ "groupVersion": api_version(name, version), "version": version }))
        .collect();
    json!({ "name": name, "versions": shown, "preferredVersion": shown.first() })
}

fn groups(registry: &Registry) -> Value {
    let groups: Vec<Value> = registry
        .groups()
        .iter()
        .filter(|(name, _)| !name.is_empty())
        .map(|(name, versions)| group(name, versions))
        .collect();
    json!({ "kind": "APIGroupList", "apiVersion": "v1", "groups": groups })
}

fn group_of(registry: &Registry, name: &str) -> Option<Value> {
    let (_, versions) = registry.groups().iter().find(|(known, _)| known == name)?;
    let mut found = group(name, versions);
    found["kind"] = "APIGroup".into();
    found["apiVersion"] = "v1".into();
    Some(found)
}

fn resources(registry: &Registry, group: &str, version: &str) -> Option<Value> {
    let resources = registry.resources(group, version)?;
    let mut list = Vec::new();
    for shown in resources.values() {
        list.extend(resource(shown));
    }
    Some(json!({
        "kind": "APIResourceList", "apiVersion": "v1",
        "groupVersion": api_version(group, version), "resources": list,
    }))
}

fn verbs(kind: &Kind) -> Vec<&'static str> {
    if kind.strategy.review {
        return vec!["create"];
    }
    let mut verbs = vec![
        "create",
        "delete",
        "deletecollection",
        "get",
        "list",
        "patch",
        "update",
        "watch",
    ];
    if kind.is_custom() {
        verbs = vec![
            "delete",
            "deletecollection",
            "get",
            "list",
            "patch",
            "create",
            "update",
            "watch",
        ];
    }
    match kind.kind.as_str() {
        _ if kind.is_custom() => {}
        "ComponentStatus" => verbs.retain(|verb| ["get", "list"].contains(verb)),
        "Namespace" => verbs.retain(|verb| *verb != "deletecollection"),
        _ => {}
    }
    verbs
}

/// A resource and its subresources, as a list of resources shows them.
fn resource(shown: &Shown) -> Vec<Value> {
    let kind = &shown.kind;
    let mut own = json!({
        "name": kind.plural, "singularName": kind.singular, "namespaced": kind.namespaced,
        "kind": kind.kind, "verbs": verbs(kind),
    });
    if !kind.strategy.review {
        own["storageVersionHash"] = storage_hash(kind).into();
    }
    if !kind.short_names.is_empty() {
        own["shortNames"] = kind.short_names.clone().into();
    }
    if !kind.categories.is_empty() {
        own["categories"] = kind.categories.clone().into();
    }
    let mut list = vec![own];
    for (name, group, version, kind_name, verbs) in subresources(shown) {
        let mut part = json!({
            "name": format!("{}/{name}", kind.plural), "singularName": "",
            "namespaced": kind.namespaced, "kind": kind_name, "verbs": verbs,
        });
        if (group.as_str(), version.as_str()) != (&shown.version().group, &shown.version().version)
        {
            part["group"] = group.into();
            part["version"] = version.into();
        }
        list.push(part);
    }
    if kind.is_custom() {
        // A server lists what it has by definition in the order in which it looks it up.
        list[1..].reverse();
    } else {
        list.sort_by_key(|resource| resource["name"].as_str().map(ToOwned::to_owned));
    }
    list
}

/// Changes when the version that is stored does: clients may know a migration by it.
fn storage_hash(kind: &Kind) -> String {
    use base64::Engine;
    let Some(stored) = kind.versions.first() else {
        return String::new();
    };
    let text = format!("{}/{}/{}", stored.group, stored.version, kind.kind);
    let hash = Sha256::digest(text.as_bytes());
    base64::engine::general_purpose::STANDARD.encode(&hash[..8])
}

type Part = (String, String, String, String, Vec<&'static str>);

fn subresources(shown: &Shown) -> Vec<Part> {
    let version = shown.version();
    let mut parts: Vec<Part> = Vec::new();
    let write = vec!["get", "patch", "update"];
    if version.scale.is_some() {
        let (group, stage) = ("autoscaling".to_owned(), "v1".to_owned());
        parts.push(("scale".into(), group, stage, "Scale".into(), write.clone()));
    }
    if version.status {
        let (group, stage) = (version.group.clone(), version.version.clone());
        parts.push((
            "status".into(),
            group,
            stage,
            shown.kind.kind.clone(),
            write,
        ));
    }
    for (name, group, stage, kind) in version.others {
        let verbs = match *name {
            "log" => vec!["get"],
            "exec" | "attach" | "portforward" => vec!["create", "get"],
            "proxy" => vec!["create", "delete", "get", "patch", "update"],
            "finalize" => vec!["update"],
            "approval" => vec!["get", "patch", "update"],
            _ => vec!["create"],
        };
        let text = |text: &str| text.to_owned();
        parts.push((text(name), text(group), text(stage), text(kind), verbs));
    }
    parts
}

fn aggregated(registry: &Registry, core: bool, stage: &str) -> Value {
    let groups = registry
        .groups()
        .iter()
        .filter(|(name, _)| name.is_empty() == core);
    let items: Vec<Value> = groups
        .map(|(name, versions)| {
            let versions: Vec<Value> = versions
                .iter()
                .map(|version| {
                    let resources = registry.resources(name, version).into_iter().flatten();
                    let resources: Vec<Value> =
                        resources.map(|(_, shown)| discovered(shown)).collect();
                    json!({ "version": version, "resources": resources, "freshness": "Current" })
                })
                .collect();
            let mut metadata = json!({ "creationTimestamp": null });
            if !name.is_empty() {
                metadata["name"] = name.as_str().into();
            }
            json!({ "metadata": metadata, "versions": versions })
        })
        .collect();
    json!({
        "kind": "APIGroupDiscoveryList", "apiVersion": format!("apidiscovery.k8s.io/{stage}"),
        "metadata": {}, "items": items,
    })
}

fn discovered(shown: &Shown) -> Value {
    let kind = &shown.kind;
    let version = shown.version();
    let gvk = |group: &str, version: &str, kind: &str| json!({ "group": group, "version": version, "kind": kind });
    let mut item = json!({
        "resource": kind.plural, "responseKind": gvk(&version.group, &version.version, &kind.kind),
        "scope": if kind.namespaced { "Namespaced" } else { "Cluster" },
        "singularResource": kind.singular, "verbs": verbs(kind),
    });
    if !kind.short_names.is_empty() {
        item["shortNames"] = kind.short_names.clone().into();
    }
    if !kind.categories.is_empty() {
        item["categories"] = kind.categories.clone().into();
    }
    let parts: Vec<Value> = subresources(shown)
        .into_iter()
        .map(|(name, group, stage, kind, verbs)| {
            json!({ "subresource": name, "responseKind": gvk(&group, &stage, &kind), "verbs": verbs })
        })
        .collect();
    if !parts.is_empty() {
        item["subresources"] = parts.into();
    }
    item
}

fn described(registry: &Registry) -> Vec<schema::Resource> {
    let kinds = registry.kinds().iter().filter(|kind| !kind.strategy.review);
    kinds
        .flat_map(|kind| {
            kind.versions.iter().map(|version| schema::Resource {
                group: version.group.clone(),
                version: version.version.clone(),
                kind: kind.kind.clone(),
                plural: kind.plural.clone(),
                namespaced: kind.namespaced,
                schema: version
                    .structural
                    .as_ref()
                    .map(|structural| structural.source().clone()),
            })
        })
        .collect()
}

fn paths(registry: &Registry) -> Vec<String> {
    let mut paths = vec!["/api".to_owned(), "/api/v1".to_owned(), "/apis".to_owned()];
    for (group, versions) in registry
        .groups()
        .iter()
        .filter(|(name, _)| !name.is_empty())
    {
        paths.push(format!("/apis/{group}"));
        paths.extend(
            versions
                .iter()
                .map(|version| format!("/apis/{group}/{version}")),
        );
    }
    for (check, parts) in HEALTH {
        paths.push(format!("/{check}"));
        paths.extend(parts.iter().map(|part| format!("/{check}/{part}")));
    }
    let others = ["/openapi/v2", "/openapi/v3", "/version"];
    paths.extend(others.map(ToOwned::to_owned));
    paths.sort_unstable();
    paths
}
