//! Watches: a place in a kind's log, read as the client takes it.
//!
//! A watch keeps nothing but its place, so a client that hangs costs nothing; one that falls behind
//! the log's bounds is told `410` and dropped.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::stream;
use http::Response;
use serde_json::{Value, json};
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::Instant;

use crate::cluster::Server;
use crate::depth::Roomy;
use crate::field_error::{FieldError, invalid_status};
use crate::http::answer::{self, Body};
use crate::http::status::Refusal;
use crate::http::{Call, JSON};
use crate::kinds::Shown;
use crate::store::{Change, Growing, News};
use crate::verbs::{Selection, Target};

/// Between two bookmarks.
const BOOKMARKS: Duration = Duration::from_mins(1);
/// How long before its end a watch is told for the last time how far it got.
const LAST_BOOKMARK: Duration = Duration::from_secs(2);
/// The longest a watch goes on if it does not say.
const LONGEST: Duration = Duration::from_hours(1);

/// What a version in the future is answered with.
pub(crate) fn too_large(version: u64, newest: u64) -> Refusal {
    let message = format!("Too large resource version: {version}, current: {newest}");
    let cause =
        json!({ "reason": "ResourceVersionTooLarge", "message": "Too large resource version" });
    Refusal::new(504, "Timeout", format!("Timeout: {message}"))
        .with_details(json!({ "causes": [cause], "retryAfterSeconds": 1 }))
}

/// Reads a version that a list or a watch begins with.
pub(crate) fn version(text: &str) -> Result<u64, Refusal> {
    text.parse().map_err(|_| {
        let value = Value::from(text);
        let detail = format!("strconv.ParseUint: parsing {text:?}: invalid syntax");
        let error = FieldError::invalid("resourceVersion", &value, detail);
        Refusal::new(500, "", error.to_string())
    })
}

/// Shows an object; the flag tells whether it is the first of its watch.
type Show = Box<dyn Fn(&Value, bool) -> Value + Send>;

#[expect(
    clippy::struct_excessive_bools,
    reason = "each is asked for or happens apart"
)]
struct Watch {
    server: Arc<Server>,
    shown: Shown,
    selection: Selection,
    show: Show,
    plain: bool,
    first: bool,
    version: u64,
    ready: VecDeque<Bytes>,
    log: Growing,
    bookmarks: bool,
    next_bookmark: Instant,
    end: Instant,
    ended: bool,
    _permit: OwnedSemaphorePermit,
}

/// Opens a watch on a selection.
pub(crate) fn open(
    call: &Call,
    target: &Target,
    selection: Selection,
    show: impl Fn(&Value, bool) -> Value + Send + 'static,
) -> Result<Response<Body>, Refusal> {
    let server = &call.server;
    let initial = initial_events(call)?;
    let version = match call.query.get("resourceVersion") {
        None | Some("0") => None,
        Some(text) => Some(self::version(text)?),
    };
    let limit = call.timeout()?.map_or(LONGEST, Duration::from_secs);
    let limit = limit.min(LONGEST);
    let permit = Arc::clone(&server.watches)
        .try_acquire_owned()
        .map_err(|_| {
            let message = "too many requests, please try again later";
            Refusal::new(429, "TooManyRequests", message)
                .with_details(json!({ "retryAfterSeconds": 1 }))
        })?;
    let log = server.store.subscribe(target.storage());
    let now = Instant::now();
    let mut watch = Watch {
        server: Arc::clone(server),
        shown: target.shown.clone(),
        selection,
        show: Box::new(show),
        plain: call.form() == crate::verbs::Form::Plain,
        first: true,
        version: 0,
        ready: VecDeque::new(),
        log,
        bookmarks: call.query.is("allowWatchBookmarks"),
        next_bookmark: (now + BOOKMARKS).min(now + limit.saturating_sub(LAST_BOOKMARK)),
        end: now + limit,
        ended: false,
        _permit: permit,
    };
    let newest = server.store.version();
    match (version, initial) {
        (Some(version), Some(false) | None) => {
            if version > newest {
                return Err(too_large(version, newest));
            }
            watch.version = version;
        }
        (None, Some(false)) => watch.version = newest,
        (_, initial) => watch.begin(target.namespace(), initial == Some(true)),
    }
    watch.collect();
    let events = Roomy::new(stream::unfold(watch, next), &server.may_be_deep);
    Ok(answer::stream(JSON, events))
}

/// `sendInitialEvents`, with what it needs beside it.
fn initial_events(call: &Call) -> Result<Option<bool>, Refusal> {
    const RULE: &str = "resourceVersionMatch";
    let asked = call.query.contains("sendInitialEvents");
    let rule = call.query.get(RULE);
    let mut errors = Vec::new();
    if asked && rule != Some("NotOlderThan") {
        let detail = "sendInitialEvents requires setting resourceVersionMatch to NotOlderThan";
        errors.push(FieldError::forbidden(RULE, detail));
    }
    if let Some(rule) = rule {
        if !asked {
            let detail =
                "resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided";
            errors.push(FieldError::forbidden(RULE, detail));
        }
        if rule != "NotOlderThan" {
            let value = Value::from(rule);
            errors.push(FieldError::not_supported(RULE, &value, &["NotOlderThan"]));
        }
        if call.query.get("continue").is_some() {
            let detail = "resourceVersionMatch is forbidden when continue is provided";
            errors.push(FieldError::forbidden(RULE, detail));
        }
    }
    if !call.query.is("allowWatchBookmarks") && call.query.is("sendInitialEvents") {
        let detail = "sendInitialEvents requires setting allowWatchBookmarks to true";
        errors.push(FieldError::forbidden("allowWatchBookmarks", detail));
    }
    if !errors.is_empty() {
        let status = invalid_status("meta.k8s.io", "ListOptions", "", &errors);
        return Err(Refusal::whole(status));
    }
    Ok(asked.then(|| call.query.is("sendInitialEvents")))
}

async fn next(mut watch: Watch) -> Option<(Bytes, Watch)> {
    loop {
        if let Some(first) = watch.ready.pop_front() {
            // What is ready together goes out together.
            let mut chunk = Vec::from(first);
            while let Some(more) = watch.ready.pop_front_if(|_| chunk.len() < 64 * 1024) {
                chunk.extend_from_slice(&more);
            }
            return Some((chunk.into(), watch));
        }
        if watch.ended {
            return None;
        }
        let wait = if watch.bookmarks {
            watch.next_bookmark.min(watch.end)
        } else {
            watch.end
        };
        tokio::select! {
            biased;
            () = tokio::time::sleep_until(wait) => {
                let now = Instant::now();
                if now >= watch.end {
                    return None;
                }
                // The last one comes a little before the end.
                let last = watch.end.checked_sub(LAST_BOOKMARK).unwrap_or(now);
                watch.next_bookmark = now + BOOKMARKS;
                if last > now {
                    watch.next_bookmark = watch.next_bookmark.min(last);
                }
                watch.collect();
                watch.bookmark(false);
            }
            () = watch.log.more() => watch.collect(),
        }
    }
}

impl Watch {
    /// Begins with the objects that are there.
    fn begin(&mut self, namespace: &str, marked: bool) {
        let snapshot = self
            .server
            .store
            .list(&self.shown.kind.storage, namespace, None);
        self.version = snapshot.version;
        for entry in snapshot.objects {
            if self.selection.fits(&entry) {
                self.push("ADDED", &entry, None);
            }
        }
        if marked {
            self.bookmark(true);
        }
    }

    /// Takes what the log has got since.
    fn collect(&mut self) {
        match self
            .server
            .store
            .since(&self.shown.kind.storage, self.version)
        {
            News::Lost(oldest) => {
                let message = format!("too old resource version: {} ({oldest})", self.version);
                let status = Refusal::expired(message).to_value();
                self.line(&json!({ "type": "ERROR", "object": status }));
                self.ended = true;
            }
            News::Changes(changes, latest) => {
                for change in changes {
                    self.tell(&change);
                }
                self.version = latest;
            }
        }
    }

    fn tell(&mut self, change: &Change) {
        let fits = !change.deleted && self.selection.fits(&change.after);
        let fitted = change
            .before
            .as_ref()
            .filter(|before| self.selection.fits(before));
        match (fitted, fits) {
            (None, true) => self.push("ADDED", &change.after, None),
            (Some(_), true) => self.push("MODIFIED", &change.after, None),
            (Some(_), false) if change.deleted => self.push("DELETED", &change.after, None),
            // It left the selection: shown as it was, with the version in which it left.
            (Some(before), false) => {
                let before = Arc::clone(before);
                self.push("DELETED", &before, Some(change.version));
            }
            (None, false) => {}
        }
    }

    fn push(&mut self, kind: &str, entry: &crate::store::Entry, version: Option<u64>) {
        if self.plain && version.is_none() {
            let mut line = format!("{{\"type\":\"{kind}\",\"object\":").into_bytes();
            entry.write(&self.shown, &mut line);
            line.extend_from_slice(b"}\n");
            self.ready.push_back(line.into());
            return;
        }
        let mut object = entry.object(&self.shown);
        if let Some(version) = version {
            object["metadata"]["resourceVersion"] = version.to_string().into();
        }
        let object = (self.show)(&object, self.first);
        self.first = false;
        self.line(&json!({ "type": kind, "object": object }));
    }

    fn bookmark(&mut self, initial: bool) {
        let mut metadata = json!({
            "resourceVersion": self.version.to_string(), "creationTimestamp": null,
        });
        if initial {
            metadata["annotations"] = json!({ "k8s.io/initial-events-end": "true" });
        }
        let object = json!({
            "kind": self.shown.kind.kind, "apiVersion": self.shown.api_version(),
            "metadata": metadata,
        });
        self.line(&json!({ "type": "BOOKMARK", "object": object }));
    }

    fn line(&mut self, event: &Value) {
        let mut line = event.to_string().into_bytes();
        line.push(b'\n');
        self.ready.push_back(line.into());
    }
}
