//! Checks of objects that look at more than one field, beside pods and services.

use std::net::IpAddr;
use std::str::FromStr;

use serde_json::Value;

use super::rules::{is_nothing, join, not_negative, port_or_name};
use super::{metadata, names, pods, selectors};
use crate::field_error::{Fault, FieldError};

const RBAC: &str = "rbac.authorization.k8s.io";

pub(super) fn template_metadata(template: &Value, path: &str, errors: &mut Vec<FieldError>) {
    metadata::validate_parts(&template["metadata"], &join(path, "metadata"), errors);
}

pub(super) fn config_map(object: &Value, _: &str, errors: &mut Vec<FieldError>) {
    for part in ["data", "binaryData"] {
        keys(&object[part], part, errors);
    }
    let both = object["data"].as_object().into_iter().flatten();
    for (key, _) in both.filter(|(key, _)| !object["binaryData"][key.as_str()].is_null()) {
        let field = format!("data[{key}]");
        let words = "duplicate of key present in binaryData";
        errors.push(FieldError::invalid(
            field,
            &Value::from(key.as_str()),
            words,
        ));
    }
    let size = size(&object["data"], 1, 1) + size(&object["binaryData"], 3, 4);
    too_large(size, "[]", errors);
}

pub(super) fn secret(object: &Value, _: &str, errors: &mut Vec<FieldError>) {
    keys(&object["data"], "data", errors);
    too_large(size(&object["data"], 3, 4), "data", errors);
    let needed: &[&str] = match object["type"].as_str().unwrap_or_default() {
        "kubernetes.io/dockercfg" => &[".dockercfg"],
        "kubernetes.io/dockerconfigjson" => &[".dockerconfigjson"],
        "kubernetes.io/tls" => &["tls.crt", "tls.key"],
        "kubernetes.io/ssh-auth" => &["%s][ssh-privatekey"],
        "kubernetes.io/basic-auth" => {
            let either = ["username", "password"];
            if either.iter().any(|key| !object["data"][*key].is_null()) {
                &[]
            } else {
                &["%s][username", "%s][password"]
            }
        }
        "kubernetes.io/service-account-token" => {
            let name = "kubernetes.io/service-account.name";
            if object["metadata"]["annotations"][name].is_null() {
                let field = format!("metadata.annotations[{name}]");
                errors.push(FieldError::required(field, ""));
            }
            &[]
        }
        _ => &[],
    };
    for key in needed {
        let name = key.rsplit('[').next().unwrap_or(key);
        if object["data"][name].is_null() {
            errors.push(FieldError::required(format!("data[{key}]"), ""));
        }
    }
}

fn keys(data: &Value, part: &str, errors: &mut Vec<FieldError>) {
    for (key, _) in data.as_object().into_iter().flatten() {
        for fault in names::config_key(key) {
            let field = format!("{part}[{key}]");
            errors.push(FieldError::invalid(
                field,
                &Value::from(key.as_str()),
                fault,
            ));
        }
    }
}

/// Bytes of all values, of which `times / per` of the text count: base64 is longer than it holds.
fn size(data: &Value, times: usize, per: usize) -> usize {
    let values = data.as_object().into_iter().flatten();
    values
        .map(|(_, value)| value.as_str().map_or(0, str::len) * times / per)
        .sum()
}

fn too_large(size: usize, field: &str, errors: &mut Vec<FieldError>) {
    const LIMIT: usize = 1024 * 1024;
    if size > LIMIT {
        errors.push(FieldError::too_long(field, LIMIT));
    }
}

pub(super) fn event(object: &Value, _: &str, errors: &mut Vec<FieldError>) {
    let own = object["metadata"]["namespace"].as_str().unwrap_or_default();
    let involved = &object["involvedObject"]["namespace"];
    let other = involved.as_str().unwrap_or_default();
    let fits = if other.is_empty() {
        own.is_empty() || own == "default"
    } else {
        own == other
    };
    if !fits {
        let words = "does not match event.namespace";
        let field = "involvedObject.namespace";
        errors.push(FieldError::invalid(field, &Value::from(other), words));
    }
}

pub(super) fn address(address: &Value, path: &str, errors: &mut Vec<FieldError>) {
    let text = address["ip"].as_str().unwrap_or_default();
    let Ok(ip) = IpAddr::from_str(text) else {
        let field = join(path, "ip");
        let words = "must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)";
        errors.push(FieldError::invalid(
            field.clone(),
            &Value::from(text),
            words,
        ));
        let words = "must be a valid IP address";
        errors.push(FieldError::invalid(field, &Value::from(text), words));
        return;
    };
    let forbidden = [
        (ip.is_unspecified(), "may not be unspecified (0.0.0.0)"),
        (
            ip.is_loopback(),
            "may not be in the loopback range (127.0.0.0/8)",
        ),
    ];
    for (_, words) in forbidden.into_iter().filter(|(is, _)| *is) {
        errors.push(FieldError::invalid(join(path, "ip"), &address["ip"], words));
    }
}

/// Ports of endpoints; those of slices may have none.
pub(super) fn endpoint_port(port: &Value, path: &str, errors: &mut Vec<FieldError>) {
    if path.starts_with("subsets") {
        super::rules::port(&port["port"], &join(path, "port"), errors);
    }
}

pub(super) fn subset(subset: &Value, path: &str, errors: &mut Vec<FieldError>) {
    if is_nothing(&subset["addresses"]) && is_nothing(&subset["notReadyAddresses"]) {
        let words = "must specify `addresses` or `notReadyAddresses`";
        errors.push(FieldError::required(path, words));
    }
    let ports = subset["ports"]
        .as_array()
        .map(Vec::as_slice)
        .unwrap_or_default();
    for (index, port) in ports.iter().enumerate() {
        if ports.len() > 1 && is_nothing(&port["name"]) {
            let field = join(path, &format!("ports[{index}].name"));
            errors.push(FieldError::required(field, ""));
        }
    }
}

pub(super) fn schedule(spec: &Value, path: &str, errors: &mut Vec<FieldError>) {
    let text = spec["schedule"].as_str().unwrap_or_default();
    let plain = match text.split_once(' ') {
        Some((zone, rest)) if zone.starts_with("TZ=") || zone.starts_with("CRON_TZ=") => rest,
        _ => text,
    };
    if plain.is_empty() || plain.starts_with('@') {
        return;
    }
    let fields = plain.split_whitespace().count();
    if fields != 5 {
        let words = format!("Expected exactly 5 fields, found {fields}: {plain}");
        let field = join(path, "schedule");
        errors.push(FieldError::invalid(field, &spec["schedule"], words));
    }
}

pub(super) fn progress_deadline(spec: &Value, path: &str, errors: &mut Vec<FieldError>) {
    let deadline = &spec["progressDeadlineSeconds"];
    let least = spec["minReadySeconds"].as_i64().unwrap_or_default();
    let Some(seconds) = deadline.as_i64() else {
        return;
    };
    let field = join(path, "progressDeadlineSeconds");
    if seconds < 0 {
        errors.push(not_negative(&field, deadline));
    }
    if seconds <= least {
        let words = "must be greater than minReadySeconds";
        errors.push(FieldError::invalid(field, deadline, words));
    }
}

pub(super) fn deployment_strategy(spec: &Value, path: &str, errors: &mut Vec<FieldError>) {
    let strategy = &spec["strategy"];
    let path = join(path, "strategy");
    let rolling = &strategy["rollingUpdate"];
    match strategy["type"].as_str().unwrap_or_default() {
        "Recreate" if !rolling.is_null() => {
            let words = "may not be specified when strategy `type` is 'Recreate'";
            let field = join(&path, "rollingUpdate");
            errors.push(FieldError::forbidden(field, words));
        }
        "Recreate" => {}
        "RollingUpdate" => {
            let path = join(&path, "rollingUpdate");
            for key in ["maxUnavailable", "maxSurge"] {
                let field = join(&path, key);
                let before = errors.len();
                amount(&rolling[key], &field, errors);
                if key == "maxUnavailable" && errors.len() == before {
                    at_most_all(&rolling[key], &field, errors);
                }
            }
            let none = |key: &str| rolling[key] == 0 || rolling[key] == "0%";
            if none("maxUnavailable") && none("maxSurge") {
                let words = "may not be 0 when `maxSurge` is 0";
                let field = join(&path, "maxUnavailable");
                let shown = go_int_or_string(&rolling["maxUnavailable"]);
                errors.push(FieldError::invalid_shown(field, shown, words));
            }
        }
        other => {
            let shown = format!(
                "apps.DeploymentStrategy{{Type:{other:?}, \
                 RollingUpdate:(*apps.RollingUpdateDeployment)(nil)}}"
            );
            let supported = ["Recreate", "RollingUpdate"];
            errors.push(shown_unsupported(&path, shown, &supported));
        }
    }
}

pub(super) fn daemon_set_strategy(spec: &Value, path: &str, errors: &mut Vec<FieldError>) {
    let path = join(path, "updateStrategy");
    let strategy = &spec["updateStrategy"];
    match strategy["type"].as_str().unwrap_or_default() {
        "OnDelete" => {}
        "RollingUpdate" => {
            let field = join(&path, "rollingUpdate.maxUnavailable");
            let most = &strategy["rollingUpdate"]["maxUnavailable"];
            amount(most, &field, errors);
            at_most_all(most, &field, errors);
        }
        other => {
            let shown = format!(
                "apps.DaemonSetUpdateStrategy{{Type:{other:?}, \
                 RollingUpdate:(*apps.RollingUpdateDaemonSet)(nil)}}"
            );
            let supported = ["RollingUpdate", "OnDelete"];
            errors.push(shown_unsupported(&path, shown, &supported));
        }
    }
}

pub(super) fn stateful_set_strategy(spec: &Value, path: &str, errors: &mut Vec<FieldError>) {
    let policy = &spec["podManagementPolicy"];
    let policies = ["OrderedReady", "Parallel"];
    if !policies.iter().any(|known| policy == known) {
        let words = "must be 'OrderedReady' or 'Parallel'";
        let field = join(path, "podManagementPolicy");
        errors.push(FieldError::invalid(field, policy, words));
    }
    let strategy = &spec["updateStrategy"];
    let path = join(path, "updateStrategy");
    let rolling = &strategy["rollingUpdate"];
    match strategy["type"].as_str().unwrap_or_default() {
        "RollingUpdate" => {
            let partition = &rolling["partition"];
            if partition.as_i64().is_some_and(|number| number < 0) {
                errors.push(not_negative(
                    &join(&path, "rollingUpdate.partition"),
                    partition,
                ));
            }
        }
        "OnDelete" if rolling.is_null() => {}
        "OnDelete" => {
            let words = "only allowed for updateStrategy 'RollingUpdate'";
            let field = join(&path, "rollingUpdate");
            let partition = rolling["partition"].as_i64().unwrap_or_default();
            let shown = format!("apps.RollingUpdateStatefulSetStrategy{{Partition:{partition}}}");
            errors.push(FieldError::invalid_shown(field, shown, words));
        }
        other => {
            let words = "must be 'RollingUpdate' or 'OnDelete'";
            let shown = format!(
                "apps.StatefulSetUpdateStrategy{{Type:{other:?}, \
                 RollingUpdate:(*apps.RollingUpdateStatefulSetStrategy)(nil)}}"
            );
            errors.push(FieldError::invalid_shown(path, shown, words));
        }
    }
}

/// A number that is not negative, or a share.
fn amount(value: &Value, field: &str, errors: &mut Vec<FieldError>) {
    match value {
        Value::Number(number) if number.as_i64().is_some_and(|number| number < 0) => {
            errors.push(not_negative(field, value));
        }
        Value::String(text) => {
            let digits = text.strip_suffix('%').unwrap_or_default();
            if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
                let words = "a valid percent string must be a numeric string followed by an \
                             ending '%' (e.g. '1%',  or '93%', regex used for validation is \
                             '[0-9]+%')";
                let shown = go_int_or_string(value);
                errors.push(FieldError::invalid_shown(field, shown, words));
            }
        }
        _ => {}
    }
}

fn at_most_all(value: &Value, field: &str, errors: &mut Vec<FieldError>) {
    let share = value
        .as_str()
        .and_then(|text| text.strip_suffix('%')?.parse::<u32>().ok());
    if share.is_some_and(|share| share > 100) {
        let words = "must not be greater than 100%";
        errors.push(FieldError::invalid_shown(
            field,
            go_int_or_string(value),
            words,
        ));
    }
}

fn go_int_or_string(value: &Value) -> String {
    let (kind, number, text) = match value {
        Value::String(text) => (1, 0, text.as_str()),
        other => (0, other.as_i64().unwrap_or_default(), ""),
    };
    format!("intstr.IntOrString{{Type:{kind}, IntVal:{number}, StrVal:{text:?}}}")
}

fn shown_unsupported(field: &str, shown: String, supported: &[&str]) -> FieldError {
    let mut error = FieldError::not_supported(field, &Value::Null, supported);
    error.value = Some(shown);
    error
}

pub(super) fn disruption(spec: &Value, path: &str, errors: &mut Vec<FieldError>) {
    let (least, most) = (&spec["minAvailable"], &spec["maxUnavailable"]);
    if !least.is_null() && !most.is_null() {
        let words = "minAvailable and maxUnavailable cannot be both set";
        errors.push(FieldError::invalid_shown(path, spec.to_string(), words));
    }
    for (key, value) in [("minAvailable", least), ("maxUnavailable", most)] {
        let field = join(path, key);
        amount(value, &field, errors);
        at_most_all(value, &field, errors);
    }
    let selector = join(path, "selector");
    selectors::validate(&spec["selector"], &selector, errors);
}

pub(super) fn scaling_bounds(spec: &Value, path: &str, errors: &mut Vec<FieldError>) {
    let (least, most) = (&spec["minReplicas"], &spec["maxReplicas"]);
    if least.as_i64().is_some_and(|least| least < 1) {
        let field = join(path, "minReplicas");
        errors.push(FieldError::invalid(
            field,
            least,
            "must be greater than or equal to 1",
        ));
    }
    let field = join(path, "maxReplicas");
    let shown = Value::from(most.as_i64().unwrap_or_default());
    if shown.as_i64().is_some_and(|most| most < 1) {
        errors.push(FieldError::invalid(
            field.clone(),
            &shown,
            "must be greater than 0",
        ));
    }
    if let (Some(least), Some(most)) = (least.as_i64(), most.as_i64())
        && most < least
    {
        let words = "must be greater than or equal to `minReplicas`";
        errors.push(FieldError::invalid(field, &shown, words));
    }
}

pub(super) fn lease_transitions(spec: &Value, path: &str, errors: &mut Vec<FieldError>) {
    let transitions = &spec["leaseTransitions"];
    if transitions.as_i64().is_some_and(|number| number < 0) {
        let words = "must to greater or equal than 0";
        let field = join(path, "leaseTransitions");
        errors.push(FieldError::invalid(field, transitions, words));
    }
}

pub(super) fn claim_size(spec: &Value, path: &str, errors: &mut Vec<FieldError>) {
    let amount = &spec["resources"]["requests"]["storage"];
    let field = join(path, "resources[storage]");
    match pods::quantity(amount) {
        None => errors.push(FieldError::required(field, "")),
        Some(size) if size.is_negative() || size.to_string() == "0" => {
            errors.push(FieldError::invalid(
                field,
                amount,
                "must be greater than zero",
            ));
        }
        Some(_) => {}
    }
}

pub(super) fn capacity(spec: &Value, path: &str, errors: &mut Vec<FieldError>) {
    let capacity = spec["capacity"].as_object();
    if capacity.is_none_or(|map| map.len() != 1 || !map.contains_key("storage")) {
        let shown = match capacity {
            None => "core.ResourceList(nil)".to_owned(),
            Some(_) => spec["capacity"].to_string(),
        };
        let field = join(path, "capacity");
        errors.push(shown_unsupported(&field, shown, &["storage"]));
    }
}

/// The sources that a persistent volume may have.
pub(super) const VOLUME_SOURCES: &[&str] = &[
    "awsElasticBlockStore",
    "azureDisk",
    "azureFile",
    "cephfs",
    "cinder",
    "csi",
    "fc",
    "flexVolume",
    "flocker",
    "gcePersistentDisk",
    "glusterfs",
    "hostPath",
    "iscsi",
    "local",
    "nfs",
    "photonPersistentDisk",
    "portworxVolume",
    "quobyte",
    "rbd",
    "scaleIO",
    "storageos",
    "vsphereVolume",
];

pub(super) fn volume_source(spec: &Value, path: &str, errors: &mut Vec<FieldError>) {
    let said: Vec<&&str> = VOLUME_SOURCES
        .iter()
        .filter(|source| !spec[**source].is_null())
        .collect();
    if said.is_empty() {
        errors.push(FieldError::required(path, "must specify a volume type"));
    }
    for source in said.into_iter().skip(1) {
        let words = "may not specify more than 1 volume type";
        errors.push(FieldError::forbidden(join(path, source), words));
    }
}

pub(super) fn role(role: &Value, _: &str, errors: &mut Vec<FieldError>) {
    policy_rules(role, true, errors);
}

pub(super) fn cluster_role(role: &Value, _: &str, errors: &mut Vec<FieldError>) {
    policy_rules(role, false, errors);
}

fn policy_rules(role: &Value, namespaced: bool, errors: &mut Vec<FieldError>) {
    for (index, rule) in list(&role["rules"]).enumerate() {
        let path = format!("rules[{index}]");
        let mut required = |key: &str, words: &str| {
            if is_nothing(&rule[key]) {
                errors.push(FieldError::required(format!("{path}.{key}"), words));
            }
        };
        required("verbs", "verbs must contain at least one value");
        let urls = &rule["nonResourceURLs"];
        if !is_nothing(urls) {
            let words = if namespaced {
                "namespaced rules cannot apply to non-resource URLs"
            } else if !is_nothing(&rule["apiGroups"]) || !is_nothing(&rule["resources"]) {
                "rules cannot apply to both regular resources and non-resource URLs"
            } else {
                continue;
            };
            let field = format!("{path}.nonResourceURLs");
            errors.push(FieldError::invalid_shown(field, go_texts(urls), words));
            continue;
        }
        required(
            "apiGroups",
            "resource rules must supply at least one api group",
        );
        required(
            "resources",
            "resource rules must supply at least one resource",
        );
    }
}

pub(super) fn role_binding(binding: &Value, _: &str, errors: &mut Vec<FieldError>) {
    bound(binding, &["Role", "ClusterRole"], true, errors);
}

pub(super) fn cluster_role_binding(binding: &Value, _: &str, errors: &mut Vec<FieldError>) {
    bound(binding, &["ClusterRole"], false, errors);
}

fn bound(binding: &Value, kinds: &[&str], namespaced: bool, errors: &mut Vec<FieldError>) {
    let role = &binding["roleRef"];
    if role["apiGroup"] != RBAC {
        errors.push(FieldError::not_supported(
            "roleRef.apiGroup",
            &role["apiGroup"],
            &[RBAC],
        ));
    }
    let kind = Value::from(role["kind"].as_str().unwrap_or_default());
    if !kinds.iter().any(|known| kind == *known) {
        errors.push(FieldError::not_supported("roleRef.kind", &kind, kinds));
    }
    if is_nothing(&role["name"]) {
        errors.push(FieldError::required("roleRef.name", ""));
    }
    for (index, subject) in list(&binding["subjects"]).enumerate() {
        let path = format!("subjects[{index}]");
        if is_nothing(&subject["name"]) {
            errors.push(FieldError::required(format!("{path}.name"), ""));
        }
        let group = &subject["apiGroup"];
        let field = format!("{path}.apiGroup");
        match subject["kind"].as_str().unwrap_or_default() {
            "ServiceAccount" => {
                if !is_nothing(group) {
                    errors.push(FieldError::not_supported(field, group, &[""]));
                }
                if !namespaced && is_nothing(&subject["namespace"]) {
                    errors.push(FieldError::required(format!("{path}.namespace"), ""));
                }
            }
            "User" | "Group" => {
                if *group != RBAC {
                    errors.push(FieldError::not_supported(field, group, &[RBAC]));
                }
            }
            kind => {
                let known = ["ServiceAccount", "User", "Group"];
                let field = format!("{path}.kind");
                errors.push(FieldError::not_supported(field, &Value::from(kind), &known));
            }
        }
    }
}

/// A list of texts as Go prints it.
pub(super) fn go_texts(list: &Value) -> String {
    let texts: Vec<String> = self::list(list).map(ToString::to_string).collect();
    format!("[]string{{{}}}", texts.join(", "))
}

pub(super) fn ingress(spec: &Value, path: &str, errors: &mut Vec<FieldError>) {
    let backends = ["defaultBackend", "backend"];
    if is_nothing(&spec["rules"]) && backends.iter().all(|key| spec[*key].is_null()) {
        let words = "either `defaultBackend` or `rules` must be specified";
        let shown = "[]networking.IngressRule(nil)";
        errors.push(FieldError::invalid_shown(path, shown, words));
    }
}

pub(super) fn ingress_host(rule: &Value, path: &str, errors: &mut Vec<FieldError>) {
    host(&rule["host"], &join(path, "host"), errors);
}

pub(super) fn ingress_tls(tls: &Value, path: &str, errors: &mut Vec<FieldError>) {
    for (index, name) in list(&tls["hosts"]).enumerate() {
        host(name, &join(path, &format!("hosts[{index}]")), errors);
    }
}

fn host(name: &Value, field: &str, errors: &mut Vec<FieldError>) {
    let text = name.as_str().unwrap_or_default();
    let faults = if text.is_empty() {
        Vec::new()
    } else if text.contains('*') {
        names::wildcard(text)
    } else {
        names::subdomain(text)
    };
    for fault in faults {
        errors.push(FieldError::invalid(field, name, fault));
    }
}

pub(super) fn ingress_path(path: &Value, field: &str, errors: &mut Vec<FieldError>) {
    let text = path["path"].as_str().unwrap_or_default();
    let kind = path["pathType"].as_str().unwrap_or_default();
    if (kind == "Exact" || kind == "Prefix") && !text.starts_with('/') {
        let words = "must be an absolute path";
        let field = join(field, "path");
        errors.push(FieldError::invalid(field, &Value::from(text), words));
    }
    let backend = &path["backend"];
    let older = !backend["serviceName"].is_null();
    let said = ["service", "resource"]
        .iter()
        .filter(|key| !backend[**key].is_null())
        .count();
    if said == 0 && !older {
        let words = "resource or service backend is required";
        let field = join(field, "backend");
        errors.push(FieldError::invalid(field, &Value::from(""), words));
    }
    let service = &backend["service"];
    if service.is_object() {
        let field = join(field, "backend.service");
        if is_nothing(&service["name"]) {
            errors.push(FieldError::required(join(&field, "name"), ""));
        }
        let port = &service["port"];
        if is_nothing(&port["name"]) && port["number"].as_i64().unwrap_or_default() == 0 {
            let words = "port name or number is required";
            errors.push(FieldError::required(field, words));
        }
    }
}

pub(super) fn peer(peer: &Value, path: &str, errors: &mut Vec<FieldError>) {
    let selects = !peer["podSelector"].is_null() || !peer["namespaceSelector"].is_null();
    let block = &peer["ipBlock"];
    for key in ["podSelector", "namespaceSelector"] {
        selectors::validate(&peer[key], &join(path, key), errors);
    }
    if !block.is_null() {
        let text = block["cidr"].as_str().unwrap_or_default();
        let fits = text.split_once('/').is_some_and(|(address, bits)| {
            let most = if address.contains(':') { 128 } else { 32 };
            IpAddr::from_str(address).is_ok() && bits.parse::<u8>().is_ok_and(|bits| bits <= most)
        });
        let field = join(path, "ipBlock.cidr");
        if text.is_empty() {
            errors.push(FieldError::required(field, ""));
        } else if !fits {
            errors.push(FieldError::invalid(
                field,
                &block["cidr"],
                "not a valid CIDR",
            ));
        }
    }
    match (selects, block.is_null()) {
        (false, true) => errors.push(FieldError::required(path, "must specify a peer")),
        (true, false) => {
            let words = "may not specify both ipBlock and another peer";
            errors.push(FieldError::forbidden(path, words));
        }
        _ => {}
    }
}

pub(super) fn policy_port(port: &Value, path: &str, errors: &mut Vec<FieldError>) {
    if !port["port"].is_null() {
        port_or_name(&port["port"], &join(path, "port"), errors);
    }
}

pub(super) fn policy_types(spec: &Value, path: &str, errors: &mut Vec<FieldError>) {
    let known = ["Ingress", "Egress"];
    for (index, name) in list(&spec["policyTypes"]).enumerate() {
        if !known.iter().any(|known| name == known) {
            let field = join(path, &format!("policyTypes[{index}]"));
            errors.push(FieldError::not_supported(field, name, &known));
        }
    }
}

pub(super) fn webhook_name(hook: &Value, path: &str, errors: &mut Vec<FieldError>) {
    let text = hook["name"].as_str().unwrap_or_default();
    let field = join(path, "name");
    if text.is_empty() {
        errors.push(FieldError::required(field, ""));
        return;
    }
    let faults = names::subdomain(text);
    for fault in &faults {
        errors.push(FieldError::invalid(
            field.clone(),
            &hook["name"],
            fault.as_str(),
        ));
    }
    if faults.is_empty() && text.split('.').count() < 3 {
        let words = "should be a domain with at least three segments separated by dots";
        errors.push(FieldError::invalid(field, &hook["name"], words));
    }
}

pub(super) fn webhook_rule(rule: &Value, path: &str, errors: &mut Vec<FieldError>) {
    const OPERATIONS: &[&str] = &["*", "CONNECT", "CREATE", "DELETE", "UPDATE"];
    let several = [("apiGroups", "API groups"), ("apiVersions", "API versions")];
    if is_nothing(&rule["operations"]) {
        errors.push(FieldError::required(join(path, "operations"), ""));
    }
    for (index, operation) in list(&rule["operations"]).enumerate() {
        if !OPERATIONS.iter().any(|known| operation == known) {
            let field = join(path, &format!("operations[{index}]"));
            errors.push(FieldError::not_supported(field, operation, OPERATIONS));
        }
    }
    for (key, words) in several {
        let field = join(path, key);
        if is_nothing(&rule[key]) {
            errors.push(FieldError::required(field, ""));
        } else if list(&rule[key]).count() > 1 && list(&rule[key]).any(|name| name == "*") {
            let words = format!("if '*' is present, must not specify other {words}");
            errors.push(FieldError::invalid_shown(
                field,
                go_texts(&rule[key]),
                words,
            ));
        }
    }
    if is_nothing(&rule["resources"]) {
        errors.push(FieldError::required(join(path, "resources"), ""));
    }
}

pub(super) fn webhook_timeout(hook: &Value, path: &str, errors: &mut Vec<FieldError>) {
    let seconds = &hook["timeoutSeconds"];
    if seconds
        .as_i64()
        .is_some_and(|number| !(1..=30).contains(&number))
    {
        let words = "the timeout value must be between 1 and 30 seconds";
        let field = join(path, "timeoutSeconds");
        errors.push(FieldError::invalid(field, seconds, words));
    }
}

pub(super) fn webhook_client(hook: &Value, path: &str, errors: &mut Vec<FieldError>) {
    let client = &hook["clientConfig"];
    let path = join(path, "clientConfig");
    let (url, service) = (&client["url"], &client["service"]);
    if url.is_null() == service.is_null() {
        let words = "exactly one of url or service is required";
        errors.push(FieldError::required(path, words));
    } else if let Some(text) = url.as_str() {
        let scheme = text.split_once("://").map_or("", |(scheme, _)| scheme);
        if scheme != "https" {
            let words =
                "'https' is the only allowed URL scheme; desired format: https://host[/path]";
            let field = join(&path, "url");
            errors.push(FieldError::invalid(field, &Value::from(scheme), words));
        }
    } else {
        for (key, words) in [
            ("name", "service name is required"),
            ("namespace", "service namespace is required"),
        ] {
            if is_nothing(&service[key]) {
                let field = join(&path, &format!("service.{key}"));
                errors.push(FieldError::required(field, words));
            }
        }
    }
}

pub(super) fn webhook_versions(hook: &Value, path: &str, errors: &mut Vec<FieldError>) {
    let versions = &hook["admissionReviewVersions"];
    let field = join(path, "admissionReviewVersions");
    if is_nothing(versions) {
        let words = "must specify one of v1, v1beta1";
        errors.push(FieldError::required(field, words));
    } else if !list(versions).any(|version| version == "v1" || version == "v1beta1") {
        let words = "must include at least one of v1, v1beta1";
        errors.push(FieldError::invalid_shown(field, go_texts(versions), words));
    }
}

/// A job selects its pods itself, or by hand with a selector that fits.
pub(super) fn job(object: &Value, errors: &mut Vec<FieldError>) {
    let spec = &object["spec"];
    let by_hand = spec["manualSelector"] == true;
    let selector = &spec["selector"];
    if selector.is_null() {
        errors.push(FieldError::required("spec.selector", ""));
    }
    let uid = object["metadata"]["uid"].as_str().unwrap_or_default();
    let own = serde_json::json!({ "matchLabels": { "controller-uid": uid } });
    if !by_hand && !selector.is_null() && *selector != own {
        let words = "`selector` not auto-generated";
        errors.push(FieldError::invalid_shown(
            "spec.selector",
            selectors::go(selector),
            words,
        ));
    }
    let labels = &spec["template"]["metadata"]["labels"];
    if !selector.is_null() && !selectors::matches(selector, labels) {
        errors.push(FieldError {
            fault: Fault::Invalid,
            field: "spec.template.metadata.labels".to_owned(),
            value: Some(selectors::go_labels(labels)),
            detail: "`selector` does not match template `labels`".to_owned(),
        });
    }
}

fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}
