//! Daemon sets: one pod for each node that fits.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use serde_json::{Value, json};

use super::claiming::claim;
use super::conditions::Status;
use super::deployment::scaled;
use super::model::{DaemonSet, Node, Pod};
use super::note::Note;
use super::pods::next_available;
use super::revisions::{History, Templated};
use super::template::{create_pod, pod, set_label};
use super::world::{Key, Object, PodRef};
use super::{Action, Verdict, View};

const HASH_LABEL: &str = "controller-revision-hash";
const GENERATION_LABEL: &str = "pod-template-generation";
const GENERATION_ANNOTATION: &str = "deprecated.daemonset.template.generation";

/// Taints that no daemon minds.
const TOLERATED: [(&str, &str); 6] = [
    ("node.kubernetes.io/not-ready", "NoExecute"),
    ("node.kubernetes.io/unreachable", "NoExecute"),
    ("node.kubernetes.io/disk-pressure", "NoSchedule"),
    ("node.kubernetes.io/memory-pressure", "NoSchedule"),
    ("node.kubernetes.io/pid-pressure", "NoSchedule"),
    ("node.kubernetes.io/unschedulable", "NoSchedule"),
];

type SetRef<'a> = Object<'a, DaemonSet>;
type NodeRef<'a> = Object<'a, Node>;

pub(super) fn observe(view: &View<'_>, key: &Key) -> Verdict {
    let Some(set) = view.world.get::<DaemonSet>(key) else {
        return Verdict::nothing();
    };
    let spec = &set.body.spec;
    let claimed = claim::<Pod, _>(view, &set, &spec.selector);
    if !claimed.actions.is_empty() {
        return Verdict::write(claimed.actions);
    }
    let history = History::of(
        view,
        &Templated {
            set,
            selector: &spec.selector,
            template: &spec.template,
            status: &set.body.status,
            hash_label: HASH_LABEL,
        },
    );
    let history = match history {
        Ok(history) => history,
        Err(verdict) => return verdict,
    };
    let hash = history.update.label(HASH_LABEL).unwrap_or_default();
    let sync = Sync {
        view,
        set,
        hash,
        nodes: view.world.all::<Node>(None).collect(),
        pods: by_node(&claimed.owned),
    };
    let mut actions: Vec<Action> = sync.status().into_iter().collect();
    if !set.is_deleting() {
        let changes = sync.place();
        let changes = if changes.is_empty() {
            sync.roll()
        } else {
            changes
        };
        actions.extend(changes);
        actions.extend(history.clean_up(spec.revision_history_limit, |revision| {
            let hash = revision.label(HASH_LABEL);
            revision.name() == history.update.name()
                || claimed
                    .owned
                    .iter()
                    .any(|pod| pod.label(HASH_LABEL) == hash)
        }));
    }
    let wait = next_available(&claimed.owned, spec.min_ready_seconds, view.now);
    Verdict::write(actions).again_after(wait)
}

/// The pods by the node they are on or meant for, oldest first.
fn by_node<'a>(pods: &[PodRef<'a>]) -> BTreeMap<&'a str, Vec<PodRef<'a>>> {
    let mut nodes: BTreeMap<&str, Vec<PodRef<'a>>> = BTreeMap::new();
    for pod in pods {
        nodes.entry(node_of(pod)).or_default().push(*pod);
    }
    for pods in nodes.values_mut() {
        pods.sort_by_key(|pod| (pod.body.spec.node_name.is_empty(), pod.created()));
    }
    nodes
}

fn node_of<'a>(pod: &PodRef<'a>) -> &'a str {
    if !pod.body.spec.node_name.is_empty() {
        return &pod.body.spec.node_name;
    }
    let affinity = pod.body.spec.affinity.as_ref();
    let meant = affinity.and_then(|affinity| {
        let path = "/nodeAffinity/requiredDuringSchedulingIgnoredDuringExecution\
            /nodeSelectorTerms/0/matchFields/0/values/0";
        affinity.pointer(path)
    });
    meant.and_then(Value::as_str).unwrap_or_default()
}

/// A set with its nodes and pods.
struct Sync<'a> {
    view: &'a View<'a>,
    set: SetRef<'a>,
    hash: &'a str,
    nodes: Vec<NodeRef<'a>>,
    pods: BTreeMap<&'a str, Vec<PodRef<'a>>>,
}

impl<'a> Sync<'a> {
    fn wanted(&self) -> impl Iterator<Item = &NodeRef<'a>> {
        let template = &self.set.body.spec.template["spec"];
        self.nodes.iter().filter(move |node| fits(template, node))
    }

    fn pods_on(&self, node: &str) -> &[PodRef<'a>] {
        self.pods.get(node).map_or(&[], Vec::as_slice)
    }

    fn is_updated(&self, pod: &PodRef<'_>) -> bool {
        let generation = self.set.annotation(GENERATION_ANNOTATION);
        pod.label(HASH_LABEL) == Some(self.hash)
            || generation.is_some() && pod.label(GENERATION_LABEL) == generation
    }

    fn is_available(&self, pod: &PodRef<'_>) -> bool {
        pod.is_available(self.set.body.spec.min_ready_seconds, self.view.now)
    }

    /// Creates what is missing; deletes what has failed, what is too many and what fits no longer.
    fn place(&self) -> Vec<Action> {
        let mut actions = Vec::new();
        for node in self.wanted() {
            let pods = self.pods_on(node.name());
            let (broken, living): (Vec<&PodRef<'_>>, Vec<&PodRef<'_>>) = pods
                .iter()
                .filter(|pod| !pod.is_deleting())
                .partition(|pod| pod.is_finished());
            actions.extend(broken.iter().map(|pod| self.delete_ended(pod)));
            let surging = self.surge() > 0;
            if pods.is_empty() {
                actions.push(self.create(node.name()));
            } else if !surging {
                actions.extend(living.iter().skip(1).map(|pod| self.delete(pod)));
            }
        }
        let wanted: Vec<&str> = self.wanted().map(Object::name).collect();
        let misplaced = self.pods.iter().filter(|(node, _)| !wanted.contains(node));
        let misplaced = misplaced.flat_map(|(_, pods)| pods);
        let misplaced = misplaced.filter(|pod| !pod.is_deleting());
        actions.extend(misplaced.map(|pod| self.delete(pod)));
        actions
    }

    /// Replaces pods of old templates as far as enough stay available.
    fn roll(&self) -> Vec<Action> {
        if self.set.body.spec.update_strategy.kind == "OnDelete" {
            return Vec::new();
        }
        if self.surge() > 0 {
            return self.roll_with_surge();
        }
        let mut room = self.max_unavailable();
        let mut broken = Vec::new();
        let mut candidates = Vec::new();
        for node in self.wanted() {
            let pods = self.pods_on(node.name());
            let available = pods
                .iter()
                .any(|p| self.is_available(p) && !p.is_deleting());
            if !available {
                room -= 1;
            }
            let old = pods
                .iter()
                .filter(|p| !self.is_updated(p) && !p.is_deleting());
            for pod in old {
                if available {
                    &mut candidates
                } else {
                    &mut broken
                }
                .push(pod);
            }
        }
        // A broken pod costs nothing to replace.
        let room = usize::try_from(room).unwrap_or(0);
        let chosen = broken.into_iter().chain(candidates.into_iter().take(room));
        chosen.map(|pod| self.delete(pod)).collect()
    }

    /// The new pod comes first; the old one goes once the new one is available.
    fn roll_with_surge(&self) -> Vec<Action> {
        let mut actions = Vec::new();
        let mut room = self.surge();
        let mut waiting = Vec::new();
        for node in self.wanted() {
            let pods = self.pods_on(node.name());
            let living = || pods.iter().filter(|pod| !pod.is_deleting());
            let old = living().find(|pod| !self.is_updated(pod));
            let new = living().find(|pod| self.is_updated(pod));
            match (old, new) {
                (Some(old), Some(new)) if self.is_available(new) => {
                    actions.push(self.delete(old));
                }
                (Some(_), Some(_)) => room -= 1,
                (Some(old), None) if !self.is_available(old) => {
                    actions.push(self.delete(old));
                }
                (Some(_), None) => waiting.push(node.name()),
                _ => {}
            }
        }
        let room = usize::try_from(room).unwrap_or(0);
        actions.extend(waiting.into_iter().take(room).map(|node| self.create(node)));
        actions
    }

    fn surge(&self) -> i64 {
        self.bound(|rolling| rolling.max_surge.as_ref(), 0)
    }

    fn max_unavailable(&self) -> i64 {
        self.bound(|rolling| rolling.max_unavailable.as_ref(), 1)
    }

    fn bound(
        &self,
        of: impl Fn(&super::model::RollingUpdate) -> Option<&IntOrString>,
        default: i64,
    ) -> i64 {
        let nodes = i64::try_from(self.wanted().count()).unwrap_or(i64::MAX);
        let bound = of(&self.set.body.spec.update_strategy.rolling_update);
        bound.map_or(default, |bound| scaled(Some(bound), nodes, true))
    }

    fn create(&self, node: &str) -> Action {
        let set = &self.set;
        let owner =
            self.view.world.resources()[set.resource].controller_reference(set.name(), set.uid());
        let mut pod = pod(&set.body.spec.template, &owner);
        set_label(&mut pod, HASH_LABEL, self.hash);
        if let Some(generation) = set.annotation(GENERATION_ANNOTATION) {
            set_label(&mut pod, GENERATION_LABEL, generation);
        }
        let on_this = json!([{ "key": "metadata.name", "operator": "In", "values": [node] }]);
        let required = &mut pod["spec"]["affinity"]["nodeAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"]
            ["nodeSelectorTerms"];
        match required.as_array_mut() {
            Some(terms) => {
                for term in terms {
                    term["matchFields"] = on_this.clone();
                }
            }
            None => *required = json!([{ "matchFields": on_this }]),
        }
        let tolerations = &mut pod["spec"]["tolerations"];
        if !tolerations.is_array() {
            *tolerations = json!([]);
        }
        if let Some(tolerations) = tolerations.as_array_mut() {
            for (key, effect) in TOLERATED {
                let toleration = json!({ "key": key, "operator": "Exists", "effect": effect });
                if !tolerations.contains(&toleration) {
                    tolerations.push(toleration);
                }
            }
        }
        create_pod(set.namespace(), set.name(), pod).noted(Note::pod_created(set))
    }

    fn delete(&self, pod: &PodRef<'_>) -> Action {
        let note = Note::pod_deleted(&self.set, pod.name());
        Action::delete(pod).noted(note)
    }

    fn delete_ended(&self, pod: &PodRef<'_>) -> Action {
        let place = format!(
            "daemon pod {}/{} on node {}",
            pod.namespace(),
            pod.name(),
            node_of(pod)
        );
        let note = Note::about(&self.set);
        let note = if pod.phase() == "Failed" {
            let message = format!("Found failed {place}, will try to kill it");
            note.warning("FailedDaemonPod", message)
        } else {
            let message = format!("Found succeeded {place}, will try to delete it");
            note.normal("SucceededDaemonPod", message)
        };
        let deleted = Note::pod_deleted(&self.set, pod.name());
        Action::delete(pod).noted(note).noted(deleted)
    }

    fn status(&self) -> Option<Action> {
        let (mut current, mut ready, mut available, mut updated, mut desired) = (0, 0, 0, 0, 0);
        let mut misplaced = i64::try_from(self.pods.len()).unwrap_or(i64::MAX);
        for node in self.wanted() {
            desired += 1;
            let pods = self.pods_on(node.name());
            if pods.is_empty() {
                continue;
            }
            current += 1;
            misplaced -= 1;
            let ready_pod = pods.iter().find(|pod| pod.is_ready());
            ready += i64::from(ready_pod.is_some());
            available += i64::from(pods.iter().any(|pod| self.is_available(pod)));
            let counted = ready_pod.or(pods.first());
            updated += i64::from(counted.is_some_and(|pod| self.is_updated(pod)));
        }
        let old = &self.set.body.status;
        let new = Status::keeping(old, &["collisionCount", "conditions"])
            .with("currentNumberScheduled", current)
            .with("numberMisscheduled", misplaced)
            .with("desiredNumberScheduled", desired)
            .with("numberReady", ready)
            .count("updatedNumberScheduled", updated)
            .count("numberAvailable", available)
            .count("numberUnavailable", desired - available)
            .count("observedGeneration", self.set.generation())
            .done();
        Action::status(&self.set, old, &new)
    }
}

/// Whether a node takes a daemon: its selector, required affinity and the node's taints.
fn fits(template: &Value, node: &NodeRef<'_>) -> bool {
    if let Some(name) = template["nodeName"]
        .as_str()
        .filter(|name| !name.is_empty())
    {
        return name == node.name();
    }
    let selected = template["nodeSelector"].as_object().into_iter().flatten();
    let mut selected = selected;
    if !selected.all(|(name, value)| node.label(name) == value.as_str()) {
        return false;
    }
    let required = template.pointer(
        "/affinity/nodeAffinity/requiredDuringSchedulingIgnoredDuringExecution/nodeSelectorTerms",
    );
    if let Some(terms) = required.and_then(Value::as_array)
        && !terms.iter().any(|term| term_matches(term, node))
    {
        return false;
    }
    let taints = node.body.spec.taints.iter();
    let mut hard = taints.filter(|t| matches!(t.effect.as_str(), "NoSchedule" | "NoExecute"));
    hard.all(|taint| {
        let own = TOLERATED
            .iter()
            .any(|(key, effect)| taint.key == *key && taint.effect == *effect);
        let tolerations = template["tolerations"].as_array().into_iter().flatten();
        let mut tolerations = tolerations;
        own || tolerations.any(|toleration| tolerates(toleration, taint))
    })
}

fn tolerates(toleration: &Value, taint: &super::model::Taint) -> bool {
    let field = |name: &str| toleration[name].as_str().unwrap_or_default();
    let any_effect = field("effect").is_empty() || field("effect") == taint.effect;
    let any_key = field("key").is_empty() || field("key") == taint.key;
    let exists = field("operator") == "Exists";
    any_effect && any_key && (exists || field("value") == taint.value)
}

fn term_matches(term: &Value, node: &NodeRef<'_>) -> bool {
    let expressions = |field: &str| term[field].as_array().cloned().unwrap_or_default();
    let labels = expressions("matchExpressions");
    let fields = expressions("matchFields");
    let by_label = |e: &Value| expression_matches(e, node.label(e["key"].as_str().unwrap_or("")));
    let by_field = |e: &Value| expression_matches(e, Some(node.name()));
    (!labels.is_empty() || !fields.is_empty())
        && labels.iter().all(by_label)
        && fields.iter().all(by_field)
}

fn expression_matches(expression: &Value, actual: Option<&str>) -> bool {
    let values = || expression["values"].as_array().into_iter().flatten();
    let among = actual.is_some_and(|actual| values().any(|value| value == actual));
    let number = |text: Option<&str>| text.and_then(|text| text.parse::<i64>().ok());
    let bound = number(values().next().and_then(Value::as_str));
    match expression["operator"].as_str().unwrap_or_default() {
        "In" => among,
        "NotIn" => !among,
        "Exists" => actual.is_some(),
        "DoesNotExist" => actual.is_none(),
        "Gt" => number(actual).zip(bound).is_some_and(|(a, b)| a > b),
        "Lt" => number(actual).zip(bound).is_some_and(|(a, b)| a < b),
        _ => false,
    }
}
