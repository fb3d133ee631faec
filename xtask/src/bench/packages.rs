//! The operator versions that are measured with.

use kudo_api::OperatorVersion;
use serde_json::{Map, Value, json};

use super::BenchError;
use super::cluster::from_json;

/// Name of the version with one step of ten objects.
pub(super) const WIDE: &str = "wide-0.1.0";
/// Name of the version with twenty steps of one object each.
pub(super) const LONG: &str = "long-0.1.0";
/// Name of the version with the plan of a [`parent`] and no children.
pub(super) const LONELY: &str = "lonely-0.1.0";
/// Children of an instance of a [`parent`].
pub(super) const CHILDREN: usize = 10;
/// Objects of an instance of [`WIDE`].
pub(super) const OBJECTS: usize = 10;
/// Steps of an instance of [`LONG`].
pub(super) const STEPS: usize = 20;

/// Ten objects, ready at once, in one step.
pub(super) fn wide() -> Result<OperatorVersion, BenchError> {
    let resources: Vec<String> = (0..OBJECTS).map(template_name).collect();
    let task = json!({ "name": "all", "kind": "Apply", "spec": { "resources": resources } });
    version(
        WIDE,
        "wide",
        OBJECTS,
        &[task],
        &[json!({ "name": "all", "tasks": ["all"] })],
    )
}

/// Twenty steps in a row, an object each, ready at once.
pub(super) fn long() -> Result<OperatorVersion, BenchError> {
    let task = |i: usize| {
        let spec = json!({ "resources": [template_name(i)] });
        json!({ "name": format!("task-{i}"), "kind": "Apply", "spec": spec })
    };
    let step = |i: usize| json!({ "name": format!("step-{i}"), "tasks": [format!("task-{i}")] });
    let tasks: Vec<Value> = (0..STEPS).map(task).collect();
    let steps: Vec<Value> = (0..STEPS).map(step).collect();
    version(LONG, "long", STEPS, &tasks, &steps)
}

/// A version of this name that installs [`CHILDREN`] instances of [`WIDE`], whose names begin with it, in
/// one step.
pub(super) fn parent(name: &str) -> Result<OperatorVersion, BenchError> {
    let task = |i: usize| {
        let spec = json!({
            "package": "wide",
            "operatorVersion": "0.1.0",
            "instanceName": format!("{name}-{i}"),
        });
        json!({ "name": format!("child-{i}"), "kind": "KudoOperator", "spec": spec })
    };
    let tasks: Vec<Value> = (0..CHILDREN).map(task).collect();
    let names: Vec<&Value> = tasks.iter().map(|task| &task["name"]).collect();
    let step = json!({ "name": "children", "tasks": names });
    version(name, "parent", 0, &tasks, &[step])
}

/// One step that does nothing.
pub(super) fn lonely() -> Result<OperatorVersion, BenchError> {
    let task = json!({ "name": "nothing", "kind": "Dummy", "spec": { "done": true } });
    let step = json!({ "name": "children", "tasks": ["nothing"] });
    version(LONELY, "lonely", 0, &[task], &[step])
}

fn version(
    name: &str,
    operator: &str,
    templates: usize,
    tasks: &[Value],
    steps: &[Value],
) -> Result<OperatorVersion, BenchError> {
    let templates: Map<String, Value> = (0..templates)
        .map(|i| (template_name(i), template(i).into()))
        .collect();
    from_json(json!({
        "metadata": { "name": name },
        "spec": {
            "operator": { "name": operator },
            "version": "0.1.0",
            "templates": templates,
            "tasks": tasks,
            "parameters": [{ "name": "GREETING", "default": "hello", "required": false }],
            "plans": { "deploy": {
                "strategy": "serial",
                "phases": [{ "name": "main", "strategy": "serial", "steps": steps }],
            }},
        },
    }))
}

fn template_name(index: usize) -> String {
    format!("config-{index}.yaml")
}

/// An object of some substance, so that its size is no flattery.
fn template(index: usize) -> String {
    format!(
        "apiVersion: v1
kind: ConfigMap
metadata:
  name: {{{{ .Name }}}}-{index}
  labels:
    app: {{{{ .Name }}}}
data:
  greeting: {{{{ .Params.GREETING | quote }}}}
  server.conf: |
    [server]
    name = {{{{ .Name }}}}.{{{{ .Namespace }}}}
    port = {{{{ add 8000 {index} }}}}
    {{{{- range $i := until 5 }}}}
    peer-{{{{ $i }}}} = {{{{ $.Name }}}}-{{{{ $i }}}}.{{{{ $.Namespace }}}}.svc.cluster.local
    {{{{- end }}}}
"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_versions_have_their_objects() {
        let (wide, long) = (wide().unwrap(), long().unwrap());
        assert_eq!(wide.spec.templates.len(), OBJECTS);
        assert_eq!(wide.spec.plans["deploy"].phases[0].steps.len(), 1);
        assert_eq!(long.spec.plans["deploy"].phases[0].steps.len(), STEPS);
        assert!(template(3).contains("{{ .Name }}-3\n"), "{}", template(3));
        assert!(
            template(3).contains("{{- range $i := until 5 }}"),
            "{}",
            template(3)
        );
    }
}
