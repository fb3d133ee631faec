//! What every namespace holds: the account `default` and the cluster's certificate authority.

use serde_json::json;

use super::action::Action;
use super::model::Namespace;
use super::resources::Kind;
use super::world::Key;
use super::{Verdict, View};
use crate::admission::DEFAULT_ACCOUNT;

/// The ConfigMap of every namespace that holds the server's certificate authority.
pub const ROOT_CERTIFICATE: &str = "kube-root-ca.crt";

pub(super) fn observe(view: &View<'_>, key: &Key) -> Verdict {
    let Some(namespace) = view.world.get::<Namespace>(key) else {
        return Verdict::nothing();
    };
    if namespace.is_deleting() {
        return Verdict::nothing();
    }
    let create = |kind, name: &str, object| {
        let absent = view
            .world
            .find(kind, &Key::new(namespace.name(), name))
            .is_none();
        absent.then(|| Action::Create {
            kind,
            namespace: namespace.name().to_owned(),
            object,
        })
    };
    let account = create(
        Kind::ServiceAccount,
        DEFAULT_ACCOUNT,
        json!({ "metadata": { "name": DEFAULT_ACCOUNT } }),
    );
    let certificate = view.options.root_certificate.as_ref().and_then(|certificate| {
        let description = "Contains a CA bundle that can be used to verify the kube-apiserver when \
            using internal endpoints such as the internal service IP or kubernetes.default.svc. No \
            other usage is guaranteed across distributions of Kubernetes clusters.";
        let object = json!({
            "metadata": {
                "name": ROOT_CERTIFICATE,
                "annotations": { "kubernetes.io/description": description },
            },
            "data": { "ca.crt": certificate },
        });
        create(Kind::ConfigMap, ROOT_CERTIFICATE, object)
    });
    Verdict::write(account.into_iter().chain(certificate))
}
