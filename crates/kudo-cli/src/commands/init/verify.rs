//! Checking an installation against what this program would install.

use k8s_openapi::api::apps::v1::StatefulSet;
use k8s_openapi::api::core::v1::{Service, ServiceAccount};
use k8s_openapi::api::rbac::v1::{ClusterRoleBinding, RoleBinding, Subject};
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::runtime::wait::{Condition, conditions};
use kube::{Api, ResourceExt};

use serde_json::Value;

use super::apply::{is_active, is_ready, manager_image, read};
use super::compare::difference;
use super::excess;
use super::manifests::{Choices, MANAGER, SERVICE, SERVICE_ACCOUNT, parts};
use super::webhook;
use crate::cluster::Session;
use crate::error::Error;
use crate::listing::resource_name;
use crate::output::Output;

/// Tells all that is not as it should be.
pub(super) async fn verify(
    session: &Session,
    choices: &Choices,
    crd_only: bool,
    output: &Output,
) -> Result<(), Error> {
    let mut problems = Vec::new();
    check_crds(session, &mut problems).await?;
    if !crd_only {
        check_account(session, choices, &mut problems).await?;
        check_others(session, choices, &mut problems, output).await?;
        check_manager(session, choices, &mut problems).await?;
    }
    if problems.is_empty() {
        Ok(())
    } else {
        Err(Error::Installation { problems })
    }
}

async fn check_crds(session: &Session, problems: &mut Vec<String>) -> Result<(), Error> {
    let api: Api<CustomResourceDefinition> = Api::all(session.client.clone());
    for wanted in kudo_api::crds() {
        let name = wanted.name_any();
        let found = api
            .get_opt(&name)
            .await
            .map_err(|error| session.error(&format!("read definition {name}"), error))?;
        let Some(found) = found else {
            problems.push(format!("definition {name} is not installed"));
            continue;
        };
        let serves = found
            .spec
            .versions
            .iter()
            .any(|v| v.name == kudo_api::VERSION && v.served);
        if !serves {
            problems.push(format!(
                "definition {name} does not serve {}",
                kudo_api::VERSION
            ));
        }
        if !conditions::is_crd_established().matches_object(Some(&found)) {
            problems.push(format!("definition {name} is not established"));
        }
    }
    Ok(())
}

async fn check_account(
    session: &Session,
    choices: &Choices,
    problems: &mut Vec<String>,
) -> Result<(), Error> {
    match session.namespace().await? {
        None => problems.push(format!("namespace {} does not exist", choices.namespace)),
        Some(namespace) if !is_active(&namespace) => {
            problems.push(format!("namespace {} is being deleted", choices.namespace));
        }
        Some(_) => {}
    }
    let account = &choices.service_account;
    if session.find::<ServiceAccount>(account).await?.is_none() {
        problems.push(format!("service account {account} does not exist"));
    }
    if choices.service_account != SERVICE_ACCOUNT {
        check_bound(session, choices, problems).await?;
    }
    Ok(())
}

/// Whether an account that somebody else made may do anything at all.
async fn check_bound(
    session: &Session,
    choices: &Choices,
    problems: &mut Vec<String>,
) -> Result<(), Error> {
    let account = &choices.service_account;
    let is_account = |subject: &Subject| {
        subject.kind == "ServiceAccount"
            && subject.name == *account
            && subject.namespace.as_ref() == Some(&choices.namespace)
    };
    let all = kube::api::ListParams::default();
    let everywhere: Api<ClusterRoleBinding> = Api::all(session.client.clone());
    let everywhere = everywhere
        .list(&all)
        .await
        .map_err(|error| session.error("list cluster role bindings", error))?;
    let mut subjects: Vec<Subject> = everywhere
        .items
        .into_iter()
        .filter_map(|b| b.subjects)
        .flatten()
        .collect();
    for namespace in &choices.namespaces {
        let within: Api<RoleBinding> = Api::namespaced(session.client.clone(), namespace);
        let within = within
            .list(&all)
            .await
            .map_err(|error| session.error("list role bindings", error))?;
        subjects.extend(
            within
                .items
                .into_iter()
                .filter_map(|b| b.subjects)
                .flatten(),
        );
    }
    if !subjects.iter().any(is_account) {
        problems.push(format!("no role is bound to service account {account}"));
    }
    Ok(())
}

/// Compares the objects that have no check of their own with what would be installed, and looks for more than
/// that.
async fn check_others(
    session: &Session,
    choices: &Choices,
    problems: &mut Vec<String>,
    output: &Output,
) -> Result<(), Error> {
    const CHECKED: [&str; 5] = [
        "CustomResourceDefinition",
        "Namespace",
        "ServiceAccount",
        "Service",
        "StatefulSet",
    ];
    let objects = parts(choices, false)
        .into_iter()
        .flat_map(|(_, objects)| objects);
    for wanted in objects {
        let kind = wanted
            .get("kind")
            .and_then(Value::as_str)
            .unwrap_or_default();
        if CHECKED.contains(&kind) {
            continue;
        }
        let name = described(&wanted);
        let Some(present) = read(session, &wanted).await? else {
            problems.push(format!("{name} does not exist"));
            continue;
        };
        if let Some(place) = difference(&webhook::over(wanted, &present), &present) {
            problems.push(format!("{name} is not as it should be at {place}"));
        }
        if webhook::waits(&present) {
            output.note(
                "The webhook is not asked yet: it waits for the manager to have a certificate",
            );
        }
    }
    for object in excess::find(session, choices).await? {
        problems.push(format!(
            "{} is there, and is not asked for",
            described(&object)
        ));
    }
    Ok(())
}

/// An object's kind and name, and where it is.
pub(super) fn described(object: &Value) -> String {
    let name = resource_name(object);
    match object
        .pointer("/metadata/namespace")
        .and_then(Value::as_str)
    {
        Some(namespace) => format!("{name} in namespace {namespace}"),
        None => name,
    }
}

async fn check_manager(
    session: &Session,
    choices: &Choices,
    problems: &mut Vec<String>,
) -> Result<(), Error> {
    if session.find::<Service>(SERVICE).await?.is_none() {
        problems.push(format!("service {SERVICE} does not exist"));
    }
    let Some(manager) = session.find::<StatefulSet>(MANAGER).await? else {
        problems.push(format!("manager {MANAGER} does not exist"));
        return Ok(());
    };
    if manager_image(&manager) != Some(&choices.image) {
        problems.push(format!(
            "the manager runs image {}, not {}",
            manager_image(&manager).unwrap_or("none"),
            choices.image
        ));
    }
    if !is_ready(&manager) {
        problems.push(format!("manager {MANAGER} is not ready"));
    }
    Ok(())
}
