//! Subresources of pods: binding, eviction, logs and commands.
//!
//! A simulated container has no program. Its log is the annotation
//! `simulation.kudo.dev/log` (or `simulation.kudo.dev/log.<container>`).

use http::Response;
use serde_json::{Value, json};

use super::options::{self, DeleteOptions, WriteOptions};
use super::write::Failed;
use super::{Target, body};
use crate::http::Call;
use crate::http::answer::{self, Body};
use crate::http::status::Refusal;

const LOG: &str = "simulation.kudo.dev/log";

impl Call {
    /// Binds a pod to a node.
    pub(super) fn bind(&self, target: &Target) -> Result<Response<Body>, Refusal> {
        let options = options::write_options(self, "CreateOptions", false)?;
        let binding = body::parse(self)?;
        let node = binding["target"]["name"]
            .as_str()
            .unwrap_or_default()
            .to_owned();
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
            pod["spec"]["nodeName"] = node.as_str().into();
            let scheduled = json!({
                "type": "PodScheduled", "status": "True", "lastProbeTime": null,
                "lastTransitionTime": now,
            });
            let mut conditions = pod["status"]["conditions"]
                .as_array()
                .cloned()
                .unwrap_or_default();
            conditions.retain(|condition| condition["type"] != "PodScheduled");
            conditions.push(scheduled);
            pod["status"]["conditions"] = conditions.into();
            Ok(())
        })?;
        let status = json!({
            "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "code": 201,
        });
        Ok(answer::json(201, &status))
    }

    /// Changes a pod as the server itself does.
    fn change_pod(
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

    /// Deletes a pod on behalf of whoever drains its node.
    pub(super) async fn evict(&self, target: &Target) -> Result<Response<Body>, Refusal> {
        let eviction = body::parse(self)?;
        let options = DeleteOptions {
            grace: eviction["deleteOptions"]["gracePeriodSeconds"].as_i64(),
            dry_run: self.query.get("dryRun").is_some(),
            ..DeleteOptions::default()
        };
        if let Some(problem) = self.disruption_refused(target) {
            let message = "Cannot evict pod as it would violate the pod's disruption budget.";
            let cause = json!({ "reason": "DisruptionBudget", "message": problem });
            return Err(Refusal::new(429, "TooManyRequests", message)
                .with_details(json!({ "causes": [cause] })));
        }
        self.delete_named(&without_subresource(target), &options)
            .await?;
        let status = json!({
            "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "code": 201,
        });
        Ok(answer::json(201, &status))
    }

    /// Why a disruption budget does not let a pod go.
    fn disruption_refused(&self, target: &Target) -> Option<String> {
        let store = &self.server.store;
        let pod = store.get("pods", target.namespace(), target.name())?;
        let budgets = store.list("poddisruptionbudgets.policy", target.namespace(), None);
        budgets.objects.iter().find_map(|entry| {
            let budget = entry.bare();
            let selector = crate::selector::Labels::of(&budget["spec"]["selector"]);
            let fits = selector.fits(|name| pod.label(name));
            let allowed = budget["status"]["disruptionsAllowed"].as_i64().unwrap_or(0);
            (fits && allowed <= 0).then(|| {
                let status = |field: &str| budget["status"][field].as_i64().unwrap_or(0);
                format!(
                    "The disruption budget {} needs {} healthy pods and has {} currently",
                    entry.name,
                    status("desiredHealthy"),
                    status("currentHealthy")
                )
            })
        })
    }

    pub(super) fn log(&self, target: &Target) -> Result<Response<Body>, Refusal> {
        let (pod, container) = self.container(target)?;
        let annotations = &pod["metadata"]["annotations"];
        let own = annotations[format!("{LOG}.{container}")].as_str();
        let mut text = own
            .or_else(|| annotations[LOG].as_str())
            .unwrap_or_default()
            .to_owned();
        if !text.is_empty() && !text.ends_with('\n') {
            text.push('\n');
        }
        if let Some(count) = self
            .query
            .get("tailLines")
            .and_then(|count| count.parse().ok())
        {
            let lines: Vec<&str> = text.split_inclusive('\n').collect();
            let skip = lines.len().saturating_sub(count);
            text = lines[skip..].concat();
        }
        if let Some(limit) = self
            .query
            .get("limitBytes")
            .and_then(|limit| limit.parse().ok())
        {
            let mut limit: usize = limit;
            limit = limit.min(text.len());
            while !text.is_char_boundary(limit) {
                limit -= 1;
            }
            text.truncate(limit);
        }
        Ok(answer::bytes(200, "text/plain", text))
    }

    /// The pod and the container that a request means.
    fn container(&self, target: &Target) -> Result<(Value, String), Refusal> {
        let store = &self.server.store;
        let found = store.get(target.storage(), target.namespace(), target.name());
        let pod = found.ok_or_else(|| target.not_found())?.bare();
        let names: Vec<String> = ["containers", "initContainers"]
            .into_iter()
            .flat_map(|list| pod["spec"][list].as_array().cloned().unwrap_or_default())
            .filter_map(|container| container["name"].as_str().map(ToOwned::to_owned))
            .collect();
        let count = pod["spec"]["containers"].as_array().map_or(0, Vec::len);
        let container = match self.query.get("container") {
            Some(name) if names.iter().any(|known| known == name) => name.to_owned(),
            Some(name) => {
                let pod = target.name();
                return Err(Refusal::bad_request(format!(
                    "container {name} is not valid for pod {pod}"
                )));
            }
            None if count == 1 => names.first().cloned().unwrap_or_default(),
            None => {
                let choices = names.get(..count).unwrap_or_default().join(" ");
                return Err(Refusal::bad_request(format!(
                    "a container name must be specified for pod {}, choose one of: [{choices}]",
                    target.name()
                )));
            }
        };
        Ok((pod, container))
    }

    /// Commands need a connection that can be upgraded.
    pub(super) fn exec(
        &self,
        target: &Target,
        _upgrade: Option<hyper::upgrade::OnUpgrade>,
    ) -> Result<Response<Body>, Refusal> {
        self.container(target)?;
        if self.query.get("command").is_none() {
            return Err(Refusal::bad_request(
                "you must specify at least 1 command for the container",
            ));
        }
        Err(Refusal::bad_request("Upgrade request required"))
    }
}

fn without_subresource(target: &Target) -> Target {
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
