//! The status of autoscalers. No metrics are served here, so the scale stays as it is and the status says
//! what it says in any cluster without metrics.

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
    let sizes = match target.kind.as_str() {
        "Deployment" => view
            .world
            .get::<Deployment>(&at)
            .map(|d| (d.body.spec.replicas, &d.body.status)),
        "StatefulSet" => view
            .world
            .get::<StatefulSet>(&at)
            .map(|s| (s.body.spec.replicas, &s.body.status)),
        // Other targets are told of by nobody here.
        _ => return Verdict::nothing(),
    };
    let old = &scaler.body.status;
    let mut all = conditions::of(old);
    let mut new = Status::keeping(
        old,
        &["currentMetrics", "lastScaleTime", "observedGeneration"],
    );
    let able = if let Some((wanted, status)) = sizes {
        new = new
            .with("currentReplicas", conditions::count(status, "replicas"))
            .with("desiredReplicas", wanted.unwrap_or(1));
        Condition {
            kind: "AbleToScale",
            status: "True",
            reason: "SucceededGetScale",
            message: "the HPA controller was able to get the target's current scale".to_owned(),
        }
    } else {
        new = new.with("currentReplicas", 0).with("desiredReplicas", 0);
        Condition {
            kind: "AbleToScale",
            status: "False",
            reason: "FailedGetScale",
            message: format!(
                "the HPA controller was unable to get the target's current scale: {}",
                not_found(&scaler)
            ),
        }
    };
    conditions::set(&mut all, &able, None, view.now);
    let new = new.list("conditions", all).done();
    let status = Action::status(&scaler, old, &new);
    Verdict::write(status.map(|write| {
        if sizes.is_some() {
            return write;
        }
        let note = Note::about(&scaler);
        write.noted(note.warning("FailedGetScale", not_found(&scaler)))
    }))
}

fn not_found(scaler: &Object<'_, Autoscaler>) -> String {
    let target = &scaler.body.spec.scale_target_ref;
    let group = target.api_version.rsplit_once('/').map_or("", |(g, _)| g);
    let plural = format!("{}s", target.kind.to_lowercase());
    format!("{plural}/scale.{group} {:?} not found", target.name)
}
