//! What `--simulate-from` names: manifests, brought into a form and an order in which another cluster
//! takes them, and packages. All of it but the reading is pure.

use std::collections::{HashMap, HashSet};
use std::io::Read;
use std::path::{Path, PathBuf};

use kudo_package::yaml;
use kudo_simcluster::kubelet::{DRIVER, STORAGE_CLASS};
use serde_json::{Value, json};

use crate::error::Error;

/// The longest file of manifests.
const LIMIT: u64 = 64 << 20;

/// Kinds that the embedded cluster makes by itself, or that would call programs that are not there.
const LEFT_OUT: [&str; 10] = [
    "APIService",
    "ControllerRevision",
    "EndpointSlice",
    "Endpoints",
    "Event",
    "Lease",
    "MutatingWebhookConfiguration",
    "Node",
    "ValidatingAdmissionPolicyBinding",
    "ValidatingWebhookConfiguration",
];
/// What claims say of a binding, which is made anew.
const BINDING: [&str; 5] = [
    "pv.kubernetes.io/bind-completed",
    "pv.kubernetes.io/bound-by-controller",
    "volume.beta.kubernetes.io/storage-provisioner",
    "volume.kubernetes.io/selected-node",
    "volume.kubernetes.io/storage-provisioner",
];
/// Owners whose dependents the embedded cluster's controllers make.
const MAKERS: [&str; 7] = [
    "CronJob",
    "DaemonSet",
    "Deployment",
    "Job",
    "ReplicaSet",
    "ReplicationController",
    "StatefulSet",
];

/// What the cluster is to hold before the command.
#[derive(Debug, Default)]
pub(super) struct Loads {
    /// Objects, in the order in which they are to be made.
    pub(super) objects: Vec<Load>,
    /// Packages to be installed.
    pub(super) packages: Vec<PathBuf>,
}

/// One object, and where it was read.
#[derive(Clone, Debug)]
pub(super) struct Load {
    path: PathBuf,
    object: Value,
}

impl Load {
    fn text(&self, pointer: &str) -> &str {
        text(&self.object, pointer)
    }

    /// The namespace that must be there first.
    pub(super) fn namespace(&self) -> Option<&str> {
        Some(self.text("/metadata/namespace")).filter(|name| !name.is_empty())
    }

    /// The uid it had.
    pub(super) fn uid(&self) -> Option<&str> {
        Some(self.text("/metadata/uid")).filter(|uid| !uid.is_empty())
    }

    /// The object as it can be created, its owners by the uids they have now. Owners that were not
    /// loaded are dropped, or the object would be collected as an orphan.
    pub(super) fn with_owners(&self, uids: &HashMap<String, String>) -> Value {
        let mut object = self.object.clone();
        cleanse(&mut object);
        if let Some(owners) = object.pointer_mut("/metadata/ownerReferences") {
            let kept: Vec<Value> = owners
                .as_array()
                .into_iter()
                .flatten()
                .filter_map(|owner| {
                    let now = uids.get(text(owner, "/uid"))?;
                    let mut owner = owner.clone();
                    owner["uid"] = now.as_str().into();
                    Some(owner)
                })
                .collect();
            *owners = kept.into();
        }
        object
    }

    /// That it cannot be loaded.
    pub(super) fn error(&self, problem: &str) -> Error {
        let (kind, name) = (self.text("/kind"), self.text("/metadata/name"));
        Error::SimulateFrom {
            path: self.path.clone(),
            mark: None,
            problem: format!("{kind} {name:?}: {problem}"),
        }
    }
}

/// Reads files of manifests, and tells packages from them.
pub(super) fn read(paths: &[PathBuf]) -> Result<Loads, Error> {
    let mut loads = Loads::default();
    for path in paths {
        let archive = path.extension().is_some_and(|extension| extension == "tgz");
        if path.is_dir() || archive {
            loads.packages.push(path.clone());
            continue;
        }
        let text = read_text(path)?;
        loads.objects.extend(parse(path, &text)?);
    }
    loads.objects.extend(missing_classes(&loads.objects));
    loads.objects = in_order(loads.objects);
    Ok(loads)
}

fn read_text(path: &Path) -> Result<String, Error> {
    let file = |source| Error::File {
        doing: "read",
        path: path.to_owned(),
        source,
    };
    let mut source: Box<dyn Read> = if path == Path::new("-") {
        Box::new(std::io::stdin())
    } else {
        Box::new(std::fs::File::open(path).map_err(file)?)
    };
    let mut text = String::new();
    let read = source.by_ref().take(LIMIT).read_to_string(&mut text);
    if read.map_err(file)? as u64 == LIMIT {
        return Err(Error::SimulateFrom {
            path: path.to_owned(),
            mark: None,
            problem: format!("it is longer than {} MiB", LIMIT >> 20),
        });
    }
    Ok(text)
}

/// The objects of a file, those of lists among them.
fn parse(path: &Path, text: &str) -> Result<Vec<Load>, Error> {
    let failed = |mark, problem: &str| Error::SimulateFrom {
        path: path.to_owned(),
        mark: Some(mark),
        problem: problem.to_owned(),
    };
    let documents =
        yaml::parse_documents(text).map_err(|error| failed(error.mark, &error.message))?;
    let mut loads = Vec::new();
    for document in documents {
        for object in items(document.value) {
            if kudo_kube::gvk_of(&object).is_none() {
                return Err(failed(
                    document.mark,
                    "expected Kubernetes objects; this has no apiVersion and kind",
                ));
            }
            if !is_left_out(&object) {
                let path = path.to_owned();
                loads.push(Load { path, object });
            }
        }
    }
    Ok(loads)
}

/// The items of a list, or the object itself.
fn items(mut object: Value) -> Vec<Value> {
    let is_list = text(&object, "/kind").ends_with("List");
    match object.get_mut("items") {
        Some(Value::Array(items)) if is_list => std::mem::take(items),
        _ => vec![object],
    }
}

fn is_left_out(object: &Value) -> bool {
    let (kind, name) = (text(object, "/kind"), text(object, "/metadata/name"));
    let ours = kind == "CustomResourceDefinition" && name.ends_with(".kudo.dev");
    let made = owners(object).any(|owner| MAKERS.contains(&text(owner, "/kind")));
    ours || is_provisioned(object)
        || (made && kind != "PersistentVolumeClaim")
        || LEFT_OUT.contains(&kind)
}

/// Whether it is a volume that a driver has made.
pub(super) fn is_provisioned(object: &Value) -> bool {
    const BY: &str = "/metadata/annotations/pv.kubernetes.io~1provisioned-by";
    text(object, "/kind") == "PersistentVolume" && !text(object, BY).is_empty()
}

/// The storage classes that claims and templates of claims name, and that are not among the objects.
fn missing_classes(loads: &[Load]) -> Vec<Load> {
    let mut known: HashSet<String> = loads
        .iter()
        .filter(|load| load.text("/kind") == "StorageClass")
        .map(|load| load.text("/metadata/name").to_owned())
        // The simulated cluster makes this one, as the default.
        .chain([STORAGE_CLASS.to_owned()])
        .collect();
    let named = loads.iter().flat_map(|load| {
        let own = Some(&load.object).filter(|_| load.text("/kind") == "PersistentVolumeClaim");
        let templates = load.object.pointer("/spec/volumeClaimTemplates");
        let templates = templates.and_then(Value::as_array).into_iter().flatten();
        let claims = own.into_iter().chain(templates);
        claims.map(move |claim| (load, text(claim, "/spec/storageClassName")))
    });
    let mut classes = Vec::new();
    for (load, name) in named {
        if !name.is_empty() && known.insert(name.to_owned()) {
            classes.push(Load {
                path: load.path.clone(),
                object: json!({
                    "apiVersion": "storage.k8s.io/v1",
                    "kind": "StorageClass",
                    "metadata": { "name": name },
                    "provisioner": DRIVER,
                }),
            });
        }
    }
    classes
}

/// Owners before what they own, definitions before everything, versions before instances.
fn in_order(loads: Vec<Load>) -> Vec<Load> {
    let mut left = loads;
    left.sort_by_key(|load| rank(load.text("/kind")));
    let mut ordered = Vec::with_capacity(left.len());
    let mut waiting: HashSet<String> = left
        .iter()
        .filter_map(|load| load.uid().map(str::to_owned))
        .collect();
    loop {
        let (ready, rest): (Vec<Load>, Vec<Load>) = left
            .into_iter()
            .partition(|load| !owners(&load.object).any(|o| waiting.contains(text(o, "/uid"))));
        if ready.is_empty() {
            // Owners in a circle: any order is as good.
            ordered.extend(rest);
            return ordered;
        }
        for load in &ready {
            if let Some(uid) = load.uid() {
                waiting.remove(uid);
            }
        }
        ordered.extend(ready);
        left = rest;
    }
}

fn rank(kind: &str) -> u8 {
    match kind {
        "Namespace" => 0,
        "CustomResourceDefinition" => 1,
        "Operator" => 3,
        "OperatorVersion" => 4,
        "Instance" => 5,
        _ => 2,
    }
}

/// Takes away what only the cluster it comes from can say.
fn cleanse(object: &mut Value) {
    remove(
        object,
        "/metadata",
        &[
            "creationTimestamp",
            "deletionGracePeriodSeconds",
            "deletionTimestamp",
            "generation",
            "managedFields",
            "resourceVersion",
            "selfLink",
            "uid",
        ],
    );
    match text(object, "/kind") {
        "Service" if text(object, "/spec/clusterIP") != "None" => {
            remove(object, "/spec", &["clusterIP", "clusterIPs"]);
        }
        "Pod" => remove(object, "/spec", &["nodeName"]),
        "PersistentVolumeClaim" => {
            remove(object, "/spec", &["volumeName"]);
            remove(object, "/metadata/annotations", &BINDING);
        }
        // It stays reserved for the claim that had it.
        "PersistentVolume" => remove(object, "/spec/claimRef", &["uid", "resourceVersion"]),
        "Job" => {
            remove(object, "/spec", &["selector"]);
            let labels = ["controller-uid", "batch.kubernetes.io/controller-uid"];
            remove(object, "/metadata/labels", &labels);
            remove(object, "/spec/template/metadata/labels", &labels);
        }
        _ => {}
    }
    // What has a controller here gets a status here.
    let group = text(object, "/apiVersion")
        .split_once('/')
        .map_or("", |(group, _)| group);
    let custom = group.contains('.') && !group.ends_with(".k8s.io");
    if !custom && let Some(object) = object.as_object_mut() {
        object.remove("status");
    }
}

fn remove(object: &mut Value, at: &str, fields: &[&str]) {
    if let Some(map) = object.pointer_mut(at).and_then(Value::as_object_mut) {
        for field in fields {
            map.remove(*field);
        }
    }
}

fn owners(object: &Value) -> impl Iterator<Item = &Value> {
    let owners = object.pointer("/metadata/ownerReferences");
    owners.and_then(Value::as_array).into_iter().flatten()
}

fn text<'a>(object: &'a Value, pointer: &str) -> &'a str {
    let value = object.pointer(pointer).and_then(Value::as_str);
    value.unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    const CLAIMS: &str = "\
apiVersion: v1
kind: PersistentVolumeClaim
metadata: {name: data, annotations: {pv.kubernetes.io/bind-completed: 'yes', team: a}}
spec: {storageClassName: fast, volumeName: pvc-1}
---
apiVersion: v1
kind: PersistentVolume
metadata: {name: pvc-1, annotations: {pv.kubernetes.io/provisioned-by: example.org}}
---
apiVersion: v1
kind: PersistentVolume
metadata: {name: disk}
spec: {claimRef: {namespace: prod, name: other, uid: u, resourceVersion: '7'}}
---
apiVersion: apps/v1
kind: StatefulSet
metadata: {name: db}
spec: {volumeClaimTemplates: [{spec: {storageClassName: slow}}, {spec: {storageClassName: fast}}, {spec: {}}]}
---
apiVersion: storage.k8s.io/v1
kind: StorageClass
metadata: {name: slow}
";

    #[test]
    fn claims_are_bound_anew_and_find_their_classes() {
        let mut loads = parse(Path::new("dump.yaml"), CLAIMS).unwrap();
        let classes = missing_classes(&loads);
        let names: Vec<&str> = classes.iter().map(|c| c.text("/metadata/name")).collect();
        assert_eq!(names, ["fast"]);
        assert_eq!(
            loads.len(),
            4,
            "a volume that a driver has made is left out"
        );
        for load in &mut loads {
            cleanse(&mut load.object);
        }
        let claim = &loads[0].object;
        assert_eq!(claim["metadata"]["annotations"], json!({ "team": "a" }));
        assert_eq!(claim["spec"], json!({ "storageClassName": "fast" }));
        let reserved = json!({ "namespace": "prod", "name": "other" });
        assert_eq!(loads[1].object["spec"]["claimRef"], reserved);
    }

    const DUMP: &str = "\
apiVersion: v1
kind: List
items:
- apiVersion: apps/v1
  kind: StatefulSet
  metadata: {name: db, namespace: prod, uid: s, resourceVersion: '7', ownerReferences: [{kind: Instance, uid: i}]}
  status: {replicas: 3}
- apiVersion: v1
  kind: Pod
  metadata: {name: db-0, ownerReferences: [{kind: StatefulSet, uid: s}]}
- apiVersion: v1
  kind: ConfigMap
  metadata: {name: lost, ownerReferences: [{kind: Gone, uid: g}]}
- apiVersion: kudo.dev/v1beta1
  kind: Instance
  metadata: {name: db, namespace: prod, uid: i}
  status: {planStatus: {}}
---
{\"apiVersion\": \"kudo.dev/v1beta1\", \"kind\": \"OperatorVersion\", \"metadata\": {\"name\": \"db-1\"}}
---
apiVersion: v1
kind: Event
metadata: {name: e}
";

    #[test]
    fn a_dump_becomes_objects_in_an_order_that_can_be_made() {
        let loads = in_order(parse(Path::new("dump.yaml"), DUMP).unwrap());
        let names: Vec<String> = loads
            .iter()
            .map(|load| format!("{} {}", load.text("/kind"), load.text("/metadata/name")))
            .collect();
        assert_eq!(
            names,
            [
                "ConfigMap lost",
                "OperatorVersion db-1",
                "Instance db",
                "StatefulSet db"
            ]
        );
        let uids = HashMap::from([("i".to_owned(), "new".to_owned())]);
        let set = loads[3].with_owners(&uids);
        assert_eq!(
            set,
            json!({
                "apiVersion": "apps/v1", "kind": "StatefulSet",
                "metadata": {
                    "name": "db", "namespace": "prod",
                    "ownerReferences": [{ "kind": "Instance", "uid": "new" }],
                },
            })
        );
        let lost = loads[0].with_owners(&uids);
        assert_eq!(lost["metadata"]["ownerReferences"], json!([]));
        assert!(loads[2].with_owners(&uids).get("status").is_some());
    }

    #[test]
    fn what_is_no_manifest_is_told_with_its_place() {
        for (text, expected) in [
            ("a: [", "m.yaml:1:5: expected a value"),
            ("\n---\nb: 2\n", "m.yaml:3:1: expected Kubernetes objects"),
            ("[]", "m.yaml:1:1: expected Kubernetes objects"),
        ] {
            let error = parse(Path::new("m.yaml"), text).unwrap_err().to_string();
            assert!(error.starts_with(expected), "{text}: {error}");
        }
    }

    #[test]
    fn owners_in_a_circle_end_as_well() {
        let text = "\
{apiVersion: v1, kind: ConfigMap, metadata: {name: a, uid: a, ownerReferences: [{uid: b}]}}
---
{apiVersion: v1, kind: ConfigMap, metadata: {name: b, uid: b, ownerReferences: [{uid: a}]}}
";
        assert_eq!(in_order(parse(Path::new("m"), text).unwrap()).len(), 2);
    }
}
