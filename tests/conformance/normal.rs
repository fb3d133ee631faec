//! Replaces what chance decides (uids, times, versions, addresses, made-up names) by stable words.
//!
//! What is replaced keeps its identity: the first uid of a case becomes `<uid-1>` wherever it turns
//! up again, so two objects that should share one are still seen to.

use std::collections::HashMap;
use std::sync::LazyLock;

use regex::{Captures, Regex};
use serde_json::{Map, Value};

use crate::case::Case;
use crate::play::{Answer, Seen};

static UID: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}").unwrap()
});
static TIME: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z").unwrap());
static ADDRESS: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"\b10\.\d+\.\d+\.\d+\b").unwrap());
static OLD_VERSION: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"resource version: \d+ \(\d+\)|, current: \d+|in record \(\d+\)").unwrap()
});
static POINTER: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"\(0x[0-9a-f]+\)").unwrap());
static REPLICA_SET: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r#"ReplicaSet "(\S+)-[a-z0-9]{5,10}""#).unwrap());
static TOKEN_VOLUME: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"\bkube-api-access-[a-z0-9]{5}\b").unwrap());
static AGE: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"^(\d+[smhd])+$").unwrap());

/// Labels whose values controllers make up.
const MADE_UP_LABELS: [&str; 4] = [
    "pod-template-hash",
    "controller-revision-hash",
    "controller-uid",
    "batch.kubernetes.io/controller-uid",
];

/// What has been replaced so far, for one case on one server.
pub(crate) struct Normalizer<'a> {
    case: &'a Case,
    /// By what is replaced: its kind of word and its number.
    words: HashMap<String, String>,
    counts: HashMap<&'static str, usize>,
    /// Names and hashes, which are replaced inside longer texts, too; the longest first.
    made_up: Vec<(String, String)>,
}

impl<'a> Normalizer<'a> {
    pub(crate) fn new(case: &'a Case) -> Self {
        Self {
            case,
            words: HashMap::new(),
            counts: HashMap::new(),
            made_up: Vec::new(),
        }
    }

    pub(crate) fn normalize(&mut self, seen: &mut Seen) {
        match &mut seen.answer {
            Answer::Text(text) => *text = self.text(text),
            Answer::Json(body) => self.document(body),
            Answer::Events(events) => events.iter_mut().for_each(|event| self.document(event)),
        }
        seen.warnings = seen.warnings.iter().map(|text| self.text(text)).collect();
    }

    fn document(&mut self, body: &mut Value) {
        hide_ages(body);
        hide_ages(&mut body["object"]);
        self.learn(body);
        self.made_up
            .sort_by_key(|(text, _)| std::cmp::Reverse(text.len()));
        self.value(body, "");
    }

    /// Finds names and hashes that the server has made up.
    fn learn(&mut self, value: &Value) {
        if let Value::Array(elements) = value {
            for element in elements {
                self.learn(element);
            }
        }
        let Value::Object(members) = value else {
            return;
        };
        members.values().for_each(|member| self.learn(member));
        let text = |name: &str| members.get(name).and_then(Value::as_str);
        for label in MADE_UP_LABELS {
            if let Some(hash) = text(label).filter(|hash| !hash.is_empty()) {
                if UID.is_match(hash) {
                    continue;
                }
                // A revision is labelled with its owner's name and the hash.
                let hash = hash.rsplit('-').next().unwrap_or(hash).to_owned();
                let known = self.made_up.iter().any(|(text, _)| *text == hash);
                if !known {
                    let word = self.count("hash");
                    self.made_up.push((hash, word));
                }
            }
        }
        if let (Some(start), Some(name)) = (text("generateName"), text("name"))
            // A number at the end (of a stateful set's pods) is not made up.
            && let Some(end) = name.strip_prefix(start).filter(|end| end.len() > 3)
            && !self.made_up.iter().any(|(text, _)| text == end)
        {
            let word = self.count("suffix");
            self.made_up.push((end.to_owned(), word));
        }
    }

    fn value(&mut self, value: &mut Value, key: &str) {
        match value {
            Value::String(text) => *text = self.member(key, text),
            Value::Array(elements) => {
                for element in elements {
                    self.value(element, key);
                }
            }
            Value::Object(members) => {
                if let Some(entries) = members.get_mut("managedFields") {
                    sort_entries(entries);
                }
                if !self.case.script.managed_fields {
                    members.remove("managedFields");
                }
                if key == "metadata" {
                    hide_list_version(members);
                }
                members
                    .iter_mut()
                    .for_each(|(key, member)| self.value(member, key));
            }
            _ => {}
        }
    }

    fn member(&mut self, key: &str, text: &str) -> String {
        let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        match key {
            "resourceVersion" if digits && !self.case.text.contains(&format!("\"{text}\"")) => {
                self.word("version", text)
            }
            "continue" if !text.is_empty() => "<continue>".to_owned(),
            _ => self.text(text),
        }
    }

    fn text(&mut self, text: &str) -> String {
        let mut text = text.to_owned();
        for (made_up, word) in &self.made_up {
            text = text.replace(made_up, word);
        }
        let text = self.replaced(&UID, "uid", &text);
        let text = self.replaced(&ADDRESS, "address", &text);
        let text = self.replaced(&TOKEN_VOLUME, "token-volume", &text);
        let text = REPLICA_SET.replace_all(&text, "ReplicaSet \"$1-<template>\"");
        let text = POINTER.replace_all(&text, "(<pointer>)");
        let text = OLD_VERSION.replace_all(&text, "<versions>");
        TIME.replace_all(&text, |found: &Captures| {
            self.unless_written(&found[0], "<time>")
        })
        .into_owned()
    }

    fn replaced(&mut self, pattern: &Regex, kind: &'static str, text: &str) -> String {
        let replace = |found: &Captures| {
            if self.case.text.contains(&found[0]) {
                found[0].to_owned()
            } else {
                self.word(kind, &found[0])
            }
        };
        pattern.replace_all(text, replace).into_owned()
    }

    /// What the case itself says is left as it is.
    fn unless_written(&self, found: &str, word: &str) -> String {
        if self.case.text.contains(found) {
            found.to_owned()
        } else {
            word.to_owned()
        }
    }

    fn word(&mut self, kind: &'static str, text: &str) -> String {
        let key = format!("{kind} {text}");
        if let Some(word) = self.words.get(&key) {
            return word.clone();
        }
        let word = self.count(kind);
        self.words.insert(key, word.clone());
        word
    }

    fn count(&mut self, kind: &'static str) -> String {
        let count = self.counts.entry(kind).or_default();
        *count += 1;
        format!("<{kind}-{count}>")
    }
}

/// The version of a list is the server's: what else went on there is in it.
fn hide_list_version(metadata: &mut Map<String, Value>) {
    let is_list = !metadata.contains_key("name") && !metadata.contains_key("uid");
    if let Some(version) = metadata.get_mut("resourceVersion").filter(|_| is_list) {
        *version = "<version>".into();
    }
}

fn hide_ages(table: &mut Value) {
    if table["kind"] != "Table" {
        return;
    }
    for row in table["rows"].as_array_mut().into_iter().flatten() {
        for cell in row["cells"].as_array_mut().into_iter().flatten() {
            if cell.as_str().is_some_and(|text| AGE.is_match(text)) {
                *cell = "<age>".into();
            }
        }
    }
}

/// Orders entries by what they are of: a server orders them by seconds first.
fn sort_entries(entries: &mut Value) {
    let text = |entry: &Value, field: &str| entry[field].as_str().unwrap_or_default().to_owned();
    if let Some(entries) = entries.as_array_mut() {
        entries.sort_by_key(|entry| {
            ["operation", "manager", "subresource"].map(|field| text(entry, field))
        });
    }
}
