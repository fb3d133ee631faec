//! What can be wrong with a plan, all of it found at once.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use kudo_package::{Plan, suggest};

use super::each_once;

/// All that is wrong with a plan.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("plan {plan:?}: {}", sentence(problems))]
pub struct GraphError {
    /// The plan.
    pub plan: String,
    /// What is wrong, at least one thing.
    pub problems: Vec<GraphProblem>,
}

/// One thing that is wrong with a plan.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum GraphProblem {
    /// A step names a task that the operator does not define.
    #[error("unknown task {task:?} in step {phase}.{step}{}", did_you_mean(nearest.as_deref()))]
    UnknownTask {
        /// The step's phase.
        phase: String,
        /// The step.
        step: String,
        /// The unknown task.
        task: String,
        /// The known task that was probably meant.
        nearest: Option<String>,
    },
    /// Two phases have one name.
    #[error("duplicate phase {phase:?}")]
    DuplicatePhase {
        /// The name.
        phase: String,
    },
    /// Two steps of a phase have one name.
    #[error("duplicate step {step:?} in phase {phase:?}")]
    DuplicateStep {
        /// The phase.
        phase: String,
        /// The name.
        step: String,
    },
    /// A dependency names a step that the plan does not have.
    #[error("unknown step {phase}.{step}{}", did_you_mean(nearest.as_deref()))]
    UnknownStep {
        /// The phase named.
        phase: String,
        /// The step named.
        step: String,
        /// The known step that was probably meant, as `phase.step`.
        nearest: Option<String>,
    },
    /// Dependencies make steps wait for themselves.
    #[error("circular dependency: {}", path.join(" → "))]
    Cycle {
        /// What comes before what; the first and the last are the same step.
        path: Vec<String>,
    },
}

impl GraphError {
    /// The event reason: `UnknownTaskName`, `CircularDependency` or `InvalidPlan`.
    pub fn reason(&self) -> &'static str {
        self.problems
            .first()
            .map_or("InvalidPlan", GraphProblem::reason)
    }
}

impl GraphProblem {
    /// The event reason.
    pub const fn reason(&self) -> &'static str {
        match self {
            Self::UnknownTask { .. } => "UnknownTaskName",
            Self::Cycle { .. } => "CircularDependency",
            Self::DuplicatePhase { .. } | Self::DuplicateStep { .. } | Self::UnknownStep { .. } => {
                "InvalidPlan"
            }
        }
    }
}

/// Looks for all that is wrong with a plan as the package gives it.
pub(super) fn problems(plan: &Plan, known_tasks: &BTreeSet<&str>) -> Vec<GraphProblem> {
    let mut problems = Vec::new();
    let mut suggestions = BTreeMap::new();
    for phase in duplicates(plan.phases.iter().map(|phase| phase.name.as_str())) {
        problems.push(GraphProblem::DuplicatePhase {
            phase: phase.to_owned(),
        });
    }
    for phase in &plan.phases {
        for step in duplicates(phase.steps.iter().map(|step| step.name.as_str())) {
            problems.push(GraphProblem::DuplicateStep {
                phase: phase.name.clone(),
                step: step.to_owned(),
            });
        }
        for step in &phase.steps {
            for task in each_once(&step.tasks) {
                if known_tasks.contains(task.as_str()) {
                    continue;
                }
                let nearest = suggestions
                    .entry(task.clone())
                    .or_insert_with(|| suggest::nearest(&task, known_tasks.iter().copied()));
                problems.push(GraphProblem::UnknownTask {
                    phase: phase.name.clone(),
                    step: step.name.clone(),
                    task,
                    nearest: nearest.map(str::to_owned),
                });
            }
        }
    }
    problems
}

/// The names that come more than once, each once.
fn duplicates<'a>(names: impl Iterator<Item = &'a str>) -> BTreeSet<&'a str> {
    let mut seen = HashSet::new();
    names.filter(|name| !seen.insert(*name)).collect()
}

fn sentence(problems: &[GraphProblem]) -> String {
    let texts: Vec<String> = problems.iter().map(ToString::to_string).collect();
    texts.join("; ")
}

fn did_you_mean(nearest: Option<&str>) -> String {
    nearest.map_or_else(String::new, |name| format!(" (did you mean {name:?}?)"))
}
