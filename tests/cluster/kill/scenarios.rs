//! What managers are killed at.

use std::collections::{BTreeMap, BTreeSet};

use k8s_openapi::api::core::v1::ConfigMap;
use kudo_api::Instance;
use kudo_controller::admission;
use kudo_package::{OperatorDefinition, Package};
use kudo_template::{Action, InstanceIdentity, Limits, Renderer, render_plan};
use serde_json::{Value, json};

use super::{NAME, Scenario};
use crate::harness::{SOON, TestNamespace, eventually, object};
use crate::instances::{Operator, condition, package, plan_status, status_of};
use crate::kill::outcome::state;
use crate::managers::TestManager;

/// The writes of a plan's steps that are not recorded as complete.
fn writes_left(
    definition: &OperatorDefinition,
    namespace: &TestNamespace,
    plan: &str,
    found: Option<&Instance>,
) -> BTreeSet<String> {
    let recorded = found.and_then(|instance| plan_status(instance, plan));
    let steps = recorded
        .into_iter()
        .flat_map(|plan| &plan.phases)
        .flat_map(|phase| &phase.steps);
    let complete: BTreeSet<&str> = steps
        .filter(|step| step.status == "COMPLETE")
        .map(|step| step.name.as_str())
        .collect();
    let identity = InstanceIdentity {
        name: NAME,
        namespace: namespace.name(),
    };
    let parameters = admission::resolve(&BTreeMap::new(), definition).unwrap();
    let engine = Renderer::new(Limits::default());
    let rendered = render_plan(&engine, definition, identity, plan, &parameters).unwrap();
    let open = rendered
        .iter()
        .filter(|step| !complete.contains(step.step.as_str()));
    open.flat_map(|step| &step.tasks)
        .flat_map(|task| {
            let verb = if task.action == Action::Delete {
                "delete"
            } else {
                "apply"
            };
            let objects = task.documents.iter().flat_map(|document| &document.objects);
            objects.map(move |object| {
                let text = |pointer| object.pointer(pointer).and_then(Value::as_str).unwrap();
                let plural = format!("{}s", text("/kind").to_lowercase());
                format!("{verb} {plural}/{}", text("/metadata/name"))
            })
        })
        .collect()
}

fn definition(version: &Value) -> OperatorDefinition {
    let version: kudo_api::OperatorVersion = object(version.clone());
    OperatorDefinition::try_from(&version).unwrap()
}

async fn until_told(namespace: &TestNamespace, plan: &str) {
    let finished = format!("PlanFinished: Execution of plan {plan} finished with status COMPLETE");
    eventually("the last event is there", SOON, || async {
        let events = namespace.events(NAME).await;
        if events.contains(&finished) {
            Ok(())
        } else {
            Err(format!("{events:?}"))
        }
    })
    .await;
}

/// A package is deployed.
pub(super) struct Deployment {
    package: Package,
}

impl Deployment {
    pub(super) fn galera() -> Self {
        Self {
            package: package("galera"),
        }
    }
}

impl Scenario for Deployment {
    const NAME: &'static str = "deployment";

    async fn prepare(&self, namespace: &TestNamespace) {
        namespace.install(&self.package).await;
    }

    async fn begin(&self, namespace: &TestNamespace) {
        let definition = &self.package.definition;
        let version = format!(
            "{}-{}",
            definition.operator_name, definition.operator_version
        );
        namespace.instance(NAME, &version, &[]).await;
    }

    async fn finish(&self, namespace: &TestNamespace) -> Value {
        namespace.until_done(NAME, "deploy").await;
        let settled = namespace
            .until(NAME, "is ready", |i| {
                condition(i, "Ready") == "True ResourcesReady"
            })
            .await;
        until_told(namespace, "deploy").await;
        let execution = plan_status(&settled, "deploy").unwrap().uid.clone();
        state(namespace, &settled, &|_| execution.clone()).await
    }

    fn left(&self, namespace: &TestNamespace, found: Option<&Instance>) -> BTreeSet<String> {
        writes_left(&self.package.definition, namespace, "deploy", found)
    }
}

/// A new version changes, adds and drops objects.
pub(super) struct Upgrade;

impl Upgrade {
    fn before() -> Value {
        Operator::new("app")
            .config_map("stays", &[("one", "1"), ("two", "2")])
            .config_map("goes", &[("key", "value")])
            .config_map("too", &[("key", "value")])
            .plan("deploy", &["all: stays, goes, too"])
            .version("1.0.0")
    }

    fn after() -> Value {
        Operator::new("app")
            .config_map("stays", &[("one", "1")])
            .config_map("comes", &[("key", "value")])
            .plan("deploy", &["all: stays, comes"])
            .plan("upgrade", &["first: stays", "second: comes"])
            .version("2.0.0")
    }
}

impl Scenario for Upgrade {
    const NAME: &'static str = "upgrade";

    async fn prepare(&self, namespace: &TestNamespace) {
        namespace.apply(&Self::before()).await;
        namespace.apply(&Self::after()).await;
        let manager = TestManager::start(&[namespace]);
        namespace.instance(NAME, "app-1.0.0", &[]).await;
        namespace.until_done(NAME, "deploy").await;
        until_told(namespace, "deploy").await;
        manager.stop().await;
    }

    async fn begin(&self, namespace: &TestNamespace) {
        let version = json!({ "spec": { "operatorVersion": { "name": "app-2.0.0" } } });
        namespace.change(NAME, version).await;
    }

    async fn finish(&self, namespace: &TestNamespace) -> Value {
        namespace.until_done(NAME, "upgrade").await;
        let settled = namespace
            .until(NAME, "has pruned", |i| status_of(i).upgraded_from.is_none())
            .await;
        until_told(namespace, "upgrade").await;
        let execution = plan_status(&settled, "upgrade").unwrap().uid.clone();
        state(namespace, &settled, &|_| execution.clone()).await
    }

    fn left(&self, namespace: &TestNamespace, found: Option<&Instance>) -> BTreeSet<String> {
        let mut left = writes_left(&definition(&Self::after()), namespace, "upgrade", found);
        let pruned = found.is_some_and(|i| {
            let status = status_of(i);
            let upgraded = status
                .accepted
                .is_some_and(|a| a.operator_version == "app-2.0.0");
            upgraded && status.upgraded_from.is_none()
        });
        if !pruned {
            left.extend(["goes", "too"].map(|name| format!("delete configmaps/{NAME}-{name}")));
        }
        left
    }
}

/// An instance with a cleanup plan and a cluster-scoped object is deleted.
pub(super) struct Deletion;

impl Deletion {
    fn version(namespace: &TestNamespace) -> Value {
        let role = format!(
            "apiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRole\n\
             metadata: {{name: {}}}\nrules: []\n",
            Self::role(namespace)
        );
        let job = "apiVersion: batch/v1\nkind: Job\nmetadata: {name: '{{ .Name }}'}\nspec:\n  template:\n    \
                   spec: {restartPolicy: Never, containers: [{name: c, image: nginx}]}\n";
        Operator::new("tidy")
            .config_map("a", &[("key", "value")])
            .template("role", &role)
            .template("job", job)
            .plan("deploy", &["all: a, role"])
            .plan("cleanup", &["job: job", "delete: -a"])
            .version("1.0.0")
    }

    fn role(namespace: &TestNamespace) -> String {
        format!("kudo-test-{}", namespace.name())
    }
}

impl Scenario for Deletion {
    const NAME: &'static str = "deletion";

    async fn prepare(&self, namespace: &TestNamespace) {
        namespace.apply(&Self::version(namespace)).await;
        let manager = TestManager::start(&[namespace]);
        namespace.instance(NAME, "tidy-1.0.0", &[]).await;
        namespace.until_done(NAME, "deploy").await;
        until_told(namespace, "deploy").await;
        manager.stop().await;
    }

    async fn begin(&self, namespace: &TestNamespace) {
        namespace.delete_instance(NAME).await;
    }

    async fn finish(&self, namespace: &TestNamespace) -> Value {
        namespace.until_gone(NAME).await;
        let roles = namespace
            .dynamic("rbac.authorization.k8s.io/v1", "ClusterRole")
            .await;
        let role = roles.get_opt(&Self::role(namespace)).await.unwrap();
        let map = namespace
            .api::<ConfigMap>()
            .get_opt(&format!("{NAME}-a"))
            .await;
        json!({ "role": role.is_some(), "map": map.unwrap().is_some() })
    }

    fn left(&self, namespace: &TestNamespace, found: Option<&Instance>) -> BTreeSet<String> {
        if found.is_none() {
            return BTreeSet::new();
        }
        let definition = definition(&Self::version(namespace));
        let mut left = writes_left(&definition, namespace, "cleanup", found);
        left.insert(format!("delete clusterroles/{}", Self::role(namespace)));
        left
    }
}
