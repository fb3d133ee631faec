//! Subresources of pods: binding, and what evictions share with it.

use http::Response;
use serde_json::{Value, json};

use super::options::{self, WriteOptions};
use super::write::Failed;
use super::{Target, body};
use crate::admission::{Asked, Operation};
use crate::field_error::FieldError;
use crate::http::Call;
use crate::http::answer::{self, Body};
use crate::http::path::ResourcePath;
use crate::http::status::Refusal;
use crate::kinds::{Registry, api_version};

impl Call {
    /// Binds a pod to a node.
    pub(super) async fn bind(&self, target: &Target) -> Result<Response<Body>, Refusal> {
        let options = options::write_options(self, "CreateOptions", false)?;
        let binding = self.part(target)?;
        self.check_room(target, target.name())?;
        self.review_part(target, &options.said, &binding).await?;
        check_binding(&binding)?;
        let node = binding["target"]["name"].as_str().unwrap_or_default();
        let notes = binding["metadata"]["annotations"].as_object();
        let whole = without_subresource(target);
        self.change_pod(&whole, &options, |pod, now| {
            let bound = pod["spec"]["nodeName"].as_str().unwrap_or_default();
            if !bound.is_empty() {
                let problem = format!(
                    "pod {} is already assigned to node {bound:?}",
                    target.name()
                );
                return Err(Refusal::conflict(
                    crate::http::status::Named {
                        group: "",
                        plural: "pods/binding",
                    },
                    target.name(),
                    &problem,
                ));
            }
            pod["spec"]["nodeName"] = node.into();
            for (name, value) in notes.into_iter().flatten() {
                pod["metadata"]["annotations"][name.as_str()] = value.clone();
            }
            let scheduled = json!({
                "type": "PodScheduled", "status": "True", "lastProbeTime": null,
                "lastTransitionTime": now,
            });
            set_condition(pod, scheduled);
            Ok(())
        })?;
        let status = json!({
            "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "code": 201,
        });
        Ok(answer::json(201, &status))
    }

    /// The pod that a binding names which is not sent to the pod itself.
    pub(super) fn bound(&self, registry: &Registry, target: &Target) -> Result<Target, Refusal> {
        let binding = body::parse(self)?;
        let pods = registry.find("", "v1", "pods");
        let name = binding["metadata"]["name"].as_str().unwrap_or_default();
        let path = ResourcePath {
            plural: "pods".to_owned(),
            name: name.to_owned(),
            subresource: "binding".to_owned(),
            ..target.path.clone()
        };
        Ok(Target {
            shown: pods.ok_or_else(Refusal::no_such_resource)?.clone(),
            path,
        })
    }

    /// Reads what is to be done with a pod: it must be of its kind, and name the pod.
    pub(super) fn part(&self, target: &Target) -> Result<Value, Refusal> {
        let part = body::parse(self)?;
        let others = target.shown.version().others.iter();
        let mut others = others.filter(|(name, ..)| *name == target.path.subresource);
        if let Some((_, group, version, kind)) = others.next() {
            let said = part["kind"].as_str().unwrap_or(kind);
            if said != *kind {
                let version = api_version(group, version);
                return Err(Refusal::bad_request(format!(
                    "{said} in version {version:?} cannot be handled as a {kind}: converting \
                     ({said}) to ({kind}): unknown conversion"
                )));
            }
            if let Some(said) = part["apiVersion"].as_str()
                && !spoken(group, version).any(|known| known == said)
            {
                let version = said.rsplit('/').next().unwrap_or_default();
                return Err(Refusal::bad_request(format!(
                    "{kind} in version {version:?} cannot be handled as a {kind}: {}",
                    body::not_registered(kind, said)
                )));
            }
            if part["metadata"]["name"].as_str() != Some(target.name()) {
                return Err(Refusal::bad_request(format!(
                    "name in URL does not match name in {kind} object"
                )));
            }
        }
        Ok(part)
    }

    /// Asks webhooks about what is done with a part of a pod.
    pub(super) async fn review_part(
        &self,
        target: &Target,
        options: &Value,
        object: &Value,
    ) -> Result<(), Refusal> {
        let asked = Asked {
            target,
            operation: Operation::Create,
            name: target.name(),
            old: None,
            options,
        };
        let mut object = object.clone();
        let others = target.shown.version().others.iter();
        let mut others = others.filter(|(name, ..)| *name == target.path.subresource);
        if let Some((_, group, version, kind)) = others.next() {
            object["apiVersion"] = api_version(group, version).into();
            object["kind"] = (*kind).into();
        }
        self.reviewed(&asked, &object).await
    }

    /// Changes a pod as the server itself does.
    pub(super) fn change_pod(
        &self,
        target: &Target,
        options: &WriteOptions,
        change: impl Fn(&mut Value, &str) -> Result<(), Refusal>,
    ) -> Result<(), Refusal> {
        let store = &self.server.store;
        for _ in 0..super::update::ATTEMPTS {
            let found = store.get(target.storage(), target.namespace(), target.name());
            let before = found.ok_or_else(|| target.not_found())?;
            let mut pod = before.object(&target.shown);
            change(&mut pod, &self.server.clock.text())?;
            if options.dry_run || store.replace(target.storage(), &before, pod).is_ok() {
                return Ok(());
            }
        }
        Err(Refusal::stale(target.shown.named(), target.name()))
    }
}

/// The versions in which something may be said to a part of a pod.
fn spoken(group: &str, version: &str) -> impl Iterator<Item = String> {
    let older = (group == "policy").then(|| api_version(group, "v1beta1"));
    older.into_iter().chain([api_version(group, version)])
}

/// Puts a condition in place of that of its type.
pub(super) fn set_condition(pod: &mut Value, condition: Value) {
    let conditions = pod["status"]["conditions"].as_array().cloned();
    let mut conditions = conditions.unwrap_or_default();
    conditions.retain(|known| known["type"] != condition["type"]);
    conditions.push(condition);
    pod["status"]["conditions"] = conditions.into();
}

/// A pod is bound to a node, and to nothing else.
fn check_binding(binding: &Value) -> Result<(), Refusal> {
    let target = &binding["target"];
    let mut errors = Vec::new();
    if !target["kind"].is_null() && target["kind"] != "" && target["kind"] != "Node" {
        let known = ["Node", "<empty>"];
        errors.push(FieldError::not_supported(
            "target.kind",
            &target["kind"],
            &known,
        ));
    }
    if target["name"].as_str().is_none_or(str::is_empty) {
        errors.push(FieldError::required("target.name", ""));
    }
    if errors.is_empty() {
        return Ok(());
    }
    let told: Vec<String> = errors.iter().map(ToString::to_string).collect();
    // Servers take the fault of a client for their own here.
    Err(Refusal::new(500, "", told.join(", ")))
}

pub(super) fn without_subresource(target: &Target) -> Target {
    let mut whole = target.clone();
    whole.path.subresource = String::new();
    whole
}

impl From<Failed> for Refusal {
    fn from(failed: Failed) -> Self {
        match failed {
            Failed::Refused(refusal) => refusal,
            Failed::Stale => Self::new(409, "Conflict", "the object has been modified"),
        }
    }
}
