//! Autoscalers. No metrics are served here, so that a scale changes only where it is out of its bounds, and the
//! status says what it says in any cluster without metrics.

use k8s_openapi::jiff::Timestamp;
use serde_json::json;

use super::action::Target;
use super::clock::spelled;
use super::conditions::{self, Condition, Status};
use super::model::{Autoscaler, Deployment, StatefulSet};
use super::note::Note;
use super::world::{Key, Object};
use super::{Action, Verdict, View};

pub(super) fn observe(view: &View<'_>, key: &Key) -> Verdict {
    let Some(scaler) = view.world.get::<Autoscaler>(key) else {
        return Verdict::nothing();
    };
    let target = &scaler.body.spec.scale_target_ref;
    let at = Key::new(scaler.namespace(), &target.name);
    let found = match target.kind.as_str() {
        "Deployment" => {
            let found = view.world.get::<Deployment>(&at);
            found.map(|d| (Target::from(&d), d.body.spec.replicas))
        }
        "StatefulSet" => {
            let found = view.world.get::<StatefulSet>(&at);
            found.map(|s| (Target::from(&s), s.body.spec.replicas))
        }
        // Other targets are told of by nobody here.
        _ => return Verdict::nothing(),
    };
    let sync = Sync { view, scaler };
    Verdict::write(match found {
        None => sync.without_target(),
        Some((target, replicas)) => sync.with_target(target, replicas.unwrap_or(1)),
    })
}

/// One look at an autoscaler.
struct Sync<'a> {
    view: &'a View<'a>,
    scaler: Object<'a, Autoscaler>,
}

impl Sync<'_> {
    fn without_target(&self) -> Vec<Action> {
        let missing = not_found(&self.scaler);
        let able = able(
            "False",
            "FailedGetScale",
            format!("the HPA controller was unable to get the target's current scale: {missing}"),
        );
        let note = Note::about(&self.scaler).warning("FailedGetScale", missing);
        let write = self.status(&[able], 0, 0, None);
        write.map(|write| write.noted(note)).into_iter().collect()
    }

    fn with_target(&self, target: Target, replicas: i32) -> Vec<Action> {
        let spec = &self.scaler.body.spec;
        let least = spec.min_replicas.unwrap_or(1);
        let found = "the HPA controller was able to get the target's current scale";
        let able = able("True", "SucceededGetScale", found.to_owned());
        if replicas == 0 && least != 0 {
            let message = "scaling is disabled since the replica count of the target is zero";
            let active = inactive("ScalingDisabled", message.to_owned());
            let write = self.status(&[able, active], 0, 0, None);
            return write.into_iter().collect();
        }
        if replicas > spec.max_replicas {
            let why = "Current number of replicas above Spec.MaxReplicas";
            return self.rescale(target, (replicas, spec.max_replicas), why);
        }
        if replicas < least {
            let why = "Current number of replicas below Spec.MinReplicas";
            return self.rescale(target, (replicas, least), why);
        }
        let desired = conditions::count(&self.scaler.body.status, "desiredReplicas");
        let Some(missing) = self.missing_metric() else {
            let write = self.status(&[able], replicas.into(), desired, None);
            return write.into_iter().collect();
        };
        let active = inactive(
            "FailedGetResourceMetric",
            format!("the HPA was unable to compute the replica count: {missing}"),
        );
        let write = self.status(&[able, active], replicas.into(), desired, None);
        let count = spec.metrics.len();
        let all =
            format!("invalid metrics ({count} invalid out of {count}), first error is: {missing}");
        let note = || Note::about(&self.scaler);
        let write = write.map(|write| {
            write
                .noted(note().warning("FailedGetResourceMetric", missing))
                .noted(note().warning("FailedComputeMetricsReplicas", all))
        });
        write.into_iter().collect()
    }

    /// Brings the target within its bounds.
    fn rescale(&self, target: Target, (from, to): (i32, i32), why: &str) -> Vec<Action> {
        let size = format!("New size: {to}; reason: {why}");
        let note = Note::about(&self.scaler)
            .normal("SuccessfulRescale", size.clone())
            .on_refusal("FailedRescale", format!("{size}; error: {{error}}"));
        let scale = Action::patch(target, json!({ "spec": { "replicas": to } }));
        let done = format!("the HPA controller was able to update the target scale to {to}");
        let able = able("True", "SucceededRescale", done);
        let status = self.status(&[able], from.into(), to.into(), Some(self.view.now));
        [scale.noted(note)].into_iter().chain(status).collect()
    }

    /// Why the first of the metrics is not known, if it is one of a resource: there are none.
    fn missing_metric(&self) -> Option<String> {
        let first = self.scaler.body.spec.metrics.first()?;
        let resource = first["resource"]["name"].as_str()?;
        let what = if first["resource"]["target"]["type"] == "Utilization" {
            "utilization"
        } else {
            "usage"
        };
        Some(format!(
            "failed to get {resource} {what}: unable to get metrics for resource {resource}: unable to fetch \
             metrics from resource metrics API: the server could not find the requested resource (get \
             pods.metrics.k8s.io)"
        ))
    }

    fn status(
        &self,
        set: &[Condition<'_>],
        current: i64,
        desired: i64,
        scaled: Option<Timestamp>,
    ) -> Option<Action> {
        let old = &self.scaler.body.status;
        let mut all = conditions::of(old);
        for condition in set {
            conditions::set(&mut all, condition, None, self.view.now);
        }
        let kept = ["currentMetrics", "lastScaleTime", "observedGeneration"];
        let mut new = Status::keeping(old, &kept)
            .with("currentReplicas", current)
            .with("desiredReplicas", desired)
            .list("conditions", all);
        if let Some(time) = scaled {
            new = new.with("lastScaleTime", spelled(time));
        }
        Action::status(&self.scaler, old, &new.done())
    }
}

fn able(status: &'static str, reason: &'static str, message: String) -> Condition<'static> {
    Condition {
        kind: "AbleToScale",
        status,
        reason,
        message,
    }
}

fn inactive(reason: &'static str, message: String) -> Condition<'static> {
    Condition {
        kind: "ScalingActive",
        status: "False",
        reason,
        message,
    }
}

fn not_found(scaler: &Object<'_, Autoscaler>) -> String {
    let target = &scaler.body.spec.scale_target_ref;
    let group = target.api_version.rsplit_once('/').map_or("", |(g, _)| g);
    let plural = format!("{}s", target.kind.to_lowercase());
    format!("{plural}/scale.{group} {:?} not found", target.name)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::observe;
    use crate::controllers::testing::{Scene, deeds, events, status};

    #[test]
    fn a_scale_is_brought_within_its_bounds() {
        let metric = json!({
            "type": "Resource",
            "resource": { "name": "cpu", "target": { "type": "Utilization" } },
        });
        let unknown = "failed to get cpu utilization: unable to get metrics for resource cpu: unable to fetch \
                       metrics from resource metrics API: the server could not find the requested resource \
                       (get pods.metrics.k8s.io)";
        let failed = vec![
            format!("Warning FailedGetResourceMetric: {unknown}"),
            format!(
                "Warning FailedComputeMetricsReplicas: invalid metrics (1 invalid out of 1), first error is: \
                 {unknown}"
            ),
        ];
        let rescaled = |to: i32, why: &str| {
            let size = format!("New size: {to}; reason: Current number of replicas {why}");
            vec![format!(
                "Normal SuccessfulRescale: {size} | Warning FailedRescale: {size}; error: {{error}}"
            )]
        };
        for (replicas, expected, reasons, told) in [
            (
                0,
                vec![],
                vec!["SucceededGetScale", "ScalingDisabled"],
                vec![],
            ),
            (
                1,
                vec![r#"patch web {"spec":{"replicas":2}}"#],
                vec!["SucceededRescale"],
                rescaled(2, "below Spec.MinReplicas"),
            ),
            (
                3,
                vec![],
                vec!["SucceededGetScale", "FailedGetResourceMetric"],
                failed,
            ),
            (
                9,
                vec![r#"patch web {"spec":{"replicas":4}}"#],
                vec!["SucceededRescale"],
                rescaled(4, "above Spec.MaxReplicas"),
            ),
        ] {
            let scene = Scene::new()
                .with(json!({
                    "apiVersion": "apps/v1", "kind": "Deployment", "metadata": { "name": "web" },
                    "spec": { "replicas": replicas },
                }))
                .with(json!({
                    "apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler",
                    "metadata": { "name": "scaler" },
                    "spec": {
                        "minReplicas": 2, "maxReplicas": 4, "metrics": [metric],
                        "scaleTargetRef": { "kind": "Deployment", "name": "web" },
                    },
                }));
            let verdict = scene.observe(observe, "scaler");
            assert_eq!(deeds(&verdict), expected, "{replicas}");
            assert_eq!(events(&verdict), told, "{replicas}");
            let written = status(&verdict);
            let conditions = written["conditions"].as_array().unwrap();
            let found: Vec<&Value> = conditions.iter().map(|c| &c["reason"]).collect();
            assert_eq!(found, reasons, "{replicas}");
        }
    }
}
