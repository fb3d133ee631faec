//! `cargo xtask messages`: the table of protocol buffers by which the embedded cluster reads built-in kinds.
//!
//! Input are the `generated.proto` files that Kubernetes publishes with its API types, and the
//! catalogue that [`crate::kinds`] wrote: only messages of its kinds are kept. Output is one line a
//! message, read by `kudo_simcluster`'s `protobuf` module, which says what the letters mean.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use flate2::read::GzDecoder;
use serde_json::{Map, Value};

use crate::kinds::{KindsError, write};

/// Folder of the data in the workspace.
const DATA: &str = "crates/kudo-simcluster/data";
/// What all names of definitions begin with.
const PREFIX: &str = "io.k8s.";
/// Messages that stand for a value of another form, and the letters of these.
const SPECIAL: &[(&str, &str)] = &[
    ("apimachinery.pkg.apis.meta.v1.Time", "t"),
    ("apimachinery.pkg.apis.meta.v1.MicroTime", "u"),
    ("apimachinery.pkg.apis.meta.v1.FieldsV1", "r"),
    ("apimachinery.pkg.runtime.RawExtension", "r"),
    ("apimachinery.pkg.util.intstr.IntOrString", "x"),
    ("apimachinery.pkg.api.resource.Quantity", "q"),
];

/// Where the messages come from.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Folders with `generated.proto` files, at any depth
    #[arg(required = true, value_name = "FOLDER")]
    folders: Vec<PathBuf>,
}

/// A field of a message: its number, its name, its type with `*` for a list or `%` for a map of it.
struct Field {
    number: u32,
    name: String,
    ty: String,
}

type Messages = BTreeMap<String, Vec<Field>>;

/// Writes the table; the answer is a line to print.
pub(crate) fn run(root: &Path, arguments: &Arguments) -> Result<String, KindsError> {
    let data = root.join(DATA);
    let definitions = catalogue(&data.join("types.json.gz"))?;
    let mut messages = Messages::new();
    for folder in &arguments.folders {
        read_all(folder, &mut messages)?;
    }
    let kinds = definitions.iter().filter(|(_, definition)| {
        let gvks = definition["x-kubernetes-group-version-kind"].as_array();
        gvks.is_some_and(|gvks| !gvks.is_empty())
    });
    let names = kinds.filter_map(|(name, _)| name.strip_prefix(PREFIX));
    let mut wanted: Vec<(String, String)> = names
        .map(|name| (name.to_owned(), name.to_owned()))
        .collect();
    let mut lines = BTreeMap::new();
    let mut seen = BTreeSet::new();
    while let Some((message, shown_in)) = wanted.pop() {
        let Some(fields) = messages.get(&message) else {
            continue;
        };
        if !seen.insert(message.clone()) {
            continue;
        }
        let definition = definitions.get(&format!("{PREFIX}{shown_in}"));
        let properties = definition.map_or(&Value::Null, |definition| &definition["properties"]);
        let mut texts = Vec::new();
        for field in fields {
            let own = (message.as_str(), shown_in.as_str());
            let Some((name, ty)) = resolve(&messages, properties, field, own, &mut wanted) else {
                continue;
            };
            texts.push(format!("{} {name} {ty}", field.number));
        }
        lines.insert(message, texts.join(", "));
    }
    let mut text = String::new();
    for (name, fields) in &lines {
        let _ = writeln!(text, "{name}: {fields}");
    }
    let bytes = write(&data.join("messages.txt.gz"), text.as_bytes())?;
    Ok(format!("messages: {}, {bytes} bytes", lines.len()))
}

/// Name and type of a field as the table has them; what the catalogue does not know is left out.
fn resolve(
    messages: &Messages,
    properties: &Value,
    field: &Field,
    (message, shown_in): (&str, &str),
    wanted: &mut Vec<(String, String)>,
) -> Option<(String, String)> {
    let known = properties.as_object().into_iter().flatten();
    let mut names = known.map(|(name, _)| name);
    let name = names.find(|name| name.eq_ignore_ascii_case(&field.name));
    let (marks, ty) = field
        .ty
        .split_at(field.ty.len() - field.ty.trim_start_matches(['*', '%']).len());
    let letter = match ty {
        "string" => "s",
        "bytes" => "y",
        "bool" => "b",
        "int32" | "int64" => "i",
        _ => "",
    };
    if !letter.is_empty() {
        return Some((name?.clone(), format!("{marks}{letter}")));
    }
    let package = message.rsplit_once('.').map_or("", |(package, _)| package);
    let ty = match ty.strip_prefix(".k8s.io.") {
        Some(absolute) => absolute.to_owned(),
        None => format!("{package}.{ty}"),
    };
    if let Some((_, letter)) = SPECIAL.iter().find(|(known, _)| *known == ty) {
        return Some((name?.clone(), format!("{marks}{letter}")));
    }
    let fields = messages.get(&ty)?;
    match (name, fields.as_slice()) {
        // A list within a map or list needs a message around it.
        (Some(name), [only])
            if only.name == "items" && only.ty == "*string" && !marks.is_empty() =>
        {
            Some((name.clone(), format!("{marks}l")))
        }
        (Some(name), _) => {
            wanted.push((ty.clone(), ty.clone()));
            Some((name.clone(), format!("{marks}{ty}")))
        }
        // Members of the one are members of the other in JSON.
        (None, fields) if marks.is_empty() => {
            let among = |field: &Field| {
                let mut members = properties.as_object().into_iter().flatten();
                members.any(|(name, _)| name.eq_ignore_ascii_case(&field.name))
            };
            if !fields.iter().any(among) {
                return None;
            }
            wanted.push((ty.clone(), shown_in.to_owned()));
            Some((field.name.clone(), format!("^{ty}")))
        }
        (None, _) => None,
    }
}

fn catalogue(path: &Path) -> Result<Map<String, Value>, KindsError> {
    let failed = |source| KindsError::File {
        path: path.to_owned(),
        source,
    };
    let packed = std::fs::read(path).map_err(failed)?;
    let mut text = Vec::new();
    GzDecoder::new(packed.as_slice())
        .read_to_end(&mut text)
        .map_err(failed)?;
    serde_json::from_slice(&text).map_err(|_| KindsError::Document(path.to_owned()))
}

fn read_all(folder: &Path, messages: &mut Messages) -> Result<(), KindsError> {
    let failed = |source| KindsError::File {
        path: folder.to_owned(),
        source,
    };
    for entry in std::fs::read_dir(folder).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        if path.is_dir() {
            read_all(&path, messages)?;
        } else if path.ends_with("generated.proto") {
            parse(&std::fs::read_to_string(&path).map_err(failed)?, messages);
        }
    }
    Ok(())
}

/// Reads a file: its messages are not nested, and each field is one line.
fn parse(text: &str, messages: &mut Messages) {
    let (mut package, mut current) = (String::new(), None);
    for line in text.lines() {
        let words: Vec<&str> = line
            .trim_end_matches(['{', ';'])
            .split_whitespace()
            .collect();
        match words.as_slice() {
            ["package", name] => {
                name.trim_start_matches("k8s.io.").clone_into(&mut package);
            }
            ["message", name] => {
                let name = format!("{package}.{name}");
                messages.insert(name.clone(), Vec::new());
                current = Some(name);
            }
            ["optional" | "repeated", ty, name, "=", number] => {
                let mark = if words[0] == "repeated" { "*" } else { "" };
                add(
                    messages,
                    current.as_ref(),
                    name,
                    format!("{mark}{ty}"),
                    number,
                );
            }
            ["map<string,", ty, name, "=", number] => {
                let ty = format!("%{}", ty.trim_end_matches('>'));
                add(messages, current.as_ref(), name, ty, number);
            }
            _ => {}
        }
    }
}

fn add(messages: &mut Messages, message: Option<&String>, name: &str, ty: String, number: &str) {
    let fields = message.and_then(|message| messages.get_mut(message));
    if let (Some(fields), Ok(number)) = (fields, number.parse()) {
        let name = name.to_owned();
        fields.push(Field { number, name, ty });
    }
}
