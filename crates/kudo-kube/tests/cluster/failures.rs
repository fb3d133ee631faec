//! Tasks that fail: for good, or until something changes.

use std::time::Duration;

use kudo_package::TaskSpec;
use serde_json::json;

use crate::harness::World;
use crate::operator::{Operator, apply, toggle};
use crate::runner::{COMPLETE, CONFIG};

#[tokio::test]
async fn a_job_that_fails_ends_the_plan() {
    let Some(world) = World::new().await else {
        return;
    };
    let job = "
apiVersion: batch/v1
kind: Job
metadata:
  name: {{ .Name }}-job
spec:
  backoffLimit: 0
  template:
    metadata:
      annotations: {simulate.kudo.dev/outcome: fail}
    spec:
      restartPolicy: Never
      containers: [{name: main, image: x}]
";
    let operator = Operator::new(&[("job.yaml", job)]).step(&[("job", apply(&["job.yaml"]))]);
    let (status, failures) = operator.execution(&world, "u1", &[]).finish().await;
    assert_eq!(status, "FATAL_ERROR");
    let start =
        "FailedTerminalStateError: failed in deploy.main.job.job: Job \"inst-job\" has failed: ";
    assert!(
        failures.len() == 1 && failures[0].starts_with(start),
        "{failures:?}"
    );
}

#[tokio::test]
async fn faults_of_templates_end_the_plan_before_a_request() {
    let Some(world) = World::new().await else {
        return;
    };
    let cases = [
        (
            "name: {{ .Params.ABSENT }}",
            apply(&["a.yaml"]),
            "TaskRenderingError: ",
        ),
        ("a: [", apply(&["a.yaml"]), "TaskRenderingError: "),
        (
            "kind: ConfigMap",
            apply(&["a.yaml"]),
            "TaskRenderingError: ",
        ),
        (CONFIG, apply(&["b.yaml"]), "TaskRenderingError: "),
        (CONFIG, apply(&[]), "TaskBuildError: "),
        (CONFIG, toggle("GREETING", &["a.yaml"]), "ToggleTaskError: "),
        (CONFIG, toggle("ABSENT", &["a.yaml"]), "ToggleTaskError: "),
        (
            "{apiVersion: v1, kind: ConfigMap, metadata: {name: a, labels: {version: 1}}}",
            apply(&["a.yaml"]),
            "TaskEnhancementError: ",
        ),
    ];
    for (template, task, expected) in cases {
        let operator = Operator::new(&[("a.yaml", template)]).step(&[("a", task)]);
        let writes = world.meter.writes();
        let run = operator.execution(&world, "u1", &[("GREETING", "hi")]);
        let (status, failures) = run.finish().await;
        assert_eq!(status, "FATAL_ERROR", "{template}");
        assert!(failures[0].starts_with(expected), "{failures:?}");
        assert_eq!(world.meter.writes(), writes);
    }
}

#[tokio::test]
async fn what_the_server_finds_invalid_ends_the_plan() {
    let Some(world) = World::new().await else {
        return;
    };
    let service =
        "{apiVersion: v1, kind: Service, metadata: {name: a}, spec: {ports: [{port: 0}]}}";
    let operator = Operator::new(&[("a.yaml", service)]).step(&[("a", apply(&["a.yaml"]))]);
    let (status, failures) = operator.execution(&world, "u1", &[]).finish().await;
    assert_eq!(status, "FATAL_ERROR");
    let start = "ResourceValidationError: failed in deploy.main.a.a: cannot apply Service \"a\": ";
    assert!(failures[0].starts_with(start), "{failures:?}");
}

#[tokio::test]
async fn dummies_do_as_they_are_told() {
    let Some(world) = World::new().await else {
        return;
    };
    let dummy = |want_err, fatal, done| TaskSpec::Dummy {
        want_err,
        fatal,
        done,
    };
    let run = |spec| {
        Operator::new(&[])
            .step(&[("d", spec)])
            .execution(&world, "u1", &[])
    };
    assert_eq!(
        run(dummy(false, false, true)).finish().await,
        (COMPLETE.to_owned(), vec![])
    );
    let (status, failures) = run(dummy(true, true, true)).finish().await;
    assert_eq!(status, "FATAL_ERROR");
    assert_eq!(
        failures,
        ["DummyTaskError: failed in deploy.main.d.d: dummy error"]
    );
    for spec in [dummy(true, false, true), dummy(false, false, false)] {
        let ended = tokio::time::timeout(Duration::from_secs(1), run(spec).finish()).await;
        assert!(ended.is_err(), "it goes on for ever");
    }
}

#[tokio::test]
async fn an_object_that_is_deleted_while_it_is_awaited_is_applied_again() {
    let Some(world) = World::new().await else {
        return;
    };
    let pod = "
apiVersion: v1
kind: Pod
metadata:
  name: lone
  annotations: {simulate.kudo.dev/ready-after: 2s}
spec:
  containers: [{name: main, image: nginx}]
";
    let operator = Operator::new(&[("a.yaml", pod)]).step(&[("a", apply(&["a.yaml"]))]);
    let run = operator.execution(&world, "u1", &[]);
    let interferes = async {
        while world.get("v1", "Pod", "lone").await.is_none() {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        let pod = json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "lone"}});
        world.delete(&pod).await;
    };
    let ((status, failures), ()) = Box::pin(async { tokio::join!(run.finish(), interferes) }).await;
    assert_eq!(status, COMPLETE);
    assert!(
        failures[0].contains("was deleted while the step waited for it"),
        "{failures:?}"
    );
}

#[tokio::test]
async fn a_namespace_that_may_take_nothing_is_said_so() {
    let Some(world) = World::new().await else {
        return;
    };
    let quota = json!({"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "none"},
        "spec": {"hard": {"count/secrets": "0"}}});
    world.create_as("somebody", &quota).await;
    let secret = "{apiVersion: v1, kind: Secret, metadata: {name: s}}";
    let operator = Operator::new(&[("a.yaml", secret)]).step(&[("a", apply(&["a.yaml"]))]);
    // The quota counts once its controller has seen it.
    let run = operator.execution(&world, "u1", &[]);
    let ended = Box::pin(async {
        tokio::time::sleep(Duration::from_secs(2)).await;
        tokio::time::timeout(Duration::from_secs(1), run.finish()).await
    })
    .await;
    assert!(ended.is_err(), "a quota may be raised: {ended:?}");
    let failures = run.log.failures();
    assert!(failures[0].contains("exceeded quota"), "{failures:?}");
}
