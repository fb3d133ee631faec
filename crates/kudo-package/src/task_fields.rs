//! From the fields of a task as they are written, all kinds in one, to the task of its kind.
//!
//! `operator.yaml` and the `OperatorVersion` resource have the same shape here, so both come
//! through [`TaskFields::build`] and obey the same rules.

use crate::operator::{PipeFile, PipeKind, PipeSource, TASK_KINDS, TaskSpec};

/// The fields of a task's `spec` as they are written. Empty texts and lists count as absent.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TaskFields {
    /// `resources`
    pub resources: Option<Vec<String>>,
    /// `parameter`
    pub parameter: Option<String>,
    /// `pod`
    pub pod: Option<String>,
    /// `pipe`
    pub pipe: Option<Vec<PipeFields>>,
    /// `package`
    pub package: Option<String>,
    /// `instanceName`
    pub instance_name: Option<String>,
    /// `appVersion`
    pub app_version: Option<String>,
    /// `operatorVersion`
    pub operator_version: Option<String>,
    /// `parameterFile`
    pub parameter_file: Option<String>,
    /// `wantErr`
    pub want_err: Option<bool>,
    /// `fatal`
    pub fatal: Option<bool>,
    /// `done`
    pub done: Option<bool>,
}

/// The fields of one entry of a Pipe task's `pipe` as they are written.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PipeFields {
    /// `file`
    pub file: Option<String>,
    /// `envFile`
    pub env_file: Option<String>,
    /// `kind`
    pub kind: Option<String>,
    /// `key`
    pub key: Option<String>,
}

/// What is wrong with a task's fields.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TaskFieldError {
    /// The kind is not one of [`TASK_KINDS`].
    #[error("unknown task kind {kind:?}, must be one of {}", TASK_KINDS.join(", "))]
    UnknownKind {
        /// The kind given.
        kind: String,
    },
    /// A field that the kind needs is absent or empty.
    #[error("a task of kind {kind} needs {field:?}")]
    Missing {
        /// Kind of the task.
        kind: &'static str,
        /// Path of the field within `spec`.
        field: String,
    },
    /// A field of another kind.
    #[error("a task of kind {kind} has no field {field:?}")]
    Superfluous {
        /// Kind of the task.
        kind: &'static str,
        /// Path of the field within `spec`.
        field: String,
    },
    /// A field whose value is not allowed.
    #[error("{message}")]
    Invalid {
        /// Path of the field within `spec`.
        field: String,
        /// What is wrong and what is allowed.
        message: String,
    },
}

impl TaskFieldError {
    /// Path of the field within `spec`, as in `pipe[0].kind`; `None` if it is the kind itself.
    pub fn field(&self) -> Option<&str> {
        match self {
            Self::UnknownKind { .. } => None,
            Self::Missing { field, .. }
            | Self::Superfluous { field, .. }
            | Self::Invalid { field, .. } => Some(field),
        }
    }
}

impl TaskFields {
    /// The fields that tasks of a kind have. Empty for a kind that does not exist.
    pub fn of_kind(kind: &str) -> &'static [&'static str] {
        match kind {
            "Apply" | "Delete" => &["resources"],
            "Toggle" => &["resources", "parameter"],
            "Pipe" => &["pod", "pipe"],
            "KudoOperator" => &[
                "package",
                "instanceName",
                "appVersion",
                "operatorVersion",
                "parameterFile",
            ],
            "Dummy" => &["wantErr", "fatal", "done"],
            _ => &[],
        }
    }

    /// Builds the task, or tells all that is wrong with its fields.
    ///
    /// A field of another kind is an error only if `strict`: upstream ignored such fields, and
    /// resources that it wrote may hold them.
    pub fn build(self, kind: &str, strict: bool) -> Result<TaskSpec, Vec<TaskFieldError>> {
        let Some(kind) = TASK_KINDS.iter().copied().find(|known| *known == kind) else {
            return Err(vec![TaskFieldError::UnknownKind {
                kind: kind.to_owned(),
            }]);
        };
        match self.read(kind, strict) {
            (spec, errors) if errors.is_empty() => Ok(spec),
            (_, errors) => Err(errors),
        }
    }

    /// Builds the task with empty values in place of what is missing, and tells all that is wrong
    /// with its fields. The kind is one of [`TASK_KINDS`].
    pub(crate) fn read(self, kind: &'static str, strict: bool) -> (TaskSpec, Vec<TaskFieldError>) {
        let mut builder = Builder {
            kind,
            errors: Vec::new(),
        };
        if strict {
            builder.refuse_superfluous(&self);
        }
        let spec = builder.spec(self);
        (spec, builder.errors)
    }

    /// The task that these fields are of, where the kind is not known: the first kind that has all
    /// of them and misses none.
    pub(crate) fn guess(&self) -> Option<TaskSpec> {
        if self.written().is_empty() {
            return None;
        }
        let kinds = TASK_KINDS.iter().copied();
        let mut tasks = kinds.map(|kind| self.clone().read(kind, true));
        tasks.find_map(|(spec, errors)| errors.is_empty().then_some(spec))
    }

    fn written(&self) -> Vec<&'static str> {
        [
            ("resources", self.resources.is_some()),
            ("parameter", self.parameter.is_some()),
            ("pod", self.pod.is_some()),
            ("pipe", self.pipe.is_some()),
            ("package", self.package.is_some()),
            ("instanceName", self.instance_name.is_some()),
            ("appVersion", self.app_version.is_some()),
            ("operatorVersion", self.operator_version.is_some()),
            ("parameterFile", self.parameter_file.is_some()),
            ("wantErr", self.want_err.is_some()),
            ("fatal", self.fatal.is_some()),
            ("done", self.done.is_some()),
        ]
        .into_iter()
        .filter_map(|(field, written)| written.then_some(field))
        .collect()
    }
}

/// Collects errors, and goes on with empty values in place of what is missing.
struct Builder {
    kind: &'static str,
    errors: Vec<TaskFieldError>,
}

impl Builder {
    fn refuse_superfluous(&mut self, fields: &TaskFields) {
        let allowed = TaskFields::of_kind(self.kind);
        for field in fields.written() {
            if !allowed.contains(&field) {
                let field = field.to_owned();
                self.errors.push(TaskFieldError::Superfluous {
                    kind: self.kind,
                    field,
                });
            }
        }
    }

    fn spec(&mut self, fields: TaskFields) -> TaskSpec {
        match self.kind {
            "Apply" => TaskSpec::Apply {
                resources: self.list(fields.resources),
            },
            "Delete" => TaskSpec::Delete {
                resources: self.list(fields.resources),
            },
            "Toggle" => TaskSpec::Toggle {
                resources: self.list(fields.resources),
                parameter: self.text("parameter", fields.parameter),
            },
            "Pipe" => TaskSpec::Pipe {
                pod: self.text("pod", fields.pod),
                pipe: self.pipe(fields.pipe.unwrap_or_default()),
            },
            "KudoOperator" => TaskSpec::KudoOperator {
                package: self.text("package", fields.package),
                instance_name: not_empty(fields.instance_name),
                app_version: not_empty(fields.app_version),
                operator_version: not_empty(fields.operator_version),
                parameter_file: not_empty(fields.parameter_file),
            },
            _ => TaskSpec::Dummy {
                want_err: fields.want_err.unwrap_or_default(),
                fatal: fields.fatal.unwrap_or_default(),
                done: fields.done.unwrap_or_default(),
            },
        }
    }

    fn missing(&mut self, field: &str) {
        self.errors.push(TaskFieldError::Missing {
            kind: self.kind,
            field: field.to_owned(),
        });
    }

    fn invalid(&mut self, field: String, message: impl Into<String>) {
        self.errors.push(TaskFieldError::Invalid {
            field,
            message: message.into(),
        });
    }

    fn list(&mut self, resources: Option<Vec<String>>) -> Vec<String> {
        let resources = resources.unwrap_or_default();
        if resources.is_empty() {
            self.missing("resources");
        }
        resources
    }

    fn text(&mut self, field: &str, text: Option<String>) -> String {
        not_empty(text).unwrap_or_else(|| {
            self.missing(field);
            String::new()
        })
    }

    fn pipe(&mut self, files: Vec<PipeFields>) -> Vec<PipeFile> {
        if files.is_empty() {
            self.missing("pipe");
        }
        files
            .into_iter()
            .enumerate()
            .filter_map(|(index, fields)| self.pipe_file(index, fields))
            .collect()
    }

    fn pipe_file(&mut self, index: usize, fields: PipeFields) -> Option<PipeFile> {
        let at = |field: &str| format!("pipe[{index}].{field}");
        // What is wrong is reported; a key that is known names the pipe all the same.
        let source = match (not_empty(fields.file), not_empty(fields.env_file)) {
            (Some(file), None) => Some(PipeSource::File(file)),
            (None, Some(file)) => Some(PipeSource::EnvFile(file)),
            _ => {
                let message = "a pipe needs either \"file\" or \"envFile\", and not both";
                self.invalid(format!("pipe[{index}]"), message);
                None
            }
        };
        let kind = match not_empty(fields.kind).as_deref() {
            Some("Secret") => Some(PipeKind::Secret),
            Some("ConfigMap") => Some(PipeKind::ConfigMap),
            Some(other) => {
                let message = format!("a pipe's kind is Secret or ConfigMap, not {other:?}");
                self.invalid(at("kind"), message);
                None
            }
            None => {
                self.missing(&at("kind"));
                None
            }
        };
        let key = match not_empty(fields.key) {
            Some(key) if is_pipe_key(&key) => Some(key),
            Some(key) => {
                let message = format!(
                    "a pipe's key consists of letters, digits, '-' and '_', which {key:?} does not"
                );
                self.invalid(at("key"), message);
                Some(key)
            }
            None => {
                self.missing(&at("key"));
                None
            }
        };
        Some(PipeFile {
            source: source.unwrap_or_else(|| PipeSource::File(String::new())),
            kind: kind.unwrap_or(PipeKind::Secret),
            key: key?,
        })
    }
}

fn is_pipe_key(key: &str) -> bool {
    key.bytes()
        .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
}

fn not_empty(text: Option<String>) -> Option<String> {
    text.filter(|text| !text.is_empty())
}
