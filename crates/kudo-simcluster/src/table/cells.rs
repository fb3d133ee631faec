//! Cells that are made from more than one field.

use jiff::Timestamp;
use serde_json::Value;

use super::age;
use crate::builtin;

pub(super) fn or_none(value: &Value) -> Value {
    match value.as_str() {
        None | Some("") => "<none>".into(),
        Some(text) => text.into(),
    }
}

pub(super) fn or_na(value: &Value) -> Value {
    match value {
        Value::Null => "N/A".into(),
        Value::String(text) => text.as_str().into(),
        other => other.to_string().into(),
    }
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

pub(super) fn labels(value: &Value) -> Value {
    let parts: Vec<String> = value
        .as_object()
        .into_iter()
        .flatten()
        .map(|(name, value)| format!("{name}={}", value.as_str().unwrap_or_default()))
        .collect();
    if parts.is_empty() {
        "<none>".into()
    } else {
        parts.join(",").into()
    }
}

pub(super) fn pod_ready(pod: &Value, _: Timestamp) -> Value {
    let all = list(&pod["spec"]["containers"]).len();
    let ready = list(&pod["status"]["containerStatuses"]);
    let ready = ready
        .iter()
        .filter(|status| status["ready"] == true && !status["state"]["running"].is_null());
    format!("{}/{all}", ready.count()).into()
}

pub(super) fn pod_restarts(pod: &Value, _: Timestamp) -> Value {
    let statuses = list(&pod["status"]["containerStatuses"]).iter();
    let restarts: i64 = statuses
        .filter_map(|status| status["restartCount"].as_i64())
        .sum();
    restarts.to_string().into()
}

pub(super) fn pod_status(pod: &Value, _: Timestamp) -> Value {
    let text = |value: &Value| {
        value
            .as_str()
            .filter(|text| !text.is_empty())
            .map(ToOwned::to_owned)
    };
    let mut reason = text(&pod["status"]["phase"]).unwrap_or_default();
    reason = text(&pod["status"]["reason"]).unwrap_or(reason);
    let count = list(&pod["spec"]["initContainers"]).len();
    let mut initializing = false;
    for (index, status) in list(&pod["status"]["initContainerStatuses"])
        .iter()
        .enumerate()
    {
        let state = &status["state"];
        if state["terminated"]["exitCode"] == 0 {
            continue;
        }
        initializing = true;
        let why = why_ended(&state["terminated"]).or_else(|| {
            text(&state["waiting"]["reason"]).filter(|reason| reason != "PodInitializing")
        });
        reason = why.map_or_else(
            || format!("Init:{index}/{count}"),
            |why| format!("Init:{why}"),
        );
        break;
    }
    if !initializing {
        let mut running = false;
        for status in list(&pod["status"]["containerStatuses"]).iter().rev() {
            let state = &status["state"];
            let why = text(&state["waiting"]["reason"]).or_else(|| why_ended(&state["terminated"]));
            running |= why.is_none() && status["ready"] == true && !state["running"].is_null();
            reason = why.unwrap_or(reason);
        }
        // Some have ended, and others go on.
        if reason == "Completed" && running {
            let is_ready = has_condition(pod, "Ready");
            (if is_ready { "Running" } else { "NotReady" }).clone_into(&mut reason);
        }
    }
    if pod["metadata"]["deletionTimestamp"].is_string() {
        let lost = pod["status"]["reason"] == "NodeLost";
        (if lost { "Unknown" } else { "Terminating" }).clone_into(&mut reason);
    }
    reason.into()
}

/// How a container that has ended has done so.
fn why_ended(ended: &Value) -> Option<String> {
    let reason = ended["reason"].as_str().filter(|reason| !reason.is_empty());
    let signal = ended["signal"].as_i64().filter(|signal| *signal != 0);
    match (reason, signal) {
        _ if ended.is_null() => None,
        (Some(reason), _) => Some(reason.to_owned()),
        (None, Some(signal)) => Some(format!("Signal:{signal}")),
        (None, None) => Some(format!(
            "ExitCode:{}",
            ended["exitCode"].as_i64().unwrap_or(0)
        )),
    }
}

fn has_condition(pod: &Value, name: &str) -> bool {
    let mut conditions = list(&pod["status"]["conditions"]).iter();
    conditions.any(|condition| condition["type"] == name && condition["status"] == "True")
}

/// How many of a pod's own conditions of readiness are met.
pub(super) fn readiness_gates(pod: &Value, _: Timestamp) -> Value {
    let gates = list(&pod["spec"]["readinessGates"]);
    if gates.is_empty() {
        return "<none>".into();
    }
    let met = gates
        .iter()
        .filter_map(|gate| gate["conditionType"].as_str());
    let met = met
        .filter(|condition| has_condition(pod, condition))
        .count();
    format!("{met}/{}", gates.len()).into()
}

/// The first three of some texts, and how many more there are.
fn first_three(texts: &[String]) -> Value {
    const MOST: usize = 3;
    let shown = texts[..texts.len().min(MOST)].join(",");
    match texts.len() {
        0 => "<unset>".into(),
        count if count > MOST => format!("{shown} + {} more...", count - MOST).into(),
        _ => shown.into(),
    }
}

pub(super) fn slice_ports(slice: &Value, _: Timestamp) -> Value {
    let text = |port: &Value| match (&port["port"], port["name"].as_str()) {
        (Value::Number(number), _) => number.to_string(),
        (_, Some(name)) => name.to_owned(),
        _ => "*".to_owned(),
    };
    let ports: Vec<String> = list(&slice["ports"]).iter().map(text).collect();
    first_three(&ports)
}

pub(super) fn slice_addresses(slice: &Value, _: Timestamp) -> Value {
    let endpoints = list(&slice["endpoints"]).iter();
    let addresses = endpoints.flat_map(|endpoint| list(&endpoint["addresses"]));
    let addresses: Vec<String> = addresses
        .filter_map(|address| address.as_str().map(ToOwned::to_owned))
        .collect();
    first_three(&addresses)
}

/// The subjects of a kind that a binding gives rights to.
pub(super) fn subjects(binding: &Value, kind: &str) -> Value {
    let subjects = list(&binding["subjects"]).iter();
    let names = subjects
        .filter(|subject| subject["kind"] == kind)
        .map(|subject| {
            let text = |field: &str| subject[field].as_str().unwrap_or_default();
            if kind == "ServiceAccount" {
                format!("{}/{}", text("namespace"), text("name"))
            } else {
                text("name").to_owned()
            }
        });
    names.collect::<Vec<_>>().join(", ").into()
}

/// The name of a storage class, which says whether it is the default.
pub(super) fn class_name(class: &Value, _: Timestamp) -> Value {
    let name = class["metadata"]["name"].as_str().unwrap_or_default();
    if builtin::is_default_class(class) {
        format!("{name} (default)").into()
    } else {
        name.into()
    }
}

/// Whose history a revision is part of.
pub(super) fn revision_controller(revision: &Value, _: Timestamp) -> Value {
    let owners = list(&revision["metadata"]["ownerReferences"]).iter();
    let mut owners = owners.filter(|owner| owner["controller"] == true);
    let Some(owner) = owners.next() else {
        return "<none>".into();
    };
    let text = |field: &str| owner[field].as_str().unwrap_or_default();
    let kind = match text("apiVersion").split_once('/') {
        Some((group, _)) => format!("{}.{group}", text("kind")),
        None => text("kind").to_owned(),
    };
    format!("{}/{}", kind.to_lowercase(), text("name")).into()
}

pub(super) fn class_parameters(class: &Value, _: Timestamp) -> Value {
    let parameters = &class["spec"]["parameters"];
    if parameters.is_null() {
        return "<none>".into();
    }
    let text = |field: &str| parameters[field].as_str().unwrap_or_default();
    let kind = match text("apiGroup") {
        "" => text("kind").to_owned(),
        group => format!("{}.{group}", text("kind")),
    };
    format!("{kind}/{}", text("name")).into()
}

pub(super) fn phase(object: &Value, _: Timestamp) -> Value {
    if object["metadata"]["deletionTimestamp"].is_string() {
        return "Terminating".into();
    }
    object["status"]["phase"]
        .as_str()
        .unwrap_or_default()
        .into()
}

pub(super) fn node_status(node: &Value, _: Timestamp) -> Value {
    let ready = list(&node["status"]["conditions"])
        .iter()
        .find(|c| c["type"] == "Ready");
    let mut status = match ready.and_then(|condition| condition["status"].as_str()) {
        Some("True") => "Ready",
        Some(_) => "NotReady",
        None => "Unknown",
    }
    .to_owned();
    if node["spec"]["unschedulable"] == true {
        status.push_str(",SchedulingDisabled");
    }
    status.into()
}

pub(super) fn node_roles(node: &Value, _: Timestamp) -> Value {
    let labels = node["metadata"]["labels"].as_object();
    let roles: Vec<&str> = labels
        .into_iter()
        .flatten()
        .filter_map(|(name, _)| name.strip_prefix("node-role.kubernetes.io/"))
        .collect();
    if roles.is_empty() {
        "<none>".into()
    } else {
        roles.join(",").into()
    }
}

pub(super) fn node_address(node: &Value, ty: &str) -> Value {
    let mut addresses = list(&node["status"]["addresses"]).iter();
    let found = addresses.find(|address| address["type"] == ty);
    found.map_or_else(|| "<none>".into(), |address| address["address"].clone())
}

pub(super) fn node_info(node: &Value, field: &str) -> Value {
    match node["status"]["nodeInfo"][field].as_str() {
        None | Some("") => "<unknown>".into(),
        Some(text) => text.into(),
    }
}

pub(super) fn data(object: &Value, _: Timestamp) -> Value {
    let count = |field: &str| object[field].as_object().map_or(0, serde_json::Map::len);
    (count("data") + count("binaryData")).into()
}

pub(super) fn external_ip(service: &Value, _: Timestamp) -> Value {
    let ips: Vec<&str> = list(&service["spec"]["externalIPs"])
        .iter()
        .filter_map(Value::as_str)
        .collect();
    match service["spec"]["type"].as_str() {
        Some("ExternalName") => service["spec"]["externalName"].clone(),
        Some("LoadBalancer") => match balancers(service, Timestamp::UNIX_EPOCH) {
            Value::String(text) if text.is_empty() && ips.is_empty() => "<pending>".into(),
            found => found,
        },
        _ if ips.is_empty() => "<none>".into(),
        _ => ips.join(",").into(),
    }
}

pub(super) fn balancers(object: &Value, _: Timestamp) -> Value {
    let points = list(&object["status"]["loadBalancer"]["ingress"]).iter();
    let points =
        points.filter_map(|point| point["ip"].as_str().or_else(|| point["hostname"].as_str()));
    points.collect::<Vec<_>>().join(",").into()
}

pub(super) fn service_ports(service: &Value, _: Timestamp) -> Value {
    let ports: Vec<String> = list(&service["spec"]["ports"])
        .iter()
        .map(|port| {
            let protocol = port["protocol"].as_str().unwrap_or("TCP");
            match port["nodePort"].as_i64().filter(|port| *port > 0) {
                Some(node) => format!("{}:{node}/{protocol}", port["port"]),
                None => format!("{}/{protocol}", port["port"]),
            }
        })
        .collect();
    if ports.is_empty() {
        "<none>".into()
    } else {
        ports.join(",").into()
    }
}

pub(super) fn endpoints(object: &Value, _: Timestamp) -> Value {
    let mut all = Vec::new();
    for subset in list(&object["subsets"]) {
        for address in list(&subset["addresses"]) {
            let ip = address["ip"].as_str().unwrap_or_default();
            let ports = list(&subset["ports"]);
            if ports.is_empty() {
                all.push(ip.to_owned());
            }
            all.extend(ports.iter().map(|port| format!("{ip}:{}", port["port"])));
        }
    }
    let more = all.len().saturating_sub(3);
    all.truncate(3);
    match (all.is_empty(), more) {
        (true, _) => "<none>".into(),
        (_, 0) => all.join(",").into(),
        (_, more) => format!("{} + {more} more...", all.join(",")).into(),
    }
}

/// What an event is about; the newer of its versions has other names for some fields.
fn of_event<'a>(event: &'a Value, names: [&str; 2]) -> &'a Value {
    names
        .into_iter()
        .map(|name| &event[name])
        .find(|value| !value.is_null())
        .unwrap_or(&Value::Null)
}

pub(super) fn event_object(event: &Value, _: Timestamp) -> Value {
    let object = of_event(event, ["involvedObject", "regarding"]);
    let text = |field: &str| object[field].as_str().unwrap_or_default();
    let kind = text("kind").to_lowercase();
    match text("name") {
        "" => kind.into(),
        name => format!("{kind}/{name}").into(),
    }
}

pub(super) fn event_part(event: &Value, _: Timestamp) -> Value {
    let object = of_event(event, ["involvedObject", "regarding"]);
    object["fieldPath"].as_str().unwrap_or_default().into()
}

pub(super) fn event_source(event: &Value, _: Timestamp) -> Value {
    let source = of_event(event, ["source", "deprecatedSource"]);
    let text = |first: &Value, second: &str| {
        let reporting = ["reportingComponent", "reportingController"].map(|name| &event[name]);
        let other = match second {
            "" => reporting[0].as_str().or(reporting[1].as_str()),
            field => event[field].as_str(),
        };
        let first = first.as_str().filter(|text| !text.is_empty());
        first.or(other).unwrap_or_default().to_owned()
    };
    let component = text(&source["component"], "");
    match text(&source["host"], "reportingInstance") {
        host if host.is_empty() => component.into(),
        host => format!("{component}, {host}").into(),
    }
}

pub(super) fn event_message(event: &Value, _: Timestamp) -> Value {
    let message = of_event(event, ["message", "note"]);
    message.as_str().unwrap_or_default().trim().into()
}

pub(super) fn event_first(event: &Value, now: Timestamp) -> Value {
    match of_event(event, ["firstTimestamp", "deprecatedFirstTimestamp"]) {
        Value::Null => age::age(&event["eventTime"], now).into(),
        time => age::age(time, now).into(),
    }
}

pub(super) fn event_last(event: &Value, now: Timestamp) -> Value {
    let series = &event["series"]["lastObservedTime"];
    match of_event(event, ["lastTimestamp", "deprecatedLastTimestamp"]) {
        _ if !series.is_null() => age::age(series, now).into(),
        Value::Null => event_first(event, now),
        time => age::age(time, now).into(),
    }
}

pub(super) fn event_count(event: &Value, _: Timestamp) -> Value {
    let count = of_event(event, ["count", "deprecatedCount"]).as_i64();
    let series = event["series"]["count"].as_i64().map(|count| count + 1);
    series.or(count).unwrap_or(1).max(1).into()
}

pub(super) fn scale_target(scaler: &Value, _: Timestamp) -> Value {
    let target = &scaler["spec"]["scaleTargetRef"];
    let text = |field: &str| target[field].as_str().unwrap_or_default();
    format!("{}/{}", text("kind"), text("name")).into()
}

/// The first two metrics of an autoscaler: what there is, and what is wanted.
pub(super) fn metrics(scaler: &Value, _: Timestamp) -> Value {
    let (spec, status) = (&scaler["spec"], &scaler["status"]);
    let percent = |value: &Value| value.as_i64().map(|number| format!("{number}%"));
    let unknown = || "<unknown>".to_owned();
    // The older version knows the use of processors alone.
    if let Some(wanted) = percent(&spec["targetCPUUtilizationPercentage"]) {
        let current = percent(&status["currentCPUUtilizationPercentage"]);
        let current = current.unwrap_or_else(unknown);
        return format!("cpu: {current}/{wanted}").into();
    }
    let wanted = list(&spec["metrics"]);
    if wanted.is_empty() {
        return "<none>".into();
    }
    let shown = wanted.iter().take(2).enumerate().map(|(index, metric)| {
        let key = match metric["type"].as_str().unwrap_or_default() {
            "ContainerResource" => "containerResource",
            "External" => "external",
            "Object" => "object",
            "Pods" => "pods",
            "Resource" => "resource",
            _ => return "<unknown type>".to_owned(),
        };
        let current = &list(&status["currentMetrics"])
            .get(index)
            .unwrap_or(&Value::Null)[key];
        let (current, target) = (&current["current"], &metric[key]["target"]);
        let amount = |value: &Value| value.as_str().map(ToOwned::to_owned);
        let of_resource = key.to_lowercase().ends_with("resource");
        let name = match metric[key]["name"].as_str() {
            Some(name) if of_resource => format!("{name}: "),
            _ => String::new(),
        };
        let average = amount(&target["averageValue"]);
        let (found, wanted, end) = match average {
            Some(wanted) if of_resource || key == "pods" => {
                (amount(&current["averageValue"]), wanted, "")
            }
            Some(wanted) => (amount(&current["averageValue"]), wanted, " (avg)"),
            None if of_resource => {
                let wanted = percent(&target["averageUtilization"]);
                let wanted = wanted.unwrap_or_else(|| "<auto>".to_owned());
                (percent(&current["averageUtilization"]), wanted, "")
            }
            None => (
                amount(&current["value"]),
                amount(&target["value"]).unwrap_or_default(),
                "",
            ),
        };
        format!("{name}{}/{wanted}{end}", found.unwrap_or_else(unknown))
    });
    let shown = shown.collect::<Vec<_>>().join(", ");
    match wanted.len() {
        ..=2 => shown.into(),
        count => format!("{shown} + {} more...", count - 2).into(),
    }
}

/// What a quota allows of requests and objects, or of limits, and what is used of it.
pub(super) fn quota(quota: &Value, limits: bool) -> Value {
    let status = &quota["status"];
    let hard = status["hard"].as_object().into_iter().flatten();
    let hard = hard.filter(|(name, _)| name.starts_with("limits.") == limits);
    let parts = hard.map(|(name, hard)| {
        let used = status["used"][name].as_str().unwrap_or("0");
        format!("{name}: {used}/{}", hard.as_str().unwrap_or_default())
    });
    parts.collect::<Vec<_>>().join(", ").into()
}

pub(super) fn modes(modes: &Value) -> Value {
    let short = list(modes).iter().filter_map(|mode| match mode.as_str()? {
        "ReadWriteOnce" => Some("RWO"),
        "ReadOnlyMany" => Some("ROX"),
        "ReadWriteMany" => Some("RWX"),
        "ReadWriteOncePod" => Some("RWOP"),
        _ => None,
    });
    short.collect::<Vec<_>>().join(",").into()
}

pub(super) fn claim(volume: &Value, _: Timestamp) -> Value {
    let claim = &volume["spec"]["claimRef"];
    let text = |field: &str| claim[field].as_str().unwrap_or_default();
    if claim.is_null() {
        "".into()
    } else {
        format!("{}/{}", text("namespace"), text("name")).into()
    }
}

pub(super) fn ready(object: &Value) -> Value {
    let ready = object["status"]["readyReplicas"].as_i64().unwrap_or(0);
    let wanted = object["spec"]["replicas"].as_i64().unwrap_or(0);
    format!("{ready}/{wanted}").into()
}

pub(super) fn completions(job: &Value, _: Timestamp) -> Value {
    let succeeded = job["status"]["succeeded"].as_i64().unwrap_or(0);
    let parallelism = job["spec"]["parallelism"].as_i64().unwrap_or(0);
    match job["spec"]["completions"].as_i64() {
        Some(wanted) => format!("{succeeded}/{wanted}").into(),
        None if parallelism > 1 => format!("{succeeded}/1 of {parallelism}").into(),
        None => format!("{succeeded}/1").into(),
    }
}

pub(super) fn job_duration(job: &Value, now: Timestamp) -> Value {
    let time = |field: &str| {
        job["status"][field]
            .as_str()
            .and_then(|t| t.parse::<Timestamp>().ok())
    };
    let Some(start) = time("startTime") else {
        return "".into();
    };
    let end = time("completionTime").unwrap_or(now);
    age::duration(end.duration_since(start).as_secs()).into()
}

pub(super) fn hosts(ingress: &Value, _: Timestamp) -> Value {
    let hosts: Vec<&str> = list(&ingress["spec"]["rules"])
        .iter()
        .filter_map(|rule| rule["host"].as_str())
        .collect();
    if hosts.is_empty() {
        "*".into()
    } else {
        hosts.join(",").into()
    }
}

pub(super) fn containers(object: &Value, field: &str) -> Value {
    let containers = list(&object["spec"]["template"]["spec"]["containers"]).iter();
    let names = containers.filter_map(|container| container[field].as_str());
    names.collect::<Vec<_>>().join(",").into()
}

/// What a `JSONPath` finds first.
pub(super) fn find<'a>(object: &'a Value, path: &str) -> Option<&'a Value> {
    let mut value = object;
    let mut rest = path.trim_start_matches('$');
    while !rest.is_empty() {
        if let Some(inner) = rest.strip_prefix('[') {
            let end = inner.find(']')?;
            let (index, after) = (&inner[..end], &inner[end + 1..]);
            value = match index
                .strip_prefix("?(@.")
                .and_then(|test| test.strip_suffix(')'))
            {
                Some(test) => {
                    let (field, wanted) = test.split_once("==")?;
                    let wanted = wanted.trim().trim_matches(['"', '\'']);
                    list(value).iter().find(|item| {
                        find(item, &format!(".{}", field.trim())).is_some_and(|v| v == wanted)
                    })?
                }
                None => match index.trim_matches(['"', '\'']) {
                    "*" => value.get(0)?,
                    key => match key.parse::<usize>() {
                        Ok(number) => value.get(number)?,
                        Err(_) => value.get(key)?,
                    },
                },
            };
            rest = after;
            continue;
        }
        let name = rest.trim_start_matches('.');
        let mut key = String::new();
        let mut letters = name.char_indices();
        let mut end = name.len();
        while let Some((at, letter)) = letters.next() {
            match letter {
                '\\' => key.extend(letters.next().map(|(_, letter)| letter)),
                '.' | '[' => {
                    end = at;
                    break;
                }
                other => key.push(other),
            }
        }
        if key.is_empty() {
            return None;
        }
        value = value.get(&key)?;
        rest = &name[end..];
    }
    Some(value)
}
