//! `cargo xtask layers`: dependencies point one way.
//!
//! [`LAYERS`] is the architecture, written down once: for each crate of the workspace the crates of
//! the workspace it may use, and the outside crates it must not know of. Only normal edges count;
//! tests and build scripts may reach further.

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

/// What one crate may depend on.
struct Layer {
    name: &'static str,
    /// Crates of the workspace that it may use.
    may_use: &'static [&'static str],
    /// Outside crates that it must stay ignorant of.
    must_not_know: &'static [&'static str],
}

const CLUSTER: &[&str] = &[
    "kube",
    "k8s-openapi",
    "tokio",
    "kube-client",
    "kube-runtime",
    "hyper",
];

const LAYERS: &[Layer] = &[
    Layer {
        name: "kudo-package",
        may_use: &[],
        must_not_know: CLUSTER,
    },
    Layer {
        name: "kudo-template",
        may_use: &["kudo-package"],
        must_not_know: CLUSTER,
    },
    Layer {
        name: "kudo-repository",
        may_use: &["kudo-package"],
        must_not_know: &["kube", "tokio", "clap"],
    },
    Layer {
        name: "kudo-plan",
        may_use: &["kudo-package"],
        must_not_know: CLUSTER,
    },
    Layer {
        name: "kudo-api",
        may_use: &["kudo-package"],
        must_not_know: &["tokio"],
    },
    Layer {
        name: "kudo-kube",
        may_use: &["kudo-package", "kudo-template", "kudo-plan", "kudo-api"],
        must_not_know: &["clap"],
    },
    Layer {
        name: "kudo-controller",
        may_use: &[
            "kudo-package",
            "kudo-template",
            "kudo-plan",
            "kudo-api",
            "kudo-kube",
        ],
        must_not_know: &["indicatif", "tabled"],
    },
    Layer {
        name: "kudo-simcluster",
        may_use: &[],
        must_not_know: &["clap"],
    },
    Layer {
        name: "kudo-kuttl",
        may_use: &["kudo-package", "kudo-template", "kudo-kube"],
        must_not_know: &["clap", "indicatif"],
    },
    Layer {
        name: "kudo-cli",
        may_use: &[
            "kudo-package",
            "kudo-template",
            "kudo-plan",
            "kudo-api",
            "kudo-kube",
            "kudo-repository",
            "kudo-kuttl",
            "kudo-simcluster",
        ],
        must_not_know: &["axum", "prometheus-client"],
    },
    Layer {
        name: "kudo",
        may_use: &["kudo-cli", "kudo-controller"],
        must_not_know: &["kube"],
    },
    Layer {
        name: "xtask",
        may_use: &["kudo-simcluster", "kudo-api", "kudo-controller"],
        must_not_know: &[],
    },
    Layer {
        name: "kudo-tests",
        may_use: &[
            "kudo",
            "kudo-api",
            "kudo-cli",
            "kudo-controller",
            "kudo-kube",
            "kudo-kuttl",
            "kudo-package",
            "kudo-plan",
            "kudo-repository",
            "kudo-simcluster",
            "kudo-template",
        ],
        must_not_know: &[],
    },
];

/// Why the dependencies are not in order, or could not be read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LayersError {
    /// `cargo metadata` could not be started.
    #[error("cannot run cargo metadata")]
    Start(#[source] std::io::Error),
    /// `cargo metadata` ended with an error.
    #[error("cargo metadata failed: {0}")]
    Cargo(String),
    /// Its output could not be read.
    #[error("cannot read what cargo metadata says")]
    Json(#[from] serde_json::Error),
    /// Edges that the list doesn't have.
    #[error(
        "{} not allowed by LAYERS in xtask/src/layers.rs:\n{}",
        if .0.len() == 1 { "a dependency is" } else { "dependencies are" },
        .0.iter().map(|violation| format!("  {violation}")).collect::<Vec<_>>().join("\n"),
    )]
    Violations(Vec<Violation>),
}

/// One thing that contradicts the list.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Violation {
    /// A crate uses another of the workspace that it may not use.
    Edge {
        from: String,
        to: String,
        allowed: Vec<&'static str>,
    },
    /// A crate uses an outside crate that it must not know of.
    Outside { from: String, to: String },
    /// A crate of the workspace that the list doesn't mention.
    Unlisted { name: String },
    /// A crate in the list that the workspace doesn't have.
    Absent { name: &'static str },
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Edge { from, to, allowed } if allowed.is_empty() => {
                write!(
                    f,
                    "{from} -> {to} ({from} may use no crate of the workspace)"
                )
            }
            Self::Edge { from, to, allowed } => {
                write!(f, "{from} -> {to} ({from} may use {})", allowed.join(", "))
            }
            Self::Outside { from, to } => write!(f, "{from} -> {to} ({from} must not know {to})"),
            Self::Unlisted { name } => write!(f, "{name} is not in the list"),
            Self::Absent { name } => write!(f, "{name} is in the list but not in the workspace"),
        }
    }
}

/// Checks the workspace at `root`; the answer is a line to print.
pub(crate) fn run(root: &Path) -> Result<String, LayersError> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(cargo)
        .args(["metadata", "--format-version", "1", "--no-deps"])
        .current_dir(root)
        .output()
        .map_err(LayersError::Start)?;
    if !output.status.success() {
        let message = String::from_utf8_lossy(&output.stderr).trim().to_owned();
        return Err(LayersError::Cargo(message));
    }
    let edges = edges(&serde_json::from_slice(&output.stdout)?);
    let violations = check(&edges);
    if violations.is_empty() {
        Ok(format!("layers: {} crates in order", edges.len()))
    } else {
        Err(LayersError::Violations(violations))
    }
}

/// Normal dependencies by crate, from `cargo metadata`.
fn edges(metadata: &Value) -> BTreeMap<String, Vec<String>> {
    let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
    let name = |value: &Value| value["name"].as_str().unwrap_or_default().to_owned();
    list(&metadata["packages"])
        .iter()
        .map(|package| {
            let dependencies = list(&package["dependencies"]);
            let normal = dependencies
                .iter()
                .filter(|dependency| dependency["kind"].is_null());
            (name(package), normal.map(name).collect())
        })
        .collect()
}

fn check(edges: &BTreeMap<String, Vec<String>>) -> Vec<Violation> {
    let absent = LAYERS
        .iter()
        .filter(|layer| !edges.contains_key(layer.name))
        .map(|layer| Violation::Absent { name: layer.name });
    let mut violations: Vec<_> = absent.collect();
    for (from, dependencies) in edges {
        let Some(layer) = LAYERS.iter().find(|layer| layer.name == from) else {
            violations.push(Violation::Unlisted { name: from.clone() });
            continue;
        };
        for to in dependencies {
            if edges.contains_key(to) && !layer.may_use.contains(&to.as_str()) {
                let allowed = layer.may_use.to_vec();
                violations.push(Violation::Edge {
                    from: from.clone(),
                    to: to.clone(),
                    allowed,
                });
            }
            if layer.must_not_know.contains(&to.as_str()) {
                violations.push(Violation::Outside {
                    from: from.clone(),
                    to: to.clone(),
                });
            }
        }
    }
    violations.sort();
    violations
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    /// A workspace in order, with these further dependencies (crate, dependency, kind).
    fn metadata(extra: &[(&str, &str, Value)]) -> Value {
        let mut names: Vec<&str> = LAYERS.iter().map(|layer| layer.name).collect();
        for (name, ..) in extra {
            if !names.contains(name) {
                names.push(name);
            }
        }
        let packages: Vec<Value> = names
            .iter()
            .map(|name| {
                let allowed = LAYERS.iter().filter(|layer| layer.name == *name);
                let allowed = allowed.flat_map(|layer| layer.may_use);
                let mut dependencies: Vec<Value> = allowed
                    .map(|to| json!({ "name": to, "kind": null }))
                    .collect();
                for (from, to, kind) in extra {
                    if from == name {
                        dependencies.push(json!({ "name": to, "kind": kind }));
                    }
                }
                json!({ "name": name, "dependencies": dependencies })
            })
            .collect();
        json!({ "packages": packages })
    }

    fn violations(extra: &[(&str, &str, Value)]) -> Vec<String> {
        check(&edges(&metadata(extra)))
            .iter()
            .map(ToString::to_string)
            .collect()
    }

    #[test]
    fn the_list_allows_what_it_lists() {
        assert_eq!(violations(&[]), Vec::<String>::new());
    }

    #[test]
    fn the_list_has_no_cycle() {
        for (index, layer) in LAYERS.iter().enumerate() {
            for used in layer.may_use {
                let at = LAYERS.iter().position(|other| other.name == *used);
                let last = layer.name == "xtask" || layer.name == "kudo-tests";
                assert!(
                    at.is_some_and(|at| last || at < index),
                    "{} -> {used}",
                    layer.name
                );
            }
        }
    }

    #[test]
    fn edges_are_judged_by_the_list() {
        let normal = Value::Null;
        let cases = [
            (
                ("kudo-package", "kudo-template", &normal),
                "kudo-package -> kudo-template (kudo-package may use no crate of the workspace)",
            ),
            (
                ("kudo-plan", "kudo-template", &normal),
                "kudo-plan -> kudo-template (kudo-plan may use kudo-package)",
            ),
            (
                ("kudo-simcluster", "kudo-api", &normal),
                "kudo-simcluster -> kudo-api (kudo-simcluster may use no crate of the workspace)",
            ),
            (
                ("kudo", "kudo-kube", &normal),
                "kudo -> kudo-kube (kudo may use kudo-cli, kudo-controller)",
            ),
            (
                ("kudo-plan", "kube", &normal),
                "kudo-plan -> kube (kudo-plan must not know kube)",
            ),
            (
                ("kudo-package", "tokio", &normal),
                "kudo-package -> tokio (kudo-package must not know tokio)",
            ),
            (
                ("kudo-more", "serde", &normal),
                "kudo-more is not in the list",
            ),
        ];
        for ((from, to, kind), expected) in cases {
            assert_eq!(violations(&[(from, to, kind.clone())]), [expected]);
        }
    }

    #[test]
    fn only_normal_edges_count() {
        assert_eq!(
            violations(&[("kudo-plan", "tokio", json!("dev"))]),
            Vec::<String>::new()
        );
        assert_eq!(
            violations(&[("kudo-plan", "kube", json!("build"))]),
            Vec::<String>::new()
        );
    }

    #[test]
    fn a_listed_crate_must_exist() {
        let mut metadata = metadata(&[]);
        if let Some(packages) = metadata["packages"].as_array_mut() {
            packages.retain(|package| package["name"] != "kudo-simcluster");
        }
        let found = check(&edges(&metadata));
        assert_eq!(
            found,
            [Violation::Absent {
                name: "kudo-simcluster"
            }]
        );
    }

    #[test]
    fn the_message_names_edge_and_list() {
        let violation = Violation::Outside {
            from: "kudo-plan".into(),
            to: "kube".into(),
        };
        let message = LayersError::Violations(vec![violation]).to_string();
        assert!(message.contains("xtask/src/layers.rs"), "{message}");
        assert!(message.contains("kudo-plan -> kube"), "{message}");
    }
}
