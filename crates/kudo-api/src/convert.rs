//! Between resources and the engine's model.
//!
//! Towards the cluster: a [`Package`] becomes an [`Operator`] and an [`OperatorVersion`], written as
//! upstream wrote them. From the cluster: an [`OperatorVersion`] becomes an [`OperatorDefinition`],
//! or a [`DefinitionError`] that names what is wrong and the event to report it by. What only a
//! package holds (groups, hints, `advanced`) does not reach the cluster.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::ObjectReference;
use kudo_package::operator::{TASK_KINDS, UnknownStrategy};
use kudo_package::parameter::UnknownValueType;
use kudo_package::suggest::nearest;
use kudo_package::{
    OperatorDefinition, Package, PipeFields, PipeSource, Strategy, TaskFieldError, TaskFields,
    TaskSpec, ValueType,
};

use crate::instance::{Instance, InstanceSpec};
use crate::names::{OPERATOR_LABEL, operator_version_name};
use crate::operator::{Maintainer, Operator, OperatorSpec};
use crate::operator_version as api;
use crate::operator_version::{OperatorVersion, OperatorVersionSpec};

/// Why an operator version can't be run.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DefinitionError {
    /// A task of a kind that doesn't exist.
    #[error(
        "task {task:?}: unknown task kind {kind:?}{}",
        did_you_mean(kind, TASK_KINDS)
    )]
    TaskKind {
        /// Name of the task.
        task: String,
        /// The kind given.
        kind: String,
    },
    /// A task whose fields don't make sense.
    #[error("task {task:?}: {}", list(problems))]
    TaskFields {
        /// Name of the task.
        task: String,
        /// All that is wrong with its fields.
        problems: Vec<TaskFieldError>,
    },
    /// A plan or phase with a strategy that doesn't exist.
    #[error("plan {plan:?}{}: {source}", in_phase(phase.as_deref()))]
    Strategy {
        /// Name of the plan.
        plan: String,
        /// Name of the phase, if it is the phase's strategy.
        phase: Option<String>,
        /// The strategy given.
        source: UnknownStrategy,
    },
    /// A parameter of a type that doesn't exist.
    #[error("parameter {parameter:?}: {source}")]
    ParameterType {
        /// Name of the parameter.
        parameter: String,
        /// The type given.
        source: UnknownValueType,
    },
}

impl DefinitionError {
    /// The reason of the warning event that reports the error.
    pub fn reason(&self) -> &'static str {
        match self {
            Self::TaskKind { .. } | Self::TaskFields { .. } => "TaskBuildError",
            Self::Strategy { .. } => "InvalidPlan",
            Self::ParameterType { .. } => "InvalidOperatorVersion",
        }
    }
}

/// The `Operator` resource of a package.
pub fn operator(package: &Package, namespace: &str) -> Operator {
    let manifest = &package.manifest;
    let spec = OperatorSpec {
        description: text(manifest.description.as_ref()),
        kudo_version: text(manifest.kudo_version.as_ref()),
        kubernetes_version: text(manifest.kubernetes_version.as_ref()),
        maintainers: manifest
            .maintainers
            .iter()
            .map(|maintainer| Maintainer {
                name: text(maintainer.name.as_ref()),
                email: text(maintainer.email.as_ref()),
            })
            .collect(),
        url: text(manifest.url.as_ref()),
        namespace_manifest: text(manifest.namespace_manifest.as_ref()),
    };
    let mut operator = Operator::new(&package.definition.operator_name, spec);
    operator.metadata.namespace = Some(namespace.to_owned());
    operator
}

/// The `OperatorVersion` resource of a package.
pub fn operator_version(package: &Package, namespace: &str) -> OperatorVersion {
    let definition = &package.definition;
    let name = definition_name(definition);
    let mut version = OperatorVersion::new(&name, operator_version_spec(definition));
    version.metadata.namespace = Some(namespace.to_owned());
    version
}

/// An `Instance` resource that runs a package's operator version.
pub fn instance(
    package: &Package,
    name: &str,
    namespace: &str,
    parameters: BTreeMap<String, String>,
) -> Instance {
    let definition = &package.definition;
    let spec = InstanceSpec {
        operator_version: ObjectReference {
            name: Some(definition_name(definition)),
            ..ObjectReference::default()
        },
        parameters,
        ..InstanceSpec::default()
    };
    let mut instance = Instance::new(name, spec);
    instance.metadata.namespace = Some(namespace.to_owned());
    instance.metadata.labels = Some(BTreeMap::from([(
        OPERATOR_LABEL.to_owned(),
        definition.operator_name.clone(),
    )]));
    instance
}

impl TryFrom<&OperatorVersion> for OperatorDefinition {
    type Error = DefinitionError;

    fn try_from(version: &OperatorVersion) -> Result<Self, DefinitionError> {
        definition(&version.spec)
    }
}

fn definition(spec: &OperatorVersionSpec) -> Result<OperatorDefinition, DefinitionError> {
    Ok(OperatorDefinition {
        operator_name: spec.operator.name.clone().unwrap_or_default(),
        operator_version: spec.version.clone(),
        app_version: given(&spec.app_version),
        templates: spec.templates.clone(),
        tasks: spec.tasks.iter().map(task_from).collect::<Result<_, _>>()?,
        parameters: spec
            .parameters
            .iter()
            .map(parameter_from)
            .collect::<Result<_, _>>()?,
        plans: spec
            .plans
            .iter()
            .map(|(name, plan)| Ok((name.clone(), plan_from(name, plan)?)))
            .collect::<Result<_, _>>()?,
    })
}

fn operator_version_spec(definition: &OperatorDefinition) -> OperatorVersionSpec {
    OperatorVersionSpec {
        operator: ObjectReference {
            kind: Some("Operator".to_owned()),
            name: Some(definition.operator_name.clone()),
            ..ObjectReference::default()
        },
        version: definition.operator_version.clone(),
        app_version: text(definition.app_version.as_ref()),
        templates: definition.templates.clone(),
        tasks: definition.tasks.iter().map(task_to).collect(),
        parameters: definition.parameters.iter().map(parameter_to).collect(),
        plans: definition
            .plans
            .iter()
            .map(|(name, plan)| (name.clone(), plan_to(plan)))
            .collect(),
        connection_string: String::new(),
        upgradable_from: Vec::new(),
    }
}

/// Name of the `OperatorVersion` resource of a definition.
pub fn definition_name(definition: &OperatorDefinition) -> String {
    operator_version_name(
        &definition.operator_name,
        definition.app_version.as_deref(),
        &definition.operator_version,
    )
}

fn task_to(task: &kudo_package::Task) -> api::Task {
    let kind = task.spec.kind().to_owned();
    let mut spec = api::TaskSpec::default();
    match &task.spec {
        TaskSpec::Apply { resources } | TaskSpec::Delete { resources } => {
            spec.resources.clone_from(resources);
        }
        TaskSpec::Toggle {
            resources,
            parameter,
        } => {
            spec.resources.clone_from(resources);
            spec.parameter.clone_from(parameter);
        }
        TaskSpec::Pipe { pod, pipe } => {
            spec.pod.clone_from(pod);
            spec.pipe = pipe.iter().map(pipe_to).collect();
        }
        TaskSpec::KudoOperator {
            package,
            instance_name,
            app_version,
            operator_version,
            parameter_file,
        } => {
            spec.package.clone_from(package);
            spec.instance_name = text(instance_name.as_ref());
            spec.app_version = text(app_version.as_ref());
            spec.operator_version = text(operator_version.as_ref());
            spec.parameter_file = text(parameter_file.as_ref());
        }
        TaskSpec::Dummy {
            want_err,
            fatal,
            done,
        } => {
            spec.want_err = *want_err;
            spec.fatal = *fatal;
            spec.done = *done;
        }
    }
    api::Task {
        name: task.name.clone(),
        kind,
        spec,
    }
}

fn task_from(task: &api::Task) -> Result<kudo_package::Task, DefinitionError> {
    let spec = &task.spec;
    let fields = TaskFields {
        resources: given_list(&spec.resources),
        parameter: given(&spec.parameter),
        pod: given(&spec.pod),
        pipe: given_list(&spec.pipe).map(|pipe| pipe.iter().map(pipe_from).collect()),
        package: given(&spec.package),
        instance_name: given(&spec.instance_name),
        app_version: given(&spec.app_version),
        operator_version: given(&spec.operator_version),
        parameter_file: given(&spec.parameter_file),
        want_err: spec.want_err.then_some(true),
        fatal: spec.fatal.then_some(true),
        done: spec.done.then_some(true),
    };
    // Upstream stored fields of other kinds and never read them.
    let strict = false;
    let built = fields.build(&task.kind, strict).map_err(|problems| {
        let name = task.name.clone();
        let unknown = problems
            .iter()
            .any(|problem| matches!(problem, TaskFieldError::UnknownKind { .. }));
        if unknown {
            DefinitionError::TaskKind {
                task: name,
                kind: task.kind.clone(),
            }
        } else {
            DefinitionError::TaskFields {
                task: name,
                problems,
            }
        }
    })?;
    Ok(kudo_package::Task {
        name: task.name.clone(),
        spec: built,
    })
}

fn pipe_to(file: &kudo_package::PipeFile) -> api::PipeSpec {
    let (whole, lines) = match &file.source {
        PipeSource::File(path) => (path.clone(), String::new()),
        PipeSource::EnvFile(path) => (String::new(), path.clone()),
    };
    api::PipeSpec {
        file: whole,
        env_file: lines,
        kind: file.kind.as_str().to_owned(),
        key: file.key.clone(),
    }
}

fn pipe_from(file: &api::PipeSpec) -> PipeFields {
    PipeFields {
        file: given(&file.file),
        env_file: given(&file.env_file),
        kind: given(&file.kind),
        key: given(&file.key),
    }
}

fn parameter_to(parameter: &kudo_package::Parameter) -> api::Parameter {
    api::Parameter {
        display_name: text(parameter.display_name.as_ref()),
        name: parameter.name.clone(),
        description: text(parameter.description.as_ref()),
        required: Some(parameter.required),
        default: parameter.default.clone(),
        trigger: text(parameter.trigger.as_ref()),
        value_type: parameter.value_type.as_str().to_owned(),
        immutable: Some(parameter.immutable),
        enum_values: parameter.enum_values.clone(),
    }
}

fn parameter_from(parameter: &api::Parameter) -> Result<kudo_package::Parameter, DefinitionError> {
    let value_type = match parameter.value_type.as_str() {
        "" => ValueType::String,
        other => other
            .parse()
            .map_err(|source| DefinitionError::ParameterType {
                parameter: parameter.name.clone(),
                source,
            })?,
    };
    Ok(kudo_package::Parameter {
        name: parameter.name.clone(),
        display_name: given(&parameter.display_name),
        description: given(&parameter.description),
        // In a package an absent `required` means true; in a resource upstream read it as false.
        required: parameter.required.unwrap_or(false),
        default: parameter.default.clone(),
        trigger: given(&parameter.trigger),
        value_type,
        immutable: parameter.immutable.unwrap_or(false),
        enum_values: parameter.enum_values.clone(),
        ..kudo_package::Parameter::default()
    })
}

fn plan_to(plan: &kudo_package::Plan) -> api::Plan {
    api::Plan {
        strategy: strategy_to(plan.strategy),
        phases: plan
            .phases
            .iter()
            .map(|phase| api::Phase {
                name: phase.name.clone(),
                strategy: strategy_to(phase.strategy),
                steps: phase
                    .steps
                    .iter()
                    .map(|step| api::Step {
                        name: step.name.clone(),
                        tasks: step.tasks.clone(),
                    })
                    .collect(),
            })
            .collect(),
    }
}

fn plan_from(name: &str, plan: &api::Plan) -> Result<kudo_package::Plan, DefinitionError> {
    let phases = plan.phases.iter().map(|phase| {
        let steps = phase.steps.iter().map(|step| kudo_package::Step {
            name: step.name.clone(),
            tasks: step.tasks.clone(),
        });
        Ok(kudo_package::Phase {
            name: phase.name.clone(),
            strategy: strategy_from(name, Some(&phase.name), &phase.strategy)?,
            steps: steps.collect(),
        })
    });
    Ok(kudo_package::Plan {
        strategy: strategy_from(name, None, &plan.strategy)?,
        phases: phases.collect::<Result<_, _>>()?,
    })
}

fn strategy_to(strategy: Option<Strategy>) -> String {
    strategy
        .map(|strategy| strategy.as_str().to_owned())
        .unwrap_or_default()
}

fn strategy_from(
    plan: &str,
    phase: Option<&str>,
    strategy: &str,
) -> Result<Option<Strategy>, DefinitionError> {
    given(strategy)
        .map(|strategy| strategy.parse())
        .transpose()
        .map_err(|source| DefinitionError::Strategy {
            plan: plan.to_owned(),
            phase: phase.map(str::to_owned),
            source,
        })
}

/// Absent text is the empty string in a resource.
fn text(optional: Option<&String>) -> String {
    optional.cloned().unwrap_or_default()
}

/// The empty string in a resource is absent text.
fn given(text: &str) -> Option<String> {
    (!text.is_empty()).then(|| text.to_owned())
}

fn given_list<T: Clone>(list: &[T]) -> Option<Vec<T>> {
    (!list.is_empty()).then(|| list.to_vec())
}

fn did_you_mean(given: &str, known: &[&str]) -> String {
    nearest(given, known.iter().copied())
        .map(|name| format!(", did you mean {name:?}?"))
        .unwrap_or_default()
}

fn in_phase(phase: Option<&str>) -> String {
    phase
        .map(|phase| format!(", phase {phase:?}"))
        .unwrap_or_default()
}

fn list(problems: &[TaskFieldError]) -> String {
    problems
        .iter()
        .map(ToString::to_string)
        .collect::<Vec<_>>()
        .join("; ")
}
