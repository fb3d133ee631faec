//! `package new`: the first files of a package.

use std::path::{Path, PathBuf};

use clap::Args;
use kudo_package::package::{API_VERSION, OPERATOR_FILE, PARAMS_FILE, TEMPLATES_FOLDER};
use kudo_package::{version, yaml};
use kudo_repository::replace_file;
use serde_json::{Map, Value, json};

use super::add::ask_maintainer;
use crate::error::Error;
use crate::output::Output;
use crate::prompt::{Prompt, PromptError, not_empty};

/// Where the package goes unless another place is given.
const DIRECTORY: &str = "operator";
/// The oldest Kubernetes that these packages are for.
const KUBERNETES_VERSION: &str = "1.16.0";
/// The only template of a new package.
const TEMPLATE: &str = "deploy.yaml";
const TEMPLATE_TEXT: &str = "\
apiVersion: v1
kind: ConfigMap
metadata:
  name: {{ .Name }}
data:
  operator: {{ .OperatorName }}
";

/// Make a new package
#[derive(Debug, Args)]
#[command(after_help = "\
The package can be installed as it is. It goes into the directory `operator`, or with
--interactive, into another. Extend it with `kubectl kudo package add`.

Examples:
  # Make a package for the operator foo
  kubectl kudo package new foo

  # Be asked for its name, versions and maintainer
  kubectl kudo package new -i")]
pub(crate) struct NewArgs {
    /// Name of the operator
    #[arg(value_name = "NAME", required_unless_present = "interactive")]
    name: Option<String>,

    /// Ask for everything
    #[arg(short, long)]
    interactive: bool,

    /// Replace operator.yaml in a directory that is there already
    #[arg(short = 'w', long)]
    overwrite: bool,
}

/// What a new `operator.yaml` says.
struct New {
    directory: PathBuf,
    name: String,
    operator_version: String,
    app_version: String,
    kudo_version: String,
    kubernetes_version: String,
    url: String,
    maintainer: Value,
}

pub(super) fn run(arguments: &NewArgs, output: &Output) -> Result<(), Error> {
    output.format("package new", &[])?;
    let name = arguments.name.as_deref();
    let new = if arguments.interactive {
        ask(name.unwrap_or("myoperator"), arguments.overwrite)?
    } else {
        let name = name.unwrap_or_default();
        valid_name(name).map_err(|problem| Error::Invalid {
            what: "operator name",
            problem,
        })?;
        New {
            directory: PathBuf::from(DIRECTORY),
            name: name.to_owned(),
            operator_version: "0.1.0".to_owned(),
            app_version: "0.1.0".to_owned(),
            kudo_version: version::KUDO.to_owned(),
            kubernetes_version: KUBERNETES_VERSION.to_owned(),
            url: String::new(),
            maintainer: json!({ "name": "My Name", "email": "MyEmail@invalid" }),
        }
    };
    refuse_existing(&new.directory, arguments.overwrite)?;
    write(&new)?;
    output.result(&format!(
        "Operator {} created in {}. Extend it with `kubectl kudo package add parameter|task|plan|maintainer`",
        new.name,
        new.directory.display()
    ))
}

fn refuse_existing(directory: &Path, overwrite: bool) -> Result<(), Error> {
    if Path::new(OPERATOR_FILE).exists() {
        return Err(Error::InAPackage);
    }
    if directory.exists() && !overwrite {
        return Err(Error::TargetExists {
            path: directory.to_owned(),
            flag: "--overwrite",
        });
    }
    Ok(())
}

fn ask(name: &str, overwrite: bool) -> Result<New, PromptError> {
    let prompt = Prompt::new();
    let free = |directory: &str| {
        not_empty(directory)?;
        refuse_existing(Path::new(directory), overwrite).map_err(|error| error.to_string())
    };
    let semantic = |text: &str| {
        version::parse(text)
            .map(drop)
            .map_err(|error| error.to_string())
    };
    let optional = |text: &str| {
        if text.is_empty() {
            Ok(())
        } else {
            semantic(text)
        }
    };
    Ok(New {
        name: prompt.text("Operator Name", name, valid_name)?,
        directory: prompt.text("Operator directory", DIRECTORY, free)?.into(),
        operator_version: prompt.text("Operator Version", "0.1.0", semantic)?,
        app_version: prompt.text("Application Version", "", optional)?,
        kudo_version: prompt.text("Required KUDO Version", version::KUDO, optional)?,
        kubernetes_version: prompt.text(
            "Required Kubernetes Version",
            KUBERNETES_VERSION,
            semantic,
        )?,
        url: prompt.text("Project URL", "", |_| Ok(()))?,
        maintainer: ask_maintainer(prompt)?,
    })
}

/// A name must serve as one in Kubernetes.
fn valid_name(name: &str) -> Result<(), String> {
    let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    let ends = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    if !name.chars().all(allowed) || !name.starts_with(ends) || !name.ends_with(ends) {
        return Err(format!(
            "{name:?} must be of lower-case letters, digits and dashes, as names in Kubernetes are"
        ));
    }
    if name.len() > 63 {
        return Err(format!("{name:?} is longer than 63 characters"));
    }
    Ok(())
}

fn write(new: &New) -> Result<(), Error> {
    let write = |path: PathBuf, text: &str| {
        replace_file(&path, text.as_bytes()).map_err(|source| Error::File {
            doing: "write",
            path: path.clone(),
            source,
        })
    };
    let write_once = |path: PathBuf, text: &str| {
        if path.exists() {
            Ok(())
        } else {
            write(path, text)
        }
    };
    write_once(
        new.directory.join(TEMPLATES_FOLDER).join(TEMPLATE),
        TEMPLATE_TEXT,
    )?;
    let params = json!({ "apiVersion": API_VERSION, "parameters": [] });
    write_once(new.directory.join(PARAMS_FILE), &yaml::to_string(&params))?;
    write(new.directory.join(OPERATOR_FILE), &operator_file(new))
}

fn operator_file(new: &New) -> String {
    let mut file = Map::new();
    let texts = [
        ("apiVersion", API_VERSION),
        ("name", &new.name),
        ("operatorVersion", &new.operator_version),
        ("appVersion", &new.app_version),
        ("kudoVersion", &new.kudo_version),
        ("kubernetesVersion", &new.kubernetes_version),
        ("url", &new.url),
    ];
    for (key, text) in texts {
        if !text.is_empty() {
            file.insert(key.to_owned(), json!(text));
        }
    }
    file.insert("maintainers".to_owned(), json!([new.maintainer]));
    file.insert(
        "tasks".to_owned(),
        json!([{ "name": "deploy", "kind": "Apply", "spec": { "resources": [TEMPLATE] } }]),
    );
    let step = json!({ "name": "deploy", "tasks": ["deploy"] });
    let phase = json!({ "name": "deploy", "strategy": "serial", "steps": [step] });
    let plans = json!({ "deploy": { "strategy": "serial", "phases": [phase] } });
    file.insert("plans".to_owned(), plans);
    yaml::to_string(&Value::Object(file))
}
