//! The plans of an instance as a tree, as `plan status` and `plan history` show them.

use std::collections::BTreeMap;

use jiff::tz::TimeZone;
use kudo_api::instance::PlanStatus;
use kudo_api::operator_version::{Phase, Plan};
use kudo_api::{Instance, InstanceStatus, Time};

use crate::tree::Tree;

/// The tree of all plans of an instance, the active one with its status; `None` if none ever ran.
///
/// `plans` are those of the operator version. An active plan that it does not have is shown too,
/// as happens after an upgrade to a version without it.
pub(crate) fn status_tree(
    instance: &Instance,
    plans: &BTreeMap<String, Plan>,
    zone: &TimeZone,
) -> Option<Tree> {
    let (active, status) = instance.status.as_ref()?.last_executed_plan()?;
    let mut branches: BTreeMap<&str, Tree> = plans
        .iter()
        .filter(|(name, _)| *name != active)
        .map(|(name, plan)| (name.as_str(), idle_plan(name, plan)))
        .collect();
    branches.insert(active, active_plan(active, status, plans.get(active), zone));
    Some(Tree::root([Tree::new(
        format!(
            "{} (Operator-Version: \"{}\" Active-Plan: \"{active}\")",
            name_of(instance),
            instance
                .spec
                .operator_version
                .name
                .as_deref()
                .unwrap_or_default(),
        ),
        branches.into_values(),
    )]))
}

/// The tree of one plan that runs or has run.
pub(crate) fn active_plan(
    name: &str,
    status: &PlanStatus,
    plan: Option<&Plan>,
    zone: &TimeZone,
) -> Tree {
    let mut text = format!(
        "Plan {name}{} [{}]{}",
        strategy(plan.map(|plan| plan.strategy.as_str())),
        status.status,
        in_parentheses(&status.message),
    );
    if let Some(time) = &status.last_updated_timestamp {
        text.push_str(", last updated ");
        text.push_str(&local(time, zone, "%Y-%m-%d %H:%M:%S"));
    }
    let phases = status.phases.iter().map(|phase| {
        let definition = plan.and_then(|plan| find_phase(plan, &phase.name));
        Tree::new(
            format!(
                "Phase {}{} [{}]{}",
                phase.name,
                strategy(definition.map(|phase| phase.strategy.as_str())),
                phase.status,
                in_parentheses(&phase.message),
            ),
            phase.steps.iter().map(|step| {
                Tree::leaf(format!(
                    "Step {} [{}]{}",
                    step.name,
                    step.status,
                    in_parentheses(&step.message),
                ))
            }),
        )
    });
    Tree::new(text, phases)
}

/// The tree of `plan history`: when each plan ended last, and how.
pub(crate) fn history_tree(status: &InstanceStatus, zone: &TimeZone) -> Tree {
    Tree::root(status.plan_status.iter().map(|(name, plan)| {
        let state = match &plan.last_updated_timestamp {
            _ if plan.is_running() => "is running".to_owned(),
            Some(time) => format!(
                "last finished run at {} ({})",
                local(time, zone, "%Y-%m-%dT%H:%M:%S"),
                plan.status
            ),
            None if plan.was_run() => plan.status.clone(),
            None => "NEVER_RUN".to_owned(),
        };
        Tree::leaf(format!("{name} ({state})"))
    }))
}

fn idle_plan(name: &str, plan: &Plan) -> Tree {
    Tree::new(
        format!("Plan {name}{} [NOT ACTIVE]", strategy(Some(&plan.strategy))),
        plan.phases.iter().map(|phase| {
            Tree::new(
                format!(
                    "Phase {}{} [NOT ACTIVE]",
                    phase.name,
                    strategy(Some(&phase.strategy))
                ),
                phase
                    .steps
                    .iter()
                    .map(|step| Tree::leaf(format!("Step {} [NOT ACTIVE]", step.name))),
            )
        }),
    )
}

/// The strategy in words; one that is absent acts as parallel, one that is unknown is not shown.
fn strategy(strategy: Option<&str>) -> String {
    match strategy {
        None => String::new(),
        Some("") => " (parallel strategy)".to_owned(),
        Some(strategy) => format!(" ({strategy} strategy)"),
    }
}

fn in_parentheses(message: &str) -> String {
    if message.is_empty() {
        String::new()
    } else {
        format!(" ({message})")
    }
}

fn find_phase<'a>(plan: &'a Plan, name: &str) -> Option<&'a Phase> {
    plan.phases.iter().find(|phase| phase.name == name)
}

fn local(time: &Time, zone: &TimeZone, format: &str) -> String {
    time.0.to_zoned(zone.clone()).strftime(format).to_string()
}

fn name_of(instance: &Instance) -> &str {
    instance.metadata.name.as_deref().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use kudo_api::OperatorVersion;
    use serde_json::json;

    fn plans() -> BTreeMap<String, Plan> {
        let version: OperatorVersion = serde_json::from_value(json!({
            "apiVersion": "kudo.dev/v1beta1", "kind": "OperatorVersion", "metadata": {},
            "spec": { "plans": {
                "deploy": { "strategy": "serial", "phases": [
                    { "name": "deploy", "strategy": "serial", "steps": [
                        { "name": "config", "tasks": ["a"] }, { "name": "nodes", "tasks": ["b"] },
                    ] } ] },
                "backup": { "phases": [
                    { "name": "run", "strategy": "parallel", "steps": [
                        { "name": "dump", "tasks": ["c"] } ] } ] },
            } }
        }))
        .unwrap();
        version.spec.plans
    }

    fn instance(status: &serde_json::Value) -> Instance {
        serde_json::from_value(json!({
            "apiVersion": "kudo.dev/v1beta1", "kind": "Instance",
            "metadata": { "name": "galera-instance" },
            "spec": { "operatorVersion": { "name": "galera-0.1.0" } },
            "status": status,
        }))
        .unwrap()
    }

    #[test]
    fn the_active_plan_has_its_status_and_the_others_none() {
        let instance = instance(&json!({ "planStatus": {
            "deploy": {
                "name": "deploy", "status": "FATAL_ERROR",
                "lastUpdatedTimestamp": "2020-06-23T14:10:39Z",
                "phases": [ { "name": "deploy", "status": "FATAL_ERROR", "steps": [
                    { "name": "config", "status": "COMPLETE" },
                    { "name": "nodes", "status": "FATAL_ERROR", "message": "no such kind" },
                ] } ] },
            "backup": { "name": "backup", "status": "NEVER_RUN" },
        } }));
        let tree = status_tree(&instance, &plans(), &TimeZone::UTC).unwrap();
        let expected = "\
.
└── galera-instance (Operator-Version: \"galera-0.1.0\" Active-Plan: \"deploy\")
    ├── Plan backup (parallel strategy) [NOT ACTIVE]
    │   └── Phase run (parallel strategy) [NOT ACTIVE]
    │       └── Step dump [NOT ACTIVE]
    └── Plan deploy (serial strategy) [FATAL_ERROR], last updated 2020-06-23 14:10:39
        └── Phase deploy (serial strategy) [FATAL_ERROR]
            ├── Step config [COMPLETE]
            └── Step nodes [FATAL_ERROR] (no such kind)
";
        assert_eq!(tree.draw(), expected);
    }

    #[test]
    fn an_active_plan_that_the_version_lacks_is_shown() {
        let instance = instance(&json!({ "planStatus": { "gone": {
            "name": "gone", "status": "COMPLETE", "message": "well",
            "phases": [ { "name": "p", "status": "COMPLETE" } ] } } }));
        let tree = status_tree(&instance, &BTreeMap::new(), &TimeZone::UTC).unwrap();
        let expected = "\
.
└── galera-instance (Operator-Version: \"galera-0.1.0\" Active-Plan: \"gone\")
    └── Plan gone [COMPLETE] (well)
        └── Phase p [COMPLETE]
";
        assert_eq!(tree.draw(), expected);
    }

    #[test]
    fn no_tree_before_the_first_plan() {
        for status in [
            json!({}),
            json!({ "planStatus": { "deploy": { "status": "NEVER_RUN" } } }),
        ] {
            assert!(status_tree(&instance(&status), &plans(), &TimeZone::UTC).is_none());
        }
    }

    #[test]
    fn history() {
        let status: InstanceStatus = serde_json::from_value(json!({ "planStatus": {
            "a": { "name": "a", "status": "NEVER_RUN" },
            "b": { "name": "b", "status": "COMPLETE", "lastUpdatedTimestamp": "2020-06-23T14:10:39Z" },
            "c": { "name": "c", "status": "IN_PROGRESS", "lastUpdatedTimestamp": "2020-06-23T14:10:39Z" },
            "d": { "name": "d", "status": "FATAL_ERROR" },
        } }))
        .unwrap();
        let expected = "\
.
├── a (NEVER_RUN)
├── b (last finished run at 2020-06-23T14:10:39 (COMPLETE))
├── c (is running)
└── d (FATAL_ERROR)
";
        assert_eq!(history_tree(&status, &TimeZone::UTC).draw(), expected);
    }
}
