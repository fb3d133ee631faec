//! Tasks on real pods: files out of a pod, a Job that fails, a pod that is never ready.

use std::fs;
use std::path::Path;

use k8s_openapi::api::core::v1::{ConfigMap, Pod};
use serde_json::json;

use crate::bed::{Bed, eventually, say};

/// Writes a package of one plan with one task.
fn package(folder: &Path, task: &str, templates: &[(&str, &str)]) {
    fs::create_dir_all(folder.join("templates")).unwrap();
    let operator = format!(
        "apiVersion: kudo.dev/v1beta1\nname: small\noperatorVersion: 0.1.0\nkubernetesVersion: 1.18.0\n\
         tasks:\n  - name: task\n{task}\n  - name: after\n    kind: Apply\n    spec:\n      resources: [after.yaml]\n\
         plans:\n  deploy:\n    strategy: serial\n    phases:\n      - name: one\n        strategy: serial\n        \
         steps:\n          - name: task\n            tasks: [task]\n          - name: after\n            tasks: [after]\n"
    );
    fs::write(folder.join("operator.yaml"), operator).unwrap();
    fs::write(
        folder.join("params.yaml"),
        "apiVersion: kudo.dev/v1beta1\nparameters: []\n",
    )
    .unwrap();
    let after = (
        "after.yaml",
        "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: after\n",
    );
    for (name, text) in templates.iter().chain(std::iter::once(&after)) {
        fs::write(folder.join("templates").join(name), text).unwrap();
    }
}

const APPLY: &str = "    kind: Apply\n    spec:\n      resources: [it.yaml]";

#[tokio::test(flavor = "multi_thread")]
async fn files_come_out_of_a_pod() {
    let Some(bed) = Bed::beside_others("pipe").await else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let pipe = "    kind: Pipe\n    spec:\n      pod: it.yaml\n      pipe:\n        - file: /out/said.txt\n          kind: ConfigMap\n          key: said";
    let pod = "apiVersion: v1\nkind: Pod\nspec:\n  volumes:\n    - name: out\n      emptyDir: {}\n  initContainers:\n    \
        - name: say\n      image: busybox:1.35\n      command: [sh, -c, 'echo moo > /out/said.txt']\n      \
        volumeMounts:\n        - name: out\n          mountPath: /out\n";
    package(folder.path(), pipe, &[("it.yaml", pod)]);
    let path = folder.path().to_str().unwrap();
    bed.kudo(&[
        "install",
        path,
        "--instance",
        "cow",
        "--wait",
        "--wait-time",
        "120",
    ])
    .expect(0);
    let kept = bed
        .api::<ConfigMap>()
        .get("cow.deploy.one.task.task.said")
        .await
        .unwrap();
    assert_eq!(kept.binary_data.unwrap()["said.txt"].0, b"moo\n");
    eventually("the pod is gone", || async {
        bed.names::<Pod>().await.is_empty()
    })
    .await;
    bed.remove().await;
}

/// A package of the community as it is, but for images and a site that are not at hand.
#[tokio::test(flavor = "multi_thread")]
async fn a_cow_speaks_through_a_pipe() {
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/corpus");
    let cowsay = Path::new(root).join("operators/cowsay/operator");
    if !cowsay.exists() {
        say("SKIPPED: pods::cowsay needs the packages in ../shared/corpus");
        return;
    }
    let Some(bed) = Bed::beside_others("cowsay").await else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("templates")).unwrap();
    for file in [
        "operator.yaml",
        "params.yaml",
        "templates/deployment.yaml",
        "templates/pipe-pod.yaml",
    ] {
        let text = fs::read_to_string(cowsay.join(file)).unwrap();
        let lines = text.lines().map(|line| {
            let indent = line.len() - line.trim_start().len();
            let indent = &line[..indent];
            if line.contains("image: nginx") {
                format!("{indent}image: busybox:1.35\n{indent}command: [httpd, -f, -h, /usr/share/nginx/html]")
            } else if line.contains("- wget ") {
                format!("{indent}- echo moo > /tmp/index.html")
            } else {
                line.replace("image: busybox", "image: busybox:1.35")
            }
        });
        let text = lines.collect::<Vec<_>>().join("\n");
        fs::write(folder.path().join(file), text).unwrap();
    }
    let path = folder.path().to_str().unwrap();
    let wait = ["--instance", "cow", "--wait", "--wait-time", "120"];
    bed.kudo(&[&["install", path], &wait[..]].concat())
        .expect(0);
    let pods = bed.names::<Pod>().await;
    let server = pods.iter().find(|name| name.starts_with("cow-deployment"));
    let ask = ["wget", "-q", "-O", "-", "http://localhost/"];
    let answer = bed.exec(server.unwrap(), "nginx", &ask).await.unwrap();
    assert_eq!(answer, "moo\n");
    bed.remove().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_that_fails_ends_the_plan_with_its_last_words() {
    let Some(bed) = Bed::beside_others("job").await else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let job = "apiVersion: batch/v1\nkind: Job\nmetadata:\n  name: it\nspec:\n  backoffLimit: 0\n  template:\n    spec:\n      \
        restartPolicy: Never\n      containers:\n        - name: it\n          image: busybox:1.35\n          \
        command: [sh, -c, 'echo the disk is full > /dev/termination-log; exit 1']\n";
    package(folder.path(), APPLY, &[("it.yaml", job)]);
    let path = folder.path().to_str().unwrap();
    let outcome = bed.kudo(&[
        "install",
        path,
        "--instance",
        "job",
        "--wait",
        "--wait-time",
        "120",
    ]);
    let outcome = outcome.expect(3);
    assert!(outcome.err.contains("the disk is full"), "{outcome:?}");
    assert!(!bed.names::<ConfigMap>().await.contains(&"after".to_owned()));
    bed.remove().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pod_that_is_never_ready_holds_up_its_own_instance_alone() {
    let Some(bed) = Bed::beside_others("waits").await else {
        return;
    };
    let pod = |command: &str| {
        format!(
            "apiVersion: v1\nkind: Pod\nmetadata:\n  name: '{{{{ .Name }}}}'\nspec:\n  terminationGracePeriodSeconds: 0\n  \
             containers:\n    - name: it\n      image: busybox:1.35\n      command: [sleep, '3600']\n      \
             readinessProbe:\n        exec:\n          command: ['{command}']\n        periodSeconds: 1\n"
        )
    };
    let folder = tempfile::tempdir().unwrap();
    package(folder.path(), APPLY, &[("it.yaml", &pod("false"))]);
    let path = folder.path().to_str().unwrap();
    let outcome = bed.kudo(&[
        "install",
        path,
        "--instance",
        "waits",
        "--wait",
        "--wait-time",
        "60",
    ]);
    let outcome = outcome.expect(4);
    assert!(
        outcome.err.contains("running, but not ready"),
        "{outcome:?}"
    );
    // Another one beside it is not concerned.
    let other = json!({
        "apiVersion": "kudo.dev/v1beta1", "kind": "Instance", "metadata": { "name": "unaffected" },
        "spec": { "operatorVersion": { "name": "small-0.1.0" } },
    });
    bed.apply::<kudo_api::Instance>(other).await;
    eventually("the other instance runs its plan", || async {
        bed.names::<Pod>().await.contains(&"unaffected".to_owned())
    })
    .await;
    bed.kudo(&[
        "uninstall",
        "--instance",
        "waits",
        "--wait",
        "--wait-time",
        "120",
    ])
    .expect(0);
    bed.until_pod_is_gone("waits").await;
    bed.remove().await;
}
