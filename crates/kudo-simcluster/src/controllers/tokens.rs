//! Tokens in Secrets: a Secret that asks for the token of an account gets one, and goes with the account.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use k8s_openapi::jiff::SignedDuration;
use serde_json::{Value, json};

use super::action::Action;
use super::model::Secret;
use super::resources::Kind;
use super::world::{Key, Object};
use super::{Verdict, View};
use crate::tokens::{ACCOUNT_NAME, ACCOUNT_UID, SECRET_TYPE, secret_claims, sign};

/// How long the news of an account may come after that of its Secret.
const PATIENCE: SignedDuration = SignedDuration::from_secs(2);

pub(super) fn observe(view: &View<'_>, key: &Key) -> Verdict {
    let secret = view.world.get::<Secret>(key);
    let Some(secret) = secret.filter(|secret| is_wanted(secret) && !secret.is_deleting()) else {
        return Verdict::nothing();
    };
    let name = secret.annotation(ACCOUNT_NAME).unwrap_or_default();
    let account = Key::new(&key.namespace, name);
    let account = view.world.find(Kind::ServiceAccount, &account);
    let uid = account.and_then(|account| account.meta.uid.as_deref());
    let claimed = secret.annotation(ACCOUNT_UID);
    match uid.filter(|uid| claimed.is_none_or(|claimed| claimed == *uid)) {
        Some(uid) => fill_in(view, &secret, name, uid),
        None if view.now.duration_since(secret.created()) < PATIENCE => {
            Verdict::nothing().again_after(Some(PATIENCE.unsigned_abs()))
        }
        None => Verdict::write([Action::delete(&secret)]),
    }
}

/// Whether a Secret asks for a token.
fn is_wanted(secret: &Object<'_, Secret>) -> bool {
    secret.body.kind == SECRET_TYPE && secret.annotation(ACCOUNT_NAME).is_some()
}

fn fill_in(view: &View<'_>, secret: &Object<'_, Secret>, account: &str, uid: &str) -> Verdict {
    let (namespace, known) = (secret.namespace(), &secret.body.data);
    let mut data = serde_json::Map::new();
    let mut put =
        |key: &str, value: &str| data.insert(key.to_owned(), STANDARD.encode(value).into());
    if !known.contains("namespace") {
        put("namespace", namespace);
    }
    if let Some(certificate) = &view.options.root_certificate
        && !known.contains("ca.crt")
    {
        put("ca.crt", certificate);
    }
    if !known.contains("token") {
        match sign(&secret_claims(namespace, secret.name(), account, uid)) {
            Ok(token) => put("token", &token),
            Err(error) => {
                tracing::warn!(%error, "no token can be made");
                return Verdict::nothing();
            }
        };
    }
    if data.is_empty() && secret.annotation(ACCOUNT_UID).is_some() {
        return Verdict::nothing();
    }
    let annotations = json!({ ACCOUNT_UID: uid });
    let patch = json!({ "metadata": { "annotations": annotations }, "data": Value::from(data) });
    Verdict::write([Action::patch(secret, patch)])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::controllers::testing::Scene;

    fn secret(annotations: &Value, created: &str) -> Value {
        json!({
            "apiVersion": "v1", "kind": "Secret", "type": SECRET_TYPE,
            "metadata": {
                "name": "token", "annotations": annotations, "creationTimestamp": created,
            },
        })
    }

    const LONG_AGO: &str = "2026-01-01T00:00:00Z";

    fn account() -> Value {
        json!({ "apiVersion": "v1", "kind": "ServiceAccount", "metadata": { "name": "app" } })
    }

    #[test]
    fn a_secret_for_a_token_gets_one() {
        let wanted = secret(&json!({ ACCOUNT_NAME: "app" }), LONG_AGO);
        let verdict = Scene::new()
            .with(account())
            .with(wanted)
            .observe(observe, "token");
        let [Action::Patch { patch, .. }] = verdict.actions.as_slice() else {
            panic!("{verdict:?}");
        };
        let text = |key: &str| {
            let value = STANDARD
                .decode(patch["data"][key].as_str().unwrap())
                .unwrap();
            String::from_utf8(value).unwrap()
        };
        assert_eq!(text("namespace"), "ns");
        let token = text("token");
        let claims = token.split('.').nth(1).unwrap();
        let claims = base64::engine::general_purpose::URL_SAFE_NO_PAD
            .decode(claims)
            .unwrap();
        let claims: Value = serde_json::from_slice(&claims).unwrap();
        assert_eq!(claims["sub"], "system:serviceaccount:ns:app");
        assert_eq!(patch["metadata"]["annotations"][ACCOUNT_UID], "uid-app");
    }

    #[test]
    fn what_has_all_is_left_alone() {
        let annotations = json!({ ACCOUNT_NAME: "app", ACCOUNT_UID: "uid-app" });
        let mut full = secret(&annotations, LONG_AGO);
        full["data"] = json!({ "token": "eA==", "namespace": "bnM=" });
        let scene = Scene::new().with(account()).with(full);
        assert_eq!(scene.observe(observe, "token"), Verdict::nothing());
    }

    #[test]
    fn a_secret_whose_account_is_not_there_goes() {
        for annotations in [
            json!({ ACCOUNT_NAME: "other" }),
            json!({ ACCOUNT_NAME: "app", ACCOUNT_UID: "an older one" }),
        ] {
            let scene = Scene::new()
                .with(account())
                .with(secret(&annotations, LONG_AGO));
            let verdict = scene.observe(observe, "token");
            assert!(matches!(verdict.actions[..], [Action::Delete { .. }]));
        }
    }

    #[test]
    fn the_news_of_an_account_may_come_later() {
        let annotations = json!({ ACCOUNT_NAME: "app" });
        let new = secret(&annotations, crate::controllers::testing::NOW);
        let verdict = Scene::new().with(new).observe(observe, "token");
        assert_eq!(
            verdict,
            Verdict::nothing().again_after(Some(PATIENCE.unsigned_abs()))
        );
    }
}
