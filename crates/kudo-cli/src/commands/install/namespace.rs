//! `--create-namespace`: the namespace of an installation, from the package's manifest.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::Namespace;
use kube::api::PostParams;
use kube::{Api, ResourceExt};
use kudo_package::Package;
use kudo_template::{Limits, Renderer, Values, render_namespace};
use serde_json::Value;

use crate::cluster::{FIELD_MANAGER, Session};
use crate::error::Error;

/// Marks a namespace as made by `--create-namespace`, as upstream does.
const CREATED_BY: (&str, &str) = ("created-by", "kudo-cli");

/// The namespace to create; nothing if an earlier try has created it.
pub(super) async fn missing(
    session: &Session,
    package: &Package,
    instance: &str,
    values: &BTreeMap<String, Value>,
) -> Result<Option<Namespace>, Error> {
    let wanted = namespace_of(session, package, instance, values)?;
    match session.namespace().await? {
        None => Ok(Some(wanted)),
        Some(existing) => {
            let (name, value) = CREATED_BY;
            let made_here = existing
                .annotations()
                .get(name)
                .is_some_and(|found| found == value);
            if made_here {
                return Ok(None);
            }
            Err(Error::NamespaceExists {
                namespace: session.namespace.clone(),
            })
        }
    }
}

/// The namespace as the package wants it, under the name that was asked for.
fn namespace_of(
    session: &Session,
    package: &Package,
    instance: &str,
    values: &BTreeMap<String, Value>,
) -> Result<Namespace, Error> {
    let mut namespace = match &package.manifest.namespace_manifest {
        Some(template) => rendered_namespace(session, package, template, instance, values)?,
        None => Namespace::default(),
    };
    namespace.metadata.name = Some(session.namespace.clone());
    namespace.metadata.namespace = None;
    let (name, value) = CREATED_BY;
    namespace
        .annotations_mut()
        .insert(name.to_owned(), value.to_owned());
    Ok(namespace)
}

fn rendered_namespace(
    session: &Session,
    package: &Package,
    template: &str,
    instance: &str,
    values: &BTreeMap<String, Value>,
) -> Result<Namespace, Error> {
    let problem = |problem: String| Error::NamespaceManifest {
        template: template.to_owned(),
        problem,
    };
    let definition = &package.definition;
    let text = definition
        .templates
        .get(template)
        .ok_or_else(|| problem("is not among the package's templates".to_owned()))?;
    let values = Values {
        operator_name: definition.operator_name.clone(),
        name: instance.to_owned(),
        namespace: session.namespace.clone(),
        app_version: definition.app_version.clone().unwrap_or_default(),
        operator_version: definition.operator_version.clone(),
        params: values.clone(),
        ..Values::default()
    };
    let renderer = Renderer::new(Limits::default());
    let value = render_namespace(&renderer, template, text, &values, &session.namespace)?
        .ok_or_else(|| problem("must render to exactly one Namespace".to_owned()))?;
    serde_json::from_value(value).map_err(|error| problem(format!("is not a namespace: {error}")))
}

/// Creates the namespace.
pub(super) async fn create(session: &Session, namespace: &Namespace) -> Result<(), Error> {
    let parameters = PostParams {
        field_manager: Some(FIELD_MANAGER.to_owned()),
        ..PostParams::default()
    };
    Api::<Namespace>::all(session.client.clone())
        .create(&parameters, namespace)
        .await
        .map_err(|error| {
            session.error(&format!("create namespace {:?}", session.namespace), error)
        })?;
    Ok(())
}
