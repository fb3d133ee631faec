//! Who asks, and whether roles and bindings let them.

mod rules;

use http::HeaderMap;
use serde_json::{Value, json};

use crate::http::Call;
use crate::http::status::Refusal;
use crate::verbs::Target;

/// Who sends a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct User {
    pub(crate) name: String,
    pub(crate) groups: Vec<String>,
}

impl User {
    pub(crate) fn admin() -> Self {
        Self {
            name: "kubernetes-admin".to_owned(),
            groups: vec![
                "system:masters".to_owned(),
                "system:authenticated".to_owned(),
            ],
        }
    }

    /// Who shows no credential.
    pub(crate) fn anonymous() -> Self {
        Self {
            name: "system:anonymous".to_owned(),
            groups: vec!["system:unauthenticated".to_owned()],
        }
    }

    /// Whether roles and bindings say what the user may do, where they count.
    fn is_bound(&self, rbac: bool) -> bool {
        !self.is_master() && (rbac || *self == Self::anonymous())
    }

    pub(crate) fn service_account(namespace: &str, name: &str) -> Self {
        Self {
            name: format!("system:serviceaccount:{namespace}:{name}"),
            groups: vec![
                "system:serviceaccounts".to_owned(),
                format!("system:serviceaccounts:{namespace}"),
                "system:authenticated".to_owned(),
            ],
        }
    }

    pub(crate) fn is_master(&self) -> bool {
        self.groups.iter().any(|group| group == "system:masters")
    }

    /// The user that an administrator asks to act as.
    pub(crate) fn impersonating(self, headers: &HeaderMap) -> Self {
        let text = |value: &http::HeaderValue| value.to_str().unwrap_or_default().to_owned();
        match headers.get("impersonate-user") {
            Some(name) if self.is_master() => {
                let name = text(name);
                let account = name.strip_prefix("system:serviceaccount:");
                let mut user = match account.and_then(|account| account.split_once(':')) {
                    Some((namespace, account)) => Self::service_account(namespace, account),
                    None => Self {
                        name,
                        groups: vec!["system:authenticated".to_owned()],
                    },
                };
                user.groups
                    .extend(headers.get_all("impersonate-group").iter().map(text));
                user
            }
            _ => self,
        }
    }

    pub(crate) fn to_value(&self) -> Value {
        json!({ "username": self.name, "groups": self.groups })
    }
}

/// What is asked for, as rules name it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Attributes {
    pub(crate) verb: String,
    pub(crate) group: String,
    /// With its subresource: `pods/log`.
    pub(crate) resource: String,
    pub(crate) namespace: String,
    pub(crate) name: String,
    /// Set for what is no resource.
    pub(crate) path: String,
}

impl Call {
    /// Refuses what the user may not do with a resource.
    pub(crate) fn authorize(&self, target: &Target) -> Result<(), Refusal> {
        if !self.user.is_bound(self.server.options.rbac) {
            return Ok(());
        }
        let named = target.shown.named();
        let attributes = Attributes {
            verb: self.verb(target).to_owned(),
            group: named.group.to_owned(),
            resource: match target.path.subresource.as_str() {
                "" => named.plural.to_owned(),
                sub => format!("{}/{sub}", named.plural),
            },
            namespace: if target.shown.kind.is("Namespace") {
                target.name().to_owned()
            } else {
                target.namespace().to_owned()
            },
            name: target.name().to_owned(),
            path: String::new(),
        };
        if rules::allows(&self.server, &self.user, &attributes) {
            return Ok(());
        }
        let user = &self.user.name;
        let (verb, resource) = (&attributes.verb, &attributes.resource);
        let place = if target.namespace().is_empty() {
            "at the cluster scope".to_owned()
        } else {
            format!("in the namespace {:?}", target.namespace())
        };
        let group = named.group;
        let problem = format!(
            "User {user:?} cannot {verb} resource {resource:?} in API group {group:?} {place}"
        );
        Err(Refusal::forbidden(named, target.name(), &problem))
    }

    /// Refuses paths that are no resources; everybody who is known may discover.
    pub(crate) fn authorize_path(&self, path: &str) -> Result<(), Refusal> {
        const OPEN: [&str; 8] = [
            "/api", "/apis", "/healthz", "/livez", "/readyz", "/openapi", "/version", "/",
        ];
        if !self.user.is_bound(self.server.options.rbac) {
            return Ok(());
        }
        let is_known = self.user != User::anonymous();
        if is_known
            && OPEN.iter().any(|open| {
                path == *open || (*open != "/" && path.starts_with(&format!("{open}/")))
            })
        {
            return Ok(());
        }
        let attributes = Attributes {
            verb: self.method.as_str().to_lowercase(),
            path: path.to_owned(),
            ..Attributes::default()
        };
        if rules::allows(&self.server, &self.user, &attributes) {
            return Ok(());
        }
        let (user, verb) = (&self.user.name, &attributes.verb);
        let message = format!("forbidden: User {user:?} cannot {verb} path {path:?}");
        Err(Refusal::new(403, "Forbidden", message).with_details(json!({})))
    }

    /// Whether a user may do something.
    pub(crate) fn may(&self, user: &User, attributes: &Attributes) -> bool {
        !user.is_bound(self.server.options.rbac) || rules::allows(&self.server, user, attributes)
    }

    fn verb(&self, target: &Target) -> &'static str {
        let collection = target.name().is_empty();
        match self.method.as_str() {
            "POST" => "create",
            "PUT" => "update",
            "PATCH" => "patch",
            "DELETE" if collection => "deletecollection",
            "DELETE" => "delete",
            _ if self.query.is("watch") || target.path.watch => "watch",
            _ if collection => "list",
            _ => "get",
        }
    }
}

/// Roles that every cluster has.
pub(crate) fn seed(put: &dyn Fn(&str, Value)) {
    let all = json!([
        { "apiGroups": ["*"], "resources": ["*"], "verbs": ["*"] },
        { "nonResourceURLs": ["*"], "verbs": ["*"] },
    ]);
    let within = json!([{ "apiGroups": ["*"], "resources": ["*"], "verbs": ["*"] }]);
    let read =
        json!([{ "apiGroups": ["*"], "resources": ["*"], "verbs": ["get", "list", "watch"] }]);
    let public = json!([{
        "nonResourceURLs": ["/healthz", "/livez", "/readyz", "/version", "/version/"], "verbs": ["get"],
    }]);
    let roles = "clusterroles.rbac.authorization.k8s.io";
    for (name, rules) in [
        ("cluster-admin", &all),
        ("admin", &within),
        ("edit", &within),
        ("view", &read),
        ("system:public-info-viewer", &public),
    ] {
        let labels = json!({ "kubernetes.io/bootstrapping": "rbac-defaults" });
        put(
            roles,
            json!({ "metadata": { "name": name, "labels": labels }, "rules": rules }),
        );
    }
    let bindings: [(&str, &[&str]); 2] = [
        ("cluster-admin", &["system:masters"]),
        (
            "system:public-info-viewer",
            &["system:authenticated", "system:unauthenticated"],
        ),
    ];
    for (role, groups) in bindings {
        const GROUP: &str = "rbac.authorization.k8s.io";
        let subjects = groups
            .iter()
            .map(|name| json!({ "apiGroup": GROUP, "kind": "Group", "name": name }));
        put(
            "clusterrolebindings.rbac.authorization.k8s.io",
            json!({
                "metadata": { "name": role, "labels": { "kubernetes.io/bootstrapping": "rbac-defaults" } },
                "roleRef": { "apiGroup": GROUP, "kind": "ClusterRole", "name": role },
                "subjects": subjects.collect::<Value>(),
            }),
        );
    }
}
