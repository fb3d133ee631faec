//! Objects as protocol buffers: newer kubectls send what their `create` commands make in this form.
//!
//! The table has the messages that those commands send. A field that it lacks is refused by number,
//! so nothing is lost without a word; answers are JSON, which such clients accept.

use std::collections::HashMap;
use std::sync::OnceLock;

use base64::Engine;
use jiff::Timestamp;
use serde_json::{Map, Value, json};

/// Before every object in this form.
const MAGIC: &[u8] = b"k8s\0";
/// No message is nested deeper.
const DEEPEST: usize = 32;

/// One message a line: its name, then number, name and type of each field. Types are `s` text, `i`
/// integer, `b` boolean, `y` bytes, `t` time, `x` number or text, `m` map of texts, `d` map of bytes,
/// `q` map of quantities, or a message; `*` is a list.
const TABLE: &str = "\
ObjectMeta: 1 name s, 2 generateName s, 3 namespace s, 4 selfLink s, 5 uid s, 6 resourceVersion s, 7 generation i, 8 creationTimestamp t, 9 deletionTimestamp t, 10 deletionGracePeriodSeconds i, 11 labels m, 12 annotations m, 13 ownerReferences *OwnerReference, 14 finalizers *s
OwnerReference: 1 kind s, 3 name s, 4 uid s, 5 apiVersion s, 6 controller b, 7 blockOwnerDeletion b
LabelSelector: 1 matchLabels m, 2 matchExpressions *LabelSelectorRequirement
LabelSelectorRequirement: 1 key s, 2 operator s, 3 values *s
DeleteOptions: 1 gracePeriodSeconds i, 2 preconditions Preconditions, 3 orphanDependents b, 4 propagationPolicy s, 5 dryRun *s
Preconditions: 1 uid s, 2 resourceVersion s
Namespace: 1 metadata ObjectMeta, 2 spec NamespaceSpec
NamespaceSpec: 1 finalizers *s
ConfigMap: 1 metadata ObjectMeta, 2 data m, 3 binaryData d, 4 immutable b
Secret: 1 metadata ObjectMeta, 2 data d, 3 type s, 4 stringData m, 5 immutable b
ServiceAccount: 1 metadata ObjectMeta, 2 secrets *ObjectReference, 3 imagePullSecrets *LocalObjectReference, 4 automountServiceAccountToken b
ObjectReference: 1 kind s, 2 namespace s, 3 name s, 4 uid s, 5 apiVersion s, 6 resourceVersion s, 7 fieldPath s
LocalObjectReference: 1 name s
Service: 1 metadata ObjectMeta, 2 spec ServiceSpec
ServiceSpec: 1 ports *ServicePort, 2 selector m, 3 clusterIP s, 4 type s, 5 externalIPs *s, 7 sessionAffinity s, 8 loadBalancerIP s, 9 loadBalancerSourceRanges *s, 10 externalName s, 11 externalTrafficPolicy s
ServicePort: 1 name s, 2 protocol s, 3 port i, 4 targetPort x, 5 nodePort i
Pod: 1 metadata ObjectMeta, 2 spec PodSpec
PodTemplateSpec: 1 metadata ObjectMeta, 2 spec PodSpec
PodSpec: 2 containers *Container, 3 restartPolicy s, 4 terminationGracePeriodSeconds i, 5 activeDeadlineSeconds i, 6 dnsPolicy s, 7 nodeSelector m, 8 serviceAccountName s, 9 serviceAccount s, 10 nodeName s, 11 hostNetwork b, 12 hostPID b, 13 hostIPC b, 15 imagePullSecrets *LocalObjectReference, 16 hostname s, 17 subdomain s, 19 schedulerName s, 20 initContainers *Container, 21 automountServiceAccountToken b
Container: 1 name s, 2 image s, 3 command *s, 4 args *s, 5 workingDir s, 6 ports *ContainerPort, 7 env *EnvVar, 8 resources ResourceRequirements, 13 terminationMessagePath s, 14 imagePullPolicy s, 16 stdin b, 17 stdinOnce b, 18 tty b, 20 terminationMessagePolicy s
ContainerPort: 1 name s, 2 hostPort i, 3 containerPort i, 4 protocol s, 5 hostIP s
EnvVar: 1 name s, 2 value s
ResourceRequirements: 1 limits q, 2 requests q
Deployment: 1 metadata ObjectMeta, 2 spec DeploymentSpec
DeploymentSpec: 1 replicas i, 2 selector LabelSelector, 3 template PodTemplateSpec, 5 minReadySeconds i, 6 revisionHistoryLimit i, 7 paused b, 9 progressDeadlineSeconds i
Job: 1 metadata ObjectMeta, 2 spec JobSpec
JobSpec: 1 parallelism i, 2 completions i, 3 activeDeadlineSeconds i, 4 selector LabelSelector, 5 manualSelector b, 6 template PodTemplateSpec, 7 backoffLimit i, 8 ttlSecondsAfterFinished i, 9 completionMode s, 10 suspend b
CronJob: 1 metadata ObjectMeta, 2 spec CronJobSpec
CronJobSpec: 1 schedule s, 2 startingDeadlineSeconds i, 3 concurrencyPolicy s, 4 suspend b, 5 jobTemplate JobTemplateSpec, 6 successfulJobsHistoryLimit i, 7 failedJobsHistoryLimit i
JobTemplateSpec: 1 metadata ObjectMeta, 2 spec JobSpec
Role: 1 metadata ObjectMeta, 2 rules *PolicyRule
ClusterRole: 1 metadata ObjectMeta, 2 rules *PolicyRule
PolicyRule: 1 verbs *s, 2 apiGroups *s, 3 resources *s, 4 resourceNames *s, 5 nonResourceURLs *s
RoleBinding: 1 metadata ObjectMeta, 2 subjects *Subject, 3 roleRef RoleRef
ClusterRoleBinding: 1 metadata ObjectMeta, 2 subjects *Subject, 3 roleRef RoleRef
Subject: 1 kind s, 2 apiGroup s, 3 name s, 4 namespace s
RoleRef: 1 apiGroup s, 2 kind s, 3 name s
PodDisruptionBudget: 1 metadata ObjectMeta, 2 spec PodDisruptionBudgetSpec
PodDisruptionBudgetSpec: 1 minAvailable x, 2 selector LabelSelector, 3 maxUnavailable x
";

type Fields = HashMap<u64, (&'static str, &'static str)>;

fn table() -> &'static HashMap<&'static str, Fields> {
    static PARSED: OnceLock<HashMap<&'static str, Fields>> = OnceLock::new();
    PARSED.get_or_init(|| {
        let lines = TABLE.lines().filter_map(|line| line.split_once(": "));
        let messages = lines.map(|(name, fields)| {
            let fields = fields.split(", ").filter_map(|field| {
                let mut words = field.split(' ');
                let number = words.next()?.parse().ok()?;
                Some((number, (words.next()?, words.next()?)))
            });
            (name, fields.collect())
        });
        messages.collect()
    })
}

/// Why bytes are no object.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ProtobufError {
    /// They are cut off, or of another form.
    #[error(
        "provided data does not appear to be a protobuf message, expected prefix [107 56 115 0]"
    )]
    Form,
    /// A message that the table lacks.
    #[error("{0} is not read from protobuf here; send JSON")]
    Message(String),
    /// A field that the table lacks.
    #[error("field {number} of {message} is not read from protobuf here; send JSON")]
    Field {
        /// The message.
        message: String,
        /// The field's number.
        number: u64,
    },
}

/// One field as it is sent.
enum Part<'a> {
    Number(u64),
    Bytes(&'a [u8]),
}

impl Part<'_> {
    fn is_empty(&self) -> bool {
        match self {
            Self::Number(number) => *number == 0,
            Self::Bytes(bytes) => bytes.is_empty(),
        }
    }
}

/// Reads an object with its kind.
pub(crate) fn decode(bytes: &[u8]) -> Result<Value, ProtobufError> {
    let bytes = bytes.strip_prefix(MAGIC).ok_or(ProtobufError::Form)?;
    let (mut api_version, mut kind, mut raw) = (String::new(), String::new(), &[][..]);
    for part in parts(bytes)? {
        match part {
            (1, Part::Bytes(of)) => {
                for part in parts(of)? {
                    match part {
                        (1, Part::Bytes(text)) => api_version = utf8(text)?,
                        (2, Part::Bytes(text)) => kind = utf8(text)?,
                        _ => {}
                    }
                }
            }
            (2, Part::Bytes(of)) => raw = of,
            _ => {}
        }
    }
    let mut object = message(&kind, raw, 0)?;
    object["apiVersion"] = api_version.into();
    object["kind"] = kind.into();
    Ok(object)
}

fn message(name: &str, bytes: &[u8], depth: usize) -> Result<Value, ProtobufError> {
    if depth > DEEPEST {
        return Err(ProtobufError::Form);
    }
    let lacking = || ProtobufError::Message(name.to_owned());
    let fields = table().get(name).ok_or_else(lacking)?;
    let mut object = Map::new();
    for (number, part) in parts(bytes)? {
        let Some((field, ty)) = fields.get(&number) else {
            if is_empty(&part) {
                continue;
            }
            let message = name.to_owned();
            return Err(ProtobufError::Field { message, number });
        };
        match ty.strip_prefix('*') {
            Some(ty) => {
                let list = object.entry(*field).or_insert_with(|| json!([]));
                let item = value(ty, &part, depth)?;
                if let Some(list) = list.as_array_mut() {
                    list.push(item);
                }
            }
            None if ["m", "d", "q"].contains(ty) => {
                let Part::Bytes(entry) = part else {
                    return Err(ProtobufError::Form);
                };
                let (key, item) = entry_of(ty, entry)?;
                let map = object.entry(*field).or_insert_with(|| json!({}));
                map[key] = item;
            }
            // Texts and times are sent when they are empty, too.
            None if part.is_empty() && ["s", "t"].contains(ty) => {}
            None => {
                object.insert((*field).to_owned(), value(ty, &part, depth)?);
            }
        }
    }
    Ok(Value::Object(object))
}

/// Whether nothing is said: messages of empty messages are sent where nothing is.
fn is_empty(part: &Part<'_>) -> bool {
    match part {
        Part::Bytes(bytes) => {
            bytes.is_empty()
                || parts(bytes).is_ok_and(|parts| parts.iter().all(|(_, part)| is_empty(part)))
        }
        Part::Number(number) => *number == 0,
    }
}

fn value(ty: &str, part: &Part<'_>, depth: usize) -> Result<Value, ProtobufError> {
    match (ty, part) {
        ("s", Part::Bytes(text)) => utf8(text).map(Value::from),
        ("i", Part::Number(number)) => Ok(number.cast_signed().into()),
        ("b", Part::Number(number)) => Ok((*number != 0).into()),
        ("y", Part::Bytes(bytes)) => Ok(base64(bytes).into()),
        ("t", Part::Bytes(bytes)) => time(bytes),
        ("x", Part::Bytes(bytes)) => number_or_text(bytes),
        (name, Part::Bytes(bytes)) if name.len() > 1 => message(name, bytes, depth + 1),
        _ => Err(ProtobufError::Form),
    }
}

fn entry_of(ty: &str, bytes: &[u8]) -> Result<(String, Value), ProtobufError> {
    let (mut key, mut value) = (String::new(), &[][..]);
    for part in parts(bytes)? {
        match part {
            (1, Part::Bytes(text)) => key = utf8(text)?,
            (2, Part::Bytes(bytes)) => value = bytes,
            _ => return Err(ProtobufError::Form),
        }
    }
    let value = match ty {
        "d" => base64(value).into(),
        "q" => first_text(value)?.into(),
        _ => utf8(value)?.into(),
    };
    Ok((key, value))
}

/// A quantity is a message with its text.
fn first_text(bytes: &[u8]) -> Result<String, ProtobufError> {
    for part in parts(bytes)? {
        if let (1, Part::Bytes(text)) = part {
            return utf8(text);
        }
    }
    Ok(String::new())
}

fn time(bytes: &[u8]) -> Result<Value, ProtobufError> {
    let mut seconds = 0;
    for part in parts(bytes)? {
        if let (1, Part::Number(number)) = part {
            seconds = number.cast_signed();
        }
    }
    let time = Timestamp::from_second(seconds).map_err(|_| ProtobufError::Form)?;
    Ok(time.to_string().into())
}

fn number_or_text(bytes: &[u8]) -> Result<Value, ProtobufError> {
    let (mut is_text, mut number, mut text) = (false, 0, String::new());
    for part in parts(bytes)? {
        match part {
            (1, Part::Number(ty)) => is_text = ty == 1,
            (2, Part::Number(value)) => number = value.cast_signed(),
            (3, Part::Bytes(value)) => text = utf8(value)?,
            _ => return Err(ProtobufError::Form),
        }
    }
    Ok(if is_text { text.into() } else { number.into() })
}

fn utf8(bytes: &[u8]) -> Result<String, ProtobufError> {
    String::from_utf8(bytes.to_vec()).map_err(|_| ProtobufError::Form)
}

fn base64(bytes: &[u8]) -> String {
    base64::engine::general_purpose::STANDARD.encode(bytes)
}

/// The fields of a message, in the order in which they were sent.
fn parts(mut bytes: &[u8]) -> Result<Vec<(u64, Part<'_>)>, ProtobufError> {
    let mut parts = Vec::new();
    while !bytes.is_empty() {
        let key = number(&mut bytes)?;
        let part = match key & 7 {
            0 => Part::Number(number(&mut bytes)?),
            2 => {
                let length = usize::try_from(number(&mut bytes)?);
                let length = length.map_err(|_| ProtobufError::Form)?;
                let (part, rest) = bytes.split_at_checked(length).ok_or(ProtobufError::Form)?;
                bytes = rest;
                Part::Bytes(part)
            }
            _ => return Err(ProtobufError::Form),
        };
        parts.push((key >> 3, part));
    }
    Ok(parts)
}

fn number(bytes: &mut &[u8]) -> Result<u64, ProtobufError> {
    let mut number = 0_u64;
    for shift in (0..64).step_by(7) {
        let (byte, rest) = bytes.split_first().ok_or(ProtobufError::Form)?;
        *bytes = rest;
        number |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Ok(number);
        }
    }
    Err(ProtobufError::Form)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{ProtobufError, decode, table};

    fn object(kind: &str, raw: &[u8]) -> Vec<u8> {
        let length = |bytes: &[u8]| u8::try_from(bytes.len()).unwrap();
        let of = [
            &b"\x0a\x02v1\x12"[..],
            &[length(kind.as_bytes())],
            kind.as_bytes(),
        ]
        .concat();
        [
            &b"k8s\0\x0a"[..],
            &[length(&of)],
            &of,
            b"\x12",
            &[length(raw)],
            raw,
        ]
        .concat()
    }

    #[test]
    fn a_config_map_is_read() {
        let raw = b"\x0a\x05\x0a\x01a\x12\x00\x12\x06\x0a\x01k\x12\x01v";
        let expected = json!({
            "apiVersion": "v1", "kind": "ConfigMap", "metadata": { "name": "a" }, "data": { "k": "v" },
        });
        assert_eq!(decode(&object("ConfigMap", raw)), Ok(expected));
    }

    #[test]
    fn what_is_not_known_is_refused() {
        assert_eq!(decode(b"{}"), Err(ProtobufError::Form));
        assert_eq!(decode(b"k8s\0\x0a\xff"), Err(ProtobufError::Form));
        let none = ProtobufError::Message("Nothing".to_owned());
        assert_eq!(decode(&object("Nothing", b"")), Err(none));
        let field = ProtobufError::Field {
            message: "ConfigMap".to_owned(),
            number: 15,
        };
        assert_eq!(decode(&object("ConfigMap", b"\x7a\x01x")), Err(field));
    }

    #[test]
    fn every_type_of_the_table_is_in_it() {
        let plain = ["s", "i", "b", "y", "t", "x", "m", "d", "q"];
        for (name, fields) in table() {
            for (field, ty) in fields.values() {
                let ty = ty.trim_start_matches('*');
                assert!(
                    plain.contains(&ty) || table().contains_key(ty),
                    "{name}.{field}: {ty}"
                );
            }
        }
    }
}
