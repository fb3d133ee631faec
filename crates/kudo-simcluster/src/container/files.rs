//! The files of a simulated container: those that an annotation tells of, and what is mounted.

use std::collections::BTreeMap;

use super::{Container, FILES_ANNOTATION, script};

/// What lies at a path.
pub(super) enum Found {
    File(Vec<u8>),
    /// The files below it with what they hold, by their paths from the root.
    Directory(Vec<(String, Vec<u8>)>),
}

impl Container {
    /// What lies at a path. A file that nothing tells of is there if a volume is mounted above it: what
    /// wrote it was simulated, too.
    pub(super) fn find(&self, path: &str) -> Result<Option<Found>, String> {
        let told: BTreeMap<String, String> = script::read(FILES_ANNOTATION, &self.files)?;
        let told = told.into_iter();
        let mut told: BTreeMap<String, Vec<u8>> = told
            .map(|(path, content)| (clean(&path), content.into_bytes()))
            .collect();
        let path = clean(path);
        if let Some(content) = told.remove(&path) {
            return Ok(Some(Found::File(content)));
        }
        told.retain(|file, _| is_below(file, &path));
        let mounts: Vec<String> = self.mounts.iter().map(|mount| clean(mount)).collect();
        let is_above = |mount: &String| *mount == path || is_below(mount, &path);
        if !told.is_empty() || mounts.iter().any(is_above) {
            return Ok(Some(Found::Directory(told.into_iter().collect())));
        }
        let is_mounted = |mount: &String| is_below(&path, mount) && mount != "/";
        let is_mounted = mounts.iter().any(is_mounted);
        let content = format!("# {path} of simulated pod {}\n", self.pod);
        Ok(is_mounted.then(|| Found::File(content.into_bytes())))
    }
}

/// Whether a clean path leads below another.
fn is_below(path: &str, above: &str) -> bool {
    let rest = path.strip_prefix(above.trim_end_matches('/'));
    rest.is_some_and(|rest| rest.len() > 1 && rest.starts_with('/'))
}

/// A path from the root, without `.` and `..`.
pub(super) fn clean(path: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    format!("/{}", parts.join("/"))
}
