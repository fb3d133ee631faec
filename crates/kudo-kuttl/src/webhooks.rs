//! The webhooks that a suite's manifests install: where nothing answers at their address, whatever they are
//! asked about fails, and the server's words do not tell where they come from.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::load::Document;

/// What a server says of a webhook that it cannot ask, up to the webhook's name.
const FAILED: &str = "failed calling webhook \"";

/// Webhooks by name, each with where it comes from.
#[derive(Clone, Debug, Default)]
pub(crate) struct Webhooks(BTreeMap<String, String>);

impl Webhooks {
    /// Notes the webhooks of a manifest, if it configures some.
    pub(crate) fn note(&mut self, document: &Document) {
        let value = &document.value;
        let kind = text(value, "/kind");
        if kind != "MutatingWebhookConfiguration" && kind != "ValidatingWebhookConfiguration" {
            return;
        }
        let webhooks = value["webhooks"].as_array();
        for webhook in webhooks.into_iter().flatten() {
            let origin = format!(
                "{}:{} ({kind} {:?}), and is asked at {}",
                document.file.display(),
                document.mark.line,
                text(value, "/metadata/name"),
                address(webhook)
            );
            self.0.insert(text(webhook, "/name").to_owned(), origin);
        }
    }

    /// What to add to what a server said: where the webhook comes from that it cannot ask.
    pub(crate) fn explain(&self, said: &str) -> Option<String> {
        let (_, rest) = said.split_once(FAILED)?;
        let (name, _) = rest.split_once('"')?;
        let origin = self.0.get(name)?;
        Some(format!(
            "webhook {name:?} comes from {origin}; leave it out where nothing answers there"
        ))
    }
}

fn address(webhook: &Value) -> String {
    match text(webhook, "/clientConfig/url") {
        "" => format!(
            "Service \"{}/{}\"",
            text(webhook, "/clientConfig/service/namespace"),
            text(webhook, "/clientConfig/service/name")
        ),
        url => url.to_owned(),
    }
}

fn text<'a>(value: &'a Value, pointer: &str) -> &'a str {
    let text = value.pointer(pointer).and_then(Value::as_str);
    text.unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use kudo_package::yaml::Mark;
    use serde_json::json;

    use super::*;

    #[test]
    fn a_webhook_that_cannot_be_asked_is_explained() {
        let mut webhooks = Webhooks::default();
        let service = json!({ "service": { "namespace": "far", "name": "away" } });
        let url = json!({ "url": "https://127.0.0.1/admit" });
        for (kind, name, client) in [
            ("MutatingWebhookConfiguration", "a.example.com", url),
            ("ValidatingWebhookConfiguration", "b.example.com", service),
            ("ConfigMap", "c.example.com", json!({})),
        ] {
            webhooks.note(&Document {
                value: json!({
                    "kind": kind, "metadata": { "name": "conf" },
                    "webhooks": [{ "name": name, "clientConfig": client }],
                }),
                file: "hooks.yaml".into(),
                mark: Mark { line: 3, column: 1 },
            });
        }
        let cases = [
            (
                "Internal error occurred: failed calling webhook \"a.example.com\": Post …: refused",
                "webhook \"a.example.com\" comes from hooks.yaml:3 (MutatingWebhookConfiguration \"conf\"), and is \
                 asked at https://127.0.0.1/admit; leave it out where nothing answers there",
            ),
            (
                "failed calling webhook \"b.example.com\": service \"away\" not found",
                "webhook \"b.example.com\" comes from hooks.yaml:3 (ValidatingWebhookConfiguration \"conf\"), and \
                 is asked at Service \"far/away\"; leave it out where nothing answers there",
            ),
            ("failed calling webhook \"c.example.com\": refused", ""),
            ("admission webhook \"a.example.com\" denied the request", ""),
        ];
        for (said, expected) in cases {
            let explained = webhooks.explain(said).unwrap_or_default();
            assert_eq!(explained, expected, "{said}");
        }
    }
}
