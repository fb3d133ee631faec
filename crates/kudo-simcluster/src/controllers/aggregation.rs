//! Cluster roles that are made of others: they hold the rules of all roles with certain labels.

use kube::core::SelectorExt;
use serde_json::{Value, json};

use super::action::Action;
use super::claiming::selector;
use super::model::ClusterRole;
use super::world::Key;
use super::{Verdict, View};

pub(super) fn observe(view: &View<'_>, key: &Key) -> Verdict {
    let Some(role) = view.world.get::<ClusterRole>(key) else {
        return Verdict::nothing();
    };
    let Some(aggregation) = &role.body.aggregation_rule else {
        return Verdict::nothing();
    };
    let mut rules: Vec<&Value> = Vec::new();
    for wanted in aggregation.cluster_role_selectors.iter().map(selector) {
        let parts = view.world.all::<ClusterRole>(None).filter(|part| {
            let fits = wanted
                .as_ref()
                .is_none_or(|wanted| wanted.matches(part.labels()));
            fits && part.name() != role.name()
        });
        for rule in parts.flat_map(|part| &part.body.rules) {
            if !rules.contains(&rule) {
                rules.push(rule);
            }
        }
    }
    if rules.iter().copied().eq(&role.body.rules) {
        return Verdict::nothing();
    }
    Verdict::write([Action::patch(&role, json!({ "rules": rules }))])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::controllers::testing::Scene;

    fn rule(resource: &str) -> Value {
        json!({ "apiGroups": [""], "resources": [resource], "verbs": ["get"] })
    }

    fn part(name: &str, label: &str, rules: &[Value]) -> Value {
        json!({
            "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole",
            "metadata": { "name": name, "labels": { "part": label } }, "rules": rules,
        })
    }

    fn whole(rules: &[Value]) -> Value {
        let selectors = json!([
            { "matchLabels": { "part": "one" } }, { "matchLabels": { "part": "other" } },
        ]);
        let mut role = part("whole", "one", rules);
        role["aggregationRule"] = json!({ "clusterRoleSelectors": selectors });
        role
    }

    #[test]
    fn a_role_takes_the_rules_of_those_that_it_selects_each_once() {
        let [a, b, c] = ["a", "b", "c"].map(rule);
        for (own, expected) in [
            (vec![], Some(vec![b.clone(), a.clone(), c.clone()])),
            (vec![rule("z")], Some(vec![b.clone(), a.clone(), c.clone()])),
            (vec![b.clone(), a.clone(), c.clone()], None),
        ] {
            let scene = Scene::new().with_all([
                whole(&own),
                part("y", "one", std::slice::from_ref(&a)),
                part("x", "one", &[b.clone(), a.clone()]),
                part("w", "other", &[c.clone(), b.clone()]),
                part("v", "none", &[rule("d")]),
            ]);
            let verdict = scene.observe_key(observe, &Key::new("", "whole"));
            let written = verdict.actions.into_iter().map(|action| match action {
                Action::Patch { patch, .. } => patch["rules"].clone(),
                other => panic!("{other:?}"),
            });
            let expected = expected.map(Value::from);
            assert_eq!(written.collect::<Vec<_>>(), Vec::from_iter(expected));
        }
    }
}
