//! `init` as far as it needs no cluster.

use crate::environment::TestEnvironment;

#[test]
fn a_dry_run_prints_everything_and_asks_nobody() {
    let environment = TestEnvironment::new();
    let outcome = environment.run(&["init", "--dry-run"]).expect_code(0);
    insta::assert_snapshot!(outcome);
    assert!(!environment.home().join(".kudo").exists());
}

#[test]
fn what_is_installed_beside_the_definitions() {
    let all = TestEnvironment::new()
        .run(&["init", "--dry-run", "-o", "yaml"])
        .expect_code(0);
    let crds = TestEnvironment::new()
        .run(&["init", "--dry-run", "-o", "yaml", "--crd-only"])
        .expect_code(0);
    let definitions = crds.stdout.strip_suffix("...\n").unwrap();
    let rest = all
        .stdout
        .strip_prefix(definitions)
        .expect("definitions come first");
    insta::assert_snapshot!(rest);
}

#[test]
fn json_is_a_list() {
    let outcome = TestEnvironment::new().run(&["init", "--dry-run", "-o", "json", "-i", "mine:1"]);
    let found = outcome.expect_code(0).json();
    let last = found.as_array().unwrap().last().unwrap();
    assert_eq!(
        last["spec"]["template"]["spec"]["containers"][0]["image"],
        "mine:1"
    );
}

#[test]
fn the_home_is_made_once_and_kept() {
    let environment = TestEnvironment::new();
    environment.run(&["init", "--client-only"]).expect_code(0);
    let file = environment
        .home()
        .join(".kudo/repository/repositories.yaml");
    let text = std::fs::read_to_string(&file).unwrap();
    assert!(text.contains("name: community"), "{text}");
    std::fs::write(&file, "mine").unwrap();
    environment.run(&["init", "-c"]).expect_code(0);
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "mine");
    environment
        .run(&["init", "-c", "--home", "elsewhere"])
        .expect_code(0);
    assert!(
        environment
            .work()
            .join("elsewhere/repository/repositories.yaml")
            .exists()
    );
}

#[test]
fn flags_that_say_nothing_together() {
    for arguments in [
        "--client-only --wait",
        "--client-only --kudo-image a",
        "--kudo-image a --version 1",
        "--crd-only --wait",
        "--crd-only --upgrade",
        "--upgrade --verify",
        "--verify --dry-run",
        "--wait-timeout 5",
        "--kudo-image-pull-policy Sometimes",
    ] {
        let mut full = vec!["init"];
        full.extend(arguments.split_whitespace());
        let outcome = TestEnvironment::new().run(&full).expect_code(2);
        assert!(
            outcome.stderr.starts_with("Error: "),
            "{arguments}: {outcome}"
        );
    }
}
