//! `init` as far as it needs no cluster.

use crate::environment::TestEnvironment;

#[test]
fn a_dry_run_prints_everything_and_asks_nobody() {
    let environment = TestEnvironment::new();
    let outcome = environment.run(&["init", "--dry-run"]).expect_code(0);
    insta::assert_snapshot!(outcome);
    assert!(!environment.home().join(".kudo").exists());
}

/// What a dry run prints after the definitions.
fn beside_the_definitions(flags: &str) -> String {
    let run = |flags: &str| {
        let mut arguments = vec!["init", "--dry-run", "-o", "yaml"];
        arguments.extend(flags.split_whitespace());
        TestEnvironment::new().run(&arguments).expect_code(0).stdout
    };
    let crds = run("--crd-only");
    let definitions = crds.strip_suffix("...\n").unwrap();
    let all = run(flags);
    let rest = all.strip_prefix(definitions);
    rest.expect("definitions come first").to_owned()
}

#[test]
fn what_is_installed_beside_the_definitions() {
    let rest = beside_the_definitions("");
    insta::assert_snapshot!(rest);
    assert_eq!(
        beside_the_definitions("--unsafe-self-signed-webhook-ca"),
        rest
    );
    assert_eq!(beside_the_definitions("--webhook self-managed"), rest);
}

#[test]
fn a_manager_of_a_few_namespaces() {
    insta::assert_snapshot!(beside_the_definitions(
        "--namespaces databases,queues,databases"
    ));
}

#[test]
fn with_a_certificate_of_cert_manager() {
    insta::assert_snapshot!(beside_the_definitions(
        "--webhook cert-manager -n elsewhere"
    ));
}

#[test]
fn with_no_webhook() {
    let rest = beside_the_definitions("--webhook none");
    assert!(
        !rest.to_lowercase().contains("kind: mutatingwebhook"),
        "{rest}"
    );
    assert!(!rest.contains("443"), "{rest}");
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
fn a_service_account_of_ones_own_is_used_and_not_made() {
    let arguments = [
        "init",
        "--dry-run",
        "-o",
        "json",
        "--service-account",
        "mine",
    ];
    let outcome = TestEnvironment::new().run(&arguments).expect_code(0);
    let objects = outcome.json();
    let objects = objects.as_array().unwrap();
    let made = |kind: &str| objects.iter().any(|object| object["kind"] == kind);
    assert!(!made("ServiceAccount") && !made("ClusterRoleBinding"));
    let manager = objects.iter().find(|o| o["kind"] == "StatefulSet").unwrap();
    let pod = &manager["spec"]["template"]["spec"];
    assert_eq!(pod["serviceAccountName"], "mine");
}

#[test]
fn flags_that_say_nothing_together() {
    for arguments in [
        "--client-only --wait",
        "--client-only --kudo-image a",
        "--kudo-image a --version 1",
        "--crd-only --upgrade",
        "--upgrade --verify",
        "--verify --dry-run",
        "--wait-timeout 5",
        "--kudo-image-pull-policy Sometimes",
        "--webhook certmanager",
        "--webhook none --unsafe-self-signed-webhook-ca",
        "--namespaces a --webhook self-managed",
        "--namespaces a --unsafe-self-signed-webhook-ca",
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
