//! Who is to look when an object has changed.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use kube::core::SelectorExt;

use super::claiming::selector;
use super::model::{self, Content};
use super::resources::Kind;
use super::world::{Entry, Key, Object, World, controller, typed};
use super::{Controller, volumes};
use crate::tokens::ACCOUNT_NAME;

/// A piece of work: one object under one controller.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Item {
    pub(super) controller: Controller,
    /// For the garbage collector the name is a uid.
    pub(super) key: Key,
}

impl Item {
    fn new(controller: Controller, key: Key) -> Self {
        Self { controller, key }
    }

    fn collect(uid: &str) -> Self {
        Self::new(Controller::GarbageCollector, Key::new("", uid))
    }
}

/// The work that a change of this object makes, as the cache knows it.
pub(super) fn affected(world: &World, uid: &str) -> Vec<Item> {
    let Some(entry) = world.entry(uid) else {
        return Vec::new();
    };
    let key = entry.key();
    let kind = world.resources()[entry.resource].kind;
    let mut items = Vec::new();
    if entry.meta.owner_references.is_some() || entry.meta.finalizers.is_some() {
        items.push(Item::collect(uid));
    }
    for owner in entry.meta.owner_references.iter().flatten() {
        let waits = world
            .entry(&owner.uid)
            .is_some_and(|owner| owner.meta.deletion_timestamp.is_some());
        if waits {
            items.push(Item::collect(&owner.uid));
        }
    }
    // Endpoints without a service are somebody's own.
    let own = own_controller(kind)
        .filter(|_| kind != Kind::Endpoints || world.find(Kind::Service, &key).is_some());
    if let Some(own) = own {
        items.push(Item::new(own, key.clone()));
    }
    if let Some(item) = controllers_item(entry, &key) {
        items.push(item);
    }
    match kind {
        Kind::Pod => pod(world, entry, &key, &mut items),
        Kind::Service => items.push(Item::new(Controller::EndpointSlice, key.clone())),
        Kind::EndpointSlice => {
            let service = entry.meta.owner_references.iter().flatten();
            items.extend(service.filter(|o| o.kind == "Service").map(|service| {
                Item::new(
                    Controller::EndpointSlice,
                    Key::new(&key.namespace, &service.name),
                )
            }));
        }
        Kind::ReplicaSet if controller(&entry.meta).is_none() => {
            selecting::<model::Deployment>(world, entry, |d| &d.spec.selector, &mut items);
        }
        Kind::Node => items.extend(
            world
                .all::<model::DaemonSet>(None)
                .map(|set| Item::new(Controller::DaemonSet, Key::new(set.namespace(), set.name()))),
        ),
        Kind::Namespace => {
            items.push(Item::new(Controller::NamespaceDefaults, key.clone()));
        }
        Kind::ServiceAccount | Kind::ConfigMap => {
            let namespace = Key::new("", &key.namespace);
            items.push(Item::new(Controller::NamespaceDefaults, namespace));
            if kind == Kind::ServiceAccount {
                items.extend(tokens(world, &key));
            }
        }
        Kind::ClusterRole => {
            let roles = world.all::<model::ClusterRole>(None);
            let made_of_others = roles.filter(|role| role.body.aggregation_rule.is_some());
            items.extend(
                made_of_others
                    .map(|role| Item::new(Controller::RoleAggregation, Key::new("", role.name()))),
            );
        }
        Kind::Deployment | Kind::StatefulSet => {
            scaled(world, &key, &mut items);
        }
        Kind::Claim => {
            items.push(Item::new(Controller::Volumes, key.clone()));
            items.extend(bindings(volumes::of_claim(world, entry)));
            items.extend(templating(world, &key));
        }
        Kind::Volume => {
            items.push(Item::new(Controller::Volumes, key.clone()));
            items.extend(bindings(volumes::of_volume(world, entry)));
        }
        Kind::StorageClass => items.extend(bindings(volumes::waiting(world))),
        _ => {}
    }
    if !key.namespace.is_empty() {
        let namespace = Key::new("", &key.namespace);
        let ends = world
            .find(Kind::Namespace, &namespace)
            .is_some_and(|namespace| namespace.meta.deletion_timestamp.is_some());
        if ends {
            items.push(Item::new(Controller::Namespace, namespace));
        }
    }
    items
}

/// The work that the end of this object makes for what it owned.
pub(super) fn bereaved(world: &World, uid: &str) -> Vec<Item> {
    let dependents = world.dependents(uid);
    dependents
        .filter_map(|entry| Some(Item::collect(entry.meta.uid.as_deref()?)))
        .collect()
}

/// The pods that might want a claim of that name by a template: `<pod>-<volume>`.
fn templating(world: &World, claim: &Key) -> Vec<Item> {
    let ends = claim.name.match_indices('-').map(|(end, _)| end);
    let pods = ends.map(|end| Key::new(&claim.namespace, &claim.name[..end]));
    let pods = pods.filter(|pod| world.find(Kind::Pod, pod).is_some());
    pods.map(|pod| Item::new(Controller::EphemeralVolumes, pod))
        .collect()
}

/// The Secrets with tokens of an account.
fn tokens<'a>(world: &'a World, account: &'a Key) -> impl Iterator<Item = Item> + 'a {
    let secrets = world.all::<model::Secret>(Some(&account.namespace));
    let own = secrets.filter(|secret| secret.annotation(ACCOUNT_NAME) == Some(&account.name));
    own.map(|secret| {
        Item::new(
            Controller::Tokens,
            Key::new(secret.namespace(), secret.name()),
        )
    })
}

fn bindings(keys: Vec<Key>) -> impl Iterator<Item = Item> {
    keys.into_iter()
        .map(|key| Item::new(Controller::Volumes, key))
}

fn own_controller(kind: Kind) -> Option<Controller> {
    Some(match kind {
        Kind::Autoscaler => Controller::Autoscaler,
        Kind::Claim | Kind::Volume => Controller::ClaimProtection,
        Kind::CronJob => Controller::CronJob,
        Kind::DaemonSet => Controller::DaemonSet,
        Kind::Deployment => Controller::Deployment,
        Kind::DisruptionBudget => Controller::DisruptionBudget,
        Kind::Endpoints | Kind::Service => Controller::Endpoints,
        Kind::Job => Controller::Job,
        Kind::Namespace => Controller::Namespace,
        Kind::ReplicaSet => Controller::ReplicaSet,
        Kind::ReplicationController => Controller::ReplicationController,
        Kind::Secret => Controller::Tokens,
        Kind::StatefulSet => Controller::StatefulSet,
        _ => return None,
    })
}

/// The object that controls this one, under its own controller.
fn controllers_item(entry: &Entry, key: &Key) -> Option<Item> {
    let owner = controller(&entry.meta)?;
    let group = owner.api_version.rsplit_once('/').map_or("", |(g, _)| g);
    let owners = own_controller(Kind::of(group, &owner.kind))?;
    Some(Item::new(owners, Key::new(&key.namespace, &owner.name)))
}

fn pod(world: &World, entry: &Entry, key: &Key, items: &mut Vec<Item>) {
    match controller(&entry.meta) {
        Some(owner) => {
            // A deployment that recreates waits for the end of old pods.
            let set = world.entry(&owner.uid).and_then(typed::<model::ReplicaSet>);
            let deployment = set.and_then(|set| set.controller());
            items.extend(deployment.map(|deployment| {
                Item::new(
                    Controller::Deployment,
                    Key::new(&key.namespace, &deployment.name),
                )
            }));
        }
        None => adopters(world, entry, items),
    }
    if let Some(pod) = typed::<model::Pod>(entry) {
        let claims = pod.body.spec.claims(pod.name());
        items.extend(claims.map(|claim| {
            let claim = Key::new(&key.namespace, &claim);
            Item::new(Controller::ClaimProtection, claim)
        }));
        let mut volumes = pod.body.spec.volumes.iter();
        if volumes.any(|volume| volume.ephemeral.is_some()) {
            items.push(Item::new(Controller::EphemeralVolumes, key.clone()));
        }
    }
    let Some(labels) = &entry.meta.labels else {
        return;
    };
    for service in world.all::<model::Service>(Some(&key.namespace)) {
        let wanted = &service.body.spec.selector;
        if !wanted.is_empty() && wanted.iter().all(|(k, v)| labels.get(k) == Some(v)) {
            let service = Key::new(service.namespace(), service.name());
            items.push(Item::new(Controller::Endpoints, service.clone()));
            items.push(Item::new(Controller::EndpointSlice, service));
        }
    }
    for budget in world.all::<model::DisruptionBudget>(Some(&key.namespace)) {
        let wanted = budget.body.spec.selector.as_ref().and_then(selector);
        if wanted.is_some_and(|wanted| wanted.matches(labels)) {
            let budget = Key::new(budget.namespace(), budget.name());
            items.push(Item::new(Controller::DisruptionBudget, budget));
        }
    }
}

/// Whoever might adopt a pod that nobody controls.
fn adopters(world: &World, pod: &Entry, items: &mut Vec<Item>) {
    selecting::<model::ReplicaSet>(world, pod, |s| &s.spec.selector, items);
    selecting::<model::StatefulSet>(world, pod, |s| &s.spec.selector, items);
    selecting::<model::DaemonSet>(world, pod, |s| &s.spec.selector, items);
    selecting::<model::Job>(world, pod, |s| &s.spec.selector, items);
    let Some(resource) = world.resource(Kind::ReplicationController) else {
        return;
    };
    let namespace = pod.meta.namespace.as_deref();
    for entry in world.entries(resource, namespace) {
        if let Content::ReplicationController(body) = &entry.content
            && selects(&body.spec.selector, pod)
        {
            items.push(Item::new(Controller::ReplicationController, entry.key()));
        }
    }
}

fn selecting<T: model::Body>(
    world: &World,
    orphan: &Entry,
    of: impl Fn(&T) -> &LabelSelector,
    items: &mut Vec<Item>,
) {
    let Some(own) = own_controller(T::KIND) else {
        return;
    };
    let namespace = orphan.meta.namespace.as_deref();
    let all = world.all::<T>(namespace);
    let matching = all.filter(|object: &Object<'_, T>| selects(of(object.body), orphan));
    items
        .extend(matching.map(|object| Item::new(own, Key::new(object.namespace(), object.name()))));
}

fn selects(wanted: &LabelSelector, entry: &Entry) -> bool {
    let labels = entry.meta.labels.as_ref();
    let wanted = selector(wanted);
    labels
        .zip(wanted)
        .is_some_and(|(labels, wanted)| wanted.matches(labels))
}

/// Whatever counts on the scale of a workload.
fn scaled(world: &World, key: &Key, items: &mut Vec<Item>) {
    for scaler in world.all::<model::Autoscaler>(Some(&key.namespace)) {
        if *scaler.body.spec.scale_target_ref.name == *key.name {
            let scaler = Key::new(scaler.namespace(), scaler.name());
            items.push(Item::new(Controller::Autoscaler, scaler));
        }
    }
    for budget in world.all::<model::DisruptionBudget>(Some(&key.namespace)) {
        let budget = Key::new(budget.namespace(), budget.name());
        items.push(Item::new(Controller::DisruptionBudget, budget));
    }
}
