//! `test --simulate`: suites on an embedded cluster.

use crate::environment::{Outcome, TestEnvironment};

const MAP: &str = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata: {key: value}\n";

/// A test step with these commands.
fn step(commands: &str) -> String {
    format!("apiVersion: kuttl.dev/v1beta1\nkind: TestStep\ncommands:\n{commands}")
}

fn simulated(environment: &TestEnvironment, more: &[&str]) -> Outcome {
    environment.run(&[&["test", "suite", "--simulate"], more].concat())
}

#[test]
fn a_command_that_may_fail_may_take_too_long() {
    let environment = TestEnvironment::new();
    let command =
        "- {script: sleep 60, timeout: 1, ignoreFailure: true}\n- command: echo went on\n";
    environment.write("suite/one/00-wait.yaml", &step(command));
    environment.write("suite/one/01-map.yaml", MAP);
    let outcome = simulated(&environment, &[]).expect_code(0);
    for line in [
        "one/0-wait | ended, as its time was up; its failure is ignored\n",
        "one/0-wait | went on\n",
        "one/1-map | ConfigMap:",
    ] {
        assert!(outcome.stderr.contains(line), "{line:?}: {outcome}");
    }
    let strict = command.replace(", ignoreFailure: true", "");
    environment.write("suite/one/00-wait.yaml", &step(&strict));
    let outcome = simulated(&environment, &[]).expect_code(1);
    let said = "step 0-wait: command \"sleep 60\" was not done after 1 s\n";
    assert!(outcome.stdout.contains(said), "{outcome}");
    assert!(!outcome.stderr.contains("went on\n"), "{outcome}");
}

#[test]
fn a_webhook_that_nobody_serves_is_told_with_its_manifest() {
    let environment = TestEnvironment::new();
    let hook = "\
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingWebhookConfiguration
metadata: {name: checks}
webhooks:
- name: maps.example.com
  clientConfig: {service: {namespace: far, name: away}}
  admissionReviewVersions: [v1]
  sideEffects: None
  rules: [{apiGroups: [''], apiVersions: [v1], resources: [configmaps], operations: [CREATE, DELETE]}]
";
    let manifest = environment.write("manifests/hook.yaml", hook);
    environment.write("suite/one/00-map.yaml", MAP);
    let flags = ["--manifest-dir", "manifests"];
    let outcome = simulated(&environment, &flags).expect_code(1);
    let file = manifest.strip_prefix(environment.work()).unwrap().display();
    let hint = format!(
        "    Hint: webhook \"maps.example.com\" comes from {file}:1 (ValidatingWebhookConfiguration \"checks\"), \
         and is asked at Service \"far/away\"; leave it out where nothing answers there\n"
    );
    let said = "step 0-map: 00-map.yaml:1: cannot apply ConfigMap:";
    assert!(outcome.stdout.contains(said), "{outcome}");
    assert!(outcome.stdout.contains(&hint), "{outcome}");

    environment.write("manifests/map.yaml", MAP);
    let outcome = simulated(&environment, &flags).expect_code(1);
    let said = "Error: setting up the suite failed: manifests/map.yaml:1: cannot apply ConfigMap:default/a: ";
    assert!(outcome.stderr.contains(said), "{outcome}");
    let said = "; webhook \"maps.example.com\" comes from manifests/hook.yaml:1 ";
    assert!(outcome.stderr.contains(said), "{outcome}");
}
