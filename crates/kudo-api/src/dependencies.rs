//! Which operator versions an operator version installs by its `KudoOperator` tasks, and whether that
//! ever ends. Pure.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use kudo_package::{OperatorDefinition, TaskSpec};

use crate::convert::definition_name;
use crate::names::operator_version_name;

/// A circle of operator versions, each of which installs the next; the first is also the last.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cycle(pub Vec<String>);

impl fmt::Display for Cycle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "operators install each other in a circle: {}",
            self.0.join(" -> ")
        )
    }
}

/// The names of the operator versions that a definition installs, those whose version is known.
pub fn children(definition: &OperatorDefinition) -> BTreeSet<String> {
    let tasks = definition.tasks.iter();
    tasks
        .filter_map(|task| match &task.spec {
            TaskSpec::KudoOperator {
                package,
                app_version,
                operator_version: Some(version),
                ..
            } => Some(operator_version_name(
                package,
                app_version.as_deref(),
                version,
            )),
            _ => None,
        })
        .collect()
}

/// The first circle found from a definition on. Operator versions that `find` does not know end a way.
pub fn cycle(
    definition: &OperatorDefinition,
    find: impl Fn(&str) -> Option<Arc<OperatorDefinition>>,
) -> Option<Cycle> {
    let root = definition_name(definition);
    let mut search = Search {
        find,
        way: vec![root],
        done: BTreeSet::new(),
    };
    search.visit(definition)
}

struct Search<F> {
    find: F,
    way: Vec<String>,
    done: BTreeSet<String>,
}

impl<F: Fn(&str) -> Option<Arc<OperatorDefinition>>> Search<F> {
    fn visit(&mut self, definition: &OperatorDefinition) -> Option<Cycle> {
        for child in children(definition) {
            if let Some(start) = self.way.iter().position(|name| *name == child) {
                let mut circle = self.way[start..].to_vec();
                circle.push(child);
                return Some(Cycle(circle));
            }
            if self.done.contains(&child) {
                continue;
            }
            if let Some(definition) = (self.find)(&child) {
                self.way.push(child.clone());
                let found = self.visit(&definition);
                self.way.pop();
                if found.is_some() {
                    return found;
                }
            }
            self.done.insert(child);
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use kudo_package::Task;

    use super::*;

    /// An operator at version 1 that installs others.
    fn operator(name: &str, children: &[&str]) -> OperatorDefinition {
        let tasks = children.iter().map(|child| Task {
            name: (*child).to_owned(),
            spec: TaskSpec::KudoOperator {
                package: (*child).to_owned(),
                instance_name: None,
                app_version: None,
                operator_version: Some("1".to_owned()),
                parameter_file: None,
            },
        });
        OperatorDefinition {
            operator_name: name.to_owned(),
            operator_version: "1".to_owned(),
            tasks: tasks.collect(),
            ..OperatorDefinition::default()
        }
    }

    /// Operators with the operators that each installs.
    type Operators<'a> = &'a [(&'a str, &'a [&'a str])];

    #[test]
    fn circles_are_found_and_diamonds_are_none() {
        let cases: [(Operators<'_>, Option<&str>); 6] = [
            (&[("a", &[])], None),
            (&[("a", &["b"]), ("b", &["unknown"])], None),
            (
                &[("a", &["b", "c"]), ("b", &["d"]), ("c", &["d"]), ("d", &[])],
                None,
            ),
            (&[("a", &["a"])], Some("a-1 -> a-1")),
            (
                &[("a", &["b"]), ("b", &["c"]), ("c", &["a"])],
                Some("a-1 -> b-1 -> c-1 -> a-1"),
            ),
            (
                &[("a", &["b"]), ("b", &["c"]), ("c", &["b"])],
                Some("b-1 -> c-1 -> b-1"),
            ),
        ];
        for (operators, expected) in cases {
            let find = |name: &str| {
                let found = operators
                    .iter()
                    .find(|(known, _)| format!("{known}-1") == name);
                found.map(|(name, children)| Arc::new(operator(name, children)))
            };
            let (name, children) = operators[0];
            let found = cycle(&operator(name, children), find);
            let shown = found.map(|cycle| cycle.0.join(" -> "));
            assert_eq!(shown.as_deref(), expected, "{operators:?}");
        }
    }
}
