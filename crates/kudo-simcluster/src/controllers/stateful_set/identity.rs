//! What belongs to one ordinal of a stateful set: names, labels, host name, claims.

use serde_json::{Value, json};

use super::{REVISION_LABEL, SetRef};
use crate::controllers::View;
use crate::controllers::revisions::{self, RevisionRef};
use crate::controllers::template::{self, set_label};

/// The ordinal in a pod's name.
pub(super) fn ordinal(set: &str, pod: &str) -> Option<i64> {
    let number = pod.strip_prefix(set)?.strip_prefix('-')?;
    let canonical = number == "0" || !number.starts_with(['0', '+', '-']);
    canonical.then(|| number.parse().ok()).flatten()
}

pub(super) fn pod_name(set: &str, ordinal: i64) -> String {
    format!("{set}-{ordinal}")
}

/// The pod of an ordinal as a revision has it.
pub(super) fn pod(
    view: &View<'_>,
    set: &SetRef<'_>,
    ordinal: i64,
    revision: &RevisionRef<'_>,
) -> Value {
    let owner = view.world.resources()[set.resource].controller_reference(set.name(), set.uid());
    let mut pod = template::pod(&revisions::template(revision), &owner);
    let name = pod_name(set.name(), ordinal);
    set_label(&mut pod, "statefulset.kubernetes.io/pod-name", &name);
    set_label(
        &mut pod,
        "apps.kubernetes.io/pod-index",
        &ordinal.to_string(),
    );
    set_label(&mut pod, REVISION_LABEL, revision.name());
    pod["metadata"]["name"] = name.as_str().into();
    pod["metadata"]["generateName"] = format!("{}-", set.name()).into();
    pod["spec"]["hostname"] = name.as_str().into();
    if !set.body.spec.service_name.is_empty() {
        pod["spec"]["subdomain"] = set.body.spec.service_name.as_str().into();
    }
    mount_claims(&mut pod, set, ordinal);
    pod
}

/// A claim wins over a volume of the same name in the template.
fn mount_claims(pod: &mut Value, set: &SetRef<'_>, ordinal: i64) {
    let templates = &set.body.spec.volume_claim_templates;
    if templates.is_empty() {
        return;
    }
    let claimed = |name: &Value| templates.iter().any(|t| t["metadata"]["name"] == *name);
    let mut volumes: Vec<Value> = templates
        .iter()
        .map(|template| {
            json!({
                "name": template["metadata"]["name"],
                "persistentVolumeClaim": { "claimName": claim_name(set, template, ordinal) },
            })
        })
        .collect();
    if let Some(others) = pod["spec"]["volumes"].as_array() {
        volumes.extend(others.iter().filter(|v| !claimed(&v["name"])).cloned());
    }
    pod["spec"]["volumes"] = volumes.into();
}

/// The name of the claim that is made of a template for an ordinal.
pub(super) fn claim_name(set: &SetRef<'_>, template: &Value, ordinal: i64) -> String {
    let name = template["metadata"]["name"].as_str().unwrap_or_default();
    format!("{name}-{}-{ordinal}", set.name())
}

/// The claim of an ordinal.
pub(super) fn claim(set: &SetRef<'_>, template: &Value, ordinal: i64) -> Value {
    let mut claim = template.clone();
    if let Value::Object(fields) = &mut claim {
        fields.remove("status");
    }
    claim["metadata"]["name"] = claim_name(set, template, ordinal).into();
    claim["metadata"]["namespace"] = set.namespace().into();
    for (name, value) in set.body.spec.selector.match_labels.iter().flatten() {
        set_label(&mut claim, name, value);
    }
    claim
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ordinals() {
        for (pod, expected) in [
            ("web-0", Some(0)),
            ("web-12", Some(12)),
            ("web-01", None),
            ("web-x", None),
            ("web", None),
            ("other-0", None),
            ("web-1-0", None),
        ] {
            assert_eq!(ordinal("web", pod), expected, "{pod}");
        }
    }
}
