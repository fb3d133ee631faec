//! `package verify`: all that is wrong with a package, where, and what to do about it.

use clap::{Args, ValueEnum};
use kudo_package::verify::{PARAMETER_CHECKS, Rule, verify};
use kudo_package::{Diagnostic, PackageErrors};
use serde_json::{Value, json};

use crate::arguments::{Format, Global, VersionChoice};
use crate::error::{Error, count};
use crate::output::{Output, Structured};
use crate::{dependencies, source};

/// Verify a package: every error and warning, with file, line and column
#[derive(Debug, Args)]
#[command(after_help = "\
Ends with exit code 1 if there are errors; warnings alone are no failure.

Examples:
  # Verify a package
  kubectl kudo package verify ./operators/galera

  # Are the parameters well described too?
  kubectl kudo package verify ./operators/galera --param-checks all

  # For editors and scripts
  kubectl kudo package verify ./operators/galera -o json")]
pub(crate) struct VerifyArgs {
    /// The package: a directory, a .tgz file, the URL of one, or a name in a repository
    #[arg(value_name = "PACKAGE")]
    package: String,

    #[command(flatten)]
    choice: VersionChoice,

    /// Check how parameters are described too; may be given several times, or as `display,hint`
    #[arg(long, value_name = "CHECK", value_enum, value_delimiter = ',')]
    param_checks: Vec<ParameterCheck>,
}

/// What of the parameters to check. (Without a text for each, help stays one line a flag.)
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum ParameterCheck {
    Display,
    Hint,
    Desc,
    Type,
    #[value(name = "hasgroup")]
    HasGroup,
    Groups,
    All,
}

impl ParameterCheck {
    /// The word that asks for it.
    fn word(self) -> &'static str {
        match self {
            Self::Display => "display",
            Self::Hint => "hint",
            Self::Desc => "desc",
            Self::Type => "type",
            Self::HasGroup => "hasgroup",
            Self::Groups => "groups",
            Self::All => "all",
        }
    }
}

/// The rules that the checks asked for add.
fn extra_rules(checks: &[ParameterCheck]) -> Vec<Rule> {
    let wanted = |word: &str| {
        checks
            .iter()
            .any(|check| *check == ParameterCheck::All || check.word() == word)
    };
    PARAMETER_CHECKS
        .iter()
        .filter(|(word, _)| wanted(word))
        .map(|(_, rule)| *rule)
        .collect()
}

pub(super) fn run(arguments: &VerifyArgs, global: &Global, output: &Output) -> Result<(), Error> {
    let format = output.format("package verify", &[Format::Yaml, Format::Json])?;
    let extra = extra_rules(&arguments.param_checks);
    let diagnostics = match source::load_local(&arguments.package, &arguments.choice, global) {
        Ok(loaded) => {
            let mut found = kudo_template::verify::verify_package(&loaded.package);
            let resolver = source::resolver(arguments.choice.repo.as_deref(), global)?;
            found.extend(dependencies::verify_local(&loaded, &resolver));
            found.extend(verify(&loaded.package, &extra));
            found
        }
        Err(Error::Package {
            source: PackageErrors::Invalid(draft),
            ..
        }) => {
            let mut found = kudo_template::verify::verify_package(draft.package());
            found.extend(verify(draft.package(), &extra));
            found
        }
        Err(error) => return Err(error),
    };
    let errors = diagnostics
        .iter()
        .filter(|diagnostic| diagnostic.is_error())
        .count();
    match Structured::from_format(format) {
        Some(structured) => output.value(structured, &as_value(&diagnostics))?,
        None => print(&diagnostics, errors, output)?,
    }
    if errors == 0 {
        return Ok(());
    }
    Err(Error::PackageInvalid {
        path: arguments.package.clone().into(),
        errors,
        diagnostics: vec![],
    })
}

fn print(diagnostics: &[Diagnostic], errors: usize, output: &Output) -> Result<(), Error> {
    for diagnostic in diagnostics {
        output.data(&diagnostic.to_string())?;
    }
    match (errors, diagnostics.len()) {
        (0, 0) => output.result("package is valid"),
        (0, warnings) => output.result(&format!(
            "package is valid, with {}",
            count(warnings, "warning")
        )),
        _ => Ok(()),
    }
}

/// Upstream's shape, and each finding in its parts.
fn as_value(diagnostics: &[Diagnostic]) -> Value {
    let messages = |errors: bool| -> Vec<&str> {
        diagnostics
            .iter()
            .filter(|diagnostic| diagnostic.is_error() == errors)
            .map(|diagnostic| diagnostic.message.as_str())
            .collect()
    };
    let findings: Vec<Value> = diagnostics.iter().map(finding).collect();
    json!({
        "valid": messages(true).is_empty(),
        "errors": messages(true),
        "warnings": messages(false),
        "diagnostics": findings,
    })
}

fn finding(diagnostic: &Diagnostic) -> Value {
    let mut value = json!({
        "severity": diagnostic.severity.as_str(),
        "rule": diagnostic.rule,
        "message": diagnostic.message,
    });
    if let Some(location) = &diagnostic.location {
        value["file"] = json!(location.file);
        if location.line > 0 {
            value["line"] = json!(location.line);
            value["column"] = json!(location.column);
        }
    }
    if let Some(hint) = &diagnostic.hint {
        value["hint"] = json!(hint);
    }
    value
}
