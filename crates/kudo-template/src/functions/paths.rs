//! File paths as texts; no file is ever looked at.

use super::arguments::text;
use super::{Function, Param, fixed};
use crate::value::Value;

const TEXT: &[Param] = &[Param::Text];

pub(super) const FUNCTIONS: &[Function] = &[
    fixed("osBase", TEXT, |_, a| Ok(base(&text(a, 0)).into())),
    fixed("osClean", TEXT, |_, a| Ok(clean(&text(a, 0)).into())),
    fixed("osDir", TEXT, |_, a| Ok(directory(&text(a, 0)).into())),
    fixed("osExt", TEXT, |_, a| Ok(extension(&text(a, 0)).into())),
    fixed("osIsAbs", TEXT, |_, a| {
        Ok(Value::Bool(text(a, 0).starts_with('/')))
    }),
];

/// The last element of a path.
fn base(path: &str) -> String {
    if path.is_empty() {
        return ".".to_owned();
    }
    let trimmed = path.trim_end_matches('/');
    let name = trimmed.rsplit('/').next().unwrap_or("");
    if name.is_empty() { "/" } else { name }.to_owned()
}

/// The shortest path that means the same, with no look at the file system.
fn clean(path: &str) -> String {
    let rooted = path.starts_with('/');
    let mut kept: Vec<&str> = Vec::new();
    for element in path.split('/') {
        match element {
            "" | "." => {}
            ".." if kept.last().is_some_and(|last| *last != "..") => {
                kept.pop();
            }
            ".." if rooted => {}
            other => kept.push(other),
        }
    }
    let joined = kept.join("/");
    match (rooted, joined.is_empty()) {
        (true, _) => format!("/{joined}"),
        (false, true) => ".".to_owned(),
        (false, false) => joined,
    }
}

/// All but the last element of a path.
fn directory(path: &str) -> String {
    let end = path.rfind('/').map_or(0, |slash| slash + 1);
    clean(&path[..end])
}

/// From the last point of the last element on.
fn extension(path: &str) -> String {
    let name = path.rsplit('/').next().unwrap_or("");
    name.rfind('.')
        .map_or("", |point| &name[point..])
        .to_owned()
}
