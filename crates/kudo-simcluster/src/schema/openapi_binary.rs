//! The second version's `OpenAPI` document as protocol buffers, which kubectl before 1.27 insists on.
//!
//! The messages are those of gnostic's `openapi.v2`; the numbers below are its fields.

use serde_json::{Map, Value};

/// A message that is being written.
#[derive(Default)]
struct Message(Vec<u8>);

impl Message {
    fn number(&mut self, mut number: u64) {
        while number >= 0x80 {
            self.0
                .push(u8::try_from(number & 0x7f).unwrap_or_default() | 0x80);
            number >>= 7;
        }
        self.0.push(u8::try_from(number).unwrap_or_default());
    }

    fn bytes(&mut self, field: u64, bytes: &[u8]) {
        self.number(field << 3 | 2);
        self.number(bytes.len() as u64);
        self.0.extend_from_slice(bytes);
    }

    fn text(&mut self, field: u64, value: &Value) {
        if let Some(text) = value.as_str() {
            self.bytes(field, text.as_bytes());
        }
    }

    fn texts(&mut self, field: u64, value: &Value) {
        for text in value.as_array().into_iter().flatten() {
            self.text(field, text);
        }
    }

    fn flag(&mut self, field: u64, value: &Value) {
        if value.as_bool() == Some(true) {
            self.number(field << 3);
            self.number(1);
        }
    }

    fn count(&mut self, field: u64, value: &Value) {
        if let Some(count) = value.as_u64() {
            self.number(field << 3);
            self.number(count);
        }
    }

    fn double(&mut self, field: u64, value: &Value) {
        if let Some(double) = value.as_f64() {
            self.number(field << 3 | 1);
            self.0.extend_from_slice(&double.to_le_bytes());
        }
    }

    fn message(&mut self, field: u64, write: impl FnOnce(&mut Self)) {
        let mut inner = Self::default();
        write(&mut inner);
        self.bytes(field, &inner.0);
    }

    /// Any value, as YAML, which JSON is.
    fn any(&mut self, field: u64, value: &Value) {
        if !value.is_null() {
            self.message(field, |any| any.bytes(2, value.to_string().as_bytes()));
        }
    }

    /// Members of a map: a name and a message each.
    fn named(&mut self, field: u64, name: &str, write: impl FnOnce(&mut Self)) {
        self.message(field, |entry| {
            entry.bytes(1, name.as_bytes());
            entry.message(2, write);
        });
    }

    /// Members whose names begin with `x-`.
    fn extensions(&mut self, field: u64, value: &Value) {
        for (name, value) in members(value).filter(|(name, _)| name.starts_with("x-")) {
            let text = value.to_string();
            self.named(field, name, |any| any.bytes(2, text.as_bytes()));
        }
    }

    fn schema(&mut self, schema: &Value) {
        for (field, name) in [(1, "$ref"), (2, "format"), (3, "title"), (4, "description")] {
            self.text(field, &schema[name]);
        }
        self.any(5, &schema["default"]);
        self.double(6, &schema["multipleOf"]);
        self.double(7, &schema["maximum"]);
        self.flag(8, &schema["exclusiveMaximum"]);
        self.double(9, &schema["minimum"]);
        self.flag(10, &schema["exclusiveMinimum"]);
        self.count(11, &schema["maxLength"]);
        self.count(12, &schema["minLength"]);
        self.text(13, &schema["pattern"]);
        self.count(14, &schema["maxItems"]);
        self.count(15, &schema["minItems"]);
        self.flag(16, &schema["uniqueItems"]);
        self.count(17, &schema["maxProperties"]);
        self.count(18, &schema["minProperties"]);
        self.texts(19, &schema["required"]);
        for value in schema["enum"].as_array().into_iter().flatten() {
            self.any(20, value);
        }
        match &schema["additionalProperties"] {
            Value::Bool(allowed) => self.message(21, |item| {
                item.number(2 << 3);
                item.number(u64::from(*allowed));
            }),
            Value::Object(_) => self.message(21, |item| {
                item.message(1, |inner| inner.schema(&schema["additionalProperties"]));
            }),
            _ => {}
        }
        if schema["type"].is_string() {
            self.message(22, |item| item.text(1, &schema["type"]));
        }
        if schema["items"].is_object() {
            let items = &schema["items"];
            self.message(23, |item| item.message(1, |inner| inner.schema(items)));
        }
        for part in schema["allOf"].as_array().into_iter().flatten() {
            self.message(24, |inner| inner.schema(part));
        }
        if schema["properties"].is_object() {
            self.message(25, |properties| {
                for (name, property) in members(&schema["properties"]) {
                    properties.named(1, name, |inner| inner.schema(property));
                }
            });
        }
        self.extensions(31, schema);
    }

    fn operation(&mut self, operation: &Value) {
        for parameter in operation["parameters"].as_array().into_iter().flatten() {
            // A parameter that is one itself, is none of the body, and is in the query.
            self.message(8, |item| {
                item.message(1, |item| {
                    item.message(2, |item| {
                        item.message(3, |query| {
                            query.text(2, &parameter["in"]);
                            query.text(4, &parameter["name"]);
                            query.text(6, &parameter["type"]);
                            query.flag(20, &parameter["uniqueItems"]);
                        });
                    });
                });
            });
        }
        self.extensions(13, operation);
    }
}

fn members(value: &Value) -> impl Iterator<Item = (&String, &Value)> {
    value.as_object().into_iter().flat_map(Map::iter)
}

/// The bytes of a document that [`super::openapi_v2`] made.
pub fn openapi_v2_binary(document: &Value) -> Vec<u8> {
    let mut out = Message::default();
    out.text(1, &document["swagger"]);
    out.message(2, |info| {
        info.text(1, &document["info"]["title"]);
        info.text(2, &document["info"]["version"]);
    });
    out.message(8, |paths| {
        for (path, item) in members(&document["paths"]) {
            paths.named(2, path, |message| {
                let verbs = [
                    (2, "get"),
                    (3, "put"),
                    (4, "post"),
                    (5, "delete"),
                    (8, "patch"),
                ];
                for (field, verb) in verbs {
                    if item[verb].is_object() {
                        message.message(field, |inner| inner.operation(&item[verb]));
                    }
                }
            });
        }
    });
    out.message(9, |definitions| {
        for (name, schema) in members(&document["definitions"]) {
            definitions.named(1, name, |inner| inner.schema(schema));
        }
    });
    out.0
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::openapi_v2_binary;

    #[test]
    fn a_document_is_written_field_by_field() {
        let document = json!({
            "swagger": "2.0",
            "info": { "title": "K", "version": "v1" },
            "paths": {},
            "definitions": { "A": { "type": "object", "x-a": true } },
        });
        let expected = [
            &b"\x0a\x032.0"[..],
            b"\x12\x07\x0a\x01K\x12\x02v1",
            b"\x42\x00",
            // definitions: one entry, its name, its schema: type, extension
            b"\x4a\x22\x0a\x20\x0a\x01A\x12\x1b",
            b"\xb2\x01\x08\x0a\x06object",
            b"\xfa\x01\x0d\x0a\x03x-a\x12\x06\x12\x04true",
        ];
        let written = openapi_v2_binary(&document);
        let shown = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        assert_eq!(shown(&written), shown(&expected.concat()));
    }
}
