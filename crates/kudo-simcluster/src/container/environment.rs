//! The variables of a container: written in its pod, or taken from where that says.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use crate::schema::Quantity;

/// What a kubelet looks up to make variables: the object of a resource's name (`configmaps`, `secrets`, `nodes`) and a
/// name, if there is one.
pub type Lookup<'a> = dyn Fn(&str, &str) -> Option<Value> + 'a;

/// The variables in order, each once. What is taken from something that is not there is no variable.
pub(super) fn variables(
    pod: &Value,
    container: &Value,
    lookup: &Lookup<'_>,
) -> Vec<(String, String)> {
    let mut variables = Variables(Vec::new());
    for source in list(&container["envFrom"]) {
        let prefix = source["prefix"].as_str().unwrap_or_default();
        for (plural, reference) in [("configmaps", "configMapRef"), ("secrets", "secretRef")] {
            for (key, value) in data(lookup, plural, &source[reference]) {
                variables.put(&format!("{prefix}{key}"), value);
            }
        }
    }
    for variable in list(&container["env"]) {
        let written = variable["value"].as_str().unwrap_or_default();
        let value = match &variable["valueFrom"] {
            Value::Null => Some(variables.expand(written)),
            from => taken(from, pod, container, lookup),
        };
        if let Some(value) = value {
            variables.put(variable["name"].as_str().unwrap_or_default(), value);
        }
    }
    variables.0
}

struct Variables(Vec<(String, String)>);

impl Variables {
    fn get(&self, name: &str) -> Option<&str> {
        let mut known = self.0.iter();
        known
            .find(|(known, _)| known == name)
            .map(|(_, value)| &**value)
    }

    fn put(&mut self, name: &str, value: String) {
        match self.0.iter_mut().find(|(known, _)| known == name) {
            Some((_, old)) => *old = value,
            None => self.0.push((name.to_owned(), value)),
        }
    }

    /// Puts the variables before it in for `$(NAME)`; `$$` is a dollar, and what is not known stays.
    fn expand(&self, text: &str) -> String {
        let mut expanded = String::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once('$') {
            expanded.push_str(before);
            let named = after
                .strip_prefix('(')
                .and_then(|name| name.split_once(')'));
            rest = if let Some(after) = after.strip_prefix('$') {
                expanded.push('$');
                after
            } else if let Some((value, after)) =
                named.and_then(|(name, after)| Some((self.get(name)?, after)))
            {
                expanded.push_str(value);
                after
            } else {
                expanded.push('$');
                after
            };
        }
        expanded + rest
    }
}

/// What a config map or a secret holds as text.
fn data(lookup: &Lookup<'_>, plural: &str, reference: &Value) -> Vec<(String, String)> {
    let found = reference["name"]
        .as_str()
        .and_then(|name| lookup(plural, name));
    let members = found.as_ref().and_then(|found| found["data"].as_object());
    let texts = members.into_iter().flatten().map(|(key, value)| {
        let text = value.as_str().unwrap_or_default();
        let text = if plural == "secrets" {
            let bytes = STANDARD.decode(text).unwrap_or_default();
            String::from_utf8_lossy(&bytes).into_owned()
        } else {
            text.to_owned()
        };
        (key.clone(), text)
    });
    texts.collect()
}

/// The value of a variable that is taken from somewhere.
fn taken(from: &Value, pod: &Value, container: &Value, lookup: &Lookup<'_>) -> Option<String> {
    let of_key = |plural: &str, reference: &Value| {
        let mut data = data(lookup, plural, reference).into_iter();
        data.find_map(|(key, value)| (reference["key"] == key.as_str()).then_some(value))
    };
    if let Some(path) = from["fieldRef"]["fieldPath"].as_str() {
        Some(field(pod, path))
    } else if from["resourceFieldRef"].is_object() {
        amount(&from["resourceFieldRef"], pod, container, lookup)
    } else if from["configMapKeyRef"].is_object() {
        of_key("configmaps", &from["configMapKeyRef"])
    } else {
        of_key("secrets", &from["secretKeyRef"])
    }
}

/// What a field of a pod holds; of lists of addresses, all of them.
fn field(pod: &Value, path: &str) -> String {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    if let Some((map, key)) = path
        .strip_suffix("']")
        .and_then(|path| path.split_once("['"))
    {
        let map = map.strip_prefix("metadata.").unwrap_or_default();
        return text(&pod["metadata"][map][key]);
    }
    let pointer = format!("/{}", path.replace('.', "/"));
    match pod.pointer(&pointer) {
        Some(Value::Array(addresses)) => {
            let addresses = addresses.iter();
            let ips = addresses.filter_map(|address| address["ip"].as_str());
            ips.collect::<Vec<_>>().join(",")
        }
        found => found.map(text).unwrap_or_default(),
    }
}

/// How much a container may use or asks for, in units of the divisor, rounded up. Where no limit is set, the node is.
fn amount(
    reference: &Value,
    pod: &Value,
    container: &Value,
    lookup: &Lookup<'_>,
) -> Option<String> {
    let (side, name) = reference["resource"].as_str()?.split_once('.')?;
    let container = match reference["containerName"].as_str() {
        Some(wanted) if !wanted.is_empty() => list(&pod["spec"]["containers"])
            .chain(list(&pod["spec"]["initContainers"]))
            .find(|container| container["name"] == wanted)?,
        _ => container,
    };
    let own = &container["resources"][side][name];
    let quantity = match own.as_str() {
        Some(own) => own.to_owned(),
        None if side == "requests" => "0".to_owned(),
        None => {
            let node = lookup("nodes", pod["spec"]["nodeName"].as_str()?)?;
            node["status"]["allocatable"][name].as_str()?.to_owned()
        }
    };
    let divisor = Quantity::parse(reference["divisor"].as_str().unwrap_or("1")).ok()?;
    let quantity = Quantity::parse(&quantity).ok()?;
    // A divisor of nothing is none.
    let times = quantity.over(divisor).unwrap_or_else(|| quantity.ceil());
    Some(times.to_string())
}

fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}
