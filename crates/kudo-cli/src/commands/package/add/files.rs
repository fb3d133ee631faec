//! The files of the package that is added to.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use kudo_package::edit::{self, EditError};
use kudo_package::package::{OPERATOR_FILE, PARAMS_FILE, TEMPLATES_FOLDER};
use kudo_package::{Diagnostic, Package, yaml};
use kudo_repository::replace_file;
use serde_json::Value;

use crate::error::Error;

/// The two files of a package, and the templates that are to be there.
pub(super) struct PackageFiles {
    directory: PathBuf,
    operator: String,
    params: String,
    templates: Vec<String>,
    /// Whether the files made a package before anything was added.
    valid: bool,
}

impl PackageFiles {
    /// The package in the current directory, or in the only directory below it that has one.
    pub(super) fn find() -> Result<Self, Error> {
        let directory = package_here()?;
        let read = |file: &str| {
            let path = directory.join(file);
            std::fs::read_to_string(&path).map_err(|source| Error::File {
                doing: "read",
                path,
                source,
            })
        };
        let mut files = Self {
            operator: read(OPERATOR_FILE)?,
            params: read(PARAMS_FILE)?,
            directory,
            templates: vec![],
            valid: false,
        };
        files.valid = files.check().is_ok();
        Ok(files)
    }

    /// Names of the plans.
    pub(super) fn plans(&self) -> Vec<String> {
        match yaml::parse(&self.operator)
            .ok()
            .map(|mut file| file["plans"].take())
        {
            Some(Value::Object(plans)) => plans.into_iter().map(|(name, _)| name).collect(),
            _ => vec![],
        }
    }

    /// Names of the tasks.
    pub(super) fn tasks(&self) -> Vec<String> {
        names(&self.operator, "tasks")
    }

    /// Names of the parameters.
    pub(super) fn parameters(&self) -> Vec<String> {
        names(&self.params, "parameters")
    }

    /// The tasks of a plan that are not defined.
    pub(super) fn unknown_tasks(&self, plan: &Value) -> Vec<String> {
        let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
        let known = self.tasks();
        let mut unknown = Vec::new();
        for phase in list(&plan["phases"]) {
            for step in list(&phase["steps"]) {
                for task in list(&step["tasks"]) {
                    if let Value::String(task) = task
                        && !known.contains(&task)
                        && !unknown.contains(&task)
                    {
                        unknown.push(task);
                    }
                }
            }
        }
        unknown
    }

    pub(super) fn add_maintainer(&mut self, maintainer: &Value) -> Result<(), Error> {
        let edited = edit::add_item(&self.operator, "maintainers", maintainer);
        self.operator = self.edited(OPERATOR_FILE, edited)?;
        self.check_if_valid()
    }

    pub(super) fn add_parameter(&mut self, parameter: &Value) -> Result<(), Error> {
        refuse_taken("parameter", &parameter["name"], &self.parameters())?;
        let edited = edit::add_item(&self.params, "parameters", parameter);
        self.params = self.edited(PARAMS_FILE, edited)?;
        self.check_if_valid()
    }

    pub(super) fn add_task(&mut self, task: &Value) -> Result<(), Error> {
        refuse_taken("task", &task["name"], &self.tasks())?;
        let edited = edit::add_item(&self.operator, "tasks", task);
        self.operator = self.edited(OPERATOR_FILE, edited)?;
        let spec = &task["spec"];
        let resources = spec["resources"].as_array().into_iter().flatten();
        let templates = resources.chain([&spec["pod"]]).filter_map(Value::as_str);
        self.templates.extend(templates.map(str::to_owned));
        self.check_if_valid()
    }

    pub(super) fn add_plan(&mut self, name: &str, plan: &Value) -> Result<(), Error> {
        refuse_taken("plan", &Value::from(name), &self.plans())?;
        let edited = edit::add_entry(&self.operator, "plans", name, plan);
        self.operator = self.edited(OPERATOR_FILE, edited)?;
        self.check_if_valid()
    }

    /// Writes the files, and templates that are not there as empty ones.
    pub(super) fn write(&self) -> Result<(), Error> {
        let write = |path: PathBuf, text: &str| {
            replace_file(&path, text.as_bytes()).map_err(|source| Error::File {
                doing: "write",
                path: path.clone(),
                source,
            })
        };
        for template in &self.templates {
            let path = self.directory.join(TEMPLATES_FOLDER).join(template);
            if !path.exists() {
                write(path, "")?;
            }
        }
        write(self.directory.join(PARAMS_FILE), &self.params)?;
        write(self.directory.join(OPERATOR_FILE), &self.operator)
    }

    fn edited(&self, file: &str, edited: Result<String, EditError>) -> Result<String, Error> {
        edited.map_err(|source| Error::Edit {
            path: self.directory.join(file),
            source,
        })
    }

    /// Refuses what would make a package of files that were one before into none.
    fn check_if_valid(&self) -> Result<(), Error> {
        if self.valid { self.check() } else { Ok(()) }
    }

    fn check(&self) -> Result<(), Error> {
        let files = BTreeMap::from([
            (OPERATOR_FILE.to_owned(), self.operator.clone().into_bytes()),
            (PARAMS_FILE.to_owned(), self.params.clone().into_bytes()),
        ]);
        // The templates are not among the files, so what rules say of the rest counts for nothing.
        let found = match Package::from_files(files) {
            Ok(_) => return Ok(()),
            Err(errors) => errors.diagnostics().to_vec(),
        };
        let diagnostics: Vec<Diagnostic> = found.into_iter().filter(Diagnostic::is_error).collect();
        Err(Error::PackageInvalid {
            path: self.directory.clone(),
            errors: diagnostics.len(),
            diagnostics,
        })
    }
}

/// The package in the current directory, or in the only directory below it that has one.
pub(in super::super) fn package_here() -> Result<PathBuf, Error> {
    if Path::new(OPERATOR_FILE).exists() {
        return Ok(PathBuf::from("."));
    }
    let mut found: Vec<PathBuf> = std::fs::read_dir(".")
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| PathBuf::from(entry.file_name()))
        .filter(|path| path.join(OPERATOR_FILE).exists())
        .collect();
    found.sort();
    match (found.pop(), found.is_empty()) {
        (Some(only), true) => Ok(only),
        (last, _) => Err(Error::NoPackageHere {
            found: found.into_iter().chain(last).collect(),
        }),
    }
}

fn names(text: &str, key: &str) -> Vec<String> {
    let Ok(file) = yaml::parse(text) else {
        return vec![];
    };
    let items = file[key].as_array().into_iter().flatten();
    items
        .filter_map(|item| item["name"].as_str().map(str::to_owned))
        .collect()
}

fn refuse_taken(what: &'static str, name: &Value, taken: &[String]) -> Result<(), Error> {
    let name = name.as_str().unwrap_or_default();
    let same = |taken: &String| taken.eq_ignore_ascii_case(name);
    if !name.is_empty() && !taken.iter().any(same) {
        return Ok(());
    }
    Err(Error::Invalid {
        what: match what {
            "parameter" => "parameter name",
            "task" => "task name",
            _ => "plan name",
        },
        problem: if name.is_empty() {
            "it is empty".to_owned()
        } else {
            format!("there is a {what} {name:?} already")
        },
    })
}
