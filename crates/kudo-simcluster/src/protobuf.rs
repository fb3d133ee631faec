//! Objects as protocol buffers: newer kubectls send what their `create` commands make in this form.
//!
//! The messages are those that Kubernetes publishes with its API types, as far as the catalogue of
//! kinds knows them (`cargo xtask messages`). As on a server, fields that are not known are skipped.
//! Answers are JSON, which such clients accept.

use std::collections::HashMap;
use std::io::Read as _;
use std::sync::OnceLock;

use base64::Engine;
use flate2::read::GzDecoder;
use jiff::Timestamp;
use serde_json::{Map, Value, json};

use crate::schema;

/// Before every object in this form.
const MAGIC: &[u8] = b"k8s\0";
/// No message is nested deeper.
const DEEPEST: usize = 32;

/// One message a line: its name, then number, name and type of each field. Types are `s` text, `i`
/// integer, `b` boolean, `y` bytes, `t` time, `u` time in microseconds, `x` number or text, `q`
/// quantity, `r` JSON, `l` a list of texts, or a message. Before it, `*` says a list, `%` a map by
/// texts, and `^` a message whose fields are the object's own.
static MESSAGES: &[u8] = include_bytes!("../data/messages.txt.gz");

type Fields = HashMap<u64, (&'static str, &'static str)>;

fn table() -> &'static HashMap<&'static str, Fields> {
    static TEXT: OnceLock<String> = OnceLock::new();
    static PARSED: OnceLock<HashMap<&'static str, Fields>> = OnceLock::new();
    PARSED.get_or_init(|| {
        let text = TEXT.get_or_init(|| {
            let mut text = String::new();
            // The data is part of the program, and a test reads it.
            let _ = GzDecoder::new(MESSAGES).read_to_string(&mut text);
            text
        });
        let lines = text.lines().filter_map(|line| line.split_once(": "));
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
    /// A kind that the table lacks.
    #[error("{0} is not read from protobuf here; send JSON")]
    Kind(String),
}

/// One field as it is sent.
enum Part<'a> {
    Number(u64),
    Bytes(&'a [u8]),
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
    let name = message_of(&api_version, &kind);
    let name = name.filter(|name| table().contains_key(name.as_str()));
    let name = name.ok_or_else(|| ProtobufError::Kind(kind.clone()))?;
    let mut object = Map::new();
    read(&name, raw, 0, &mut object)?;
    object.insert("apiVersion".to_owned(), api_version.into());
    object.insert("kind".to_owned(), kind.into());
    Ok(Value::Object(object))
}

/// The message of a kind. Options are known in every group, and are the same in each.
fn message_of(api_version: &str, kind: &str) -> Option<String> {
    let (group, version) = api_version.split_once('/').unwrap_or(("", api_version));
    let of_group = schema::definition_of(group, version, kind);
    let of_all = || schema::definition_of("", "v1", kind).filter(|_| kind.ends_with("Options"));
    let name = of_group.or_else(of_all)?;
    name.strip_prefix("io.k8s.").map(ToOwned::to_owned)
}

/// Reads the fields of a message into an object.
fn read(
    name: &str,
    bytes: &[u8],
    depth: usize,
    object: &mut Map<String, Value>,
) -> Result<(), ProtobufError> {
    if depth > DEEPEST {
        return Err(ProtobufError::Form);
    }
    let fields = table().get(name);
    for (number, part) in parts(bytes)? {
        let Some((field, ty)) = fields.and_then(|fields| fields.get(&number)) else {
            continue;
        };
        let (mark, ty) = match ty.split_at_checked(1) {
            Some((mark @ ("*" | "%" | "^"), ty)) => (mark, ty),
            _ => ("", *ty),
        };
        match (mark, &part) {
            ("*", _) => {
                let item = value(ty, &part, depth)?;
                let list = object.entry(*field).or_insert_with(|| json!([]));
                if let Some(list) = list.as_array_mut() {
                    list.extend(item);
                }
            }
            ("%", Part::Bytes(entry)) => {
                let (key, item) = entry_of(ty, entry, depth)?;
                let map = object.entry(*field).or_insert_with(|| json!({}));
                if let Some(map) = map.as_object_mut() {
                    map.insert(key, item);
                }
            }
            ("^", Part::Bytes(own)) => read(ty, own, depth + 1, object)?,
            ("", _) => {
                let value = value(ty, &part, depth)?;
                object.extend(value.map(|value| ((*field).to_owned(), value)));
            }
            _ => return Err(ProtobufError::Form),
        }
    }
    Ok(())
}

/// A value of a type; a time that was never set is none.
fn value(ty: &str, part: &Part<'_>, depth: usize) -> Result<Option<Value>, ProtobufError> {
    Ok(Some(match (ty, part) {
        ("s", Part::Bytes(text)) => utf8(text)?.into(),
        ("i", Part::Number(number)) => number.cast_signed().into(),
        ("b", Part::Number(number)) => (*number != 0).into(),
        ("y", Part::Bytes(bytes)) => base64(bytes).into(),
        ("t" | "u", Part::Bytes([])) => return Ok(None),
        ("t", Part::Bytes(bytes)) => time(bytes, "%Y-%m-%dT%H:%M:%SZ")?,
        ("u", Part::Bytes(bytes)) => time(bytes, "%Y-%m-%dT%H:%M:%S.%6fZ")?,
        ("x", Part::Bytes(bytes)) => number_or_text(bytes)?,
        ("q", Part::Bytes(bytes)) => utf8(first(bytes)?)?.into(),
        ("r", Part::Bytes(bytes)) => {
            let text = first(bytes)?;
            serde_json::from_slice(text).map_err(|_| ProtobufError::Form)?
        }
        ("l", Part::Bytes(bytes)) => {
            let texts = parts(bytes)?.into_iter().filter_map(|part| match part {
                (1, Part::Bytes(text)) => Some(utf8(text).map(Value::from)),
                _ => None,
            });
            Value::Array(texts.collect::<Result<_, _>>()?)
        }
        (name, Part::Bytes(bytes)) if name.len() > 1 => {
            let mut object = Map::new();
            read(name, bytes, depth + 1, &mut object)?;
            object.into()
        }
        _ => return Err(ProtobufError::Form),
    }))
}

fn entry_of(ty: &str, bytes: &[u8], depth: usize) -> Result<(String, Value), ProtobufError> {
    let (mut key, mut held) = (String::new(), Part::Bytes(&[]));
    for part in parts(bytes)? {
        match part {
            (1, Part::Bytes(text)) => key = utf8(text)?,
            (2, part) => held = part,
            _ => return Err(ProtobufError::Form),
        }
    }
    let value = value(ty, &held, depth)?;
    Ok((key, value.unwrap_or_default()))
}

/// The bytes in the first field: a quantity is a message around its text, and JSON one around it.
fn first(bytes: &[u8]) -> Result<&[u8], ProtobufError> {
    let found = parts(bytes)?.into_iter().find_map(|part| match part {
        (1, Part::Bytes(text)) => Some(text),
        _ => None,
    });
    Ok(found.unwrap_or_default())
}

fn time(bytes: &[u8], format: &str) -> Result<Value, ProtobufError> {
    let (mut seconds, mut nanoseconds) = (0, 0);
    for part in parts(bytes)? {
        match part {
            (1, Part::Number(number)) => seconds = number.cast_signed(),
            (2, Part::Number(number)) => nanoseconds = i32::try_from(number).unwrap_or(0),
            _ => {}
        }
    }
    let time = Timestamp::new(seconds, nanoseconds).map_err(|_| ProtobufError::Form)?;
    Ok(time.strftime(format).to_string().into())
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
            // Numbers of fixed length are in no message that is read here.
            wire @ (1 | 5) => {
                let length = if wire == 1 { 8 } else { 4 };
                let (_, rest) = bytes.split_at_checked(length).ok_or(ProtobufError::Form)?;
                bytes = rest;
                continue;
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
            "apiVersion": "v1", "kind": "ConfigMap", "metadata": { "name": "a", "generateName": "" },
            "data": { "k": "v" },
        });
        assert_eq!(decode(&object("ConfigMap", raw)), Ok(expected));
    }

    #[test]
    fn what_is_not_known_is_refused() {
        assert_eq!(decode(b"{}"), Err(ProtobufError::Form));
        assert_eq!(decode(b"k8s\0\x0a\xff"), Err(ProtobufError::Form));
        let none = ProtobufError::Kind("Nothing".to_owned());
        assert_eq!(decode(&object("Nothing", b"")), Err(none));
    }

    #[test]
    fn unknown_fields_are_skipped() {
        let expected = json!({ "apiVersion": "v1", "kind": "ConfigMap", "immutable": true });
        let raw = b"\x7a\x01x\x79\0\0\0\0\0\0\0\0\x20\x01";
        assert_eq!(decode(&object("ConfigMap", raw)), Ok(expected));
    }

    #[test]
    fn what_is_one_object_in_json_may_be_several_messages() {
        let volume = b"\x0a\x01v\x12\x04\x12\x02\x0a\x00";
        let spec = [&b"\x0a\x09"[..], volume].concat();
        let raw = [&b"\x12\x0b"[..], &spec].concat();
        let pod = decode(&object("Pod", &raw)).unwrap();
        assert_eq!(
            pod["spec"]["volumes"],
            json!([{ "name": "v", "emptyDir": { "medium": "" } }])
        );
    }

    #[test]
    fn every_type_of_the_table_is_in_it() {
        let plain = ["s", "i", "b", "y", "t", "u", "x", "q", "r", "l"];
        assert!(table().len() > 500);
        for (name, fields) in table() {
            for (field, ty) in fields.values() {
                let ty = ty.trim_start_matches(['*', '%', '^']);
                assert!(
                    plain.contains(&ty) || table().contains_key(ty),
                    "{name}.{field}: {ty}"
                );
            }
        }
    }
}
