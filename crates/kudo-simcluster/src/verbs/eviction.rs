//! Evictions: deletions of pods that disruption budgets allow.

use http::Response;
use serde_json::{Value, json};

use super::Target;
use super::options::{self, DeleteOptions};
use super::pods::{set_condition, without_subresource};
use crate::http::Call;
use crate::http::answer::{self, Body};
use crate::http::status::Refusal;
use crate::selector::Labels;
use crate::store::Entry;

/// Where disruption budgets are stored.
const BUDGETS: &str = "poddisruptionbudgets.policy";
/// When a client may ask again where a budget has changed, in seconds.
const RETRY_AFTER: u64 = 10;

impl Call {
    /// Deletes a pod, if its disruption budget allows.
    pub(super) async fn evict(&self, target: &Target) -> Result<Response<Body>, Refusal> {
        let said = options::write_options(self, "CreateOptions", false)?;
        let eviction = self.part(target)?;
        self.check_room(target, target.name())?;
        self.review_part(target, &said.said, &eviction).await?;
        let asked = &eviction["deleteOptions"];
        let options = DeleteOptions {
            reviewed: true,
            ..options::read_delete_options(asked, said.dry_run, Vec::new())?
        };
        if let Some(pod) = self
            .server
            .store
            .get("pods", target.namespace(), target.name())
        {
            self.spend_budget(&pod, options.dry_run)?;
        }
        let whole = without_subresource(target);
        if !options.dry_run {
            self.change_pod(&whole, &said, |pod, now| {
                let target = json!({
                    "type": "DisruptionTarget", "status": "True", "lastProbeTime": null,
                    "lastTransitionTime": now, "reason": "EvictionByEvictionAPI",
                    "message": "Eviction API: evicting",
                });
                set_condition(pod, target);
                Ok(())
            })?;
        }
        self.delete_named(&whole, &options).await?;
        let status = json!({
            "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "code": 201,
        });
        Ok(answer::json(201, &status))
    }

    /// Takes the eviction of a pod off its budget.
    fn spend_budget(&self, pod: &Entry, dry_run: bool) -> Result<(), Refusal> {
        let status = pod.bare()["status"].take();
        let is_over = matches!(
            status["phase"].as_str(),
            Some("Succeeded" | "Failed" | "Pending")
        );
        if is_over || pod.is_deleting {
            return Ok(());
        }
        let store = &self.server.store;
        for _ in 0..super::update::ATTEMPTS {
            let budgets = store.list(BUDGETS, &pod.namespace, None).objects;
            let mut fitting = budgets.iter().filter(|budget| {
                let selector = Labels::of(&budget.bare()["spec"]["selector"]);
                selector.fits(|name| pod.label(name))
            });
            let (Some(before), more) = (fitting.next(), fitting.next()) else {
                return Ok(());
            };
            if more.is_some() {
                return Err(one_budget_at_most());
            }
            let mut budget = before.bare();
            if !is_ready(&status) && spares_the_unready(&budget) {
                return Ok(());
            }
            spend(&mut budget, pod, &self.server.clock.text())?;
            if dry_run || store.replace(&BUDGETS.into(), before, budget).is_ok() {
                return Ok(());
            }
        }
        Err(Refusal::new(
            429,
            "TooManyRequests",
            "the disruption budget changes too often",
        ))
    }
}

fn one_budget_at_most() -> Refusal {
    let message = "This pod has more than one PodDisruptionBudget, which the eviction subresource does \
                   not support.";
    Refusal::new(500, "", message)
}

fn is_ready(status: &Value) -> bool {
    let mut conditions = status["conditions"].as_array().into_iter().flatten();
    conditions.any(|condition| condition["type"] == "Ready" && condition["status"] == "True")
}

/// Whether a pod that is not ready may go without being counted.
fn spares_the_unready(budget: &Value) -> bool {
    let number = |field: &str| budget["status"][field].as_i64().unwrap_or(0);
    let (healthy, desired) = (number("currentHealthy"), number("desiredHealthy"));
    budget["spec"]["unhealthyPodEvictionPolicy"] == "AlwaysAllow"
        || (healthy >= desired && desired > 0)
}

/// One disruption less is allowed, and the pod is noted until it is gone.
fn spend(budget: &mut Value, pod: &Entry, now: &str) -> Result<(), Refusal> {
    let name = budget["metadata"]["name"].as_str().unwrap_or_default();
    let number = |place: &str| budget.pointer(place).and_then(Value::as_i64).unwrap_or(0);
    let refused = |problem: String, again: Option<u64>| {
        let message = "Cannot evict pod as it would violate the pod's disruption budget.";
        let mut details =
            json!({ "causes": [{ "reason": "DisruptionBudget", "message": problem }] });
        if let Some(seconds) = again {
            details["retryAfterSeconds"] = seconds.into();
        }
        Refusal::new(429, "TooManyRequests", message).with_details(details)
    };
    if number("/status/observedGeneration") < number("/metadata/generation") {
        let problem =
            format!("The disruption budget {name} is still being processed by the server.");
        return Err(refused(problem, Some(RETRY_AFTER)));
    }
    let allowed = number("/status/disruptionsAllowed");
    if allowed <= 0 {
        let problem = format!(
            "The disruption budget {name} needs {} healthy pods and has {} currently",
            number("/status/desiredHealthy"),
            number("/status/currentHealthy")
        );
        return Err(refused(problem, None));
    }
    budget["status"]["disruptionsAllowed"] = (allowed - 1).into();
    budget["status"]["disruptedPods"][&*pod.name] = now.into();
    Ok(())
}
