//! The list of cases that the embedded server does not yet pass. It only shrinks.

use std::collections::BTreeSet;
use std::path::Path;

/// Names of cases, one a line; `#` begins a comment.
pub(crate) struct KnownDifferences {
    names: BTreeSet<String>,
}

impl KnownDifferences {
    /// Reads the list; an absent file is an empty list.
    pub(crate) fn read(path: &Path) -> Self {
        let text = std::fs::read_to_string(path).unwrap_or_default();
        let lines = text
            .lines()
            .map(|line| line.split('#').next().unwrap_or_default().trim());
        let names = lines.filter(|line| !line.is_empty()).map(str::to_owned);
        Self {
            names: names.collect(),
        }
    }

    /// Entries that name no case.
    pub(crate) fn names_missing_from(&self, cases: &[String]) -> Vec<String> {
        let missing = self.names.iter().filter(|name| !cases.contains(name));
        missing.cloned().collect()
    }

    /// Turns what was found into what the test says.
    pub(crate) fn judge(&self, name: &str, verdict: Verdict) -> Result<(), String> {
        match verdict {
            Verdict::Invalid(problem) => Err(problem),
            Verdict::Differs(_) if self.names.contains(name) => Ok(()),
            Verdict::Differs(diff) => Err(diff),
            Verdict::Agrees if self.names.contains(name) => Err(format!(
                "agrees now: remove {name} from tests/conformance/known-differences.txt"
            )),
            Verdict::Agrees => Ok(()),
        }
    }
}

/// What came of a case.
pub(crate) enum Verdict {
    /// Both servers answer alike.
    Agrees,
    /// They do not, and how.
    Differs(String),
    /// The case is no valid observation of the real server, and why.
    Invalid(String),
}
