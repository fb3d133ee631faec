//! The packages in `operators/`: each verifies with nothing to say, and each renders what its
//! `golden/` folder holds. `INSTA_UPDATE=always` writes the folders anew; review them by eye.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use kudo_package::{Package, parameter};
use kudo_template::{Action, InstanceIdentity, Limits, Renderer, render_plan, verify};

/// The full render of one plan with one set of parameters.
struct Case {
    operator: &'static str,
    plan: &'static str,
    /// Name of the set of parameters; part of the file's name.
    variant: &'static str,
    given: &'static [(&'static str, &'static str)],
}

const FIVE_NODES: &[(&str, &str)] = &[
    ("NODE_COUNT", "5"),
    ("ANTI_AFFINITY", "true"),
    ("SST_METHOD", "rsync"),
    ("CREDENTIALS_SECRET", "passwords"),
    ("REMOVE_VOLUMES", "true"),
    ("BACKUP_CLAIM", "backups"),
    ("RESTORE_BACKUP", "other/latest"),
    ("STORAGE_CLASS", "fast"),
    ("STORAGE_SIZE", "100Gi"),
    ("MYSQL_PORT", "3307"),
    ("IMAGE", "registry.example.org:5000/mariadb"),
    ("VERSION", "10.11.8"),
    ("RESOURCES", "{requests: {cpu: 2, memory: 8Gi}}"),
    (
        "CONFIG",
        "{innodb_buffer_pool_size: 6442450944, innodb_log_file_size: 1G, slow_query_log: true}",
    ),
];

const TWO_NAMES: &[(&str, &str)] = &[
    (
        "PAGES",
        "{index.html: \"<h1>Welcome & \\\"hello\\\"</h1>\\n\", 404.html: 'gone: away'}",
    ),
    (
        "HEADERS",
        "{X-Frame-Options: DENY, X-Served-By: \"{{ nobody }}\"}",
    ),
    ("SERVER_NAMES", "[example.org, www.example.org]"),
    ("INGRESS", "true"),
    ("REPLICAS", "5"),
];

const CASES: &[Case] = &[
    Case {
        operator: "galera",
        plan: "deploy",
        variant: "default",
        given: &[],
    },
    Case {
        operator: "galera",
        plan: "deploy",
        variant: "five-nodes",
        given: FIVE_NODES,
    },
    Case {
        operator: "galera",
        plan: "node_update",
        variant: "default",
        given: &[],
    },
    Case {
        operator: "galera",
        plan: "node_update",
        variant: "five-nodes",
        given: FIVE_NODES,
    },
    Case {
        operator: "galera",
        plan: "update",
        variant: "default",
        given: &[],
    },
    Case {
        operator: "galera",
        plan: "update",
        variant: "five-nodes",
        given: FIVE_NODES,
    },
    Case {
        operator: "galera",
        plan: "upgrade",
        variant: "default",
        given: &[],
    },
    Case {
        operator: "galera",
        plan: "upgrade",
        variant: "five-nodes",
        given: FIVE_NODES,
    },
    Case {
        operator: "galera",
        plan: "backup",
        variant: "default",
        given: &[],
    },
    Case {
        operator: "galera",
        plan: "backup",
        variant: "five-nodes",
        given: FIVE_NODES,
    },
    Case {
        operator: "galera",
        plan: "restore",
        variant: "default",
        given: &[],
    },
    Case {
        operator: "galera",
        plan: "restore",
        variant: "five-nodes",
        given: FIVE_NODES,
    },
    Case {
        operator: "galera",
        plan: "recover",
        variant: "default",
        given: &[],
    },
    Case {
        operator: "galera",
        plan: "recover",
        variant: "five-nodes",
        given: FIVE_NODES,
    },
    Case {
        operator: "galera",
        plan: "cleanup",
        variant: "default",
        given: &[],
    },
    Case {
        operator: "galera",
        plan: "cleanup",
        variant: "five-nodes",
        given: FIVE_NODES,
    },
    Case {
        operator: "first-operator",
        plan: "deploy",
        variant: "default",
        given: &[],
    },
    Case {
        operator: "first-operator",
        plan: "deploy",
        variant: "three",
        given: &[("replicas", "3")],
    },
    Case {
        operator: "website",
        plan: "deploy",
        variant: "default",
        given: &[],
    },
    Case {
        operator: "website",
        plan: "deploy",
        variant: "two-names",
        given: TWO_NAMES,
    },
    Case {
        operator: "website",
        plan: "publish",
        variant: "default",
        given: &[],
    },
    Case {
        operator: "website",
        plan: "publish",
        variant: "two-names",
        given: TWO_NAMES,
    },
];

fn operators() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../operators")
}

fn load(operator: &str) -> Package {
    Package::load(&operators().join(operator))
        .unwrap_or_else(|error| panic!("{operator}:\n{error}"))
}

/// All that a plan would do, as one would read it; what differs from render to render is left out.
fn rendered(case: &Case) -> String {
    let (one, other) = (rendered_once(case), rendered_once(case));
    let mut text = String::new();
    for (line, again) in one.lines().zip(other.lines()) {
        match line.split_once(": ") {
            Some((key, _)) if line != again => {
                let _ = writeln!(text, "{key}: RANDOM");
            }
            _ => {
                let _ = writeln!(text, "{line}");
            }
        }
    }
    text
}

fn rendered_once(case: &Case) -> String {
    let package = load(case.operator);
    let given: BTreeMap<String, String> = case
        .given
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect();
    let params = parameter::resolve(&package.definition.parameters, &given)
        .unwrap_or_else(|errors| panic!("{} {}: {errors:?}", case.operator, case.variant));
    let name = format!("{}-instance", case.operator);
    let instance = InstanceIdentity {
        name: &name,
        namespace: "default",
    };
    let renderer = Renderer::new(Limits::default());
    let steps = render_plan(&renderer, &package.definition, instance, case.plan, &params)
        .unwrap_or_else(|error| panic!("{} {}: {error}", case.operator, case.plan));

    let mut text = String::new();
    for step in steps {
        for task in step.tasks {
            let verb = match task.action {
                Action::Apply => "apply",
                Action::Delete => "delete",
                _ => "other",
            };
            for document in task.documents {
                let address = format!("{} / {} / {}", step.phase, step.step, task.task);
                let _ = writeln!(text, "# {address}: {verb} {}\n---", document.template);
                text.push_str(&document.text);
                assert!(document.text.ends_with('\n'), "{}", document.template);
            }
        }
    }
    text
}

#[test]
fn every_package_verifies_with_nothing_to_say() {
    for operator in folders() {
        let said: Vec<String> = verify::verify_package(&load(&operator))
            .iter()
            .map(ToString::to_string)
            .collect();
        assert!(said.is_empty(), "{operator}:\n{}", said.join("\n"));
    }
}

#[test]
fn every_plan_of_every_package_has_its_golden_renders() {
    for operator in folders() {
        for plan in load(&operator).definition.plans.keys() {
            let variants: BTreeSet<_> = CASES
                .iter()
                .filter(|case| case.operator == operator && case.plan == plan)
                .map(|case| case.given.is_empty())
                .collect();
            assert_eq!(
                variants.len(),
                2,
                "{operator}, plan {plan}: one default and one other"
            );
        }
    }
}

#[test]
fn every_plan_renders_what_its_golden_file_holds() {
    let update = std::env::var("INSTA_UPDATE").is_ok_and(|value| value == "always" || value == "1");
    let mut wrong = Vec::new();
    for case in CASES {
        let folder = operators().join(case.operator).join("golden");
        let path = folder.join(format!("{}.{}.yaml", case.plan, case.variant));
        let made = rendered(case);
        let held = std::fs::read_to_string(&path).unwrap_or_default();
        if made == held {
            continue;
        }
        if update {
            std::fs::create_dir_all(&folder).unwrap();
            std::fs::write(&path, made).unwrap();
        } else {
            wrong.push(difference(&path, &held, &made));
        }
    }
    assert!(
        wrong.is_empty(),
        "{}\nhint: with INSTA_UPDATE=always this test writes the files; review them",
        wrong.join("\n")
    );
}

/// Names of the packages.
fn folders() -> Vec<String> {
    let entries = std::fs::read_dir(operators()).unwrap().map(Result::unwrap);
    let mut names: Vec<String> = entries
        .filter(|entry| entry.path().is_dir())
        .map(|entry| entry.file_name().into_string().unwrap())
        .collect();
    names.sort();
    assert!(!names.is_empty());
    names
}

/// Where a golden file and a render first part.
fn difference(path: &Path, held: &str, made: &str) -> String {
    let (held, made): (Vec<_>, Vec<_>) = (held.lines().collect(), made.lines().collect());
    let same = held
        .iter()
        .zip(&made)
        .take_while(|(held, made)| held == made)
        .count();
    format!(
        "{}:{}\n  held: {:?}\n  made: {:?}",
        path.display(),
        same + 1,
        held.get(same),
        made.get(same)
    )
}
