//! Takes a question, finds the operator versions that it is about, and answers.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, HttpBody, to_bytes};
use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use tokio::sync::Semaphore;

use super::PATH;
use super::judgement::{Change, read_instance};
use super::review::{AdmissionRequest, Answer, Envelope};
use crate::decide::Lookup;
use crate::store::Found;
use crate::versions::VersionKey;

/// Two objects of the greatest size that the API server stores, and what is around them.
const MAX_BODY: usize = 8 << 20;
/// Questions that are answered at the same time; others wait.
const AT_ONCE: usize = 32;
/// How long a body may take to arrive, and a place to become free.
const PATIENCE: Duration = Duration::from_secs(10);

/// What is known of an operator version.
#[derive(Clone, Debug)]
pub enum Known {
    /// It was looked up.
    Found(Found),
    /// It would be in a namespace that this manager does not look after.
    NotWatched,
}

impl Known {
    fn lookup(&self) -> Lookup<'_> {
        match self {
            Self::Found(found) => found.lookup(),
            Self::NotWatched => Lookup::NotWatched,
        }
    }
}

/// Where operator versions are looked up.
pub trait Definitions: Send + Sync + 'static {
    /// Whether this manager looks after the instances of a namespace.
    fn watches(&self, namespace: &str) -> bool;

    /// Looks an operator version up; an error is a sentence for people.
    fn find(&self, key: &VersionKey) -> impl Future<Output = Result<Known, String>> + Send;
}

/// The web application: one path, which answers questions.
pub fn router(definitions: impl Definitions) -> Router {
    let desk = Desk {
        definitions,
        places: Semaphore::new(AT_ONCE),
    };
    Router::new()
        .route(PATH, post(receive))
        .with_state(Arc::new(desk))
}

struct Desk<D> {
    definitions: D,
    places: Semaphore,
}

async fn receive<D: Definitions>(State(desk): State<Arc<Desk<D>>>, body: Body) -> Response {
    let too_large = || {
        let text = format!("the body is cut off, or larger than {MAX_BODY} bytes\n");
        (StatusCode::PAYLOAD_TOO_LARGE, text).into_response()
    };
    // Its head tells the size: nothing of it need be read.
    if body.size_hint().lower() > MAX_BODY as u64 {
        return too_large();
    }
    let read = async {
        let place = desk.places.acquire().await.ok();
        (place, to_bytes(body, MAX_BODY).await)
    };
    let Ok((_place, body)) = tokio::time::timeout(PATIENCE, read).await else {
        return (StatusCode::REQUEST_TIMEOUT, "the question took too long\n").into_response();
    };
    let Ok(body) = body else {
        return too_large();
    };
    let envelope = match Envelope::read(&body) {
        Ok(envelope) => envelope,
        Err(error) => return (StatusCode::BAD_REQUEST, format!("{error}\n")).into_response(),
    };
    let answer = answer(&desk.definitions, &envelope.request).await;
    if let Answer::Deny { code, message } = &answer {
        tracing::info!(code, message, "refused a change of an instance");
    }
    let body = envelope.answer(&answer).to_string();
    ([(CONTENT_TYPE, "application/json")], body).into_response()
}

/// Answers a question.
pub async fn answer(definitions: &impl Definitions, request: &AdmissionRequest) -> Answer {
    let kind = &request.kind;
    if kind.group != kudo_api::GROUP || kind.kind != "Instance" {
        let message = format!(
            "expected an Instance of {}, found {:?} of {:?}",
            kudo_api::GROUP,
            kind.kind,
            kind.group
        );
        return Answer::Deny { code: 400, message };
    }
    let nothing = || Answer::Allow(Vec::new());
    if request
        .sub_resource
        .as_deref()
        .is_some_and(|part| !part.is_empty())
    {
        return nothing();
    }
    let namespace = request.namespace.as_deref();
    if !definitions.watches(namespace.unwrap_or_default()) {
        return nothing();
    }
    let change = match request.operation.as_str() {
        "CREATE" => {
            read_instance(&request.object, namespace).map(|new| Some(Change::creation(new)))
        }
        "UPDATE" => read_instance(&request.old_object, namespace).and_then(|old| {
            Ok(Change::update(
                &old,
                read_instance(&request.object, namespace)?,
            ))
        }),
        _ => Ok(None),
    };
    match change {
        Err(message) => Answer::Deny { code: 400, message },
        Ok(None) => nothing(),
        Ok(Some(change)) => judge(definitions, &change).await.unwrap_or_else(|message| {
            // The API server could not be asked: whoever made the change may try again.
            Answer::Deny { code: 500, message }
        }),
    }
}

async fn judge(definitions: &impl Definitions, change: &Change) -> Result<Answer, String> {
    let wanted = definitions.find(&change.wanted()).await?;
    let replaced = match change.replaced() {
        Some(key) => Some(definitions.find(&key).await?),
        None => None,
    };
    let uid = uuid::Uuid::new_v4().to_string();
    Ok(change.judge(wanted.lookup(), replaced.as_ref().map(Known::lookup), &uid))
}
