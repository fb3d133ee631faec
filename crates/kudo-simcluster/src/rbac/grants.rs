//! Nobody gives away rights that they lack themselves.

use serde_json::Value;

use super::{Attributes, User, full_rights, rules};
use crate::http::Call;
use crate::http::status::{Named, Refusal};
use crate::verbs::Target;

const GROUP: &str = "rbac.authorization.k8s.io";
/// Rules of more single rights than this are not taken apart.
const MOST: usize = 100_000;

impl Call {
    /// Refuses a role or a binding that gives rights which its writer lacks.
    pub(crate) fn authorize_grant(
        &self,
        target: &Target,
        old: Option<&Value>,
        object: &Value,
    ) -> Result<(), Refusal> {
        let user = &self.user;
        let kind = &target.shown.kind;
        let is_of_rights = kind.is_custom() || target.shown.version().group != GROUP;
        if is_of_rights || !user.is_bound(self.server.options.rbac) {
            return Ok(());
        }
        if old.is_some_and(|old| is_kept(old, object)) {
            return Ok(());
        }
        match kind.kind.as_str() {
            "Role" | "ClusterRole" => self.authorize_role(target, old, object),
            _ => self.authorize_binding(target, object),
        }
    }

    fn authorize_role(
        &self,
        target: &Target,
        old: Option<&Value>,
        role: &Value,
    ) -> Result<(), Refusal> {
        let exempt = Attributes {
            verb: "escalate".to_owned(),
            group: GROUP.to_owned(),
            resource: target.shown.kind.plural.clone(),
            namespace: target.namespace().to_owned(),
            name: target.name().to_owned(),
            path: String::new(),
        };
        if self.server.may(&self.user, &exempt).is_some() {
            return Ok(());
        }
        let given = role["rules"].as_array().cloned().unwrap_or_default();
        self.authorize_rules(target, role, &given)?;
        let is_made_of_others = |role: &Value| !role["aggregationRule"].is_null();
        if (is_made_of_others(role) || old.is_some_and(is_made_of_others))
            && !self.lacking(target, &full_rights()).is_empty()
        {
            let name = role["metadata"]["name"].as_str().unwrap_or_default();
            let problem = "must have cluster-admin privileges to use the aggregationRule";
            return Err(Refusal::forbidden(target.shown.named(), name, problem));
        }
        Ok(())
    }

    fn authorize_binding(&self, target: &Target, binding: &Value) -> Result<(), Refusal> {
        let role = &binding["roleRef"];
        let text = |field: &str| role[field].as_str().unwrap_or_default().to_owned();
        let plural = match role["kind"].as_str() {
            Some("Role") => "roles",
            Some("ClusterRole") => "clusterroles",
            // What it should be is told by who checks the whole.
            _ => return Ok(()),
        };
        let exempt = Attributes {
            verb: "bind".to_owned(),
            group: text("apiGroup"),
            resource: plural.to_owned(),
            namespace: target.namespace().to_owned(),
            name: text("name"),
            path: String::new(),
        };
        if self.server.may(&self.user, &exempt).is_some() {
            return Ok(());
        }
        let group = GROUP;
        let given = rules::role_rules(&self.server, role, target.namespace())
            .ok_or_else(|| Refusal::not_found(Named { group, plural }, &text("name")))?;
        self.authorize_rules(target, binding, &given)
    }

    /// Refuses an object that gives rules which its writer lacks.
    fn authorize_rules(
        &self,
        target: &Target,
        object: &Value,
        given: &[Value],
    ) -> Result<(), Refusal> {
        if breadth(given) > MOST {
            let name = object["metadata"]["name"].as_str().unwrap_or_default();
            let problem = format!("its rules are about more than {MOST} single rights");
            return Err(Refusal::forbidden(target.shown.named(), name, &problem));
        }
        let lacking = described(&self.lacking(target, given));
        if lacking.is_empty() {
            return Ok(());
        }
        let User { name, groups, .. } = &self.user;
        let groups: Vec<String> = groups.iter().map(|group| format!("{group:?}")).collect();
        let problem = format!(
            "user {name:?} (groups=[{}]) is attempting to grant RBAC permissions not currently \
             held:\n{}",
            groups.join(" "),
            lacking.join("\n")
        );
        let name = object["metadata"]["name"].as_str().unwrap_or_default();
        Err(Refusal::forbidden(target.shown.named(), name, &problem))
    }

    /// The single rights of rules that the user lacks.
    fn lacking(&self, target: &Target, given: &[Value]) -> Vec<Attributes> {
        let own = self.server.rules_for(&self.user, target.namespace());
        let single = given.iter().flat_map(single_rights);
        single
            .filter(|right| !own.iter().any(|rule| rules::fits(rule, right)))
            .collect()
    }
}

/// Whether nothing is changed but what keeps an object from being deleted, or takes it away.
fn is_kept(old: &Value, new: &Value) -> bool {
    let rest = |object: &Value| {
        let mut object = object.clone();
        let metadata = object["metadata"].as_object_mut();
        if let Some(metadata) = metadata {
            for field in ["ownerReferences", "finalizers", "selfLink", "managedFields"] {
                metadata.remove(field);
            }
        }
        object
    };
    rest(old) == rest(new)
}

/// How many single rights rules come to.
fn breadth(rules: &[Value]) -> usize {
    let count = |rule: &Value, field: &str| rule[field].as_array().map_or(0, Vec::len);
    let of_rule = |rule: &Value| {
        let resources = [
            count(rule, "apiGroups"),
            count(rule, "resources"),
            count(rule, "resourceNames").max(1),
        ];
        let resources = resources.into_iter().fold(1, usize::saturating_mul);
        let objects = resources.saturating_add(count(rule, "nonResourceURLs"));
        objects.saturating_mul(count(rule, "verbs"))
    };
    rules.iter().map(of_rule).fold(0, usize::saturating_add)
}

/// A rule taken apart: one verb on one resource each, or on one path.
fn single_rights(rule: &Value) -> Vec<Attributes> {
    let texts = |field: &str| -> Vec<String> {
        let list = rule[field].as_array().into_iter().flatten();
        let texts = list.filter_map(|text| text.as_str().map(ToOwned::to_owned));
        texts.collect()
    };
    let verbs = texts("verbs");
    let mut names = texts("resourceNames");
    if names.is_empty() {
        names.push(String::new());
    }
    let mut rights = Vec::new();
    for group in texts("apiGroups") {
        for resource in texts("resources") {
            for verb in &verbs {
                rights.extend(names.iter().map(|name| Attributes {
                    verb: verb.clone(),
                    group: group.clone(),
                    resource: resource.clone(),
                    name: name.clone(),
                    ..Attributes::default()
                }));
            }
        }
    }
    for path in texts("nonResourceURLs") {
        rights.extend(verbs.iter().map(|verb| Attributes {
            verb: verb.clone(),
            path: path.clone(),
            ..Attributes::default()
        }));
    }
    rights
}

/// Rights as they are told, in order: the verbs on one resource together, those on paths one by one.
fn described(rights: &[Attributes]) -> Vec<String> {
    let mut told: Vec<(String, Vec<String>)> = Vec::new();
    for right in rights {
        let what = if right.path.is_empty() {
            let named = match right.name.as_str() {
                "" => String::new(),
                name => format!(", ResourceNames:[{name:?}]"),
            };
            format!(
                "APIGroups:[{:?}], Resources:[{:?}]{named}",
                right.group, right.resource
            )
        } else {
            format!("NonResourceURLs:[{:?}]", right.path)
        };
        let verb = format!("{:?}", right.verb);
        let known = told.iter_mut().find(|(known, _)| *known == what);
        match known.filter(|_| right.path.is_empty()) {
            Some((_, verbs)) => verbs.push(verb),
            None => told.push((what, vec![verb])),
        }
    }
    let mut lines: Vec<String> = told
        .iter()
        .map(|(what, verbs)| format!("{{{what}, Verbs:[{}]}}", verbs.join(" ")))
        .collect();
    lines.sort();
    lines.dedup();
    lines
}
