//! Checking an installation against what this program would install.

use k8s_openapi::api::apps::v1::StatefulSet;
use k8s_openapi::api::core::v1::{Service, ServiceAccount};
use k8s_openapi::api::rbac::v1::ClusterRoleBinding;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::runtime::wait::{Condition, conditions};
use kube::{Api, ResourceExt};

use super::apply::{is_active, is_ready, manager_image};
use super::manifests::{Choices, MANAGER, SERVICE};
use crate::cluster::Session;
use crate::error::Error;

/// Tells all that is not as it should be.
pub(super) async fn verify(
    session: &Session,
    choices: &Choices,
    crd_only: bool,
) -> Result<(), Error> {
    let mut problems = Vec::new();
    check_crds(session, &mut problems).await?;
    if !crd_only {
        check_account(session, choices, &mut problems).await?;
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
    let bindings: Api<ClusterRoleBinding> = Api::all(session.client.clone());
    let bindings = bindings
        .list(&kube::api::ListParams::default())
        .await
        .map_err(|error| session.error("list cluster role bindings", error))?;
    let bound = bindings.items.iter().any(|binding| {
        let subjects = binding.subjects.iter().flatten();
        let mut matching = subjects.filter(|subject| {
            subject.kind == "ServiceAccount"
                && subject.name == *account
                && subject.namespace.as_ref() == Some(&choices.namespace)
        });
        matching.next().is_some()
    });
    if !bound {
        problems.push(format!(
            "no cluster role is bound to service account {account}"
        ));
    }
    Ok(())
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
