//! Parameter values from the command line: `-p NAME=VALUE` and `-P file.yaml`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use kudo_package::parameter::{ValuesError, values_from_yaml};
use kudo_package::yaml::{self, Entry, Mark, Node, NodeKind, YamlError};

use crate::arguments::ParameterArgs;

/// Why parameter values could not be read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ParameterInputError {
    /// `-p` without `=`, or with nothing on one side of it.
    #[error("-p {argument}: {problem}")]
    Argument {
        /// What was given.
        argument: String,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// A file could not be read.
    #[error("cannot read parameter file {}: {source}", path.display())]
    Unreadable {
        /// Path given.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A file is not YAML.
    #[error("{}:{}:{}: {}", path.display(), source.mark.line, source.mark.column, source.message)]
    NotYaml {
        /// Path given.
        path: PathBuf,
        /// Why.
        source: YamlError,
    },
    /// A file says the same thing twice.
    #[error("{}:{}:{}: {key:?} is there twice, first in line {first}", path.display(), mark.line, mark.column)]
    Twice {
        /// Path given.
        path: PathBuf,
        /// Where it is said again.
        mark: Mark,
        /// What.
        key: String,
        /// Line where it is said first.
        first: usize,
    },
    /// A file holds something else than a map of names to values.
    #[error("{}: {source}", path.display())]
    NoValues {
        /// Path given.
        path: PathBuf,
        /// Why.
        source: ValuesError,
    },
}

/// Reads all values. Later ones win over earlier ones, and `-p` wins over every file.
pub(crate) fn read(
    arguments: &ParameterArgs,
) -> Result<BTreeMap<String, String>, ParameterInputError> {
    let mut values = BTreeMap::new();
    for path in &arguments.parameter_file {
        let text =
            std::fs::read_to_string(path).map_err(|source| ParameterInputError::Unreadable {
                path: path.clone(),
                source,
            })?;
        values.append(&mut from_yaml(path, &text)?);
    }
    for argument in &arguments.parameter {
        let (name, value) = from_argument(argument)?;
        values.insert(name.to_owned(), value.to_owned());
    }
    Ok(values)
}

fn from_argument(argument: &str) -> Result<(&str, &str), ParameterInputError> {
    let problem = match argument.split_once('=') {
        None => "expected NAME=VALUE",
        Some(("", _)) => "the name is empty",
        Some((_, "")) => "the value is empty",
        Some(pair) => return Ok(pair),
    };
    Err(ParameterInputError::Argument {
        argument: argument.to_owned(),
        problem,
    })
}

fn from_yaml(path: &Path, text: &str) -> Result<BTreeMap<String, String>, ParameterInputError> {
    let failed = |error| {
        let path = path.to_owned();
        match error {
            ValuesError::NotYaml(source) => ParameterInputError::NotYaml { path, source },
            source => ParameterInputError::NoValues { path, source },
        }
    };
    let values = values_from_yaml(text).map_err(failed)?;
    let node = yaml::parse_node(text).map_err(|error| failed(error.into()))?;
    match twice(&node) {
        None => Ok(values),
        Some((entry, first)) => Err(ParameterInputError::Twice {
            path: path.to_owned(),
            mark: entry.key_mark,
            key: entry.key.clone(),
            first: first.line,
        }),
    }
}

/// The first entry of a map, at any depth, whose key was there before, and where that was.
fn twice(node: &Node) -> Option<(&Entry, Mark)> {
    match &node.kind {
        NodeKind::Scalar(_) => None,
        NodeKind::Sequence(items) => items.iter().find_map(twice),
        NodeKind::Mapping(entries) => entries.iter().find_map(|entry| match entry.replaced {
            Some(first) => Some((entry, first)),
            None => twice(&entry.value),
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments() {
        let cases = [
            ("foo=bar", Ok(("foo", "bar"))),
            ("foo=a=b", Ok(("foo", "a=b"))),
            ("foo= ", Ok(("foo", " "))),
            ("foo", Err("-p foo: expected NAME=VALUE")),
            ("foo=", Err("-p foo=: the value is empty")),
            ("=bar", Err("-p =bar: the name is empty")),
            ("", Err("-p : expected NAME=VALUE")),
        ];
        for (argument, expected) in cases {
            let found = from_argument(argument).map_err(|error| error.to_string());
            assert_eq!(found, expected.map_err(str::to_owned), "{argument:?}");
        }
    }

    #[test]
    fn files() {
        let cases = [
            ("a: 42\nb: 43\n", Ok(vec![("a", "42"), ("b", "43")])),
            (
                "a: 742\nc: [7, 7, 7]\n",
                Ok(vec![("a", "742"), ("c", "- 7\n- 7\n- 7\n")]),
            ),
            ("A:\n- foo: bar\n", Ok(vec![("A", "- foo: bar\n")])),
            (
                "a: yes\nb: '0755'\nc: 0755\n",
                Ok(vec![("a", "true"), ("b", "0755"), ("c", "493")]),
            ),
            (
                "big: 10000000\nf: 1.5\ng: 2.0\n",
                Ok(vec![("big", "10000000"), ("f", "1.5"), ("g", "2")]),
            ),
            ("", Ok(vec![])),
            ("# nothing\n", Ok(vec![])),
            ("a:\nb: 1\n", Err("p.yaml: parameter \"a\" has no value")),
            (
                "a: 1\nb: 2\na: 3\n",
                Err("p.yaml:3:1: \"a\" is there twice, first in line 1"),
            ),
            (
                "a:\n- {x: 1, x: 2}\n",
                Err("p.yaml:2:10: \"x\" is there twice, first in line 2"),
            ),
            (
                "- a\n",
                Err("p.yaml: expected a map of parameter names to values, found a list"),
            ),
            (
                "text",
                Err("p.yaml: expected a map of parameter names to values, found a string"),
            ),
        ];
        for (text, expected) in cases {
            let found = from_yaml(Path::new("p.yaml"), text).map_err(|error| error.to_string());
            let expected = expected.map_err(str::to_owned).map(|pairs| {
                pairs
                    .into_iter()
                    .map(|(name, value)| (name.to_owned(), value.to_owned()))
                    .collect::<BTreeMap<_, _>>()
            });
            assert_eq!(found, expected, "{text:?}");
        }
    }

    #[test]
    fn files_in_order_then_arguments() {
        let folder = tempfile::tempdir().unwrap();
        let first = folder.path().join("a.yaml");
        let second = folder.path().join("b.yaml");
        std::fs::write(&first, "a: 42\nb: 43\n").unwrap();
        std::fs::write(&second, "a: 742\nc: 777\n").unwrap();
        let check = |files: &[&PathBuf], arguments: &[&str], expected: &str| {
            let values = read(&ParameterArgs {
                parameter: arguments.iter().map(ToString::to_string).collect(),
                parameter_file: files.iter().map(|path| (*path).clone()).collect(),
            })
            .unwrap();
            let shown: Vec<_> = values.iter().map(|(k, v)| format!("{k}={v}")).collect();
            assert_eq!(shown.join(" "), expected);
        };
        check(&[], &["a=1", "b=2", "a=3"], "a=3 b=2");
        check(&[&first, &second], &[], "a=742 b=43 c=777");
        check(&[&second, &first], &[], "a=42 b=43 c=777");
        check(&[&first], &["a=1", "c=2"], "a=1 b=43 c=2");
    }
}
