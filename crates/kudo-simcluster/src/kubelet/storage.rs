//! Storage where there is none: a driver that makes the volumes of every class and takes them away, and what
//! the scheduler asks of the claims of a pod.
//!
//! Whoever binds claims, which is a controller's work, asks for a volume by an annotation; the volume that is
//! made names the claim, and the binding is done by whoever asked. Nothing is stored anywhere.

use std::collections::{BTreeMap, BTreeSet};

use futures::StreamExt;
use futures::stream::BoxStream;
use k8s_openapi::api::core::v1::{
    ObjectReference, PersistentVolume, PersistentVolumeClaim, Pod, Volume as PodVolume,
};
use k8s_openapi::api::storage::v1::StorageClass as Class;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::api::{Api, ApiResource, DynamicObject, ListParams};
use kube::runtime::watcher::{Config, Event};
use kube::runtime::{WatchStreamExt, watcher};
use kube::{Client, ResourceExt};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::{DRIVER, KubeletError, MANAGER, create};
use crate::events::{Source, Told};
use crate::storage::{
    Claim, Of, PROVISIONED_BY, PROVISIONER, PROVISIONER_BETA, SELECTED_NODE, StorageClass, Volume,
    marks_default, not_the_pods,
};

/// The class of claims that name none, in a cluster that has no such class of its own.
pub const STORAGE_CLASS: &str = "simulated";

/// What a watch is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Claim,
    Volume,
    Class,
}

/// News of one kind.
pub(super) type News = (Kind, Result<Event<DynamicObject>, watcher::Error>);

/// Watches all that is about storage.
pub(super) fn watch(client: &Client) -> BoxStream<'static, News> {
    let stream = |kind: Kind, resource: ApiResource| {
        let api: Api<DynamicObject> = Api::all_with(client.clone(), &resource);
        let events = watcher(api, Config::default()).default_backoff();
        events.map(move |event| (kind, event)).boxed()
    };
    let all = [
        stream(
            Kind::Claim,
            ApiResource::erase::<PersistentVolumeClaim>(&()),
        ),
        stream(Kind::Volume, ApiResource::erase::<PersistentVolume>(&())),
        stream(Kind::Class, ApiResource::erase::<Class>(&())),
    ];
    futures::stream::select_all(all).boxed()
}

/// Makes a class for claims that name none, unless there is one.
pub(super) async fn register(client: &Client) -> Result<(), KubeletError> {
    let failed = |error| KubeletError::StorageClass(Box::new(error));
    let classes: Api<Class> = Api::all(client.clone());
    let existing = classes.list_metadata(&ListParams::default()).await;
    let existing = existing.map_err(failed)?;
    let mut marks = existing.iter().map(ResourceExt::annotations);
    if marks.any(|marks| marks_default(|name| marks.get(name).map(String::as_str))) {
        return Ok(());
    }
    let class = json!({
        "apiVersion": "storage.k8s.io/v1",
        "kind": "StorageClass",
        "metadata": {
            "name": STORAGE_CLASS,
            "annotations": { "storageclass.kubernetes.io/is-default-class": "true" },
        },
        "provisioner": DRIVER,
        "allowVolumeExpansion": true,
    });
    create(&classes, class, MANAGER)
        .await
        .map(drop)
        .map_err(failed)
}

/// Objects of one kind, by namespace and name.
struct Shelf<T> {
    objects: BTreeMap<(String, String), (ObjectMeta, T)>,
    listed: BTreeSet<(String, String)>,
    /// Whether the first list is complete.
    is_complete: bool,
}

impl<T> Default for Shelf<T> {
    fn default() -> Self {
        Self {
            objects: BTreeMap::new(),
            listed: BTreeSet::new(),
            is_complete: false,
        }
    }
}

impl<T: DeserializeOwned> Shelf<T> {
    fn take(&mut self, event: Event<DynamicObject>) {
        let key = |object: &DynamicObject| {
            let namespace = object.namespace().unwrap_or_default();
            (namespace, object.name_any())
        };
        match event {
            Event::Init => self.listed.clear(),
            Event::InitApply(object) => {
                self.listed.insert(key(&object));
                self.put(key(&object), object);
            }
            Event::InitDone => {
                let listed = std::mem::take(&mut self.listed);
                self.objects.retain(|key, _| listed.contains(key));
                self.is_complete = true;
            }
            Event::Apply(object) => self.put(key(&object), object),
            Event::Delete(object) => drop(self.objects.remove(&key(&object))),
        }
    }

    fn put(&mut self, key: (String, String), object: DynamicObject) {
        match serde_json::from_value(object.data) {
            Ok(body) => drop(self.objects.insert(key, (object.metadata, body))),
            Err(error) => tracing::warn!(name = key.1, %error, "an object cannot be read"),
        }
    }

    fn get(&self, namespace: &str, name: &str) -> Option<Of<'_, T>> {
        let key = (namespace.to_owned(), name.to_owned());
        self.objects.get(&key).map(|(meta, body)| Of { meta, body })
    }

    fn all(&self) -> impl Iterator<Item = Of<'_, T>> {
        self.objects.values().map(|(meta, body)| Of { meta, body })
    }
}

/// All that is known of storage.
#[derive(Default)]
pub(super) struct Storage {
    claims: Shelf<Claim>,
    volumes: Shelf<Volume>,
    classes: Shelf<StorageClass>,
}

/// What the driver has to do.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Work {
    /// Make this volume, and tell of it.
    Create(Box<Value>, Box<Told>),
    /// Take the volume of that name and uid away.
    Delete(String, String),
}

/// What the claims of a pod without a node mean for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Claims {
    /// They all have volumes.
    Bound,
    /// Something is under way.
    Awaited,
    /// The pod cannot be scheduled, for that reason.
    Refused(String),
    /// A claim that waited for a pod is to get a volume where the pod is to run.
    Chosen(Choice),
}

/// A volume for a claim that waited for a pod.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Choice {
    /// One that is there.
    Volume {
        volume: String,
        /// As it was seen: somebody else might take it.
        version: Option<String>,
        claim: Value,
    },
    /// One that the driver has to make for the claim of that name and uid.
    New { claim: String, uid: Option<String> },
}

impl Storage {
    /// Takes in what has become of an object, and says what the driver has to do.
    pub(super) fn take(&mut self, kind: Kind, event: Event<DynamicObject>) -> Option<Work> {
        let seen = match &event {
            Event::Apply(object) | Event::InitApply(object) => {
                Some((object.namespace().unwrap_or_default(), object.name_any()))
            }
            _ => None,
        };
        match kind {
            Kind::Claim => self.claims.take(event),
            Kind::Volume => self.volumes.take(event),
            Kind::Class => self.classes.take(event),
        }
        let (namespace, name) = seen?;
        match kind {
            Kind::Claim => self.provision(self.claims.get(&namespace, &name)?),
            Kind::Volume => reclaim(self.volumes.get("", &name)?),
            Kind::Class => None,
        }
    }

    fn is_complete(&self) -> bool {
        self.claims.is_complete && self.volumes.is_complete && self.classes.is_complete
    }

    /// The volume that a claim asks a driver for.
    fn provision(&self, claim: Of<'_, Claim>) -> Option<Work> {
        let asked = claim.annotation(PROVISIONER);
        let driver = asked.or_else(|| claim.annotation(PROVISIONER_BETA))?;
        let uid = claim.meta.uid.as_deref()?;
        let name = format!("pvc-{uid}");
        let spec = &claim.body.spec;
        let done = !spec.volume_name.is_empty() || self.volumes.get("", &name).is_some();
        if done || claim.meta.deletion_timestamp.is_some() {
            return None;
        }
        let class = self.classes.get("", claim.class());
        let reclaim = class.map(|class| class.body.reclaim_policy.as_str());
        let options = class.map(|class| &class.body.mount_options);
        let volume = json!({
            "apiVersion": "v1",
            "kind": "PersistentVolume",
            "metadata": { "name": name, "annotations": { PROVISIONED_BY: driver } },
            "spec": {
                "capacity": { "storage": spec.resources.requests.get("storage") },
                "accessModes": spec.access_modes,
                "volumeMode": Some(&spec.volume_mode).filter(|mode| !mode.is_empty()),
                "persistentVolumeReclaimPolicy": reclaim.filter(|policy| !policy.is_empty()).unwrap_or("Delete"),
                "storageClassName": claim.class(),
                "mountOptions": options,
                "claimRef": claim.reference(),
                "csi": { "driver": DRIVER, "volumeHandle": name },
            },
        });
        let told = Told {
            source: Source {
                program: DRIVER,
                component: DRIVER,
                host: String::new(),
                action: None,
            },
            about: ObjectReference {
                api_version: Some("v1".to_owned()),
                kind: Some("PersistentVolumeClaim".to_owned()),
                namespace: claim.meta.namespace.clone(),
                name: claim.meta.name.clone(),
                uid: claim.meta.uid.clone(),
                resource_version: claim.meta.resource_version.clone(),
                field_path: None,
            },
            warning: false,
            reason: "ProvisioningSucceeded",
            message: format!("Successfully provisioned volume {name}"),
        };
        Some(Work::Create(Box::new(volume), Box::new(told)))
    }

    /// What the claims of a pod mean for it; `nodes` is how many there are.
    pub(super) fn claims_of(&self, pod: &Pod, nodes: usize) -> Claims {
        let volumes = pod.spec.as_ref().and_then(|spec| spec.volumes.as_deref());
        let volumes = volumes.unwrap_or_default();
        let mut wanted = volumes
            .iter()
            .filter_map(|volume| Some((volume, claim_of(pod, volume)?)))
            .peekable();
        if wanted.peek().is_none() {
            return Claims::Bound;
        }
        if !self.is_complete() {
            return Claims::Awaited;
        }
        let refused = |why: &str| {
            Claims::Refused(format!(
                "0/{nodes} nodes are available: {why}. preemption: 0/{nodes} nodes are available: \
                 {nodes} Preemption is not helpful for scheduling."
            ))
        };
        let (mut unbound, mut awaited, mut chosen) = (false, false, None);
        for (volume, name) in wanted {
            let namespace = pod.namespace().unwrap_or_default();
            let claim = match self.claims.get(&namespace, &name) {
                Some(claim) => claim,
                None if volume.ephemeral.is_some() => {
                    let why = "waiting for ephemeral volume controller to create the persistentvolumeclaim";
                    return refused(&format!("{why} {name:?}"));
                }
                None => return refused(&format!("persistentvolumeclaim {name:?} not found")),
            };
            if let Some(why) = unusable(pod, volume, claim) {
                return refused(&why);
            }
            if claim.is_bound() {
                continue;
            }
            let class = self.classes.get("", claim.class());
            let waits = class.is_some_and(|class| class.body.waits_for_pod());
            if !waits || !claim.body.spec.volume_name.is_empty() {
                unbound = true;
                continue;
            }
            match self.volume_for(claim, class) {
                Some(Claims::Chosen(choice)) => chosen = chosen.or(Some(choice)),
                Some(_) => awaited = true,
                None => {
                    let why = "node(s) didn't find available persistent volumes to bind";
                    return refused(&format!("{nodes} {why}"));
                }
            }
        }
        match chosen {
            _ if unbound => refused("pod has unbound immediate PersistentVolumeClaims"),
            Some(choice) => Claims::Chosen(choice),
            None if awaited => Claims::Awaited,
            None => Claims::Bound,
        }
    }

    /// What becomes of a claim that waits for a pod, now that there is one; nothing if there is no volume.
    fn volume_for(
        &self,
        claim: Of<'_, Claim>,
        class: Option<Of<'_, StorageClass>>,
    ) -> Option<Claims> {
        let choice = match claim.choose(self.volumes.all(), false) {
            Some(volume) if volume.is_reserved_for(claim.meta) => return Some(Claims::Awaited),
            Some(volume) => Choice::Volume {
                volume: volume.name().to_owned(),
                version: volume.meta.resource_version.clone(),
                claim: claim.reference(),
            },
            None if class.is_none_or(|class| class.body.driver().is_err()) => return None,
            None if claim.annotation(SELECTED_NODE).is_some() => return Some(Claims::Awaited),
            None => Choice::New {
                claim: claim.name().to_owned(),
                uid: claim.meta.uid.clone(),
            },
        };
        Some(Claims::Chosen(choice))
    }
}

/// The name of the claim that a volume of a pod is.
fn claim_of(pod: &Pod, volume: &PodVolume) -> Option<String> {
    let named = volume.persistent_volume_claim.as_ref();
    let named = named.map(|source| source.claim_name.clone());
    let own = || format!("{}-{}", pod.name_any(), volume.name);
    named.or_else(|| volume.ephemeral.as_ref().map(|_| own()))
}

/// Why a claim is not for a pod, whatever its volume.
fn unusable(pod: &Pod, volume: &PodVolume, claim: Of<'_, Claim>) -> Option<String> {
    let (name, namespace) = (claim.name(), pod.namespace().unwrap_or_default());
    let mut owners = claim.meta.owner_references.iter().flatten();
    let is_pods = owners.any(|owner| {
        owner.controller == Some(true) && Some(&owner.uid) == pod.metadata.uid.as_ref()
    });
    if volume.ephemeral.is_some() && !is_pods {
        let pod = format!("{namespace}/{}", pod.name_any());
        return Some(not_the_pods(&format!("{namespace}/{name}"), &pod));
    }
    if claim.body.status.phase == "Lost" {
        let volume = &claim.body.spec.volume_name;
        return Some(format!(
            "persistentvolumeclaim {name:?} bound to non-existent persistentvolume {volume:?}"
        ));
    }
    let goes = claim.meta.deletion_timestamp.is_some();
    goes.then(|| format!("persistentvolumeclaim {name:?} is being deleted"))
}

/// A volume that a driver has made goes with its claim, if its class says so.
fn reclaim(volume: Of<'_, Volume>) -> Option<Work> {
    let (spec, phase) = (&volume.body.spec, volume.body.status.phase.as_str());
    let ours = volume.annotation(PROVISIONED_BY).is_some();
    let over = ours && phase == "Released" && spec.reclaim_policy == "Delete";
    if !over || volume.meta.deletion_timestamp.is_some() {
        return None;
    }
    let uid = volume.meta.uid.clone()?;
    Some(Work::Delete(volume.name().to_owned(), uid))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn storage(objects: &[(Kind, Value)]) -> Storage {
        let mut storage = Storage::default();
        for kind in [Kind::Claim, Kind::Volume, Kind::Class] {
            storage.take(kind, Event::Init);
            for (_, object) in objects.iter().filter(|(of, _)| *of == kind) {
                let object = serde_json::from_value(object.clone()).unwrap();
                storage.take(kind, Event::InitApply(object));
            }
            storage.take(kind, Event::InitDone);
        }
        storage
    }

    fn claim(name: &str, class: &str, annotations: &Value, bound: bool) -> (Kind, Value) {
        let mut claim = json!({
            "metadata": {
                "name": name, "namespace": "ns", "uid": format!("uid-{name}"), "annotations": annotations,
            },
            "spec": {
                "accessModes": ["ReadWriteOnce"], "volumeMode": "Filesystem", "storageClassName": class,
                "resources": { "requests": { "storage": "1Gi" } },
            },
        });
        if bound {
            claim["metadata"]["annotations"] = json!({ "pv.kubernetes.io/bind-completed": "yes" });
            claim["spec"]["volumeName"] = "disk".into();
        }
        (Kind::Claim, claim)
    }

    fn class(name: &str, provisioner: &str, mode: &str) -> (Kind, Value) {
        let class = json!({
            "metadata": { "name": name }, "provisioner": provisioner, "volumeBindingMode": mode,
            "reclaimPolicy": "Retain",
        });
        (Kind::Class, class)
    }

    fn volume(class: &str) -> (Kind, Value) {
        let volume = json!({
            "metadata": { "name": "disk", "uid": "uid-disk", "resourceVersion": "7" },
            "spec": {
                "capacity": { "storage": "1Gi" }, "accessModes": ["ReadWriteOnce"],
                "volumeMode": "Filesystem", "storageClassName": class,
            },
        });
        (Kind::Volume, volume)
    }

    fn pod(volume: &Value) -> Pod {
        serde_json::from_value(json!({
            "metadata": { "name": "p", "namespace": "ns", "uid": "uid-p" },
            "spec": { "containers": [], "volumes": [volume] },
        }))
        .unwrap()
    }

    #[test]
    fn a_pod_waits_for_its_claims() {
        const LATER: &str = "WaitForFirstConsumer";
        let refused = |why: &str| {
            Claims::Refused(format!(
                "0/1 nodes are available: {why}. preemption: 0/1 nodes are available: 1 Preemption is not \
                 helpful for scheduling."
            ))
        };
        let data = || json!({ "name": "v", "persistentVolumeClaim": { "claimName": "data" } });
        let scratch = || json!({ "name": "v", "ephemeral": {} });
        let none = || json!({});
        let selected = json!({ SELECTED_NODE: "simulated" });
        let chosen = Choice::New {
            claim: "data".to_owned(),
            uid: Some("uid-data".to_owned()),
        };
        for (what, volume_of_pod, objects, expected) in [
            (
                "no claim",
                json!({ "name": "v", "emptyDir": {} }),
                vec![],
                Claims::Bound,
            ),
            (
                "absent",
                data(),
                vec![],
                refused("persistentvolumeclaim \"data\" not found"),
            ),
            (
                "not made as yet",
                scratch(),
                vec![],
                refused(
                    "waiting for ephemeral volume controller to create the persistentvolumeclaim \"p-v\"",
                ),
            ),
            (
                "of somebody else",
                scratch(),
                vec![claim("p-v", "c", &none(), true)],
                refused("PVC \"ns/p-v\" was not created for pod \"ns/p\" (pod is not owner)"),
            ),
            (
                "bound",
                data(),
                vec![claim("data", "c", &none(), true)],
                Claims::Bound,
            ),
            (
                "to be bound at once",
                data(),
                vec![
                    claim("data", "c", &none(), false),
                    class("c", "d", "Immediate"),
                ],
                refused("pod has unbound immediate PersistentVolumeClaims"),
            ),
            (
                "to be made for the pod",
                data(),
                vec![claim("data", "c", &none(), false), class("c", "d", LATER)],
                Claims::Chosen(chosen),
            ),
            (
                "being made",
                data(),
                vec![claim("data", "c", &selected, false), class("c", "d", LATER)],
                Claims::Awaited,
            ),
            (
                "none to be had",
                data(),
                vec![
                    claim("data", "c", &none(), false),
                    class("c", "kubernetes.io/no-provisioner", LATER),
                ],
                refused("1 node(s) didn't find available persistent volumes to bind"),
            ),
        ] {
            let storage = storage(&objects);
            let found = storage.claims_of(&pod(&volume_of_pod), 1);
            assert_eq!(found, expected, "{what}");
        }
        let storage = storage(&[
            claim("data", "c", &none(), false),
            class("c", "kubernetes.io/no-provisioner", LATER),
            volume("c"),
        ]);
        let found = storage.claims_of(&pod(&data()), 1);
        assert!(
            matches!(&found, Claims::Chosen(Choice::Volume { volume, .. }) if volume == "disk"),
            "{found:?}"
        );
        assert_eq!(
            Storage::default().claims_of(&pod(&data()), 1),
            Claims::Awaited
        );
    }

    #[test]
    fn a_driver_makes_what_is_asked_for_and_takes_it_away() {
        let asked = json!({ PROVISIONER: "example.org" });
        let (_, claim) = claim("data", "c", &asked, false);
        let mut storage = storage(&[class("c", "example.org", "Immediate")]);
        let event = || Event::Apply(serde_json::from_value(claim.clone()).unwrap());
        let Some(Work::Create(made, told)) = storage.take(Kind::Claim, event()) else {
            panic!("nothing is made");
        };
        assert_eq!(made["metadata"]["name"], "pvc-uid-data");
        assert_eq!(made["spec"]["claimRef"]["uid"], "uid-data");
        assert_eq!(made["spec"]["persistentVolumeReclaimPolicy"], "Retain");
        assert_eq!(told.reason, "ProvisioningSucceeded");
        let mut made = *made;
        for (policy, phase, goes) in [
            ("Retain", "Released", false),
            ("Delete", "Bound", false),
            ("Delete", "Released", true),
        ] {
            made["metadata"]["uid"] = "uid-made".into();
            made["spec"]["persistentVolumeReclaimPolicy"] = policy.into();
            made["status"]["phase"] = phase.into();
            let event = Event::Apply(serde_json::from_value(made.clone()).unwrap());
            let work = storage.take(Kind::Volume, event);
            assert_eq!(work.is_some(), goes, "{policy} {phase}");
        }
        assert_eq!(storage.take(Kind::Claim, event()), None, "it is made once");
    }
}
