//! What a run is made with: a suite's configuration with its defaults filled in.

use std::path::PathBuf;
use std::time::Duration;

use crate::definitions::{Command, TestSuite};
use crate::report::{Format, Granularity};

const TIMEOUT: u32 = 30;
const PARALLEL: u32 = 8;
const REPORT: &str = "kuttl-report";

/// A suite's configuration with its defaults filled in.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Name of the suite in reports.
    pub name: String,
    /// Definitions to install first.
    pub crd_dir: Option<PathBuf>,
    /// Manifests to apply before the tests.
    pub manifest_dirs: Vec<PathBuf>,
    /// Commands to run before the tests.
    pub commands: Vec<Command>,
    /// How long a step may take.
    pub timeout: Duration,
    /// How many tests run at once, at least 1.
    pub parallel: usize,
    /// Whether to leave what the tests made.
    pub skip_delete: bool,
    /// Whether events of failed tests are logged.
    pub log_events: bool,
    /// The report, if one is wanted.
    pub report: Option<ReportFile>,
}

/// Where a report goes, and how it is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReportFile {
    /// The folder.
    pub dir: PathBuf,
    /// Name without extension.
    pub name: String,
    /// How it is written.
    pub format: Format,
    /// What a test case of the report is.
    pub granularity: Granularity,
}

impl Settings {
    /// Fills in the defaults.
    pub fn new(suite: &TestSuite) -> Self {
        let or = |number: u32, default: u32| if number == 0 { default } else { number };
        let format = match suite.report_format.as_str() {
            "xml" => Some(Format::Xml),
            "json" => Some(Format::Json),
            _ => None,
        };
        Self {
            name: suite.name.clone(),
            crd_dir: (!suite.crd_dir.is_empty()).then(|| PathBuf::from(&suite.crd_dir)),
            manifest_dirs: suite.manifest_dirs.iter().map(PathBuf::from).collect(),
            commands: suite.commands.clone(),
            timeout: Duration::from_secs(or(suite.timeout, TIMEOUT).into()),
            parallel: or(suite.parallel, PARALLEL) as usize,
            skip_delete: suite.skip_delete,
            log_events: !suite
                .suppress
                .iter()
                .any(|what| what.eq_ignore_ascii_case("events")),
            report: format.map(|format| ReportFile {
                dir: match suite.artifacts_dir.as_str() {
                    "" => PathBuf::from("."),
                    dir => PathBuf::from(dir),
                },
                name: match suite.report_name.as_str() {
                    "" => REPORT.to_owned(),
                    name => name.to_owned(),
                },
                format,
                granularity: match suite.report_granularity.as_str() {
                    "test" => Granularity::Test,
                    _ => Granularity::Step,
                },
            }),
        }
    }
}
