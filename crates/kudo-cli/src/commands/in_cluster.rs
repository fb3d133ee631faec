//! `--in-cluster`: an operator version that is in the cluster already, for `install` and `upgrade`.

use kudo_api::{Operator, OperatorVersion};
use kudo_package::OperatorDefinition;
use kudo_repository::Request;

use super::operator_version::check_kubernetes;
use crate::arguments::VersionChoice;
use crate::cluster::Session;
use crate::definitions::{Definitions, InCluster, definition_of};
use crate::error::Error;

/// An operator version of the cluster.
pub(crate) struct Installed {
    operator: Option<Operator>,
    pub(crate) version: OperatorVersion,
    pub(crate) definition: OperatorDefinition,
    all: InCluster,
}

impl Installed {
    /// The newest operator version of an operator that fits what was asked for.
    pub(crate) async fn choose(
        session: &Session,
        operator: &str,
        choice: &VersionChoice,
    ) -> Result<Self, Error> {
        let all = InCluster::read(session).await?;
        let request = Request {
            package: operator,
            app_version: choice.app_version.as_deref(),
            operator_version: choice.operator_version.as_deref(),
        };
        let version = all.choose(&request)?.clone();
        Ok(Self {
            operator: session.operator(operator).await?,
            definition: definition_of(&version)?,
            version,
            all,
        })
    }

    /// Refuses a cluster that is older than the operator says it needs, and one where an operator
    /// version that this one installs is missing or installs this one in turn; gives those.
    pub(crate) async fn check(&self, session: &Session) -> Result<Definitions, Error> {
        let operator = self.operator.as_ref();
        let needed = operator.map(|operator| operator.spec.kubernetes_version.as_str());
        check_kubernetes(session, &self.definition.operator_name, needed).await?;
        self.all.below(&self.definition)
    }
}
