//! From rendered objects to those that a step applies, as the manager's own functions make them, as far
//! as no cluster is needed.

use std::collections::BTreeMap;

use kudo_api::names::operator_version_name;
use kudo_kube::discovery::{Scope, builtin_scope};
use kudo_kube::enhance::{Enhancement, child_instance, enhance, forget_uids};
use kudo_kube::gvk_of;
use kudo_package::OperatorDefinition;
use kudo_template::{Action, InstanceIdentity};
use serde_json::{Value, json};

use super::Rendered;
use crate::error::Error;
use crate::rbac::defined_kinds;

/// What an action is called.
pub(super) fn word(action: &Action) -> &'static str {
    match action {
        Action::Apply => "apply",
        Action::Delete => "delete",
        Action::Pipe { .. } => "pipe",
        Action::Operator { .. } => "operator",
        Action::Dummy { .. } => "dummy",
    }
}

/// Puts what is applied in the place of what was rendered.
pub(super) fn complete(
    definition: &OperatorDefinition,
    instance: InstanceIdentity<'_>,
    rendered: &mut [Rendered],
) -> Result<(), Error> {
    let kinds = defined_kinds(rendered.iter().flat_map(|one| &one.objects));
    let scope = |object: &Value| scope_of(object, &kinds);
    for one in rendered {
        let enhancement = Enhancement {
            operator_name: &definition.operator_name,
            operator_version: &definition.operator_version,
            instance: instance.name,
            namespace: instance.namespace,
            instance_uid: "",
            plan: &one.address.plan,
            phase: &one.address.phase,
            step: &one.address.step,
            execution_uid: "",
        };
        match &one.action {
            Some(Action::Apply | Action::Pipe { .. }) => {
                for object in &mut one.objects {
                    let scope = scope(object);
                    let enhanced = enhance(object.take(), &scope, &enhancement);
                    *object = enhanced.map_err(|source| Error::Enhance {
                        template: one.template.clone(),
                        source,
                    })?;
                    forget_uids(object, &enhancement);
                }
            }
            Some(Action::Delete) => {
                for object in &mut one.objects {
                    let scope = scope(object);
                    place(object, &scope, instance.namespace);
                }
            }
            Some(action @ Action::Operator { .. }) => {
                one.objects = child_of(action, &enhancement).into_iter().collect();
            }
            Some(Action::Dummy { .. }) | None => {}
        }
    }
    Ok(())
}

/// The scope of an object's kind: as the package defines it, as Kubernetes does, or a namespace.
fn scope_of(object: &Value, defined: &BTreeMap<(String, String), (String, Scope)>) -> Scope {
    let Some(gvk) = gvk_of(object) else {
        return Scope::Namespaced;
    };
    if let Some((_, scope)) = defined.get(&(gvk.group.clone(), gvk.kind.clone())) {
        return scope.clone();
    }
    builtin_scope(&gvk.group, &gvk.kind).unwrap_or(Scope::Namespaced)
}

/// Says where an object is that is to be deleted.
fn place(object: &mut Value, scope: &Scope, namespace: &str) {
    let Some(metadata) = object.get_mut("metadata").and_then(Value::as_object_mut) else {
        return;
    };
    match scope {
        Scope::Namespaced => metadata.insert("namespace".to_owned(), json!(namespace)),
        Scope::Cluster => metadata.remove("namespace"),
    };
}

/// The child instance of a `KudoOperator` task. Where the version is up to the package's resolution, only
/// the operator is named.
fn child_of(action: &Action, enhancement: &Enhancement<'_>) -> Option<Value> {
    let Action::Operator {
        package,
        instance,
        app_version,
        operator_version,
        parameters,
    } = action
    else {
        return None;
    };
    let version = match operator_version {
        Some(version) => operator_version_name(package, app_version.as_deref(), version),
        None => package.clone(),
    };
    let mut child = child_instance(instance, package, &version, parameters, enhancement);
    forget_uids(&mut child, enhancement);
    Some(child)
}
