//! `--in-cluster`: an operator version that is in the cluster already, for `install` and `upgrade`.

use std::collections::BTreeSet;
use std::sync::Arc;

use kube::ResourceExt;
use kudo_api::dependencies::{self, Cycle};
use kudo_api::{Operator, OperatorVersion};
use kudo_package::OperatorDefinition;

use super::operator_version::{check_kubernetes, definition_of};
use crate::arguments::VersionChoice;
use crate::cluster::Session;
use crate::error::Error;
use crate::versions::{Versions, newest_first};

/// An operator version of the cluster.
pub(crate) struct Installed {
    operator: Option<Operator>,
    pub(crate) version: OperatorVersion,
    pub(crate) definition: OperatorDefinition,
    all: Vec<OperatorVersion>,
}

impl Installed {
    /// The newest operator version of an operator that fits what was asked for.
    pub(crate) async fn choose(
        session: &Session,
        operator: &str,
        choice: &VersionChoice,
    ) -> Result<Self, Error> {
        let all: Vec<OperatorVersion> = session.list().await?;
        let mut own: Vec<&OperatorVersion> = all.iter().collect();
        own.retain(|version| version.spec.operator.name.as_deref() == Some(operator));
        own.sort_by(|a, b| newest_first(versions_of(a), versions_of(b)));
        let fits = |version: &&&OperatorVersion| {
            let fits = |wanted: &Option<String>, found: &str| {
                wanted.as_deref().is_none_or(|wanted| wanted == found)
            };
            fits(&choice.operator_version, &version.spec.version)
                && fits(&choice.app_version, &version.spec.app_version)
        };
        let Some(version) = own.iter().find(fits).copied().cloned() else {
            return Err(Error::NoneFits {
                operator: operator.to_owned(),
                namespace: session.namespace.clone(),
                installed: own.iter().map(|version| version.name_any()).collect(),
            });
        };
        Ok(Self {
            operator: session.operator(operator).await?,
            definition: definition_of(&version)?,
            version,
            all,
        })
    }

    /// Refuses a cluster that is older than the operator says it needs, and one where an operator
    /// version that this one installs is missing or installs this one in turn.
    pub(crate) async fn check(&self, session: &Session) -> Result<(), Error> {
        let operator = self.operator.as_ref();
        let needed = operator.map(|operator| operator.spec.kubernetes_version.as_str());
        check_kubernetes(session, &self.definition.operator_name, needed).await?;
        self.check_children(session)
    }

    fn check_children(&self, session: &Session) -> Result<(), Error> {
        let find = |name: &str| {
            let found = self.all.iter().find(|version| version.name_any() == name)?;
            OperatorDefinition::try_from(found).ok().map(Arc::new)
        };
        if let Some(Cycle(circle)) = dependencies::cycle(&self.definition, find) {
            return Err(Error::DependencyCycle { circle });
        }
        let mut open = vec![self.definition.clone()];
        let mut seen = BTreeSet::new();
        while let Some(parent) = open.pop() {
            for child in dependencies::children(&parent) {
                if !seen.insert(child.clone()) {
                    continue;
                }
                match find(&child) {
                    Some(definition) => open.push((*definition).clone()),
                    None => {
                        return Err(Error::NoOperatorVersion {
                            version: session.named(&child),
                            nearest: None,
                        });
                    }
                }
            }
        }
        Ok(())
    }
}

fn versions_of(version: &OperatorVersion) -> Versions<'_> {
    let app = version.spec.app_version.as_str();
    Versions {
        operator: &version.spec.version,
        app: (!app.is_empty()).then_some(app),
    }
}
