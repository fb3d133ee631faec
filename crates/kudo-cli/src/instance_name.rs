//! The name of an instance that is to be made.

use kudo_api::names::{check_instance_name, default_instance_name};
use kudo_package::OperatorDefinition;

use crate::error::Error;

/// The name given, or the one that an instance of the operator has without word. One that the server would
/// refuse is found out before anything is written.
pub(crate) fn choose(
    given: Option<&str>,
    definition: &OperatorDefinition,
) -> Result<String, Error> {
    let name = match given {
        Some(name) => name.to_owned(),
        None => default_instance_name(&definition.operator_name),
    };
    match check_instance_name(&name) {
        Ok(()) => Ok(name),
        Err(rule) => Err(Error::Invalid {
            what: "the instance's name",
            problem: format!("{name:?} is none; {rule}"),
        }),
    }
}
