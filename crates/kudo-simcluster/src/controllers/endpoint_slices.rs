//! Endpoint slices: the addresses behind a service, in pieces of a hundred.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::action::{Action, merge_patch};
use super::endpoints::{
    Backing, HEADLESS, ServiceRef, backing, has_own_name, is_headless, is_selecting, protocol,
    reference, target,
};
use super::model::{EndpointSlice, Node, Pod, Service};
use super::resources::Kind;
use super::world::{Key, Object, PodRef};
use super::{Verdict, View};

/// Endpoints in one slice.
const MAX: usize = 100;
const SERVICE: &str = "kubernetes.io/service-name";
const MANAGED_BY: &str = "endpointslice.kubernetes.io/managed-by";
const MANAGER: &str = "endpointslice-controller.k8s.io";

pub(super) fn observe(view: &View<'_>, key: &Key) -> Verdict {
    let Some(service) = view.world.get::<Service>(key) else {
        // Its slices are the garbage collector's.
        return Verdict::nothing();
    };
    let Some(resource) = view.world.resource(Kind::EndpointSlice) else {
        return Verdict::nothing();
    };
    if !is_selecting(&service) || service.is_deleting() {
        return Verdict::nothing();
    }
    let first_version = view.world.resources()[resource].api.version == "v1beta1";
    let wanted = slices(view, &service, first_version);
    let mut known: Vec<Object<'_, EndpointSlice>> = view
        .world
        .controlled::<EndpointSlice>(service.uid())
        .filter(|slice| !slice.is_deleting() && slice.label(MANAGED_BY) == Some(MANAGER))
        .collect();
    known.sort_by_key(Object::name);
    // A slice keeps its ports, so each wanted one takes over the known one with most in common.
    let mut actions = Vec::new();
    for slice in wanted {
        let same_ports = |known: &Object<'_, EndpointSlice>| known.body.ports == slice["ports"];
        let taken = known
            .iter()
            .position(same_ports)
            .or((!known.is_empty()).then_some(0));
        match taken.map(|index| known.remove(index)) {
            Some(known) => {
                let labels: BTreeMap<_, _> = known.labels().iter().collect();
                let old = json!({
                    "metadata": { "labels": labels },
                    "endpoints": known.body.endpoints,
                    "ports": known.body.ports,
                });
                actions.extend(merge_patch(&old, &slice).map(|p| Action::patch(&known, p)));
            }
            None => actions.push(create(view, &service, slice)),
        }
    }
    actions.extend(known.iter().map(Action::delete));
    Verdict::write(actions)
}

fn create(view: &View<'_>, service: &ServiceRef<'_>, mut slice: Value) -> Action {
    let owner = view.world.resources()[service.resource]
        .controller_reference(service.name(), service.uid());
    slice["metadata"]["generateName"] = format!("{}-", service.name()).into();
    slice["metadata"]["ownerReferences"] = json!([owner]);
    slice["addressType"] = "IPv4".into();
    Action::Create {
        kind: Kind::EndpointSlice,
        namespace: service.namespace().to_owned(),
        object: slice,
    }
}

/// The slices there should be: one kind for each set of ports, at least one in all.
fn slices(view: &View<'_>, service: &ServiceRef<'_>, first_version: bool) -> Vec<Value> {
    let mut labels = service.labels().clone();
    labels.remove(HEADLESS);
    if is_headless(service) {
        labels.insert(HEADLESS.to_owned(), String::new());
    }
    labels.insert(SERVICE.to_owned(), service.name().to_owned());
    labels.insert(MANAGED_BY.to_owned(), MANAGER.to_owned());
    let mut groups: BTreeMap<String, (Value, Vec<Value>)> = BTreeMap::new();
    let mut all = backing(view, service);
    all.extend(going(view, service, first_version));
    all.sort_by_key(|b| (b.pod.body.status.pod_ip.clone(), b.pod.uid()));
    for backing in &all {
        let ports = ports(service, &backing.pod);
        let group = groups
            .entry(ports.to_string())
            .or_insert((ports, Vec::new()));
        group
            .1
            .push(endpoint(view, service, backing, first_version));
    }
    if groups.is_empty() {
        groups.insert(String::new(), (Value::Null, Vec::new()));
    }
    let slices = groups.into_values().flat_map(|(ports, endpoints)| {
        let chunks: Vec<Vec<Value>> = if endpoints.is_empty() {
            vec![Vec::new()]
        } else {
            endpoints.chunks(MAX).map(<[Value]>::to_vec).collect()
        };
        let labels = labels.clone();
        chunks.into_iter().map(move |endpoints| {
            let endpoints = if endpoints.is_empty() {
                Value::Null
            } else {
                endpoints.into()
            };
            json!({
                "metadata": { "labels": labels },
                "endpoints": endpoints,
                "ports": ports,
            })
        })
    });
    slices.collect()
}

/// Pods that are going still answer: newer slices say so.
fn going<'a>(view: &View<'a>, service: &ServiceRef<'a>, first_version: bool) -> Vec<Backing<'a>> {
    let spec = &service.body.spec;
    if first_version || spec.publish_not_ready_addresses {
        return Vec::new();
    }
    view.world
        .all::<Pod>(Some(service.namespace()))
        .filter(|pod| pod.is_deleting() && !pod.is_finished())
        .filter(|pod| !pod.body.status.pod_ip.is_empty())
        .filter(|pod| spec.selector.iter().all(|(k, v)| pod.label(k) == Some(v)))
        .map(|pod| Backing { pod, ready: false })
        .collect()
}

fn ports(service: &ServiceRef<'_>, pod: &PodRef<'_>) -> Value {
    let ports = service.body.spec.ports.iter().filter_map(|port| {
        let mut slice = json!({
            "name": port.name, "port": target(pod, port)?, "protocol": protocol(port),
        });
        if let Some(protocol) = &port.app_protocol {
            slice["appProtocol"] = protocol.as_str().into();
        }
        Some(slice)
    });
    let ports: Vec<Value> = ports.collect();
    if ports.is_empty() {
        Value::Null
    } else {
        ports.into()
    }
}

fn endpoint(
    view: &View<'_>,
    service: &ServiceRef<'_>,
    backing: &Backing<'_>,
    first_version: bool,
) -> Value {
    let pod = &backing.pod;
    let spec = &pod.body.spec;
    let mut endpoint = json!({
        "addresses": [pod.body.status.pod_ip],
        "conditions": { "ready": backing.ready },
        "targetRef": reference(pod),
    });
    if has_own_name(service, pod) {
        endpoint["hostname"] = spec.hostname.as_str().into();
    }
    let node = view.world.get::<Node>(&Key::new("", &spec.node_name));
    let label = |name: &str| node.as_ref().and_then(|node| node.label(name));
    if first_version {
        let mut topology = json!({ "kubernetes.io/hostname": spec.node_name });
        for name in [
            "topology.kubernetes.io/zone",
            "topology.kubernetes.io/region",
        ] {
            if let Some(value) = label(name) {
                topology[name] = value.into();
            }
        }
        endpoint["topology"] = topology;
        return endpoint;
    }
    endpoint["conditions"]["serving"] = pod.is_ready().into();
    endpoint["conditions"]["terminating"] = pod.is_deleting().into();
    endpoint["nodeName"] = spec.node_name.as_str().into();
    if let Some(zone) = label("topology.kubernetes.io/zone") {
        endpoint["zone"] = zone.into();
    }
    endpoint
}
