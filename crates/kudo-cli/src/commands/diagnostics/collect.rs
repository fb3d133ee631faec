//! What is asked of the cluster, and where in the bundle it goes. The folders are upstream's.

use std::collections::BTreeSet;

use k8s_openapi::api::core::v1::Pod;
use kube::api::{ApiResource, DynamicObject, GroupVersionKind, ListParams, LogParams};
use kube::{Api, Client, ResourceExt};
use kudo_api::Instance;
use kudo_kube::error::{Cause, cause, message};
use kudo_package::yaml;
use serde_json::{Value, json};

use super::bundle::Bundle;
use super::redact::{Redactor, referenced_secrets};
use crate::commands::init;
use crate::error::Error;
use crate::output::Output;

/// Longest log of a container that is kept.
const LOG_LIMIT: i64 = 20 * 1024 * 1024;
/// Deepest nesting of child instances that is followed.
const DEPTH: usize = 16;

/// `apiVersion`, kind, whether namespaced.
type Kind = (&'static str, &'static str, bool);

/// Kinds of an instance besides its pods.
const INSTANCE_KINDS: &[Kind] = &[
    ("v1", "Service", true),
    ("apps/v1", "Deployment", true),
    ("apps/v1", "StatefulSet", true),
    ("apps/v1", "ReplicaSet", true),
    ("apps/v1", "DaemonSet", true),
    ("batch/v1", "Job", true),
    ("v1", "PersistentVolumeClaim", true),
    ("v1", "ServiceAccount", true),
    ("rbac.authorization.k8s.io/v1", "ClusterRoleBinding", false),
    ("rbac.authorization.k8s.io/v1", "RoleBinding", true),
    ("rbac.authorization.k8s.io/v1", "ClusterRole", false),
    ("rbac.authorization.k8s.io/v1", "Role", true),
];
const MANAGER_KINDS: &[Kind] = &[
    ("v1", "Service", true),
    ("apps/v1", "StatefulSet", true),
    ("v1", "ServiceAccount", true),
];

/// Collects into a bundle. What cannot be read is written down there and counted.
pub(super) struct Collector<'a> {
    pub(super) client: &'a Client,
    pub(super) output: &'a Output,
    pub(super) bundle: Bundle,
    pub(super) redactor: Redactor,
    /// Seconds of logs; `None` means all.
    pub(super) log_since: Option<i64>,
    /// What could not be collected.
    pub(super) missing: usize,
}

impl Collector<'_> {
    /// An instance and its children.
    pub(super) async fn instance(
        &mut self,
        namespace: &str,
        instance: Instance,
    ) -> Result<(), Error> {
        // Everything secret must be known before anything is written.
        for found in self.find(namespace, instance).await? {
            self.one_instance(namespace, found).await?;
        }
        Ok(())
    }

    /// An instance and its children, those of children below them, with what must not be told of them.
    async fn find(&mut self, namespace: &str, instance: Instance) -> Result<Vec<Found>, Error> {
        let instances: Api<Instance> = Api::namespaced(self.client.clone(), namespace);
        let all = match instances.list(&ListParams::default()).await {
            Ok(all) => all.items,
            Err(error) => {
                self.missing("children", &message(&error))?;
                Vec::new()
            }
        };
        let mut queue = vec![(instance, String::new(), 0)];
        let mut tree = Vec::new();
        while let Some((instance, root, depth)) = queue.pop() {
            let found = self.look_at(namespace, instance, &root).await?;
            let uid = found.instance.uid().unwrap_or_default();
            let is_child = |child: &&Instance| {
                let owners = child.owner_references();
                depth < DEPTH && owners.iter().any(|owner| owner.uid == uid)
            };
            let children = all.iter().filter(is_child);
            queue.extend(children.map(|child| (child.clone(), found.folder.clone(), depth + 1)));
            tree.push(found);
        }
        Ok(tree)
    }

    /// Reads an instance's operator version, and learns what is secret of the instance.
    async fn look_at(
        &mut self,
        namespace: &str,
        instance: Instance,
        root: &str,
    ) -> Result<Found, Error> {
        let name = instance.name_any();
        let reference = &instance.spec.operator_version;
        let version_name = reference.name.clone().unwrap_or_default();
        let version_namespace = reference.namespace.as_deref().filter(|at| !at.is_empty());
        let version_namespace = version_namespace.unwrap_or(namespace).to_owned();
        let kind = resource(kudo_api::API_VERSION, "OperatorVersion");
        let version = self.get(&kind, &version_namespace, &version_name).await;
        let operator = match &version {
            Ok(version) => version
                .pointer("/spec/operator/name")
                .and_then(Value::as_str),
            Err(_) => None,
        };
        let label = instance.labels().get("kudo.dev/operator");
        let operator = operator
            .or(label.map(String::as_str))
            .filter(|name| !name.is_empty());
        let operator = operator.unwrap_or("unknown").to_owned();
        let folder = join(root, &format!("operator_{operator}"));
        if let Ok(version) = &version {
            self.redactor.learn_operator_version(version);
        }
        let object = serde_json::to_value(&instance).unwrap_or_default();
        self.redactor.learn_instance(&object);
        let (selector, place) = (
            of_instance(&name),
            join(&folder, &format!("instance_{name}")),
        );
        let secrets = resource("v1", "Secret");
        match self.list(&secrets, Some(namespace), &selector).await {
            Ok(secrets) => secrets
                .iter()
                .for_each(|secret| self.redactor.learn_secret(secret)),
            Err(error) => self.missing(&join(&place, "secret"), &error)?,
        }
        let objects = self.objects(INSTANCE_KINDS, namespace, &selector).await;
        self.learn_secrets_of(&objects, namespace, &place).await?;
        Ok(Found {
            instance,
            objects,
            version,
            version_name,
            version_namespace,
            operator,
            folder,
        })
    }

    async fn one_instance(&mut self, namespace: &str, found: Found) -> Result<(), Error> {
        let Found {
            instance,
            objects,
            version,
            version_name,
            version_namespace,
            operator,
            folder,
        } = found;
        let name = instance.name_any();
        self.output
            .note(&format!("collecting instance {namespace}/{name}"));
        let place = join(&folder, &format!("instance_{name}"));
        let object = serde_json::to_value(&instance).unwrap_or_default();
        self.write(&join(&place, &format!("{name}.yaml")), object)?;
        match version {
            Ok(version) => {
                let path = format!("operatorversion_{version_name}/{version_name}.yaml");
                self.write(&join(&folder, &path), version)?;
            }
            Err(error) => self.missing(&join(&folder, "operatorversion"), &error)?,
        }
        let kind = resource(kudo_api::API_VERSION, "Operator");
        match self.get(&kind, &version_namespace, &operator).await {
            Ok(object) => self.write(&join(&folder, &format!("{operator}.yaml")), object)?,
            Err(error) => self.missing(&join(&folder, "operator"), &error)?,
        }
        let mut uids = self.write_objects(objects, namespace, &place).await?;
        uids.extend(instance.uid());
        self.events(namespace, &uids, &place).await
    }

    /// The manager, below `kudo`.
    pub(super) async fn manager(&mut self) -> Result<(), Error> {
        const PLACE: &str = "kudo";
        self.output.note("collecting the manager");
        let namespaces = resource("v1", "Namespace");
        let namespace = match self.list(&namespaces, None, init::LABEL).await {
            Ok(found) => {
                let name = found
                    .first()
                    .and_then(|namespace| namespace.pointer("/metadata/name"));
                name.and_then(Value::as_str)
                    .unwrap_or(init::NAMESPACE)
                    .to_owned()
            }
            Err(error) => {
                self.missing(&join(PLACE, "namespace"), &error)?;
                init::NAMESPACE.to_owned()
            }
        };
        let objects = self.objects(MANAGER_KINDS, &namespace, init::LABEL).await;
        self.learn_secrets_of(&objects, &namespace, PLACE).await?;
        let uids = self.write_objects(objects, &namespace, PLACE).await?;
        self.events(&namespace, &uids, PLACE).await
    }

    /// Reads pods and objects of these kinds.
    async fn objects(&self, kinds: &'static [Kind], namespace: &str, selector: &str) -> Objects {
        let pods: Api<Pod> = Api::namespaced(self.client.clone(), namespace);
        let pods = pods.list(&ListParams::default().labels(selector)).await;
        let pods = pods.map(|found| found.items);
        let mut lists = Vec::new();
        for kind in kinds {
            let (version, name, namespaced) = *kind;
            let at = namespaced.then_some(namespace);
            lists.push((
                kind,
                self.list(&resource(version, name), at, selector).await,
            ));
        }
        Objects {
            pods: pods.map_err(|error| message(&error)),
            lists,
        }
    }

    /// Learns the Secrets that pods use, whoever made them. One that may not be read is told of, as its values
    /// may be in the bundle then.
    async fn learn_secrets_of(
        &mut self,
        objects: &Objects,
        namespace: &str,
        place: &str,
    ) -> Result<(), Error> {
        let mut names = BTreeSet::new();
        for pod in objects.pods.iter().flatten() {
            let spec = serde_json::to_value(&pod.spec).unwrap_or_default();
            referenced_secrets(&spec, &mut names);
        }
        let lists = objects.lists.iter().flat_map(|(_, items)| items);
        for spec in lists.flatten().filter_map(|object| object.get("spec")) {
            referenced_secrets(spec, &mut names);
        }
        let secrets: Api<DynamicObject> =
            Api::namespaced_with(self.client.clone(), namespace, &resource("v1", "Secret"));
        for name in names {
            match secrets.get(&name).await {
                Ok(secret) => {
                    let secret = serde_json::to_value(&secret).unwrap_or_default();
                    self.redactor.learn_secret(&secret);
                }
                Err(error) if cause(&error) == Cause::NotFound => {}
                Err(error) => {
                    self.output.warn(&format!(
                        "secret {namespace}/{name}, which pods use, cannot be read: its values may be in the \
                         bundle"
                    ));
                    self.missing(&join(place, &format!("secret_{name}")), &message(&error))?;
                }
            }
        }
        Ok(())
    }

    /// Writes pods with their logs, and the other objects as a list of each kind; gives back their uids.
    async fn write_objects(
        &mut self,
        objects: Objects,
        namespace: &str,
        place: &str,
    ) -> Result<Vec<String>, Error> {
        let mut uids = match objects.pods {
            Ok(pods) => self.write_pods(pods, namespace, place).await?,
            Err(error) => {
                self.missing(&join(place, "pod"), &error)?;
                Vec::new()
            }
        };
        for ((version, kind, _), items) in objects.lists {
            match items {
                Ok(items) => {
                    uids.extend(items.iter().filter_map(uid));
                    self.write_list(version, kind, items, place)?;
                }
                Err(error) => self.missing(&join(place, &kind.to_lowercase()), &error)?,
            }
        }
        Ok(uids)
    }

    async fn write_pods(
        &mut self,
        found: Vec<Pod>,
        namespace: &str,
        place: &str,
    ) -> Result<Vec<String>, Error> {
        let pods: Api<Pod> = Api::namespaced(self.client.clone(), namespace);
        let mut uids = Vec::new();
        for pod in found {
            let name = pod.name_any();
            let folder = join(place, &format!("pod_{name}"));
            uids.extend(pod.uid());
            let mut object = serde_json::to_value(&pod).unwrap_or_default();
            object["apiVersion"] = "v1".into();
            object["kind"] = "Pod".into();
            self.write(&join(&folder, &format!("{name}.yaml")), object)?;
            for (container, restarted) in containers(&pod) {
                self.log(&pods, &name, &container, false, &folder).await?;
                if restarted {
                    self.log(&pods, &name, &container, true, &folder).await?;
                }
            }
        }
        Ok(uids)
    }

    async fn log(
        &mut self,
        pods: &Api<Pod>,
        pod: &str,
        container: &str,
        previous: bool,
        folder: &str,
    ) -> Result<(), Error> {
        let parameters = LogParams {
            container: Some(container.to_owned()),
            limit_bytes: Some(LOG_LIMIT),
            since_seconds: self.log_since,
            previous,
            ..LogParams::default()
        };
        let word = if previous { ".previous" } else { "" };
        let path = join(folder, &format!("{container}{word}.log"));
        match pods.logs(pod, &parameters).await {
            Ok(text) => {
                let text = self.redactor.text(&text);
                let path = format!("{path}.gz");
                self.bundle
                    .add_compressed(&path, text.as_bytes())
                    .map_err(written(&path))
            }
            Err(error) => self.missing(&path, &message(&error)),
        }
    }

    /// Events about these objects.
    async fn events(&mut self, namespace: &str, uids: &[String], place: &str) -> Result<(), Error> {
        match self
            .list(&resource("v1", "Event"), Some(namespace), "")
            .await
        {
            Ok(mut events) => {
                events.retain(|event| {
                    let about = event.pointer("/involvedObject/uid").and_then(Value::as_str);
                    about.is_some_and(|about| uids.iter().any(|uid| uid == about))
                });
                self.write_list("v1", "Event", events, place)
            }
            Err(error) => self.missing(&join(place, "event"), &error),
        }
    }

    async fn get(
        &self,
        resource: &ApiResource,
        namespace: &str,
        name: &str,
    ) -> Result<Value, String> {
        let api: Api<DynamicObject> =
            Api::namespaced_with(self.client.clone(), namespace, resource);
        let object = api.get(name).await.map_err(|error| message(&error))?;
        Ok(with_kind(object, resource))
    }

    async fn list(
        &self,
        resource: &ApiResource,
        namespace: Option<&str>,
        selector: &str,
    ) -> Result<Vec<Value>, String> {
        let api: Api<DynamicObject> = match namespace {
            Some(namespace) => Api::namespaced_with(self.client.clone(), namespace, resource),
            None => Api::all_with(self.client.clone(), resource),
        };
        let listed = api.list(&ListParams::default().labels(selector)).await;
        let listed = listed.map_err(|error| message(&error))?;
        Ok(listed
            .items
            .into_iter()
            .map(|object| with_kind(object, resource))
            .collect())
    }

    fn write_list(
        &mut self,
        version: &str,
        kind: &str,
        mut items: Vec<Value>,
        place: &str,
    ) -> Result<(), Error> {
        if items.is_empty() {
            return Ok(());
        }
        for item in &mut items {
            self.clean(item);
        }
        let list = json!({ "apiVersion": version, "kind": format!("{kind}List"), "items": items });
        self.add(
            &join(place, &format!("{}list.yaml", kind.to_lowercase())),
            &list,
        )
    }

    fn write(&mut self, path: &str, mut object: Value) -> Result<(), Error> {
        self.clean(&mut object);
        self.add(path, &object)
    }

    fn clean(&self, object: &mut Value) {
        if let Some(metadata) = object.get_mut("metadata").and_then(Value::as_object_mut) {
            metadata.remove("managedFields");
        }
        self.redactor.object(object);
    }

    /// Adds a document as it is.
    pub(super) fn add(&mut self, path: &str, document: &Value) -> Result<(), Error> {
        let text = yaml::to_string(document);
        self.bundle
            .add(path, text.as_bytes())
            .map_err(written(path))
    }

    /// Writes down what could not be collected, and goes on.
    fn missing(&mut self, path: &str, error: &str) -> Result<(), Error> {
        self.missing += 1;
        let path = format!("{path}.err");
        let text = format!("{}\n", self.redactor.text(error));
        self.bundle
            .add(&path, text.as_bytes())
            .map_err(written(&path))
    }
}

/// An instance with what is needed to tell of it.
struct Found {
    instance: Instance,
    objects: Objects,
    version: Result<Value, String>,
    version_name: String,
    version_namespace: String,
    operator: String,
    /// Folder of the operator.
    folder: String,
}

/// What was read of an instance, or of the manager.
struct Objects {
    pods: Result<Vec<Pod>, String>,
    lists: Vec<(&'static Kind, Result<Vec<Value>, String>)>,
}

fn of_instance(name: &str) -> String {
    format!("kudo.dev/instance={name}")
}

/// Containers of a pod, and whether each has been started before.
fn containers(pod: &Pod) -> Vec<(String, bool)> {
    let Some(spec) = &pod.spec else {
        return Vec::new();
    };
    let status = pod.status.as_ref();
    let statuses = status.into_iter().flat_map(|status| {
        let init = status.init_container_statuses.iter().flatten();
        init.chain(status.container_statuses.iter().flatten())
    });
    let restarted: Vec<&str> = statuses
        .filter(|status| status.restart_count > 0)
        .map(|status| status.name.as_str())
        .collect();
    let all = spec
        .init_containers
        .iter()
        .flatten()
        .chain(&spec.containers);
    all.map(|container| {
        let name = container.name.clone();
        let again = restarted.contains(&name.as_str());
        (name, again)
    })
    .collect()
}

fn with_kind(object: DynamicObject, resource: &ApiResource) -> Value {
    let mut value = serde_json::to_value(object).unwrap_or_default();
    value["apiVersion"] = resource.api_version.clone().into();
    value["kind"] = resource.kind.clone().into();
    value
}

fn uid(object: &Value) -> Option<String> {
    object
        .pointer("/metadata/uid")
        .and_then(Value::as_str)
        .map(str::to_owned)
}

fn resource(api_version: &str, kind: &str) -> ApiResource {
    let (group, version) = api_version.split_once('/').unwrap_or(("", api_version));
    ApiResource::from_gvk(&GroupVersionKind::gvk(group, version, kind))
}

fn join(folder: &str, name: &str) -> String {
    match folder {
        "" => name.to_owned(),
        folder => format!("{folder}/{name}"),
    }
}

fn written(path: &str) -> impl FnOnce(std::io::Error) -> Error + use<> {
    let path = path.into();
    |source| Error::WriteFile { path, source }
}
