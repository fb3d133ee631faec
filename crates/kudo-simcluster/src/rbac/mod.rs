//! Who asks, and whether roles and bindings let them.

mod bootstrap;
mod grants;
mod impersonation;
mod rules;

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::cluster::Server;
use crate::http::Call;
use crate::http::status::{Named, Refusal};
use crate::selector::Fields;
use crate::verbs::Target;
use bootstrap::full_rights;
pub(crate) use bootstrap::seed;

/// Who sends a request.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct User {
    pub(crate) name: String,
    pub(crate) groups: Vec<String>,
    /// What else is known, such as the pod whose token it was.
    pub(crate) extra: BTreeMap<String, Vec<String>>,
}

impl User {
    pub(crate) fn admin() -> Self {
        Self {
            name: "kubernetes-admin".to_owned(),
            groups: vec![
                "system:masters".to_owned(),
                "system:authenticated".to_owned(),
            ],
            ..Self::default()
        }
    }

    /// Who shows no credential.
    pub(crate) fn anonymous() -> Self {
        Self {
            name: "system:anonymous".to_owned(),
            groups: vec!["system:unauthenticated".to_owned()],
            ..Self::default()
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
            ..Self::default()
        }
    }

    pub(crate) fn is_master(&self) -> bool {
        self.groups.iter().any(|group| group == "system:masters")
    }

    pub(crate) fn to_value(&self) -> Value {
        let mut value = json!({ "username": self.name, "groups": self.groups });
        if !self.extra.is_empty() {
            value["extra"] = json!(self.extra);
        }
        value
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

impl Attributes {
    /// Tells that a user may not do it.
    fn refuse(&self, user: &User) -> Refusal {
        let Self { verb, group, .. } = self;
        let (user, resource) = (&user.name, &self.resource);
        let place = if self.namespace.is_empty() {
            "at the cluster scope".to_owned()
        } else {
            format!("in the namespace {:?}", self.namespace)
        };
        let problem = format!(
            "User {user:?} cannot {verb} resource {resource:?} in API group {group:?} {place}"
        );
        let plural = resource.split('/').next().unwrap_or_default();
        Refusal::forbidden(Named { group, plural }, &self.name, &problem)
    }
}

impl Server {
    /// Whether a user may do something, and why, where a binding says so.
    pub(crate) fn may(&self, user: &User, attributes: &Attributes) -> Option<String> {
        if user.is_bound(self.options.rbac) {
            rules::allows(self, user, attributes)
        } else {
            Some(String::new())
        }
    }

    /// The rules that say what a user may do in a namespace.
    pub(crate) fn rules_for(&self, user: &User, namespace: &str) -> Vec<Value> {
        if self.options.rbac || user.is_bound(false) {
            rules::of(self, user, namespace)
        } else {
            full_rights()
        }
    }
}

impl Call {
    /// Refuses what the user may not do with a resource.
    pub(crate) fn authorize(&self, target: &Target) -> Result<(), Refusal> {
        if !self.user.is_bound(self.server.options.rbac) {
            return Ok(());
        }
        let named = target.shown.named();
        let verb = self.verb(target);
        let name = match verb {
            // Who asks for the objects of one name asks for that one.
            "list" | "watch" => self.query.get("fieldSelector").and_then(Fields::name_in),
            _ => None,
        };
        let attributes = Attributes {
            verb: verb.to_owned(),
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
            name: name.unwrap_or_else(|| target.name().to_owned()),
            path: String::new(),
        };
        if rules::allows(&self.server, &self.user, &attributes).is_some() {
            return Ok(());
        }
        Err(attributes.refuse(&self.user))
    }

    /// Refuses paths that are no resources.
    pub(crate) fn authorize_path(&self, path: &str) -> Result<(), Refusal> {
        if !self.user.is_bound(self.server.options.rbac) {
            return Ok(());
        }
        let attributes = Attributes {
            verb: self.method.as_str().to_lowercase(),
            path: path.to_owned(),
            ..Attributes::default()
        };
        if rules::allows(&self.server, &self.user, &attributes).is_some() {
            return Ok(());
        }
        let (user, verb) = (&self.user.name, &attributes.verb);
        let message = format!("forbidden: User {user:?} cannot {verb} path {path:?}");
        Err(Refusal::new(403, "Forbidden", message).with_details(json!({})))
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
