//! Decodes `operator.yaml`.

use std::collections::BTreeMap;

use super::decoder::{Decoder, STRUCTURE};
use super::fields::{Field, Fields, Path};
use super::{API_VERSION, Maintainer, Manifest};
use crate::operator::{Phase, Plan, Step, Strategy, TASK_KINDS, Task, TaskSpec};
use crate::suggest::nearest;
use crate::task_fields::{PipeFields, TaskFieldError, TaskFields};
use crate::yaml::{Node, NodeKind};

const OPERATOR_FIELDS: &[Field] = &[
    Field::scalar("apiVersion"),
    Field::needed("name"),
    Field::scalar("description"),
    Field::needed("operatorVersion"),
    Field::scalar("appVersion"),
    Field::scalar("kudoVersion"),
    Field::needed("kubernetesVersion"),
    Field::list("maintainers"),
    Field::scalar("url"),
    Field::list("tasks"),
    Field::mapping("plans"),
    Field::scalar("namespaceManifest"),
];
const MAINTAINER_FIELDS: &[Field] = &[Field::scalar("name"), Field::scalar("email")];
const TASK_FIELDS: &[Field] = &[
    Field::needed("name"),
    Field::needed("kind"),
    Field::mapping("spec"),
];
const TASK_SPEC_FIELDS: &[Field] = &[
    Field::list("resources"),
    Field::scalar("parameter"),
    Field::scalar("pod"),
    Field::list("pipe"),
    Field::scalar("package"),
    Field::scalar("instanceName"),
    Field::scalar("appVersion"),
    Field::scalar("operatorVersion"),
    Field::scalar("parameterFile"),
    Field::scalar("wantErr"),
    Field::scalar("fatal"),
    Field::scalar("done"),
];
const PIPE_FIELDS: &[Field] = &[
    Field::scalar("file"),
    Field::scalar("envFile"),
    Field::scalar("kind"),
    Field::scalar("key"),
];
const PLAN_FIELDS: &[Field] = &[Field::scalar("strategy"), Field::list("phases")];
const PHASE_FIELDS: &[Field] = &[
    Field::needed("name"),
    Field::scalar("strategy"),
    Field::list("steps"),
];
const STEP_FIELDS: &[Field] = &[Field::needed("name"), Field::list("tasks")];
/// Rule name of tasks whose fields do not fit their kind.
const INVALID_TASK: &str = "invalid-task";
/// What stands in the place of a task that can't be read.
const NOTHING: TaskSpec = TaskSpec::Dummy {
    want_err: false,
    fatal: false,
    done: false,
};
const STRATEGIES: &[&str] = &["serial", "parallel"];

/// What `operator.yaml` says.
#[derive(Default)]
pub(super) struct OperatorFile {
    pub(super) name: String,
    pub(super) operator_version: String,
    pub(super) app_version: Option<String>,
    pub(super) manifest: Manifest,
    pub(super) tasks: Vec<Task>,
    pub(super) plans: BTreeMap<String, Plan>,
}

/// Decodes the file; what can't be decoded is left empty, reported, and marked as not read.
pub(super) fn decode(decoder: &mut Decoder<'_>, bytes: &[u8]) -> OperatorFile {
    let Some(node) = decoder.parse(bytes) else {
        return OperatorFile::default();
    };
    let Some(fields) = decoder.fields(&node, &Path::root(), OPERATOR_FIELDS) else {
        return OperatorFile::default();
    };
    OperatorFile {
        name: decoder.required_text(&fields, "name"),
        operator_version: decoder.required_text(&fields, "operatorVersion"),
        app_version: decoder.optional(&fields, "appVersion"),
        manifest: decoder.manifest(&fields),
        tasks: decoder.tasks(&fields),
        plans: decoder.plans(&fields),
    }
}

impl Decoder<'_> {
    pub(super) fn optional(&mut self, fields: &Fields<'_>, key: &str) -> Option<String> {
        self.text(fields.get(key)).filter(|text| !text.is_empty())
    }

    /// `apiVersion`: the only one there is, also when it is left out.
    pub(super) fn api_version(&mut self, fields: &Fields<'_>) -> String {
        let given = fields.get("apiVersion");
        if let Some(text) = self.text(given.clone())
            && let Some((node, path)) = given
            && !text.is_empty()
            && text != API_VERSION
        {
            let message = format!("expected {API_VERSION:?}, found {text:?}");
            self.error(STRUCTURE, &path, node.mark, &message);
        }
        API_VERSION.to_owned()
    }

    fn manifest(&mut self, fields: &Fields<'_>) -> Manifest {
        Manifest {
            api_version: self.api_version(fields),
            description: self.optional(fields, "description"),
            kudo_version: self.optional(fields, "kudoVersion"),
            kubernetes_version: self.optional(fields, "kubernetesVersion"),
            maintainers: self
                .items(fields.get("maintainers"))
                .into_iter()
                .filter_map(|(node, path)| self.maintainer(node, &path))
                .collect(),
            url: self.optional(fields, "url"),
            namespace_manifest: self.optional(fields, "namespaceManifest"),
        }
    }

    fn maintainer(&mut self, node: &Node, path: &Path) -> Option<Maintainer> {
        let fields = self.fields(node, path, MAINTAINER_FIELDS)?;
        Some(Maintainer {
            name: self.optional(&fields, "name"),
            email: self.optional(&fields, "email"),
        })
    }

    fn tasks(&mut self, fields: &Fields<'_>) -> Vec<Task> {
        self.items(fields.get("tasks"))
            .into_iter()
            .map(|(node, path)| self.task(node, &path))
            .collect()
    }

    /// Reads a task; what can't be read of it is marked as such.
    fn task(&mut self, node: &Node, path: &Path) -> Task {
        let Some(fields) = self.fields(node, path, TASK_FIELDS) else {
            return Task {
                name: String::new(),
                spec: NOTHING,
            };
        };
        let name = self.required_text(&fields, "name");
        let kind = self.required_text(&fields, "kind");
        let spec = fields.get("spec");
        let node = spec.as_ref().map(|(node, _)| *node);
        let written = match spec {
            Some((node, path)) => self.task_fields(node, &path),
            None => Some(TaskFields::default()),
        };
        let spec_path = path.field("spec");
        let known = self.refuse_unknown_kind(&kind, &fields);
        let written = written.filter(|_| !self.is_unread(&spec_path));
        let spec = match (written, known) {
            (Some(written), Some(kind)) => Some(self.spec(written, kind, &fields, node)),
            (Some(written), None) => written.guess(),
            (None, _) => None,
        };
        if spec.is_none() {
            self.unread(&spec_path);
        }
        Task {
            name,
            spec: spec.unwrap_or(NOTHING),
        }
    }

    /// Reports a kind that does not exist. Gives the kind, or the one that was meant.
    fn refuse_unknown_kind(&mut self, kind: &str, task: &Fields<'_>) -> Option<&'static str> {
        if let Some(known) = TASK_KINDS.iter().copied().find(|known| *known == kind) {
            return Some(known);
        }
        let near = nearest(kind, TASK_KINDS.iter().copied());
        if !kind.is_empty() {
            let error = TaskFieldError::UnknownKind {
                kind: kind.to_owned(),
            };
            let (mark, path) = match task.get("kind") {
                Some((node, path)) => (node.mark, path),
                None => (task.mark, task.path.clone()),
            };
            self.error(INVALID_TASK, &path, mark, &error.to_string());
            if let Some(known) = near {
                self.hint(format!("did you mean {known:?}?"));
            }
        }
        near
    }

    /// The task of its kind, with what is wrong with its fields reported.
    fn spec(
        &mut self,
        written: TaskFields,
        kind: &'static str,
        task: &Fields<'_>,
        place: Option<&Node>,
    ) -> TaskSpec {
        let (spec, errors) = written.read(kind, true);
        let path = task.path.field("spec");
        for error in errors {
            let field = error.field().map(|field| path.follow(field));
            if field.is_some_and(|field| self.is_partly_unread(&field)) {
                continue;
            }
            self.task_error(&error, task, place.map(|node| (node, path.clone())));
            match &error {
                TaskFieldError::Missing { field, .. } | TaskFieldError::Invalid { field, .. } => {
                    self.unread(&path.follow(field));
                }
                TaskFieldError::UnknownKind { .. } | TaskFieldError::Superfluous { .. } => {}
            }
        }
        spec
    }

    /// Reports what is wrong with a task, at the field that is wrong where there is one.
    fn task_error(
        &mut self,
        error: &TaskFieldError,
        task: &Fields<'_>,
        spec: Option<(&Node, Path)>,
    ) {
        let place = error
            .field()
            .zip(spec)
            .map(|(field, (node, path))| (nearest_node(node, field), path.follow(field)));
        let mark = place.as_ref().map_or(task.mark, |(node, _)| node.mark);
        let path = place.map_or_else(|| task.path.field("spec"), |(_, path)| path);
        self.error(INVALID_TASK, &path, mark, &error.to_string());
        match error {
            TaskFieldError::Superfluous { field, .. } => {
                let kinds: Vec<&str> = TASK_KINDS
                    .iter()
                    .copied()
                    .filter(|kind| TaskFields::of_kind(kind).contains(&field.as_str()))
                    .collect();
                self.hint(format!(
                    "{field:?} belongs to tasks of kind {}",
                    kinds.join(" and ")
                ));
            }
            TaskFieldError::Missing { field, kind } if field == "resources" => {
                let article = if *kind == "Apply" { "an" } else { "a" };
                self.hint(format!(
                    "{article} {kind} task that is to do nothing is a Dummy task"
                ));
            }
            TaskFieldError::UnknownKind { .. }
            | TaskFieldError::Missing { .. }
            | TaskFieldError::Invalid { .. } => {}
        }
    }

    fn task_fields(&mut self, node: &Node, path: &Path) -> Option<TaskFields> {
        let fields = self.fields(node, path, TASK_SPEC_FIELDS)?;
        let resources = fields.get("resources");
        let pipe = fields.get("pipe");
        Some(TaskFields {
            resources: resources.map(|node| self.texts(Some(node))),
            parameter: self.text(fields.get("parameter")),
            pod: self.text(fields.get("pod")),
            pipe: pipe.map(|node| {
                let items = self.items(Some(node));
                items
                    .into_iter()
                    .map(|(node, path)| self.pipe(node, &path).unwrap_or_default())
                    .collect()
            }),
            package: self.text(fields.get("package")),
            instance_name: self.text(fields.get("instanceName")),
            app_version: self.text(fields.get("appVersion")),
            operator_version: self.text(fields.get("operatorVersion")),
            parameter_file: self.text(fields.get("parameterFile")),
            want_err: self.boolean(fields.get("wantErr")),
            fatal: self.boolean(fields.get("fatal")),
            done: self.boolean(fields.get("done")),
        })
    }

    fn pipe(&mut self, node: &Node, path: &Path) -> Option<PipeFields> {
        let fields = self.fields(node, path, PIPE_FIELDS)?;
        Some(PipeFields {
            file: self.text(fields.get("file")),
            env_file: self.text(fields.get("envFile")),
            kind: self.text(fields.get("kind")),
            key: self.text(fields.get("key")),
        })
    }

    fn plans(&mut self, fields: &Fields<'_>) -> BTreeMap<String, Plan> {
        let Some((node, path)) = fields.get("plans") else {
            return BTreeMap::new();
        };
        let entries = self.entries(node, &path).unwrap_or_default();
        entries
            .iter()
            .map(|entry| {
                let plan = self.plan(&entry.value, &path.field(&entry.key));
                (entry.key.clone(), plan)
            })
            .collect()
    }

    fn plan(&mut self, node: &Node, path: &Path) -> Plan {
        if matches!(node.kind, NodeKind::Scalar(serde_json::Value::Null)) {
            return Plan::default();
        }
        let Some(fields) = self.fields(node, path, PLAN_FIELDS) else {
            return Plan::default();
        };
        Plan {
            strategy: self.strategy(&fields),
            phases: self
                .items(fields.get("phases"))
                .into_iter()
                .map(|(node, path)| self.phase(node, &path).unwrap_or_default())
                .collect(),
        }
    }

    fn phase(&mut self, node: &Node, path: &Path) -> Option<Phase> {
        let fields = self.fields(node, path, PHASE_FIELDS)?;
        Some(Phase {
            name: self.required_text(&fields, "name"),
            strategy: self.strategy(&fields),
            steps: self
                .items(fields.get("steps"))
                .into_iter()
                .map(|(node, path)| self.step(node, &path).unwrap_or_default())
                .collect(),
        })
    }

    fn step(&mut self, node: &Node, path: &Path) -> Option<Step> {
        let fields = self.fields(node, path, STEP_FIELDS)?;
        Some(Step {
            name: self.required_text(&fields, "name"),
            tasks: self.texts(fields.get("tasks")),
        })
    }

    fn strategy(&mut self, fields: &Fields<'_>) -> Option<Strategy> {
        self.word(fields.get("strategy"), STRATEGIES, |text| text.parse().ok())
    }
}

/// The node at a path such as `pipe[0].kind`, or the innermost one on the way that exists.
fn nearest_node<'n>(node: &'n Node, path: &str) -> &'n Node {
    let mut at = node;
    for part in path.split(['.', '[']) {
        let next = match (&at.kind, part.strip_suffix(']')) {
            (NodeKind::Sequence(items), Some(index)) => index
                .parse::<usize>()
                .ok()
                .and_then(|index| items.get(index)),
            _ => at.get(part),
        };
        match next {
            Some(node) => at = node,
            None => break,
        }
    }
    at
}
