//! What must not leave the cluster: values of Secrets, wherever they appear.
//!
//! Secrets themselves lose all values. What the instance's Secrets hold, and those that its pods use, is also
//! taken out of every other text: parameters, environment variables, annotations, events, logs. Parameters that a
//! Secret's template uses are taken out even where the Secret could not be read.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use regex::Regex;
use serde_json::Value;

/// What stands in the place of a value.
pub(super) const REDACTED: &str = "REDACTED";
/// Values shorter than this are too common to be searched for within other texts.
const SEARCHABLE: usize = 6;
const LAST_APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";

#[expect(clippy::expect_used, reason = "a constant that the tests compile")]
static SECRET_KIND: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r#"(?m)^\s*kind:\s*["']?Secret\b"#).expect("is well formed"));
#[expect(clippy::expect_used, reason = "a constant that the tests compile")]
static PARAMETER: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"\bParams\.([A-Za-z0-9_]+)").expect("is well formed"));
#[expect(clippy::expect_used, reason = "a constant that the tests compile")]
static SECRET_NAME: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"(?i)passw(or)?d|passphrase|secret|token|credential|private.?key|api.?key")
        .expect("is well formed")
});

/// What is known to be secret.
#[derive(Clone, Debug, Default)]
pub(super) struct Redactor {
    parameters: BTreeSet<String>,
    values: BTreeSet<String>,
}

impl Redactor {
    /// Learns the values of a Secret.
    pub(super) fn learn_secret(&mut self, secret: &Value) {
        let map = |key: &str| {
            secret
                .get(key)
                .and_then(Value::as_object)
                .into_iter()
                .flatten()
        };
        let kind = secret.get("type").and_then(Value::as_str);
        let of_account = kind == Some("kubernetes.io/service-account-token");
        for (key, value) in map("data") {
            // An account's token comes with the namespace's name and a certificate, which are no secrets.
            if of_account && key != "token" {
                continue;
            }
            let encoded = value.as_str().unwrap_or_default();
            self.learn_value(encoded);
            if let Ok(bytes) = STANDARD.decode(encoded) {
                self.learn_value(String::from_utf8_lossy(&bytes).trim_end());
                if key.starts_with(".dockerc") {
                    let logins = serde_json::from_slice(&bytes).unwrap_or_default();
                    self.learn_logins(&logins);
                }
            }
        }
        for (_, value) in map("stringData") {
            self.learn_value(value.as_str().unwrap_or_default());
        }
    }

    /// Learns what is secret in the logins to registries of images, `.dockercfg` or `.dockerconfigjson`.
    fn learn_logins(&mut self, logins: &Value) {
        for (key, value) in logins.as_object().into_iter().flatten() {
            match value.as_str() {
                Some(text) if ["password", "auth", "identitytoken"].contains(&key.as_str()) => {
                    self.learn_value(text);
                }
                _ => self.learn_logins(value),
            }
        }
    }

    fn learn_value(&mut self, value: &str) {
        if !value.is_empty() {
            self.values.insert(value.to_owned());
        }
    }

    /// Learns which parameters templates of Secrets use, and their defaults.
    pub(super) fn learn_operator_version(&mut self, version: &Value) {
        let templates = version
            .pointer("/spec/templates")
            .and_then(Value::as_object);
        for text in templates
            .into_iter()
            .flatten()
            .filter_map(|(_, text)| text.as_str())
        {
            // A template of several documents tells of all its parameters: too many is no harm.
            if SECRET_KIND.is_match(text) {
                let names = PARAMETER.captures_iter(text);
                self.parameters
                    .extend(names.map(|found| found[1].to_owned()));
            }
        }
        let parameters = version
            .pointer("/spec/parameters")
            .and_then(Value::as_array);
        for parameter in parameters.into_iter().flatten() {
            let text = |key: &str| {
                parameter
                    .get(key)
                    .and_then(Value::as_str)
                    .unwrap_or_default()
            };
            if self.is_secret_parameter(text("name")) {
                self.learn_value(text("default"));
            }
        }
    }

    /// Learns the values of an instance's secret parameters.
    pub(super) fn learn_instance(&mut self, instance: &Value) {
        for (name, value) in parameters_of(instance) {
            if self.is_secret_parameter(name) {
                self.learn_value(value.as_str().unwrap_or_default());
            }
        }
    }

    fn is_secret_parameter(&self, name: &str) -> bool {
        self.parameters.contains(name) || SECRET_NAME.is_match(name)
    }

    /// Takes everything secret out of an object.
    pub(super) fn object(&self, object: &mut Value) {
        if object.get("kind").and_then(Value::as_str) == Some("Secret") {
            for key in ["data", "stringData"] {
                let map = object.get_mut(key).and_then(Value::as_object_mut);
                for (_, value) in map.into_iter().flatten() {
                    *value = REDACTED.into();
                }
            }
        }
        if let Some(text) = object
            .pointer_mut("/metadata/annotations")
            .and_then(|annotations| annotations.get_mut(LAST_APPLIED))
        {
            let applied = text
                .as_str()
                .and_then(|text| serde_json::from_str(text).ok());
            *text = match applied {
                Some(mut applied) => {
                    self.object(&mut applied);
                    Value::String(applied.to_string())
                }
                None => REDACTED.into(),
            };
        }
        for pointer in ["/spec/parameters", "/status/accepted/parameters"] {
            self.parameters_at(object, pointer);
        }
        self.value(object);
    }

    fn parameters_at(&self, object: &mut Value, pointer: &str) {
        match object.pointer_mut(pointer) {
            Some(Value::Object(map)) => {
                for (name, value) in map {
                    let known = value
                        .as_str()
                        .is_some_and(|value| self.values.contains(value));
                    if known || self.is_secret_parameter(name) {
                        *value = REDACTED.into();
                    }
                }
            }
            Some(Value::Array(list)) => {
                for parameter in list {
                    let name = parameter.get("name").and_then(Value::as_str);
                    let secret = name.is_some_and(|name| self.is_secret_parameter(name));
                    if let Some(default) = parameter.get_mut("default").filter(|_| secret) {
                        *default = REDACTED.into();
                    }
                }
            }
            _ => {}
        }
    }

    fn value(&self, value: &mut Value) {
        match value {
            Value::String(text) => {
                if let Some(clean) = self.cleaned(text) {
                    *text = clean;
                }
            }
            Value::Array(items) => items.iter_mut().for_each(|item| self.value(item)),
            Value::Object(map) => map.values_mut().for_each(|value| self.value(value)),
            _ => {}
        }
    }

    /// A text with everything secret taken out.
    pub(super) fn text(&self, text: &str) -> String {
        self.cleaned(text).unwrap_or_else(|| text.to_owned())
    }

    fn cleaned(&self, text: &str) -> Option<String> {
        let mut clean: Option<String> = None;
        // The longest first, so that one within another leaves nothing behind.
        let mut values: Vec<&String> = self.values.iter().collect();
        values.sort_by_key(|value| std::cmp::Reverse(value.len()));
        for value in values.into_iter().filter(|value| value.len() >= SEARCHABLE) {
            let current = clean.as_deref().unwrap_or(text);
            if current.contains(value.as_str()) {
                clean = Some(current.replace(value.as_str(), REDACTED));
            }
        }
        clean
    }
}

/// Names of the Secrets that a pod's spec, or the spec of what makes pods, refers to: variables, volumes, logins
/// to registries of images.
pub(super) fn referenced_secrets(spec: &Value, names: &mut BTreeSet<String>) {
    let mut add = |name: Option<&Value>| {
        let name = name.and_then(Value::as_str);
        names.extend(name.filter(|name| !name.is_empty()).map(str::to_owned));
    };
    match spec {
        Value::Object(map) => {
            for (key, value) in map {
                match key.as_str() {
                    "secretName" => add(Some(value)),
                    "secret" | "secretRef" | "secretKeyRef" | "nodePublishSecretRef" => {
                        add(value.get("name"));
                    }
                    "imagePullSecrets" => {
                        let logins = value.as_array().into_iter().flatten();
                        logins.for_each(|login| add(login.get("name")));
                    }
                    _ => {}
                }
            }
            map.values()
                .for_each(|value| referenced_secrets(value, names));
        }
        Value::Array(items) => items
            .iter()
            .for_each(|item| referenced_secrets(item, names)),
        _ => {}
    }
}

fn parameters_of(instance: &Value) -> impl Iterator<Item = (&String, &Value)> {
    let parameters = instance.pointer("/spec/parameters");
    parameters.and_then(Value::as_object).into_iter().flatten()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn redactor() -> Redactor {
        let mut redactor = Redactor::default();
        redactor.learn_secret(&json!({
            "kind": "Secret", "data": { "password": STANDARD.encode("hunter2-hunter2"), "pin": STANDARD.encode("42") },
        }));
        redactor.learn_operator_version(&json!({ "spec": {
            "templates": { "a.yaml": "kind: Secret\nstringData:\n  x: {{ .Params.SALT }}\n", "b.yaml": "x: {{ .Params.COUNT }}" },
            "parameters": [{ "name": "SALT", "default": "sea-salt" }, { "name": "COUNT", "default": "3" }],
        } }));
        redactor
    }

    #[test]
    fn secrets_lose_all_values_and_keep_their_keys() {
        let applied = json!({ "kind": "Secret", "stringData": { "a": "unknown" } }).to_string();
        let mut secret = json!({
            "kind": "Secret", "data": { "a": "eA==" }, "stringData": { "b": "y" },
            "metadata": { "name": "s", "annotations": { LAST_APPLIED: applied } },
        });
        redactor().object(&mut secret);
        let applied = json!({ "kind": "Secret", "stringData": { "a": REDACTED } }).to_string();
        assert_eq!(
            secret,
            json!({
                "kind": "Secret", "data": { "a": REDACTED }, "stringData": { "b": REDACTED },
                "metadata": { "name": "s", "annotations": { LAST_APPLIED: applied } },
            })
        );
    }

    #[test]
    fn values_of_secrets_are_taken_out_of_everything_else() {
        let encoded = STANDARD.encode("hunter2-hunter2");
        let mut pod = json!({ "kind": "Pod", "spec": { "containers": [{
            "args": ["--password=hunter2-hunter2"], "env": [{ "name": "X", "value": encoded }],
        }] } });
        redactor().object(&mut pod);
        assert_eq!(
            pod["spec"]["containers"][0],
            json!({ "args": ["--password=REDACTED"], "env": [{ "name": "X", "value": "REDACTED" }] })
        );
        assert_eq!(
            redactor().text("user hunter2-hunter2 came\n"),
            "user REDACTED came\n"
        );
    }

    #[test]
    fn secrets_that_pods_use() {
        let container =
            |fields: Value| json!({ "template": { "spec": { "containers": [fields] } } });
        let volume = |fields: Value| json!({ "volumes": [fields] });
        let cases = [
            (
                container(
                    json!({ "env": [{ "name": "A", "valueFrom": { "secretKeyRef": { "name": "a", "key": "k" } } }] }),
                ),
                "a",
            ),
            (
                container(
                    json!({ "envFrom": [{ "secretRef": { "name": "a" } }, { "configMapRef": { "name": "c" } }] }),
                ),
                "a",
            ),
            (
                json!({ "initContainers": [{ "envFrom": [{ "secretRef": { "name": "a" } }] }] }),
                "a",
            ),
            (
                volume(
                    json!({ "name": "v", "secret": { "secretName": "a", "items": [{ "key": "k", "path": "p" }] } }),
                ),
                "a",
            ),
            (
                volume(
                    json!({ "projected": { "sources": [{ "secret": { "name": "a" } }, { "configMap": { "name": "c" } }, { "secret": { "name": "b" } }] } }),
                ),
                "a b",
            ),
            (
                volume(json!({ "csi": { "nodePublishSecretRef": { "name": "a" } } })),
                "a",
            ),
            (
                json!({ "imagePullSecrets": [{ "name": "a" }, { "name": "" }] }),
                "a",
            ),
            (
                json!({ "volumes": { "secret": "a" }, "imagePullSecrets": "b" }),
                "",
            ),
        ];
        for (spec, expected) in cases {
            let mut names = BTreeSet::new();
            referenced_secrets(&spec, &mut names);
            let names: Vec<String> = names.into_iter().collect();
            assert_eq!(names.join(" "), expected, "{spec}");
        }
    }

    #[test]
    fn of_a_secret_what_is_secret_is_learnt() {
        let encoded = |text: &str| STANDARD.encode(text);
        let logins = r#"{"auths":{"example.com":{"username":"somebody","password":"open-sesame","auth":"c29tZTpvcGVu"}}}"#;
        let mut redactor = Redactor::default();
        redactor.learn_secret(&json!({
            "type": "kubernetes.io/dockerconfigjson", "data": { ".dockerconfigjson": encoded(logins) },
        }));
        redactor.learn_secret(&json!({
            "type": "kubernetes.io/service-account-token",
            "data": { "token": encoded("to-ken-of"), "namespace": encoded("default"), "ca.crt": encoded("certificate") },
        }));
        assert_eq!(
            redactor.text("somebody open-sesame c29tZTpvcGVu default to-ken-of certificate"),
            "somebody REDACTED REDACTED default REDACTED certificate"
        );
    }

    #[test]
    fn parameters_are_known_by_value_by_template_and_by_name() {
        let mut instance = json!({ "kind": "Instance", "spec": { "parameters": {
            "SALT": "abc", "PIN": "42", "ROOT_PASSWORD": "x", "COUNT": "5",
        } } });
        redactor().object(&mut instance);
        assert_eq!(
            instance["spec"]["parameters"],
            json!({ "SALT": REDACTED, "PIN": REDACTED, "ROOT_PASSWORD": REDACTED, "COUNT": "5" })
        );
        let mut version = json!({ "kind": "OperatorVersion", "spec": { "parameters": [
            { "name": "SALT", "default": "sea-salt" }, { "name": "COUNT", "default": "3" },
        ] } });
        redactor().object(&mut version);
        assert_eq!(version["spec"]["parameters"][0]["default"], REDACTED);
        assert_eq!(version["spec"]["parameters"][1]["default"], "3");
    }

    #[test]
    fn an_annotation_that_cannot_be_read_is_taken_out_whole() {
        let mut object =
            json!({ "kind": "ConfigMap", "metadata": { "annotations": { LAST_APPLIED: "{" } } });
        redactor().object(&mut object);
        assert_eq!(object["metadata"]["annotations"][LAST_APPLIED], REDACTED);
    }
}
