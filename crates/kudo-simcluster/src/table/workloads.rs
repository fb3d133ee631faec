//! Cells of what runs pods.

use jiff::Timestamp;
use serde_json::Value;

use super::age;
use super::cells::{has_condition, list};

pub(super) fn ready(object: &Value) -> Value {
    let ready = object["status"]["readyReplicas"].as_i64().unwrap_or(0);
    let wanted = object["spec"]["replicas"].as_i64().unwrap_or(0);
    format!("{ready}/{wanted}").into()
}

/// A field of all containers of a template.
pub(super) fn containers(template: &Value, field: &str) -> Value {
    let containers = list(&template["spec"]["containers"]).iter();
    let names = containers.filter_map(|container| container[field].as_str());
    names.collect::<Vec<_>>().join(",").into()
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

pub(super) fn completions(job: &Value, _: Timestamp) -> Value {
    let succeeded = job["status"]["succeeded"].as_i64().unwrap_or(0);
    let parallelism = job["spec"]["parallelism"].as_i64().unwrap_or(0);
    match job["spec"]["completions"].as_i64() {
        Some(wanted) => format!("{succeeded}/{wanted}").into(),
        None if parallelism > 1 => format!("{succeeded}/1 of {parallelism}").into(),
        None => format!("{succeeded}/1").into(),
    }
}

/// How far a job is.
pub(super) fn job_status(job: &Value, _: Timestamp) -> Value {
    let is = |name: &&str| has_condition(job, name);
    let ended = ["Complete", "Failed"].into_iter().find(is);
    let on_its_way = || ["Suspended", "FailureTarget"].into_iter().find(is);
    let leaves = job["metadata"]["deletionTimestamp"].is_string();
    ended
        .or(leaves.then_some("Terminating"))
        .or_else(on_its_way)
        .unwrap_or("Running")
        .into()
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

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use serde_json::{Value, json};

    use super::job_status;

    #[test]
    fn how_far_jobs_are() {
        for (conditions, leaves, expected) in [
            (&[][..], false, "Running"),
            (&[], true, "Terminating"),
            (&["Suspended"], false, "Suspended"),
            (&["Suspended"], true, "Terminating"),
            (&["FailureTarget"], false, "FailureTarget"),
            (&["FailureTarget", "Failed"], true, "Failed"),
            (&["SuccessCriteriaMet"], false, "Running"),
            (&["SuccessCriteriaMet", "Complete"], false, "Complete"),
        ] {
            let condition = |name: &&str| json!({ "type": name, "status": "True" });
            let conditions: Vec<Value> = conditions.iter().map(condition).collect();
            let time = leaves.then_some("2024-01-01T00:00:00Z");
            let job = json!({
                "metadata": { "deletionTimestamp": time }, "status": { "conditions": conditions },
            });
            assert_eq!(job_status(&job, Timestamp::UNIX_EPOCH), expected, "{job}");
        }
    }
}
