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

/// How the cell of an object is made.
type Cell = fn(&Value, Timestamp) -> Value;

enum Source {
    /// A JSON pointer.
    Pointer(&'static str),
    /// A JSON pointer to a number, which is none where it leads nowhere.
    Count(&'static str),
    Age,
    Made(Cell),
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
    let made = |name, cell: Cell| (name, "string", 0, Made(cell));
    // What `-o wide` adds.
    let wide = |name, cell: Cell| (name, "string", 1, Made(cell));
    // A number in a column that says to hold text, as servers have it.
    let count = |name, pointer| (name, "string", 0, Count(pointer));
    match kind {
        "Pod" => vec![
            made("Ready", cells::pod_ready),
            made("Status", cells::pod_status),
            made("Restarts", cells::pod_restarts),
            wide("IP", |pod, _| cells::or_none(&pod["status"]["podIP"])),
            wide("Node", |pod, _| cells::or_none(&pod["spec"]["nodeName"])),
            wide("Nominated Node", |pod, _| {
                cells::or_none(&pod["status"]["nominatedNodeName"])
            }),
            wide("Readiness Gates", cells::readiness_gates),
        ],
        "Namespace" => vec![text("Status", "/status/phase")],
        "Node" => vec![
            made("Status", cells::node_status),
            made("Roles", cells::node_roles),
            ("Age", "string", 0, Source::Age),
            text("Version", "/status/nodeInfo/kubeletVersion"),
            wide("Internal-IP", |node, _| {
                cells::node_address(node, "InternalIP")
            }),
            wide("External-IP", |node, _| {
                cells::node_address(node, "ExternalIP")
            }),
            wide("OS-Image", |node, _| cells::node_info(node, "osImage")),
            wide("Kernel-Version", |node, _| {
                cells::node_info(node, "kernelVersion")
            }),
            wide("Container-Runtime", |node, _| {
                cells::node_info(node, "containerRuntimeVersion")
            }),
        ],
        "ConfigMap" => vec![made("Data", cells::data)],
        "Secret" => vec![text("Type", "/type"), made("Data", cells::data)],
        "ServiceAccount" => vec![made("Secrets", |account, _| {
            account["secrets"].as_array().map_or(0, Vec::len).into()
        })],
        "Service" => vec![
            text("Type", "/spec/type"),
            made("Cluster-IP", |service, _| {
                cells::or_none(&service["spec"]["clusterIP"])
            }),
            made("External-IP", cells::external_ip),
            made("Port(s)", cells::service_ports),
            wide("Selector", |service, _| {
                cells::labels(&service["spec"]["selector"])
            }),
        ],
        "Endpoints" => vec![made("Endpoints", cells::endpoints)],
        "Event" => vec![
            made("Last Seen", cells::event_last),
            text("Type", "/type"),
            text("Reason", "/reason"),
            made("Object", cells::event_object),
            wide("Subobject", cells::event_part),
            wide("Source", cells::event_source),
            made("Message", cells::event_message),
            wide("First Seen", cells::event_first),
            wide("Count", cells::event_count),
            ("Name", "string", 1, Pointer("/metadata/name")),
        ],
        "HorizontalPodAutoscaler" => vec![
            made("Reference", cells::scale_target),
            made("Targets", cells::metrics),
            made(
                "MinPods",
                |scaler, _| match &scaler["spec"]["minReplicas"] {
                    Value::Null => "<unset>".into(),
                    number => number.to_string().into(),
                },
            ),
            count("MaxPods", "/spec/maxReplicas"),
            count("Replicas", "/status/currentReplicas"),
        ],
        "ResourceQuota" => vec![
            ("Age", "string", 0, Source::Age),
            made("Request", |quota, _| cells::quota(quota, false)),
            made("Limit", |quota, _| cells::quota(quota, true)),
        ],
        "PersistentVolumeClaim" => vec![
            made("Status", cells::phase),
            text("Volume", "/spec/volumeName"),
            text("Capacity", "/status/capacity/storage"),
            made("Access Modes", |claim, _| {
                cells::modes(&claim["status"]["accessModes"])
            }),
            text("StorageClass", "/spec/storageClassName"),
            ("VolumeMode", "string", 1, Pointer("/spec/volumeMode")),
        ],
        "PersistentVolume" => vec![
            text("Capacity", "/spec/capacity/storage"),
            made("Access Modes", |volume, _| {
                cells::modes(&volume["spec"]["accessModes"])
            }),
            text("Reclaim Policy", "/spec/persistentVolumeReclaimPolicy"),
            made("Status", cells::phase),
            made("Claim", cells::claim),
            text("StorageClass", "/spec/storageClassName"),
            text("Reason", "/status/reason"),
            ("VolumeMode", "string", 1, Pointer("/spec/volumeMode")),
        ],
        "Deployment" => with_images(
            vec![
                made("Ready", |object, _| cells::ready(object)),
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
        "StatefulSet" => with_images(vec![made("Ready", |object, _| cells::ready(object))], false),
        "DaemonSet" => with_images(
            vec![
                number("Desired", "/status/desiredNumberScheduled"),
                number("Current", "/status/currentNumberScheduled"),
                number("Ready", "/status/numberReady"),
                number("Up-to-date", "/status/updatedNumberScheduled"),
                number("Available", "/status/numberAvailable"),
                made("Node Selector", |set, _| {
                    cells::labels(&set["spec"]["template"]["spec"]["nodeSelector"])
                }),
            ],
            true,
        ),
        "Job" => with_images(
            vec![
                made("Completions", cells::completions),
                made("Duration", cells::job_duration),
            ],
            true,
        ),
        "CronJob" => vec![
            text("Schedule", "/spec/schedule"),
            made("Timezone", |job, _| {
                cells::or_none(&job["spec"]["timeZone"])
            }),
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
            made("Last Schedule", |job, now| {
                match &job["status"]["lastScheduleTime"] {
                    Value::Null => "<none>".into(),
                    time => age(time, now).into(),
                }
            }),
            wide("Containers", |job, _| {
                cells::containers(&job["spec"]["jobTemplate"], "name")
            }),
            wide("Images", |job, _| {
                cells::containers(&job["spec"]["jobTemplate"], "image")
            }),
            wide("Selector", |job, _| {
                let selector = &job["spec"]["jobTemplate"]["spec"]["selector"];
                cells::or_none(&crate::verbs::selector_text(selector).into())
            }),
        ],
        "PodDisruptionBudget" => vec![
            made("Min Available", |budget, _| {
                cells::or_na(&budget["spec"]["minAvailable"])
            }),
            made("Max Unavailable", |budget, _| {
                cells::or_na(&budget["spec"]["maxUnavailable"])
            }),
            number("Allowed Disruptions", "/status/disruptionsAllowed"),
        ],
        "Ingress" => vec![
            made("Class", |ingress, _| {
                cells::or_none(&ingress["spec"]["ingressClassName"])
            }),
            made("Hosts", cells::hosts),
            made("Address", cells::balancers),
            made("Ports", |ingress, _| {
                if ingress["spec"]["tls"].is_null() {
                    "80".into()
                } else {
                    "80, 443".into()
                }
            }),
        ],
        "StorageClass" => vec![
            text("Provisioner", "/provisioner"),
            text("ReclaimPolicy", "/reclaimPolicy"),
            text("VolumeBindingMode", "/volumeBindingMode"),
            made("AllowVolumeExpansion", |class, _| {
                (class["allowVolumeExpansion"] == true).into()
            }),
        ],
        "ClusterRoleBinding" | "RoleBinding" => vec![
            made("Role", |binding, _| {
                let role = &binding["roleRef"];
                let text = |field: &str| role[field].as_str().unwrap_or_default();
                format!("{}/{}", text("kind"), text("name")).into()
            }),
            wide("Users", |binding, _| cells::subjects(binding, "User")),
            wide("Groups", |binding, _| cells::subjects(binding, "Group")),
            wide("ServiceAccounts", |binding, _| {
                cells::subjects(binding, "ServiceAccount")
            }),
        ],
        "EndpointSlice" => vec![
            text("AddressType", "/addressType"),
            made("Ports", cells::slice_ports),
            made("Endpoints", cells::slice_addresses),
        ],
        "IngressClass" => vec![
            text("Controller", "/spec/controller"),
            made("Parameters", cells::class_parameters),
        ],
        "ControllerRevision" => vec![
            made("Controller", cells::revision_controller),
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
        "NetworkPolicy" => vec![made("Pod-Selector", |policy, _| {
            let text = crate::verbs::selector_text(&policy["spec"]["podSelector"]);
            if text.is_empty() {
                "<none>".into()
            } else {
                text.into()
            }
        })],
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
