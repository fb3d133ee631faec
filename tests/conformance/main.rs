//! One corpus of requests, played on the embedded server and on a real control plane.
//!
//! Every file `cases/<area>/<case>.yaml` is a test named `<area>/<case>`; its format is described
//! in docs/conformance.md. The real server is the oracle of the same run, so nothing that a server
//! should answer is recorded here. Arguments are those of any Rust test, such as a part of a name:
//!
//! ```text
//! cargo test -p kudo-tests --test conformance -- watch/
//! cargo test -p kudo-tests --test conformance -- --differences
//! ```
//!
//! The way of a case: [`case`] → [`play`] on each server → [`versions`] lifts the older server's
//! answers to what a newer one says → [`normal`] → [`compare`].

#![cfg(test)]

mod case;
mod compare;
mod hooks;
mod known;
mod normal;
mod play;
mod selector;
mod servers;
mod versions;

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use libtest_mimic::{Arguments, Trial};

use case::Case;
use known::KnownDifferences;
use versions::Versions;

/// Cases at a time unless `--test-threads` says otherwise: most of a case is waiting.
const THREADS: usize = 8;

fn main() -> ExitCode {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("conformance");
    let cases = case::read_all(&folder.join("cases")).unwrap_or_else(|error| panic!("{error}"));
    let versions = Versions::read(&folder.join("newer.yaml")).unwrap_or_else(|e| panic!("{e}"));
    if std::env::args().any(|argument| argument == "--differences") {
        print!("{}", versions::listing(&versions, &cases));
        return ExitCode::SUCCESS;
    }
    let mut arguments = Arguments::from_args();
    arguments.test_threads.get_or_insert(THREADS);
    let corpus = Arc::new(Corpus {
        versions,
        known: KnownDifferences::read(&folder.join("known-differences.txt")),
    });
    let mut trials = vec![unknown_names(&corpus, &cases)];
    trials.extend(cases.into_iter().map(|case| trial(&corpus, case)));
    libtest_mimic::run(&arguments, trials).exit_code()
}

/// What all cases share.
struct Corpus {
    versions: Versions,
    known: KnownDifferences,
}

fn trial(corpus: &Arc<Corpus>, case: Case) -> Trial {
    let corpus = Arc::clone(corpus);
    Trial::test(case.name.clone(), move || {
        let verdict = servers::servers().run(compare::verdict(&corpus.versions, &case));
        corpus.known.judge(&case.name, verdict).map_err(Into::into)
    })
}

/// The list of known differences names cases that exist.
fn unknown_names(corpus: &Arc<Corpus>, cases: &[Case]) -> Trial {
    let names: Vec<String> = cases.iter().map(|case| case.name.clone()).collect();
    let corpus = Arc::clone(corpus);
    Trial::test("known-differences", move || {
        let unknown = corpus.known.names_missing_from(&names);
        if unknown.is_empty() {
            return Ok(());
        }
        Err(format!("no such cases: {}", unknown.join(", ")).into())
    })
}

/// All files below a folder with their names relative to it, sorted.
fn files(folder: &Path, ending: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            found.extend(files(&path, ending));
        } else if path.extension().is_some_and(|e| e == ending) {
            found.push(path);
        }
    }
    found.sort();
    found
}
