//! A spec that the manager refused, or does not take up yet: what was asked for is not what runs.

use std::collections::BTreeSet;

use kudo_api::instance::Accepted;
use kudo_api::names::ACCEPTED_CONDITION;
use kudo_api::{Condition, Instance, InstanceSpec};

/// The reasons for which the manager waits end so: `ParameterChangeWhileRunning` and the like.
const WAITS: &str = "WhileRunning";

/// Whether the manager takes the change up when the plan that runs has ended.
pub(crate) fn waits(condition: &Condition) -> bool {
    condition.reason.ends_with(WAITS)
}

/// The instance as it runs, and what to tell of the change that does not; nothing if what was asked for
/// is what runs.
pub(crate) fn running(instance: &Instance) -> Option<(Instance, String)> {
    let status = instance.status.as_ref()?;
    let condition = status.condition(ACCEPTED_CONDITION)?;
    if condition.status != "False" {
        return None;
    }
    let mut told = format!(
        "the last change {}: {}",
        if waits(condition) {
            "waits until the plan has ended"
        } else {
            "was refused"
        },
        condition.message
    );
    let mut running = instance.clone();
    if let Some(accepted) = &status.accepted {
        told.push_str(&difference(&instance.spec, accepted));
        put_back(&mut running.spec, accepted);
    }
    Some((running, told))
}

/// What runs instead of what was asked for, each part after a semicolon.
fn difference(asked: &InstanceSpec, accepted: &Accepted) -> String {
    let (_, has) = place(&accepted.operator_version);
    let wants = asked.operator_version.name.as_deref().unwrap_or_default();
    let version = (has != wants).then(|| format!("; {has} runs, not {wants}"));
    let names = asked.parameters.keys().chain(accepted.parameters.keys());
    let differs = |name: &&String| asked.parameters.get(*name) != accepted.parameters.get(*name);
    let names: BTreeSet<&str> = names.filter(differs).map(String::as_str).collect();
    let names: Vec<&str> = names.into_iter().collect();
    let parameters = match names.as_slice() {
        [] => None,
        [name] => Some(format!("; {name} keeps its former value")),
        names => Some(format!("; {} keep their former values", names.join(", "))),
    };
    [version, parameters].into_iter().flatten().collect()
}

fn put_back(spec: &mut InstanceSpec, accepted: &Accepted) {
    let (namespace, name) = place(&accepted.operator_version);
    spec.operator_version.namespace = namespace.map(str::to_owned);
    spec.operator_version.name = Some(name.to_owned());
    spec.parameters.clone_from(&accepted.parameters);
}

/// Namespace and name of a recorded operator version; one in another namespace is recorded with it.
pub(crate) fn place(recorded: &str) -> (Option<&str>, &str) {
    match recorded.split_once('/') {
        Some((namespace, name)) => (Some(namespace), name),
        None => (None, recorded),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn instance(status: &str, reason: &str, accepted: &serde_json::Value) -> Instance {
        serde_json::from_value(json!({
            "apiVersion": "kudo.dev/v1beta1", "kind": "Instance", "metadata": { "name": "i" },
            "spec": {
                "operatorVersion": { "name": "small-0.2.0" },
                "parameters": { "A": "1", "B": "2", "C": "3" },
            },
            "status": {
                "accepted": accepted,
                "conditions": [{
                    "type": "Accepted", "status": status, "reason": reason, "message": "no",
                    "lastTransitionTime": "2020-06-23T14:10:39Z",
                }],
            },
        }))
        .unwrap()
    }

    #[test]
    fn what_runs_is_told_where_it_is_not_what_was_asked_for() {
        let all = json!({ "A": "1", "B": "2", "C": "3" });
        let cases = [
            (
                json!({ "operatorVersion": "small-0.2.0", "parameters": all }),
                "",
            ),
            (
                json!({ "operatorVersion": "other/small-0.1.0", "parameters": all }),
                "; small-0.1.0 runs, not small-0.2.0",
            ),
            (
                json!({ "operatorVersion": "small-0.2.0", "parameters": { "A": "1", "B": "2" } }),
                "; C keeps its former value",
            ),
            (
                json!({ "operatorVersion": "small-0.1.0", "parameters": { "A": "0", "B": "2", "D": "4" } }),
                "; small-0.1.0 runs, not small-0.2.0; A, C, D keep their former values",
            ),
        ];
        for (accepted, expected) in cases {
            let refused = instance("False", "InvalidParams", &accepted);
            let (runs, told) = running(&refused).unwrap();
            assert_eq!(told, format!("the last change was refused: no{expected}"));
            assert_eq!(json!(runs.spec.parameters), accepted["parameters"]);
            let version = runs.spec.operator_version;
            let recorded = [version.namespace, version.name];
            let recorded: Vec<String> = recorded.into_iter().flatten().collect();
            assert_eq!(recorded.join("/"), accepted["operatorVersion"]);
        }
    }

    #[test]
    fn what_is_accepted_runs() {
        let accepted = json!({ "operatorVersion": "small-0.1.0" });
        assert!(running(&instance("True", "Accepted", &accepted)).is_none());
        assert!(running(&Instance::default()).is_none());
        let waiting = instance("False", "UpgradeWhileRunning", &accepted);
        let (_, told) = running(&waiting).unwrap();
        assert!(
            told.starts_with("the last change waits until the plan has ended: no; "),
            "{told}"
        );
        let (runs, told) = running(&instance("False", "InvalidParams", &json!(null))).unwrap();
        assert_eq!(told, "the last change was refused: no");
        assert_eq!(runs.spec.parameters.len(), 3);
    }
}
