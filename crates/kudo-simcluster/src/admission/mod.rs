//! Admission: what a server itself adds to objects, and webhooks that change or refuse them.

mod accounts;
mod answer;
mod caller;
mod plugins;
mod webhook;

use serde_json::Value;

pub(crate) use accounts::DEFAULT_ACCOUNT;
pub(crate) use caller::Callers;
pub(crate) use plugins::{keep_up, known_name};
pub(crate) use webhook::MUTATING;

use crate::http::Call;
use crate::http::status::Refusal;
use crate::verbs::Target;
use webhook::Review;

/// What is done with an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Operation {
    Create,
    Update,
    Delete,
    Connect,
}

impl Operation {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Create => "CREATE",
            Self::Update => "UPDATE",
            Self::Delete => "DELETE",
            Self::Connect => "CONNECT",
        }
    }

    /// The kind of the options that a request of this sort has.
    fn options(self) -> &'static str {
        match self {
            Self::Create => "CreateOptions",
            Self::Update => "UpdateOptions",
            Self::Delete => "DeleteOptions",
            Self::Connect => "",
        }
    }
}

/// A request, as far as webhooks are told of it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Asked<'a> {
    pub(crate) target: &'a Target,
    pub(crate) operation: Operation,
    /// The name of the object as the request has it.
    pub(crate) name: &'a str,
    pub(crate) old: Option<&'a Value>,
    /// The options of the request, without their kind.
    pub(crate) options: &'a Value,
}

impl Asked<'_> {
    fn is_dry_run(&self) -> bool {
        let dry_run = self.options["dryRun"].as_array();
        dry_run.is_some_and(|list| !list.is_empty())
    }
}

impl Call {
    /// Asks the webhooks that may change an object.
    pub(crate) async fn mutating(
        &self,
        asked: &Asked<'_>,
        object: Option<Value>,
    ) -> Result<Option<Value>, Refusal> {
        Review { call: self, asked }.mutating(object).await
    }

    /// Asks the webhooks that may refuse what is done.
    pub(crate) async fn validating(
        &self,
        asked: &Asked<'_>,
        object: Option<&Value>,
    ) -> Result<(), Refusal> {
        Review { call: self, asked }.validating(object).await
    }

    /// Asks all webhooks about an object that none can change.
    pub(crate) async fn reviewed(&self, asked: &Asked<'_>, object: &Value) -> Result<(), Refusal> {
        let object = self.mutating(asked, Some(object.clone())).await?;
        self.validating(asked, object.as_ref()).await
    }
}
