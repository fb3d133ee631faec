//! `--simulate`: whole lives of instances with no cluster, as the program shows them.

use std::fmt::Write as _;

use std::path::Path;

use crate::environment::{Outcome, TestEnvironment, repository};

const OPERATOR: &str = "\
apiVersion: kudo.dev/v1beta1
name: web
operatorVersion: 0.1.0
kubernetesVersion: 1.20.0
tasks:
- {name: config, kind: Apply, spec: {resources: [config.yaml]}}
- {name: nodes, kind: Apply, spec: {resources: [nodes.yaml]}}
- {name: check, kind: Apply, spec: {resources: [check.yaml]}}
- {name: away, kind: Delete, spec: {resources: [config.yaml]}}
plans:
  deploy:
    strategy: serial
    phases:
    - name: main
      strategy: serial
      steps:
      - {name: config, tasks: [config]}
      - {name: nodes, tasks: [nodes]}
  scale:
    strategy: serial
    phases:
    - {name: main, strategy: serial, steps: [{name: nodes, tasks: [nodes]}]}
  check:
    strategy: serial
    phases:
    - {name: main, strategy: serial, steps: [{name: check, tasks: [check]}]}
  cleanup:
    strategy: serial
    phases:
    - {name: main, strategy: serial, steps: [{name: away, tasks: [away]}]}
";

const PARAMS: &str = "\
apiVersion: kudo.dev/v1beta1
parameters:
- {name: COUNT, type: integer, default: 2, trigger: scale}
";

const CONFIG: &str = "\
apiVersion: v1
kind: Secret
metadata: {name: '{{ .Name }}-config'}
stringData: {password: sesame}
";

const NODES: &str = "\
apiVersion: apps/v1
kind: StatefulSet
metadata: {name: '{{ .Name }}'}
spec:
  replicas: {{ .Params.COUNT }}
  serviceName: web
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec: {containers: [{name: web, image: nginx}]}
";

const CHECK: &str = "\
apiVersion: batch/v1
kind: Job
metadata: {name: '{{ .Name }}-check'}
spec:
  backoffLimit: 0
  template:
    spec: {restartPolicy: Never, containers: [{name: c, image: nginx}]}
";

fn environment() -> TestEnvironment {
    let environment = TestEnvironment::new();
    environment.package(
        "web",
        &[
            ("operator.yaml", OPERATOR),
            ("params.yaml", PARAMS),
            ("templates/config.yaml", CONFIG),
            ("templates/nodes.yaml", NODES),
            ("templates/check.yaml", CHECK),
        ],
    );
    environment
}

/// Times and generated names stand for themselves; which of the states between are seen is not told.
fn stable() -> insta::internals::SettingsBindDropGuard {
    let mut settings = insta::Settings::clone_current();
    settings.add_filter(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", "[TIME]");
    settings.add_filter(r"check-[a-z0-9]{5}\b", "check-[ID]");
    settings.add_filter(r"(?m)^(Plan|Step) [^\n]*\n", "");
    settings.bind_to_scope()
}

fn run(arguments: &str) -> Outcome {
    let arguments: Vec<&str> = arguments.split_whitespace().collect();
    environment().run(&arguments)
}

#[test]
fn an_installation_shows_plans_objects_and_changes() {
    let _stable = stable();
    let outcome = run("install ./web --simulate --diff").expect_code(0);
    insta::assert_snapshot!(outcome);
}

#[test]
fn an_update_begins_with_what_the_package_deploys() {
    let _stable = stable();
    let outcome =
        run("update --instance db -p COUNT=3 --simulate --simulate-from web --diff --pod-delay 1m")
            .expect_code(0);
    insta::assert_snapshot!(outcome);
}

#[test]
fn an_uninstallation_leaves_nothing() {
    let _stable = stable();
    let outcome =
        run("uninstall --instance db --simulate --simulate-from web --diff").expect_code(0);
    insta::assert_snapshot!(outcome);
}

#[test]
fn a_plan_whose_pod_fails_fails() {
    let _stable = stable();
    let outcome = run(
        "plan trigger --name check --instance db --simulate --simulate-from web --fail-pod db-check-*",
    )
    .expect_code(3);
    insta::assert_snapshot!(outcome);
}

#[test]
fn patterns_that_fit_no_pod_are_told() {
    let _stable = stable();
    // The pods of a job that has failed are gone by then, but have been there.
    let outcome = run(
        "plan trigger --name check --instance db --simulate --simulate-from web \
         --fail-pod db-check-* --fail-pod db-chekc-* --never-ready other/*",
    )
    .expect_code(3);
    let is_told = |text: &str| {
        outcome
            .stderr
            .contains(&format!("Warning: no pod fits {text}"))
    };
    assert!(is_told("--fail-pod db-chekc-*"), "{outcome}");
    assert!(is_told("--never-ready other/*"), "{outcome}");
    assert!(!is_told("--fail-pod db-check-*"), "{outcome}");
    let outcome = run("install ./web --simulate --fail-pod nobody").expect_code(0);
    let told = outcome
        .stderr
        .contains("Warning: no pod fits --fail-pod nobody");
    assert!(told, "{outcome}");
}

#[test]
fn a_pod_that_is_never_ready_times_out_at_once() {
    let _stable = stable();
    let outcome = run("install ./web --simulate --never-ready */web-instance-1").expect_code(4);
    insta::assert_snapshot!(outcome);
    // So does one that is awaited for ever: after a day that nobody spends.
    let for_ever = "install ./web --simulate --never-ready */web-instance-1 --wait-time 0";
    let outcome = run(for_ever).expect_code(4);
    let told = outcome.stderr.contains("was not done within 86400s");
    assert!(told, "{outcome}");
    // And one of a package that is to be there before.
    let before = "update --instance web -p COUNT=3 --simulate --simulate-from ./web \
                  --never-ready web-1 --wait-time 30";
    let outcome = run(before).expect_code(4);
    let told = outcome.stderr.contains("was not done within 30s");
    assert!(told, "{outcome}");
    for pattern in ["", "a/b/c"] {
        let no_pattern = ["install", "./web", "--simulate", "--fail-pod", pattern];
        environment().run(&no_pattern).expect_code(2);
    }
}

#[test]
fn manifests_of_a_real_cluster_are_where_it_begins() {
    let environment = environment();
    let installed = environment
        .run(&["install", "./web", "--simulate", "-n", "prod", "-o", "yaml"])
        .expect_code(0);
    environment.write("dump.yaml", &installed.stdout);
    let stateful_set = "\
apiVersion: apps/v1
kind: StatefulSet
metadata: {name: other, namespace: elsewhere, uid: s, ownerReferences: [{apiVersion: v1, kind: ConfigMap, name: gone, uid: g}]}
spec:
  selector: {matchLabels: {app: other}}
  serviceName: other
  template: {metadata: {labels: {app: other}}, spec: {containers: [{name: c, image: nginx}]}}
  volumeClaimTemplates: [{metadata: {name: data}, spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Gi}}}}]
---
apiVersion: v1
kind: PersistentVolumeClaim
metadata: {name: of-a-simulated-cluster, namespace: elsewhere}
spec: {storageClassName: simulated, accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Gi}}}
";
    environment.write("more.yaml", stateful_set);
    let arguments = "update --instance web-instance -n prod -p COUNT=3 --simulate --simulate-from dump.yaml --simulate-from more.yaml";
    let arguments: Vec<&str> = arguments.split_whitespace().collect();
    let outcome = environment.run(&arguments).expect_code(0);
    assert!(!outcome.stderr.contains("Plan deploy"), "{outcome}");
    assert!(
        outcome
            .stdout
            .contains("Plan scale (serial strategy) [COMPLETE]"),
        "{outcome}"
    );
    let objects = outcome.stdout.split_whitespace().collect::<Vec<_>>();
    let objects = objects.join(" ");
    for state in ["StatefulSet other 1/1 ready", "Pod other-0"] {
        assert!(objects.contains(&format!("elsewhere {state}")), "{outcome}");
    }
}

#[test]
fn an_upgrade_is_simulated() {
    let environment = environment();
    let newer = OPERATOR.replace("operatorVersion: 0.1.0", "operatorVersion: 0.2.0");
    environment.package(
        "newer",
        &[
            ("operator.yaml", &newer),
            ("params.yaml", PARAMS),
            ("templates/config.yaml", &CONFIG.replace("sesame", "other")),
            ("templates/nodes.yaml", NODES),
            ("templates/check.yaml", CHECK),
        ],
    );
    let arguments = "upgrade ./newer --instance db --simulate --simulate-from web --diff";
    let arguments: Vec<&str> = arguments.split_whitespace().collect();
    let outcome = environment.run(&arguments).expect_code(0);
    assert!(
        outcome
            .stdout
            .contains("web-0.2.0\" Active-Plan: \"deploy\""),
        "{outcome}"
    );
    assert!(
        outcome.stdout.contains("change Secret default/db-config"),
        "{outcome}"
    );
    assert!(
        !outcome.stdout.contains("other\n"),
        "a secret is told: {outcome}"
    );
}

#[test]
fn an_upgrade_needs_no_plan_deploy() {
    let environment = environment();
    let newer = |plan: &str, trigger: &str| {
        let operator = OPERATOR
            .replace("operatorVersion: 0.1.0", "operatorVersion: 0.2.0")
            .replace("  deploy:\n", &format!("  {plan}:\n"));
        let params = format!("{PARAMS}- name: NEW\n  default: a\n  trigger: {trigger}\n");
        environment.write("web/operator.yaml", OPERATOR);
        environment.package(
            "newer",
            &[
                ("operator.yaml", &operator),
                ("params.yaml", &params),
                ("templates/config.yaml", CONFIG),
                ("templates/nodes.yaml", NODES),
                ("templates/check.yaml", CHECK),
            ],
        );
    };
    let run = |command: &str| {
        let words: Vec<&str> = command.split_whitespace().collect();
        environment.run(&words)
    };
    let upgrade = "upgrade ./newer --instance db --simulate --simulate-from web -p NEW=b";
    for plan in ["upgrade", "update"] {
        newer(plan, "deploy");
        let outcome = run(upgrade).expect_code(0);
        let done = format!("Active-Plan: \"{plan}\"");
        assert!(outcome.stdout.contains(&done), "{outcome}");
        assert!(outcome.stdout.contains("[COMPLETE]"), "{outcome}");
    }

    // Nothing else is forgiven, and nothing where an instance is made.
    newer("upgrade", "deplyo");
    let outcome = run(upgrade).expect_code(1);
    assert!(
        outcome.stderr.contains("triggers plan \"deplyo\""),
        "{outcome}"
    );
    assert!(!outcome.stderr.contains("no plan"), "{outcome}");
    newer("upgarde", "deploy");
    let outcome = run(upgrade).expect_code(1);
    assert!(
        outcome.stderr.contains("there is no plan \"deploy\""),
        "{outcome}"
    );
    newer("upgrade", "deploy");
    for command in ["install ./newer --simulate", "package verify ./newer"] {
        let outcome = run(command).expect_code(1);
        let text = outcome.to_string();
        assert!(text.contains("there is no plan \"deploy\""), "{text}");
        assert!(text.contains("triggers plan \"deploy\", which"), "{text}");
    }
}

#[test]
fn what_cannot_be_simulated_is_told() {
    let environment = environment();
    environment.write("none.yaml", "a: 1\n");
    environment.write(
        "bad.yaml",
        "apiVersion: v1\nkind: Nothing\nmetadata: {name: x}\n",
    );
    let mut all = String::new();
    for arguments in [
        "update --instance db -p COUNT=3 --simulate",
        "update --instance db -p COUNT=3 --simulate --simulate-from none.yaml",
        "update --instance db -p COUNT=3 --simulate --simulate-from bad.yaml",
        "update --instance db -p COUNT=3 --simulate --simulate-from absent.yaml",
        "update --instance db -p COUNT=3 --diff",
        "install ./web --simulate --pod-delay soon",
    ] {
        let words: Vec<&str> = arguments.split_whitespace().collect();
        writeln!(all, "$ {arguments}\n{}", environment.run(&words)).unwrap();
    }
    insta::assert_snapshot!(all);
}

#[test]
fn galera_is_deployed_in_no_time() {
    let package = repository().join("operators/galera");
    let environment = TestEnvironment::new();
    let outcome = environment
        .run(&[
            "install".as_ref(),
            package.as_os_str(),
            "--simulate".as_ref(),
        ])
        .expect_code(0);
    for expected in [
        "Plan deploy (serial strategy) [COMPLETE]",
        "galera-instance                3/3 ready",
    ] {
        assert!(outcome.stdout.contains(expected), "{outcome}");
    }
}

/// Packages of others, as they are.
#[test]
fn packages_of_the_community_are_deployed() {
    let folder = repository().join("../shared/corpus/operators");
    let Ok(packages) = std::fs::read_dir(&folder) else {
        eprintln!("SKIPPED: {} is not there", folder.display());
        return;
    };
    for package in packages {
        let package = package.unwrap().path().join("operator");
        assert_deployed(&package);
    }
}

fn assert_deployed(package: &Path) {
    let environment = TestEnvironment::new();
    let outcome = environment.run(&[
        "install".as_ref(),
        package.as_os_str(),
        "--simulate".as_ref(),
    ]);
    let complete = outcome.stdout.contains("[COMPLETE], last updated");
    assert!(
        outcome.code == Some(0) && complete,
        "{}: {outcome}",
        package.display()
    );
}

#[test]
fn a_test_that_cannot_be_read_fails_alone() {
    let environment = TestEnvironment::new();
    let map = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n";
    let step = "apiVersion: kuttl.dev/v1beta1\nkind: TestStep\napply: [gone.yaml]\n";
    environment.write("suite/good/00-map.yaml", map);
    environment.write("suite/good/00-assert.yaml", map);
    environment.write("suite/misspelled/00-asert.yaml", map);
    environment.write("suite/unread/00-step.yaml", step);
    let outcome = environment
        .run(&["test", "./suite", "--simulate", "--report", "json"])
        .expect_code(1);
    for line in [
        "PASS good",
        "FAIL misspelled",
        "Hint: did you mean \"assert\"?",
        "FAIL unread",
        "Hint: paths of a step count from its test's folder on",
        "1 passed, 2 failed",
    ] {
        assert!(outcome.stdout.contains(line), "{line:?}:\n{outcome}");
    }
    let report = environment.work().join("kuttl-report.json");
    let report = std::fs::read_to_string(report).unwrap();
    assert!(report.contains("gone.yaml"), "{report}");
}
