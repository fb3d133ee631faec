//! Kubernetes events about instances (spec §10).
//!
//! An event's name is made of what it tells, so that telling it again after a crash or a lost answer is
//! a conflict that is ignored, and nobody sees it twice.

use k8s_openapi::api::core::v1::{Event, EventSource, ObjectReference};
use kube::api::{Api, PostParams};
use kube::{Client, ResourceExt};
use kudo_api::names::FIELD_MANAGER;
use kudo_api::{API_VERSION, Instance, ObjectMeta, Time};
use kudo_kube::error::{Cause, cause, message};

use crate::clock::now;
use crate::status::shorten;

/// What `kubectl describe` shows well.
const MAX_MESSAGE: usize = 1024;
/// Bytes of an instance's name in an event's name, which may have 253.
const MAX_NAME: usize = 200;

/// Whether an event is worth somebody's attention.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Severity {
    /// Things go as they should.
    Normal,
    /// Somebody should look.
    Warning,
}

/// What an event tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notification {
    /// How bad it is.
    pub severity: Severity,
    /// One `CamelCase` word.
    pub reason: String,
    /// A sentence for people.
    pub message: String,
    /// What tells it from others with the same reason and message: an execution's uid, or a generation.
    pub occasion: String,
}

impl Notification {
    /// A plan has started.
    pub fn plan_started(plan: &str, uid: &str) -> Self {
        Self {
            severity: Severity::Normal,
            reason: "PlanStarted".to_owned(),
            message: format!("Execution of plan {plan} started"),
            occasion: uid.to_owned(),
        }
    }

    /// A plan has ended, well or badly.
    pub fn plan_finished(plan: &str, uid: &str, status: &str) -> Self {
        Self {
            severity: Severity::Normal,
            reason: "PlanFinished".to_owned(),
            message: format!("Execution of plan {plan} finished with status {status}"),
            occasion: uid.to_owned(),
        }
    }

    /// Something is wrong.
    pub fn warning(reason: &str, message: &str, occasion: &str) -> Self {
        Self {
            severity: Severity::Warning,
            reason: reason.to_owned(),
            message: message.to_owned(),
            occasion: occasion.to_owned(),
        }
    }
}

/// The event object of a notification.
pub fn event(instance: &Instance, notification: &Notification, time: &Time) -> Event {
    let uid = instance.metadata.uid.clone().unwrap_or_default();
    let told = [
        uid.as_str(),
        &notification.reason,
        &notification.occasion,
        &notification.message,
    ];
    let name = instance.name_any();
    let severity = match notification.severity {
        Severity::Normal => "Normal",
        Severity::Warning => "Warning",
    };
    Event {
        metadata: ObjectMeta {
            name: Some(format!(
                "{}.{:016x}",
                cut(&name, MAX_NAME),
                fingerprint(&told)
            )),
            namespace: instance.metadata.namespace.clone(),
            ..ObjectMeta::default()
        },
        involved_object: ObjectReference {
            api_version: Some(API_VERSION.to_owned()),
            kind: Some("Instance".to_owned()),
            name: Some(name),
            namespace: instance.metadata.namespace.clone(),
            uid: Some(uid),
            ..ObjectReference::default()
        },
        type_: Some(severity.to_owned()),
        reason: Some(notification.reason.clone()),
        message: Some(shorten(&notification.message, MAX_MESSAGE)),
        count: Some(1),
        first_timestamp: Some(time.clone()),
        last_timestamp: Some(time.clone()),
        source: Some(EventSource {
            component: Some(FIELD_MANAGER.to_owned()),
            host: None,
        }),
        ..Event::default()
    }
}

/// Sends an event. It is told at most once more if the server fails; an event is never worth holding
/// up a plan.
pub async fn publish(client: &Client, instance: &Instance, notification: &Notification) {
    let namespace = instance.metadata.namespace.as_deref().unwrap_or_default();
    let api: Api<Event> = Api::namespaced(client.clone(), namespace);
    let event = event(instance, notification, &now());
    for attempt in 1..=2 {
        let Err(error) = api.create(&PostParams::default(), &event).await else {
            return;
        };
        match cause(&error) {
            Cause::AlreadyExists | Cause::NamespaceTerminating | Cause::NotFound => return,
            Cause::Unreachable
            | Cause::Server
            | Cause::Busy
            | Cause::Garbled
            | Cause::Conflict
            | Cause::Gone
                if attempt == 1 => {}
            _ => {
                tracing::warn!(
                    reason = notification.reason,
                    error = message(&error),
                    "cannot write an event"
                );
                return;
            }
        }
    }
}

/// A short digest that is the same for the same texts (FNV-1a, 64 bits).
fn fingerprint(texts: &[&str]) -> u64 {
    texts
        .iter()
        .flat_map(|text| text.bytes().chain([0]))
        .fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
        })
}

/// Names of instances are ASCII.
fn cut(text: &str, limit: usize) -> &str {
    let end = text.len().min(limit);
    text.get(..end).unwrap_or(text)
}
