//! Decodes `params.yaml`.

use serde_json::Value;

use super::Group;
use super::decoder::{Decoder, STRUCTURE};
use super::fields::{Field, Path};
use crate::parameter::{Parameter, ValueType};
use crate::yaml::{self, Node, NodeKind};

const PARAMS_FIELDS: &[Field] = &[
    Field::scalar("apiVersion"),
    Field::list("groups"),
    Field::list("parameters"),
];
const GROUP_FIELDS: &[Field] = &[
    Field::needed("name"),
    Field::scalar("displayName"),
    Field::scalar("description"),
    Field::scalar("prio"),
];
const PARAMETER_FIELDS: &[Field] = &[
    Field::needed("name"),
    Field::prose("displayName"),
    Field::prose("description"),
    Field::scalar("required"),
    Field::any("default"),
    Field::scalar("trigger"),
    Field::scalar("type"),
    Field::scalar("immutable"),
    Field::list("enum"),
    Field::scalar("group"),
    Field::scalar("advanced"),
    Field::prose("hint"),
];

/// What `params.yaml` says.
#[derive(Default)]
pub(super) struct ParamsFile {
    pub(super) parameters: Vec<Parameter>,
    pub(super) groups: Vec<Group>,
}

/// Decodes the file; an empty one is one without parameters.
pub(super) fn decode(decoder: &mut Decoder<'_>, bytes: &[u8]) -> ParamsFile {
    let Some(node) = decoder.parse(bytes) else {
        return ParamsFile::default();
    };
    if matches!(node.kind, NodeKind::Scalar(Value::Null)) {
        return ParamsFile::default();
    }
    let Some(fields) = decoder.fields(&node, &Path::root(), PARAMS_FIELDS) else {
        return ParamsFile::default();
    };
    decoder.api_version(&fields);
    ParamsFile {
        groups: decoder
            .items(fields.get("groups"))
            .into_iter()
            .map(|(node, path)| decoder.group(node, &path).unwrap_or_default())
            .collect(),
        parameters: decoder
            .items(fields.get("parameters"))
            .into_iter()
            .map(|(node, path)| decoder.parameter(node, &path).unwrap_or_default())
            .collect(),
    }
}

impl Decoder<'_> {
    fn group(&mut self, node: &Node, path: &Path) -> Option<Group> {
        let fields = self.fields(node, path, GROUP_FIELDS)?;
        Some(Group {
            name: self.required_text(&fields, "name"),
            display_name: self.optional(&fields, "displayName"),
            description: self.optional(&fields, "description"),
            priority: self.integer(fields.get("prio")),
        })
    }

    fn parameter(&mut self, node: &Node, path: &Path) -> Option<Parameter> {
        let fields = self.fields(node, path, PARAMETER_FIELDS)?;
        let types = ValueType::ALL.map(ValueType::as_str);
        let value_type = self.word(fields.get("type"), &types, |text| text.parse().ok());
        let value_type = value_type.unwrap_or_default();
        let choices = fields.get("enum");
        let default = fields.get("default");
        if let Some((node, path)) = &default {
            self.warn_if_misread(node, path, value_type);
        }
        Some(Parameter {
            name: self.required_text(&fields, "name"),
            display_name: self.optional(&fields, "displayName"),
            description: self.optional(&fields, "description"),
            required: self.boolean(fields.get("required")).unwrap_or(true),
            default: default.map(|(node, _)| stored_text(&node.to_value())),
            trigger: self.optional(&fields, "trigger"),
            value_type,
            immutable: self.boolean(fields.get("immutable")).unwrap_or(false),
            enum_values: choices.map(|node| self.choices(node, value_type)),
            group: self.optional(&fields, "group"),
            advanced: self.boolean(fields.get("advanced")).unwrap_or(false),
            hint: self.optional(&fields, "hint"),
        })
    }

    /// Warns about a value whose stored text is not what is written. `True` for `true` is no
    /// surprise, and neither is `yes` where a boolean is wanted.
    fn warn_if_misread(&mut self, node: &Node, path: &Path, value_type: ValueType) {
        let (NodeKind::Scalar(value), Some(written)) = (&node.kind, &node.written) else {
            return;
        };
        let fine = value.is_boolean()
            && (value_type == ValueType::Boolean
                || written.eq_ignore_ascii_case(&scalar_text(value)));
        if !fine {
            self.warn_if_changed(node, path);
        }
    }

    fn choices(&mut self, node: (&Node, Path), value_type: ValueType) -> Vec<String> {
        let mut texts = Vec::new();
        for (node, path) in self.items(Some(node)) {
            if matches!(node.kind, NodeKind::Scalar(Value::Null)) {
                self.error(
                    STRUCTURE,
                    &path,
                    node.mark,
                    "expected a value, found nothing",
                );
                self.unread(&path);
                texts.push(String::new());
            } else {
                self.warn_if_misread(node, &path, value_type);
                texts.push(stored_text(&node.to_value()));
            }
        }
        texts
    }
}

/// A value as parameters store it: scalars as they print, lists and maps as YAML.
fn stored_text(value: &Value) -> String {
    match value {
        Value::Array(_) | Value::Object(_) => yaml::to_string(value),
        scalar => scalar_text(scalar),
    }
}

/// A scalar as it prints.
pub(super) fn scalar_text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Number(number) => yaml::number_text(number),
        other => other.to_string(),
    }
}
