//! How things are after a simulated command: plans, objects, and what each step changed.

use std::collections::BTreeSet;
use std::fmt::Write;

use futures::future::try_join_all;
use jiff::tz::TimeZone;
use kube::api::{DynamicObject, ListParams};
use kube::discovery::{Discovery, verbs};
use kube::{Api, ResourceExt};
use kudo_api::Instance;
use kudo_api::names::{PHASE_ANNOTATION, PLAN_ANNOTATION, PLAN_UID_ANNOTATION, STEP_ANNOTATION};
use kudo_kube::health::{Health, health, needs_content};
use kudo_package::yaml;
use kudo_simcluster::kubelet::STORAGE_CLASS;
use serde_json::Value;
use similar::TextDiff;

use super::embedded::Embedded;
use super::journal::Change;
use super::manifests::is_provisioned;
use crate::error::Error;
use crate::listing::table;
use crate::output::Output;
use crate::plan_tree::status_tree;
use crate::tree;

/// Kinds that are bookkeeping of the cluster.
const BOOKKEEPING: [&str; 9] = [
    "ControllerRevision",
    "CustomResourceDefinition",
    "EndpointSlice",
    "Endpoints",
    "Event",
    "Lease",
    "Node",
    "Operator",
    "OperatorVersion",
];
/// Characters of a state.
const WIDTH: usize = 72;
/// Fields that say nothing about what a step changed.
const NOISE: [&str; 5] = [
    "creationTimestamp",
    "generation",
    "managedFields",
    "resourceVersion",
    "uid",
];

/// Prints how things are, and where the objects of before are given, what each step changed.
pub(super) async fn print(
    embedded: &Embedded,
    before: Option<Vec<Value>>,
    output: &Output,
) -> Result<(), Error> {
    let living = embedded.instances().await?;
    let gone = embedded.journal.instances();
    let gone = gone
        .into_iter()
        .filter_map(|object| serde_json::from_value::<Instance>(object).ok())
        .filter(|gone| living.iter().all(|living| living.uid() != gone.uid()));
    for instance in gone {
        print_plans(embedded, &instance, true, output).await?;
    }
    for instance in &living {
        print_plans(embedded, instance, false, output).await?;
    }
    let objects = objects(embedded).await?;
    match listing(&objects) {
        Some(listing) => output.result(&format!("\nObjects:\n{listing}"))?,
        None => output.result("\nNo objects are left.")?,
    }
    if let Some(before) = before {
        let mut changes = embedded.journal.changes();
        changes.extend(swept(&changes, before, &objects));
        output.result(&differences(&changes))?;
    }
    Ok(())
}

async fn print_plans(
    embedded: &Embedded,
    instance: &Instance,
    gone: bool,
    output: &Output,
) -> Result<(), Error> {
    let version = embedded.session.operator_version_of(instance).await;
    let plans = version.map(|version| version.spec.plans);
    let plans = plans.unwrap_or_default();
    let Some(tree) = status_tree(instance, &plans, &TimeZone::system()) else {
        return Ok(());
    };
    let heading = format!(
        "\nPlan(s) for {:?} in namespace {:?}{}:\n",
        instance.name_any(),
        instance.namespace().unwrap_or_default(),
        if gone { ", which is gone" } else { "" },
    );
    output.result(&(heading + &tree::coloured(&tree.lines(), output.paint())))
}

/// All objects but those that every cluster has.
pub(super) async fn objects(embedded: &Embedded) -> Result<Vec<Value>, Error> {
    let session = &embedded.session;
    let failed = |error| session.error("list what exists", error);
    let discovery = Discovery::new(embedded.client()).run_aggregated().await;
    let discovery = discovery.map_err(failed)?;
    let kinds = discovery
        .groups()
        .flat_map(kube::discovery::ApiGroup::recommended_resources)
        .filter(|(kind, able)| {
            able.supports_operation(verbs::LIST) && !BOOKKEEPING.contains(&kind.kind.as_str())
        });
    let lists = kinds.map(|(kind, _)| async move {
        let api: Api<DynamicObject> = Api::all_with(embedded.client(), &kind);
        let listed = api.list(&ListParams::default()).await?;
        let objects = listed.items.into_iter().filter_map(|object| {
            let mut object = serde_json::to_value(object).ok()?;
            object["apiVersion"] = kind.api_version.clone().into();
            object["kind"] = kind.kind.clone().into();
            Some(object)
        });
        Ok(objects.collect::<Vec<Value>>())
    });
    let lists = try_join_all(lists).await.map_err(failed)?;
    let mut seen = BTreeSet::new();
    let mut objects: Vec<Value> = lists
        .into_iter()
        .flatten()
        .filter(|object| {
            !is_everywhere(object) && seen.insert(text(object, "/metadata/uid").to_owned())
        })
        .collect();
    objects.sort_by_cached_key(|object| {
        let part = |pointer| text(object, pointer).to_owned();
        (
            part("/metadata/namespace"),
            part("/kind"),
            part("/metadata/name"),
        )
    });
    Ok(objects)
}

/// Whether every cluster has it from the start, or makes it by itself.
fn is_everywhere(object: &Value) -> bool {
    let (kind, name) = (text(object, "/kind"), text(object, "/metadata/name"));
    match kind {
        "Namespace" => name == "default" || name.starts_with("kube-"),
        "ServiceAccount" => name == "default",
        "ConfigMap" => name == "kube-root-ca.crt",
        "Service" => name == "kubernetes" && text(object, "/metadata/namespace") == "default",
        "StorageClass" => name == STORAGE_CLASS,
        // What a driver has made goes with its claim, which is shown.
        "PersistentVolume" => is_provisioned(object),
        "PriorityClass" | "ClusterRole" | "ClusterRoleBinding" | "FlowSchema" => {
            name.starts_with("system")
                || name == "cluster-admin"
                || matches!(name, "admin" | "edit" | "view")
        }
        _ => text(object, "/metadata/namespace").starts_with("kube-"),
    }
}

fn listing(objects: &[Value]) -> Option<String> {
    let namespaces: BTreeSet<&str> = objects
        .iter()
        .map(|object| text(object, "/metadata/namespace"))
        .filter(|namespace| !namespace.is_empty())
        .collect();
    let several = namespaces.len() > 1;
    let rows = objects.iter().map(|object| {
        let cells = ["/metadata/namespace", "/kind", "/metadata/name"];
        let cells = cells.iter().skip(usize::from(!several));
        let mut row: Vec<String> = cells.map(|cell| text(object, cell).to_owned()).collect();
        row.push(state(object));
        row
    });
    let headings: &[&str] = &["NAMESPACE", "KIND", "NAME", "STATE"];
    table(&headings[usize::from(!several)..], rows)
}

/// How an object is, in the words of the plan that waits for it; empty where there is nothing to wait for.
fn state(object: &Value) -> String {
    let group = text(object, "/apiVersion")
        .split_once('/')
        .map_or("", |(group, _)| group);
    match health(object) {
        Health::Healthy if !needs_content(group, text(object, "/kind")) => String::new(),
        Health::Healthy if text(object, "/status/phase") == "Succeeded" => "succeeded".to_owned(),
        Health::Healthy => match replicas(object) {
            Some((ready, wanted)) => format!("{ready}/{wanted} ready"),
            None => "ready".to_owned(),
        },
        Health::Progressing(message) | Health::Failed(message) => {
            let why = message.split_once(": ").map_or(&*message, |(_, why)| why);
            clipped(why)
        }
    }
}

/// The beginning of a text, so that a table stays one.
fn clipped(text: &str) -> String {
    match text.char_indices().nth(WIDTH) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

fn replicas(object: &Value) -> Option<(i64, i64)> {
    let wanted = object.pointer("/spec/replicas")?.as_i64()?;
    let ready = object
        .pointer("/status/readyReplicas")
        .and_then(Value::as_i64);
    Some((ready.unwrap_or(0), wanted))
}

/// What has gone and no step has deleted: it belonged to what was deleted. What controllers made of other
/// objects goes with them.
fn swept(changes: &[Change], before: Vec<Value>, after: &[Value]) -> Vec<Change> {
    let uid = |object: &Value| text(object, "/metadata/uid").to_owned();
    let deleted = changes.iter().filter(|change| change.after.is_none());
    let deleted = deleted.filter_map(|change| change.before.as_ref());
    let known: BTreeSet<String> = after.iter().chain(deleted).map(uid).collect();
    let is_made = |object: &Value| {
        let owners = object.pointer("/metadata/ownerReferences");
        let mut owners = owners.and_then(Value::as_array).into_iter().flatten();
        owners.any(|owner| owner["controller"] == true && owner["kind"] != "Instance")
    };
    before
        .into_iter()
        .filter(|object| !known.contains(&uid(object)) && !is_made(object))
        .map(|object| Change {
            step: String::new(),
            before: Some(object),
            after: None,
        })
        .collect()
}

/// What each step changed, as unified differences of YAML.
fn differences(changes: &[Change]) -> String {
    let mut out = String::from("\nChanges:\n");
    let mut last = None;
    for change in changes {
        let (before, after) = (shown(change.before.as_ref()), shown(change.after.as_ref()));
        if before == after {
            continue;
        }
        if last != Some(&change.step) {
            last = Some(&change.step);
            out.push_str(match change.step.as_str() {
                "" => "outside of any step",
                step => step,
            });
            out.push_str(":\n");
        }
        let verb = match (&change.before, &change.after) {
            (None, _) => "create",
            (_, None) => "delete",
            _ => "change",
        };
        let object = change.after.as_ref().or(change.before.as_ref());
        let object = object.unwrap_or(&Value::Null);
        let _ = writeln!(out, "  {verb} {}", title(object));
        if change.after.is_some() {
            let diff = TextDiff::from_lines(&before, &after);
            for line in diff.unified_diff().context_radius(2).to_string().lines() {
                out.push_str("    ");
                out.push_str(line);
                out.push('\n');
            }
        }
    }
    if last.is_none() {
        out.push_str("none\n");
    }
    out
}

fn title(object: &Value) -> String {
    let name = text(object, "/metadata/name");
    match text(object, "/metadata/namespace") {
        "" => format!("{} {name}", text(object, "/kind")),
        namespace => format!("{} {namespace}/{name}", text(object, "/kind")),
    }
}

/// An object without what says nothing, and without secrets.
fn shown(object: Option<&Value>) -> String {
    let Some(mut object) = object.cloned() else {
        return String::new();
    };
    if let Some(object) = object.as_object_mut() {
        object.remove("status");
    }
    if let Some(metadata) = object["metadata"].as_object_mut() {
        for field in NOISE {
            metadata.remove(field);
        }
        if let Some(annotations) = metadata
            .get_mut("annotations")
            .and_then(Value::as_object_mut)
        {
            for name in [
                PLAN_ANNOTATION,
                PHASE_ANNOTATION,
                STEP_ANNOTATION,
                PLAN_UID_ANNOTATION,
            ] {
                annotations.remove(name);
            }
        }
        metadata.retain(|_, value| value.as_object().is_none_or(|map| !map.is_empty()));
        metadata.remove("ownerReferences");
    }
    if text(&object, "/kind") == "Secret" {
        mask(&mut object);
    }
    yaml::to_string(&object)
}

/// Puts a short digest in the place of each value, which tells a change but not the value.
fn mask(secret: &mut Value) {
    use std::hash::{DefaultHasher, Hash, Hasher};
    for field in ["data", "stringData"] {
        let Some(map) = secret.get_mut(field).and_then(Value::as_object_mut) else {
            continue;
        };
        for value in map.values_mut() {
            let mut hasher = DefaultHasher::new();
            value.as_str().hash(&mut hasher);
            *value = format!("(secret, {:04x})", hasher.finish() & 0xffff).into();
        }
    }
}

fn text<'a>(object: &'a Value, pointer: &str) -> &'a str {
    let value = object.pointer(pointer).and_then(Value::as_str);
    value.unwrap_or_default()
}
