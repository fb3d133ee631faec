//! What a run comes to, in a form that is the same for all runs.

use k8s_openapi::api::apps::v1::{Deployment, StatefulSet};
use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::core::v1::{ConfigMap, Secret, Service};
use kube::ResourceExt;
use kube::api::ListParams;
use kudo_api::Instance;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::comparison::normal;
use crate::harness::TestNamespace;
use crate::instances::status_of;

async fn objects<K>(
    namespace: &TestNamespace,
    execution: &impl Fn(&str) -> String,
    all: &mut Vec<Value>,
) where
    K: kube::Resource<Scope = k8s_openapi::NamespaceResourceScope>,
    K: Clone + std::fmt::Debug + DeserializeOwned + Serialize,
    K::DynamicType: Default,
{
    let labelled = ListParams::default().labels("kudo.dev/instance");
    for object in namespace.api::<K>().list(&labelled).await.unwrap() {
        let name = object.name_any();
        let by = object.annotations().get("kudo.dev/last-plan-execution-uid");
        let expected = execution(&name);
        assert_eq!(by, Some(&expected), "{name} is of another execution");
        let content = serde_json::to_value(&object).unwrap();
        all.push(json!({
            "kind": K::kind(&K::DynamicType::default()),
            "name": name,
            "labels": object.labels(),
            "annotations": object.annotations(),
            "owners": object.owner_references(),
            // What is made once differs from run to run.
            "data": content.get("data").filter(|_| !is_made_once(&object)),
            "spec": content.get("spec"),
        }));
    }
}

fn is_made_once<K: ResourceExt>(object: &K) -> bool {
    object
        .annotations()
        .get("kudo.dev/apply")
        .is_some_and(|how| how == "once")
}

/// All that the operator and its instance are. `execution` tells which execution an object is of.
pub(super) async fn state(
    namespace: &TestNamespace,
    instance: &Instance,
    execution: &impl Fn(&str) -> String,
) -> Value {
    let mut all = Vec::new();
    objects::<ConfigMap>(namespace, execution, &mut all).await;
    objects::<Secret>(namespace, execution, &mut all).await;
    objects::<Service>(namespace, execution, &mut all).await;
    objects::<Deployment>(namespace, execution, &mut all).await;
    objects::<StatefulSet>(namespace, execution, &mut all).await;
    objects::<Job>(namespace, execution, &mut all).await;
    let mut state = json!({
        "objects": all,
        "spec": instance.spec,
        "status": status_of(instance),
        "finalizers": instance.finalizers(),
        "events": namespace.events(&instance.name_any()).await,
    });
    normal(&mut state, namespace.name());
    state
}
