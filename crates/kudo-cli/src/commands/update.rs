//! `update`: other parameter values for an instance.

use std::collections::BTreeMap;

use clap::Args;
use kudo_api::Instance;
use kudo_package::OperatorDefinition;
use kudo_template::InstanceIdentity;
use serde_json::{Value, json};

use super::children::Family;
use super::operator_version::{check_given, update_plans};
use super::rules::check_change;
use crate::arguments::{Format, Global, ParameterArgs, WaitArgs};
use crate::cluster::Session;
use crate::definitions::definition_of;
use crate::error::Error;
use crate::follow::{Awaited, Change, Follow, answer, follow};
use crate::listing::print_objects;
use crate::output::Output;
use crate::parameters;
use crate::simulate::SimulateArgs;

/// How often a change is tried again because somebody else wrote at the same time.
const ATTEMPTS: usize = 5;

/// Change the parameters of an instance, which runs the plan that they trigger
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  # Change a parameter
  kubectl kudo update --instance galera-instance -p NODE_COUNT=5

  # Change several, and wait until the plan they trigger is complete
  kubectl kudo update --instance galera-instance -n db -P production.yaml --wait")]
pub(crate) struct UpdateArgs {
    /// Name of the instance
    #[arg(long, value_name = "NAME")]
    pub(crate) instance: String,

    #[command(flatten)]
    parameters: ParameterArgs,

    #[command(flatten)]
    pub(crate) wait: WaitArgs,

    #[command(flatten)]
    pub(crate) simulate: SimulateArgs,
}

pub(crate) async fn run(
    arguments: &UpdateArgs,
    global: &Global,
    output: &Output,
) -> Result<(), Error> {
    let format = output.format("update", &[Format::Yaml, Format::Json, Format::Name])?;
    let given = parameters::read(&arguments.parameters)?;
    if given.is_empty() {
        return Err(Error::Flags {
            problem: "there is nothing to update",
            hint: "give at least one parameter with -p NAME=VALUE or -P FILE",
        });
    }
    let name = &arguments.instance;
    let session = Session::open(global).await?;
    let instance = session.instance(name).await?;
    let version = session.operator_version_of(&instance).await?;
    let definition = definition_of(&version)?;
    let values = check_given(&definition, &instance.spec.parameters, &given)?;
    check_immutable(&definition, &instance, &given)?;
    let changed = changes(&instance, &given);
    let identity = InstanceIdentity {
        name,
        namespace: &session.namespace,
    };
    let family = Family::in_cluster(&session, &definition).await?;
    for plan in update_plans(&definition, changed.keys()) {
        let unserved = family
            .check(&session, &definition, identity, plan, &values)
            .await?;
        unserved.settle(arguments.wait.wait, output)?;
    }

    let named = session.named(name);
    let instance = if changed.is_empty() {
        output.result(&format!("Instance {named} has these values already."))?;
        instance
    } else {
        let patch = json!({ "parameters": changed });
        check_change(&session, global.rules, &instance, &patch, &definition).await?;
        let patched = change(&session, instance, &patch, |before, now| {
            changed
                .keys()
                .all(|name| before.parameters.get(name) == now.parameters.get(name))
                && before.operator_version == now.operator_version
        })
        .await?;
        output.result(&format!("Instance {named} was updated."))?;
        patched
    };
    let awaited = Awaited::of(&instance, Change::Spec);
    let instance = if arguments.wait.wait {
        let what = Follow {
            name,
            awaited,
            plans: &version.spec.plans,
            limit: arguments.wait.limit(),
            keep_tree: true,
        };
        let finished = follow(&session, output, what).await?;
        output.result(&format!("instance {named} ready"))?;
        finished.instance.unwrap_or(instance)
    } else {
        if !changed.is_empty() {
            answer(&session, output, name, &awaited).await?;
        }
        instance
    };
    let objects: Vec<Value> = serde_json::to_value(instance).into_iter().collect();
    print_objects(output, format, &objects)
}

/// Merges a change into the spec of an instance, made for the state that was read: if somebody
/// else has written meanwhile, it is made anew for the new state, unless they changed the same
/// thing (`undisturbed` says no), which is an error.
pub(crate) async fn change(
    session: &Session,
    read: Instance,
    spec: &Value,
    undisturbed: impl Fn(&kudo_api::InstanceSpec, &kudo_api::InstanceSpec) -> bool,
) -> Result<Instance, Error> {
    let name = read.metadata.name.clone().unwrap_or_default();
    let mut current = read.clone();
    for _ in 0..ATTEMPTS {
        let patch = json!({
            "metadata": {
                "uid": current.metadata.uid,
                "resourceVersion": current.metadata.resource_version,
            },
            "spec": spec,
        });
        if let Some(patched) = session.patch_instance(&name, &patch).await? {
            return Ok(patched);
        }
        current = session.instance(&name).await?;
        if current.metadata.uid != read.metadata.uid || !undisturbed(&read.spec, &current.spec) {
            break;
        }
    }
    Err(Error::ChangedMeanwhile {
        instance: session.named(&name),
    })
}

/// The values that differ from what the instance has.
pub(crate) fn changes(
    instance: &Instance,
    given: &BTreeMap<String, String>,
) -> BTreeMap<String, String> {
    let differs = |name: &String, value: &String| instance.spec.parameters.get(name) != Some(value);
    given
        .iter()
        .filter(|(name, value)| differs(name, value))
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect()
}

/// Refuses to change what stays as it was at installation.
pub(crate) fn check_immutable(
    definition: &OperatorDefinition,
    instance: &Instance,
    given: &BTreeMap<String, String>,
) -> Result<(), Error> {
    let names: Vec<String> = definition
        .parameters
        .iter()
        .filter(|parameter| parameter.immutable)
        .filter(|parameter| {
            let current = instance.spec.parameters.get(&parameter.name);
            let current = current.or(parameter.default.as_ref());
            given
                .get(&parameter.name)
                .is_some_and(|value| Some(value) != current)
        })
        .map(|parameter| parameter.name.clone())
        .collect();
    if names.is_empty() {
        Ok(())
    } else {
        Err(Error::Immutable { names })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use kudo_package::Parameter;

    fn map(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        pairs
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect()
    }

    #[test]
    fn immutable_parameters_stay() {
        let parameter = |name: &str, immutable, default: Option<&str>| Parameter {
            name: name.to_owned(),
            immutable,
            default: default.map(str::to_owned),
            ..Parameter::default()
        };
        let definition = OperatorDefinition {
            parameters: vec![
                parameter("free", false, Some("1")),
                parameter("fixed", true, Some("1")),
                parameter("bare", true, None),
            ],
            ..OperatorDefinition::default()
        };
        let cases: [(&[_], &[_], &str); 6] = [
            (&[], &[("free", "2")], "ok"),
            (&[], &[("fixed", "1")], "ok"),
            (
                &[],
                &[("fixed", "2")],
                "cannot change the immutable parameter fixed",
            ),
            (&[("fixed", "2")], &[("fixed", "2")], "ok"),
            (
                &[("fixed", "2")],
                &[("fixed", "1")],
                "cannot change the immutable parameter fixed",
            ),
            (
                &[],
                &[("fixed", "3"), ("bare", "x")],
                "cannot change the immutable parameters fixed, bare",
            ),
        ];
        for (has, given, expected) in cases {
            let mut instance = Instance::default();
            instance.spec.parameters = map(has);
            let found = match check_immutable(&definition, &instance, &map(given)) {
                Ok(()) => "ok".to_owned(),
                Err(error) => error.to_string(),
            };
            assert_eq!(found, expected, "{has:?} {given:?}");
        }
    }

    #[test]
    fn only_what_differs_is_a_change() {
        let mut instance = Instance::default();
        instance.spec.parameters = map(&[("a", "1"), ("b", "2")]);
        let found = changes(&instance, &map(&[("a", "1"), ("b", "3"), ("c", "4")]));
        assert_eq!(found, map(&[("b", "3"), ("c", "4")]));
    }
}
