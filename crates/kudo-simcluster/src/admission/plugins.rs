//! What the server's own admission adds, and the addresses and ports that it gives.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::builtin;
use crate::cluster::Server;
use crate::field_error::FieldError;
use crate::http::Call;
use crate::http::status::Refusal;
use crate::kinds::Shown;

/// Ports that nodes open for services.
const NODE_PORTS: std::ops::RangeInclusive<i64> = 30_000..=32_767;

const PRIORITY_CLASSES: &str = "priorityclasses.scheduling.k8s.io";

/// Addresses of services.
const ADDRESSES: &str = "10.96.0.0/16";

/// Whether an address is one that services may have.
fn is_in_range(address: &str) -> bool {
    let address: Option<std::net::Ipv4Addr> = address.parse().ok();
    address.is_some_and(|address| address.octets().starts_with(&[10, 96]))
}

/// The name of a new object, or what it begins with if it is made up later.
pub(crate) fn known_name(object: &Value) -> &str {
    let metadata = &object["metadata"];
    let names = ["name", "generateName"].map(|field| metadata[field].as_str().unwrap_or_default());
    let known = names.into_iter().find(|name| !name.is_empty());
    known.unwrap_or_default()
}

impl Server {
    /// Sets what every cluster's admission sets in new objects, and refuses what it refuses.
    pub(crate) fn plug_in(&self, shown: &Shown, object: &mut Value) -> Result<(), Refusal> {
        match shown.kind.kind.as_str() {
            _ if shown.kind.is_custom() => {}
            "Pod" => {
                let name = known_name(object).to_owned();
                let given = self.give_account(object);
                let ranked = given.and_then(|()| self.rank(&mut object["spec"]));
                ranked.map_err(|problem| Refusal::forbidden(shown.named(), &name, &problem))?;
                tolerate(&mut object["spec"]);
            }
            "Namespace" => {
                let name = object["metadata"]["name"].clone();
                object["metadata"]["labels"]["kubernetes.io/metadata.name"] = name;
            }
            "PersistentVolumeClaim" => self.claim(object),
            "Node" => taint(object),
            _ => {}
        }
        Ok(())
    }

    /// Gives a pod the priority of the class that it names, or of the default one.
    fn rank(&self, spec: &mut Value) -> Result<(), String> {
        let name = spec["priorityClassName"].as_str().unwrap_or_default();
        let class = if name.is_empty() {
            self.default_class(None)
        } else {
            let class = self.store.get(PRIORITY_CLASSES, "", name);
            let class = class.map(|class| class.bare());
            Some(class.ok_or_else(|| format!("no PriorityClass with name {name} was found"))?)
        };
        let (mut priority, mut policy) = (json!(0), json!("PreemptLowerPriority"));
        if let Some(class) = class {
            spec["priorityClassName"] = class["metadata"]["name"].clone();
            priority = class["value"].clone();
            policy = class["preemptionPolicy"].clone();
        }
        for (key, what, value) in [
            ("priority", "integer value of priority", priority),
            (
                "preemptionPolicy",
                "string value of PreemptionPolicy",
                policy,
            ),
        ] {
            let plain = |value: &Value| value.as_str().map_or(value.to_string(), str::to_owned);
            if !spec[key].is_null() && spec[key] != value {
                return Err(format!(
                    "the {what} ({}) must not be provided in pod spec; priority admission \
                     controller computed {} from the given PriorityClass name",
                    plain(&spec[key]),
                    plain(&value)
                ));
            }
            if !value.is_null() {
                spec[key] = value;
            }
        }
        Ok(())
    }

    /// The class of pods that name none: of several the lowest.
    fn default_class(&self, but: Option<&str>) -> Option<Value> {
        let classes = self.store.list(PRIORITY_CLASSES, "", None).objects;
        let classes = classes.iter().map(|class| class.bare());
        classes
            .filter(|class| class["globalDefault"] == true)
            .filter(|class| but.is_none_or(|name| class["metadata"]["name"] != name))
            .min_by_key(|class| class["value"].as_i64())
    }

    /// A claim that names no class gets the default one, the youngest of several.
    fn claim(&self, claim: &mut Value) {
        if !claim["spec"]["storageClassName"].is_null() {
            return;
        }
        let classes = self.store.list("storageclasses.storage.k8s.io", "", None);
        let classes = classes.objects.iter().map(|class| class.bare());
        let default = classes
            .filter(builtin::is_default_class)
            .min_by_key(|class| {
                let metadata = &class["metadata"];
                let text = |key: &str| metadata[key].as_str().unwrap_or_default().to_owned();
                (std::cmp::Reverse(text("creationTimestamp")), text("name"))
            });
        if let Some(class) = default {
            claim["spec"]["storageClassName"] = class["metadata"]["name"].clone();
        }
    }
}

/// A new node takes no pods before somebody says that it is ready.
fn taint(node: &mut Value) {
    let taint = json!({ "key": "node.kubernetes.io/not-ready", "effect": "NoSchedule" });
    let taints = node["spec"]["taints"].as_array().cloned();
    let mut taints = taints.unwrap_or_default();
    let same = |known: &Value| known["key"] == taint["key"] && known["effect"] == taint["effect"];
    if !taints.iter().any(same) {
        taints.push(taint);
    }
    node["spec"]["taints"] = taints.into();
}

/// Sets in a changed pod what every cluster's admission sets, or keeps.
pub(crate) fn keep_up(old: &Value, pod: &mut Value) {
    let spec = &mut pod["spec"];
    if spec["priority"].is_null() {
        for key in ["priority", "preemptionPolicy"] {
            let kept = &old["spec"][key];
            if !kept.is_null() {
                spec[key] = kept.clone();
            }
        }
    }
    tolerate(spec);
}

/// A pod stays for a while on a node that is not ready or cannot be reached.
fn tolerate(spec: &mut Value) {
    let mut tolerations = spec["tolerations"].as_array().cloned().unwrap_or_default();
    for key in [
        "node.kubernetes.io/not-ready",
        "node.kubernetes.io/unreachable",
    ] {
        let tolerated = tolerations.iter().any(|toleration| {
            let effect = toleration["effect"].as_str().unwrap_or_default();
            (toleration["key"] == key || toleration["key"].as_str().is_none_or(str::is_empty))
                && (effect == "NoExecute" || effect.is_empty())
        });
        if !tolerated {
            tolerations.push(json!({
                "key": key, "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 300,
            }));
        }
    }
    spec["tolerations"] = tolerations.into();
}

impl Call {
    /// Refuses a second class of the pods that name none.
    pub(crate) fn check_default_class(&self, shown: &Shown, class: &Value) -> Result<(), Refusal> {
        if !shown.kind.is("PriorityClass") || class["globalDefault"] != true {
            return Ok(());
        }
        let name = class["metadata"]["name"].as_str().unwrap_or_default();
        let Some(other) = self.server.default_class(Some(name)) else {
            return Ok(());
        };
        let other = other["metadata"]["name"].as_str().unwrap_or_default();
        let problem = format!(
            "PriorityClass {other} is already marked as default. Only one default can exist"
        );
        Err(Refusal::forbidden(shown.named(), name, &problem))
    }

    /// Gives a service the address and the ports that it lacks.
    pub(crate) fn assign(&self, shown: &Shown, service: &mut Value) -> Result<(), Refusal> {
        if !shown.kind.is("Service") {
            return Ok(());
        }
        let kind = service["spec"]["type"]
            .as_str()
            .unwrap_or("ClusterIP")
            .to_owned();
        if kind == "ExternalName" {
            return Ok(());
        }
        let name = service["metadata"]["name"]
            .as_str()
            .unwrap_or_default()
            .to_owned();
        let own = service["metadata"]["uid"].clone();
        let others: Vec<Value> = {
            let services = self.server.store.list("services", "", None).objects;
            let services = services.iter().map(|service| service.bare());
            services
                .filter(|service| service["metadata"]["uid"] != own)
                .collect()
        };
        let taken: BTreeSet<String> = others
            .iter()
            .filter_map(|service| service["spec"]["clusterIP"].as_str().map(ToOwned::to_owned))
            .collect();
        let address = service["spec"]["clusterIP"]
            .as_str()
            .unwrap_or_default()
            .to_owned();
        if address.is_empty() {
            service["spec"]["clusterIP"] = self.free_address(&taken).into();
        } else if address != "None" && taken.contains(&address) {
            Self::refuse_address(shown, &name, &address, "provided IP is already allocated")?;
        } else if address != "None" && !is_in_range(&address) {
            let problem = format!(
                "provided IP is not in the valid range. The range of valid IPs is {ADDRESSES}"
            );
            Self::refuse_address(shown, &name, &address, &problem)?;
        }
        let address = service["spec"]["clusterIP"].clone();
        let spec = &mut service["spec"];
        if spec["clusterIPs"].as_array().is_none_or(Vec::is_empty) {
            spec["clusterIPs"] = json!([address]);
        }
        let has_selector = spec["selector"].as_object().is_some_and(|s| !s.is_empty());
        if spec["ipFamilies"].is_null() && (address != "None" || has_selector) {
            spec["ipFamilies"] = json!(["IPv4"]);
        }
        if spec["ipFamilyPolicy"].is_null() && (address != "None" || has_selector) {
            spec["ipFamilyPolicy"] = "SingleStack".into();
        }
        if kind == "NodePort" || kind == "LoadBalancer" {
            let errors = self.assign_ports(service, &others);
            Self::refuse_invalid(shown, &name, &errors)?;
        }
        Ok(())
    }

    fn refuse_address(
        shown: &Shown,
        name: &str,
        address: &str,
        problem: &str,
    ) -> Result<(), Refusal> {
        let detail = format!("failed to allocated ip:{address} with error:{problem}");
        let ips = format!("[]string{{{address:?}}}");
        let error = FieldError::invalid_shown("spec.clusterIPs", ips, detail);
        Self::refuse_invalid(shown, name, &[error])
    }

    fn free_address(&self, taken: &BTreeSet<String>) -> String {
        let start = self.server.chance.number() % 65_000;
        let free = (0..65_000).map(|step| {
            let number = 10 + (start + step) % 65_000;
            format!("10.96.{}.{}", number / 256, number % 256)
        });
        free.into_iter()
            .find(|address| !taken.contains(address))
            .unwrap_or_default()
    }

    fn assign_ports(&self, service: &mut Value, others: &[Value]) -> Vec<FieldError> {
        let ports_of = |service: &Value| -> Vec<i64> {
            let ports = service["spec"]["ports"].as_array().into_iter().flatten();
            let ports = ports.map(|port| &port["nodePort"]);
            let check = &service["spec"]["healthCheckNodePort"];
            ports.chain([check]).filter_map(Value::as_i64).collect()
        };
        let mut taken: BTreeSet<i64> = others.iter().flat_map(&ports_of).collect();
        let asked = ports_of(service);
        let gives = service["spec"]["allocateLoadBalancerNodePorts"] != false;
        let mut errors = Vec::new();
        let ports = service["spec"]["ports"].as_array_mut();
        for (index, port) in ports.into_iter().flatten().enumerate() {
            let wanted = port["nodePort"].as_i64().unwrap_or(0);
            if wanted != 0 {
                let detail = if !NODE_PORTS.contains(&wanted) {
                    let (first, last) = (NODE_PORTS.start(), NODE_PORTS.end());
                    format!(
                        "provided port is not in the valid range. The range of valid ports is \
                         {first}-{last}"
                    )
                } else if taken.contains(&wanted) {
                    "provided port is already allocated".to_owned()
                } else {
                    continue;
                };
                let field = format!("spec.ports[{index}].nodePort");
                errors.push(FieldError::invalid(field, &wanted.into(), detail));
                continue;
            }
            if !gives {
                continue;
            }
            taken.extend(&asked);
            if let Some(free) = self.free_port(&mut taken) {
                port["nodePort"] = free.into();
            }
        }
        let spec = &mut service["spec"];
        let check = spec.get("healthCheckNodePort").and_then(Value::as_i64);
        if builtin::is_checked(spec) && check.unwrap_or(0) == 0 {
            taken.extend(&asked);
            if let Some(free) = self.free_port(&mut taken) {
                spec["healthCheckNodePort"] = free.into();
            }
        }
        errors
    }

    /// A port of the nodes that no service has, which is taken then.
    fn free_port(&self, taken: &mut BTreeSet<i64>) -> Option<i64> {
        let span = NODE_PORTS.end() - NODE_PORTS.start() + 1;
        let start = i64::try_from(self.server.chance.number() % 2768).unwrap_or_default();
        let free = (0..span)
            .map(|step| NODE_PORTS.start() + (start + step) % span)
            .find(|port| !taken.contains(port));
        taken.extend(free);
        free
    }
}
