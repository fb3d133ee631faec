//! Claims, volumes and classes as those see them who bring them together, and which volume fits a claim; pure.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{LabelSelector, ObjectMeta};
use kube::core::{Selector, SelectorExt};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::schema::Quantity;

/// On claims: the binding is done.
pub(crate) const BIND_COMPLETED: &str = "pv.kubernetes.io/bind-completed";
/// On claims and volumes: nobody has asked for just this binding.
pub(crate) const BOUND_BY_CONTROLLER: &str = "pv.kubernetes.io/bound-by-controller";
/// On volumes: the driver that has made it.
pub(crate) const PROVISIONED_BY: &str = "pv.kubernetes.io/provisioned-by";
/// On claims: the driver that is to make a volume.
pub(crate) const PROVISIONER: &str = "volume.kubernetes.io/storage-provisioner";
/// The same, as versions before 1.23 have it alone.
pub(crate) const PROVISIONER_BETA: &str = "volume.beta.kubernetes.io/storage-provisioner";
/// On claims: the node of the first pod.
pub(crate) const SELECTED_NODE: &str = "volume.kubernetes.io/selected-node";
/// On claims and volumes: an older way to name the class.
const CLASS_BETA: &str = "volume.beta.kubernetes.io/storage-class";

/// On classes: they are for claims that name none.
const DEFAULT_CLASS: [&str; 2] = [
    "storageclass.kubernetes.io/is-default-class",
    "storageclass.beta.kubernetes.io/is-default-class",
];

/// Whether the annotations of a class say that it is for claims that name none.
pub(crate) fn marks_default<'a>(annotation: impl Fn(&str) -> Option<&'a str>) -> bool {
    DEFAULT_CLASS
        .iter()
        .any(|mark| annotation(mark) == Some("true"))
}

/// Amounts by what they are of.
type Amounts = BTreeMap<String, Value>;

/// A claim.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Claim {
    pub(crate) spec: ClaimSpec,
    pub(crate) status: ClaimStatus,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct ClaimSpec {
    pub(crate) access_modes: Vec<String>,
    pub(crate) resources: Requests,
    selector: Option<LabelSelector>,
    pub(crate) storage_class_name: Option<String>,
    pub(crate) volume_mode: String,
    pub(crate) volume_name: String,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Requests {
    pub(crate) requests: Amounts,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct ClaimStatus {
    pub(crate) phase: String,
    pub(crate) access_modes: Vec<String>,
    pub(crate) capacity: Amounts,
}

/// A volume.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Volume {
    pub(crate) spec: VolumeSpec,
    pub(crate) status: VolumeStatus,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct VolumeSpec {
    pub(crate) access_modes: Vec<String>,
    pub(crate) capacity: Amounts,
    pub(crate) claim_ref: Option<ClaimReference>,
    pub(crate) host_path: Option<HostPath>,
    pub(crate) nfs: Option<Value>,
    #[serde(rename = "persistentVolumeReclaimPolicy")]
    pub(crate) reclaim_policy: String,
    storage_class_name: String,
    volume_mode: String,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct ClaimReference {
    pub(crate) namespace: String,
    pub(crate) name: String,
    pub(crate) uid: String,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct HostPath {
    pub(crate) path: String,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct VolumeStatus {
    pub(crate) phase: String,
}

/// A class.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct StorageClass {
    provisioner: String,
    pub(crate) reclaim_policy: String,
    pub(crate) mount_options: Vec<String>,
    volume_binding_mode: String,
}

impl StorageClass {
    /// Whether its claims are bound only when a pod wants them.
    pub(crate) fn waits_for_pod(&self) -> bool {
        self.volume_binding_mode == "WaitForFirstConsumer"
    }

    /// The driver that makes its volumes, or why there is none.
    pub(crate) fn driver(&self) -> Result<&str, String> {
        let named = self.provisioner.as_str();
        let moved = MOVED.iter().find(|(old, _)| *old == named);
        match moved {
            Some((_, driver)) => Ok(driver),
            None if named.starts_with("kubernetes.io/") => {
                Err(format!("no volume plugin matched name: {named}"))
            }
            None => Ok(named),
        }
    }
}

/// What was once a part of Kubernetes, and the drivers that took its place.
const MOVED: [(&str, &str); 7] = [
    ("kubernetes.io/aws-ebs", "ebs.csi.aws.com"),
    ("kubernetes.io/azure-disk", "disk.csi.azure.com"),
    ("kubernetes.io/azure-file", "file.csi.azure.com"),
    ("kubernetes.io/cinder", "cinder.csi.openstack.org"),
    ("kubernetes.io/gce-pd", "pd.csi.storage.gke.io"),
    ("kubernetes.io/portworx-volume", "pxd.portworx.com"),
    ("kubernetes.io/vsphere-volume", "csi.vsphere.vmware.com"),
];

/// An object with its metadata.
pub(crate) struct Of<'a, T> {
    pub(crate) meta: &'a ObjectMeta,
    pub(crate) body: &'a T,
}

impl<T> Clone for Of<'_, T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Of<'_, T> {}

impl<'a, T> Of<'a, T> {
    pub(crate) fn name(self) -> &'a str {
        self.meta.name.as_deref().unwrap_or_default()
    }

    pub(crate) fn annotation(self, name: &str) -> Option<&'a str> {
        let annotations = self.meta.annotations.as_ref();
        annotations?.get(name).map(String::as_str)
    }

    fn is_going(self) -> bool {
        self.meta.deletion_timestamp.is_some()
    }
}

impl<'a> Of<'a, Claim> {
    /// The name of its class, empty for none.
    pub(crate) fn class(self) -> &'a str {
        let named = self.body.spec.storage_class_name.as_deref();
        self.annotation(CLASS_BETA).or(named).unwrap_or_default()
    }

    /// Whether it names no class, not even none.
    pub(crate) fn leaves_class_open(self) -> bool {
        self.body.spec.storage_class_name.is_none() && self.annotation(CLASS_BETA).is_none()
    }

    /// Whether it has been given its volume.
    pub(crate) fn is_bound(self) -> bool {
        self.annotation(BIND_COMPLETED).is_some() && !self.body.spec.volume_name.is_empty()
    }

    /// The reference to it that a volume of its has.
    pub(crate) fn reference(self) -> Value {
        json!({
            "apiVersion": "v1",
            "kind": "PersistentVolumeClaim",
            "namespace": self.meta.namespace,
            "name": self.meta.name,
            "uid": self.meta.uid,
            "resourceVersion": self.meta.resource_version,
        })
    }

    /// Why a volume that it names is not for it.
    pub(crate) fn mismatch(self, volume: Of<'_, Volume>) -> Option<String> {
        let (wanted, offered) = (&self.body.spec, &volume.body.spec);
        let why = if volume.is_going() {
            return Some(format!(
                "the volume is marked for deletion {:?}",
                volume.name()
            ));
        } else if storage(&offered.capacity) < storage(&wanted.resources.requests) {
            "requested PV is too small"
        } else if volume.class() != self.class() {
            "storageClassName does not match"
        } else if offered.volume_mode != wanted.volume_mode {
            "incompatible volumeMode"
        } else if !self.accepts_modes(volume) {
            "incompatible accessMode"
        } else {
            return None;
        };
        Some(why.to_owned())
    }

    /// The volume to give it: of those that can be accessed in the fewest ways one that is reserved for it,
    /// or the smallest. `only_reserved` leaves out those that are not.
    pub(crate) fn choose<'v>(
        self,
        volumes: impl Iterator<Item = Of<'v, Volume>>,
        only_reserved: bool,
    ) -> Option<Of<'v, Volume>> {
        let fitting = volumes.filter(|volume| {
            self.could_have(*volume)
                && (volume.is_reserved_for(self.meta) || (!only_reserved && self.may_take(*volume)))
        });
        fitting.min_by_key(|volume| {
            let spec = &volume.body.spec;
            let reserved = volume.is_reserved_for(self.meta);
            let size = storage(&spec.capacity);
            (spec.access_modes.len(), !reserved, size, volume.name())
        })
    }

    /// What must be so of any volume of its.
    fn could_have(self, volume: Of<'_, Volume>) -> bool {
        let (wanted, offered) = (&self.body.spec, &volume.body.spec);
        !volume.is_going()
            && offered.volume_mode == wanted.volume_mode
            && self.accepts_modes(volume)
            && storage(&offered.capacity) >= storage(&wanted.resources.requests)
    }

    /// What must be so of a volume that is not reserved for anybody.
    fn may_take(self, volume: Of<'_, Volume>) -> bool {
        let selector = self.body.spec.selector.clone();
        let none = BTreeMap::new();
        let labels = volume.meta.labels.as_ref().unwrap_or(&none);
        let selected = selector.is_none_or(|selector| {
            Selector::try_from(selector).is_ok_and(|selector| selector.matches(labels))
        });
        volume.body.spec.claim_ref.is_none() && volume.class() == self.class() && selected
    }

    fn accepts_modes(self, volume: Of<'_, Volume>) -> bool {
        let mut wanted = self.body.spec.access_modes.iter();
        wanted.all(|mode| volume.body.spec.access_modes.contains(mode))
    }
}

impl<'a> Of<'a, Volume> {
    fn class(self) -> &'a str {
        let named = self.body.spec.storage_class_name.as_str();
        self.annotation(CLASS_BETA).unwrap_or(named)
    }

    /// Whether it is for this claim and no other.
    pub(crate) fn is_reserved_for(self, claim: &ObjectMeta) -> bool {
        self.body.spec.claim_ref.as_ref().is_some_and(|reference| {
            let same = |known: &str, of: &Option<String>| of.as_deref() == Some(known);
            same(&reference.name, &claim.name)
                && same(&reference.namespace, &claim.namespace)
                && (reference.uid.is_empty() || same(&reference.uid, &claim.uid))
        })
    }
}

/// Why a claim cannot be a volume that a pod wants by a template; both by their namespace and name.
pub(crate) fn not_the_pods(claim: &str, pod: &str) -> String {
    format!("PVC {claim:?} was not created for pod {pod:?} (pod is not owner)")
}

/// How much storage; none is nothing.
pub(crate) fn storage(amounts: &Amounts) -> Option<Quantity> {
    let amount = amounts.get("storage")?;
    let text = amount
        .as_str()
        .map_or_else(|| amount.to_string(), str::to_owned);
    Quantity::parse(&text).ok()
}

#[cfg(test)]
mod tests {
    #![expect(
        clippy::needless_pass_by_value,
        reason = "documents read best where they are passed"
    )]

    use super::*;

    fn parsed<T: serde::de::DeserializeOwned>(object: &Value) -> (ObjectMeta, T) {
        let meta = serde_json::from_value(object["metadata"].clone()).unwrap();
        (meta, serde_json::from_value(object.clone()).unwrap())
    }

    fn volume(name: &str, size: &str, modes: &[&str], more: Value) -> Value {
        let mut volume = json!({
            "metadata": { "name": name, "labels": { "disk": name } },
            "spec": {
                "capacity": { "storage": size }, "accessModes": modes, "volumeMode": "Filesystem",
                "storageClassName": "fast",
            },
        });
        for (field, value) in more.as_object().unwrap() {
            volume["spec"][field] = value.clone();
        }
        volume
    }

    fn chosen(claim: Value, volumes: &[Value], only_reserved: bool) -> Option<String> {
        let mut object = json!({
            "metadata": { "name": "data", "namespace": "ns", "uid": "u" },
            "spec": {
                "accessModes": ["ReadWriteOnce"], "volumeMode": "Filesystem",
                "storageClassName": "fast", "resources": { "requests": { "storage": "1Gi" } },
            },
        });
        for (field, value) in claim.as_object().unwrap() {
            object["spec"][field] = value.clone();
        }
        let (meta, body) = parsed::<Claim>(&object);
        let claim = Of {
            meta: &meta,
            body: &body,
        };
        let volumes: Vec<(ObjectMeta, Volume)> = volumes.iter().map(parsed).collect();
        let volumes = volumes.iter().map(|(meta, body)| Of { meta, body });
        let chosen = claim.choose(volumes, only_reserved);
        chosen.map(|volume| volume.name().to_owned())
    }

    #[test]
    fn the_smallest_fitting_volume_is_chosen() {
        const ONCE: &[&str] = &["ReadWriteOnce"];
        const BOTH: &[&str] = &["ReadWriteOnce", "ReadWriteMany"];
        let for_claim =
            |uid: &str| json!({ "claimRef": { "namespace": "ns", "name": "data", "uid": uid } });
        let none = || json!({});
        for (what, claim, volumes, expected) in [
            (
                "the smallest",
                none(),
                vec![
                    volume("a", "10Gi", ONCE, none()),
                    volume("b", "2048Mi", ONCE, none()),
                ],
                Some("b"),
            ),
            (
                "as few ways as possible come first",
                none(),
                vec![
                    volume("a", "1Gi", BOTH, none()),
                    volume("b", "9Gi", ONCE, none()),
                ],
                Some("b"),
            ),
            (
                "large enough",
                json!({ "resources": { "requests": { "storage": "3Gi" } } }),
                vec![volume("a", "2Gi", ONCE, none())],
                None,
            ),
            (
                "all ways that are wanted",
                json!({ "accessModes": BOTH }),
                vec![volume("a", "2Gi", ONCE, none())],
                None,
            ),
            (
                "of the class",
                json!({ "storageClassName": "slow" }),
                vec![volume("a", "2Gi", ONCE, none())],
                None,
            ),
            (
                "of the mode",
                json!({ "volumeMode": "Block" }),
                vec![volume("a", "2Gi", ONCE, none())],
                None,
            ),
            (
                "that is selected",
                json!({ "selector": { "matchLabels": { "disk": "b" } } }),
                vec![
                    volume("a", "1Gi", ONCE, none()),
                    volume("b", "2Gi", ONCE, none()),
                ],
                Some("b"),
            ),
            (
                "that is reserved, whatever its class",
                none(),
                vec![
                    volume("a", "1Gi", ONCE, none()),
                    volume("b", "2Gi", ONCE, for_claim("")),
                ],
                Some("b"),
            ),
            (
                "that is not reserved for another",
                none(),
                vec![volume("a", "2Gi", ONCE, for_claim("other"))],
                None,
            ),
        ] {
            assert_eq!(
                chosen(claim, &volumes, false).as_deref(),
                expected,
                "{what}"
            );
        }
        let free = [volume("a", "2Gi", ONCE, none())];
        assert_eq!(chosen(json!({}), &free, true), None);
    }

    #[test]
    fn drivers_have_taken_the_place_of_what_was_built_in() {
        for (provisioner, expected) in [
            ("example.org/disks", Ok("example.org/disks")),
            ("kubernetes.io/aws-ebs", Ok("ebs.csi.aws.com")),
            (
                "kubernetes.io/no-provisioner",
                Err("no volume plugin matched name: kubernetes.io/no-provisioner"),
            ),
        ] {
            let class = json!({ "provisioner": provisioner });
            let class: StorageClass = serde_json::from_value(class).unwrap();
            let driver = class.driver();
            assert_eq!(driver.as_deref().map_err(String::as_str), expected);
        }
    }
}
