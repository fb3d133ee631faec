//! Whole tasks, from template to healthy objects, through the plan engine.

use std::time::Duration;

use kudo_kube::discovery::MISS_INTERVAL;
use serde_json::{Value, json};

use crate::harness::World;
use crate::operator::{Operator, apply, delete, toggle};

pub(crate) const CONFIG: &str = "
apiVersion: v1
kind: ConfigMap
metadata:
  name: {{ .Name }}-config
data:
  greeting: {{ .Params.GREETING }}
";

const WEB: &str = "
apiVersion: apps/v1
kind: Deployment
metadata:
  name: {{ .Name }}-web
spec:
  selector:
    matchLabels: {app: web}
  template:
    metadata:
      labels: {app: web}
    spec:
      containers:
        - name: main
          image: nginx
          envFrom:
            - configMapRef:
                name: {{ .Name }}-config
---
apiVersion: v1
kind: Service
metadata:
  name: {{ .Name }}-web
spec:
  selector: {app: web}
  ports:
    - port: 80
";

pub(crate) const COMPLETE: &str = "COMPLETE";

fn hash_of(deployment: &Value) -> String {
    let annotations = &deployment["spec"]["template"]["metadata"]["annotations"];
    annotations["kudo.dev/dependencies-hash"]
        .as_str()
        .unwrap()
        .to_owned()
}

#[tokio::test]
async fn a_config_map_and_a_deployment_are_applied_and_awaited() {
    let Some(world) = World::new().await else {
        return;
    };
    let operator = Operator::new(&[("config.yaml", CONFIG), ("web.yaml", WEB)])
        .step(&[("config", apply(&["config.yaml"]))])
        .step(&[("web", apply(&["web.yaml"]))]);
    // Kinds are discovered and watched from now on; what follows is what each instance costs.
    let first = operator.execution(&world, "u0", &[("GREETING", "hi")]);
    assert_eq!(first.finish().await, (COMPLETE.to_owned(), vec![]));
    assert_eq!(
        first.inventory(),
        [
            "ConfigMap inst-config",
            "Service inst-web",
            "Deployment inst-web"
        ]
    );
    let config = world.get("v1", "ConfigMap", "inst-config").await.unwrap();
    let annotations = &config["metadata"]["annotations"];
    assert_eq!(annotations["kudo.dev/plan"], "deploy");
    assert_eq!(annotations["kudo.dev/phase"], "main");
    assert_eq!(annotations["kudo.dev/step"], "config");
    assert_eq!(annotations["kudo.dev/last-plan-execution-uid"], "u0");
    assert_eq!(
        config["metadata"]["ownerReferences"][0]["uid"],
        world.instance_uid.as_str()
    );
    let web = world
        .get("apps/v1", "Deployment", "inst-web")
        .await
        .unwrap();
    assert_eq!(web["status"]["availableReplicas"], 1);

    let second = World::beside(&world).await;
    let (reads, writes) = (second.meter.reads(), second.meter.writes());
    let run = operator.execution(&second, "u0", &[("GREETING", "hi")]);
    assert_eq!(run.finish().await, (COMPLETE.to_owned(), vec![]));
    assert_eq!(second.meter.reads() - reads, 0, "{:?}", second.meter);
    assert_eq!(second.meter.writes() - writes, 3);
}

#[tokio::test]
async fn a_change_of_configuration_replaces_pods_and_nothing_else_does() {
    let Some(world) = World::new().await else {
        return;
    };
    let operator = Operator::new(&[("config.yaml", CONFIG), ("web.yaml", WEB)])
        .step(&[("all", apply(&["web.yaml", "config.yaml"]))]);
    let mut hashes = Vec::new();
    for (uid, greeting) in [("u1", "hi"), ("u2", "hi"), ("u3", "hello")] {
        let run = operator.execution(&world, uid, &[("GREETING", greeting)]);
        assert_eq!(run.finish().await, (COMPLETE.to_owned(), vec![]));
        let web = world
            .get("apps/v1", "Deployment", "inst-web")
            .await
            .unwrap();
        hashes.push(hash_of(&web));
    }
    assert_eq!(hashes[0], hashes[1]);
    assert_ne!(hashes[1], hashes[2]);

    // The same contents read from the cluster give the same hash.
    let only_web = Operator::new(&[("web.yaml", WEB)]).step(&[("web", apply(&["web.yaml"]))]);
    let run = only_web.execution(&world, "u4", &[]);
    assert_eq!(run.finish().await, (COMPLETE.to_owned(), vec![]));
    let web = world
        .get("apps/v1", "Deployment", "inst-web")
        .await
        .unwrap();
    assert_eq!(hash_of(&web), hashes[2]);
}

#[tokio::test]
async fn a_configuration_that_is_not_there_yet_is_fine() {
    let Some(world) = World::new().await else {
        return;
    };
    let operator = Operator::new(&[("web.yaml", WEB)]).step(&[("web", apply(&["web.yaml"]))]);
    let run = operator.execution(&world, "u1", &[]);
    assert_eq!(run.finish().await, (COMPLETE.to_owned(), vec![]));
}

fn definition(plural: &str, kind: &str, group: &str, scope: &str) -> String {
    format!(
        "
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata:
  name: {plural}.{group}
spec:
  group: {group}
  scope: {scope}
  names: {{plural: {plural}, singular: {singular}, kind: {kind}}}
  versions:
    - name: v1
      served: true
      storage: true
      schema:
        openAPIV3Schema:
          type: object
          x-kubernetes-preserve-unknown-fields: true
",
        singular = kind.to_lowercase(),
    )
}

#[tokio::test]
async fn a_definition_and_its_resources_go_in_one_task() {
    let Some(world) = World::new().await else {
        return;
    };
    let widgets = definition("widgets", "Widget", "one.example.com", "Namespaced");
    let gadgets = definition("gadgets", "Gadget", "one.example.com", "Cluster");
    let resources = "
apiVersion: one.example.com/v1
kind: Widget
metadata:
  name: w
spec: {size: 3}
---
apiVersion: one.example.com/v1
kind: Gadget
metadata:
  name: g
";
    let operator = Operator::new(&[
        ("resources.yaml", resources),
        ("widgets.yaml", &widgets),
        ("gadgets.yaml", &gadgets),
    ])
    .step(&[(
        "all",
        apply(&["resources.yaml", "widgets.yaml", "gadgets.yaml"]),
    )]);
    let run = operator.execution(&world, "u1", &[]);
    assert_eq!(run.finish().await, (COMPLETE.to_owned(), vec![]));
    assert_eq!(
        run.inventory(),
        [
            "CustomResourceDefinition gadgets.one.example.com*",
            "CustomResourceDefinition widgets.one.example.com*",
            "Gadget g*",
            "Widget w",
        ]
    );
    let widget = world
        .get("one.example.com/v1", "Widget", "w")
        .await
        .unwrap();
    assert_eq!(widget["metadata"]["ownerReferences"][0]["name"], "inst");
    let gadget = world
        .get("one.example.com/v1", "Gadget", "g")
        .await
        .unwrap();
    assert_eq!(gadget["metadata"].get("ownerReferences"), None);
}

#[tokio::test]
async fn a_kind_may_come_later() {
    let Some(world) = World::new().await else {
        return;
    };
    let resource = "
apiVersion: two.example.com/v1
kind: Widget
metadata:
  name: w
";
    let operator =
        Operator::new(&[("widget.yaml", resource)]).step(&[("widget", apply(&["widget.yaml"]))]);
    let run = operator.execution(&world, "u1", &[]);
    let text = definition("widgets", "Widget", "two.example.com", "Namespaced");
    let comes = async {
        tokio::time::sleep(MISS_INTERVAL / 2).await;
        let definition = kudo_package::yaml::parse(&text).unwrap();
        world.create_as("somebody", &definition).await;
    };
    let ((status, failures), ()) = Box::pin(async { tokio::join!(run.finish(), comes) }).await;
    assert_eq!(status, COMPLETE);
    let expected = "TaskEnhancementError: failed in deploy.main.widget.widget: cannot apply Widget \"w\": the cluster does not serve kind \"Widget\" in two.example.com/v1";
    assert_eq!(failures.first().map(String::as_str), Some(expected));
}

#[tokio::test]
async fn an_execution_that_was_cut_short_goes_on_where_it_was() {
    let Some(world) = World::new().await else {
        return;
    };
    let random = "
apiVersion: v1
kind: Secret
metadata:
  name: {{ .Name }}-config
stringData:
  password: {{ randAlphaNum 20 }}
";
    let web = WEB.replace("configMapRef", "secretRef");
    let never = web.replace("image: nginx", "image: simulate.kudo.dev/never-ready");
    let operator = |web: &str| {
        Operator::new(&[("secret.yaml", random), ("web.yaml", web)])
            .step(&[("all", apply(&["secret.yaml", "web.yaml"]))])
    };
    let run = operator(&never).execution(&world, "u1", &[]);
    let cut = tokio::time::timeout(Duration::from_secs(3), run.finish()).await;
    assert!(cut.is_err());
    drop(run);
    let secret = world.get("v1", "Secret", "inst-config").await.unwrap();

    let next = world.restarted().await;
    let writes = next.meter.writes();
    let web =
        json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "inst-web"}});
    let mended = json!({"spec": {"template": {"spec": {"containers": [{"name": "main", "image": "nginx"}]}}}});
    next.merge_as("somebody", &web, mended).await;
    let run = operator(&never).execution(&next, "u1", &[]);
    assert_eq!(run.finish().await, (COMPLETE.to_owned(), vec![]));
    assert_eq!(
        next.meter.writes() - writes,
        1,
        "only the one that mended the pods"
    );
    let after = next.get("v1", "Secret", "inst-config").await.unwrap();
    assert_eq!(after["data"], secret["data"]);
    assert_eq!(
        run.inventory(),
        [
            "Secret inst-config",
            "Service inst-web",
            "Deployment inst-web"
        ]
    );
}

#[tokio::test]
async fn toggle_and_delete_take_away() {
    let Some(world) = World::new().await else {
        return;
    };
    let unknown = "{apiVersion: none.example.com/v1, kind: Nothing, metadata: {name: a}}";
    let templates = [
        ("config.yaml", CONFIG),
        ("web.yaml", WEB),
        ("unknown.yaml", unknown),
    ];
    let operator = Operator::new(&templates)
        .step(&[("config", apply(&["config.yaml"]))])
        .step(&[("web", toggle("WEB", &["web.yaml"]))]);
    for (uid, on) in [("u1", "true"), ("u2", "false"), ("u3", "true")] {
        let run = operator.execution(&world, uid, &[("GREETING", "hi"), ("WEB", on)]);
        assert_eq!(run.finish().await, (COMPLETE.to_owned(), vec![]));
        let there = world
            .get("apps/v1", "Deployment", "inst-web")
            .await
            .is_some();
        assert_eq!(there, on == "true");
        assert_eq!(run.inventory().len(), if there { 3 } else { 1 });
    }
    let operator = Operator::new(&templates)
        .step(&[("all", delete(&["config.yaml", "web.yaml", "unknown.yaml"]))]);
    let run = operator.execution(&world, "u4", &[("GREETING", "hi")]);
    assert_eq!(run.finish().await, (COMPLETE.to_owned(), vec![]));
    for (api_version, kind, name) in [
        ("v1", "ConfigMap", "inst-config"),
        ("v1", "Service", "inst-web"),
        ("apps/v1", "Deployment", "inst-web"),
    ] {
        assert!(world.get(api_version, kind, name).await.is_none(), "{kind}");
    }
}

#[tokio::test]
async fn a_claim_that_nobody_binds_before_its_pod_does_not_hold_up_the_plan() {
    let Some(world) = World::new().await else {
        return;
    };
    let claim = "
apiVersion: v1
kind: PersistentVolumeClaim
metadata:
  name: data
spec:
  storageClassName: no-such-class
  accessModes: [ReadWriteOnce]
  resources: {requests: {storage: 1Gi}}
---
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata:
  name: web
spec:
  defaultBackend: {service: {name: web, port: {number: 80}}}
";
    let operator = Operator::new(&[("a.yaml", claim)]).step(&[("a", apply(&["a.yaml"]))]);
    let run = operator.execution(&world, "u1", &[]);
    assert_eq!(run.finish().await, (COMPLETE.to_owned(), vec![]));
}
