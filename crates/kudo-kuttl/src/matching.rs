//! Whether an object is as asserted: maps hold at least the asserted keys, lists exactly the
//! asserted items, everything else is equal.

use std::fmt;

use serde_json::Value;

/// The first difference that was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mismatch {
    /// Where, such as `.spec.template.spec.containers[0].image`; empty for the whole.
    pub path: String,
    /// What is different.
    pub what: Difference,
}

/// How something differs from what is asserted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Difference {
    /// It is not there.
    Missing {
        /// What is asserted.
        expected: Value,
    },
    /// A list has another length.
    Length {
        /// The asserted number of items.
        expected: usize,
        /// The actual one.
        found: usize,
    },
    /// It is something else.
    Value {
        /// What is asserted.
        expected: Value,
        /// What is there.
        found: Value,
    },
}

impl fmt::Display for Mismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.path.is_empty() {
            write!(f, "{}: ", self.path)?;
        }
        match &self.what {
            Difference::Missing { expected } => {
                write!(f, "expected {}, found nothing", short(expected))
            }
            Difference::Length { expected, found } => {
                write!(f, "expected a list of {expected}, found one of {found}")
            }
            Difference::Value { expected, found } => {
                write!(f, "expected {}, found {}", short(expected), short(found))
            }
        }
    }
}

fn short(value: &Value) -> String {
    const LONGEST: usize = 120;
    match value {
        Value::Object(_) => "a map".to_owned(),
        Value::Array(_) => "a list".to_owned(),
        other => {
            let text = other.to_string();
            match text.char_indices().nth(LONGEST) {
                Some((end, _)) => format!("{}…", &text[..end]),
                None => text,
            }
        }
    }
}

/// Compares what is asserted with what is there.
pub fn subset(expected: &Value, actual: &Value) -> Result<(), Mismatch> {
    match (expected, actual) {
        (Value::Object(expected), Value::Object(actual)) => {
            for (key, expected) in expected {
                let Some(actual) = actual.get(key) else {
                    return Err(Mismatch {
                        path: format!(".{key}"),
                        what: Difference::Missing {
                            expected: expected.clone(),
                        },
                    });
                };
                subset(expected, actual).map_err(|inner| inner.within(&format!(".{key}")))?;
            }
            Ok(())
        }
        (Value::Array(expected), Value::Array(actual)) => {
            if expected.len() != actual.len() {
                return Err(Mismatch {
                    path: String::new(),
                    what: Difference::Length {
                        expected: expected.len(),
                        found: actual.len(),
                    },
                });
            }
            for (index, (expected, actual)) in expected.iter().zip(actual).enumerate() {
                subset(expected, actual).map_err(|inner| inner.within(&format!("[{index}]")))?;
            }
            Ok(())
        }
        (expected, actual) if expected == actual => Ok(()),
        (expected, actual) => Err(Mismatch {
            path: String::new(),
            what: Difference::Value {
                expected: expected.clone(),
                found: actual.clone(),
            },
        }),
    }
}

impl Mismatch {
    fn within(mut self, outer: &str) -> Self {
        self.path.insert_str(0, outer);
        self
    }
}
