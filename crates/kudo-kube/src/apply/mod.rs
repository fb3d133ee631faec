//! Applying one object: server-side apply by `kudo-manager`, with force, and nothing sent in vain.
//!
//! What the watch tells of the object decides:
//! - it is not there: apply, no read;
//! - this very step of this very execution applied it already (before a crash or a retry): it is done.
//!   Rendering again may give another text (random functions, `now`), and must not change it. Someone
//!   else's edit in between stays until the next execution;
//! - another execution or step applied it: apply, as its annotations change in any case; no read, unless the
//!   server is one that does not drop structures whole (Kubernetes 1.20);
//! - another task of the same step applied it: read it, and apply only if something would change;
//! - the original applied it: read it and take it over;
//! - it is there, and its template asks to make it once: it is done, whoever made it and whatever it holds;
//! - it is being deleted, or belongs to an instance of the same name that is gone: wait until it is gone.

mod compare;
mod fields;
mod takeover;
mod undeclared;
mod work;

use std::sync::Arc;

use serde_json::Value;

use crate::cluster::Cluster;
use crate::discovery::Kind;
use crate::identity::{ObjectKey, name_of, text};
use crate::observed::{AppliedBy, Record};
use work::Work;

/// What is to be applied, and by whom.
#[derive(Clone, Copy, Debug)]
pub struct Application<'a> {
    /// The enhanced object.
    pub desired: &'a Value,
    /// Its kind.
    pub kind: &'a Arc<Kind>,
    /// The step and execution, as the object's annotations say.
    pub by: &'a AppliedBy,
    /// Uid of the instance that will own it.
    pub instance_uid: &'a str,
    /// Whether another task of this step has applied the object in this process, so that an equal
    /// address does not mean an equal content.
    pub contested: bool,
}

/// What came of an apply.
#[derive(Clone, Debug, PartialEq)]
pub enum Applied {
    /// It was sent; this is the server's answer.
    Sent(Box<Value>),
    /// It was read and found to be as desired.
    Unchanged(Box<Value>),
    /// This step of this execution had applied it before, or it is made only once.
    Already,
}

/// Why an object could not be applied.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ApplyError {
    /// Trying again cannot help: the server finds the object invalid.
    #[error("cannot apply {object}: {message}")]
    Refused {
        /// Kind and name of the object.
        object: String,
        /// The server's words, and a hint where there is one.
        message: String,
    },
    /// Trying again may help.
    #[error("cannot apply {object}: {message}")]
    Failed {
        /// Kind and name of the object.
        object: String,
        /// The server's words.
        message: String,
    },
    /// It is still being deleted.
    #[error("cannot apply {object}: the one of that name is still being deleted")]
    Deleting {
        /// Kind and name of the object.
        object: String,
    },
    /// It belongs to another instance.
    #[error("cannot apply {object}: it belongs to instance {owner:?}")]
    Foreign {
        /// Kind and name of the object.
        object: String,
        /// Name of the instance that it belongs to.
        owner: String,
    },
}

impl ApplyError {
    /// Whether trying again cannot help.
    pub const fn is_fatal(&self) -> bool {
        matches!(self, Self::Refused { .. })
    }
}

/// The object's key, given the kind it was resolved to.
pub fn key_of(kind: &Kind, object: &Value) -> ObjectKey {
    let namespace = text(object, "/metadata/namespace");
    ObjectKey {
        kind: kind.gvk.clone(),
        namespace: (kind.is_namespaced() && !namespace.is_empty()).then(|| namespace.to_owned()),
        name: name_of(object).to_owned(),
    }
}

/// Whether an object is known to be as this step of this execution applied it.
pub fn is_applied(known: Option<&Record>, by: &AppliedBy) -> bool {
    known.is_some_and(|record| {
        !record.deleting && !record.legacy && record.applied_by.as_deref() == Some(by)
    })
}

/// Makes the object what it should be, with as few requests as that takes.
///
/// The kind must be watched (see [`crate::Observed::ensure`]) unless it cannot be.
pub async fn apply(
    cluster: &Cluster,
    application: &Application<'_>,
) -> Result<Applied, ApplyError> {
    let work = Work::new(cluster, application);
    // The rare ways make it large; whoever applies many at a time need not carry that along.
    Box::pin(work.run()).await
}
