//! Whether anything in the cluster will give an object what it lacks.
//!
//! A claim waits for a volume and an ingress for an address, but not every cluster has something that
//! provides them, and many storage classes wait for the first pod (`WaitForFirstConsumer`): a plan whose
//! next step is that pod would wait for ever. So a plan waits only where something is there to wait for:
//! a storage class that binds at once, an ingress class with a controller.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use kube::Client;
use kube::core::{ApiResource, DynamicObject};
use kube::{Api, api::ListParams};
use serde_json::Value;
use tokio::sync::Mutex;
use tokio::time::Instant;

use crate::error::message;
use crate::identity::{Gvk, annotation, gvk_of, kind_of, name_of, text};

/// How long a list of classes is believed.
const LIFETIME: Duration = Duration::from_secs(30);

/// The classes of one cluster. Clones share what they know.
#[derive(Clone)]
pub struct Provisioners {
    client: Client,
    known: Arc<Mutex<HashMap<&'static str, Listed>>>,
}

/// Classes, and when they were listed.
type Listed = (Instant, Arc<Vec<Value>>);

impl Provisioners {
    /// Asks nothing before an object needs it.
    pub fn new(client: Client) -> Self {
        Self {
            client,
            known: Arc::default(),
        }
    }

    /// Whether it makes sense to wait until the object is healthy. `true` for all but claims and
    /// ingresses. Where the classes may not be listed, `false`: the plan goes on.
    pub async fn will_provide(&self, object: &Value) -> bool {
        match kind_of(object) {
            "PersistentVolumeClaim" => {
                let classes = self.classes("StorageClass", &["v1"]).await;
                binds_at_once(object, &classes)
            }
            "Ingress" => {
                let classes = self.classes("IngressClass", &["v1", "v1beta1"]).await;
                has_controller(object, &classes)
            }
            _ => true,
        }
    }

    async fn classes(&self, kind: &'static str, versions: &[&str]) -> Arc<Vec<Value>> {
        let mut known = self.known.lock().await;
        if let Some((asked, classes)) = known.get(kind)
            && asked.elapsed() < LIFETIME
        {
            return Arc::clone(classes);
        }
        let group = if kind == "StorageClass" {
            "storage.k8s.io"
        } else {
            "networking.k8s.io"
        };
        let mut classes = Vec::new();
        for version in versions {
            let resource = ApiResource::from_gvk(&Gvk::gvk(group, version, kind));
            let api: Api<DynamicObject> = Api::all_with(self.client.clone(), &resource);
            match api.list(&ListParams::default()).await {
                Ok(list) => {
                    classes = list
                        .items
                        .into_iter()
                        .filter_map(|class| serde_json::to_value(class).ok())
                        .collect();
                    break;
                }
                Err(error) => {
                    tracing::debug!(kind, version, error = message(&error), "no classes known");
                }
            }
        }
        let classes = Arc::new(classes);
        known.insert(kind, (Instant::now(), Arc::clone(&classes)));
        classes
    }
}

/// Whether an object is of a kind whose health depends on what the cluster provides.
pub fn concerns(object: &Value) -> bool {
    gvk_of(object).is_some_and(|gvk| {
        matches!(
            (gvk.group.as_str(), gvk.kind.as_str()),
            ("", "PersistentVolumeClaim") | ("networking.k8s.io" | "extensions", "Ingress")
        )
    })
}

/// Whether a claim gets its volume before any pod uses it, given the cluster's storage classes.
pub fn binds_at_once(claim: &Value, classes: &[Value]) -> bool {
    if !text(claim, "/spec/volumeName").is_empty() {
        return true;
    }
    let named = claim
        .pointer("/spec/storageClassName")
        .and_then(Value::as_str)
        .or_else(|| annotation(claim, "volume.beta.kubernetes.io/storage-class"));
    let class = match named {
        Some(name) => classes.iter().find(|class| name_of(class) == name),
        None => classes.iter().find(|class| {
            is_default(class, "storageclass.kubernetes.io/is-default-class")
                || is_default(class, "storageclass.beta.kubernetes.io/is-default-class")
        }),
    };
    class.is_some_and(|class| {
        text(class, "/volumeBindingMode") != "WaitForFirstConsumer"
            && text(class, "/provisioner") != "kubernetes.io/no-provisioner"
    })
}

/// Whether a controller will give an ingress its address, given the cluster's ingress classes.
pub fn has_controller(ingress: &Value, classes: &[Value]) -> bool {
    let named = ingress
        .pointer("/spec/ingressClassName")
        .and_then(Value::as_str)
        .or_else(|| annotation(ingress, "kubernetes.io/ingress.class"));
    match named {
        Some(name) => classes.iter().any(|class| name_of(class) == name),
        None => classes
            .iter()
            .any(|class| is_default(class, "ingressclass.kubernetes.io/is-default-class")),
    }
}

fn is_default(class: &Value, name: &str) -> bool {
    annotation(class, name) == Some("true")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn class(name: &str, mode: &str, default: bool) -> Value {
        json!({"kind": "StorageClass", "provisioner": "example.com/disk", "volumeBindingMode": mode,
            "metadata": {"name": name, "annotations":
                {"storageclass.kubernetes.io/is-default-class": default.to_string()}}})
    }

    #[test]
    fn a_claim_is_awaited_only_where_it_binds_before_its_first_pod() {
        let late = class("late", "WaitForFirstConsumer", false);
        let soon = class("soon", "Immediate", false);
        let default_late = class("standard", "WaitForFirstConsumer", true);
        let default_soon = class("standard", "Immediate", true);
        let mut by_hand = class("local", "Immediate", false);
        by_hand["provisioner"] = json!("kubernetes.io/no-provisioner");
        let cases: Vec<(&str, Value, Vec<&Value>, bool)> = vec![
            ("no class at all", json!({}), vec![], false),
            ("no default class", json!({}), vec![&soon, &late], false),
            (
                "default binds at once",
                json!({}),
                vec![&late, &default_soon],
                true,
            ),
            (
                "default waits for a pod",
                json!({}),
                vec![&soon, &default_late],
                false,
            ),
            (
                "named, binds at once",
                json!({"storageClassName": "soon"}),
                vec![&soon, &late],
                true,
            ),
            (
                "named, waits for a pod",
                json!({"storageClassName": "late"}),
                vec![&soon, &late],
                false,
            ),
            (
                "named, not there",
                json!({"storageClassName": "gone"}),
                vec![&soon],
                false,
            ),
            (
                "explicitly none",
                json!({"storageClassName": ""}),
                vec![&default_soon],
                false,
            ),
            (
                "a volume by name",
                json!({"storageClassName": "", "volumeName": "v"}),
                vec![],
                true,
            ),
            (
                "volumes made by hand",
                json!({"storageClassName": "local"}),
                vec![&by_hand],
                false,
            ),
        ];
        for (name, spec, classes, expected) in cases {
            let claim = json!({"kind": "PersistentVolumeClaim", "spec": spec});
            let classes: Vec<Value> = classes.into_iter().cloned().collect();
            assert_eq!(binds_at_once(&claim, &classes), expected, "{name}");
        }
    }

    #[test]
    fn an_ingress_is_awaited_only_where_it_has_a_controller() {
        let nginx = json!({"metadata": {"name": "nginx"}});
        let default = json!({"metadata": {"name": "main", "annotations":
            {"ingressclass.kubernetes.io/is-default-class": "true"}}});
        let cases = [
            ("none at all", json!({}), vec![], false),
            ("none named, no default", json!({}), vec![&nginx], false),
            (
                "none named, a default",
                json!({}),
                vec![&nginx, &default],
                true,
            ),
            (
                "named",
                json!({"spec": {"ingressClassName": "nginx"}}),
                vec![&nginx],
                true,
            ),
            (
                "named, not there",
                json!({"spec": {"ingressClassName": "x"}}),
                vec![&default],
                false,
            ),
            (
                "named in the old way",
                json!({"metadata": {"annotations": {"kubernetes.io/ingress.class": "nginx"}}}),
                vec![&nginx],
                true,
            ),
        ];
        for (name, ingress, classes, expected) in cases {
            let classes: Vec<Value> = classes.into_iter().cloned().collect();
            assert_eq!(has_controller(&ingress, &classes), expected, "{name}");
        }
    }
}
