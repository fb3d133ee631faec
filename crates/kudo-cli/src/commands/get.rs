//! `get`: what is installed in a namespace.

use clap::{Args, ValueEnum};
use jiff::Timestamp;
use kube::ResourceExt;
use kudo_api::names::READY_CONDITION;
use kudo_api::{Instance, Operator, OperatorVersion, Time};
use kudo_package::parameter::{value_of_text, values_file};
use serde::Serialize;
use serde_json::Value;

use crate::arguments::{Format, Global};
use crate::cluster::Session;
use crate::definitions::definition_of;
use crate::error::Error;
use crate::listing::{resource_name, table};
use crate::output::{Output, Structured};
use crate::refused::running;
use crate::tree::Tree;

/// List the instances, operators and operator versions of a namespace
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  # Names of the instances
  kubectl kudo get instances

  # With their plans and whether they are ready
  kubectl kudo get instances -o table

  # Operators with their versions and instances, as a tree
  kubectl kudo get all -n db

  # Everything as YAML
  kubectl kudo get all -o yaml

  # The parameters of an instance, as a values file that makes another one like it
  kubectl kudo get parameters --instance db > values.yaml
  kubectl kudo install ./operators/galera --instance db2 -P values.yaml")]
pub(crate) struct GetArgs {
    /// What to list
    #[arg(value_enum, value_name = "WHAT")]
    what: What,

    /// Name of the instance whose parameters to print as a values file
    #[arg(long, value_name = "NAME", required_if_eq("what", "parameters"))]
    instance: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum What {
    #[value(alias = "instance")]
    Instances,
    #[value(alias = "operator")]
    Operators,
    #[value(alias = "operatorversion")]
    Operatorversions,
    #[value(alias = "parameter")]
    Parameters,
    All,
}

impl What {
    fn plural(self) -> &'static str {
        match self {
            Self::Instances => "instances",
            Self::Operators => "operators",
            Self::Operatorversions => "operatorversions",
            Self::Parameters => "parameters",
            Self::All => "all",
        }
    }
}

/// What was found; what was not asked for is empty.
#[derive(Default)]
struct Found {
    operators: Vec<Operator>,
    versions: Vec<OperatorVersion>,
    instances: Vec<Instance>,
}

pub(crate) async fn run(
    arguments: &GetArgs,
    global: &Global,
    output: &Output,
) -> Result<(), Error> {
    let format = output.format(
        "get",
        &[Format::Table, Format::Yaml, Format::Json, Format::Name],
    )?;
    let session = Session::open(global).await?;
    let what = arguments.what;
    match (&arguments.instance, what) {
        (Some(instance), What::Parameters) => {
            return parameters(&session, instance, format, output).await;
        }
        (Some(_), _) => {
            return Err(Error::Flags {
                problem: "--instance goes with `get parameters` only",
                hint: "leave it out",
            });
        }
        (None, _) => {}
    }
    let found = read(&session, what).await?;
    if let Some(structured) = Structured::from_format(format) {
        return output.objects(structured, &found.objects());
    }
    match format {
        Some(Format::Name) => {
            let names: Vec<String> = found.objects().iter().map(resource_name).collect();
            output.data(&names.join("\n"))
        }
        Some(Format::Table) => output.data(&tables(&found)),
        _ => output.data(&format!(
            "{}\n{}",
            heading(what, &session.namespace),
            tree(what, &found).draw()
        )),
    }
}

/// Prints the parameters that an instance runs with: a values file with comments, or only what was given.
async fn parameters(
    session: &Session,
    name: &str,
    format: Option<Format>,
    output: &Output,
) -> Result<(), Error> {
    let mut instance = session.instance(name).await?;
    if let Some((running, told)) = running(&instance) {
        output.warn(&told);
        instance = running;
    }
    let definition = definition_of(&session.operator_version_of(&instance).await?)?;
    let given = &instance.spec.parameters;
    match format {
        Some(Format::Name) => {
            let names: Vec<&str> = given.keys().map(String::as_str).collect();
            output.data(&names.join("\n"))
        }
        Some(Format::Table) => {
            let rows = definition.parameters.iter().map(|parameter| {
                let name = &parameter.name;
                let value = given.get(name).or(parameter.default.as_ref());
                let from = if given.contains_key(name) {
                    "instance"
                } else {
                    "default"
                };
                vec![
                    name.clone(),
                    value.cloned().unwrap_or_default().replace('\n', " "),
                    value.map_or("", |_| from).to_owned(),
                ]
            });
            let listed = table(&["NAME", "VALUE", "FROM"], rows);
            output.data(listed.as_deref().unwrap_or("no parameters found"))
        }
        format => match Structured::from_format(format) {
            Some(structured) => {
                let typed = given.iter().map(|(name, text)| {
                    let known = definition.parameter(name);
                    let value_type = known.map(|known| known.value_type).unwrap_or_default();
                    (name.clone(), value_of_text(value_type, text))
                });
                output.value(structured, &Value::Object(typed.collect()))
            }
            None => output.data(&values_file(&definition.parameters, given, false)),
        },
    }
}

async fn read(session: &Session, what: What) -> Result<Found, Error> {
    Ok(match what {
        What::Instances => Found {
            instances: session.list().await?,
            ..Found::default()
        },
        What::Operators => Found {
            operators: session.list().await?,
            ..Found::default()
        },
        What::Operatorversions => Found {
            versions: session.list().await?,
            ..Found::default()
        },
        // They are an instance's, and printed before it comes to this.
        What::Parameters => Found::default(),
        What::All => {
            let (operators, versions, instances) =
                futures::try_join!(session.list(), session.list(), session.list())?;
            Found {
                operators,
                versions,
                instances,
            }
        }
    })
}

fn heading(what: What, namespace: &str) -> String {
    match what {
        What::All => format!(
            "List of current installed operators including versions and instances in namespace {namespace:?}:"
        ),
        _ => format!(
            "List of current installed {} in namespace {namespace:?}:",
            what.plural()
        ),
    }
}

fn tree(what: What, found: &Found) -> Tree {
    match what {
        What::Instances => names(&found.instances),
        What::Operators => names(&found.operators),
        What::Operatorversions => names(&found.versions),
        What::All | What::Parameters => Tree::root(
            found
                .operators
                .iter()
                .map(|operator| operator_tree(operator, found)),
        ),
    }
}

fn names<K: ResourceExt>(objects: &[K]) -> Tree {
    Tree::root(objects.iter().map(|object| Tree::leaf(object.name_any())))
}

fn operator_tree(operator: &Operator, found: &Found) -> Tree {
    let name = operator.name_any();
    let versions = found
        .versions
        .iter()
        .filter(|version| version.spec.operator.name.as_ref() == Some(&name));
    let branches: Vec<Tree> = versions
        .map(|version| {
            let name = version.name_any();
            let instances = found
                .instances
                .iter()
                .filter(|instance| instance.spec.operator_version.name.as_ref() == Some(&name));
            let leaves: Vec<Tree> = instances
                .map(|instance| Tree::leaf(instance.name_any()))
                .collect();
            Tree::new(name, leaves)
        })
        .collect();
    Tree::new(name, branches)
}

impl Found {
    fn objects(&self) -> Vec<Value> {
        fn values<K: Serialize>(objects: &[K]) -> impl Iterator<Item = Value> {
            objects.iter().flat_map(serde_json::to_value)
        }
        let operators = values(&self.operators);
        operators
            .chain(values(&self.versions))
            .chain(values(&self.instances))
            .collect()
    }
}

fn tables(found: &Found) -> String {
    let now = Timestamp::now();
    let age = |time: Option<Time>| time.map_or_else(String::new, |time| age(now, time.0));
    let operators = found.operators.iter().map(|operator| {
        vec![
            operator.name_any(),
            operator.spec.url.clone(),
            age(operator.creation_timestamp()),
        ]
    });
    let versions = found.versions.iter().map(|version| {
        vec![
            version.name_any(),
            version.spec.operator.name.clone().unwrap_or_default(),
            version.spec.version.clone(),
            version.spec.app_version.clone(),
            age(version.creation_timestamp()),
        ]
    });
    let instances = found.instances.iter().map(|instance| {
        let status = instance.status.as_ref();
        let plan = status.and_then(|status| status.last_executed_plan());
        let ready = status.and_then(|status| status.condition(READY_CONDITION));
        vec![
            instance.name_any(),
            instance
                .spec
                .operator_version
                .name
                .clone()
                .unwrap_or_default(),
            plan.map_or_else(String::new, |(name, _)| name.to_owned()),
            plan.map_or_else(String::new, |(_, plan)| plan.status.clone()),
            ready.map_or_else(String::new, |ready| ready.status.clone()),
            age(instance.creation_timestamp()),
        ]
    });
    let tables = [
        table(&["OPERATOR", "URL", "AGE"], operators),
        table(
            &[
                "OPERATOR VERSION",
                "OPERATOR",
                "VERSION",
                "APP VERSION",
                "AGE",
            ],
            versions,
        ),
        table(
            &[
                "INSTANCE",
                "OPERATOR VERSION",
                "ACTIVE PLAN",
                "PLAN STATUS",
                "READY",
                "AGE",
            ],
            instances,
        ),
    ];
    let tables: Vec<String> = tables.into_iter().flatten().collect();
    tables.join("\n\n")
}

/// An age as kubectl prints it: the largest unit, or two where the first is small.
fn age(now: Timestamp, since: Timestamp) -> String {
    let seconds = now.as_second().saturating_sub(since.as_second()).max(0);
    let (minutes, hours, days) = (seconds / 60, seconds / 3600, seconds / 86400);
    match () {
        () if seconds < 120 => format!("{seconds}s"),
        () if minutes < 10 => two(minutes, "m", seconds % 60, "s"),
        () if minutes < 180 => format!("{minutes}m"),
        () if hours < 8 => two(hours, "h", minutes % 60, "m"),
        () if hours < 48 => format!("{hours}h"),
        () if days < 8 => two(days, "d", hours % 24, "h"),
        () => format!("{days}d"),
    }
}

fn two(large: i64, large_unit: &str, small: i64, small_unit: &str) -> String {
    if small == 0 {
        format!("{large}{large_unit}")
    } else {
        format!("{large}{large_unit}{small}{small_unit}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ages() {
        let cases = [
            (5, "5s"),
            (119, "119s"),
            (125, "2m5s"),
            (180, "3m"),
            (3599, "59m"),
            (10_800, "3h"),
            (11_100, "3h5m"),
            (90_000, "25h"),
            (180_000, "2d2h"),
            (900_000, "10d"),
            (-5, "0s"),
        ];
        let start = Timestamp::from_second(1_600_000_000).unwrap();
        for (seconds, expected) in cases {
            let now = Timestamp::from_second(1_600_000_000 + seconds).unwrap();
            assert_eq!(age(now, start), expected, "{seconds}");
        }
    }
}
