//! Whether the cluster serves the kinds that a plan applies: asked before anything is written.

use std::collections::BTreeSet;

use futures::future::join_all;
use kudo_kube::discovery::ResolveError;
use kudo_kube::{Discovery, Gvk, gvk_of};
use kudo_template::{Action, RenderedStep, RenderedTask};
use serde_json::Value;

use crate::cluster::Session;
use crate::error::Error;
use crate::output::Output;

/// Kinds whose pods may define further kinds when they run.
const WORKLOADS: [&str; 7] = [
    "CronJob",
    "DaemonSet",
    "Deployment",
    "Job",
    "Pod",
    "ReplicaSet",
    "StatefulSet",
];

/// A step that a plan will run.
pub(crate) struct PlannedStep {
    /// The operator version of the child whose plan it belongs to.
    pub(crate) child: Option<String>,
    /// What it does.
    pub(crate) step: RenderedStep,
    /// Whether it installs an operator of which nothing is known; what known ones do comes after it.
    pub(crate) installs_unknown: bool,
}

/// Custom kinds that the cluster does not serve, and nothing in the plan brings.
#[derive(Debug, Default)]
pub(crate) struct Unserved(Vec<Error>);

impl Unserved {
    /// Refuses to begin what would be awaited and fail. Whoever does not wait is warned: somebody else may
    /// define the kinds until the plan comes to them, and if not, the plan says so.
    pub(crate) fn settle(self, waits: bool, output: &Output) -> Result<(), Error> {
        for error in self.0 {
            if waits {
                return Err(error);
            }
            output.warn(&error.to_string());
        }
        Ok(())
    }
}

/// Refuses steps that apply a kind of Kubernetes' own which the cluster does not serve, and gives the custom
/// kinds that it does not serve. One request for each group and version; a server that does not let itself
/// be asked is believed to serve everything, as the manager may know better.
pub(crate) async fn check(session: &Session, steps: &[PlannedStep]) -> Result<Unserved, Error> {
    let discovery = Discovery::new(session.client.clone());
    let needed = needed(steps);
    let resolved = needed.iter().map(|needed| discovery.resolve(&needed.kind));
    let mut unserved = Unserved::default();
    for (needed, resolved) in needed.iter().zip(join_all(resolved).await) {
        let Err(ResolveError::Unknown { nearest, .. }) = resolved else {
            continue;
        };
        let error = Error::UnknownKind {
            kind: needed.kind.kind.clone(),
            api_version: needed.kind.api_version(),
            template: needed.template.clone(),
            nearest,
        };
        if !is_custom(&needed.kind.group) {
            return Err(error);
        }
        unserved.0.push(error);
    }
    Ok(unserved)
}

/// A kind that must be there before the plan begins.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Needed {
    kind: Gvk,
    template: String,
}

/// The kinds that a plan applies, each once, without those that it may bring itself: a kind that one
/// of its definitions defines, and custom kinds after something has run that may define any.
fn needed(steps: &[PlannedStep]) -> Vec<Needed> {
    let defined: BTreeSet<(String, String)> = steps
        .iter()
        .flat_map(|planned| applied(&planned.step))
        .filter_map(|(_, object)| defined_by(object))
        .collect();
    let mut found: Vec<Needed> = Vec::new();
    let mut anything_may_come = false;
    for planned in steps {
        let PlannedStep { child, step, .. } = planned;
        anything_may_come |= planned.installs_unknown || step.tasks.iter().any(runs_something);
        for (template, object) in applied(step) {
            let Some(kind) = gvk_of(object) else { continue };
            let key = (kind.group.clone(), kind.kind.clone());
            let may_come = anything_may_come && is_custom(&kind.group);
            if may_come || defined.contains(&key) || found.iter().any(|f| f.kind == kind) {
                continue;
            }
            let template = match child {
                Some(child) => format!("{template} of {child}"),
                None => template.to_owned(),
            };
            found.push(Needed { kind, template });
        }
        // What a custom resource stands for may run pods, or be an operator itself.
        anything_may_come |= applied(step)
            .filter_map(|(_, object)| gvk_of(object))
            .any(|kind| is_custom(&kind.group));
    }
    found
}

fn applied(step: &RenderedStep) -> impl Iterator<Item = (&str, &Value)> {
    let tasks = step
        .tasks
        .iter()
        .filter(|task| matches!(task.action, Action::Apply | Action::Pipe { .. }));
    tasks.flat_map(|task| &task.documents).flat_map(|document| {
        let objects = document.objects.iter();
        objects.map(|object| (document.template.as_str(), object))
    })
}

/// Group and kind that a `CustomResourceDefinition` defines.
fn defined_by(object: &Value) -> Option<(String, String)> {
    let text = |pointer| object.pointer(pointer).and_then(Value::as_str);
    if text("/kind") != Some("CustomResourceDefinition") {
        return None;
    }
    Some((
        text("/spec/group")?.to_owned(),
        text("/spec/names/kind")?.to_owned(),
    ))
}

/// Whether a task runs pods, which may define kinds.
fn runs_something(task: &RenderedTask) -> bool {
    match task.action {
        Action::Pipe { .. } => true,
        Action::Apply => {
            let mut objects = task.documents.iter().flat_map(|document| &document.objects);
            objects.any(|object| {
                gvk_of(object).is_some_and(|kind| WORKLOADS.contains(&kind.kind.as_str()))
            })
        }
        Action::Delete | Action::Dummy { .. } | Action::Operator { .. } => false,
    }
}

/// Whether a group holds custom resources: Kubernetes' own have no dot or end in `.k8s.io`.
fn is_custom(group: &str) -> bool {
    group.contains('.') && !group.ends_with(".k8s.io")
}

#[cfg(test)]
mod tests {
    use kudo_template::RenderedTemplate;
    use serde_json::json;

    use super::*;

    /// Phase of a step that installs an operator of which nothing is known.
    const UNKNOWN: &str = "unknown";

    fn step(action: Action, objects: &[Value]) -> RenderedStep {
        RenderedStep {
            phase: "main".to_owned(),
            step: "only".to_owned(),
            tasks: vec![RenderedTask {
                task: "task".to_owned(),
                action,
                documents: vec![RenderedTemplate {
                    template: "some.yaml".to_owned(),
                    text: String::new(),
                    objects: objects.to_vec(),
                }],
            }],
        }
    }

    fn object(api_version: &str, kind: &str) -> Value {
        json!({ "apiVersion": api_version, "kind": kind, "metadata": { "name": "a" } })
    }

    fn kinds(steps: Vec<RenderedStep>) -> Vec<String> {
        let planned = |step: RenderedStep| PlannedStep {
            child: None,
            installs_unknown: step.phase == UNKNOWN,
            step,
        };
        let steps: Vec<PlannedStep> = steps.into_iter().map(planned).collect();
        let found = needed(&steps).into_iter();
        found
            .map(|needed| format!("{}/{}", needed.kind.api_version(), needed.kind.kind))
            .collect()
    }

    #[test]
    fn what_must_be_there_before() {
        let config = object("v1", "ConfigMap");
        let deployment = object("apps/v1", "Deployment");
        let typo = object("apps/v1", "Deploymnet");
        let custom = object("example.com/v1", "Widget");
        let definition = json!({
            "apiVersion": "apiextensions.k8s.io/v1",
            "kind": "CustomResourceDefinition",
            "spec": { "group": "example.com", "names": { "kind": "Widget" } },
        });
        let operator = RenderedStep {
            phase: UNKNOWN.to_owned(),
            ..step(Action::Delete, &[])
        };
        let apply = |objects: &[Value]| step(Action::Apply, objects);
        let cases: [(&str, Vec<RenderedStep>, &[&str]); 8] = [
            (
                "each kind once",
                vec![apply(&[config.clone(), config.clone()]), apply(&[config])],
                &["v1/ConfigMap"],
            ),
            (
                "a custom kind that nothing brings",
                vec![apply(std::slice::from_ref(&custom))],
                &["example.com/v1/Widget"],
            ),
            (
                "a custom kind that a step before defines",
                vec![
                    apply(std::slice::from_ref(&definition)),
                    apply(std::slice::from_ref(&custom)),
                ],
                &["apiextensions.k8s.io/v1/CustomResourceDefinition"],
            ),
            (
                "a custom kind defined in the same step",
                vec![apply(&[custom.clone(), definition])],
                &["apiextensions.k8s.io/v1/CustomResourceDefinition"],
            ),
            (
                "a custom kind that running pods may define",
                vec![apply(&[deployment]), apply(std::slice::from_ref(&custom))],
                &["apps/v1/Deployment"],
            ),
            (
                "a custom kind that an operator may define of which nothing is known",
                vec![operator, apply(std::slice::from_ref(&custom))],
                &[],
            ),
            (
                "a kind of Kubernetes' own that no pod can define",
                vec![
                    apply(&[object("v1", "Pod")]),
                    apply(std::slice::from_ref(&typo)),
                ],
                &["v1/Pod", "apps/v1/Deploymnet"],
            ),
            (
                "deleting needs no kind",
                vec![step(Action::Delete, &[custom])],
                &[],
            ),
        ];
        for (what, steps, expected) in cases {
            assert_eq!(kinds(steps), expected, "{what}");
        }
    }
}
