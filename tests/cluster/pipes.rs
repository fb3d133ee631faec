//! Pipe tasks: what a pod writes is kept, and the pod goes in every case. The copying itself is a double's:
//! simulated pods write nothing.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use futures::FutureExt;
use futures::future::BoxFuture;
use k8s_openapi::api::core::v1::{ConfigMap, Pod, Secret};
use kube::Client;
use kudo_kube::CopyFiles;
use kudo_kube::copy::{CopyError, PodFile};
use serde_json::json;

use crate::harness::{SOON, TestNamespace, cluster};
use crate::instances::{COLLECTED, Operator, plan_status, status_of, steps};
use crate::managers::TestManager;

const POD: &str = "
apiVersion: v1
kind: Pod
spec:
  volumes: [{name: out, emptyDir: {}}]
  initContainers:
    - name: make
      image: '{{ .Params.IMAGE }}'
      volumeMounts: [{name: out, mountPath: /out}]
";
const POD_NAME: &str = "i.deploy.main.make.make.pipepod";
const PAGE: &str = "i.deploy.main.make.make.page";
const KEYS: &str = "i.deploy.main.make.make.keys";

fn operator() -> Operator {
    let plan = json!({
        "strategy": "serial",
        "phases": [{ "name": "main", "strategy": "serial", "steps": [
            { "name": "make", "tasks": ["make"] },
            { "name": "use", "tasks": ["use"] },
        ] }],
    });
    Operator::new("pipes")
        .parameter(json!({ "name": "IMAGE", "default": "maker" }))
        .template("pod.yaml", POD)
        .config_map(
            "names",
            &[("page", "{{ .Pipes.page }}"), ("keys", "{{ .Pipes.keys }}")],
        )
        .task(
            json!({ "name": "make", "kind": "Pipe", "spec": { "pod": "pod.yaml", "pipe": [
            { "file": "/out/index.html", "kind": "ConfigMap", "key": "page" },
            { "envFile": "/out/keys.env", "kind": "Secret", "key": "keys" },
        ] } }),
        )
        .task(json!({ "name": "use", "kind": "Apply", "spec": { "resources": ["names"] } }))
        .raw_plan("deploy", plan)
}

/// What a pod has at a path, if it answers at all.
type Answer = fn(&str) -> Option<Result<Vec<u8>, CopyError>>;

/// Gives the same files each time, or an error, or never ends.
struct Files {
    copies: AtomicUsize,
    answer: Answer,
}

impl Files {
    fn new(answer: Answer) -> Arc<Self> {
        Arc::new(Self {
            copies: AtomicUsize::new(0),
            answer,
        })
    }
}

impl CopyFiles for Files {
    fn copy<'a>(
        &'a self,
        _: &'a Client,
        file: &'a PodFile,
    ) -> BoxFuture<'a, Result<Vec<u8>, CopyError>> {
        assert_eq!(
            (file.pod.as_str(), file.container.as_str()),
            (POD_NAME, "waiter")
        );
        self.copies.fetch_add(1, Ordering::Relaxed);
        match (self.answer)(&file.path) {
            Some(answer) => std::future::ready(answer).boxed(),
            None => std::future::pending().boxed(),
        }
    }
}

#[expect(clippy::unnecessary_wraps, reason = "the shape of an answer")]
fn good(path: &str) -> Option<Result<Vec<u8>, CopyError>> {
    Some(Ok(match path {
        "/out/index.html" => b"<p>hi".to_vec(),
        _ => b"# keys\nA=1\n".to_vec(),
    }))
}

async fn until_pod_is_gone(namespace: &TestNamespace) {
    namespace
        .wait_for::<Pod>(POD_NAME, "is removed", SOON, |found| found.is_none())
        .await;
}

async fn check_kept(namespace: &TestNamespace) {
    let page = namespace.api::<ConfigMap>().get(PAGE).await.unwrap();
    assert_eq!(page.binary_data.unwrap()["index.html"].0, b"<p>hi");
    let annotations = page.metadata.annotations.unwrap();
    assert_eq!(annotations["kudo.dev/step"], "make");
    assert_eq!(
        page.metadata.owner_references.unwrap()[0].controller,
        Some(true)
    );
    let keys = namespace.api::<Secret>().get(KEYS).await.unwrap();
    assert_eq!(keys.data.unwrap()["A"].0, b"1");
    let names = namespace.api::<ConfigMap>().get("i-names").await.unwrap();
    let names = names.data.unwrap();
    assert_eq!(
        (names["page"].as_str(), names["keys"].as_str()),
        (PAGE, KEYS)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_pod_wrote_is_kept_and_the_pod_goes() {
    let namespace = cluster().namespace().await;
    let files = Files::new(good);
    let _manager = TestManager::start_copying(&[&namespace], files.clone());
    namespace.apply(&operator().version("1.0.0")).await;
    namespace.instance("i", "pipes-1.0.0", &[]).await;
    let done = namespace.until_done("i", "deploy").await;
    check_kept(&namespace).await;
    until_pod_is_gone(&namespace).await;
    let names: Vec<String> = status_of(&done)
        .inventory
        .iter()
        .map(|e| e.name.clone())
        .collect();
    assert_eq!(names, ["i-names", PAGE, KEYS]);
    assert_eq!(files.copies.load(Ordering::Relaxed), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_cannot_be_kept_fails_the_plan_and_the_pod_goes_all_the_same() {
    let namespace = cluster().namespace().await;
    let files = Files::new(|path| {
        Some(match path {
            "/out/index.html" => Ok(Vec::new()),
            path => Err(CopyError::TooLarge {
                path: path.to_owned(),
                size: 2 << 20,
            }),
        })
    });
    let _manager = TestManager::start_copying(&[&namespace], files);
    namespace.apply(&operator().version("1.0.0")).await;
    namespace.instance("i", "pipes-1.0.0", &[]).await;
    let failed = namespace.until_plan("i", "deploy", "FATAL_ERROR").await;
    assert_eq!(
        steps(&failed, "deploy"),
        ["main.make FATAL_ERROR", "main.use PENDING"]
    );
    let message = &plan_status(&failed, "deploy").unwrap().phases[0].steps[0].message;
    assert!(
        message.contains("\"/out/keys.env\" has 2097152 bytes"),
        "{message}"
    );
    until_pod_is_gone(&namespace).await;
    namespace
        .until("i", "its record no longer names the pod", |instance| {
            status_of(instance)
                .inventory
                .iter()
                .all(|entry| entry.kind != "Pod")
        })
        .await;
    assert!(
        namespace
            .api::<ConfigMap>()
            .get_opt(PAGE)
            .await
            .unwrap()
            .is_none()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_manager_that_is_killed_while_it_copies_leaves_nothing_behind() {
    let namespace = cluster().namespace().await;
    let stuck = Files::new(|_| None);
    let manager = TestManager::start_copying(&[&namespace], stuck);
    namespace.apply(&operator().version("1.0.0")).await;
    namespace.instance("i", "pipes-1.0.0", &[]).await;
    namespace
        .wait_for::<Pod>(POD_NAME, "runs", SOON, |found| found.is_some())
        .await;
    manager.kill().await;
    let _next = TestManager::start_copying(&[&namespace], Files::new(good));
    namespace.until_done("i", "deploy").await;
    check_kept(&namespace).await;
    until_pod_is_gone(&namespace).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pod_that_never_starts_makes_room_for_the_next_and_goes_with_its_instance() {
    const BROKEN: &str = "simulate.kudo.dev/image-pull-error:1.0";
    let namespace = cluster().namespace().await;
    let _manager = TestManager::start_copying(&[&namespace], Files::new(good));
    namespace.apply(&operator().version("1.0.0")).await;
    let stuck = |pod: Option<&Pod>| {
        let spec = pod.and_then(|pod| pod.spec.as_ref());
        let images = spec.and_then(|spec| spec.init_containers.as_ref());
        images.is_some_and(|containers| containers[0].image.as_deref() == Some(BROKEN))
    };
    namespace
        .instance("i", "pipes-1.0.0", &[("IMAGE", BROKEN)])
        .await;
    namespace
        .wait_for::<Pod>(POD_NAME, "waits for its image", SOON, stuck)
        .await;
    namespace.set("i", json!({ "IMAGE": "maker" })).await;
    namespace.until_done("i", "deploy").await;
    check_kept(&namespace).await;
    until_pod_is_gone(&namespace).await;

    namespace.set("i", json!({ "IMAGE": BROKEN })).await;
    namespace
        .wait_for::<Pod>(POD_NAME, "waits for its image", SOON, stuck)
        .await;
    namespace.delete_instance("i").await;
    namespace.until_gone("i").await;
    namespace
        .wait_for::<Pod>(POD_NAME, "goes with its instance", COLLECTED, |found| {
            found.is_none()
        })
        .await;
}
