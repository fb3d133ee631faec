//! Versions as packages write them, compared as semantic versions.

use std::cmp::Ordering;

use kudo_package::version;
pub(crate) use kudo_package::version::{Versions, newest_first};

/// Why a package is no upgrade of what an instance has.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum NotAnUpgrade {
    /// Nothing is newer.
    #[error("the instance has version {version} already -> not upgrading")]
    Same { version: String },
    /// Something is older.
    #[error("{what} {to} is older than {from}, which the instance has -> not upgrading")]
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
        let ordering = match (version::parse(from), version::parse(to)) {
            (Ok(from), Ok(to)) => to.cmp_precedence(&from),
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
    match (version::parse(needed), version::parse(found)) {
        (Ok(needed), Ok(found)) => (found.major, found.minor) >= (needed.major, needed.minor),
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
            (
                "0.1.0",
                "0.1.0",
                "the instance has version 0.1.0 already -> not upgrading",
            ),
            (
                "0.2.0",
                "0.1.0",
                "operator version 0.1.0 is older than 0.2.0, which the instance has -> not upgrading",
            ),
            ("0.1.0-rc1", "0.1.0", "ok"),
            ("0.1.0/1.0", "0.1.0/1.1", "ok"),
            (
                "0.1.0/1.0",
                "0.1.0/1.0.0",
                "the instance has version 0.1.0 (app version 1.0) already -> not upgrading",
            ),
            (
                "0.1.0/1.1",
                "0.2.0/1.0",
                "app version 1.0 is older than 1.1, which the instance has -> not upgrading",
            ),
            (
                "0.2.0/1.0",
                "0.1.0/1.1",
                "operator version 0.1.0 is older than 0.2.0, which the instance has -> not upgrading",
            ),
            ("0.1.0", "0.1.0/1.0", "ok"),
            ("0.1.0/bionic", "0.1.0/focal", "ok"),
            (
                "0.1.0/bionic",
                "0.1.0/bionic",
                "the instance has version 0.1.0 (app version bionic) already -> not upgrading",
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
