//! Services and ingresses: healthy when they have an address.

use super::{Health, Judged};
use crate::identity::text;

pub(super) fn service(object: Judged<'_>) -> Health {
    let kind = object.text("/spec/type");
    if kind == "ExternalName" {
        return Health::Healthy;
    }
    // A headless service has the cluster IP "None", which counts.
    if object.text("/spec/clusterIP").is_empty() {
        return object.waiting("it has no cluster IP");
    }
    let is_external = !object.list("/spec/externalIPs").is_empty();
    if kind == "LoadBalancer" && !is_external && !has_address(object) {
        return object.waiting("its load balancer has no address");
    }
    Health::Healthy
}

pub(super) fn ingress(object: Judged<'_>) -> Health {
    if has_address(object) {
        Health::Healthy
    } else {
        object.waiting("it has no address")
    }
}

fn has_address(object: Judged<'_>) -> bool {
    object
        .list("/status/loadBalancer/ingress")
        .iter()
        .any(|ingress| !text(ingress, "/ip").is_empty() || !text(ingress, "/hostname").is_empty())
}
