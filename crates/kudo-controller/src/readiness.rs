//! Which kinds have to be watched to tell whether an instance is ready, and what `Ready` says.

use std::collections::BTreeSet;

use kudo_api::instance::{InstanceStatus, InventoryEntry};
use kudo_kube::Gvk;
use kudo_kube::readiness::{Readiness, concerns};

use crate::conditions::Wanted;
use crate::status::running_plan;

const WORKLOADS: [&str; 4] = ["Deployment", "StatefulSet", "ReplicaSet", "DaemonSet"];

/// The kinds that bear on the readiness of an instance with this inventory.
///
/// An instance without an inventory may be one of upstream's, of which nothing is known: then all
/// workloads count.
pub fn kinds(inventory: &[InventoryEntry]) -> Vec<Gvk> {
    let mut kinds = BTreeSet::new();
    let mut add = |group: &str, version: &str, kind: &str| {
        kinds.insert((group.to_owned(), version.to_owned(), kind.to_owned()));
    };
    if inventory.is_empty() {
        for kind in WORKLOADS {
            add("apps", "v1", kind);
        }
        add("", "v1", "Pod");
    }
    for entry in inventory {
        match (entry.group.as_str(), entry.kind.as_str()) {
            ("apps" | "extensions", kind) if WORKLOADS.contains(&kind) => {
                add("apps", "v1", kind);
                if kind == "Deployment" {
                    add("apps", "v1", "ReplicaSet");
                }
                add("", "v1", "Pod");
            }
            ("", "ReplicationController" | "Pod") => add("", "v1", "Pod"),
            (group, kind) if concerns(group, kind) => add(group, &entry.version, kind),
            _ => {}
        }
    }
    kinds
        .into_iter()
        .map(|(group, version, kind)| Gvk::gvk(&group, &version, &kind))
        .collect()
}

/// What `Ready` should say of an instance whose resources are like this; `None` leaves it as it is.
///
/// While a plan runs, the plan has the word, and a plan that failed keeps it until another one runs.
pub fn wanted(status: &InstanceStatus, observed: &Readiness) -> Option<Wanted> {
    if running_plan(status).is_some() {
        return None;
    }
    let (_, last) = status.last_executed_plan()?;
    if last.status == "FATAL_ERROR" {
        return Some(Wanted::plan_in_fatal_error());
    }
    Some(when_complete(observed))
}

/// What `Ready` says when the last plan is complete.
pub fn when_complete(observed: &Readiness) -> Wanted {
    match observed {
        Readiness::Ready => Wanted::ready(),
        Readiness::NotReady(missing) => Wanted::not_ready(missing),
    }
}
