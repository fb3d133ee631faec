//! `repo`, `search`, and package arguments that are URLs or names in a repository: against a static
//! server of this machine, and against servers that are down, slow or wrong.

use std::path::Path;

use kudo_package::Package;
use kudo_package::repository::digest;

use crate::environment::{Outcome, TestEnvironment};
use crate::fake_server::{Answer, FakeServer};
use crate::packages::{OPERATOR, SMALL};

/// An environment with archives of the small package in these versions in `packages`.
fn with_archives(versions: &[&str]) -> TestEnvironment {
    let environment = TestEnvironment::new();
    environment.package("small", SMALL);
    std::fs::create_dir(environment.work().join("packages")).unwrap();
    for version in versions {
        let text = OPERATOR.replace("0.1.0", version);
        environment.write("small/operator.yaml", &text);
        let mut archive = Vec::new();
        let package = Package::pack(&environment.work().join("small"), &mut archive).unwrap();
        let path = environment
            .work()
            .join("packages")
            .join(package.archive_name());
        std::fs::write(path, archive).unwrap();
    }
    environment
}

/// A server of the files in the environment's folder `packages`.
fn serve(environment: &TestEnvironment) -> FakeServer {
    let folder = environment.work().join("packages");
    FakeServer::start(move |_, path| file(&folder, path))
}

fn file(folder: &Path, path: &str) -> Answer {
    match std::fs::read(folder.join(path.trim_start_matches('/'))) {
        Ok(content) => Answer::File(content),
        Err(_) => Answer::Json(404, serde_json::json!({})),
    }
}

/// An environment whose current repository is at this URL.
fn using(environment: TestEnvironment, url: &str) -> TestEnvironment {
    let arguments = ["repo", "add", "test", url, "--skip-check"];
    environment.run(&arguments).expect_code(0);
    environment.run(&["repo", "context", "test"]).expect_code(0);
    environment
}

/// The same with the index made.
fn served(versions: &[&str]) -> (TestEnvironment, FakeServer) {
    let environment = with_archives(versions);
    let server = serve(&environment);
    let url = format!("http://{}", server.address());
    let arguments = ["repo", "index", "packages", "--url", &url];
    environment.run(&arguments).expect_code(0);
    (using(environment, &url), server)
}

/// What is printed, without the server's port.
fn normalised(outcome: &Outcome, server: &FakeServer) -> String {
    outcome.to_string().replace(server.address(), "$SERVER")
}

#[test]
fn the_list_of_repositories() {
    let environment = TestEnvironment::new();
    insta::assert_snapshot!("list_at_first", environment.run(&["repo", "list"]));
    environment
        .run(&["repo", "add", "local", "http://badurl", "-f"])
        .expect_code(0);
    for (name, url) in [
        ("my repo", "http://badurl"),
        ("", "http://badurl"),
        ("other", "badurl"),
        ("other", "ftp://host/packages"),
    ] {
        let outcome = environment.run(&["repo", "add", name, url, "-f"]);
        outcome.expect_code(2);
    }
    let outcome = environment.run(&["repo", "add", "local", "http://other", "-f"]);
    insta::assert_snapshot!("add_twice", outcome);
    environment
        .run(&["repo", "context", "local"])
        .expect_code(0);
    insta::assert_snapshot!("list", environment.run(&["repo", "list"]));
    let file = environment
        .home()
        .join(".kudo/repository/repositories.yaml");
    insta::assert_snapshot!("file", std::fs::read_to_string(file).unwrap());
    insta::assert_snapshot!("remove", environment.run(&["repo", "rm", "local"]));
    insta::assert_snapshot!(
        "remove_unknown",
        environment.run(&["repo", "remove", "communty"])
    );
    let outcome = environment.run(&["repo", "context", "other"]);
    insta::assert_snapshot!("context_unknown", outcome);
    let outcome = environment.run(&["search", "x"]);
    insta::assert_snapshot!("no_current", outcome);
}

#[test]
fn a_list_that_is_none_is_not_overwritten() {
    let environment = TestEnvironment::new();
    let path = environment
        .home()
        .join(".kudo/repository/repositories.yaml");
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(&path, "repositories:\n- name: a\n").unwrap();
    insta::assert_snapshot!(environment.run(&["repo", "add", "b", "http://b", "-f"]));
    let text = std::fs::read_to_string(&path).unwrap();
    assert_eq!(text, "repositories:\n- name: a\n");
}

#[test]
fn adding_looks_for_an_index() {
    let environment = with_archives(&["0.1.0"]);
    let server = serve(&environment);
    let url = format!("http://{}", server.address());
    let outcome = environment.run(&["repo", "add", "test", &url]);
    insta::assert_snapshot!("add_without_index", normalised(&outcome, &server));
    environment
        .run(&["repo", "index", "packages"])
        .expect_code(0);
    let outcome = environment.run(&["repo", "add", "test", &url]);
    insta::assert_snapshot!("add", normalised(&outcome, &server));
    insta::assert_snapshot!(
        "add_no_url",
        environment.run(&["repo", "add", "x", "badurl"])
    );
    let folder = format!("file://{}", environment.work().join("packages").display());
    environment
        .run(&["repo", "add", "files", &folder])
        .expect_code(0);
}

#[test]
fn an_index_lists_the_newest_first() {
    let environment = with_archives(&["0.1.0", "0.10.0", "0.2.0"]);
    environment.write("packages/broken.tgz", "this is no archive");
    let outcome = environment.run(&["repo", "index", "packages", "--url", "http://h/v1/"]);
    insta::assert_snapshot!("index", outcome.expect_code(0));
    let text = std::fs::read_to_string(environment.work().join("packages/index.yaml")).unwrap();
    let archive = std::fs::read(environment.work().join("packages/small-0.10.0.tgz")).unwrap();
    assert!(text.contains(&digest(&archive)), "{text}");
    let mut lines: Vec<&str> = text.lines().collect();
    lines.retain(|line| !line.contains("digest: ") && !line.contains("generated: "));
    insta::assert_snapshot!("index_file", lines.join("\n"));
    let outcome = environment.run(&["repo", "index", "packages"]);
    insta::assert_snapshot!("index_exists", outcome);
    environment
        .run(&["repo", "index", "packages", "-w"])
        .expect_code(0);
    insta::assert_snapshot!(
        "index_of_nothing",
        environment.run(&["repo", "index", "small"])
    );
    insta::assert_snapshot!(
        "index_nowhere",
        environment.run(&["repo", "index", "nowhere"])
    );
}

#[test]
fn an_index_takes_up_another() {
    let (environment, server) = served(&["0.1.0", "0.2.0"]);
    std::fs::create_dir(environment.work().join("more")).unwrap();
    let from = environment.work().join("packages/small-0.2.0.tgz");
    std::fs::copy(from, environment.work().join("more/small-0.2.0.tgz")).unwrap();
    let arguments = [
        "repo",
        "index",
        "more",
        "--url",
        "http://own",
        "--merge-repo",
        "test",
    ];
    environment.run(&arguments).expect_code(0);
    let urls = || -> Vec<String> {
        let text = std::fs::read_to_string(environment.work().join("more/index.yaml")).unwrap();
        let urls = text
            .lines()
            .filter_map(|line| line.trim().strip_prefix("- http"));
        urls.map(|url| url.replace(server.address(), "$SERVER"))
            .collect()
    };
    let expected = ["://own/small-0.2.0.tgz", "://$SERVER/small-0.1.0.tgz"];
    assert_eq!(urls(), expected);
    for merge in [
        "packages",
        "packages/index.yaml",
        &format!("http://{}", server.address()),
    ] {
        let arguments = [
            "repo",
            "index",
            "more",
            "--url",
            "http://own",
            "-w",
            "--merge",
            merge,
        ];
        environment.run(&arguments).expect_code(0);
        assert_eq!(urls(), expected, "{merge}");
    }
    environment
        .run(&["repo", "index", "more", "-w", "--url-repo", "test"])
        .expect_code(0);
    assert_eq!(urls(), ["://$SERVER/small-0.2.0.tgz"]);
}

#[test]
fn searching() {
    let (environment, server) = served(&["0.1.0", "0.10.0", "0.2.0"]);
    insta::assert_snapshot!("search", environment.run(&["search", "mal"]));
    insta::assert_snapshot!("search_all", environment.run(&["search", "", "-a"]));
    insta::assert_snapshot!("search_nothing", environment.run(&["search", "kafka"]));
    let outcome = environment
        .run(&["search", "small", "-o", "json"])
        .expect_code(0);
    assert_eq!(outcome.json()[0]["operatorVersion"], "0.10.0");
    assert_eq!(server.requests()[0], "GET /index.yaml");
}

/// Prints the operator version that an argument means.
fn version(environment: &TestEnvironment, arguments: &[&str]) -> String {
    let mut all = vec![
        "package",
        "render",
        "-p",
        "SECRET=x",
        "--template",
        "config.yaml",
    ];
    all.extend(arguments);
    environment.run(&all).expect_code(0);
    let mut all = vec!["package", "list", "plans"];
    all.extend(arguments);
    environment.run(&all).expect_code(0).stdout
}

#[test]
fn packages_come_from_urls_and_repositories() {
    let (environment, server) = served(&["0.1.0", "0.10.0", "0.2.0"]);
    std::fs::remove_dir_all(environment.work().join("small")).unwrap();
    let url = format!("http://{}/small-0.2.0.tgz", server.address());
    let file = environment.work().join("packages/small-0.2.0.tgz");
    let file = format!("file://{}", file.display());
    let plans = version(&environment, &["./packages/small-0.1.0.tgz"]);
    assert_eq!(version(&environment, &[&url]), plans);
    assert_eq!(version(&environment, &[&file]), plans);
    assert_eq!(version(&environment, &["small"]), plans);
    let asked = |requests: &[String], file: &str| {
        requests
            .iter()
            .filter(|request| request.ends_with(file))
            .count()
    };
    assert_eq!(asked(&server.requests(), "small-0.10.0.tgz"), 2);
    let arguments = ["small", "--operator-version", "0.1.0", "--repo", "test"];
    assert_eq!(version(&environment, &arguments), plans);
    assert_eq!(asked(&server.requests(), "small-0.1.0.tgz"), 2);
}

#[test]
fn what_a_repository_does_not_have() {
    let (environment, _server) = served(&["0.1.0", "0.2.0"]);
    insta::assert_snapshot!("near_name", environment.run(&["install", "smal"]));
    insta::assert_snapshot!("far_name", environment.run(&["install", "zookeeper"]));
    let outcome = environment.run(&["install", "small", "--operator-version", "7.0.0"]);
    insta::assert_snapshot!("no_version", outcome);
    let outcome = environment.run(&["install", "small", "--repo", "tset"]);
    insta::assert_snapshot!("no_repository", outcome);
    environment.package("local", SMALL);
    insta::assert_snapshot!("a_directory", environment.run(&["install", "local"]));
}

#[test]
fn removed_versions_are_passed_over() {
    let (environment, _server) = served(&["0.1.0", "0.2.0"]);
    let path = environment.work().join("packages/index.yaml");
    let text = std::fs::read_to_string(&path).unwrap();
    let text = text.replace(
        "    operatorVersion: 0.2.0\n",
        "    operatorVersion: 0.2.0\n    removed: true\n",
    );
    std::fs::write(&path, text).unwrap();
    let outcome = environment.run(&["search", "small"]).expect_code(0);
    assert!(outcome.stdout.contains("0.1.0"), "{outcome}");
    let outcome = environment.run(&["install", "small", "--operator-version", "0.2.0"]);
    insta::assert_snapshot!(outcome);
}

#[test]
fn a_digest_that_does_not_match_is_refused() {
    let (environment, server) = served(&["0.1.0"]);
    let archive = std::fs::read(environment.work().join("packages/small-0.1.0.tgz")).unwrap();
    let path = environment.work().join("packages/index.yaml");
    let text = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, text.replace(&digest(&archive), &"0".repeat(64))).unwrap();
    let outcome = environment.run(&["package", "list", "tasks", "--repo", "test", "small"]);
    let text = normalised(&outcome, &server).replace(&digest(&archive), "$DIGEST");
    insta::assert_snapshot!(text);
}

#[test]
fn what_no_digest_vouches_for_is_told() {
    let (environment, server) = served(&["0.1.0"]);
    let install = || {
        environment
            .run(&["install", "small", "--skip-instance", "--simulate"])
            .expect_code(0)
    };
    let warned = format!(
        "the repository's index has no digest of http://{}/small-0.1.0.tgz: it was not verified",
        server.address()
    );
    let outcome = install();
    assert!(!outcome.stderr.contains(&warned), "{outcome}");
    let path = environment.work().join("packages/index.yaml");
    let text = std::fs::read_to_string(&path).unwrap();
    let archive = std::fs::read(environment.work().join("packages/small-0.1.0.tgz")).unwrap();
    let without = text.replace(&format!("digest: {}", digest(&archive)), "removed: false");
    assert_ne!(text, without);
    std::fs::write(&path, without).unwrap();
    let outcome = install();
    assert!(outcome.stderr.contains(&warned), "{outcome}");
}

#[test]
fn an_archive_that_unpacks_to_far_more_than_it_is_is_refused() {
    const SIZE: u64 = 7 << 20;
    let (environment, server) = served(&["0.1.0"]);
    let path = environment.work().join("packages/small-0.1.0.tgz");
    let honest = digest(&std::fs::read(&path).unwrap());
    let mut bomb = tar::Builder::new(flate2::write::GzEncoder::new(
        Vec::new(),
        flate2::Compression::best(),
    ));
    let mut header = tar::Header::new_gnu();
    header.set_size(SIZE);
    header.set_mode(0o644);
    let zeros = std::io::Read::take(std::io::repeat(0), SIZE);
    bomb.append_data(&mut header, "templates/a.yaml", zeros)
        .unwrap();
    let bomb = bomb.into_inner().unwrap().finish().unwrap();
    std::fs::write(&path, &bomb).unwrap();
    let index = environment.work().join("packages/index.yaml");
    let text = std::fs::read_to_string(&index).unwrap();
    std::fs::write(&index, text.replace(&honest, &digest(&bomb))).unwrap();
    let outcome = environment.run(&["install", "small"]);
    insta::assert_snapshot!(normalised(&outcome, &server));
}

#[test]
fn several_urls_are_tried_in_turn() {
    let (environment, server) = served(&["0.1.0"]);
    environment.write("packages/other.tgz", "this is no archive");
    let path = environment.work().join("packages/index.yaml");
    let text = std::fs::read_to_string(&path).unwrap();
    let urls = "    urls:\n    - http://127.0.0.1:9/gone.tgz\n    - missing.tgz\n    - other.tgz\n";
    std::fs::write(&path, text.replace("    urls:\n", urls)).unwrap();
    environment
        .run(&["package", "list", "tasks", "--repo", "test", "small"])
        .expect_code(0);
    let requests = server.requests();
    let expected = [
        "GET /index.yaml",
        "GET /missing.tgz",
        "GET /other.tgz",
        "GET /small-0.1.0.tgz",
    ];
    assert_eq!(requests, expected);
    std::fs::remove_file(environment.work().join("packages/small-0.1.0.tgz")).unwrap();
    let outcome = environment.run(&["package", "list", "tasks", "--repo", "test", "small"]);
    let text = normalised(&outcome, &server);
    let digests = |word: &str| word.len() == 64 && word.chars().all(|c| c.is_ascii_hexdigit());
    let words: Vec<&str> = text
        .split(' ')
        .map(|word| {
            if digests(word.trim_end()) {
                "$DIGEST\n"
            } else {
                word
            }
        })
        .collect();
    insta::assert_snapshot!(words.join(" "));
}

#[test]
fn a_web_repository_gives_no_files_of_this_machine() {
    let (environment, server) = served(&["0.1.0"]);
    let path = environment.work().join("packages/index.yaml");
    let text = std::fs::read_to_string(&path).unwrap();
    let url = format!("http://{}/", server.address());
    std::fs::write(&path, text.replace(&url, "file:///etc/")).unwrap();
    insta::assert_snapshot!(environment.run(&["install", "small"]));
}

/// What `search` says to a repository that answers so.
fn search(answer: impl Fn(&str) -> Answer + Send + Sync + 'static) -> String {
    let server = FakeServer::start(move |_, path| answer(path));
    let url = format!("http://{}", server.address());
    let environment = using(TestEnvironment::new(), &url);
    let outcome = environment.run(&["search", "x", "--request-timeout", "1"]);
    normalised(&outcome, &server)
}

#[test]
fn unhappy_repositories() {
    let environment = using(TestEnvironment::new(), "http://127.0.0.1:9");
    insta::assert_snapshot!("down", environment.run(&["search", "x"]));
    let page = || Answer::File(b"<html>It works!</html>".to_vec());
    insta::assert_snapshot!("not_an_index", search(move |_| page()));
    insta::assert_snapshot!("bytes", search(|_| Answer::File(vec![0xff, 0xfe, 0])));
    insta::assert_snapshot!(
        "error",
        search(|_| Answer::Json(500, serde_json::json!({})))
    );
    insta::assert_snapshot!("silent", search(|_| Answer::Silence));
    insta::assert_snapshot!(
        "slow",
        search(|_| Answer::Stall(b"apiVersion: v1\n".to_vec()))
    );
    insta::assert_snapshot!("cut", search(|_| Answer::Cut(b"apiVersion: v1\n".to_vec())));
    insta::assert_snapshot!(
        "too_large",
        search(|_| Answer::File(vec![b' '; (16 << 20) + 1]))
    );
    insta::assert_snapshot!(
        "in_circles",
        search(|_| Answer::Redirect("/more".to_owned()))
    );
    insta::assert_snapshot!(
        "to_a_file",
        search(|_| Answer::Redirect("file:///etc/passwd".to_owned()))
    );
}

#[test]
fn a_redirect_is_followed() {
    let text = search(|path| match path {
        "/index.yaml" => Answer::Redirect("/moved/index.yaml".to_owned()),
        _ => Answer::File(b"apiVersion: v1\nentries: {}\n".to_vec()),
    });
    assert!(text.contains("no operators found"), "{text}");
}

#[test]
fn urls_that_give_no_package() {
    let environment = TestEnvironment::new();
    environment.package("small", SMALL);
    let server = FakeServer::start(|_, path| match path {
        "/page.tgz" => Answer::File(b"<html>It works!</html>".to_vec()),
        _ => Answer::Json(404, serde_json::json!({})),
    });
    let install = |path: &str| {
        let url = format!("http://{}/{path}", server.address());
        normalised(&environment.run(&["install", &url]), &server)
    };
    insta::assert_snapshot!("url_of_a_page", install("page.tgz"));
    insta::assert_snapshot!("url_of_nothing", install("gone.tgz"));
    let outcome = environment.run(&["install", "ftp://example.org/small.tgz"]);
    insta::assert_snapshot!("url_of_another_kind", outcome);
}
