//! The rules for changes of instances, asked before anything is written: where no webhook is installed, a
//! change that the manager refuses stays in the spec.

use kudo_api::{Instance, OperatorVersion};
use kudo_package::OperatorDefinition;
use serde_json::{Value, json};

use crate::Rules;
use crate::cluster::Session;
use crate::definitions::definition_of;
use crate::error::Error;
use crate::refused::place;

/// Refuses a change, given as a merge patch of the spec, that the manager would refuse. `wanted` is what
/// the operator version holds that the instance is to have.
pub(crate) async fn check_change(
    session: &Session,
    rules: Option<Rules>,
    before: &Instance,
    spec: &Value,
    wanted: &OperatorDefinition,
) -> Result<(), Error> {
    let Some(rules) = rules else {
        return Ok(());
    };
    let name = before.metadata.name.clone().unwrap_or_default();
    let mut after = json!(before);
    json_patch::merge(&mut after["spec"], spec);
    let Ok(after) = serde_json::from_value::<Instance>(after) else {
        return Ok(());
    };
    let accepted = before.status.as_ref().and_then(|s| s.accepted.as_ref());
    let accepted = accepted.map(|accepted| &accepted.operator_version);
    let former = match accepted {
        Some(version) if Some(version) != after.spec.operator_version.name.as_ref() => {
            find_recorded(session, version).await?
        }
        _ => Some(wanted.clone()),
    };
    match rules(before, after, wanted, former.as_ref()) {
        Some(message) => Err(Error::Refused {
            instance: session.named(&name),
            message,
        }),
        None => Ok(()),
    }
}

/// What the operator version holds that an instance's status names; nothing if it is gone or cannot be run.
async fn find_recorded(
    session: &Session,
    version: &str,
) -> Result<Option<OperatorDefinition>, Error> {
    let (namespace, name) = place(version);
    let session = session.in_namespace(namespace.unwrap_or(&session.namespace));
    let found: Option<OperatorVersion> = session.find(name).await?;
    Ok(found.and_then(|version| definition_of(&version).ok()))
}
