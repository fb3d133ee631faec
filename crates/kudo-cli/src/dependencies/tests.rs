//! Trees of packages in a directory.

use std::fmt::Write as _;
use std::path::Path;

use kudo_repository::{Fetcher, Limits, RepositoryChoice};

use super::*;
use crate::report;

/// Writes a package of that name and version with a task for each child, `package` as written.
fn write(root: &Path, name: &str, version: &str, children: &[&str]) {
    let directory = root.join(name);
    std::fs::create_dir_all(&directory).unwrap();
    let mut operator = format!(
        "apiVersion: kudo.dev/v1beta1\nname: {name}\noperatorVersion: {version}\nappVersion: 3.2.1\n\
         kubernetesVersion: 1.15.0\ntasks:\n- {{name: nothing, kind: Dummy, spec: {{done: true}}}}\n"
    );
    let mut tasks = vec!["nothing".to_owned()];
    for (index, child) in children.iter().enumerate() {
        writeln!(
            operator,
            "- {{name: child-{index}, kind: KudoOperator, spec: {{package: {child:?}}}}}"
        )
        .unwrap();
        tasks.push(format!("child-{index}"));
    }
    writeln!(
        operator,
        "plans:\n  deploy:\n    strategy: serial\n    phases:\n    - name: main\n      strategy: serial\n      \
         steps:\n      - {{name: all, tasks: [{}]}}",
        tasks.join(", ")
    )
    .unwrap();
    std::fs::write(directory.join("operator.yaml"), operator).unwrap();
    let params = "apiVersion: kudo.dev/v1beta1\nparameters: []\n";
    std::fs::write(directory.join("params.yaml"), params).unwrap();
}

fn tree(root: &Path, package: &str) -> Result<Tree, Error> {
    let resolver = Resolver::new(
        Fetcher::new(Limits::default()),
        RepositoryChoice::Current(None),
    );
    let path = root.join(package);
    resolve(Resolver::resolve_path(&path)?, &resolver, None)
}

fn refusal(root: &Path, package: &str) -> String {
    let error = tree(root, package).err().unwrap();
    let text = report::report(&error).unwrap().message;
    text.replace(&root.display().to_string(), "ROOT")
}

#[test]
fn tasks_are_filled_in_and_children_come_first() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    write(root, "parent", "0.1.0", &["../left", "../right/"]);
    write(root, "left", "0.2.0", &["../leaf"]);
    write(root, "right", "0.3.0", &["../leaf"]);
    write(root, "leaf", "0.0.1", &[]);
    let tree = tree(root, "parent").unwrap();
    let names: Vec<String> = tree
        .packages()
        .map(|package| definition_name(&package.definition))
        .collect();
    assert_eq!(
        names,
        [
            "leaf-3.2.1-0.0.1",
            "left-3.2.1-0.2.0",
            "right-3.2.1-0.3.0",
            "parent-3.2.1-0.1.0"
        ]
    );
    let child = tree.root.definition.task("child-1").unwrap();
    let TaskSpec::KudoOperator {
        package,
        app_version,
        operator_version,
        ..
    } = &child.spec
    else {
        panic!("{child:?}");
    };
    assert_eq!(package, "right");
    assert_eq!(app_version.as_deref(), Some("3.2.1"));
    assert_eq!(operator_version.as_deref(), Some("0.3.0"));
    let children = tree.children();
    assert!(
        children
            .of_task("leaf", Some("3.2.1"), Some("0.0.1"))
            .is_some()
    );
    assert!(children.of_task("leaf", None, Some("0.0.1")).is_none());
}

#[test]
fn circles_and_gaps_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    write(root, "a", "1.0.0", &["../b"]);
    write(root, "b", "2.0.0", &["../c"]);
    write(root, "c", "3.0.0", &["../a"]);
    write(root, "self", "1.0.0", &["."]);
    write(root, "gap", "1.0.0", &["../nowhere"]);
    assert_eq!(
        refusal(root, "a"),
        "operators install each other in a circle: a-3.2.1-1.0.0 -> b-3.2.1-2.0.0 -> c-3.2.1-3.0.0 -> \
         a-3.2.1-1.0.0"
    );
    assert_eq!(
        refusal(root, "self"),
        "operators install each other in a circle: self-3.2.1-1.0.0 -> self-3.2.1-1.0.0"
    );
    assert_eq!(
        refusal(root, "gap"),
        "package \"../nowhere\", which task \"child-0\" of gap-3.2.1-1.0.0 installs: no package at \
         ROOT/gap/../nowhere"
    );
}

#[test]
fn broken_and_ambiguous_dependencies_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    write(root, "parent", "0.1.0", &["../child", "../other/child"]);
    write(root, "child", "0.0.1", &[]);
    write(&root.join("other"), "child", "0.0.1", &["../../leaf"]);
    write(root, "leaf", "0.0.1", &[]);
    assert_eq!(
        refusal(root, "parent"),
        "package \"../other/child\", which task \"child-1\" of parent-3.2.1-0.1.0 installs: two \
         different packages are called child-3.2.1-0.0.1"
    );
    let file = root.join("child/operator.yaml");
    let text = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, text.replace("deploy:", "deplyo:")).unwrap();
    assert!(refusal(root, "parent").starts_with(
        "package \"../child\", which task \"child-0\" of parent-3.2.1-0.1.0 installs: the package \
             ROOT/parent/../child has 1 error"
    ));
}

#[test]
fn versions_that_a_path_does_not_have_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    write(root, "parent", "0.1.0", &["../child"]);
    write(root, "child", "0.0.1", &[]);
    let file = root.join("parent/operator.yaml");
    let text = std::fs::read_to_string(&file).unwrap();
    for (versions, expected) in [
        ("operatorVersion: 9.9.9", "operator version 9.9.9"),
        ("appVersion: 3.2.0", "app version 3.2.0"),
    ] {
        let package = "package: \"../child\"";
        let asked = text.replace(package, &format!("{package}, {versions}"));
        std::fs::write(&file, asked).unwrap();
        assert_eq!(
            refusal(root, "parent"),
            format!(
                "package \"../child\", which task \"child-0\" of parent-3.2.1-0.1.0 installs: \
                 ROOT/parent/../child is child 0.0.1 (app version 3.2.1), not {expected}"
            )
        );
    }
    std::fs::write(
        &file,
        text.replace("\"../child\"", "\"../child\", operatorVersion: 0.0.1"),
    )
    .unwrap();
    assert!(tree(root, "parent").is_ok());
}
