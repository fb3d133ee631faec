//! The end of a namespace: everything in it is deleted, then its finalizer is taken off.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::action::Action;
use super::conditions::{self, Condition};
use super::model::Namespace;
use super::world::Key;
use super::{Verdict, View};

pub(super) fn observe(view: &View<'_>, key: &Key) -> Verdict {
    let Some(namespace) = view.world.get::<Namespace>(key) else {
        return Verdict::nothing();
    };
    let finalizers = &namespace.body.spec.finalizers;
    if !namespace.is_deleting() || !finalizers.iter().any(|f| f == "kubernetes") {
        return Verdict::nothing();
    }
    let mut actions = Vec::new();
    let mut remaining: BTreeMap<String, usize> = BTreeMap::new();
    let mut holders: BTreeMap<String, usize> = BTreeMap::new();
    for (resource, known) in view.world.resources().iter().enumerate() {
        if !known.namespaced {
            continue;
        }
        let mut untouched = false;
        let mut count = 0;
        for entry in view.world.entries(resource, Some(namespace.name())) {
            count += 1;
            untouched |= entry.meta.deletion_timestamp.is_none();
            for finalizer in entry.meta.finalizers.iter().flatten() {
                *holders.entry(finalizer.clone()).or_default() += 1;
            }
        }
        if untouched {
            actions.push(Action::DeleteAll {
                resource,
                namespace: namespace.name().to_owned(),
            });
        }
        if count > 0 {
            remaining.insert(format!("{}.{}", known.api.plural, known.api.group), count);
        }
    }
    if remaining.is_empty() {
        return Verdict::write([Action::FinalizeNamespace {
            target: (&namespace).into(),
        }]);
    }
    let old = json!({ "conditions": namespace.body.status.conditions });
    let mut all = conditions::of(&old);
    for condition in report(&remaining, &holders) {
        set(&mut all, &condition, view);
    }
    // The first look deletes; what is left after that is worth telling.
    let status = if actions.is_empty() {
        Action::status(&namespace, &old, &json!({ "conditions": all }))
    } else {
        None
    };
    Verdict::write(status.into_iter().chain(actions))
}

/// Here the message alone may change.
fn set(all: &mut Vec<Value>, condition: &Condition<'_>, view: &View<'_>) {
    conditions::set(all, condition, None, view.now);
    if let Some(set) = all.iter_mut().find(|c| c["type"] == condition.kind) {
        set["message"] = condition.message.as_str().into();
    }
}

fn report(
    remaining: &BTreeMap<String, usize>,
    holders: &BTreeMap<String, usize>,
) -> [Condition<'static>; 5] {
    let fine = |kind, reason, message: &str| Condition {
        kind,
        status: "False",
        reason,
        message: message.to_owned(),
    };
    let list = |counts: &BTreeMap<String, usize>, what: &str| {
        let each = counts
            .iter()
            .map(|(name, count)| format!("{name} {what} {count} resource instances"));
        each.collect::<Vec<_>>().join(", ")
    };
    [
        fine(
            "NamespaceDeletionDiscoveryFailure",
            "ResourcesDiscovered",
            "All resources successfully discovered",
        ),
        fine(
            "NamespaceDeletionGroupVersionParsingFailure",
            "ParsedGroupVersions",
            "All legacy kube types successfully parsed",
        ),
        fine(
            "NamespaceDeletionContentFailure",
            "ContentDeleted",
            "All content successfully deleted, may be waiting on finalization",
        ),
        Condition {
            kind: "NamespaceContentRemaining",
            status: "True",
            reason: "SomeResourcesRemain",
            message: format!("Some resources are remaining: {}", list(remaining, "has")),
        },
        if holders.is_empty() {
            fine(
                "NamespaceFinalizersRemaining",
                "ContentHasNoFinalizers",
                "All content-preserving finalizers finished",
            )
        } else {
            Condition {
                kind: "NamespaceFinalizersRemaining",
                status: "True",
                reason: "SomeFinalizersRemain",
                message: format!(
                    "Some content in the namespace has finalizers remaining: {}",
                    list(holders, "in")
                ),
            }
        },
    ]
}
