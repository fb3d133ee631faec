//! The command line's grammar: global flags and the tree of commands.
//!
//! Words and flags are upstream's; what is new is `--context`, `-o` everywhere, `--color`,
//! `--quiet`, `package render` and `completion`.

use std::ffi::OsString;
use std::fmt::Write as _;
use std::path::PathBuf;
use std::time::Duration;

use clap::{ArgAction, Args, CommandFactory, FromArgMatches, Parser, Subcommand, ValueEnum};
use kudo_api::names::read_namespace_name;

use crate::Rules;
use crate::cluster::Session;
use crate::commands::{
    completion, dev, diagnostics, get, init, install, package, plan, repo, search, test, uninstall,
    update, upgrade, version,
};
use crate::exit::ExitStatus;
use crate::simulate::SimulateArgs;

const EXAMPLES: &str = "\
Examples:
  # Install KUDO into the cluster
  kubectl kudo init --wait

  # Install an operator from a directory and follow its plan
  kubectl kudo install ./operators/galera --wait

  # Scale it
  kubectl kudo update --instance galera-instance -p NODE_COUNT=5 --wait

  # See what its plans are doing
  kubectl kudo plan status --instance galera-instance

  # See what a package would apply, with no cluster
  kubectl kudo package render ./operators/galera --plan deploy

  # Remove it
  kubectl kudo uninstall --instance galera-instance --wait";

/// Install, operate and inspect Kubernetes operators written as KUDO packages.
#[derive(Debug, Parser)]
#[command(
    name = "kubectl-kudo",
    bin_name = "kubectl kudo",
    version,
    after_help = EXAMPLES,
    arg_required_else_help = true,
    subcommand_required = true,
    // Of a flag that is given twice the last counts, as for kubectl.
    args_override_self = true,
    max_term_width = 100
)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// Flags that every command takes.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Global options")]
pub(crate) struct Global {
    /// Directory of KUDO's own configuration [default: `$KUDO_HOME`, or ~/.kudo]
    #[arg(long, global = true, value_name = "DIR")]
    pub(crate) home: Option<PathBuf>,

    /// Kubeconfig file; otherwise the files of $KUBECONFIG, or ~/.kube/config
    #[arg(long, global = true, value_name = "FILE")]
    pub(crate) kubeconfig: Option<PathBuf>,

    /// Context of the kubeconfig; otherwise its current one
    #[arg(long, global = true, value_name = "NAME")]
    pub(crate) context: Option<String>,

    /// Namespace; otherwise that of the context, or `default`
    #[arg(short, long, global = true, value_name = "NAMESPACE", value_parser = read_namespace_name)]
    pub(crate) namespace: Option<String>,

    /// How long to wait for one answer of the server, as in `30` or `30s`; 0 waits for ever
    #[arg(long, global = true, value_name = "TIME", value_parser = duration, allow_hyphen_values = true, default_value = "0")]
    pub(crate) request_timeout: Duration,

    /// Check that KUDO is installed in the cluster before doing anything
    #[arg(
        long,
        global = true,
        value_name = "BOOL",
        action = ArgAction::Set,
        num_args = 0..=1,
        require_equals = true,
        default_value_t = true,
        default_missing_value = "true",
        hide_possible_values = true
    )]
    pub(crate) validate_install: bool,

    /// Output format; without it, text for people
    #[arg(short, long, global = true, value_name = "FORMAT")]
    pub(crate) output: Option<Format>,

    /// When to colour the output
    #[arg(long, global = true, value_name = "WHEN", default_value = "auto")]
    pub(crate) color: ColorChoice,

    /// Print nothing but the data asked for, and errors
    #[arg(short, long, global = true)]
    pub(crate) quiet: bool,

    /// Log level: 1 to 3 tell what is done, 4 to 6 how, from 7 every request
    #[arg(
        short = 'v',
        long = "v",
        global = true,
        value_name = "LEVEL",
        default_value_t = 0
    )]
    pub(crate) verbosity: u8,

    /// The embedded cluster that stands for the one that these flags mean.
    #[arg(skip)]
    pub(crate) simulated: Option<Session>,

    /// What the manager refuses.
    #[arg(skip)]
    pub(crate) rules: Option<Rules>,
}

/// Formats of data on standard output. (Without a text for each, help stays one line a flag.)
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    Table,
    Yaml,
    Json,
    Name,
}

impl Format {
    /// The word for it.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Table => "table",
            Self::Yaml => "yaml",
            Self::Json => "json",
            Self::Name => "name",
        }
    }
}

/// When to colour.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum ColorChoice {
    Auto,
    Always,
    Never,
}

/// The commands, in the order of `--help`.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Init(init::InitArgs),
    Install(install::InstallArgs),
    Update(update::UpdateArgs),
    Upgrade(upgrade::UpgradeArgs),
    Uninstall(uninstall::UninstallArgs),
    #[command(subcommand)]
    Plan(plan::PlanCommand),
    Get(get::GetArgs),
    #[command(subcommand)]
    Package(package::PackageCommand),
    #[command(subcommand)]
    Repo(repo::RepoCommand),
    Search(search::SearchArgs),
    #[command(subcommand)]
    Diagnostics(diagnostics::DiagnosticsCommand),
    Test(test::TestArgs),
    Dev(dev::DevArgs),
    Version(version::VersionArgs),
    Completion(completion::CompletionArgs),
}

impl Command {
    /// How it is to be simulated, if it is, and how long it waits; then it always does, as nothing goes on after
    /// its end.
    pub(crate) fn simulation(&mut self) -> Option<(SimulateArgs, WaitArgs)> {
        let (wait, simulate) = match self {
            Self::Install(arguments) => (&mut arguments.wait, &arguments.simulate),
            Self::Update(arguments) => (&mut arguments.wait, &arguments.simulate),
            Self::Upgrade(arguments) => (&mut arguments.wait, &arguments.simulate),
            Self::Uninstall(arguments) => (&mut arguments.wait, &arguments.simulate),
            Self::Plan(plan::PlanCommand::Trigger(arguments)) => {
                (&mut arguments.wait, &arguments.simulate)
            }
            _ => return None,
        };
        wait.wait |= simulate.simulate;
        if simulate.simulate && !simulate.real_time && wait.wait_time.is_zero() {
            wait.wait_time = FOREVER;
        }
        simulate.simulate.then(|| (simulate.clone(), *wait))
    }

    /// The instance that it changes.
    pub(crate) fn changed_instance(&self) -> Option<&str> {
        match self {
            Self::Update(arguments) => Some(&arguments.instance),
            Self::Upgrade(arguments) => Some(&arguments.instance),
            Self::Uninstall(arguments) => Some(&arguments.instance),
            Self::Plan(plan::PlanCommand::Trigger(arguments)) => Some(&arguments.instance),
            _ => None,
        }
    }

    /// Whether it makes its namespace itself.
    pub(crate) fn creates_namespace(&self) -> bool {
        matches!(self, Self::Install(arguments) if arguments.create_namespace)
    }
}

/// The grammar with the exit codes written under the help of the program itself.
pub(crate) fn grammar() -> clap::Command {
    let mut help = EXAMPLES.to_owned();
    help.push_str("\n\nExit codes:\n");
    for status in ExitStatus::ALL {
        let _ = writeln!(help, "  {:>3}  {}", status.code(), status.summary());
    }
    Cli::command().after_help(help.trim_end().to_owned())
}

/// Reads the arguments.
pub(crate) fn parse(arguments: Vec<OsString>) -> Result<Cli, clap::Error> {
    let mut grammar = grammar();
    let arguments = without_switch_values(&grammar, arguments);
    let mut matches = grammar.try_get_matches_from_mut(arguments)?;
    let mut cli =
        Cli::from_arg_matches_mut(&mut matches).map_err(|error| error.format(&mut grammar))?;
    // As kubectl has it, no namespace is that of the context.
    cli.global.namespace = cli.global.namespace.filter(|name| !name.is_empty());
    Ok(cli)
}

/// Reads `--wait=true` as `--wait`, and drops `--wait=false`, for every switch of the grammar:
/// upstream's command line took both, and scripts use them.
fn without_switch_values(grammar: &clap::Command, arguments: Vec<OsString>) -> Vec<OsString> {
    let mut out = Vec::with_capacity(arguments.len());
    let mut literal = false;
    for argument in arguments {
        literal |= argument == "--";
        let switch = argument.to_str().filter(|_| !literal).and_then(|text| {
            let (name, value) = text.strip_prefix("--")?.split_once('=')?;
            let on: bool = value.parse().ok()?;
            is_switch(grammar, name).then(|| (format!("--{name}"), on))
        });
        match switch {
            Some((name, true)) => out.push(name.into()),
            Some((_, false)) => {}
            None => out.push(argument),
        }
    }
    out
}

fn is_switch(command: &clap::Command, long: &str) -> bool {
    command.get_arguments().any(|argument| {
        argument.get_long() == Some(long) && matches!(argument.get_action(), ArgAction::SetTrue)
    }) || command
        .get_subcommands()
        .any(|subcommand| is_switch(subcommand, long))
}

/// Parameters as `install`, `update`, `upgrade` and `package render` take them.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct ParameterArgs {
    /// A parameter's value; may be given several times, the last one of a name wins
    #[arg(short = 'p', long = "parameter", value_name = "NAME=VALUE")]
    pub(crate) parameter: Vec<String>,

    /// A YAML file of parameters; may be given several times, the last one of a name wins, and
    /// `-p` wins over all files
    #[arg(short = 'P', long = "parameter-file", value_name = "FILE")]
    pub(crate) parameter_file: Vec<PathBuf>,
}

/// The choice of a version among several.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct VersionChoice {
    /// Repository to look the package up in; without it, that of the context
    #[arg(long, value_name = "NAME")]
    pub(crate) repo: Option<String>,

    /// App version of the package; without it, the newest
    #[arg(long, value_name = "VERSION")]
    pub(crate) app_version: Option<String>,

    /// Operator version of the package; without it, the newest
    #[arg(long, value_name = "VERSION")]
    pub(crate) operator_version: Option<String>,
}

/// What "for ever" comes to in virtual time, in which nothing that waits takes any time: longer than anything
/// that is simulated.
const FOREVER: Duration = Duration::from_hours(24);

/// Whether to wait, and how long.
#[derive(Clone, Copy, Debug, Default, Args)]
pub(crate) struct WaitArgs {
    /// Wait until all of it is done, and show the progress of the plan
    #[arg(long)]
    pub(crate) wait: bool,

    /// How long to wait, in seconds or as in `5m`; 0 waits for ever
    #[arg(long, value_name = "TIME", value_parser = duration, allow_hyphen_values = true, default_value = "300")]
    pub(crate) wait_time: Duration,
}

impl WaitArgs {
    /// How long to wait; 0 waits for ever.
    pub(crate) fn limit(self) -> Option<Duration> {
        (!self.wait_time.is_zero()).then_some(self.wait_time)
    }
}

/// Reads a duration: plain seconds, or numbers with the units `ms`, `s`, `m` and `h`.
pub(crate) fn duration(text: &str) -> Result<Duration, String> {
    const EXPECTED: &str = "expected seconds, or a time such as 30s, 5m or 1h30m";
    if let Ok(seconds) = text.parse::<u64>() {
        return Ok(Duration::from_secs(seconds));
    }
    let mut total = Duration::ZERO;
    let mut rest = text;
    while !rest.is_empty() {
        let digits = rest
            .find(|c: char| !c.is_ascii_digit())
            .filter(|end| *end > 0)
            .ok_or(EXPECTED)?;
        let (number, tail) = rest.split_at(digits);
        let unit_end = tail
            .find(|c: char| c.is_ascii_digit())
            .unwrap_or(tail.len());
        let (unit, tail) = tail.split_at(unit_end);
        let milliseconds: u64 = match unit {
            "ms" => 1,
            "s" => 1_000,
            "m" => 60_000,
            "h" => 3_600_000,
            _ => return Err(EXPECTED.to_owned()),
        };
        let part = number
            .parse::<u64>()
            .ok()
            .and_then(|number| number.checked_mul(milliseconds))
            .ok_or(EXPECTED)?;
        total = total
            .checked_add(Duration::from_millis(part))
            .ok_or(EXPECTED)?;
        rest = tail;
    }
    if text.is_empty() {
        return Err(EXPECTED.to_owned());
    }
    Ok(total)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_grammar_is_sound() {
        grammar().debug_assert();
    }

    #[test]
    fn durations() {
        let cases = [
            ("0", Some(0)),
            ("300", Some(300_000)),
            ("30s", Some(30_000)),
            ("5m", Some(300_000)),
            ("1h30m", Some(5_400_000)),
            ("250ms", Some(250)),
            ("", None),
            ("s", None),
            ("5", Some(5_000)),
            ("5x", None),
            ("-1", None),
            ("99999999999999999999h", None),
        ];
        for (text, expected) in cases {
            let found = duration(text).ok();
            assert_eq!(found, expected.map(Duration::from_millis), "{text:?}");
        }
    }

    #[test]
    fn switches_take_a_value_as_upstream_allowed() {
        let read = |arguments: &[&str]| {
            let arguments = arguments.iter().map(OsString::from).collect();
            parse(arguments).unwrap()
        };
        let wait = |cli: Cli| match cli.command {
            Command::Install(install) => install.wait.wait,
            other => panic!("{other:?}"),
        };
        assert!(wait(read(&["kudo", "install", "./x", "--wait=true"])));
        assert!(!wait(read(&["kudo", "install", "./x", "--wait=false"])));
        assert!(!wait(read(&["kudo", "install", "./x"])));
        assert!(wait(read(&["kudo", "install", "./x", "--wait", "--wait"])));
        let namespace = read(&["kudo", "-n", "a", "get", "instances", "-n", "b"]);
        assert_eq!(namespace.global.namespace.as_deref(), Some("b"));
        assert!(
            !read(&["kudo", "version", "--validate-install=false"])
                .global
                .validate_install
        );
        assert!(
            read(&["kudo", "version", "--validate-install"])
                .global
                .validate_install
        );
    }
}
