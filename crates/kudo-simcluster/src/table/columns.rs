//! Which columns the table of a kind has.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::age::age;
use super::{cells, events, json_path, network, nodes, pods, storage, workloads};
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
    if shown.kind.is_custom() {
        return custom(shown);
    }
    let made = |name: &str, kind: &str, priority: i64, source: Source| Column {
        name: name.to_owned(),
        kind: kind.to_owned(),
        format: if ["Name", "Attacher"].contains(&name) {
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
            "StorageClass" => Source::Made(storage::class_name),
            _ => Source::Pointer("/metadata/name"),
        };
        columns.push(made("Name", "string", 0, name));
    }
    let rows = built_in(&shown.kind.kind);
    columns.extend(
        rows.into_iter()
            .map(|(name, kind, priority, source)| made(name, kind, priority, source)),
    );
    let timeless = ["Event", "ComponentStatus", "PodTemplate"].contains(&shown.kind.kind.as_str());
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
    let truth = |name, pointer| (name, "boolean", 0, Pointer(pointer));
    let made = |name, cell: Cell| (name, "string", 0, Made(cell));
    // What `-o wide` adds.
    let wide = |name, cell: Cell| (name, "string", 1, Made(cell));
    // A number in a column that says to hold text, as servers have it.
    let count = |name, pointer| (name, "string", 0, Count(pointer));
    match kind {
        "Pod" => vec![
            made("Ready", pods::ready),
            made("Status", pods::status),
            made("Restarts", pods::restarts),
            wide("IP", |pod, _| cells::or_none(&pod["status"]["podIP"])),
            wide("Node", |pod, _| cells::or_none(&pod["spec"]["nodeName"])),
            wide("Nominated Node", |pod, _| {
                cells::or_none(&pod["status"]["nominatedNodeName"])
            }),
            wide("Readiness Gates", pods::readiness_gates),
        ],
        "Namespace" => vec![text("Status", "/status/phase")],
        "Node" => vec![
            made("Status", nodes::status),
            made("Roles", nodes::roles),
            ("Age", "string", 0, Source::Age),
            text("Version", "/status/nodeInfo/kubeletVersion"),
            wide("Internal-IP", |node, _| nodes::address(node, "InternalIP")),
            wide("External-IP", |node, _| nodes::address(node, "ExternalIP")),
            wide("OS-Image", |node, _| nodes::info(node, "osImage")),
            wide("Kernel-Version", |node, _| {
                nodes::info(node, "kernelVersion")
            }),
            wide("Container-Runtime", |node, _| {
                nodes::info(node, "containerRuntimeVersion")
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
            made("External-IP", network::external_ip),
            made("Port(s)", network::service_ports),
            wide("Selector", |service, _| {
                cells::labels(&service["spec"]["selector"])
            }),
        ],
        "Endpoints" => vec![made("Endpoints", network::endpoints)],
        "Event" => vec![
            made("Last Seen", events::last),
            text("Type", "/type"),
            text("Reason", "/reason"),
            made("Object", events::object),
            wide("Subobject", events::part),
            wide("Source", events::source),
            made("Message", events::message),
            wide("First Seen", events::first),
            wide("Count", events::count),
            ("Name", "string", 1, Pointer("/metadata/name")),
        ],
        "HorizontalPodAutoscaler" => vec![
            made("Reference", workloads::scale_target),
            made("Targets", workloads::metrics),
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
            made("Request", |quota, _| cells::quota(quota, false)),
            made("Limit", |quota, _| cells::quota(quota, true)),
        ],
        "PersistentVolumeClaim" => vec![
            made("Status", cells::phase),
            text("Volume", "/spec/volumeName"),
            text("Capacity", "/status/capacity/storage"),
            made("Access Modes", |claim, _| {
                storage::modes(&claim["status"]["accessModes"])
            }),
            text("StorageClass", "/spec/storageClassName"),
            made("VolumeAttributesClass", storage::attributes_class),
            ("VolumeMode", "string", 1, Pointer("/spec/volumeMode")),
        ],
        "PersistentVolume" => vec![
            text("Capacity", "/spec/capacity/storage"),
            made("Access Modes", |volume, _| {
                storage::modes(&volume["spec"]["accessModes"])
            }),
            text("Reclaim Policy", "/spec/persistentVolumeReclaimPolicy"),
            made("Status", cells::phase),
            made("Claim", storage::claim),
            text("StorageClass", "/spec/storageClassName"),
            made("VolumeAttributesClass", storage::attributes_class),
            text("Reason", "/status/reason"),
            ("VolumeMode", "string", 1, Pointer("/spec/volumeMode")),
        ],
        "Deployment" => with_images(
            vec![
                made("Ready", |object, _| workloads::ready(object)),
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
            vec![made("Ready", |object, _| workloads::ready(object))],
            false,
        ),
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
                made("Status", workloads::job_status),
                made("Completions", workloads::completions),
                made("Duration", workloads::job_duration),
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
                workloads::containers(&job["spec"]["jobTemplate"]["spec"]["template"], "name")
            }),
            wide("Images", |job, _| {
                workloads::containers(&job["spec"]["jobTemplate"]["spec"]["template"], "image")
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
            made("Hosts", network::hosts),
            made("Address", network::balancers),
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
            made("Ports", network::slice_ports),
            made("Endpoints", network::slice_addresses),
        ],
        "IngressClass" => vec![
            text("Controller", "/spec/controller"),
            made("Parameters", network::class_parameters),
        ],
        "ControllerRevision" => vec![
            made("Controller", workloads::revision_controller),
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
        "ValidatingAdmissionPolicy" => vec![
            (
                "Validations",
                "integer",
                0,
                Made(|policy, _| cells::list(&policy["spec"]["validations"]).len().into()),
            ),
            made("ParamKind", cells::kind_of_parameters),
        ],
        "ValidatingAdmissionPolicyBinding" => vec![
            text("PolicyName", "/spec/policyName"),
            made("ParamRef", cells::parameters),
        ],
        "PriorityClass" => vec![
            number("Value", "/value"),
            truth("Global-Default", "/globalDefault"),
            ("Age", "string", 0, Source::Age),
            text("PreemptionPolicy", "/preemptionPolicy"),
        ],
        "CSIDriver" => vec![
            truth("AttachRequired", "/spec/attachRequired"),
            truth("PodInfoOnMount", "/spec/podInfoOnMount"),
            truth("StorageCapacity", "/spec/storageCapacity"),
            made("TokenRequests", storage::token_requests),
            truth("RequiresRepublish", "/spec/requiresRepublish"),
            made("Modes", storage::lifecycle_modes),
        ],
        "CSINode" => vec![(
            "Drivers",
            "integer",
            0,
            Made(|node, _| cells::list(&node["spec"]["drivers"]).len().into()),
        )],
        "VolumeAttachment" => vec![
            text("Attacher", "/spec/attacher"),
            text("PV", "/spec/source/persistentVolumeName"),
            text("Node", "/spec/nodeName"),
            truth("Attached", "/status/attached"),
        ],
        "PodTemplate" => vec![
            made("Containers", |pods, _| {
                workloads::containers(&pods["template"], "name")
            }),
            made("Images", |pods, _| {
                workloads::containers(&pods["template"], "image")
            }),
            made("Pod Labels", |pods, _| {
                cells::labels(&pods["template"]["metadata"]["labels"])
            }),
        ],
        "APIService" => vec![
            made("Service", cells::service_of_group),
            made("Available", cells::is_available),
        ],
        "CertificateSigningRequest" => vec![
            ("Age", "string", 0, Source::Age),
            text("SignerName", "/spec/signerName"),
            text("Requestor", "/spec/username"),
            made("RequestedDuration", cells::requested_duration),
            made("Condition", cells::request_status),
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
        Source::Made(|object, _| workloads::containers(&object["spec"]["template"], "name")),
    ));
    rows.push((
        "Images",
        "string",
        1,
        Source::Made(|object, _| workloads::containers(&object["spec"]["template"], "image")),
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
    let Some(value) = json_path::find(object, path).filter(|value| !value.is_null()) else {
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
