//! Endpoints: the addresses behind a service, in the old form.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use serde_json::{Value, json};

use super::action::{Action, merge_patch};
use super::model::{Endpoints, Pod, Service, ServicePort};
use super::resources::Kind;
use super::world::{Key, Object, PodRef};
use super::{Verdict, View};

/// The label of whatever belongs to a service without an address of its own.
pub(super) const HEADLESS: &str = "service.kubernetes.io/headless";

pub(super) type ServiceRef<'a> = Object<'a, Service>;

pub(super) fn observe(view: &View<'_>, key: &Key) -> Verdict {
    let known = view.world.get::<Endpoints>(key);
    let Some(service) = view.world.get::<Service>(key) else {
        // Whoever has endpoints without a service made them himself, unless the service has just gone:
        // the real controller does not tell the two apart either.
        let gone = known.filter(|known| !known.is_deleting());
        let gone = gone.filter(|known| known.annotation(LEADER).is_none());
        return Verdict::write(gone.map(|known| Action::delete(&known)));
    };
    if !is_selecting(&service) || service.is_deleting() {
        return Verdict::nothing();
    }
    let wanted = json!({
        "metadata": { "labels": labels(&service) },
        "subsets": subsets(&service, &backing(view, &service)),
    });
    let action = match known {
        None => {
            let mut object = wanted;
            object["metadata"]["name"] = service.name().into();
            Some(Action::Create {
                kind: Kind::Endpoints,
                namespace: service.namespace().to_owned(),
                object,
            })
        }
        Some(known) => {
            let labels: BTreeMap<_, _> = known
                .labels()
                .iter()
                .filter(|(name, _)| *name != MANAGED_BY)
                .collect();
            let old = json!({
                "metadata": { "labels": labels },
                "subsets": known.body.subsets.as_array().cloned().unwrap_or_default(),
            });
            merge_patch(&old, &wanted).map(|patch| Action::patch(&known, patch))
        }
    };
    Verdict::write(action)
}

/// The annotation of endpoints that are used as a lock.
const LEADER: &str = "control-plane.alpha.kubernetes.io/leader";
/// A label that newer servers' controllers set.
const MANAGED_BY: &str = "endpoints.kubernetes.io/managed-by";

/// Whether the service asks for pods; one that does not has endpoints made by others.
pub(super) fn is_selecting(service: &ServiceRef<'_>) -> bool {
    let spec = &service.body.spec;
    !spec.selector.is_empty() && spec.kind != "ExternalName"
}

pub(super) fn is_headless(service: &ServiceRef<'_>) -> bool {
    matches!(service.body.spec.cluster_ip.as_str(), "" | "None")
}

fn labels(service: &ServiceRef<'_>) -> BTreeMap<String, String> {
    let mut labels = service.labels().clone();
    labels.remove(HEADLESS);
    if is_headless(service) {
        labels.insert(HEADLESS.to_owned(), String::new());
    }
    labels
}

/// A pod behind a service.
pub(super) struct Backing<'a> {
    pub(super) pod: PodRef<'a>,
    pub(super) ready: bool,
}

/// The pods behind a service that have an address and have not ended; those that are going are left out
/// unless the service asks for whatever there is.
pub(super) fn backing<'a>(view: &View<'a>, service: &ServiceRef<'_>) -> Vec<Backing<'a>> {
    let spec = &service.body.spec;
    let namespace: &'a str = match view.world.find(
        Kind::Service,
        &Key::new(service.namespace(), service.name()),
    ) {
        Some(entry) => entry.meta.namespace.as_deref().unwrap_or_default(),
        None => return Vec::new(),
    };
    view.world
        .all::<Pod>(Some(namespace))
        .filter(|pod| spec.selector.iter().all(|(k, v)| pod.label(k) == Some(v)))
        .filter(|pod| !pod.body.status.pod_ip.is_empty() && !pod.is_finished())
        .filter(|pod| !pod.is_deleting() || spec.publish_not_ready_addresses)
        .map(|pod| Backing {
            pod,
            ready: pod.is_ready() || spec.publish_not_ready_addresses,
        })
        .collect()
}

/// The container port that a service port means for a pod.
pub(super) fn target(pod: &PodRef<'_>, port: &ServicePort) -> Option<i32> {
    let protocol = protocol(port);
    match &port.target_port {
        None | Some(IntOrString::Int(0)) => Some(port.port),
        Some(IntOrString::Int(number)) => Some(*number),
        Some(IntOrString::String(name)) if name.is_empty() => Some(port.port),
        Some(IntOrString::String(name)) => {
            let ports = pod.body.spec.containers.iter().flat_map(|c| &c.ports);
            let mut named = ports.filter(|candidate| {
                let same = candidate.protocol == protocol
                    || candidate.protocol.is_empty() && protocol == "TCP";
                candidate.name == *name && same
            });
            named.next().map(|port| port.number)
        }
    }
}

pub(super) fn protocol(port: &ServicePort) -> &str {
    if port.protocol.is_empty() {
        "TCP"
    } else {
        &port.protocol
    }
}

/// The ports as they are for one pod.
fn ports(service: &ServiceRef<'_>, pod: &PodRef<'_>) -> Vec<Value> {
    let ports = service.body.spec.ports.iter();
    ports
        .filter_map(|port| {
            let mut endpoint = json!({ "port": target(pod, port)?, "protocol": protocol(port) });
            if !port.name.is_empty() {
                endpoint["name"] = port.name.as_str().into();
            }
            if let Some(protocol) = &port.app_protocol {
                endpoint["appProtocol"] = protocol.as_str().into();
            }
            Some(endpoint)
        })
        .collect()
}

/// Ports, addresses that are ready and addresses that are not.
type Group = (Vec<Value>, Vec<Value>, Vec<Value>);

/// Groups the pods by the ports they have; addresses in order.
fn subsets(service: &ServiceRef<'_>, backing: &[Backing<'_>]) -> Value {
    let mut groups: BTreeMap<String, Group> = BTreeMap::new();
    let mut sorted: Vec<&Backing<'_>> = backing.iter().collect();
    sorted.sort_by_key(|b| (b.pod.body.status.pod_ip.clone(), b.pod.uid()));
    for Backing { pod, ready } in sorted {
        let ports = ports(service, pod);
        if ports.is_empty() && !service.body.spec.ports.is_empty() {
            continue;
        }
        let group = groups.entry(json!(ports).to_string());
        let (_, up, down) = group.or_insert_with(|| (ports, Vec::new(), Vec::new()));
        if *ready { up } else { down }.push(address(service, pod));
    }
    let subsets = groups.into_values().map(|(ports, up, down)| {
        let mut subset = json!({});
        for (field, list) in [
            ("addresses", up),
            ("notReadyAddresses", down),
            ("ports", ports),
        ] {
            if !list.is_empty() {
                subset[field] = list.into();
            }
        }
        subset
    });
    subsets.collect()
}

fn address(service: &ServiceRef<'_>, pod: &PodRef<'_>) -> Value {
    let spec = &pod.body.spec;
    let mut address = json!({
        "ip": pod.body.status.pod_ip,
        "targetRef": reference(pod),
    });
    if !spec.node_name.is_empty() {
        address["nodeName"] = spec.node_name.as_str().into();
    }
    if has_own_name(service, pod) {
        address["hostname"] = spec.hostname.as_str().into();
    }
    address
}

/// Whether the pod can be called by its own name within the service.
pub(super) fn has_own_name(service: &ServiceRef<'_>, pod: &PodRef<'_>) -> bool {
    let spec = &pod.body.spec;
    !spec.hostname.is_empty() && spec.subdomain == service.name()
}

pub(super) fn reference(pod: &PodRef<'_>) -> Value {
    json!({
        "kind": "Pod", "namespace": pod.namespace(), "name": pod.name(), "uid": pod.uid(),
    })
}
