//! `plan status|history|trigger`: what an instance's plans do, did, and shall do.

use clap::{Args, Subcommand};
use jiff::tz::TimeZone;
use kube::ResourceExt;
use kudo_api::names::CLEANUP_PLAN;
use kudo_api::{Instance, InstanceSpec, OperatorVersion};
use kudo_package::suggest;
use serde_json::json;

use super::rules::check_change;
use super::update::change;
use crate::arguments::{Format, Global, WaitArgs};
use crate::cluster::Session;
use crate::definitions::definition_of;
use crate::error::Error;
use crate::follow::{Awaited, Change, Follow, answer, follow};
use crate::output::{Output, Structured};
use crate::plan_tree::{history_tree, status_tree};
use crate::refused::running;
use crate::simulate::SimulateArgs;
use crate::tree;

/// Show, follow and trigger the plans of an instance
#[derive(Debug, Subcommand)]
#[command(after_help = "\
Examples:
  # What the plans are doing
  kubectl kudo plan status --instance galera-instance

  # Run one of them
  kubectl kudo plan trigger --name backup --instance galera-instance")]
pub(crate) enum PlanCommand {
    Status(StatusArgs),
    History(HistoryArgs),
    Trigger(TriggerArgs),
}

/// Show the plans of an instance, and how far the active one is
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  # Show the plans
  kubectl kudo plan status --instance galera-instance

  # Follow the active plan until it is finished
  kubectl kudo plan status --instance galera-instance --wait

  # The status as it is recorded
  kubectl kudo plan status --instance galera-instance -o yaml")]
pub(crate) struct StatusArgs {
    /// Name of the instance
    #[arg(long, value_name = "NAME")]
    instance: String,

    /// Wait until the active plan is finished, and show its progress
    #[arg(long)]
    wait: bool,
}

/// Show when each plan of an instance ran last, and how it ended
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  # Show the history
  kubectl kudo plan history --instance galera-instance")]
pub(crate) struct HistoryArgs {
    /// Name of the instance
    #[arg(long, value_name = "NAME")]
    instance: String,
}

/// Run a plan of an instance now
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  # Run the plan `backup`
  kubectl kudo plan trigger --name backup --instance galera-instance

  # Run it and wait until it is complete
  kubectl kudo plan trigger --name backup --instance galera-instance --wait")]
pub(crate) struct TriggerArgs {
    /// Name of the plan
    #[arg(long = "name", value_name = "PLAN")]
    plan: String,

    /// Name of the instance
    #[arg(long, value_name = "NAME")]
    pub(crate) instance: String,

    #[command(flatten)]
    pub(crate) wait: WaitArgs,

    #[command(flatten)]
    pub(crate) simulate: SimulateArgs,
}

pub(crate) async fn run(
    command: &PlanCommand,
    global: &Global,
    output: &Output,
) -> Result<(), Error> {
    match command {
        PlanCommand::Status(arguments) => status(arguments, global, output).await,
        PlanCommand::History(arguments) => history(arguments, global, output).await,
        PlanCommand::Trigger(arguments) => trigger(arguments, global, output).await,
    }
}

async fn status(arguments: &StatusArgs, global: &Global, output: &Output) -> Result<(), Error> {
    let format = output.format("plan status", &[Format::Yaml, Format::Json])?;
    let session = Session::open(global).await?;
    let name = &arguments.instance;
    let mut instance = session.instance(name).await?;
    let structured = Structured::from_format(format);
    let runs = running(&instance).map_or_else(|| instance.clone(), |(running, _)| running);
    let version = match session.operator_version_of(&runs).await {
        Ok(version) => version,
        // What is recorded can be printed without it.
        Err(error @ Error::NoOperatorVersion { .. }) => {
            output.warn(&format!(
                "{error}: only what the instance recorded is shown"
            ));
            OperatorVersion::default()
        }
        Err(error) => return Err(error),
    };
    let mut ended = Ok(());
    if arguments.wait {
        let what = Follow {
            name,
            awaited: Awaited::of(&instance, Change::Active),
            plans: &version.spec.plans,
            limit: None,
            keep_tree: false,
        };
        match follow(&session, output, what).await {
            Ok(finished) => instance = finished.instance.unwrap_or(instance),
            Err(error @ Error::PlanFailed { .. }) => {
                instance = session.instance(name).await?;
                ended = Err(error);
            }
            Err(error) => return Err(error),
        }
    }
    let refused = running(&instance);
    match (structured, &refused) {
        (Some(structured), _) => output.value(structured, &json!(instance.status))?,
        (None, Some((running, _))) => print_status(&session, running, &version, output)?,
        (None, None) => print_status(&session, &instance, &version, output)?,
    }
    if let Some((_, told)) = refused {
        output.warn(&told);
    }
    ended
}

fn print_status(
    session: &Session,
    instance: &Instance,
    version: &OperatorVersion,
    output: &Output,
) -> Result<(), Error> {
    let name = instance.name_any();
    match status_tree(instance, &version.spec.plans, &TimeZone::system()) {
        Some(tree) => {
            let heading = format!(
                "Plan(s) for {name:?} in namespace {:?}:\n",
                session.namespace
            );
            output.data(&(heading + &tree::coloured(&tree.lines(), output.paint())))?;
        }
        None => output.data(&format!(
            "No plan ever run for instance - nothing to show for instance {name}"
        ))?,
    }
    Ok(())
}

async fn history(arguments: &HistoryArgs, global: &Global, output: &Output) -> Result<(), Error> {
    let format = output.format("plan history", &[Format::Yaml, Format::Json])?;
    let session = Session::open(global).await?;
    let instance = session.instance(&arguments.instance).await?;
    let status = instance.status.unwrap_or_default();
    match Structured::from_format(format) {
        Some(structured) => output.value(structured, &json!(status.plan_status)),
        None => output.data(&history_tree(&status, &TimeZone::system()).draw()),
    }
}

async fn trigger(arguments: &TriggerArgs, global: &Global, output: &Output) -> Result<(), Error> {
    output.format("plan trigger", &[])?;
    let session = Session::open(global).await?;
    let (plan, name) = (&arguments.plan, &arguments.instance);
    let instance = session.instance(name).await?;
    let version = session.operator_version_of(&instance).await?;
    check_plan(&session, plan, &instance, &version)?;

    let uid = uuid::Uuid::new_v4().to_string();
    let spec = json!({ "planExecution": { "planName": plan, "uid": uid } });
    let definition = definition_of(&version)?;
    check_change(&session, global.rules, &instance, &spec, &definition).await?;
    let instance = change(&session, instance, &spec, nobody_asked).await?;
    output.result(&format!(
        "Triggered {plan} plan for {} instance",
        session.named(name)
    ))?;

    let change = Change::Execution {
        plan: plan.clone(),
        uid,
    };
    let awaited = Awaited::of(&instance, change);
    if !arguments.wait.wait {
        return answer(&session, output, name, &awaited).await;
    }
    let what = Follow {
        name,
        awaited,
        plans: &version.spec.plans,
        limit: arguments.wait.limit(),
        keep_tree: true,
    };
    follow(&session, output, what).await?;
    output.result(&format!(
        "Plan {plan} of {} instance is complete",
        session.named(name)
    ))
}

/// Whether nobody has asked for a plan meanwhile. The manager takes away a request that is over.
fn nobody_asked(before: &InstanceSpec, now: &InstanceSpec) -> bool {
    now.plan_execution == before.plan_execution || now.plan_execution.is_empty()
}

fn check_plan(
    session: &Session,
    plan: &str,
    instance: &Instance,
    version: &OperatorVersion,
) -> Result<(), Error> {
    let plans = &version.spec.plans;
    if !plans.contains_key(plan) {
        let names = || plans.keys().map(String::as_str);
        return Err(Error::NoPlan {
            plan: plan.to_owned(),
            version: version.name_any(),
            nearest: suggest::nearest(plan, names()).map(str::to_owned),
            plans: names().map(str::to_owned).collect(),
        });
    }
    let named = session.named(&instance.name_any());
    if plan == CLEANUP_PLAN && instance.metadata.deletion_timestamp.is_none() {
        return Err(Error::CleanupPlan { instance: named });
    }
    let active = instance
        .status
        .as_ref()
        .and_then(|status| status.last_executed_plan());
    match active {
        Some((running, status)) if status.is_running() && running != plan => {
            Err(Error::PlanRunning {
                plan: running.to_owned(),
                instance: named,
            })
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use kudo_api::instance::PlanExecution;

    use super::*;

    #[test]
    fn a_request_that_is_over_and_taken_away_disturbs_nobody() {
        let asked = |plan: &str| InstanceSpec {
            plan_execution: PlanExecution {
                plan_name: plan.to_owned(),
                uid: plan.to_owned(),
                ..PlanExecution::default()
            },
            ..InstanceSpec::default()
        };
        let none = InstanceSpec::default();
        let cases = [
            (none.clone(), none.clone(), true),
            (asked("recover"), asked("recover"), true),
            (asked("recover"), none.clone(), true),
            (none, asked("backup"), false),
            (asked("recover"), asked("backup"), false),
        ];
        for (before, now, undisturbed) in cases {
            assert_eq!(
                nobody_asked(&before, &now),
                undisturbed,
                "{before:?} {now:?}"
            );
        }
    }
}
