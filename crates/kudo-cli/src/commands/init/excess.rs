//! What an installation has that is not asked for any more: rights of its manager, and the webhook.
//!
//! Only what `init` makes itself counts, for its own account in this namespace: rights that somebody else
//! has given, as with `package rbac`, and those of another installation are none of its business.

use k8s_openapi::api::rbac::v1::{ClusterRoleBinding, RoleBinding, Subject};
use kube::api::{DeleteParams, ListParams, ObjectMeta};
use kube::{Api, ResourceExt};
use serde_json::{Value, json};

use super::apply::{delete, endpoint, read};
use super::manifests::{Choices, LABEL, SERVICE_ACCOUNT, parts};
use super::verify::described;
use super::webhook;
use crate::cluster::Session;
use crate::error::Error;
use crate::output::Output;
use crate::rbac::{ROLE_BINDING, SYSTEM_ROLE_BINDING};

const RBAC_VERSION: &str = "rbac.authorization.k8s.io/v1";

/// Takes it away, and tells what.
pub(super) async fn remove(
    session: &Session,
    choices: &Choices,
    output: &Output,
) -> Result<(), Error> {
    for object in find(session, choices).await? {
        output.note(&format!(
            "Removing {}, which is not asked for",
            described(&object)
        ));
        let (api, name) = endpoint(session, &object);
        delete(session, &api, &name, &DeleteParams::default()).await?;
    }
    Ok(())
}

/// What there is of it, in the order in which it can go.
pub(super) async fn find(session: &Session, choices: &Choices) -> Result<Vec<Value>, Error> {
    let mut found = rights(session, choices).await?;
    let configuration = webhook::configuration(choices);
    if let Some(present) = read(session, &configuration).await?
        && webhook::is_of(&present, &choices.namespace)
    {
        found.push(configuration);
    }
    let wanted: Vec<_> = parts(choices, false)
        .into_iter()
        .flat_map(|(_, objects)| objects)
        .map(|object| described(&object))
        .collect();
    found.retain(|object| !wanted.contains(&described(object)));
    Ok(found)
}

/// The bindings that `init` has made, each after the role that is made for it alone: one that is left without
/// its role is found again.
async fn rights(session: &Session, choices: &Choices) -> Result<Vec<Value>, Error> {
    let labelled = ListParams::default().labels(LABEL);
    let everywhere: Api<ClusterRoleBinding> = Api::all(session.client.clone());
    let everywhere = everywhere
        .list(&labelled)
        .await
        .map_err(|error| session.error("list cluster role bindings", error))?;
    let within: Api<RoleBinding> = Api::all(session.client.clone());
    let within = within
        .list(&labelled)
        .await
        .map_err(|error| session.error("list role bindings", error))?;
    let is_ours = |binding: &ObjectMeta, subjects: Option<&Vec<Subject>>| {
        let name = binding.name.as_deref().unwrap_or_default();
        [ROLE_BINDING, SYSTEM_ROLE_BINDING].contains(&name)
            && subjects.into_iter().flatten().any(|subject| {
                subject.kind == "ServiceAccount"
                    && subject.name == SERVICE_ACCOUNT
                    && subject.namespace.as_ref() == Some(&choices.namespace)
            })
    };
    let mut found = Vec::new();
    for binding in everywhere {
        if is_ours(&binding.metadata, binding.subjects.as_ref()) {
            found.push(object("ClusterRoleBinding", None, &binding.name_any()));
        }
    }
    for binding in within {
        if is_ours(&binding.metadata, binding.subjects.as_ref()) {
            let (name, namespace) = (binding.name_any(), binding.namespace());
            let role = &binding.role_ref;
            if role.kind == "Role" && name.strip_suffix("-rolebinding") == Some(&role.name) {
                found.push(object("Role", namespace.as_deref(), &role.name));
            }
            found.push(object("RoleBinding", namespace.as_deref(), &name));
        }
    }
    Ok(found)
}

fn object(kind: &str, namespace: Option<&str>, name: &str) -> Value {
    let mut metadata = json!({ "name": name });
    if let Some(namespace) = namespace {
        metadata["namespace"] = json!(namespace);
    }
    json!({ "apiVersion": RBAC_VERSION, "kind": kind, "metadata": metadata })
}
