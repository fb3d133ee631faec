//! Deleting by the record: what an older operator version left behind, and what an instance that goes
//! would leave behind.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt;
use futures::stream;
use kube::ResourceExt;
use kudo_api::Instance;
use kudo_api::instance::{InstanceStatus, InventoryEntry};
use kudo_kube::delete::{Deleted, Owner, Target, delete};
use kudo_kube::inventory::is_pipe_pod;
use kudo_kube::runner::entries_of;
use kudo_kube::{Gvk, Inventory};
use kudo_package::OperatorDefinition;
use kudo_template::{InstanceIdentity, render_plan};

use crate::admission;
use crate::context::Context;
use crate::events::Notification;
use crate::store::Found;
use crate::triggers::automatic_plans;
use crate::versions::VersionKey;

/// Objects that are deleted at the same time.
const IN_FLIGHT: usize = 8;
/// How long all deletions together may take before they are looked at again later.
const PATIENCE: Duration = Duration::from_secs(20);

/// Objects that have to go and are still there.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}", .problems.join("; "))]
pub(crate) struct PruneError {
    problems: Vec<String>,
}

/// What came of it.
#[derive(Debug, Default)]
pub(crate) struct Pruned {
    removed: Vec<InventoryEntry>,
    /// Why something is still there.
    pub(crate) problem: Option<PruneError>,
}

impl Pruned {
    /// Takes what is gone out of the record.
    pub(crate) fn take_out(&self, status: &mut InstanceStatus) {
        let mut inventory = Inventory::new(std::mem::take(&mut status.inventory));
        for entry in &self.removed {
            inventory.remove(entry);
        }
        status.inventory = inventory.to_vec();
    }

    /// Takes what is gone out of the record, and the upgrade's mark if all is done.
    pub(crate) fn record(&self, status: &mut InstanceStatus) {
        self.take_out(status);
        if self.problem.is_none() {
            status.upgraded_from = None;
        }
    }
}

/// Deletes the objects that no plan of the accepted operator version renders any more.
pub(crate) async fn prune(
    context: &Arc<Context>,
    instance: &Instance,
    definition: &Arc<OperatorDefinition>,
    inventory: &Inventory,
) -> Pruned {
    let rendered = match context
        .pace
        .work(definition, ("", &instance.spec.parameters), || {
            everything(context, instance, definition)
        }) {
        Ok(rendered) => rendered,
        Err(problem) => {
            // Without knowing what is still wanted, nothing may go, now or later.
            let text = format!("nothing is pruned after the upgrade: {problem}");
            tracing::warn!(instance = instance.name_any(), text);
            let occasion = instance.metadata.generation.unwrap_or_default().to_string();
            let warning = Notification::warning("TaskRenderingError", &text, &occasion);
            context.notify(instance, warning);
            return Pruned::default();
        }
    };
    let plans = automatic(context, instance, definition);
    let leftovers = inventory.no_longer_rendered(&rendered, &plans);
    for entry in &leftovers {
        tracing::info!(
            instance = instance.name_any(),
            kind = entry.kind,
            name = entry.name,
            "pruning"
        );
    }
    delete_all(context, instance, &leftovers).await
}

/// The pods of Pipe tasks that an instance has left behind.
pub(crate) fn leftover_pods(instance: &Instance) -> Vec<InventoryEntry> {
    let status = instance.status.iter();
    status
        .flat_map(|status| &status.inventory)
        .filter(|entry| is_pipe_pod(entry))
        .cloned()
        .collect()
}

/// Deletes objects by their entries, as far as they are this instance's, and waits for them for a while.
pub(crate) async fn delete_all(
    context: &Context,
    instance: &Instance,
    entries: &[InventoryEntry],
) -> Pruned {
    if entries.is_empty() {
        return Pruned::default();
    }
    let namespace = instance.namespace().unwrap_or_default();
    let owner = Owner {
        name: instance.name_any(),
        uid: instance.uid().unwrap_or_default(),
    };
    let deletions: Vec<_> = entries
        .iter()
        .map(|entry| {
            let target = Target {
                kind: Gvk::gvk(&entry.group, &entry.version, &entry.kind),
                namespace: namespace.clone(),
                name: entry.name.clone(),
                owner: Some(owner.clone()),
            };
            delete_one(context, entry, target)
        })
        .collect();
    let results = stream::iter(deletions)
        .buffer_unordered(IN_FLIGHT)
        .collect::<Vec<_>>()
        .await;
    let mut pruned = Pruned::default();
    let mut problems = Vec::new();
    for result in results {
        match result {
            Ok(removed) => pruned.removed.extend(removed),
            Err(problem) => problems.push(problem),
        }
    }
    pruned.problem = (!problems.is_empty()).then_some(PruneError { problems });
    pruned
}

/// The entry, if its object is gone; an object that is not ours or asks to be kept stays on record.
async fn delete_one(
    context: &Context,
    entry: &InventoryEntry,
    target: Target,
) -> Result<Option<InventoryEntry>, String> {
    let deletion = tokio::time::timeout(PATIENCE, delete(&context.cluster, &target));
    match deletion.await {
        Ok(Ok(Deleted::Gone | Deleted::Absent)) => Ok(Some(entry.clone())),
        Ok(Ok(Deleted::Left)) => Ok(None),
        Ok(Err(error)) => Err(error.to_string()),
        Err(_) => Err(format!(
            "{} {:?} is being deleted and not gone yet",
            entry.kind, entry.name
        )),
    }
}

/// All that any plan of an operator version renders.
fn everything(
    context: &Context,
    instance: &Instance,
    definition: &OperatorDefinition,
) -> Result<Inventory, String> {
    let namespace = instance.namespace().unwrap_or_default();
    let name = instance.name_any();
    let identity = InstanceIdentity {
        name: &name,
        namespace: &namespace,
    };
    let accepted = instance.status.as_ref().and_then(|s| s.accepted.as_ref());
    let given = accepted.map_or(&instance.spec.parameters, |accepted| &accepted.parameters);
    let parameters =
        admission::resolve(given, definition).map_err(|problems| admission::join(&problems))?;
    let mut rendered = Inventory::default();
    for plan in definition.plans.keys() {
        let steps = render_plan(&context.renderer, definition, identity, plan, &parameters)
            .map_err(|error| format!("plan {plan:?}: {error}"))?;
        // What is rendered to be deleted counts, too: when to delete it is for its plan to say.
        let tasks = steps.iter().flat_map(|step| &step.tasks);
        rendered.extend(tasks.flat_map(|task| entries_of(task, &namespace, plan)));
    }
    Ok(rendered)
}

/// The plans that run by themselves, in the accepted operator version or in the one before it.
fn automatic(
    context: &Context,
    instance: &Instance,
    definition: &OperatorDefinition,
) -> BTreeSet<String> {
    let mut plans: BTreeSet<String> = automatic_plans(definition)
        .into_iter()
        .map(str::to_owned)
        .collect();
    let namespace = instance.namespace().unwrap_or_default();
    let before = instance
        .status
        .as_ref()
        .and_then(|s| s.upgraded_from.as_ref());
    if let Some(before) = before
        && let Found::Valid(before) = context
            .definitions
            .get(&VersionKey::recorded(before, &namespace))
    {
        plans.extend(automatic_plans(&before).into_iter().map(str::to_owned));
    }
    plans
}
