//! The package argument: a directory, an archive, and later a URL or a name in a repository.

use std::path::Path;

use kudo_package::Package;

use crate::error::Error;

/// Loads the package that an argument means.
///
/// As with upstream, an argument without a path separator is a name in a repository, even where a
/// directory of that name exists; `.`, `..` and archives are paths all the same.
pub(crate) fn load(argument: &str) -> Result<Package, Error> {
    let not_yet = |what, local| {
        Err(Error::NotYet {
            argument: argument.to_owned(),
            what,
            local,
        })
    };
    if argument.contains("://") {
        return not_yet("a URL", false);
    }
    if !is_path(argument) {
        return not_yet("a name in a repository", Path::new(argument).exists());
    }
    load_path(argument)
}

fn load_path(argument: &str) -> Result<Package, Error> {
    let path = Path::new(argument);
    Package::load(path).map_err(|source| Error::Package {
        path: path.to_owned(),
        source,
    })
}

/// Loads a package for commands that need no cluster and take any directory, as upstream's do.
pub(crate) fn load_local(argument: &str) -> Result<Package, Error> {
    if Path::new(argument).exists() {
        return load_path(argument);
    }
    load(argument)
}

fn is_path(argument: &str) -> bool {
    argument.contains(['/', std::path::MAIN_SEPARATOR])
        || argument.starts_with('.')
        || Path::new(argument)
            .extension()
            .is_some_and(|extension| extension == "tgz")
}

/// The rule that renders with default values. What is to be installed is rendered with the values
/// it is installed with, which may be more than the defaults give.
const RENDERS_WITH_DEFAULTS: &str = "template-renders";

/// Loads a package and refuses one that breaks rules. Warnings are for `package verify`.
pub(crate) fn load_verified(argument: &str) -> Result<Package, Error> {
    let package = load(argument)?;
    let mut errors = kudo_template::verify::verify_package(&package);
    errors.retain(|found| found.is_error() && found.rule != RENDERS_WITH_DEFAULTS);
    if errors.is_empty() {
        Ok(package)
    } else {
        Err(Error::PackageInvalid {
            path: argument.into(),
            errors: errors.len(),
            diagnostics: errors,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rule_that_is_left_out_exists() {
        let mut rules = kudo_template::verify::RULES.iter();
        assert!(rules.any(|rule| rule.name == RENDERS_WITH_DEFAULTS));
    }

    #[test]
    fn paths_and_names() {
        let cases = [
            ("./galera", true),
            ("operators/galera", true),
            ("/tmp/galera", true),
            (".", true),
            ("..", true),
            ("galera-0.1.0.tgz", true),
            ("galera", false),
        ];
        for (argument, expected) in cases {
            assert_eq!(is_path(argument), expected, "{argument}");
        }
    }
}
