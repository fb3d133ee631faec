//! Playing a case on two servers.

use std::time::{Duration, Instant};

use kube::Client;
use kube::api::{
    Api, ApiResource, DeleteParams, DynamicObject, GroupVersionKind, Patch, PatchParams,
};
use kube::api::{PostParams, PropagationPolicy};
use serde_json::{Value, json};

use crate::normal::snapshot;

/// How long two servers may take to come to the same rest.
const PATIENCE: Duration = Duration::from_secs(40);

/// A script in a namespace of its own.
pub(crate) struct Case {
    pub(crate) name: &'static str,
    pub(crate) steps: Vec<Step>,
}

pub(crate) enum Step {
    Create(Value),
    /// A merge patch: kind, name, patch.
    Patch(&'static str, &'static str, Value),
    Delete(&'static str, &'static str, PropagationPolicy),
    /// Kind, name, pointer and the value there that both must come to before they are compared.
    Until(&'static str, &'static str, &'static str, Value),
    /// The object is gone, or never was.
    Gone(&'static str, &'static str),
    /// Compares all that is in the namespace.
    Compare,
}

/// The kinds that cases use.
pub(crate) const KINDS: [(&str, &str, &str, &str); 14] = [
    ("", "v1", "Pod", "pods"),
    ("", "v1", "Service", "services"),
    ("", "v1", "Endpoints", "endpoints"),
    ("", "v1", "ConfigMap", "configmaps"),
    ("", "v1", "ServiceAccount", "serviceaccounts"),
    ("", "v1", "PersistentVolumeClaim", "persistentvolumeclaims"),
    ("", "v1", "ReplicationController", "replicationcontrollers"),
    ("apps", "v1", "Deployment", "deployments"),
    ("apps", "v1", "ReplicaSet", "replicasets"),
    ("apps", "v1", "StatefulSet", "statefulsets"),
    ("apps", "v1", "DaemonSet", "daemonsets"),
    ("apps", "v1", "ControllerRevision", "controllerrevisions"),
    ("batch", "v1", "Job", "jobs"),
    (
        "policy",
        "v1beta1",
        "PodDisruptionBudget",
        "poddisruptionbudgets",
    ),
];

pub(crate) fn api(client: &Client, kind: &str, namespace: &str) -> Api<DynamicObject> {
    let (group, version, kind, plural) = KINDS.iter().find(|(.., k, _)| *k == kind).unwrap();
    let gvk = GroupVersionKind::gvk(group, version, kind);
    let resource = ApiResource::from_gvk_with_plural(&gvk, plural);
    Api::namespaced_with(client.clone(), namespace, &resource)
}

/// Plays the case on both servers; what differs is the error.
pub(crate) async fn play(case: &Case, real: &Client, ours: &Client) -> Result<(), String> {
    for client in [real, ours] {
        let namespaces: Api<k8s_openapi::api::core::v1::Namespace> = Api::all(client.clone());
        let namespace =
            serde_json::from_value(json!({ "metadata": { "name": case.name } })).unwrap();
        namespaces
            .create(&PostParams::default(), &namespace)
            .await
            .unwrap();
    }
    for (index, step) in case.steps.iter().enumerate() {
        let at = |what: &str| format!("{} step {index}: {what}", case.name);
        match step {
            Step::Compare => compare(case.name, real, ours).await.map_err(|e| at(&e))?,
            step => {
                for (whose, client) in [("real", real), ("ours", ours)] {
                    act(case.name, step, client)
                        .await
                        .map_err(|e| at(&format!("{whose}: {e}")))?;
                }
            }
        }
    }
    eprintln!("{}: alike", case.name);
    Ok(())
}

async fn act(namespace: &str, step: &Step, client: &Client) -> Result<(), String> {
    match step {
        Step::Create(object) => {
            let api = api(client, object["kind"].as_str().unwrap(), namespace);
            let object = serde_json::from_value(object.clone()).unwrap();
            api.create(&PostParams::default(), &object).await.unwrap();
        }
        Step::Patch(kind, name, patch) => {
            let api = api(client, kind, namespace);
            let params = PatchParams::default();
            api.patch(name, &params, &Patch::Merge(patch))
                .await
                .unwrap();
        }
        Step::Delete(kind, name, propagation) => {
            let params = DeleteParams {
                propagation_policy: Some(propagation.clone()),
                ..DeleteParams::default()
            };
            api(client, kind, namespace)
                .delete(name, &params)
                .await
                .unwrap();
        }
        Step::Until(kind, name, pointer, wanted) => {
            let api = api(client, kind, namespace);
            eventually(|| async {
                let object = api.get_opt(name).await.unwrap();
                let object = serde_json::to_value(object).unwrap();
                let found = object.pointer(pointer).cloned().unwrap_or_default();
                if found == *wanted {
                    Ok(())
                } else {
                    Err(format!(
                        "{kind} {name} {pointer} is {found}, not {wanted}: {object:#}"
                    ))
                }
            })
            .await?;
        }
        Step::Gone(kind, name) => {
            let api = api(client, kind, namespace);
            eventually(|| async {
                match api.get_opt(name).await.unwrap() {
                    None => Ok(()),
                    Some(object) => Err(format!("{kind} {name} is still there: {object:?}")),
                }
            })
            .await?;
        }
        Step::Compare => {}
    }
    Ok(())
}

async fn compare(namespace: &str, real: &Client, ours: &Client) -> Result<(), String> {
    eventually(|| async {
        let (real, ours) = tokio::join!(snapshot(real, namespace), snapshot(ours, namespace));
        difference(&real, &ours).map_or(Ok(()), Err)
    })
    .await
}

/// The lines that only one side has.
fn difference(real: &[String], ours: &[String]) -> Option<String> {
    if real == ours {
        return None;
    }
    let only = |sign: &str, these: &[String], others: &[String]| {
        let these = these.iter().filter(|line| !others.contains(line));
        these
            .map(|line| format!("{sign} {line}"))
            .collect::<Vec<_>>()
    };
    let lines = [only("real", real, ours), only("ours", ours, real)].concat();
    Some(format!("differs\n{}", lines.join("\n")))
}

async fn eventually<F>(mut holds: impl FnMut() -> F) -> Result<(), String>
where
    F: Future<Output = Result<(), String>>,
{
    let start = Instant::now();
    loop {
        match holds().await {
            Ok(()) => return Ok(()),
            Err(error) if start.elapsed() > PATIENCE => return Err(error),
            Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
        }
    }
}
