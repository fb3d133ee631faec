//! Roles that every cluster has from its start, and who has them.
//!
//! What `admin`, `edit` and `view` let people do is what Kubernetes' own policy says; they are made of
//! others by their labels, and so take up what further roles with these labels say.

use serde_json::{Value, json};

const GROUP: &str = "rbac.authorization.k8s.io";
const KNOWN: &str = "system:authenticated";
const UNKNOWN: &str = "system:unauthenticated";

const READ: &str = "get list watch";
const WRITE: &str = "create delete deletecollection patch update";
const ALL: &str = "create delete deletecollection get list patch update watch";

/// Groups, resources and verbs of a rule, each in words; `core` is the group without a name.
type Rule = (&'static str, &'static str, &'static str);

const TO_ADMIN: &[Rule] = &[
    (
        "authorization.k8s.io",
        "localsubjectaccessreviews",
        "create",
    ),
    (GROUP, "rolebindings roles", ALL),
];

const TO_EDIT: &[Rule] = &[
    (
        "core",
        "pods/attach pods/exec pods/portforward pods/proxy secrets services/proxy",
        READ,
    ),
    ("core", "serviceaccounts", "impersonate"),
    (
        "core",
        "pods pods/attach pods/exec pods/portforward pods/proxy",
        WRITE,
    ),
    ("core", "pods/eviction", "create"),
    (
        "core",
        "configmaps events persistentvolumeclaims replicationcontrollers replicationcontrollers/scale \
         secrets serviceaccounts services services/proxy",
        WRITE,
    ),
    ("core", "serviceaccounts/token", "create"),
    (
        "apps",
        "daemonsets deployments deployments/rollback deployments/scale replicasets replicasets/scale \
         statefulsets statefulsets/scale",
        WRITE,
    ),
    ("autoscaling", "horizontalpodautoscalers", WRITE),
    ("batch", "cronjobs jobs", WRITE),
    (
        "extensions",
        "daemonsets deployments deployments/rollback deployments/scale ingresses networkpolicies \
         replicasets replicasets/scale replicationcontrollers/scale",
        WRITE,
    ),
    ("policy", "poddisruptionbudgets", WRITE),
    ("networking.k8s.io", "ingresses networkpolicies", WRITE),
    ("coordination.k8s.io", "leases", ALL),
];

const TO_VIEW: &[Rule] = &[
    (
        "core",
        "configmaps endpoints persistentvolumeclaims persistentvolumeclaims/status pods \
         replicationcontrollers replicationcontrollers/scale serviceaccounts services services/status",
        READ,
    ),
    (
        "core",
        "bindings events limitranges namespaces/status pods/log pods/status \
         replicationcontrollers/status resourcequotas resourcequotas/status",
        READ,
    ),
    ("core", "namespaces", READ),
    ("discovery.k8s.io", "endpointslices", READ),
    (
        "apps",
        "controllerrevisions daemonsets daemonsets/status deployments deployments/scale \
         deployments/status replicasets replicasets/scale replicasets/status statefulsets \
         statefulsets/scale statefulsets/status",
        READ,
    ),
    (
        "autoscaling",
        "horizontalpodautoscalers horizontalpodautoscalers/status",
        READ,
    ),
    ("batch", "cronjobs cronjobs/status jobs jobs/status", READ),
    (
        "extensions",
        "daemonsets daemonsets/status deployments deployments/scale deployments/status ingresses \
         ingresses/status networkpolicies replicasets replicasets/scale replicasets/status \
         replicationcontrollers/scale",
        READ,
    ),
    (
        "policy",
        "poddisruptionbudgets poddisruptionbudgets/status",
        READ,
    ),
    (
        "networking.k8s.io",
        "ingresses ingresses/status networkpolicies",
        READ,
    ),
];

const DELEGATOR: &[Rule] = &[
    ("authentication.k8s.io", "tokenreviews", "create"),
    ("authorization.k8s.io", "subjectaccessreviews", "create"),
];

const BASIC: &[Rule] = &[
    (
        "authorization.k8s.io",
        "selfsubjectaccessreviews selfsubjectrulesreviews",
        "create",
    ),
    ("authentication.k8s.io", "selfsubjectreviews", "create"),
];

const DISCOVERY: &[&str] = &[
    "/api",
    "/api/*",
    "/apis",
    "/apis/*",
    "/healthz",
    "/livez",
    "/openapi",
    "/openapi/*",
    "/readyz",
    "/version",
    "/version/",
];
const PUBLIC: &[&str] = &["/healthz", "/livez", "/readyz", "/version", "/version/"];

/// A role of this name with these rules.
struct Role {
    name: &'static str,
    rules: Vec<Value>,
    /// The role that it is part of.
    part_of: Option<&'static str>,
    /// Whether it is made of others.
    whole: bool,
    /// Groups of users that have it.
    of: &'static [&'static str],
}

impl Role {
    fn new(name: &'static str, rules: Vec<Value>) -> Self {
        Self {
            name,
            rules,
            part_of: None,
            whole: false,
            of: &[],
        }
    }

    fn part_of(mut self, whole: &'static str) -> Self {
        self.part_of = Some(whole);
        self
    }

    fn made_of_others(mut self) -> Self {
        self.whole = true;
        self
    }

    fn of(mut self, groups: &'static [&'static str]) -> Self {
        self.of = groups;
        self
    }
}

/// The rules that allow everything.
pub(super) fn full_rights() -> Vec<Value> {
    vec![
        json!({ "apiGroups": ["*"], "resources": ["*"], "verbs": ["*"] }),
        json!({ "nonResourceURLs": ["*"], "verbs": ["*"] }),
    ]
}

fn rules(rules: &[Rule]) -> Vec<Value> {
    let words = |text: &str| -> Vec<String> {
        let words = text.split_whitespace();
        words
            .map(|word| if word == "core" { "" } else { word }.to_owned())
            .collect()
    };
    let rules = rules.iter().map(|(groups, resources, verbs)| {
        json!({ "apiGroups": words(groups), "resources": words(resources), "verbs": words(verbs) })
    });
    rules.collect()
}

fn paths(paths: &[&str]) -> Vec<Value> {
    vec![json!({ "nonResourceURLs": paths, "verbs": ["get"] })]
}

fn roles() -> [Role; 11] {
    let view = rules(TO_VIEW);
    let edit = [rules(TO_EDIT), view.clone()].concat();
    let admin = [edit.clone(), rules(TO_ADMIN)].concat();
    [
        Role::new("cluster-admin", full_rights()).of(&["system:masters"]),
        Role::new("admin", admin).made_of_others(),
        Role::new("edit", edit).made_of_others().part_of("admin"),
        Role::new("view", view).made_of_others().part_of("edit"),
        Role::new("system:aggregate-to-admin", rules(TO_ADMIN)).part_of("admin"),
        Role::new("system:aggregate-to-edit", rules(TO_EDIT)).part_of("edit"),
        Role::new("system:aggregate-to-view", rules(TO_VIEW)).part_of("view"),
        Role::new("system:auth-delegator", rules(DELEGATOR)),
        Role::new("system:basic-user", rules(BASIC)).of(&[KNOWN]),
        Role::new("system:discovery", paths(DISCOVERY)).of(&[KNOWN]),
        Role::new("system:public-info-viewer", paths(PUBLIC)).of(&[KNOWN, UNKNOWN]),
    ]
}

/// Puts the roles and their bindings into a cluster.
pub(crate) fn seed(put: &dyn Fn(&str, Value)) {
    let label = |whole: &str| format!("{GROUP}/aggregate-to-{whole}");
    for role in roles() {
        let metadata = json!({
            "name": role.name,
            "labels": { "kubernetes.io/bootstrapping": "rbac-defaults" },
            "annotations": { "rbac.authorization.kubernetes.io/autoupdate": "true" },
        });
        let mut object = json!({ "metadata": metadata, "rules": role.rules });
        if let Some(whole) = role.part_of {
            object["metadata"]["labels"][label(whole)] = "true".into();
        }
        if role.whole {
            let selector = json!({ "matchLabels": { label(role.name): "true" } });
            object["aggregationRule"] = json!({ "clusterRoleSelectors": [selector] });
        }
        put("clusterroles.rbac.authorization.k8s.io", object);
        if role.of.is_empty() {
            continue;
        }
        let subjects = role.of.iter();
        let subjects =
            subjects.map(|name| json!({ "apiGroup": GROUP, "kind": "Group", "name": name }));
        put(
            "clusterrolebindings.rbac.authorization.k8s.io",
            json!({
                "metadata": metadata,
                "roleRef": { "apiGroup": GROUP, "kind": "ClusterRole", "name": role.name },
                "subjects": subjects.collect::<Value>(),
            }),
        );
    }
}
