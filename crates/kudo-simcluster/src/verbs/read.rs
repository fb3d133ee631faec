//! GET of an object, of a collection, and watches of it.

use std::sync::Arc;

use http::Response;
use serde_json::{Value, json};

use super::Target;
use super::pages::Place;
use crate::field_error::{FieldError, invalid_status};
use crate::http::answer::{self, Body};
use crate::http::status::Refusal;
use crate::http::{Call, JSON};
use crate::selector::{Fields, Labels};
use crate::store::Entry;
use crate::{table, watch};

/// How objects are shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    Plain,
    Table,
    /// Metadata alone.
    Partial,
}

/// Which objects a list or watch is about.
#[derive(Clone, Debug)]
pub(crate) struct Selection {
    pub(crate) namespace: String,
    pub(crate) labels: Labels,
    pub(crate) fields: Fields,
    /// The only object, where a path names it.
    pub(crate) name: Option<String>,
}

impl Selection {
    pub(crate) fn fits(&self, entry: &Entry) -> bool {
        if !self.namespace.is_empty() && *entry.namespace != *self.namespace {
            return false;
        }
        if self.name.as_ref().is_some_and(|name| *entry.name != **name) {
            return false;
        }
        if !self.labels.fits(|name| entry.label(name)) {
            return false;
        }
        if self.fields.is_empty() {
            return true;
        }
        let object = if self.fields.needs_object() {
            entry.bare()
        } else {
            Value::Null
        };
        self.fields.fits(&entry.namespace, &entry.name, &object)
    }
}

impl Call {
    pub(super) fn get(&self, target: &Target) -> Result<Response<Body>, Refusal> {
        self.check_accept()?;
        if target.path.watch {
            return self.watch(target);
        }
        self.included()?;
        self.check_version()?;
        let store = &self.server.store;
        let found = store.get(target.storage(), target.namespace(), target.name());
        let entry = found.ok_or_else(|| target.not_found())?;
        if self.form() == Form::Plain {
            let mut text = Vec::new();
            entry.write(&target.shown, &mut text);
            return Ok(answer::bytes(200, JSON, text));
        }
        Ok(self.represent(target, 200, &entry.object(&target.shown)))
    }

    pub(super) fn list_or_watch(&self, target: &Target) -> Result<Response<Body>, Refusal> {
        self.check_accept()?;
        if target.path.watch || self.query.is("watch") {
            return self.watch(target);
        }
        let selection = self.selection(target)?;
        self.included()?;
        self.timeout()?;
        self.check_list_version()?;
        let (kept, metadata) = self.page(target, &selection)?;
        Ok(self.represent_list(target, &metadata, &kept))
    }

    /// The objects of a list as far as `limit` and `continue` ask for, and the list's metadata.
    pub(super) fn page(
        &self,
        target: &Target,
        selection: &Selection,
    ) -> Result<(Vec<Arc<Entry>>, Value), Refusal> {
        let limit = usize::try_from(self.whole("limit")?.unwrap_or(0)).unwrap_or(0);
        let place = self.query.get("continue").map(Place::read).transpose()?;
        let version = self.query.get("resourceVersion");
        if place.is_some() && version.is_some_and(|version| version != "0") {
            let problem = "specifying resource version is not allowed when using continue";
            return Err(Refusal::bad_request(problem));
        }
        let snapshot = self.snapshot(target, limit, place.as_ref())?;
        let mut kept: Vec<Arc<Entry>> = Vec::new();
        let mut left = 0_usize;
        for entry in snapshot.objects {
            if !selection.fits(&entry) {
                continue;
            }
            if limit > 0 && kept.len() == limit {
                left += 1;
            } else {
                kept.push(entry);
            }
        }
        let version = snapshot.version;
        let mut metadata = json!({ "resourceVersion": version.to_string() });
        if left > 0
            && let Some(last) = kept.last()
        {
            metadata["continue"] = Place::token(version, last).into();
            if selection.labels.is_empty() && selection.fields.is_empty() {
                metadata["remainingItemCount"] = left.into();
            }
        }
        Ok((kept, metadata))
    }

    /// Shows entries in the form that the request asks for.
    pub(super) fn represent_list(
        &self,
        target: &Target,
        metadata: &Value,
        entries: &[Arc<Entry>],
    ) -> Response<Body> {
        let shown = &target.shown;
        match self.form() {
            Form::Plain => {
                let mut text = Vec::with_capacity(256 + entries.len() * 512);
                let (kind, api_version) = (&shown.kind.list_kind, shown.api_version());
                let mut metadata = metadata.clone();
                if shown.kind.is_custom() && metadata["continue"].is_null() {
                    metadata["continue"] = "".into();
                }
                let head = format!(
                    "{{\"kind\":\"{kind}\",\"apiVersion\":\"{api_version}\",\"metadata\":{metadata},\"items\":["
                );
                text.extend_from_slice(head.as_bytes());
                for (index, entry) in entries.iter().enumerate() {
                    if index > 0 {
                        text.push(b',');
                    }
                    entry.write_item(shown, &mut text);
                }
                text.extend_from_slice(b"]}");
                answer::bytes(200, JSON, text)
            }
            Form::Table => {
                let objects: Vec<Value> = entries.iter().map(|e| e.object(shown)).collect();
                let table = table::table(
                    shown,
                    &objects,
                    metadata,
                    self.included().unwrap_or(table::Include::Metadata),
                    self.server.clock.now(),
                );
                answer::json(200, &table)
            }
            Form::Partial => {
                let items: Vec<Value> = entries.iter().map(|e| partial(&e.object(shown))).collect();
                let list = json!({
                    "kind": "PartialObjectMetadataList", "apiVersion": "meta.k8s.io/v1",
                    "metadata": metadata, "items": items,
                });
                answer::json(200, &list)
            }
        }
    }

    /// Shows one object in the form that the request asks for.
    pub(super) fn represent(&self, target: &Target, code: u16, object: &Value) -> Response<Body> {
        answer::json(code, &self.formed(target, object, true))
    }

    fn formed(&self, target: &Target, object: &Value, header: bool) -> Value {
        match self.form() {
            Form::Plain => object.clone(),
            Form::Table => {
                let version = &object["metadata"]["resourceVersion"];
                let metadata = json!({ "resourceVersion": version });
                let objects = std::slice::from_ref(object);
                let now = self.server.clock.now();
                let include = self.included().unwrap_or(table::Include::Metadata);
                let mut table = table::table(&target.shown, objects, &metadata, include, now);
                if !header {
                    table["columnDefinitions"] = Value::Null;
                }
                table
            }
            Form::Partial => partial(object),
        }
    }

    fn watch(&self, target: &Target) -> Result<Response<Body>, Refusal> {
        let selection = self.selection(target)?;
        self.whole("limit")?;
        let now = self.server.clock.now();
        let (form, include) = (self.form(), self.included()?);
        let shown = target.shown.clone();
        watch::open(
            self,
            target,
            selection,
            move |object: &Value, first: bool| match form {
                Form::Plain => object.clone(),
                Form::Partial => partial(object),
                Form::Table => {
                    let metadata =
                        json!({ "resourceVersion": object["metadata"]["resourceVersion"] });
                    let objects = std::slice::from_ref(object);
                    let mut table = table::table(&shown, objects, &metadata, include, now);
                    if !first {
                        table["columnDefinitions"] = Value::Null;
                    }
                    table
                }
            },
        )
    }

    pub(super) fn selection(&self, target: &Target) -> Result<Selection, Refusal> {
        let bad = Refusal::bad_request;
        let labels = Labels::parse(self.query.get("labelSelector").unwrap_or_default());
        let fields = self.query.get("fieldSelector").unwrap_or_default();
        let name = target.name();
        Ok(Selection {
            namespace: target.namespace().to_owned(),
            labels: labels.map_err(bad)?,
            fields: Fields::parse(fields, &target.shown).map_err(bad)?,
            name: (!name.is_empty()).then(|| name.to_owned()),
        })
    }

    /// The version of a list must be one that is there.
    fn check_list_version(&self) -> Result<(), Refusal> {
        let errors = self.list_options_errors();
        if !errors.is_empty() {
            let status = invalid_status("meta.k8s.io", "ListOptions", "", &errors);
            return Err(Refusal::whole(status));
        }
        // Where the cache can't answer, a version that is none is told otherwise.
        let is_read_from_storage = ["continue", "limit"]
            .iter()
            .any(|option| self.query.contains(option))
            || self.query.get("resourceVersionMatch") == Some("Exact");
        self.check_version().map_err(|refusal| {
            if is_read_from_storage && refusal.code == 500 {
                let problem = format!("invalid resource version: {}", refusal.message());
                Refusal::bad_request(problem)
            } else {
                refusal
            }
        })
    }

    fn list_options_errors(&self) -> Vec<FieldError> {
        const FIELD: &str = "resourceVersionMatch";
        let version = self.query.get("resourceVersion");
        let mut errors = Vec::new();
        let mut forbid = |field: &str, detail: &str| {
            errors.push(FieldError::forbidden(field, detail));
        };
        if self.query.contains("sendInitialEvents") {
            let detail = "sendInitialEvents is forbidden for list";
            forbid("sendInitialEvents", detail);
            return errors;
        }
        let Some(rule) = self.query.get(FIELD) else {
            return errors;
        };
        if version.is_none() {
            let detail = "resourceVersionMatch is forbidden unless resourceVersion is provided";
            forbid(FIELD, detail);
        }
        if self.query.get("continue").is_some() {
            let detail = "resourceVersionMatch is forbidden when continue is provided";
            forbid(FIELD, detail);
        }
        if rule == "Exact" && version == Some("0") {
            let detail = "resourceVersionMatch \"exact\" is forbidden for resourceVersion \"0\"";
            forbid(FIELD, detail);
        }
        if !["Exact", "NotOlderThan"].contains(&rule) {
            let known = ["Exact", "NotOlderThan", ""];
            errors.push(FieldError::not_supported(FIELD, &Value::from(rule), &known));
        }
        errors
    }

    /// What is read must not be newer than what is there.
    fn check_version(&self) -> Result<(), Refusal> {
        let Some(text) = self.query.get("resourceVersion") else {
            return Ok(());
        };
        let version = watch::version(text)?;
        let newest = self.server.store.version();
        if version > newest {
            return Err(watch::too_large(version, newest));
        }
        Ok(())
    }

    /// How long a list or watch may take.
    pub(crate) fn timeout(&self) -> Result<Option<u64>, Refusal> {
        let seconds = self.whole("timeoutSeconds")?.unwrap_or(0);
        Ok(u64::try_from(seconds).ok().filter(|seconds| *seconds > 0))
    }

    fn whole(&self, name: &str) -> Result<Option<i64>, Refusal> {
        self.query.whole(name).map_err(Refusal::bad_request)
    }

    /// The first form in `Accept` that is known.
    pub(crate) fn form(&self) -> Form {
        for part in self.accept().split(',') {
            let has = |text: &str| part.contains(text);
            if has("as=Table") && has("v=v1") && !has("v=v1beta1") {
                return Form::Table;
            }
            if has("as=PartialObjectMetadata") {
                return Form::Partial;
            }
            if part.trim().starts_with(JSON) && !has("as=") {
                return Form::Plain;
            }
        }
        Form::Plain
    }

    pub(super) fn check_accept(&self) -> Result<(), Refusal> {
        let parts = self.accept().split(',').map(str::trim);
        let known: Vec<&str> = parts
            .filter(|part| {
                let media = part.split(';').next().unwrap_or_default().trim();
                matches!(
                    media,
                    "" | "*/*" | "application/*" | JSON | "application/yaml"
                )
            })
            .collect();
        if known.is_empty() {
            let message = "406: Not Acceptable\n\nAvailable representations: application/json, \
                           application/yaml";
            return Err(Refusal::new(406, "NotAcceptable", message).with_details(json!({})));
        }
        let is_served = |part: &&str| {
            let has = |text: &str| part.contains(text);
            !has("as=")
                || ((has("as=Table") || has("as=PartialObjectMetadata"))
                    && (has("v=v1;") || part.ends_with("v=v1") || has("v=v1beta1")))
        };
        if known.iter().any(is_served) {
            return Ok(());
        }
        Err(Refusal::new(
            406,
            "NotAcceptable",
            "only the following media types are accepted: application/json, application/yaml, \
             application/vnd.kubernetes.protobuf",
        ))
    }

    fn included(&self) -> Result<table::Include, Refusal> {
        match self.query.get("includeObject") {
            Some("None") => Ok(table::Include::None),
            Some("Object") => Ok(table::Include::Object),
            None | Some("Metadata") => Ok(table::Include::Metadata),
            Some(_) if self.form() != Form::Table => Ok(table::Include::Metadata),
            Some(other) => Err(Refusal::bad_request(format!(
                "Unable to convert to Table as requested: includeObject: Invalid value: {other:?}: \
                 must be 'Metadata', 'Object', 'None', or empty"
            ))),
        }
    }
}

/// An object's metadata alone.
pub(crate) fn partial(object: &Value) -> Value {
    json!({
        "kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1",
        "metadata": object["metadata"],
    })
}
