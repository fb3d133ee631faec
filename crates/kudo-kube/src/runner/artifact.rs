//! From a file that a pipe pod wrote to the object that keeps it. Pure.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use kudo_package::{PipeKind, PipeSource};
use kudo_template::PipeArtifact;
use kudo_template::pipe_pod::base_name;
use serde_json::{Map, Value, json};

/// Why a file of `key=value` lines is none. Lines count from 1.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum EnvFileError {
    /// Bytes that are no text.
    #[error("{path}: line {line} is not UTF-8 text")]
    NotText {
        /// Path of the file.
        path: String,
        /// The line.
        line: usize,
    },
    /// A line without `=`.
    #[error("{path}: line {line}: expected KEY=VALUE, found {found:?}")]
    NoPair {
        /// Path of the file.
        path: String,
        /// The line.
        line: usize,
        /// What it says.
        found: String,
    },
    /// A key that no environment variable can have.
    #[error(
        "{path}: line {line}: {key:?} cannot be a key: it must begin with a letter, '-', '_' or '.', \
         and consist of those and digits"
    )]
    Key {
        /// Path of the file.
        path: String,
        /// The line.
        line: usize,
        /// The key.
        key: String,
    },
}

/// The object that keeps a file's content.
pub(super) fn object(artifact: &PipeArtifact, content: &[u8]) -> Result<Value, EnvFileError> {
    let mut object = artifact.stub();
    let encoded = |bytes: &[u8]| json!(STANDARD.encode(bytes));
    let secret = artifact.file.kind == PipeKind::Secret;
    let (field, entries): (&str, Map<String, Value>) = match &artifact.file.source {
        PipeSource::File(path) => {
            let entry = (base_name(path).to_owned(), encoded(content));
            let field = if secret { "data" } else { "binaryData" };
            (field, Map::from_iter([entry]))
        }
        PipeSource::EnvFile(path) => {
            let pairs = pairs(path, content)?.into_iter();
            let entries = pairs.map(|(key, value)| {
                let value = if secret {
                    encoded(value.as_bytes())
                } else {
                    json!(value)
                };
                (key, value)
            });
            ("data", entries.collect())
        }
    };
    object[field] = Value::Object(entries);
    if secret {
        object["type"] = json!("Opaque");
    }
    Ok(object)
}

/// The pairs of an env file, as `kubectl create configmap --from-env-file` reads them: empty lines and
/// comments are skipped, the last of equal keys counts, values are taken as they stand.
fn pairs(path: &str, content: &[u8]) -> Result<BTreeMap<String, String>, EnvFileError> {
    let content = content.strip_prefix(b"\xef\xbb\xbf").unwrap_or(content);
    let mut pairs = BTreeMap::new();
    for (index, bytes) in content.split(|byte| *byte == b'\n').enumerate() {
        let path = path.to_owned();
        let line = index + 1;
        let bytes = bytes.strip_suffix(b"\r").unwrap_or(bytes);
        let Ok(text) = std::str::from_utf8(bytes) else {
            return Err(EnvFileError::NotText { path, line });
        };
        let text = text.trim_start();
        if text.is_empty() || text.starts_with('#') {
            continue;
        }
        let Some((key, value)) = text.split_once('=') else {
            // It may be a secret: enough of it is shown to find it.
            let found = text.chars().take(20).collect();
            return Err(EnvFileError::NoPair { path, line, found });
        };
        if !is_variable(key) {
            let key = key.to_owned();
            return Err(EnvFileError::Key { path, line, key });
        }
        pairs.insert(key.to_owned(), value.to_owned());
    }
    Ok(pairs)
}

/// Whether a text can be the name of an environment variable, as Kubernetes sees it.
fn is_variable(key: &str) -> bool {
    let first = |byte: u8| byte.is_ascii_alphabetic() || matches!(byte, b'-' | b'_' | b'.');
    key.bytes().next().is_some_and(first)
        && key.bytes().all(|byte| first(byte) || byte.is_ascii_digit())
        && key != "."
        && !key.starts_with("..")
}

#[cfg(test)]
mod tests {
    use kudo_package::PipeFile;

    use super::*;

    fn artifact(source: PipeSource, kind: PipeKind) -> PipeArtifact {
        PipeArtifact {
            name: "i.deploy.main.step.task.key".to_owned(),
            file: PipeFile {
                source,
                kind,
                key: "key".to_owned(),
            },
        }
    }

    #[test]
    fn files_are_kept_whole_and_env_files_by_their_lines() {
        let file = || PipeSource::File("/tmp/out/index.html".to_owned());
        let lines = || PipeSource::EnvFile("/tmp/out/.env".to_owned());
        let cases = [
            (
                file(),
                PipeKind::ConfigMap,
                &b"hi"[..],
                json!({"binaryData": {"index.html": "aGk="}}),
            ),
            (
                file(),
                PipeKind::Secret,
                b"hi",
                json!({"data": {"index.html": "aGk="}, "type": "Opaque"}),
            ),
            (
                file(),
                PipeKind::ConfigMap,
                b"",
                json!({"binaryData": {"index.html": ""}}),
            ),
            (
                file(),
                PipeKind::Secret,
                b"\xff",
                json!({"data": {"index.html": "/w=="}, "type": "Opaque"}),
            ),
            (
                lines(),
                PipeKind::ConfigMap,
                b"A=1\n",
                json!({"data": {"A": "1"}}),
            ),
            (
                lines(),
                PipeKind::Secret,
                b"A=1\nB=x",
                json!({"data": {"A": "MQ==", "B": "eA=="}, "type": "Opaque"}),
            ),
            (lines(), PipeKind::ConfigMap, b"", json!({"data": {}})),
        ];
        for (source, kind, content, expected) in cases {
            let artifact = artifact(source, kind);
            let mut found = object(&artifact, content).unwrap();
            assert_eq!(found["kind"], kind.as_str());
            assert_eq!(found["metadata"]["name"], artifact.name);
            for field in ["apiVersion", "kind", "metadata"] {
                found.as_object_mut().unwrap().remove(field);
            }
            assert_eq!(found, expected);
        }
    }

    #[test]
    fn lines_of_env_files() {
        let cases: [(&[u8], Result<&str, &str>); 14] = [
            (b"A=1\nB=2\n", Ok("A=1 B=2")),
            (b"\xef\xbb\xbfA=1\r\nB=2\r\n", Ok("A=1 B=2")),
            (b"\n# comment\n   # another\n\t A=1\n", Ok("A=1")),
            (b"A=\n", Ok("A=")),
            (b"A=b=c\n", Ok("A=b=c")),
            (b"A= x \n", Ok("A= x ")),
            (b"A=\"x\"\n", Ok("A=\"x\"")),
            (b"A=1\nA=2\n", Ok("A=2")),
            (b"a.b-c_1=1\n", Ok("a.b-c_1=1")),
            (
                b"A=1\nnothing\n",
                Err("/e: line 2: expected KEY=VALUE, found \"nothing\""),
            ),
            (b"1A=1\n", Err("/e: line 1: \"1A\" cannot be a key")),
            (b"=1\n", Err("/e: line 1: \"\" cannot be a key")),
            (b"A =1\n", Err("/e: line 1: \"A \" cannot be a key")),
            (b"A=1\nB=\xff\n", Err("/e: line 2 is not UTF-8 text")),
        ];
        for (content, expected) in cases {
            let shown = pairs("/e", content)
                .map(|pairs| {
                    let pairs = pairs.iter().map(|(key, value)| format!("{key}={value}"));
                    pairs.collect::<Vec<_>>().join(" ")
                })
                .map_err(|error| error.to_string());
            match (shown, expected) {
                (Ok(shown), Ok(expected)) => assert_eq!(shown, expected),
                (Err(shown), Err(expected)) => assert!(shown.starts_with(expected), "{shown}"),
                (shown, expected) => panic!("{shown:?}, expected {expected:?}"),
            }
        }
    }
}
