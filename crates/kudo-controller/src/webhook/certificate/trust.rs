//! What the API server is told of the webhook: whom to trust, where to call, and that it may.

use k8s_openapi::ByteString;
use k8s_openapi::jiff::Timestamp;
use kudo_api::names::WEBHOOK_INACTIVE_LABEL;
use serde_json::{Map, Value, json};

use super::pair::{covers, merged};
use crate::webhook::PATH;

/// Name of the webhook within its configuration.
pub const WEBHOOK: &str = "instance-admission.kudo.dev";

/// Makes a webhook configuration trust every certificate of a bundle, and call the webhook, at `url` if one
/// is given; whether that changes anything. What it trusted before it goes on to trust until that expires.
/// Webhooks of others in the same configuration are left alone.
pub fn establish(
    configuration: &mut Value,
    bundle: &str,
    url: Option<&str>,
    now: Timestamp,
) -> bool {
    let webhooks = configuration
        .get_mut("webhooks")
        .and_then(Value::as_array_mut);
    let ours = webhooks
        .into_iter()
        .flatten()
        .filter(|webhook| webhook.get("name").and_then(Value::as_str) == Some(WEBHOOK))
        .filter_map(Value::as_object_mut);
    let mut changed = false;
    for webhook in ours {
        changed |= trust(webhook, bundle, url, now);
        changed |= activate(webhook);
    }
    changed
}

fn trust(
    webhook: &mut Map<String, Value>,
    bundle: &str,
    url: Option<&str>,
    now: Timestamp,
) -> bool {
    let client = webhook.entry("clientConfig").or_insert_with(|| json!({}));
    let mut wanted = client.clone();
    if let Some(url) = url {
        wanted = json!({ "url": format!("{}{PATH}", url.trim_end_matches('/')) });
        if let Some(known) = client.get("caBundle") {
            wanted["caBundle"] = known.clone();
        }
    }
    let known = wanted.get("caBundle").cloned().unwrap_or_default();
    let known = serde_json::from_value::<ByteString>(known).unwrap_or_default();
    let known = String::from_utf8_lossy(&known.0);
    if !covers(&known, bundle) {
        wanted["caBundle"] = json!(ByteString(merged(bundle, &known, now).into_bytes()));
    }
    let changed = *client != wanted;
    *client = wanted;
    changed
}

/// Takes away the selector with which `init` keeps a webhook from being called before anybody answers.
fn activate(webhook: &mut Map<String, Value>) -> bool {
    let pointer = "/objectSelector/matchLabels";
    let mut root = Value::Object(std::mem::take(webhook));
    let labels = root.pointer_mut(pointer).and_then(Value::as_object_mut);
    let changed = labels.is_some_and(|labels| labels.remove(WEBHOOK_INACTIVE_LABEL).is_some());
    if let Value::Object(map) = root {
        *webhook = map;
    }
    changed
}
