//! Which columns the table of a kind has.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::age::age;
use super::cells;
use crate::kinds::Shown;

/// One column.
pub(super) struct Column {
    name: String,
    kind: String,
    format: String,
    description: String,
    priority: i64,
    source: Source,
}

enum Source {
    /// A JSON pointer.
    Pointer(&'static str),
    /// A JSON pointer to a number, which is none where it leads nowhere.
    Count(&'static str),
    Age,
    Made(fn(&Value, Timestamp) -> Value),
    /// A `JSONPath` of a custom resource's definition.
    Path(String),
}

impl Column {
    pub(super) fn definition(&self) -> Value {
        json!({
            "name": self.name, "type": self.kind, "format": self.format,
            "description": self.description, "priority": self.priority,
        })
    }

    pub(super) fn cell(&self, object: &Value, now: Timestamp) -> Value {
        match &self.source {
            Source::Pointer(pointer) => {
                let value = object.pointer(pointer).cloned().unwrap_or_default();
                match (value, self.kind.as_str()) {
                    (Value::Null, "integer") => 0.into(),
                    (Value::Null, "boolean") => false.into(),
                    (Value::Null, _) => "".into(),
                    (value, _) => value,
                }
            }
            Source::Count(pointer) => object.pointer(pointer).cloned().unwrap_or_else(|| 0.into()),
            Source::Age => age(&object["metadata"]["creationTimestamp"], now).into(),
            Source::Made(made) => made(object, now),
            Source::Path(path) => custom_cell(object, path, &self.kind, now),
        }
    }
}

/// The columns of a kind.
pub(super) fn of(shown: &Shown) -> Vec<Column> {
    if shown.kind.strategy.custom {
        return custom(shown);
    }
    let made = |name: &str, kind: &str, priority: i64, source: Source| Column {
        name: name.to_owned(),
        kind: kind.to_owned(),
        format: if name == "Name" {
            "name".to_owned()
        } else {
            String::new()
        },
        description: String::new(),
        priority,
        source,
    };
    let mut columns = Vec::new();
    if shown.kind.kind != "Event" {
        let name = match shown.kind.kind.as_str() {
            "StorageClass" => Source::Made(cells::class_name),
            _ => Source::Pointer("/metadata/name"),
        };
        columns.push(made("Name", "string", 0, name));
    }
    let rows = built_in(&shown.kind.kind);
    columns.extend(
        rows.into_iter()
            .map(|(name, kind, priority, source)| made(name, kind, priority, source)),
    );
    let timeless = ["Event", "ComponentStatus"].contains(&shown.kind.kind.as_str());
    if !timeless && !columns.iter().any(|column| column.name == "Age") {
        // What `-o wide` adds comes behind the age.
        let wide = columns
            .iter()
            .position(|column| column.priority > 0)
            .unwrap_or(columns.len());
        let dated = matches!(
            shown.kind.kind.as_str(),
            "ClusterRole" | "CustomResourceDefinition" | "LimitRange" | "Role"
        );
        let name = if dated { "Created At" } else { "Age" };
        let source = if dated {
            Source::Pointer("/metadata/creationTimestamp")
        } else {
            Source::Age
        };
        columns.insert(
            wide,
            made(name, if dated { "date" } else { "string" }, 0, source),
        );
    }
    columns
}

type Row = (&'static str, &'static str, i64, Source);

#[expect(clippy::too_many_lines, reason = "a table")]
fn built_in(kind: &str) -> Vec<Row> {
    use Source::{Count, Made, Pointer};
    let text = |name, pointer| (name, "string", 0, Pointer(pointer));
    let number = |name, pointer| (name, "integer", 0, Pointer(pointer));
    // A number in a column that says to hold text, as servers have it.
    let count = |name, pointer| (name, "string", 0, Count(pointer));
    match kind {
        "Pod" => vec![
            ("Ready", "string", 0, Made(cells::pod_ready)),
            ("Status", "string", 0, Made(cells::pod_status)),
            ("Restarts", "string", 0, Made(cells::pod_restarts)),
            (
                "IP",
                "string",
                1,
                Made(|pod, _| cells::or_none(&pod["status"]["podIP"])),
            ),
            (
                "Node",
                "string",
                1,
                Made(|pod, _| cells::or_none(&pod["spec"]["nodeName"])),
            ),
            (
                "Nominated Node",
                "string",
                1,
                Made(|pod, _| cells::or_none(&pod["status"]["nominatedNodeName"])),
            ),
            ("Readiness Gates", "string", 1, Made(cells::readiness_gates)),
        ],
        "Namespace" => vec![text("Status", "/status/phase")],
        "Node" => vec![
            ("Status", "string", 0, Made(cells::node_status)),
            ("Roles", "string", 0, Made(cells::node_roles)),
            ("Age", "string", 0, Source::Age),
            text("Version", "/status/nodeInfo/kubeletVersion"),
            (
                "Internal-IP",
                "string",
                1,
                Made(|node, _| cells::node_address(node, "InternalIP")),
            ),
            (
                "External-IP",
                "string",
                1,
                Made(|node, _| cells::node_address(node, "ExternalIP")),
            ),
            (
                "OS-Image",
                "string",
                1,
                Made(|node, _| cells::node_info(node, "osImage")),
            ),
            (
                "Kernel-Version",
                "string",
                1,
                Made(|node, _| cells::node_info(node, "kernelVersion")),
            ),
            (
                "Container-Runtime",
                "string",
                1,
                Made(|node, _| cells::node_info(node, "containerRuntimeVersion")),
            ),
        ],
        "ConfigMap" => vec![("Data", "string", 0, Made(cells::data))],
        "Secret" => vec![
            text("Type", "/type"),
            ("Data", "string", 0, Made(cells::data)),
        ],
        "ServiceAccount" => vec![(
            "Secrets",
            "string",
            0,
            Made(|account, _| account["secrets"].as_array().map_or(0, Vec::len).into()),
        )],
        "Service" => vec![
            text("Type", "/spec/type"),
            (
                "Cluster-IP",
                "string",
                0,
                Made(|service, _| cells::or_none(&service["spec"]["clusterIP"])),
            ),
            ("External-IP", "string", 0, Made(cells::external_ip)),
            ("Port(s)", "string", 0, Made(cells::service_ports)),
            (
                "Selector",
                "string",
                1,
                Made(|service, _| cells::labels(&service["spec"]["selector"])),
            ),
        ],
        "Endpoints" => vec![("Endpoints", "string", 0, Made(cells::endpoints))],
        "Event" => vec![
            ("Last Seen", "string", 0, Made(cells::event_last)),
            text("Type", "/type"),
            text("Reason", "/reason"),
            ("Object", "string", 0, Made(cells::event_object)),
            ("Subobject", "string", 1, Made(cells::event_part)),
            ("Source", "string", 1, Made(cells::event_source)),
            ("Message", "string", 0, Made(cells::event_message)),
            ("First Seen", "string", 1, Made(cells::event_first)),
            ("Count", "string", 1, Made(cells::event_count)),
            ("Name", "string", 1, Pointer("/metadata/name")),
        ],
        "HorizontalPodAutoscaler" => vec![
            ("Reference", "string", 0, Made(cells::scale_target)),
            ("Targets", "string", 0, Made(cells::metrics)),
            (
                "MinPods",
                "string",
                0,
                Made(|scaler, _| match &scaler["spec"]["minReplicas"] {
                    Value::Null => "<unset>".into(),
                    number => number.to_string().into(),
                }),
            ),
            count("MaxPods", "/spec/maxReplicas"),
            count("Replicas", "/status/currentReplicas"),
        ],
        "ResourceQuota" => vec![
            ("Age", "string", 0, Source::Age),
            (
                "Request",
                "string",
                0,
                Made(|quota, _| cells::quota(quota, false)),
            ),
            (
                "Limit",
                "string",
                0,
                Made(|quota, _| cells::quota(quota, true)),
            ),
        ],
        "PersistentVolumeClaim" => vec![
            ("Status", "string", 0, Made(cells::phase)),
            text("Volume", "/spec/volumeName"),
            text("Capacity", "/status/capacity/storage"),
            (
                "Access Modes",
                "string",
                0,
                Made(|claim, _| cells::modes(&claim["status"]["accessModes"])),
            ),
            text("StorageClass", "/spec/storageClassName"),
            ("VolumeMode", "string", 1, Pointer("/spec/volumeMode")),
        ],
        "PersistentVolume" => vec![
            text("Capacity", "/spec/capacity/storage"),
            (
                "Access Modes",
                "string",
                0,
                Made(|volume, _| cells::modes(&volume["spec"]["accessModes"])),
            ),
            text("Reclaim Policy", "/spec/persistentVolumeReclaimPolicy"),
            ("Status", "string", 0, Made(cells::phase)),
            ("Claim", "string", 0, Made(cells::claim)),
            text("StorageClass", "/spec/storageClassName"),
            text("Reason", "/status/reason"),
            ("VolumeMode", "string", 1, Pointer("/spec/volumeMode")),
        ],
        "Deployment" => with_images(
            vec![
                ("Ready", "string", 0, Made(|object, _| cells::ready(object))),
                count("Up-to-date", "/status/updatedReplicas"),
                count("Available", "/status/availableReplicas"),
            ],
            true,
        ),
        "ReplicaSet" | "ReplicationController" => with_images(
            vec![
                number("Desired", "/spec/replicas"),
                number("Current", "/status/replicas"),
                number("Ready", "/status/readyReplicas"),
            ],
            true,
        ),
        "StatefulSet" => with_images(
            vec![("Ready", "string", 0, Made(|object, _| cells::ready(object)))],
            false,
        ),
        "DaemonSet" => with_images(
            vec![
                number("Desired", "/status/desiredNumberScheduled"),
                number("Current", "/status/currentNumberScheduled"),
                number("Ready", "/status/numberReady"),
                number("Up-to-date", "/status/updatedNumberScheduled"),
                number("Available", "/status/numberAvailable"),
                (
                    "Node Selector",
                    "string",
                    0,
                    Made(|set, _| cells::labels(&set["spec"]["template"]["spec"]["nodeSelector"])),
                ),
            ],
            true,
        ),
        "Job" => with_images(
            vec![
                ("Completions", "string", 0, Made(cells::completions)),
                ("Duration", "string", 0, Made(cells::job_duration)),
            ],
            true,
        ),
        "CronJob" => vec![
            text("Schedule", "/spec/schedule"),
            (
                "Timezone",
                "string",
                0,
                Made(|job, _| cells::or_none(&job["spec"]["timeZone"])),
            ),
            (
                "Suspend",
                "boolean",
                0,
                Made(|job, _| match job["spec"]["suspend"].as_bool() {
                    Some(true) => "True".into(),
                    Some(false) => "False".into(),
                    None => "<unset>".into(),
                }),
            ),
            (
                "Active",
                "integer",
                0,
                Made(|job, _| {
                    job["status"]["active"]
                        .as_array()
                        .map_or(0, Vec::len)
                        .into()
                }),
            ),
            (
                "Last Schedule",
                "string",
                0,
                Made(|job, now| match &job["status"]["lastScheduleTime"] {
                    Value::Null => "<none>".into(),
                    time => age(time, now).into(),
                }),
            ),
            (
                "Containers",
                "string",
                1,
                Made(|job, _| cells::containers(&job["spec"]["jobTemplate"], "name")),
            ),
            (
                "Images",
                "string",
                1,
                Made(|job, _| cells::containers(&job["spec"]["jobTemplate"], "image")),
            ),
            (
                "Selector",
                "string",
                1,
                Made(|job, _| {
                    let selector = &job["spec"]["jobTemplate"]["spec"]["selector"];
                    cells::or_none(&crate::verbs::selector_text(selector).into())
                }),
            ),
        ],
        "PodDisruptionBudget" => vec![
            (
                "Min Available",
                "string",
                0,
                Made(|budget, _| cells::or_na(&budget["spec"]["minAvailable"])),
            ),
            (
                "Max Unavailable",
                "string",
                0,
                Made(|budget, _| cells::or_na(&budget["spec"]["maxUnavailable"])),
            ),
            number("Allowed Disruptions", "/status/disruptionsAllowed"),
        ],
        "Ingress" => vec![
            (
                "Class",
                "string",
                0,
                Made(|ingress, _| cells::or_none(&ingress["spec"]["ingressClassName"])),
            ),
            ("Hosts", "string", 0, Made(cells::hosts)),
            ("Address", "string", 0, Made(cells::balancers)),
            (
                "Ports",
                "string",
                0,
                Made(|ingress, _| {
                    if ingress["spec"]["tls"].is_null() {
                        "80".into()
                    } else {
                        "80, 443".into()
                    }
                }),
            ),
        ],
        "StorageClass" => vec![
            text("Provisioner", "/provisioner"),
            text("ReclaimPolicy", "/reclaimPolicy"),
            text("VolumeBindingMode", "/volumeBindingMode"),
            (
                "AllowVolumeExpansion",
                "string",
                0,
                Made(|class, _| (class["allowVolumeExpansion"] == true).into()),
            ),
        ],
        "ClusterRoleBinding" | "RoleBinding" => vec![
            (
                "Role",
                "string",
                0,
                Made(|binding, _| {
                    let role = &binding["roleRef"];
                    let text = |field: &str| role[field].as_str().unwrap_or_default();
                    format!("{}/{}", text("kind"), text("name")).into()
                }),
            ),
            (
                "Users",
                "string",
                1,
                Made(|binding, _| cells::subjects(binding, "User")),
            ),
            (
                "Groups",
                "string",
                1,
                Made(|binding, _| cells::subjects(binding, "Group")),
            ),
            (
                "ServiceAccounts",
                "string",
                1,
                Made(|binding, _| cells::subjects(binding, "ServiceAccount")),
            ),
        ],
        "EndpointSlice" => vec![
            text("AddressType", "/addressType"),
            ("Ports", "string", 0, Made(cells::slice_ports)),
            ("Endpoints", "string", 0, Made(cells::slice_addresses)),
        ],
        "IngressClass" => vec![
            text("Controller", "/spec/controller"),
            ("Parameters", "string", 0, Made(cells::class_parameters)),
        ],
        "ControllerRevision" => vec![
            ("Controller", "string", 0, Made(cells::revision_controller)),
            ("Revision", "string", 0, Pointer("/revision")),
        ],
        "RuntimeClass" => vec![text("Handler", "/handler")],
        "Lease" => vec![text("Holder", "/spec/holderIdentity")],
        "MutatingWebhookConfiguration" | "ValidatingWebhookConfiguration" => vec![(
            "Webhooks",
            "integer",
            0,
            Made(|object, _| object["webhooks"].as_array().map_or(0, Vec::len).into()),
        )],
        "PriorityClass" => vec![
            number("Value", "/value"),
            ("Global-Default", "boolean", 0, Pointer("/globalDefault")),
        ],
        "NetworkPolicy" => vec![(
            "Pod-Selector",
            "string",
            0,
            Made(|policy, _| {
                let text = crate::verbs::selector_text(&policy["spec"]["podSelector"]);
                if text.is_empty() {
                    "<none>".into()
                } else {
                    text.into()
                }
            }),
        )],
        _ => vec![],
    }
}

fn with_images(mut rows: Vec<Row>, selector: bool) -> Vec<Row> {
    rows.push((
        "Containers",
        "string",
        1,
        Source::Made(|object, _| cells::containers(object, "name")),
    ));
    rows.push((
        "Images",
        "string",
        1,
        Source::Made(|object, _| cells::containers(object, "image")),
    ));
    if selector {
        rows.push((
            "Selector",
            "string",
            1,
            Source::Made(|object, _| {
                crate::verbs::selector_text(&object["spec"]["selector"]).into()
            }),
        ));
    }
    rows
}

fn custom(shown: &Shown) -> Vec<Column> {
    let name = Column {
        name: "Name".into(),
        kind: "string".into(),
        format: "name".into(),
        description: String::new(),
        priority: 0,
        source: Source::Pointer("/metadata/name"),
    };
    let mut columns = vec![name];
    let declared = shown.version().columns.as_ref().and_then(Value::as_array);
    let declared = declared.filter(|columns| !columns.is_empty());
    for column in declared.into_iter().flatten() {
        let text = |field: &str| column[field].as_str().unwrap_or_default().to_owned();
        let description = match text("description") {
            text if !text.is_empty() => text,
            _ => format!(
                "Custom resource definition column (in JSONPath format): {}",
                text("jsonPath")
            ),
        };
        columns.push(Column {
            name: text("name"),
            kind: text("type"),
            format: text("format"),
            description,
            priority: column["priority"].as_i64().unwrap_or(0),
            source: Source::Path(text("jsonPath")),
        });
    }
    if declared.is_none() {
        columns.push(Column {
            name: "Age".into(),
            kind: "date".into(),
            format: String::new(),
            description: String::new(),
            priority: 0,
            source: Source::Path(".metadata.creationTimestamp".into()),
        });
    }
    columns
}

/// What a simple `JSONPath` finds: fields, indices and `[?(@.a=="b")]`.
fn custom_cell(object: &Value, path: &str, kind: &str, now: Timestamp) -> Value {
    let Some(value) = cells::find(object, path).filter(|value| !value.is_null()) else {
        return Value::Null;
    };
    match (kind, value) {
        ("date", value) => age(value, now).into(),
        ("integer", Value::Number(number)) => number.as_i64().map_or(Value::Null, Value::from),
        ("string", Value::String(text)) => text.as_str().into(),
        ("string", other) => other.to_string().into(),
        (_, value) => value.clone(),
    }
}
