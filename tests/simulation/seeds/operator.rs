//! Operators made up at random: objects, parameters, and plans that deal with each object at most once, so
//! that what a plan comes to does not depend on the order of its tasks.

use std::collections::{BTreeMap, BTreeSet};

use fastrand::Rng;
use serde_json::{Value, json};

use crate::world::NAME;

/// Kind and name of an object.
pub(super) type Object = (&'static str, String);

/// What a completed plan has done.
#[derive(Debug, Default)]
pub(super) struct Effect {
    pub(super) applied: Vec<Object>,
    pub(super) deleted: Vec<Object>,
    /// Applied or deleted, as the parameter [`TOGGLE`] says.
    pub(super) toggled: Vec<Object>,
}

/// An operator in two versions.
pub(super) struct Operator {
    pub(super) versions: [Value; 2],
    /// By the name of the plan.
    pub(super) effects: BTreeMap<String, Effect>,
    /// Phase and step that deal with an object, by the name of the plan.
    steps: BTreeMap<String, BTreeMap<Object, String>>,
    /// What the parameter [`TOGGLE`] says unless it is given.
    pub(super) toggle: bool,
}

/// How many parameters there are: `P0` and so on.
pub(super) const PARAMETERS: usize = 2;

/// The parameter of the Toggle tasks.
pub(super) const TOGGLE: &str = "T";

/// A name of the plan that nothing but a trigger by hand runs.
pub(super) const MANUAL: &str = "special";

const KINDS: [&str; 7] = [
    "ConfigMap",
    "ConfigMap",
    "Secret",
    "Service",
    "Deployment",
    "StatefulSet",
    "Job",
];

impl Operator {
    pub(super) fn random(rng: &mut Rng) -> Self {
        let objects: Vec<&'static str> = (0..rng.usize(2..=6))
            .map(|_| KINDS[rng.usize(..KINDS.len())])
            .collect();
        let mut making = Making {
            rng,
            objects,
            tasks: Vec::new(),
            plans: serde_json::Map::new(),
            effects: BTreeMap::new(),
            steps: BTreeMap::new(),
        };
        let all: Vec<usize> = (0..making.objects.len()).collect();
        let (applied, toggled) = making.toggle_some(all);
        making.plan("deploy", &applied, &toggled, &[]);
        for name in ["update", "upgrade"] {
            if making.rng.bool() {
                let some = making.some();
                let (applied, toggled) = making.toggle_some(some);
                making.plan(name, &applied, &toggled, &[]);
            }
        }
        if making.rng.bool() {
            let mut some = making.some();
            let deleted = some.split_off(some.len() / 2);
            let (applied, toggled) = making.toggle_some(some);
            making.plan(MANUAL, &applied, &toggled, &deleted);
        }
        if making.rng.bool() {
            let some = making.some();
            making.plan("cleanup", &[], &[], &some);
        }
        let trigger = ["deploy", "update"]
            .into_iter()
            .find(|name| making.rng.bool() && making.effects.contains_key(*name));
        making.finish(trigger)
    }

    /// What a plan applies and what it deletes with such parameters.
    pub(super) fn effect(
        &self,
        plan: &str,
        parameters: &BTreeMap<String, String>,
    ) -> (Vec<Object>, Vec<Object>) {
        let effect = &self.effects[plan];
        let toggle = parameters.get(TOGGLE);
        let is_on = toggle.map_or(self.toggle, |value| value == "true");
        let (mut applied, mut deleted) = (effect.applied.clone(), effect.deleted.clone());
        let toggled = if is_on { &mut applied } else { &mut deleted };
        toggled.extend(effect.toggled.iter().cloned());
        (applied, deleted)
    }

    /// The step of a plan (`phase/step`) that deals with the object of a plural and a name.
    pub(super) fn step(&self, plan: &str, plural: &str, name: &str) -> Option<&str> {
        let mut steps = self.steps.get(plan)?.iter();
        let step = steps.find(|((kind, known), _)| {
            known == name && plural.strip_suffix('s') == Some(&*kind.to_lowercase())
        });
        step.map(|(_, step)| &**step)
    }

    /// Objects that plans other than `cleanup` delete, and which may be made anew later.
    pub(super) fn volatile(&self) -> BTreeSet<&Object> {
        let plans = self.effects.iter().filter(|(plan, _)| *plan != "cleanup");
        plans
            .flat_map(|(_, effect)| effect.deleted.iter().chain(&effect.toggled))
            .collect()
    }
}

struct Making<'a> {
    rng: &'a mut Rng,
    objects: Vec<&'static str>,
    tasks: Vec<Value>,
    plans: serde_json::Map<String, Value>,
    effects: BTreeMap<String, Effect>,
    steps: BTreeMap<String, BTreeMap<Object, String>>,
}

impl Making<'_> {
    /// Some objects, at least one.
    fn some(&mut self) -> Vec<usize> {
        let mut all: Vec<usize> = (0..self.objects.len()).collect();
        self.rng.shuffle(&mut all);
        all.truncate(self.rng.usize(1..=all.len()));
        all
    }

    /// Divides objects into those that are applied and those that are toggled.
    fn toggle_some(&mut self, objects: Vec<usize>) -> (Vec<usize>, Vec<usize>) {
        objects.into_iter().partition(|_| self.rng.u8(..4) > 0)
    }

    fn object(&self, index: usize) -> Object {
        (self.objects[index], format!("{NAME}-o{index}"))
    }

    fn plan(&mut self, name: &str, applied: &[usize], toggled: &[usize], deleted: &[usize]) {
        let mut tasks = self.tasks_of(name, "Apply", applied);
        tasks.extend(self.tasks_of(name, "Toggle", toggled));
        tasks.extend(self.tasks_of(name, "Delete", deleted));
        self.rng.shuffle(&mut tasks);
        let mut steps = Vec::new();
        for (index, tasks) in self.parts(tasks, 2).into_iter().enumerate() {
            steps.push(json!({ "name": format!("s{index}"), "tasks": tasks }));
        }
        let mut phases = Vec::new();
        for (index, steps) in self.parts(steps, 3).into_iter().enumerate() {
            for step in &steps {
                self.note_step(name, &format!("p{index}"), step);
            }
            phases.push(
                json!({ "name": format!("p{index}"), "strategy": self.strategy(), "steps": steps }),
            );
        }
        let plan = json!({ "strategy": self.strategy(), "phases": phases });
        self.plans.insert(name.to_owned(), plan);
        let objects = |indices: &[usize]| indices.iter().map(|&index| self.object(index)).collect();
        let effect = Effect {
            applied: objects(applied),
            deleted: objects(deleted),
            toggled: objects(toggled),
        };
        self.effects.insert(name.to_owned(), effect);
    }

    /// Notes which objects a step deals with.
    fn note_step(&mut self, plan: &str, phase: &str, step: &Value) {
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let path = format!("{phase}/{}", text(&step["name"]));
        let names = step["tasks"].as_array().into_iter().flatten();
        let tasks: Vec<&Value> = names
            .filter_map(|name| self.tasks.iter().find(|task| task["name"] == *name))
            .collect();
        let resources = tasks.into_iter().flat_map(|task| {
            let resources = task["spec"]["resources"].as_array();
            resources.into_iter().flatten()
        });
        let of_resource = |resource: &Value| {
            let number = text(resource);
            let number = number
                .strip_prefix('o')
                .unwrap()
                .strip_suffix(".yaml")
                .unwrap();
            self.object(number.parse().unwrap())
        };
        let objects: Vec<Object> = resources.map(of_resource).collect();
        let known = self.steps.entry(plan.to_owned()).or_default();
        known.extend(objects.into_iter().map(|object| (object, path.clone())));
    }

    /// Tasks of one or two objects each; their names.
    fn tasks_of(&mut self, plan: &str, kind: &str, objects: &[usize]) -> Vec<String> {
        let mut names = Vec::new();
        for objects in self.parts(objects.to_vec(), 2) {
            let name = format!("{plan}-{}", self.tasks.len());
            let resources: Vec<String> = objects
                .iter()
                .map(|index| format!("o{index}.yaml"))
                .collect();
            let mut spec = json!({ "resources": resources });
            if kind == "Toggle" {
                spec["parameter"] = TOGGLE.into();
            }
            self.tasks
                .push(json!({ "name": name, "kind": kind, "spec": spec }));
            names.push(name);
        }
        names
    }

    /// Cuts a list into parts of random length.
    fn parts<T>(&mut self, mut list: Vec<T>, longest: usize) -> Vec<Vec<T>> {
        let mut parts = Vec::new();
        while !list.is_empty() {
            let length = self.rng.usize(1..=longest).min(list.len());
            let rest = list.split_off(length);
            parts.push(std::mem::replace(&mut list, rest));
        }
        parts
    }

    fn strategy(&mut self) -> &'static str {
        if self.rng.bool() {
            "serial"
        } else {
            "parallel"
        }
    }

    fn finish(self, trigger: Option<&str>) -> Operator {
        let toggle = self.rng.bool();
        let version = |number: &str| {
            let templates: serde_json::Map<String, Value> = self
                .objects
                .iter()
                .enumerate()
                .map(|(index, kind)| {
                    (
                        format!("o{index}.yaml"),
                        template(index, kind, number).into(),
                    )
                })
                .collect();
            let mut parameters: Vec<Value> = (0..PARAMETERS)
                .map(|index| json!({ "name": format!("P{index}"), "default": "a", "trigger": trigger }))
                .collect();
            let default = toggle.to_string();
            parameters.push(json!({ "name": TOGGLE, "default": default, "trigger": trigger }));
            json!({
                "metadata": { "name": format!("random-{number}") },
                "spec": {
                    "operator": { "name": "random", "kind": "Operator" },
                    "version": number,
                    "parameters": parameters,
                    "templates": templates,
                    "tasks": self.tasks,
                    "plans": self.plans,
                },
            })
        };
        let versions = [version("1.0.0"), version("2.0.0")];
        Operator {
            versions,
            toggle,
            effects: self.effects,
            steps: self.steps,
        }
    }
}

/// The template of an object. What cannot be changed (of a Job, of a service) does not depend on parameters.
fn template(index: usize, kind: &str, version: &str) -> String {
    let name = format!("'{{{{ .Name }}}}-o{index}'");
    let value = format!("'{{{{ .Params.P{} }}}} {version}'", index % PARAMETERS);
    let labels = format!("{{app: o{index}}}");
    let workload = |more: &str| {
        let pod = format!(
            "template: {{metadata: {{labels: {labels}}}, spec: {{containers: [{{name: c, image: i, env: [{{name: V, \
             value: {value}}}]}}]}}}}"
        );
        format!("spec: {{{more}replicas: 2, selector: {{matchLabels: {labels}}}, {pod}}}")
    };
    let (version, rest) = match kind {
        "Deployment" => ("apps/v1", workload("")),
        "StatefulSet" => ("apps/v1", workload("serviceName: s, ")),
        "Job" => (
            "batch/v1",
            "spec: {template: {spec: {restartPolicy: Never, containers: [{name: c, image: i}]}}}"
                .to_owned(),
        ),
        "Service" => (
            "v1",
            format!("spec: {{ports: [{{port: 80}}], selector: {labels}}}"),
        ),
        "Secret" => ("v1", format!("stringData: {{v: {value}}}")),
        _ => ("v1", format!("data: {{v: {value}}}")),
    };
    format!("apiVersion: {version}\nkind: {kind}\nmetadata: {{name: {name}}}\n{rest}\n")
}
