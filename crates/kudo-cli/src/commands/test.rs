//! `test`: kuttl suites run against a cluster.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::{ArgAction, Args};
use kube::Client;
use kudo_kube::client::{Meter, standalone_kubeconfig};
use kudo_kube::{ConnectOptions, connect};
use kudo_kuttl::definitions::TestSuite;
use kudo_kuttl::report::{self, Results, TestResult};
use kudo_kuttl::{
    Case, LoadOptions, Observer, RunError, RunOptions, Settings, SuiteError, load_cases, load_suite,
};
use kudo_package::yaml;
use kudo_simcluster::control_plane::{ControlPlane, ControlPlaneOptions};
use kudo_simcluster::kubelet::PodPattern;
use regex::Regex;
use serde_json::Value;
use tokio_util::sync::CancellationToken;

use crate::Manager;
use crate::arguments::{Global, duration};
use crate::error::{Error, count};
use crate::output::Output;
use crate::simulate::{Credentials, Embedded, Pods};

/// The configuration that is read when none is named.
const CONFIG: &str = "kuttl-test.yaml";

/// Run kuttl test suites
///
/// A suite is a folder of tests, a test a folder of numbered files: NN-NAME.yaml is applied (or
/// holds a TestStep with commands), NN-assert.yaml must come to hold, NN-errors.yaml must not. Each
/// test has a namespace of its own. In commands, `kubectl kudo` is this very program.
#[derive(Debug, Args)]
#[expect(clippy::doc_markdown, reason = "the text is the help")]
#[command(after_help = "\
Examples:
  # Run the suite of a package against the cluster of the kubeconfig
  kubectl kudo test ./operators/galera

  # Run what kuttl-test.yaml says, with a report for a CI system
  kubectl kudo test --report xml --artifacts-dir reports

  # Run one test, and look at what it leaves
  kubectl kudo test ./tests --test scale-up --skip-delete

  # Run with no cluster but an embedded one, with a manager and simulated pods
  kubectl kudo test ./operators/galera --simulate

  # Run against an API server of its own, started for the tests
  kubectl kudo test ./tests --start-control-plane --crd-dir ./crds")]
pub(crate) struct TestArgs {
    /// Folders of tests, or packages with a folder `tests`; otherwise those of the configuration
    #[arg(value_name = "DIR")]
    dirs: Vec<PathBuf>,

    /// The suite's configuration [default: kuttl-test.yaml, if there is one]
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,

    /// Folder of CustomResourceDefinitions to install before the tests
    #[arg(long, value_name = "DIR")]
    crd_dir: Option<String>,

    /// Folder of manifests to apply before the tests; may be given several times
    #[arg(long, value_name = "DIR", value_delimiter = ',')]
    manifest_dir: Vec<String>,

    /// Run only the tests whose names this regular expression finds
    #[arg(long, value_name = "REGEX")]
    test: Option<String>,

    /// Use no cluster but an embedded one, with a manager and simulated pods, for as long as the
    /// tests take
    #[arg(long, conflicts_with_all = ["start_control_plane", "start_kind"])]
    simulate: bool,

    /// How long a simulated pod takes to become ready, or to end if it is a Job's
    #[arg(long, value_name = "TIME", value_parser = duration, allow_hyphen_values = true, requires = "simulate", default_value = "300ms")]
    pod_delay: Duration,

    /// Simulated pods that fail: a name or `namespace/name`, with `*` and `?`; may be given several
    /// times
    #[arg(long, value_name = "PATTERN", requires = "simulate")]
    fail_pod: Vec<PodPattern>,

    /// Simulated pods that never become ready; may be given several times
    #[arg(long, value_name = "PATTERN", requires = "simulate")]
    never_ready: Vec<PodPattern>,

    /// Start an API server for the tests; needs etcd and kube-apiserver
    #[arg(long, value_name = "BOOL", action = ArgAction::Set, num_args = 0..=1, require_equals = true, default_missing_value = "true", hide_possible_values = true)]
    start_control_plane: Option<bool>,

    /// Start a KIND cluster for the tests (not supported; it is said so)
    #[arg(long, value_name = "BOOL", action = ArgAction::Set, num_args = 0..=1, require_equals = true, default_missing_value = "true", hide_possible_values = true)]
    start_kind: Option<bool>,

    /// Configuration of the KIND cluster
    #[arg(long, value_name = "FILE", hide = true)]
    kind_config: Option<String>,

    /// Context of the KIND cluster
    #[arg(long, value_name = "NAME", hide = true)]
    kind_context: Option<String>,

    /// Folder for reports [default: the working directory]
    #[arg(long, value_name = "DIR")]
    artifacts_dir: Option<String>,

    /// Leave what the tests make
    #[arg(long, value_name = "BOOL", action = ArgAction::Set, num_args = 0..=1, require_equals = true, default_missing_value = "true", hide_possible_values = true)]
    skip_delete: Option<bool>,

    /// Leave the API server that was started until Ctrl-C
    #[arg(long, value_name = "BOOL", action = ArgAction::Set, num_args = 0..=1, require_equals = true, default_missing_value = "true", hide_possible_values = true)]
    skip_cluster_delete: Option<bool>,

    /// How many tests run at once [default: 8]
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u32).range(1..))]
    parallel: Option<u32>,

    /// Seconds that a step may take [default: 30]
    #[arg(long, value_name = "SECONDS")]
    timeout: Option<u32>,

    /// Write a report: xml (JUnit) or json
    #[arg(long, value_name = "FORMAT", ignore_case = true, value_parser = ["xml", "json"])]
    report: Option<String>,

    /// Name of the report without extension [default: kuttl-report]
    #[arg(long, value_name = "NAME")]
    report_name: Option<String>,

    /// What a test case of the report is: step or test [default: step]
    #[arg(long, value_name = "WHAT", value_parser = ["step", "test"])]
    report_granularity: Option<String>,

    /// What is not logged: events
    #[arg(long, value_name = "WHAT", value_delimiter = ',')]
    suppress_log: Vec<String>,

    /// Labels of this run, which files ask for with a TestFile
    #[arg(long, value_name = "NAME=VALUE", value_delimiter = ',', value_parser = pair)]
    test_run_labels: Vec<(String, String)>,

    /// A value for templates (NN-NAME.gotmpl.yaml), as .Vars.NAME; read as YAML
    #[arg(long, value_name = "NAME=VALUE", value_delimiter = ',', value_parser = pair)]
    template_var: Vec<(String, String)>,
}

fn pair(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value.to_owned())),
        _ => Err("expected NAME=VALUE".to_owned()),
    }
}

pub(crate) async fn run(
    arguments: &TestArgs,
    global: &Global,
    output: &Output,
    manager: Manager,
) -> Result<(), Error> {
    output.format("test", &[])?;
    let suite = configured(arguments, global)?;
    let cases = tests(arguments, &suite)?;
    if arguments.simulate {
        return simulated(arguments, &suite, cases, output, manager).await;
    }
    if suite.start_kind {
        return Err(Error::Flags {
            problem: "KIND clusters are not started by this runner",
            hint: "make one with: kind create cluster; then run the tests without startKIND, or use --start-control-plane",
        });
    }
    let control_plane = if suite.start_control_plane {
        let options = ControlPlaneOptions {
            controller_manager: false,
            ..ControlPlaneOptions::default()
        };
        output.note("starting an API server");
        let started = ControlPlane::start(options).await;
        Some(started.map_err(|error| Error::ControlPlane(Box::new(error)))?)
    } else {
        None
    };
    let mut connection = ConnectOptions {
        kubeconfig: global.kubeconfig.clone(),
        context: global.context.clone(),
        ..ConnectOptions::default()
    };
    if let Some(control_plane) = &control_plane {
        connection.kubeconfig = Some(control_plane.kubeconfig().to_owned());
        connection.context = None;
    }
    let kubeconfig = standalone_kubeconfig(&connection)?;
    let client = connect(connection, Meter::new()).await?.client;
    let ended = run_tests(&suite, cases, client, kubeconfig, output).await;
    if let Some(control_plane) = control_plane.filter(|_| suite.skip_cluster_delete) {
        let path = control_plane.kubeconfig().display();
        output.note(&format!(
            "the API server stays until Ctrl-C; export KUBECONFIG={path}"
        ));
        let _ = tokio::signal::ctrl_c().await;
    }
    ended
}

/// Runs the tests on an embedded cluster. Time is real there, as their commands are other programs.
async fn simulated(
    arguments: &TestArgs,
    suite: &TestSuite,
    cases: Vec<Case>,
    output: &Output,
    manager: Manager,
) -> Result<(), Error> {
    let embedded = Embedded::start("default", true).await?;
    let pods = Pods {
        delay: arguments.pod_delay,
        fail: arguments.fail_pod.clone(),
        never_ready: arguments.never_ready.clone(),
    };
    let credentials = Credentials::new()?;
    embedded.cluster.add_admin_token(&credentials.token);
    let any_port = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let serving = embedded
        .cluster
        .serve(any_port, &credentials.certificate, &credentials.key)
        .await
        .map_err(|error| Error::Dev(error.to_string()))?;
    let kubeconfig = credentials.kubeconfig(serving.address);
    let certificate = Some(credentials.certificate);
    embedded.work(pods, certificate, manager(embedded.client()));
    run_tests(suite, cases, embedded.client(), kubeconfig, output).await
}

/// The configuration with the flags over it.
fn configured(arguments: &TestArgs, global: &Global) -> Result<TestSuite, Error> {
    let default = Path::new(CONFIG);
    let mut suite = match &arguments.config {
        Some(path) => load_suite(path)?,
        None if default.exists() => load_suite(default)?,
        None => TestSuite::default(),
    };
    let set = |flag: &Option<String>, field: &mut String| {
        if let Some(value) = flag {
            field.clone_from(value);
        }
    };
    set(&arguments.crd_dir, &mut suite.crd_dir);
    set(&arguments.artifacts_dir, &mut suite.artifacts_dir);
    set(&arguments.report, &mut suite.report_format);
    suite.report_format.make_ascii_lowercase();
    set(&arguments.report_name, &mut suite.report_name);
    set(&arguments.report_granularity, &mut suite.report_granularity);
    set(&global.namespace, &mut suite.namespace);
    if !arguments.manifest_dir.is_empty() {
        suite.manifest_dirs.clone_from(&arguments.manifest_dir);
    }
    suite.start_control_plane = arguments
        .start_control_plane
        .unwrap_or(suite.start_control_plane && !arguments.simulate);
    suite.start_kind = arguments
        .start_kind
        .unwrap_or(suite.start_kind && !arguments.simulate)
        || arguments.kind_config.is_some()
        || arguments.kind_context.is_some();
    if suite.start_control_plane && suite.start_kind {
        return Err(Error::Flags {
            problem: "only one of --start-control-plane and --start-kind can be",
            hint: "choose one of them",
        });
    }
    // An API server alone deletes no namespace.
    suite.skip_delete |= suite.start_control_plane;
    suite.skip_delete = arguments.skip_delete.unwrap_or(suite.skip_delete);
    suite.skip_cluster_delete = arguments
        .skip_cluster_delete
        .unwrap_or(suite.skip_cluster_delete);
    suite.parallel = arguments.parallel.unwrap_or(suite.parallel);
    suite.timeout = arguments.timeout.unwrap_or(suite.timeout);
    suite
        .suppress
        .extend(arguments.suppress_log.iter().cloned());
    if !arguments.dirs.is_empty() {
        let dirs = arguments.dirs.iter();
        suite.test_dirs = dirs.map(|dir| dir.display().to_string()).collect();
    }
    if suite.test_dirs.is_empty() {
        return Err(Error::Flags {
            problem: "no folder of tests is named",
            hint: "name one, as in: kubectl kudo test ./tests; or write testDirs into kuttl-test.yaml",
        });
    }
    Ok(suite)
}

/// The tests that are to be run.
fn tests(arguments: &TestArgs, suite: &TestSuite) -> Result<Vec<Case>, Error> {
    let filter = arguments.test.as_deref();
    let regex = filter.map(Regex::new).transpose();
    let regex = regex.map_err(|error| Error::TestFilter {
        filter: filter.unwrap_or_default().to_owned(),
        message: error.to_string(),
    })?;
    let options = LoadOptions {
        ignore_files: suite.ignore_files.clone(),
        run_labels: arguments.test_run_labels.iter().cloned().collect(),
        template_vars: template_vars(&arguments.template_var)?,
        namespace: Some(suite.namespace.clone()).filter(|namespace| !namespace.is_empty()),
    };
    let mut cases = Vec::new();
    let mut names = Vec::new();
    for dir in &suite.test_dirs {
        let takes = |name: &str| regex.as_ref().is_none_or(|regex| regex.is_match(name));
        let (found, all) = load_cases(&suite_folder(Path::new(dir)), &options, takes)?;
        cases.extend(found);
        names.extend(all);
    }
    match filter {
        _ if names.is_empty() => Err(SuiteError::NoTests {
            dirs: suite.test_dirs.clone(),
        }
        .into()),
        Some(filter) if cases.is_empty() => Err(SuiteError::NoMatch {
            filter: filter.to_owned(),
            tests: names,
        }
        .into()),
        _ => Ok(cases),
    }
}

/// The folder of tests: that of a package is `tests`.
fn suite_folder(dir: &Path) -> PathBuf {
    let tests = dir.join("tests");
    if dir.join("operator.yaml").is_file() && tests.is_dir() {
        tests
    } else {
        dir.to_owned()
    }
}

fn template_vars(pairs: &[(String, String)]) -> Result<BTreeMap<String, Value>, Error> {
    let read = |(name, text): &(String, String)| match yaml::parse(text) {
        Ok(value) => Ok((name.clone(), value)),
        Err(error) => Err(Error::TemplateVariable {
            name: name.clone(),
            message: error.to_string(),
        }),
    };
    pairs.iter().map(read).collect()
}

async fn run_tests(
    suite: &TestSuite,
    cases: Vec<Case>,
    client: Client,
    kubeconfig: Value,
    output: &Output,
) -> Result<(), Error> {
    let settings = Settings::new(suite);
    let cancel = CancellationToken::new();
    let interrupt = cancel.clone();
    let listening = tokio::spawn(async move {
        let _ = tokio::signal::ctrl_c().await;
        interrupt.cancel();
    });
    let report_file = settings.report.clone();
    let options = RunOptions {
        settings,
        client,
        kubeconfig,
        program: std::env::current_exe().map_err(Error::Runtime)?,
        cancel,
    };
    let ran = kudo_kuttl::run(options, cases, &Log { output }).await;
    listening.abort();
    let (results, failure) = match ran {
        Ok(results) => (results, None),
        Err(error) => (broken(suite, &error), Some(error)),
    };
    if let Some(file) = report_file {
        let name = format!("{}.{}", file.name, file.format.extension());
        let path = file.dir.join(name);
        let text = report::write(&results, file.format, file.granularity);
        std::fs::create_dir_all(&file.dir)
            .and_then(|()| std::fs::write(&path, text))
            .map_err(|source| Error::WriteFile { path, source })?;
    }
    match failure {
        Some(RunError::Suite(error)) => Err(error.into()),
        Some(error) => Err(Error::TestRun(error)),
        None => verdict(&results, output),
    }
}

/// The results of a run that could not begin.
fn broken(suite: &TestSuite, error: &RunError) -> Results {
    Results {
        name: suite.name.clone(),
        took: std::time::Duration::ZERO,
        tests: Vec::new(),
        failure: Some(error.to_string()),
        interrupted: false,
    }
}

fn verdict(results: &Results, output: &Output) -> Result<(), Error> {
    let failed = results.tests.iter().filter(|test| !test.passed()).count();
    let passed = results.tests.len() - failed;
    output.result(&format!(
        "{passed} passed, {failed} failed, in {:.1} s",
        results.took.as_secs_f64()
    ))?;
    match failed {
        _ if results.interrupted => Err(Error::TestsInterrupted),
        0 => Ok(()),
        failed => Err(Error::TestsFailed {
            failed: count(failed, "test"),
        }),
    }
}

/// Tells how the tests go on.
struct Log<'a> {
    output: &'a Output,
}

impl Observer for Log<'_> {
    fn line(&self, scope: &str, text: &str) {
        match scope {
            "" => self.output.note(text),
            scope => self.output.note(&format!("{scope} | {text}")),
        }
    }

    fn ended(&self, result: &TestResult) {
        let word = if result.passed() { "PASS" } else { "FAIL" };
        let mut text = format!(
            "{word} {} ({:.1} s)\n",
            result.name,
            result.took.as_secs_f64()
        );
        for step in &result.steps {
            for failure in &step.failures {
                let _ = writeln!(text, "  {}: {}", step.name, failure.message);
                for line in failure.detail.lines() {
                    let _ = writeln!(text, "    {line}");
                }
            }
        }
        // A reader that is gone is met again at the end.
        let _ = self.output.result(&text);
    }
}
