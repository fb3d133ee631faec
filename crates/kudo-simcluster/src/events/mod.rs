//! Events: what controllers, scheduler and kubelet tell of what they do.
//!
//! Whoever does something tells it and goes on. One writer beside the work brings together what repeats
//! (`correlator`) and writes it, with one attempt: an event that cannot be written is lost, and so is one
//! that comes while too many wait. Nothing reads events back.

mod correlator;

use k8s_openapi::api::core::v1::{Event, EventSource, ObjectReference};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{MicroTime, ObjectMeta, Time};
use k8s_openapi::jiff::Timestamp;
use kube::api::{Api, Patch, PatchParams, PostParams};
use kube::{Client, Error};
use serde_json::json;
use tokio::sync::mpsc;

use crate::controllers::Clock;
use correlator::Correlator;

/// Events that wait to be written; as with the real ones, more are dropped.
const QUEUE: usize = 1000;
/// Where events about things without a namespace are.
const DEFAULT_NAMESPACE: &str = "default";

/// Who tells something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Source {
    /// The program that it is a part of, as managed fields have it.
    pub(crate) program: &'static str,
    pub(crate) component: &'static str,
    /// The node it works for; empty if for none.
    pub(crate) host: String,
    /// What it was about to do, if it tells so in the newer way: such events are not counted.
    pub(crate) action: Option<&'static str>,
}

/// What is told of an object.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Told {
    pub(crate) source: Source,
    pub(crate) about: ObjectReference,
    pub(crate) warning: bool,
    pub(crate) reason: &'static str,
    pub(crate) message: String,
}

/// Takes what is told. Clones tell the same writer.
#[derive(Clone, Debug)]
pub(crate) struct Recorder {
    queue: mpsc::Sender<(Timestamp, Told)>,
    clock: Clock,
}

/// Writes what is told.
pub(crate) struct Writer {
    client: Client,
    queue: mpsc::Receiver<(Timestamp, Told)>,
    correlator: Correlator,
    names: Names,
}

/// A recorder and its writer.
pub(crate) fn recorder(client: Client, clock: Clock) -> (Recorder, Writer) {
    let (sender, receiver) = mpsc::channel(QUEUE);
    let recorder = Recorder {
        queue: sender,
        clock,
    };
    let writer = Writer {
        client,
        queue: receiver,
        correlator: Correlator::default(),
        names: Names::default(),
    };
    (recorder, writer)
}

impl Recorder {
    pub(crate) fn tell(&self, told: Told) {
        if let Err(error) = self.queue.try_send((self.clock.now(), told)) {
            tracing::debug!(%error, "an event is dropped");
        }
    }
}

impl Writer {
    /// Writes until the last recorder is gone.
    pub(crate) async fn run(mut self) {
        while let Some((at, told)) = self.queue.recv().await {
            let program = told.source.program;
            let counted = told.source.action.is_none();
            let event = event(told, at, &mut self.names);
            let event = if counted {
                self.correlator.correlate(event, at)
            } else {
                Some(event)
            };
            let Some(event) = event else { continue };
            if let Err(error) = write(&self.client, program, &event).await {
                tracing::debug!(name = event.metadata.name, %error, "an event is lost");
            }
        }
    }
}

/// Ends of names: the time, but never the same twice.
#[derive(Default)]
struct Names(i128);

impl Names {
    fn name(&mut self, of: &str, at: Timestamp) -> String {
        self.0 = at.as_nanosecond().max(self.0 + 1);
        format!("{of}.{:x}", self.0)
    }
}

fn event(told: Told, at: Timestamp, names: &mut Names) -> Event {
    let Told {
        source,
        about,
        warning,
        reason,
        message,
    } = told;
    let name = about.name.as_deref().unwrap_or_default();
    let namespace = about.namespace.as_deref();
    let mut event = Event {
        metadata: ObjectMeta {
            name: Some(names.name(name, at)),
            namespace: Some(namespace.unwrap_or(DEFAULT_NAMESPACE).to_owned()),
            ..ObjectMeta::default()
        },
        reason: Some(reason.to_owned()),
        message: Some(message),
        type_: Some(if warning { "Warning" } else { "Normal" }.to_owned()),
        reporting_component: Some(source.component.to_owned()),
        reporting_instance: Some(source.host.clone()),
        involved_object: about,
        ..Event::default()
    };
    if let Some(action) = source.action {
        event.action = Some(action.to_owned());
        event.event_time = Some(MicroTime(at));
        event.reporting_instance = Some(format!("{}-{}", source.component, source.host));
    } else {
        let at = seconds(at);
        event.first_timestamp = Some(at.clone());
        event.last_timestamp = Some(at);
        event.count = Some(1);
        event.source = Some(EventSource {
            component: Some(source.component.to_owned()),
            host: Some(source.host).filter(|host| !host.is_empty()),
        });
    }
    event
}

fn seconds(at: Timestamp) -> Time {
    Time(Timestamp::from_second(at.as_second()).unwrap_or(at))
}

/// Creates an event, or raises the count of one that is there.
async fn write(client: &Client, program: &str, event: &Event) -> kube::Result<()> {
    let namespace = event.metadata.namespace.as_deref().unwrap_or_default();
    let name = event.metadata.name.as_deref().unwrap_or_default();
    let events: Api<Event> = Api::namespaced(client.clone(), namespace);
    if event.count > Some(1) {
        let patch = json!({
            "count": event.count, "lastTimestamp": event.last_timestamp, "message": event.message,
        });
        let params = PatchParams {
            field_manager: Some(program.to_owned()),
            ..PatchParams::default()
        };
        match events.patch(name, &params, &Patch::Strategic(patch)).await {
            // Its hour is over.
            Err(Error::Api(status)) if status.is_not_found() => {}
            raised => return raised.map(drop),
        }
    }
    let params = PostParams {
        field_manager: Some(program.to_owned()),
        ..PostParams::default()
    };
    events.create(&params, event).await.map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(action: Option<&'static str>) -> Told {
        Told {
            source: Source {
                program: "kube-controller-manager",
                component: "who",
                host: "node".to_owned(),
                action,
            },
            about: ObjectReference {
                kind: Some("Pod".to_owned()),
                name: Some("web".to_owned()),
                ..ObjectReference::default()
            },
            warning: false,
            reason: "Why",
            message: "what".to_owned(),
        }
    }

    #[test]
    fn an_event_is_as_the_real_ones_are() {
        let at: Timestamp = "2026-01-01T00:00:00.5Z".parse().unwrap();
        let mut names = Names::default();
        let shown = |event: &Event| serde_json::to_value(event).unwrap();
        let counted = shown(&event(told(None), at, &mut names));
        let expected = json!({
            "apiVersion": "v1", "kind": "Event",
            "metadata": { "name": "web.188672520bc76500", "namespace": "default" },
            "involvedObject": { "kind": "Pod", "name": "web" },
            "type": "Normal", "reason": "Why", "message": "what",
            "firstTimestamp": "2026-01-01T00:00:00Z", "lastTimestamp": "2026-01-01T00:00:00Z",
            "count": 1,
            "source": { "component": "who", "host": "node" },
            "reportingComponent": "who", "reportingInstance": "node",
        });
        assert_eq!(counted, expected);
        let newer = shown(&event(told(Some("Doing")), at, &mut names));
        let expected = json!({
            "apiVersion": "v1", "kind": "Event",
            "metadata": { "name": "web.188672520bc76501", "namespace": "default" },
            "involvedObject": { "kind": "Pod", "name": "web" },
            "type": "Normal", "reason": "Why", "message": "what", "action": "Doing",
            "eventTime": "2026-01-01T00:00:00.500000Z",
            "reportingComponent": "who", "reportingInstance": "who-node",
        });
        assert_eq!(newer, expected);
    }
}
