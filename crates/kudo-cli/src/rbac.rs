//! What a manager must be allowed to do, as `Role`s and `ClusterRole`s. Pure.
//!
//! `init --namespaces` lets a manager do everything within its namespaces; `package rbac` allows what a
//! package's templates need and no more. Both build on what every manager needs for itself.

use std::collections::{BTreeMap, BTreeSet};

use kube::core::{ApiResource, GroupVersionKind};
use kudo_kube::discovery::{Scope, builtin_scope};
use serde_json::{Value, json};

/// Name of the roles of a manager.
pub(crate) const ROLE: &str = "kudo-manager";
/// Name of their bindings.
pub(crate) const ROLE_BINDING: &str = "kudo-manager-rolebinding";
/// Name of the role in the manager's own namespace, where the manager looks after others.
pub(crate) const SYSTEM_ROLE: &str = "kudo-manager-system";
/// Name of its binding.
pub(crate) const SYSTEM_ROLE_BINDING: &str = "kudo-manager-system-rolebinding";

/// What watching, applying and deleting objects takes.
const OBJECT_VERBS: &[&str] = &["create", "delete", "get", "list", "patch", "watch"];
const READ_VERBS: &[&str] = &["get", "list", "watch"];
const RBAC: &str = "rbac.authorization.k8s.io";

/// A service account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Account {
    pub(crate) name: String,
    pub(crate) namespace: String,
}

/// What is allowed: verbs by group and resource. Several allowances add up.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Rules {
    verbs: BTreeMap<(String, String), BTreeSet<&'static str>>,
    /// Names of the roles to which a verb of theirs is confined, by their resource and the verb.
    named: BTreeMap<(&'static str, &'static str), BTreeSet<String>>,
}

impl Rules {
    fn allow(&mut self, group: &str, resource: &str, verbs: &[&'static str]) {
        let key = (group.to_owned(), resource.to_owned());
        self.verbs.entry(key).or_default().extend(verbs);
    }

    /// Allows to bind the one role that a binding names.
    fn allow_to_bind(&mut self, binding: &Value) {
        let text = |pointer: &str| binding.pointer(pointer).and_then(Value::as_str);
        self.allow_named("bind", text("/roleRef/kind"), text("/roleRef/name"));
    }

    /// Allows to give this one role more rights than the manager has.
    fn allow_to_escalate(&mut self, role: &Value) {
        let text = |pointer: &str| role.pointer(pointer).and_then(Value::as_str);
        self.allow_named("escalate", text("/kind"), text("/metadata/name"));
    }

    fn allow_named(&mut self, verb: &'static str, kind: Option<&str>, name: Option<&str>) {
        let resource = match kind {
            Some("Role") => "roles",
            Some("ClusterRole") => "clusterroles",
            _ => return,
        };
        if let Some(name) = name {
            let names = self.named.entry((resource, verb)).or_default();
            names.insert(name.to_owned());
        }
    }

    /// Everything.
    pub(crate) fn everything() -> Self {
        let mut rules = Self::default();
        rules.allow("*", "*", &["*"]);
        rules
    }

    /// What a manager needs in a namespace that it looks after, whatever operators are made of.
    pub(crate) fn of_every_manager() -> Self {
        let mut rules = Self::default();
        rules.allow(
            "kudo.dev",
            "instances",
            &["get", "list", "patch", "update", "watch"],
        );
        rules.allow("kudo.dev", "instances/status", &["get", "patch", "update"]);
        // Who names an owner that waits for its objects must be allowed to hold that owner back.
        rules.allow("kudo.dev", "instances/finalizers", &["update"]);
        rules.allow("kudo.dev", "operatorversions", READ_VERBS);
        rules.allow("", "events", &["create", "patch"]);
        rules
    }

    /// What a manager needs in its own namespace: the Lease by which one of several replicas is chosen.
    pub(crate) fn of_the_system() -> Self {
        let mut rules = Self::default();
        let verbs = &["create", "get", "list", "update", "watch"];
        rules.allow("coordination.k8s.io", "leases", verbs);
        rules
    }

    fn is_empty(&self) -> bool {
        self.verbs.is_empty() && self.named.is_empty()
    }

    /// As a role's list: resources of one group with the same verbs are one rule; one more for each verb that
    /// is confined to some roles.
    fn to_list(&self) -> Vec<Value> {
        let mut rules: BTreeMap<(&str, &BTreeSet<&str>), Vec<&str>> = BTreeMap::new();
        for ((group, resource), verbs) in &self.verbs {
            rules.entry((group, verbs)).or_default().push(resource);
        }
        let rule = |((group, verbs), resources): (_, Vec<&str>)| json!({ "apiGroups": [group], "resources": resources, "verbs": verbs });
        let named = |((resource, verb), names): (&(_, _), _)| json!({ "apiGroups": [RBAC], "resources": [resource], "resourceNames": names, "verbs": [verb] });
        let rules = rules.into_iter().map(rule);
        rules.chain(self.named.iter().map(named)).collect()
    }
}

/// What a package's objects need.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Needs {
    /// In the instance's namespace.
    pub(crate) namespaced: Rules,
    /// In the whole cluster.
    pub(crate) cluster: Rules,
    /// Kinds of which only a cluster knows how they are served; their resource is a guess.
    pub(crate) guessed: BTreeSet<String>,
}

impl Needs {
    /// What a manager needs for itself, and for these objects.
    pub(crate) fn of(objects: &[Value]) -> Self {
        let mut needs = Self {
            namespaced: Rules::of_every_manager(),
            ..Self::default()
        };
        let defined = defined_kinds(objects);
        for object in objects {
            needs.add(object, &defined);
        }
        needs
    }

    fn add(&mut self, object: &Value, defined: &BTreeMap<(String, String), (String, Scope)>) {
        let text = |field: &str| {
            object
                .get(field)
                .and_then(Value::as_str)
                .unwrap_or_default()
        };
        let (version, kind) = (text("apiVersion"), text("kind"));
        let (group, version) = version.split_once('/').unwrap_or(("", version));
        let guess = || ApiResource::from_gvk(&GroupVersionKind::gvk(group, version, kind)).plural;
        let known = defined.get(&(group.to_owned(), kind.to_owned())).cloned();
        let known = known.or_else(|| Some((guess(), builtin_scope(group, kind)?)));
        let (resource, scope) = known.unwrap_or_else(|| {
            self.guessed.insert(format!("{kind} ({group}/{version})"));
            (guess(), Scope::Namespaced)
        });
        let rules = match scope {
            Scope::Namespaced => &mut self.namespaced,
            Scope::Cluster => &mut self.cluster,
        };
        rules.allow(group, &resource, OBJECT_VERBS);
        match (group, kind) {
            // Kubernetes lets nobody give away what he has not got, unless he may do just that: bind a role
            // where the binding is, within the namespace also a ClusterRole.
            (RBAC, "Role" | "ClusterRole") => rules.allow_to_escalate(object),
            (RBAC, "RoleBinding" | "ClusterRoleBinding") => rules.allow_to_bind(object),
            ("apps" | "extensions", "Deployment") => {
                rules.allow("apps", "replicasets", READ_VERBS);
                self.add_pods();
            }
            ("apps" | "extensions" | "batch", _) | ("", "ReplicationController") => {
                self.add_pods();
            }
            _ => {}
        }
    }

    /// Pods tell whether an instance is ready, and what they are configured by decides when they are
    /// replaced.
    fn add_pods(&mut self) {
        self.namespaced.allow("", "pods", READ_VERBS);
        self.namespaced.allow("", "configmaps", READ_VERBS);
        self.namespaced.allow("", "secrets", READ_VERBS);
    }

    /// Pipe tasks run a pod, read its files, and keep them.
    pub(crate) fn add_pipes(&mut self) {
        self.namespaced.allow("", "pods", OBJECT_VERBS);
        self.namespaced.allow("", "pods/exec", &["create", "get"]);
        self.namespaced.allow("", "configmaps", OBJECT_VERBS);
        self.namespaced.allow("", "secrets", OBJECT_VERBS);
    }

    /// `KudoOperator` tasks make instances of other operators.
    pub(crate) fn add_children(&mut self) {
        self.namespaced.allow("kudo.dev", "instances", OBJECT_VERBS);
    }
}

/// The kinds that the objects themselves define, with how they are served.
pub(crate) fn defined_kinds<'v>(
    objects: impl IntoIterator<Item = &'v Value>,
) -> BTreeMap<(String, String), (String, Scope)> {
    let definition = |object: &Value| {
        let text = |pointer: &str| {
            object
                .pointer(pointer)
                .and_then(Value::as_str)
                .map(str::to_owned)
        };
        if text("/kind")? != "CustomResourceDefinition" {
            return None;
        }
        let scope = match text("/spec/scope")?.as_str() {
            "Cluster" => Scope::Cluster,
            _ => Scope::Namespaced,
        };
        let kind = (text("/spec/group")?, text("/spec/names/kind")?);
        Some((kind, (text("/spec/names/plural")?, scope)))
    };
    objects.into_iter().filter_map(definition).collect()
}

/// A Role and its binding.
pub(crate) fn role(name: &str, namespace: &str, rules: &Rules, account: &Account) -> Vec<Value> {
    grant("Role", "RoleBinding", name, Some(namespace), rules, account)
}

/// A `ClusterRole` and its binding; nothing if there is nothing to allow.
pub(crate) fn cluster_role(name: &str, rules: &Rules, account: &Account) -> Vec<Value> {
    grant(
        "ClusterRole",
        "ClusterRoleBinding",
        name,
        None,
        rules,
        account,
    )
}

fn grant(
    role: &str,
    binding: &str,
    name: &str,
    namespace: Option<&str>,
    rules: &Rules,
    account: &Account,
) -> Vec<Value> {
    if rules.is_empty() {
        return Vec::new();
    }
    let metadata = |name: &str| {
        let mut metadata = json!({ "name": name, "labels": { "app": "kudo-manager" } });
        if let Some(namespace) = namespace {
            metadata["namespace"] = json!(namespace);
        }
        metadata
    };
    vec![
        json!({
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "kind": role,
            "metadata": metadata(name),
            "rules": rules.to_list(),
        }),
        bind(
            binding,
            &metadata(&format!("{name}-rolebinding")),
            role,
            name,
            account,
        ),
    ]
}

/// Binds a role to the manager's account.
pub(crate) fn bind(
    kind: &str,
    metadata: &Value,
    role_kind: &str,
    role: &str,
    account: &Account,
) -> Value {
    json!({
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": kind,
        "metadata": metadata,
        "roleRef": {
            "apiGroup": "rbac.authorization.k8s.io",
            "kind": role_kind,
            "name": role,
        },
        "subjects": [{
            "kind": "ServiceAccount",
            "name": account.name,
            "namespace": account.namespace,
        }],
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn object(version: &str, kind: &str) -> Value {
        json!({ "apiVersion": version, "kind": kind, "metadata": { "name": "a" } })
    }

    /// `group/resource: verbs` of all rules beside those that every manager needs.
    fn lines(rules: &Rules) -> Vec<String> {
        let base = Rules::of_every_manager();
        rules
            .verbs
            .iter()
            .filter(|(key, verbs)| base.verbs.get(*key) != Some(*verbs))
            .map(|((group, resource), verbs)| {
                let verbs: Vec<&str> = verbs.iter().copied().collect();
                format!("{group}/{resource}: {}", verbs.join(" "))
            })
            .collect()
    }

    #[test]
    fn what_objects_need() {
        let all = OBJECT_VERBS.join(" ");
        let read = READ_VERBS.join(" ");
        let needs = Needs::of(&[
            object("v1", "ConfigMap"),
            object("apps/v1", "Deployment"),
            object("networking.k8s.io/v1", "NetworkPolicy"),
            object("networking.k8s.io/v1", "Ingress"),
            object("storage.k8s.io/v1", "StorageClass"),
        ]);
        assert_eq!(
            lines(&needs.namespaced),
            [
                format!("/configmaps: {all}"),
                format!("/pods: {read}"),
                format!("/secrets: {read}"),
                format!("apps/deployments: {all}"),
                format!("apps/replicasets: {read}"),
                format!("networking.k8s.io/ingresses: {all}"),
                format!("networking.k8s.io/networkpolicies: {all}"),
            ]
        );
        let expected = [format!("storage.k8s.io/storageclasses: {all}")];
        assert_eq!(lines(&needs.cluster), expected);
        assert!(needs.guessed.is_empty());
    }

    #[test]
    fn kinds_that_the_package_defines_and_kinds_that_nobody_knows() {
        let definition = json!({
            "apiVersion": "apiextensions.k8s.io/v1",
            "kind": "CustomResourceDefinition",
            "spec": {
                "group": "example.com",
                "scope": "Cluster",
                "names": { "kind": "Mouse", "plural": "mice" },
            },
        });
        let objects = [
            definition,
            object("example.com/v1", "Mouse"),
            object("other.com/v1", "Cat"),
        ];
        let needs = Needs::of(&objects);
        let cluster = lines(&needs.cluster).join("\n");
        assert!(cluster.contains("example.com/mice: "), "{cluster}");
        assert!(
            cluster.contains("apiextensions.k8s.io/customresourcedefinitions: "),
            "{cluster}"
        );
        assert!(lines(&needs.namespaced)[0].starts_with("other.com/cats: "));
        assert_eq!(
            needs.guessed,
            BTreeSet::from(["Cat (other.com/v1)".to_owned()])
        );
    }

    #[test]
    fn nobody_gives_away_what_he_has_not_got() {
        let binding = |kind: &str, role_kind: &str, role: &str| {
            let mut binding = object("rbac.authorization.k8s.io/v1", kind);
            binding["roleRef"] = json!({ "apiGroup": RBAC, "kind": role_kind, "name": role });
            binding
        };
        let role = |kind: &str, name: &str| {
            let mut role = object("rbac.authorization.k8s.io/v1", kind);
            role["metadata"]["name"] = json!(name);
            role
        };
        let needs = Needs::of(&[role("Role", "own"), binding("RoleBinding", "Role", "own")]);
        let key = (RBAC.to_owned(), "roles".to_owned());
        assert_eq!(
            needs.namespaced.verbs[&key],
            OBJECT_VERBS.iter().copied().collect()
        );
        assert!(needs.cluster.is_empty(), "{:?}", needs.cluster);

        let cases = [
            (
                vec![binding("RoleBinding", "Role", "own")],
                r#"{("roles", "bind"): {"own"}}"#,
                "{}",
            ),
            (
                vec![
                    binding("RoleBinding", "Role", "own"),
                    binding("RoleBinding", "ClusterRole", "view"),
                ],
                r#"{("clusterroles", "bind"): {"view"}, ("roles", "bind"): {"own"}}"#,
                "{}",
            ),
            (
                vec![
                    binding("ClusterRoleBinding", "ClusterRole", "b"),
                    binding("ClusterRoleBinding", "ClusterRole", "a"),
                ],
                "{}",
                r#"{("clusterroles", "bind"): {"a", "b"}}"#,
            ),
            (
                vec![
                    role("Role", "b"),
                    role("Role", "a"),
                    role("ClusterRole", "c"),
                ],
                r#"{("roles", "escalate"): {"a", "b"}}"#,
                r#"{("clusterroles", "escalate"): {"c"}}"#,
            ),
            (vec![binding("RoleBinding", "Nonsense", "own")], "{}", "{}"),
        ];
        for (objects, namespaced, cluster) in cases {
            let needs = Needs::of(&objects);
            let found =
                [&needs.namespaced, &needs.cluster].map(|rules| format!("{:?}", rules.named));
            assert_eq!(found, [namespaced, cluster], "{objects:?}");
        }
    }

    #[test]
    fn rules_are_grouped() {
        let mut rules = Rules::default();
        rules.allow("apps", "deployments", READ_VERBS);
        rules.allow("apps", "daemonsets", READ_VERBS);
        rules.allow("apps", "statefulsets", OBJECT_VERBS);
        let names = BTreeSet::from(["a", "b"].map(str::to_owned));
        rules.named.insert(("roles", "bind"), names);
        assert_eq!(
            json!(rules.to_list()),
            json!([
                { "apiGroups": ["apps"], "resources": ["statefulsets"], "verbs": OBJECT_VERBS },
                { "apiGroups": ["apps"], "resources": ["daemonsets", "deployments"], "verbs": READ_VERBS },
                { "apiGroups": [RBAC], "resources": ["roles"], "resourceNames": ["a", "b"], "verbs": ["bind"] },
            ])
        );
    }
}
