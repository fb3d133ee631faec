//! From package arguments to packages, and from packages to those that they depend on.

#![cfg(test)]

use std::collections::BTreeMap;
use std::path::Path;

use kudo_package::archive;
use kudo_package::repository::{Index, IndexEntry, Repository, digest};
use kudo_repository::{
    Base, Fetcher, Limits, RepositoryChoice, Request, ResolveError, Resolved, Resolver,
};
use tempfile::TempDir;

fn files(folder: &str, name: &str) -> BTreeMap<String, Vec<u8>> {
    let operator = format!("name: {name}\noperatorVersion: 0.1.0\n");
    let at = |file: &str| Path::new(folder).join(file).display().to_string();
    BTreeMap::from([
        (at("operator.yaml"), operator.into_bytes()),
        (at("params.yaml"), b"parameters: []\n".to_vec()),
    ])
}

fn write(root: &Path, files: &BTreeMap<String, Vec<u8>>) {
    for (path, content) in files {
        let path = root.join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, content).unwrap();
    }
}

fn pack(path: &Path, files: &BTreeMap<String, Vec<u8>>) -> String {
    let mut bytes = Vec::new();
    archive::write(files, &mut bytes).unwrap();
    std::fs::write(path, &bytes).unwrap();
    digest(&bytes)
}

fn resolver(repository: &Path) -> Resolver {
    let repository = Repository {
        name: "test".to_owned(),
        url: format!("file://{}", repository.display()),
    };
    Resolver::new(
        Fetcher::new(Limits::default()),
        RepositoryChoice::Given(repository),
    )
}

/// The names of the packages along a way of arguments, each from where the one before lies.
fn follow(resolver: &Resolver, base: &Base, arguments: &[&str]) -> Vec<String> {
    let mut base = base.clone();
    let mut names = Vec::new();
    for argument in arguments {
        let Resolved {
            package,
            base: next,
            ..
        } = resolver.resolve(&Request::of(argument), &base).unwrap();
        names.push(package.definition.operator_name);
        base = next;
    }
    names
}

#[test]
fn relative_paths_begin_at_the_parent() {
    let root = TempDir::new().unwrap();
    let path = root.path();
    write(path, &files("parent/operator", "parent"));
    write(path, &files("parent/child", "child"));
    write(path, &files("parent/child/grandchild", "grandchild"));
    let resolver = resolver(path);
    let base = Base::directory(path);
    let way = ["./parent", "../child", "./grandchild", "..", "../operator"];
    assert_eq!(
        follow(&resolver, &base, &way),
        ["parent", "child", "grandchild", "child", "parent"]
    );
}

#[test]
fn paths_of_an_archive_stay_in_it() {
    let root = TempDir::new().unwrap();
    let mut all = files("", "parent");
    all.extend(files("child", "child"));
    pack(&root.path().join("parent.tgz"), &all);
    write(root.path(), &files("outside", "outside"));
    let resolver = resolver(root.path());
    let base = Base::directory(root.path());
    for child in ["./child", "child/", "/child", "../../child"] {
        assert_eq!(
            follow(&resolver, &base, &["parent.tgz", child]),
            ["parent", "child"],
            "{child}"
        );
    }
    let parent = resolver.resolve(&Request::of("parent.tgz"), &base).unwrap();
    let outside = root.path().join("outside").display().to_string();
    for path in ["../outside", &outside, "./nothing"] {
        let refused = resolver.resolve(&Request::of(path), &parent.base);
        assert!(
            matches!(refused, Err(ResolveError::Package { .. })),
            "{path}"
        );
    }
    let url = format!("file://{outside}");
    let refused = resolver.resolve(&Request::of(&url), &parent.base);
    assert!(matches!(refused, Err(ResolveError::OutOfReach { .. })));
}

#[test]
fn names_are_looked_up_wherever_they_stand() {
    let root = TempDir::new().unwrap();
    let mut index = Index::default();
    for version in ["0.1.0", "0.2.0"] {
        let mut content = files("", "child");
        let text = format!("name: child\noperatorVersion: {version}\n");
        content.insert("operator.yaml".to_owned(), text.into_bytes());
        let name = format!("child-{version}.tgz");
        let digest = pack(&root.path().join(&name), &content);
        assert!(index.add(IndexEntry {
            name: "child".to_owned(),
            operator_version: version.to_owned(),
            urls: vec![name],
            digest: Some(digest),
            ..IndexEntry::default()
        }));
    }
    std::fs::write(root.path().join("index.yaml"), index.to_yaml()).unwrap();
    pack(&root.path().join("parent.tgz"), &files("", "parent"));
    let resolver = resolver(root.path());
    let base = Base::directory(root.path());
    let parent = resolver.resolve(&Request::of("parent.tgz"), &base).unwrap();
    let version = |request: &Request<'_>| {
        let child = resolver.resolve(request, &parent.base).unwrap();
        child.package.definition.operator_version
    };
    assert_eq!(version(&Request::of("child")), "0.2.0");
    let older = Request {
        operator_version: Some("0.1.0"),
        ..Request::of("child")
    };
    assert_eq!(version(&older), "0.1.0");
}

#[test]
fn an_archive_that_unpacks_to_too_much_is_refused() {
    let root = TempDir::new().unwrap();
    let mut bomb = files("", "bomb");
    bomb.insert("templates/zeros.yaml".to_owned(), vec![b' '; 8 << 20]);
    pack(&root.path().join("bomb.tgz"), &bomb);
    let base = Base::directory(root.path());
    let refused = resolver(root.path()).resolve(&Request::of("bomb.tgz"), &base);
    let error = refused.unwrap_err().to_string();
    assert!(error.contains("bomb.tgz"), "{error}");
}
