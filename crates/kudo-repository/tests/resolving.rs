//! From package arguments to packages, and from packages to those that they depend on.

#![cfg(test)]

use std::collections::BTreeMap;
use std::io::Write as _;
use std::net::TcpListener;
use std::path::Path;
use std::time::{Duration, Instant};

use kudo_package::archive;
use kudo_package::repository::{Index, IndexEntry, Repository, digest};
use kudo_repository::{
    Base, FetchProblem, Fetcher, Limits, Place, RepositoryChoice, Request, ResolveError, Resolved,
    Resolver,
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
fn an_archive_must_be_what_the_index_says() {
    let root = TempDir::new().unwrap();
    let path = root.path();
    let digest = pack(&path.join("child.tgz"), &files("", "child"));
    let url = format!("file://{}", path.display());
    // Name, versions and digest in the index; what comes of it.
    let cases = [
        ("child", "0.1.0", None, Some(digest.as_str()), Ok(false)),
        ("child", "0.1", None, None, Ok(true)),
        (
            "other",
            "0.1.0",
            None,
            Some(digest.as_str()),
            Err("child 0.1.0, the index says other 0.1.0"),
        ),
        (
            "child",
            "5.0.0",
            None,
            Some(digest.as_str()),
            Err("child 0.1.0, the index says child 5.0.0"),
        ),
        (
            "child",
            "0.1.0",
            Some("2.0.0"),
            None,
            Err("child 0.1.0, the index says child 0.1.0 (app version 2.0.0)"),
        ),
    ];
    for (name, version, app, digest, expected) in cases {
        let mut index = Index::default();
        assert!(index.add(IndexEntry {
            name: name.to_owned(),
            operator_version: version.to_owned(),
            app_version: app.map(str::to_owned),
            urls: vec![format!("{url}/child.tgz")],
            digest: digest.map(str::to_owned),
            ..IndexEntry::default()
        }));
        std::fs::write(path.join("index.yaml"), index.to_yaml()).unwrap();
        let resolved = resolver(path).resolve(&Request::of(name), &Base::directory(path));
        let found = match resolved {
            Ok(resolved) => Ok(resolved.unverified),
            Err(error) => Err(error.to_string()),
        };
        let expected = expected.map_err(|text| format!("{url}/child.tgz is {text}"));
        assert_eq!(found, expected, "{name} {version}");
    }
}

#[test]
fn a_path_has_the_version_it_has() {
    let root = TempDir::new().unwrap();
    write(root.path(), &files("child", "child"));
    let base = Base::directory(root.path());
    let request = |app_version, operator_version| Request {
        package: "./child",
        app_version,
        operator_version,
    };
    let cases = [
        (request(None, None), Ok(())),
        (request(Some(""), Some("0.1")), Ok(())),
        (request(None, Some("9.9.9")), Err("operator version 9.9.9")),
        (request(Some("1"), None), Err("app version 1")),
    ];
    for (request, expected) in cases {
        let child = resolver(root.path()).resolve(&request, &base).unwrap();
        let expected =
            expected.map_err(|text| format!("{} is child 0.1.0, not {text}", child.origin));
        let found = child.must_fit(&request).map_err(|error| error.to_string());
        assert_eq!(found, expected);
    }
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

#[test]
fn an_index_that_drips_is_not_waited_for() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut sent = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 9999\r\n\r\n");
        while sent.is_ok() {
            std::thread::sleep(Duration::from_millis(50));
            sent = stream.write_all(b"#");
        }
    });
    let limits = Limits {
        index_body: Duration::from_millis(300),
        ..Limits::default()
    };
    assert_eq!(Limits::default().index_body, Duration::from_secs(30));
    let begun = Instant::now();
    let place = Place::parse(&url).unwrap();
    let error = Fetcher::new(limits).index(&place).unwrap_err();
    assert!(
        matches!(error.problem, FetchProblem::TimedOut { .. }),
        "{error}"
    );
    assert!(begun.elapsed() < Duration::from_secs(20));
}
