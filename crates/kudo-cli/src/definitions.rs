//! What operator versions hold, be they packages or in the cluster already.

use std::collections::BTreeMap;
use std::sync::Arc;

use kube::ResourceExt;
use kudo_api::OperatorVersion;
use kudo_api::convert::definition_name;
use kudo_api::dependencies::{self, Cycle};
use kudo_api::names::operator_version_name;
use kudo_package::OperatorDefinition;
use kudo_repository::Request;

use crate::cluster::Session;
use crate::error::{Error, Named};
use crate::versions::{Versions, newest_first};

/// The engine's view of an operator version in the cluster.
pub(crate) fn definition_of(version: &OperatorVersion) -> Result<OperatorDefinition, Error> {
    OperatorDefinition::try_from(version).map_err(|error| Error::OperatorVersionInvalid {
        version: Named::new(version.namespace().unwrap_or_default(), version.name_any()),
        message: error.to_string(),
    })
}

/// What operator versions hold, by their names.
#[derive(Clone, Debug, Default)]
pub(crate) struct Definitions(BTreeMap<String, Arc<OperatorDefinition>>);

impl Definitions {
    /// What the operator version of that name holds.
    pub(crate) fn find(&self, name: &str) -> Option<Arc<OperatorDefinition>> {
        self.0.get(name).cloned()
    }

    /// Whether there is none.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// What a filled-in `KudoOperator` task installs.
    pub(crate) fn of_task(
        &self,
        operator: &str,
        app_version: Option<&str>,
        operator_version: Option<&str>,
    ) -> Option<Arc<OperatorDefinition>> {
        let name = operator_version_name(operator, app_version, operator_version?);
        self.find(&name)
    }

    /// Adds one, unless there is one of that name.
    pub(crate) fn add(&mut self, definition: Arc<OperatorDefinition>) {
        let name = definition_name(&definition);
        self.0.entry(name).or_insert(definition);
    }

    /// Adds those of which there is none of the same name.
    pub(crate) fn extend(&mut self, others: Self) {
        for definition in others.0.into_values() {
            self.add(definition);
        }
    }

    /// Refuses a definition that is installed in turn by what it installs.
    pub(crate) fn refuse_circle(&self, root: &OperatorDefinition) -> Result<(), Error> {
        match dependencies::cycle(root, |name| self.find(name)) {
            Some(Cycle(circle)) => Err(Error::DependencyCycle { circle }),
            None => Ok(()),
        }
    }
}

/// The operator versions of a namespace of the cluster.
#[derive(Debug)]
pub(crate) struct InCluster {
    namespace: String,
    versions: Vec<OperatorVersion>,
}

impl InCluster {
    /// Reads those of the session's namespace.
    pub(crate) async fn read(session: &Session) -> Result<Self, Error> {
        Ok(Self {
            namespace: session.namespace.clone(),
            versions: session.list().await?,
        })
    }

    /// The newest version of an operator that fits what was asked for.
    pub(crate) fn choose(&self, request: &Request<'_>) -> Result<&OperatorVersion, Error> {
        let mut own: Vec<&OperatorVersion> = self.versions.iter().collect();
        own.retain(|version| version.spec.operator.name.as_deref() == Some(request.package));
        own.sort_by(|a, b| newest_first(versions_of(a), versions_of(b)));
        let fits = |version: &&&OperatorVersion| {
            versions_of(version).fit(request.app_version, request.operator_version)
        };
        let found = own.iter().find(fits).copied();
        found.ok_or_else(|| Error::NoneFits {
            operator: request.package.to_owned(),
            namespace: self.namespace.clone(),
            installed: own.iter().map(|version| version.name_any()).collect(),
        })
    }

    /// What those hold that can be run.
    pub(crate) fn definitions(&self) -> Definitions {
        let runnable = self.versions.iter().filter_map(|version| {
            let definition = OperatorDefinition::try_from(version).ok()?;
            Some((version.name_any(), Arc::new(definition)))
        });
        Definitions(runnable.collect())
    }

    /// All that an operator version of the cluster installs, and what that installs in turn; refused
    /// if something is missing, or installs itself.
    pub(crate) fn below(&self, root: &OperatorDefinition) -> Result<Definitions, Error> {
        let known = self.definitions();
        known.refuse_circle(root)?;
        let mut below = Definitions::default();
        let mut open: Vec<String> = dependencies::children(root).into_iter().collect();
        while let Some(name) = open.pop() {
            if below.0.contains_key(&name) {
                continue;
            }
            let Some(found) = known.find(&name) else {
                return Err(Error::NoOperatorVersion {
                    version: Named::new(&self.namespace, name),
                    nearest: None,
                });
            };
            open.extend(dependencies::children(&found));
            below.0.insert(name, found);
        }
        Ok(below)
    }
}

fn versions_of(version: &OperatorVersion) -> Versions<'_> {
    let app = version.spec.app_version.as_str();
    Versions {
        operator: &version.spec.version,
        app: (!app.is_empty()).then_some(app),
    }
}
