//! Putting the manifests of an installation into the cluster.

use std::fmt::Debug;
use std::pin::pin;
use std::time::Duration;

use futures::StreamExt;
use k8s_openapi::api::admissionregistration::v1::MutatingWebhookConfiguration;
use k8s_openapi::api::apps::v1::StatefulSet;
use k8s_openapi::api::core::v1::{Namespace, Secret, ServiceAccount};
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::api::{DeleteParams, DynamicObject, Patch, PatchParams};
use kube::runtime::WatchStreamExt;
use kube::runtime::wait::{Condition, conditions};
use kube::runtime::watcher::watch_object;
use kube::{Api, Resource, ResourceExt};
use kudo_kube::error::{Cause, cause};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::compare::differences;
use super::excess;
use super::manifests::{
    CONTROLLER, Choices, MANAGER, NAMESPACE, SERVICE_ACCOUNT, parts, stateful_set,
};
use super::webhook::{self, CERT_MANAGER, CERTIFICATE, CONFIGURATION, ISSUER, SECRET, Webhook};
use crate::cluster::{FIELD_MANAGER, Session};
use crate::error::Error;
use crate::listing::resource_name;
use crate::output::Output;

/// How long definitions may take to be served, and an old manager to end.
const PATIENCE: Duration = Duration::from_mins(1);

/// Refuses to replace a manager of another version, unless told to upgrade.
pub(super) async fn refuse_other_manager(
    session: &Session,
    choices: &Choices,
) -> Result<(), Error> {
    let Some(manager) = session.find::<StatefulSet>(MANAGER).await? else {
        return Ok(());
    };
    match manager_image(&manager) {
        Some(image) if image != choices.image => Err(Error::OtherManager {
            image: image.to_owned(),
        }),
        _ => Ok(()),
    }
}

/// The image of the manager in its `StatefulSet`.
pub(super) fn manager_image(manager: &StatefulSet) -> Option<&str> {
    let pod = manager.spec.as_ref()?.template.spec.as_ref()?;
    pod.containers.first()?.image.as_deref()
}

/// Checks that what the caller named, and `init` therefore does not make, exists.
pub(super) async fn check_given(
    session: &Session,
    choices: &Choices,
    crd_only: bool,
) -> Result<(), Error> {
    if crd_only {
        return Ok(());
    }
    let mut problems = Vec::new();
    let namespace = session.namespace().await?;
    let phase = namespace
        .as_ref()
        .and_then(|namespace| namespace.status.as_ref()?.phase.as_deref());
    if phase == Some("Terminating") {
        problems.push(format!(
            "namespace {} is being deleted; wait until it is gone",
            choices.namespace
        ));
    }
    if namespace.is_none() && choices.namespace != NAMESPACE {
        let name = &choices.namespace;
        return Err(Error::Prerequisites {
            problems: vec![format!("namespace {name:?} does not exist")],
            hint: format!("create it with: kubectl create namespace {name}"),
        });
    }
    if choices.service_account != SERVICE_ACCOUNT
        && session
            .find::<ServiceAccount>(&choices.service_account)
            .await?
            .is_none()
    {
        problems.push(format!(
            "service account {} does not exist in namespace {}",
            choices.service_account, choices.namespace
        ));
    }
    let namespaces: Api<Namespace> = Api::all(session.client.clone());
    for name in &choices.namespaces {
        let doing = format!("read namespace {name}");
        let found = namespaces.get_opt(name).await;
        if found
            .map_err(|error| session.error(&doing, error))?
            .is_none()
        {
            problems.push(format!("namespace {name} does not exist"));
        }
    }
    if choices.webhook == Webhook::CertManager {
        let definitions: Api<CustomResourceDefinition> = Api::all(session.client.clone());
        let found = definitions.get_opt("certificates.cert-manager.io").await;
        if found
            .map_err(|error| session.error("look for cert-manager", error))?
            .is_none()
        {
            problems.push(
                "cert-manager is not installed, which --webhook cert-manager relies on".to_owned(),
            );
        }
    }
    if problems.is_empty() {
        Ok(())
    } else {
        Err(Error::Prerequisites {
            problems,
            hint: "nothing was changed; make what is missing first, or leave the option out"
                .to_owned(),
        })
    }
}

/// Takes away what an installation of another version leaves in the way: the manager, whose
/// `StatefulSet` cannot be changed in place, and the webhook, which would refuse every instance with no
/// manager behind it. A certificate that cert-manager or `init` itself made for upstream's webhook
/// goes, too, where the manager is to make its own. Where the manager is as it should be, nothing is in the
/// way.
pub(super) async fn prepare_upgrade(
    session: &Session,
    choices: &Choices,
    output: &Output,
) -> Result<(), Error> {
    refuse_missing_namespace(session, choices).await?;
    let wanted = stateful_set(choices);
    let present = read(session, &wanted).await?;
    if present.is_some_and(|present| differences(&wanted, &present).is_empty()) {
        output.note("The manager is the one that is asked for already");
        return Ok(());
    }
    let managers: Api<StatefulSet> = session.api();
    if let Some(manager) = session.find::<StatefulSet>(MANAGER).await? {
        output.note(&format!(
            "Removing the manager {}",
            manager_image(&manager).unwrap_or("")
        ));
        delete(session, &managers, MANAGER, &DeleteParams::foreground()).await?;
        let uid = manager.uid().unwrap_or_default();
        wait(&managers, MANAGER, conditions::is_deleted(&uid), PATIENCE).await?;
    }
    let webhooks: Api<MutatingWebhookConfiguration> = Api::all(session.client.clone());
    delete(session, &webhooks, CONFIGURATION, &DeleteParams::default()).await?;
    if choices.webhook == Webhook::SelfManaged {
        remove_upstream_certificate(session).await?;
    }
    Ok(())
}

async fn remove_upstream_certificate(session: &Session) -> Result<(), Error> {
    for (kind, name) in [("Certificate", CERTIFICATE), ("Issuer", ISSUER)] {
        let kind = resource_of(&json!({ "apiVersion": CERT_MANAGER, "kind": kind }));
        let client = session.client.clone();
        let api: Api<DynamicObject> = Api::namespaced_with(client, &session.namespace, &kind);
        delete(session, &api, name, &DeleteParams::default()).await?;
    }
    let secrets: Api<Secret> = session.api();
    delete(session, &secrets, SECRET, &DeleteParams::default()).await
}

async fn refuse_missing_namespace(session: &Session, choices: &Choices) -> Result<(), Error> {
    match session.namespace().await? {
        Some(_) => Ok(()),
        None => Err(Error::Prerequisites {
            problems: vec![format!(
                "there is nothing to upgrade: namespace {} does not exist",
                choices.namespace
            )],
            hint: "install KUDO with: kubectl kudo init".to_owned(),
        }),
    }
}

pub(super) async fn delete<K>(
    session: &Session,
    api: &Api<K>,
    name: &str,
    parameters: &DeleteParams,
) -> Result<(), Error>
where
    K: Clone + DeserializeOwned + Debug,
{
    match api.delete(name, parameters).await {
        Ok(_) => Ok(()),
        Err(error) if cause(&error) == Cause::NotFound => Ok(()),
        Err(error) => Err(session.error(&format!("delete {name}"), error)),
    }
}

/// Applies every part, and waits until the definitions are served. What is not asked for any more goes before
/// the manager changes: a webhook with no manager behind it would refuse every instance.
pub(super) async fn apply(
    session: &Session,
    choices: &Choices,
    crd_only: bool,
    output: &Output,
) -> Result<(), Error> {
    for (part, objects) in parts(choices, crd_only) {
        if part == CONTROLLER {
            excess::remove(session, choices, output).await?;
        }
        for object in &objects {
            apply_object(session, object).await?;
        }
        if part == "crds" {
            wait_until_served(session, &objects).await?;
        }
        output.result(&format!("installed {part}"))?;
    }
    Ok(())
}

/// Applies an object, unless it is there as it should be.
async fn apply_object(session: &Session, object: &Value) -> Result<(), Error> {
    let doing = format!("apply {}", resource_name(object));
    let (api, name) = endpoint(session, object);
    let present = read(session, object).await?;
    let object = match &present {
        Some(present) => webhook::over(object.clone(), present),
        None => object.clone(),
    };
    if present.is_some_and(|present| differences(&object, &present).is_empty()) {
        return Ok(());
    }
    let parameters = PatchParams::apply(FIELD_MANAGER).force();
    api.patch(&name, &parameters, &Patch::Apply(object))
        .await
        .map_err(|error| session.error(&doing, error))?;
    Ok(())
}

/// Reads the object in the cluster that a manifest stands for.
pub(super) async fn read(session: &Session, object: &Value) -> Result<Option<Value>, Error> {
    let doing = format!("read {}", resource_name(object));
    let (api, name) = endpoint(session, object);
    let found = match api.get_opt(&name).await {
        Err(error) if cause(&error) == Cause::NotFound => None,
        found => found.map_err(|error| session.error(&doing, error))?,
    };
    found
        .map(serde_json::to_value)
        .transpose()
        .map_err(|source| session.error(&doing, kube::Error::SerdeError(source)))
}

pub(super) fn endpoint(session: &Session, object: &Value) -> (Api<DynamicObject>, String) {
    let text = |pointer: &str| object.pointer(pointer).and_then(Value::as_str);
    let (client, kind) = (session.client.clone(), resource_of(object));
    let api = match text("/metadata/namespace") {
        Some(namespace) => Api::namespaced_with(client, namespace, &kind),
        None => Api::all_with(client, &kind),
    };
    (api, text("/metadata/name").unwrap_or_default().to_owned())
}

/// The endpoint of the few kinds that an installation is made of; no need to ask the server.
fn resource_of(object: &Value) -> kube::core::ApiResource {
    let text = |field: &str| {
        object
            .get(field)
            .and_then(Value::as_str)
            .unwrap_or_default()
    };
    let (group, version) = text("apiVersion")
        .split_once('/')
        .unwrap_or(("", text("apiVersion")));
    kube::core::ApiResource::from_gvk(&kube::core::GroupVersionKind::gvk(
        group,
        version,
        text("kind"),
    ))
}

async fn wait_until_served(session: &Session, crds: &[Value]) -> Result<(), Error> {
    let api: Api<CustomResourceDefinition> = Api::all(session.client.clone());
    for crd in crds {
        let name = crd
            .pointer("/metadata/name")
            .and_then(Value::as_str)
            .unwrap_or_default();
        wait(&api, name, conditions::is_crd_established(), PATIENCE).await?;
    }
    Ok(())
}

/// Waits until the manager runs in the version that was applied.
pub(super) async fn wait_until_ready(session: &Session, limit: Duration) -> Result<(), Error> {
    let ready = |manager: Option<&StatefulSet>| manager.is_some_and(is_ready);
    wait(&session.api(), MANAGER, ready, limit).await
}

/// Whether all replicas run in the version that was applied last.
pub(super) fn is_ready(manager: &StatefulSet) -> bool {
    let (Some(spec), Some(status)) = (&manager.spec, &manager.status) else {
        return false;
    };
    let replicas = spec.replicas.unwrap_or(1);
    status.observed_generation >= manager.metadata.generation
        && status.ready_replicas.unwrap_or(0) >= replicas
        && status.updated_replicas.unwrap_or(0) >= replicas
}

async fn wait<K>(
    api: &Api<K>,
    name: &str,
    condition: impl Condition<K>,
    limit: Duration,
) -> Result<(), Error>
where
    K: Resource + Clone + Debug + Send + DeserializeOwned + 'static,
{
    let reached = async {
        let mut sights = pin!(watch_object(api.clone(), name).default_backoff());
        while let Some(sight) = sights.next().await {
            if sight.is_ok_and(|sight| condition.matches_object(sight.as_ref())) {
                break;
            }
        }
    };
    tokio::time::timeout(limit, reached)
        .await
        .map_err(|_| Error::TimedOut {
            what: name.to_owned(),
            after: limit,
            trouble: None,
            follow: None,
        })
}

/// Whether a namespace takes new objects.
pub(super) fn is_active(namespace: &Namespace) -> bool {
    let phase = namespace
        .status
        .as_ref()
        .and_then(|status| status.phase.as_deref());
    phase != Some("Terminating")
}
