//! Checking an installation against what this program would install.

use k8s_openapi::api::apps::v1::StatefulSet;
use k8s_openapi::api::core::v1::ServiceAccount;
use k8s_openapi::api::rbac::v1::{ClusterRoleBinding, RoleBinding, Subject};
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::runtime::wait::{Condition, conditions};
use kube::{Api, ResourceExt};

use serde_json::Value;

use super::apply::{is_active, is_ready, manager_image, read};
use super::compare::differences;
use super::excess;
use super::manifests::{Choices, MANAGER, SERVICE_ACCOUNT, parts};
use super::webhook;
use crate::cluster::Session;
use crate::error::Error;
use crate::listing::resource_name;
use crate::output::Output;

/// The place of the manager's image in its `StatefulSet`.
const IMAGE: &str = "/spec/template/spec/containers/0/image";
/// How many places of one object are told: an old definition differs in hundreds.
const TOLD: usize = 10;

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
    }
    check_objects(session, choices, crd_only, &mut problems, output).await?;
    if !crd_only {
        check_excess(session, choices, &mut problems).await?;
        check_manager(session, choices, &mut problems).await?;
    }
    if problems.is_empty() {
        Ok(())
    } else {
        Err(Error::Installation { problems })
    }
}

/// Whether the definitions are served, whatever they say.
async fn check_crds(session: &Session, problems: &mut Vec<String>) -> Result<(), Error> {
    let api: Api<CustomResourceDefinition> = Api::all(session.client.clone());
    for wanted in kudo_api::crds() {
        let name = wanted.name_any();
        let found = api
            .get_opt(&name)
            .await
            .map_err(|error| session.error(&format!("read definition {name}"), error))?;
        if found.is_some() && !conditions::is_crd_established().matches_object(found.as_ref()) {
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
    if *account != SERVICE_ACCOUNT {
        if session.find::<ServiceAccount>(account).await?.is_none() {
            problems.push(format!("service account {account} does not exist"));
        }
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

/// Compares all objects with what would be installed.
async fn check_objects(
    session: &Session,
    choices: &Choices,
    crd_only: bool,
    problems: &mut Vec<String>,
    output: &Output,
) -> Result<(), Error> {
    let objects = parts(choices, crd_only)
        .into_iter()
        .flat_map(|(_, objects)| objects);
    for wanted in objects {
        let name = described(&wanted);
        let Some(present) = read(session, &wanted).await? else {
            // The namespace is told of already: it may be one that is not made here.
            if wanted["kind"] != "Namespace" {
                problems.push(format!("{name} does not exist"));
            }
            continue;
        };
        let mut found = differences(&webhook::over(wanted, &present), &present);
        // The image is told of in words.
        found.retain(|found| found.place != IMAGE);
        let more = found.len().saturating_sub(TOLD);
        let told = found.iter().take(TOLD);
        problems.extend(told.map(|found| format!("{name} is not as it should be at {found}")));
        if more > 0 {
            problems.push(format!(
                "{name} is not as it should be in {more} more places"
            ));
        }
        if webhook::waits(&present) {
            output.note(
                "The webhook is not asked yet: it waits for the manager to have a certificate",
            );
        }
    }
    Ok(())
}

/// Looks for more than what would be installed.
async fn check_excess(
    session: &Session,
    choices: &Choices,
    problems: &mut Vec<String>,
) -> Result<(), Error> {
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

/// Whether the manager is at work, and which it is.
async fn check_manager(
    session: &Session,
    choices: &Choices,
    problems: &mut Vec<String>,
) -> Result<(), Error> {
    let Some(manager) = session.find::<StatefulSet>(MANAGER).await? else {
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
