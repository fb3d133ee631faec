//! Versions as packages write them, compared as semantic versions.

use std::cmp::Ordering;

use semver::Version;

/// Reads a version leniently: a leading `v` is dropped, and what is missing of `1`, `1.2` is 0.
pub(crate) fn lenient(text: &str) -> Option<Version> {
    let text = text.trim().trim_start_matches('v');
    let end = text.find(['-', '+']).unwrap_or(text.len());
    let (core, rest) = text.split_at(end);
    let missing = 2_usize.checked_sub(core.matches('.').count())?;
    let core = format!("{core}{}{rest}", ".0".repeat(missing));
    // Leading zeros, as in 2021.04.1, are no semantic version; it is compared all the same.
    Version::parse(&core).ok().or_else(|| {
        let end = core.find(['-', '+']).unwrap_or(core.len());
        let numbers: Option<Vec<u64>> = core[..end].split('.').map(|n| n.parse().ok()).collect();
        match numbers?.as_slice() {
            [major, minor, patch] => Some(Version::new(*major, *minor, *patch)),
            _ => None,
        }
    })
}

/// The versions of one operator version.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Versions<'a> {
    /// Version of the package.
    pub(crate) operator: &'a str,
    /// Version of the application, if the package has one.
    pub(crate) app: Option<&'a str>,
}

impl std::fmt::Display for Versions<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.app {
            Some(app) => write!(f, "{} (app version {app})", self.operator),
            None => f.write_str(self.operator),
        }
    }
}

/// Orders as repositories do: by app version, then by operator version. A package without an app
/// version comes after those with one.
pub(crate) fn newest_first(a: Versions<'_>, b: Versions<'_>) -> Ordering {
    let parsed = |versions: Versions<'_>| {
        (
            versions.app.filter(|app| !app.is_empty()).map(lenient),
            lenient(versions.operator),
        )
    };
    parsed(b).cmp(&parsed(a))
}

/// Why a package is no upgrade of what an instance has.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum NotAnUpgrade {
    /// Nothing is newer.
    #[error("the instance has version {version} already")]
    Same { version: String },
    /// Something is older.
    #[error("{what} {to} is older than {from}, which the instance has")]
    Downgrade {
        what: &'static str,
        from: String,
        to: String,
    },
}

impl NotAnUpgrade {
    /// What to do instead.
    pub(crate) fn hint(&self) -> &'static str {
        match self {
            Self::Same { .. } => {
                "change parameters with `kubectl kudo update`, or raise operatorVersion in operator.yaml"
            }
            Self::Downgrade { .. } => {
                "an instance cannot go back to an older version; install that one as another instance"
            }
        }
    }
}

/// Checks that nothing gets older and something newer. Versions that cannot be read are not
/// compared, only told apart.
pub(crate) fn check_upgrade(from: Versions<'_>, to: Versions<'_>) -> Result<(), NotAnUpgrade> {
    let compare = |what, from: &str, to: &str| {
        let ordering = match (lenient(from), lenient(to)) {
            (Some(from), Some(to)) => to.cmp_precedence(&from),
            _ if from == to => Ordering::Equal,
            _ => Ordering::Greater,
        };
        if ordering == Ordering::Less {
            return Err(NotAnUpgrade::Downgrade {
                what,
                from: from.to_owned(),
                to: to.to_owned(),
            });
        }
        Ok(ordering == Ordering::Greater)
    };
    let operator = compare("operator version", from.operator, to.operator)?;
    let app = match (from.app, to.app) {
        (Some(from), Some(to)) => compare("app version", from, to)?,
        (from, to) => from != to,
    };
    if operator || app {
        Ok(())
    } else {
        Err(NotAnUpgrade::Same {
            version: from.to_string(),
        })
    }
}

/// Whether a server version (`v1.20.2`) is new enough for a minimum (`1.17.0`). Only major and
/// minor count; what cannot be read is no reason to refuse.
pub(crate) fn kubernetes_fits(needed: &str, found: &str) -> bool {
    match (lenient(needed), lenient(found)) {
        (Some(needed), Some(found)) => (found.major, found.minor) >= (needed.major, needed.minor),
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_packages_write() {
        let cases = [
            ("1.2.3", Some("1.2.3")),
            ("v1.2.3", Some("1.2.3")),
            ("1.2", Some("1.2.0")),
            ("1", Some("1.0.0")),
            ("1.2-rc.1", Some("1.2.0-rc.1")),
            ("1.20.2+build", Some("1.20.2+build")),
            ("2021.04.1", Some("2021.4.1")),
            ("", None),
            ("1.2.3.4", None),
            ("latest", None),
        ];
        for (text, expected) in cases {
            let found = lenient(text).map(|version| version.to_string());
            assert_eq!(found.as_deref(), expected, "{text:?}");
        }
    }

    #[test]
    fn upgrades_go_up() {
        let versions = |text: &'static str| match text.split_once('/') {
            Some((operator, app)) => Versions {
                operator,
                app: Some(app),
            },
            None => Versions {
                operator: text,
                app: None,
            },
        };
        let cases = [
            ("0.1.0", "0.2.0", "ok"),
            ("0.9.0", "0.10.0", "ok"),
            ("0.1.0", "0.1.0", "the instance has version 0.1.0 already"),
            (
                "0.2.0",
                "0.1.0",
                "operator version 0.1.0 is older than 0.2.0, which the instance has",
            ),
            ("0.1.0-rc1", "0.1.0", "ok"),
            ("0.1.0/1.0", "0.1.0/1.1", "ok"),
            (
                "0.1.0/1.0",
                "0.1.0/1.0.0",
                "the instance has version 0.1.0 (app version 1.0) already",
            ),
            (
                "0.1.0/1.1",
                "0.2.0/1.0",
                "app version 1.0 is older than 1.1, which the instance has",
            ),
            (
                "0.2.0/1.0",
                "0.1.0/1.1",
                "operator version 0.1.0 is older than 0.2.0, which the instance has",
            ),
            ("0.1.0", "0.1.0/1.0", "ok"),
            ("0.1.0/bionic", "0.1.0/focal", "ok"),
            (
                "0.1.0/bionic",
                "0.1.0/bionic",
                "the instance has version 0.1.0 (app version bionic) already",
            ),
        ];
        for (from, to, expected) in cases {
            let found = match check_upgrade(versions(from), versions(to)) {
                Ok(()) => "ok".to_owned(),
                Err(error) => error.to_string(),
            };
            assert_eq!(found, expected, "{from} to {to}");
        }
    }

    #[test]
    fn the_newest_app_version_wins_and_none_comes_last() {
        let mut versions = [
            Versions {
                operator: "0.3.0",
                app: None,
            },
            Versions {
                operator: "0.1.0",
                app: Some("3.12.1"),
            },
            Versions {
                operator: "0.2.0",
                app: Some("3.12.1"),
            },
            Versions {
                operator: "0.1.0",
                app: Some("3.13.2"),
            },
        ];
        versions.sort_by(|a, b| newest_first(*a, *b));
        let shown: Vec<String> = versions.iter().map(ToString::to_string).collect();
        assert_eq!(
            shown,
            [
                "0.1.0 (app version 3.13.2)",
                "0.2.0 (app version 3.12.1)",
                "0.1.0 (app version 3.12.1)",
                "0.3.0"
            ]
        );
    }

    #[test]
    fn kubernetes_minimum() {
        let cases = [
            ("1.17.0", "v1.20.2", true),
            ("1.20", "v1.20.2", true),
            ("1.20.9", "v1.20.2", true),
            ("1.21", "v1.20.2", false),
            ("2.0", "v1.20.2", false),
            ("1.21", "v1.21.3-gke.100", true),
            ("whatever", "v1.20.2", true),
        ];
        for (needed, found, expected) in cases {
            assert_eq!(kubernetes_fits(needed, found), expected, "{needed} {found}");
        }
    }
}
