//! Tasks, plans and objects.

use std::collections::BTreeMap;

use kudo_package::{Package, Task, TaskSpec};
use kudo_template::{
    Action, InstanceIdentity, Limits, RenderTaskError, RenderedTask, Renderer, StepAddress,
    objects, render_plan, render_task,
};
use serde_json::{Value, json};

const INSTANCE: InstanceIdentity<'static> = InstanceIdentity {
    name: "My_Inst",
    namespace: "ns",
};

fn package() -> Package {
    let operator = "
apiVersion: kudo.dev/v1beta1
name: op
operatorVersion: 1.0.0
appVersion: '7'
tasks:
  - {name: app, kind: Apply, spec: {resources: [a.yaml, b.yaml.hbs]}}
  - {name: gone, kind: Delete, spec: {resources: [a.yaml]}}
  - {name: flag, kind: Toggle, spec: {resources: [a.yaml], parameter: FLAG}}
  - {name: Gen-Files, kind: Pipe, spec: {pod: pod.yaml, pipe: [{file: /tmp/x, kind: Secret, key: Tls_1}]}}
  - {name: child, kind: KudoOperator, spec: {package: child, instanceName: kid, parameterFile: child.yaml}}
  - {name: nothing, kind: Dummy, spec: {done: true}}
plans:
  deploy:
    strategy: serial
    phases:
      - name: Main
        strategy: serial
        steps:
          - {name: files, tasks: [Gen-Files]}
          - {name: rest, tasks: [app, child, nothing]}
";
    let params = "
apiVersion: kudo.dev/v1beta1
parameters:
  - {name: FLAG, default: true, type: boolean}
";
    let object = "apiVersion: v1\nkind: A\nmetadata: {name: x}\n";
    let a = format!(
        "{object}at: {{{{ .PlanName }}}}/{{{{ .PhaseName }}}}/{{{{ .StepName }}}}\npipe: {{{{ .Pipes.Tls_1 }}}}\n"
    );
    let b = format!(
        "{object}of: {{{{OperatorName}}}} {{{{OperatorVersion}}}} {{{{AppVersion}}}} {{{{Name}}}} {{{{Namespace}}}}\n---\n# nothing\n---\n{object}"
    );
    let pod = "apiVersion: v1\nkind: Pod\nspec:\n  volumes: [{name: out, emptyDir: {}}]\n  \
               initContainers: [{name: a, volumeMounts: [{name: out, mountPath: /tmp}]}]\n";
    let files = [
        ("operator.yaml", operator),
        ("params.yaml", params),
        ("templates/a.yaml", &a),
        ("templates/b.yaml.hbs", &b),
        ("templates/pod.yaml", pod),
        ("templates/child.yaml", "A: {{ .Name }}\n"),
    ];
    let files = files
        .into_iter()
        .map(|(name, text)| (name.to_owned(), text.into()));
    Package::from_files(files.collect()).unwrap()
}

fn params(flag: &Value) -> BTreeMap<String, Value> {
    BTreeMap::from([("FLAG".to_owned(), flag.clone())])
}

fn run(task: &str, flag: &Value) -> Result<RenderedTask, RenderTaskError> {
    let package = package();
    let address = StepAddress {
        plan: "deploy".to_owned(),
        phase: "Main".to_owned(),
        step: "rest".to_owned(),
    };
    let task = package.definition.task(task).unwrap();
    let renderer = Renderer::new(Limits::default());
    render_task(
        &renderer,
        &package.definition,
        INSTANCE,
        &address,
        task,
        &params(flag),
    )
}

#[test]
fn a_plan_in_order() {
    let renderer = Renderer::new(Limits::default());
    let definition = package().definition;
    let steps = render_plan(
        &renderer,
        &definition,
        INSTANCE,
        "deploy",
        &params(&json!("true")),
    );
    let steps = steps.unwrap();
    let tasks: Vec<_> = steps
        .iter()
        .flat_map(|step| {
            step.tasks
                .iter()
                .map(move |task| (step.step.as_str(), task.task.as_str()))
        })
        .collect();
    assert_eq!(
        tasks,
        [
            ("files", "Gen-Files"),
            ("rest", "app"),
            ("rest", "child"),
            ("rest", "nothing")
        ]
    );
    let app = &steps[1].tasks[0];
    assert_eq!(app.action, Action::Apply);
    assert_eq!(app.documents[0].objects[0]["at"], "deploy/Main/rest");
    assert_eq!(
        app.documents[0].objects[0]["pipe"],
        "myinst.deploy.main.files.genfiles.tls1"
    );
    assert_eq!(app.documents[1].objects.len(), 2);
    assert_eq!(app.documents[1].objects[0]["of"], "op 1.0.0 7 My_Inst ns");
}

#[test]
fn what_each_kind_of_task_does() {
    let on = json!("true");
    assert_eq!(run("gone", &on).unwrap().action, Action::Delete);
    let pipe = run("Gen-Files", &on).unwrap();
    let Action::Pipe {
        pod_name,
        artifacts,
    } = &pipe.action
    else {
        panic!("{:?}", pipe.action);
    };
    assert_eq!(pod_name, "myinst.deploy.main.rest.genfiles.pipepod");
    assert_eq!(artifacts[0].name, "myinst.deploy.main.rest.genfiles.tls1");
    assert_eq!(
        pipe.documents[0].objects[0]["metadata"]["name"],
        pod_name.as_str()
    );
    let child = run("child", &on).unwrap();
    assert!(
        matches!(&child.action, Action::Operator { instance, parameters, .. }
            if instance == "kid" && parameters["A"] == "My_Inst")
    );
    assert_eq!(child.documents[0].text, "A: My_Inst\n");
    assert_eq!(child.documents[0].objects, Vec::<Value>::new());
    let dummy = run("nothing", &on).unwrap();
    assert!(matches!(dummy.action, Action::Dummy { done: true, .. }));
}

#[test]
fn toggle_goes_by_its_parameter() {
    let cases = [
        (json!("true"), Some(Action::Apply)),
        (json!("T"), Some(Action::Apply)),
        (json!(true), Some(Action::Apply)),
        (json!("1"), Some(Action::Apply)),
        (json!("false"), Some(Action::Delete)),
        (json!("FALSE"), Some(Action::Delete)),
        (json!(false), Some(Action::Delete)),
        (json!("0"), Some(Action::Delete)),
        (json!("yes"), None),
        (json!(""), None),
        (json!(null), None),
    ];
    for (value, expected) in cases {
        let action = run("flag", &value).ok().map(|task| task.action);
        assert_eq!(action, expected, "{value}");
    }
    let error = run("flag", &json!("yes")).unwrap_err();
    assert_eq!(
        error.to_string(),
        "task \"flag\": parameter \"FLAG\" is \"yes\", must be true or false"
    );
}

#[test]
fn what_is_not_there() {
    let renderer = Renderer::new(Limits::default());
    let mut definition = package().definition;
    let no_params = BTreeMap::new();
    let plan = |definition: &_, plan| {
        let error = render_plan(&renderer, definition, INSTANCE, plan, &no_params);
        error.unwrap_err().to_string()
    };
    let expected = "the operator has no plan \"deplyo\" (did you mean \"deploy\"?)";
    assert_eq!(plan(&definition, "deplyo"), expected);
    definition.tasks.retain(|task| task.name != "app");
    definition.tasks.push(Task {
        name: "apps".to_owned(),
        spec: TaskSpec::Apply {
            resources: vec!["a.yml".to_owned()],
        },
    });
    let expected = "step \"rest\": the operator has no task \"app\" (did you mean \"apps\"?)";
    assert_eq!(plan(&definition, "deploy"), expected);
    let steps = &mut definition.plans.get_mut("deploy").unwrap().phases[0].steps;
    steps[1].tasks[0] = "apps".to_owned();
    let expected =
        "task \"apps\": the operator has no template \"a.yml\" (did you mean \"a.yaml\"?)";
    assert_eq!(plan(&definition, "deploy"), expected);
    definition
        .templates
        .insert("pod.yaml".to_owned(), "a: b".to_owned());
    let expected = "task \"Gen-Files\": template \"pod.yaml\": must render to exactly one Pod";
    assert_eq!(plan(&definition, "deploy"), expected);
    definition
        .templates
        .insert("pod.yaml".to_owned(), "\n  {{ .Nmae }}".to_owned());
    let expected =
        "pod.yaml:2:6: at <.Nmae>: map has no entry for key \"Nmae\" (did you mean \"Name\"?)";
    assert_eq!(plan(&definition, "deploy"), expected);
}

#[test]
fn objects_in_text() {
    let object = |name: &str| json!({"apiVersion": "v1", "kind": "A", "metadata": {"name": name}});
    let text = |name: &str| format!("apiVersion: v1\nkind: A\nmetadata:\n  name: {name}\n");
    let (a, b) = (text("a"), text("b"));
    let list = "apiVersion: v1\nkind: List\nitems:\n- {apiVersion: v1, kind: A, metadata: {name: a}}\n- {apiVersion: v1, kind: A, metadata: {name: b}}\n";
    let good = [
        (String::new(), vec![]),
        ("---\n# c\n---\n".to_owned(), vec![]),
        (a.clone(), vec![object("a")]),
        (format!("---\n{a}---\n{b}"), vec![object("a"), object("b")]),
        (list.to_owned(), vec![object("a"), object("b")]),
        ("apiVersion: v1\nkind: List\nitems: []\n".to_owned(), vec![]),
    ];
    for (text, expected) in good {
        assert_eq!(objects("t.yaml", &text), Ok(expected), "{text}");
    }
    let bad = [
        (
            "- a\n",
            "t.yaml: line 1 of the rendered text: an object must be a map, found a list",
        ),
        (
            "text\n",
            "t.yaml: line 1 of the rendered text: an object must be a map, found text",
        ),
        (
            "kind: A\nmetadata: {name: a}\n",
            "t.yaml: line 1 of the rendered text: object A/a has no apiVersion",
        ),
        (
            "apiVersion: v1\nmetadata: {name: a}\n",
            "t.yaml: line 1 of the rendered text: object a has no kind",
        ),
        (
            "apiVersion: v1\nkind: A\n",
            "t.yaml: line 1 of the rendered text: object A has no metadata.name",
        ),
        (
            "apiVersion: v1\nkind: A\nmetadata: {name: y}\n",
            "t.yaml: line 1 of the rendered text: metadata.name of object A must be text, but is a boolean; put it in quotes",
        ),
        (
            "apiVersion: 1\nkind: A\nmetadata: {name: a}\n",
            "t.yaml: line 1 of the rendered text: apiVersion of object A/a must be text, but is a number; put it in quotes",
        ),
        (
            "a: b: c\n",
            "t.yaml: rendered text is not valid YAML: line 1, column ",
        ),
    ];
    for (text, expected) in bad {
        let error = objects("t.yaml", text).unwrap_err().to_string();
        assert!(error.starts_with(expected), "{text}: {error}");
    }
    let second = format!("{a}---\nkind: B\n");
    let error = objects("t.yaml", &second).unwrap_err().to_string();
    assert!(error.contains("line 6"), "{error}");
}
