//! Admission: what a server itself adds to objects, and webhooks that change or refuse them.

mod plugins;
mod webhook;

use serde_json::Value;

pub(crate) use webhook::Callers;

use crate::http::Call;
use crate::http::status::Refusal;
use crate::verbs::Target;
use webhook::{Phase, Review};

/// What is done with an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Operation {
    Create,
    Update,
    Delete,
}

impl Operation {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Create => "CREATE",
            Self::Update => "UPDATE",
            Self::Delete => "DELETE",
        }
    }
}

impl Call {
    /// Asks the webhooks that may change an object.
    pub(crate) async fn mutating(
        &self,
        target: &Target,
        operation: Operation,
        old: Option<&Value>,
        object: Value,
        dry_run: bool,
    ) -> Result<Value, Refusal> {
        let review = Review {
            call: self,
            target,
            operation,
            old,
            dry_run,
        };
        let changed = review.ask(Phase::Mutating, Some(object)).await?;
        Ok(changed.unwrap_or_default())
    }

    /// Asks the webhooks that may refuse what is done.
    pub(crate) async fn validating(
        &self,
        target: &Target,
        operation: Operation,
        old: Option<&Value>,
        object: Option<&Value>,
        dry_run: bool,
    ) -> Result<(), Refusal> {
        let review = Review {
            call: self,
            target,
            operation,
            old,
            dry_run,
        };
        review
            .ask(Phase::Validating, object.cloned())
            .await
            .map(drop)
    }
}
