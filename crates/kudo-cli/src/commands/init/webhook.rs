//! The admission webhook's part of an installation. Pure.
//!
//! By itself the manager makes the certificate and lets the API server trust it. Until it has done so the
//! webhook must not be called, as every change of an instance would fail: a selector that selects nothing
//! keeps it waiting, and the manager takes that away. From then on it fails closed, as upstream's does.

use clap::ValueEnum;
use kudo_api::names::WEBHOOK_INACTIVE_LABEL;
use serde_json::{Value, json};

use super::manifests::{Choices, SERVICE};

/// Name of the webhook's configuration, upstream's.
pub(crate) const CONFIGURATION: &str = "kudo-manager-instance-admission-webhook-config";
/// Name of the Secret with the certificate, upstream's.
pub(crate) const SECRET: &str = "kudo-webhook-server-secret";
/// Names of cert-manager's objects, upstream's.
pub(crate) const ISSUER: &str = "selfsigned-issuer";
pub(crate) const CERTIFICATE: &str = "kudo-webhook-server-certificate";
/// cert-manager's API.
pub(crate) const CERT_MANAGER: &str = "cert-manager.io/v1";

/// Who makes the webhook's certificate, the manager itself or cert-manager; or that there is no webhook, and
/// the manager refuses afterwards what a webhook would refuse before. (Without a text for each, help
/// stays one line a flag.)
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Webhook {
    SelfManaged,
    CertManager,
    None,
}

/// The objects, in the order in which they are applied.
pub(crate) fn objects(choices: &Choices) -> Vec<Value> {
    match choices.webhook {
        Webhook::None => Vec::new(),
        Webhook::SelfManaged => {
            let mut configuration = configuration(choices);
            configuration["webhooks"][0]["objectSelector"] =
                json!({ "matchLabels": { (WEBHOOK_INACTIVE_LABEL): "true" } });
            vec![configuration]
        }
        Webhook::CertManager => {
            let mut configuration = configuration(choices);
            let source = format!("{}/{CERTIFICATE}", choices.namespace);
            configuration["metadata"]["annotations"] =
                json!({ "cert-manager.io/inject-ca-from": source });
            vec![configuration, issuer(choices), certificate(choices)]
        }
    }
}

/// What of a configuration is to be applied over the one that is there: a webhook that the manager has
/// switched on stays on, and one that it has pointed elsewhere stays there.
pub(crate) fn over(mut wanted: Value, present: &Value) -> Value {
    let webhook = |configuration: &Value| configuration.pointer("/webhooks/0").cloned();
    let (Some(present), Some(ours)) = (webhook(present), wanted.pointer_mut("/webhooks/0")) else {
        return wanted;
    };
    let waits = format!(
        "/objectSelector/matchLabels/{}",
        WEBHOOK_INACTIVE_LABEL.replace('/', "~1")
    );
    let Some(ours) = ours.as_object_mut() else {
        return wanted;
    };
    if present.pointer(&waits).is_none() {
        ours.remove("objectSelector");
    }
    if present.pointer("/clientConfig/url").is_some() {
        ours.remove("clientConfig");
    }
    wanted
}

/// Whether the webhook of a configuration waits for its manager.
pub(crate) fn waits(configuration: &Value) -> bool {
    let pointer = format!(
        "/webhooks/0/objectSelector/matchLabels/{}",
        WEBHOOK_INACTIVE_LABEL.replace('/', "~1")
    );
    configuration.pointer(&pointer).is_some()
}

/// Whether a configuration leads to a manager in this namespace, as far as it says: it may lead to a URL.
pub(crate) fn is_of(configuration: &Value, namespace: &str) -> bool {
    let service = configuration.pointer("/webhooks/0/clientConfig/service/namespace");
    service.is_none_or(|service| service == namespace)
}

/// The configuration of a webhook that is asked.
pub(crate) fn configuration(choices: &Choices) -> Value {
    json!({
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "MutatingWebhookConfiguration",
        "metadata": { "name": CONFIGURATION, "labels": { "app": "kudo-manager" } },
        "webhooks": [{
            "name": "instance-admission.kudo.dev",
            "admissionReviewVersions": ["v1", "v1beta1"],
            "clientConfig": {
                "service": {
                    "name": SERVICE,
                    "namespace": choices.namespace,
                    "path": "/admit-kudo-dev-v1beta1-instance",
                },
            },
            "failurePolicy": "Fail",
            "matchPolicy": "Equivalent",
            "rules": [{
                "apiGroups": ["kudo.dev"],
                "apiVersions": ["v1beta1"],
                "operations": ["CREATE", "UPDATE"],
                "resources": ["instances"],
                "scope": "Namespaced",
            }],
            "sideEffects": "None",
        }],
    })
}

fn issuer(choices: &Choices) -> Value {
    json!({
        "apiVersion": CERT_MANAGER,
        "kind": "Issuer",
        "metadata": { "name": ISSUER, "namespace": choices.namespace },
        "spec": { "selfSigned": {} },
    })
}

fn certificate(choices: &Choices) -> Value {
    let host = format!("{SERVICE}.{}.svc", choices.namespace);
    json!({
        "apiVersion": CERT_MANAGER,
        "kind": "Certificate",
        "metadata": { "name": CERTIFICATE, "namespace": choices.namespace },
        "spec": {
            "commonName": host,
            "dnsNames": [host],
            "issuerRef": { "kind": "Issuer", "name": ISSUER },
            "secretName": SECRET,
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_manager_has_switched_on_stays_on() {
        let choices = Choices::default();
        let wanted = objects(&choices).remove(0);
        assert!(waits(&wanted));
        assert_eq!(over(wanted.clone(), &wanted), wanted, "still waiting");
        let mut active = wanted.clone();
        active["webhooks"][0]["objectSelector"] = json!({});
        active["webhooks"][0]["clientConfig"]["caBundle"] = json!("YQ==");
        let applied = over(wanted.clone(), &active);
        assert!(applied["webhooks"][0].get("objectSelector").is_none());
        assert!(applied["webhooks"][0]["clientConfig"]["service"].is_object());
        active["webhooks"][0]["clientConfig"] =
            json!({ "url": "https://127.0.0.1:1", "caBundle": "YQ==" });
        assert!(
            over(wanted, &active)["webhooks"][0]
                .get("clientConfig")
                .is_none()
        );
    }
}
