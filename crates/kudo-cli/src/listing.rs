//! Objects as names and as columns, the way kubectl prints them.

use serde_json::Value;
use tabled::builder::Builder;
use tabled::settings::{Padding, Style};

use crate::arguments::Format;
use crate::error::Error;
use crate::output::{Output, Structured};

/// Prints the objects where `-o` asks for them.
pub(crate) fn print_objects(
    output: &Output,
    format: Option<Format>,
    objects: &[Value],
) -> Result<(), Error> {
    if format == Some(Format::Name) {
        let names: Vec<String> = objects.iter().map(resource_name).collect();
        return output.data(&names.join("\n"));
    }
    match Structured::from_format(format) {
        Some(structured) => output.objects(structured, objects),
        None => Ok(()),
    }
}

/// An object's name as kubectl prints it with `-o name`: `instance.kudo.dev/galera-instance`.
pub(crate) fn resource_name(object: &Value) -> String {
    let text = |pointer: &str| {
        object
            .pointer(pointer)
            .and_then(Value::as_str)
            .unwrap_or_default()
    };
    let kind = text("/kind").to_lowercase();
    let name = text("/metadata/name");
    match text("/apiVersion").split_once('/') {
        Some((group, _)) => format!("{kind}.{group}/{name}"),
        None => format!("{kind}/{name}"),
    }
}

/// Columns under headings, with three spaces between, as kubectl prints them; nothing for no rows.
pub(crate) fn table(headings: &[&str], rows: impl Iterator<Item = Vec<String>>) -> Option<String> {
    let mut builder = Builder::default();
    builder.push_record(headings.iter().copied());
    let mut empty = true;
    for row in rows {
        empty = false;
        builder.push_record(row);
    }
    if empty {
        return None;
    }
    let mut table = builder.build();
    table.with(Style::empty()).with(Padding::new(0, 3, 0, 0));
    let lines: Vec<String> = table
        .to_string()
        .lines()
        .map(|l| l.trim_end().to_owned())
        .collect();
    Some(lines.join("\n"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn tables_have_columns() {
        let rows = [
            vec!["a".to_owned(), "long value".to_owned()],
            vec!["bcd".to_owned(), String::new()],
        ];
        let drawn = table(&["NAME", "VALUE"], rows.into_iter()).unwrap();
        assert_eq!(drawn, "NAME   VALUE\na      long value\nbcd");
        assert!(table(&["NAME"], std::iter::empty()).is_none());
    }

    #[test]
    fn names_are_those_of_kubectl() {
        let name = |api_version, kind| {
            resource_name(&json!({ "apiVersion": api_version, "kind": kind,
                "metadata": { "name": "a" } }))
        };
        assert_eq!(name("kudo.dev/v1beta1", "Instance"), "instance.kudo.dev/a");
        assert_eq!(name("v1", "ConfigMap"), "configmap/a");
    }
}
