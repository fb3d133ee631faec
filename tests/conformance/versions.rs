//! Where newer Kubernetes answers otherwise than the real server at hand: lifting an older answer.
//!
//! What holds for every object of a kind is in `newer.yaml`, what is particular to one request in
//! its case. Both only apply where the real server is older and the embedded one is not.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

use serde::Deserialize;
use serde_json::Value;

use crate::case::{Case, CaseError, Differs, read_yaml};
use crate::play::{Answer, Seen};
use crate::selector;

/// Major and minor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Version(u32, u32);

impl Version {
    /// From `/version`.
    pub(crate) fn of_server(answer: &Value) -> Self {
        let number = |name: &str| {
            let text = answer[name].as_str().unwrap_or_default();
            text.trim_end_matches('+').parse().unwrap_or_default()
        };
        Self(number("major"), number("minor"))
    }

    pub(crate) fn parse(text: &str) -> Self {
        let (major, minor) = text.split_once('.').unwrap_or((text, "0"));
        Self(
            major.parse().unwrap_or_default(),
            minor.parse().unwrap_or_default(),
        )
    }
}

/// What holds for every object of some kinds.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Rule {
    since: String,
    why: String,
    kinds: Vec<String>,
    /// Values of places that an older server leaves out; `$name` is the name of the object.
    #[serde(default)]
    set: BTreeMap<String, Value>,
    /// Places that hold what another place does, which an older server leaves out.
    #[serde(default)]
    copy: BTreeMap<String, String>,
    /// Places that are no more.
    #[serde(default)]
    remove: Vec<String>,
    /// Places not to be compared.
    #[serde(default)]
    ignore: Vec<String>,
    /// Parts of texts that are worded otherwise.
    #[serde(default)]
    words: BTreeMap<String, String>,
}

/// All rules.
pub(crate) struct Versions(Vec<Rule>);

impl Versions {
    pub(crate) fn read(path: &Path) -> Result<Self, CaseError> {
        Ok(Self(read_yaml(path)?.1))
    }

    /// Makes the pair of answers comparable: the older is changed to what a newer server says.
    pub(crate) fn lift(
        &self,
        differs: Option<&Differs>,
        (older, real): (Version, &mut Seen),
        (newer, embedded): (Version, &mut Seen),
    ) {
        let applies = |since: &str| {
            let since = Version::parse(since);
            older < since && since <= newer
        };
        for rule in self.0.iter().filter(|rule| applies(&rule.since)) {
            each_object(&mut real.answer, &rule.kinds, &mut |object| {
                let name = object["metadata"]["name"].clone();
                for (place, value) in &rule.set {
                    let value = if value == "$name" { &name } else { value };
                    selector::set_absent(object, place, value);
                }
                for (place, from) in &rule.copy {
                    if let Some(value) = selector::first(object, from) {
                        selector::set_absent(object, place, &value);
                    }
                }
                rule.remove
                    .iter()
                    .for_each(|place| selector::remove(object, place));
                for (older, newer) in &rule.words {
                    reword(object, older, newer);
                }
            });
            for answer in [&mut real.answer, &mut embedded.answer] {
                each_object(answer, &rule.kinds, &mut |object| {
                    rule.ignore
                        .iter()
                        .for_each(|place| selector::remove(object, place));
                });
            }
        }
        if let Some(differs) = differs.filter(|differs| applies(&differs.since)) {
            lift_one(differs, real, embedded);
        }
    }
}

/// Replaces a part of every text.
fn reword(value: &mut Value, older: &str, newer: &str) {
    match value {
        Value::String(text) => *text = text.replace(older, newer),
        Value::Array(items) => items.iter_mut().for_each(|item| reword(item, older, newer)),
        Value::Object(members) => members
            .values_mut()
            .for_each(|member| reword(member, older, newer)),
        _ => {}
    }
}

fn lift_one(differs: &Differs, real: &mut Seen, embedded: &mut Seen) {
    real.code = differs.code.unwrap_or(real.code);
    if let Some(content_type) = &differs.content_type {
        real.content_type.clone_from(content_type);
    }
    if let Some(warnings) = &differs.warnings {
        real.warnings.clone_from(warnings);
    }
    if let Some(body) = &differs.body {
        real.content_type = match body {
            Value::String(_) => "text/plain; charset=utf-8",
            _ => "application/json",
        }
        .to_owned();
        real.answer = match body {
            Value::String(text) => Answer::Text(text.clone()),
            Value::Array(events) => Answer::Events(events.clone()),
            other => Answer::Json(other.clone()),
        };
    }
    for (place, value) in &differs.set {
        real.answer
            .each(&mut |body| selector::set(body, place, value));
    }
    for place in &differs.remove {
        real.answer.each(&mut |body| selector::remove(body, place));
    }
    for place in &differs.ignore {
        for seen in [&mut *real, &mut *embedded] {
            seen.answer.each(&mut |body| selector::remove(body, place));
        }
    }
}

/// Acts on the object, the items of the list or the objects of the events, if of such a kind.
fn each_object(answer: &mut Answer, kinds: &[String], act: &mut impl FnMut(&mut Value)) {
    answer.each(&mut |body| {
        let kind = body["kind"].as_str().unwrap_or_default().to_owned();
        let wanted = |kind: &str| kinds.iter().any(|k| k == kind || k == "*");
        if wanted(&kind) {
            act(body);
        }
        let of_items = kind.strip_suffix("List").unwrap_or_default();
        if wanted(of_items)
            && let Some(items) = body["items"].as_array_mut()
        {
            items.iter_mut().for_each(&mut *act);
        }
        let in_event = body["object"]["kind"].as_str().unwrap_or_default();
        if wanted(in_event) {
            act(&mut body["object"]);
        }
    });
}

/// Every place where an exception is made, for people to read.
pub(crate) fn listing(versions: &Versions, cases: &[Case]) -> String {
    let mut text = String::new();
    for rule in &versions.0 {
        let places = rule.set.keys().chain(rule.copy.keys());
        let places = places.chain(&rule.remove).chain(&rule.ignore);
        let places = places.chain(rule.words.keys());
        let places: Vec<&str> = places.map(String::as_str).collect();
        let (since, kinds) = (&rule.since, rule.kinds.join(", "));
        let _ = writeln!(
            text,
            "{since}  {kinds}: {}: {}",
            places.join(", "),
            rule.why
        );
    }
    for case in cases {
        for (index, step) in case.script.steps.iter().enumerate() {
            let at = format!("{} step {}", case.name, index + 1);
            if let Some(differs) = &step.differs {
                let _ = writeln!(text, "{}  {at}: {}", differs.since, differs.why);
            }
            for (place, why) in &step.ignore {
                let _ = writeln!(text, "any   {at}: {place} not compared: {why}");
            }
        }
    }
    text
}
