//! From events to requests: one planned step per pod, carried out when its time has come.

use std::collections::{BTreeMap, HashSet};
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::api::core::v1::{PersistentVolume, PersistentVolumeClaim, Pod};
use kube::api::{DeleteParams, DynamicObject, Patch, PostParams, Preconditions};
use kube::runtime::watcher::Event;
use kube::{Api, Client, ResourceExt};
use serde_json::json;
use tokio::sync::{Semaphore, oneshot};
use tokio::task::JoinSet;

use super::behaviour::Behaviour;
use super::node;
use super::stage::{Step, next};
use super::storage::{Choice, Claims, Kind, Storage, Work};
use super::{DRIVER, MANAGER, Outcome, PodOptions, create, news, patch_params, status};
use crate::controllers::{Clock, spelled};
use crate::events::{Recorder, Told};
use crate::storage::{BOUND_BY_CONTROLLER, SELECTED_NODE};

/// Requests at a time; more would only queue at the server.
const IN_FLIGHT: usize = 32;
/// Who binds pods, as managed fields have it.
const SCHEDULER: &str = "kube-scheduler";
const FIRST_RETRY: Duration = Duration::from_millis(50);
const LAST_RETRY: Duration = Duration::from_secs(5);
/// How long a pod may wait for its claims before it is said that it cannot be scheduled.
const PATIENCE: Duration = Duration::from_millis(500);

/// What is planned for each pod, by uid. Dropping it abandons every step.
pub(super) struct Schedule {
    client: Client,
    options: PodOptions,
    recorder: Recorder,
    permits: Arc<Semaphore>,
    tasks: JoinSet<()>,
    planned: BTreeMap<String, Planned>,
    storage: Storage,
    /// Pods that wait for their claims, by uid.
    waiting: BTreeMap<String, Pod>,
    seen_in_list: HashSet<String>,
    addresses: Addresses,
}

struct Planned {
    step: Option<Step>,
    address: Ipv4Addr,
    /// The node it is on or will be bound to; none if it asks for one that is not simulated.
    node: Option<String>,
    /// Dropping it calls the step off, but never a request under way: the server might be halfway.
    go_on: Option<oneshot::Sender<()>>,
}

impl Schedule {
    pub(super) fn new(client: Client, options: PodOptions, recorder: Recorder) -> Self {
        Self {
            client,
            options,
            recorder,
            permits: Arc::new(Semaphore::new(IN_FLIGHT)),
            tasks: JoinSet::new(),
            planned: BTreeMap::new(),
            storage: Storage::default(),
            waiting: BTreeMap::new(),
            seen_in_list: HashSet::new(),
            addresses: Addresses::new(),
        }
    }

    pub(super) fn pod_event(&mut self, event: &Event<Pod>) {
        while self.tasks.try_join_next().is_some() {}
        match event {
            Event::Init => self.seen_in_list.clear(),
            Event::InitApply(pod) => {
                self.seen_in_list.extend(pod.uid());
                self.plan(pod);
            }
            Event::InitDone => {
                let seen = std::mem::take(&mut self.seen_in_list);
                let gone = |uid: &&String| !seen.contains(*uid);
                let gone: Vec<String> = self.planned.keys().filter(gone).cloned().collect();
                for uid in &gone {
                    self.forget(uid);
                }
            }
            Event::Apply(pod) => self.plan(pod),
            Event::Delete(pod) => {
                if let Some(uid) = pod.uid() {
                    self.forget(&uid);
                }
            }
        }
    }

    fn forget(&mut self, uid: &str) {
        self.planned.remove(uid);
        self.waiting.remove(uid);
    }

    pub(super) fn storage_event(&mut self, kind: Kind, event: Event<DynamicObject>) {
        while self.tasks.try_join_next().is_some() {}
        if let Some(work) = self.storage.take(kind, event) {
            let driver = Driver {
                client: self.client.clone(),
                permits: Arc::clone(&self.permits),
                recorder: self.recorder.clone(),
            };
            self.tasks.spawn(driver.does(work));
        }
        let waiting: Vec<Pod> = self.waiting.values().cloned().collect();
        for pod in &waiting {
            self.plan(pod);
        }
    }

    /// What is to be done about a pod that is to be bound, whose claims may have something to say.
    fn with_claims(&mut self, uid: &str, pod: &Pod) -> Option<(Duration, Step)> {
        let nodes = self.options.nodes.max(1);
        let claims = self.storage.claims_of(pod, nodes);
        if claims == Claims::Bound {
            self.waiting.remove(uid);
        } else {
            self.waiting.insert(uid.to_owned(), pod.clone());
        }
        match claims {
            Claims::Bound => Some((Duration::ZERO, Step::Bind)),
            Claims::Awaited => None,
            Claims::Refused(why) if status::is_unschedulable(pod, &why) => None,
            Claims::Refused(why) => {
                let version = pod.resource_version();
                Some((PATIENCE, Step::Refuse { why, version }))
            }
            Claims::Chosen(choice) => Some((Duration::ZERO, Step::Choose(choice))),
        }
    }

    /// The node a pod is on or asks for, or the one with the fewest pods.
    fn choose_node(&self, pod: &Pod) -> Option<String> {
        let bound = pod.spec.as_ref().and_then(|spec| spec.node_name.as_deref());
        let asked = bound.filter(|name| !name.is_empty()).or(wanted_node(pod));
        if let Some(asked) = asked {
            return node::is_simulated(asked).then(|| asked.to_owned());
        }
        if self.options.nodes <= 1 {
            return Some(node::name(0));
        }
        let nodes = (0..self.options.nodes).map(node::name);
        nodes.min_by_key(|node| {
            let on_it = self.planned.values();
            on_it.filter(|p| p.node.as_ref() == Some(node)).count()
        })
    }

    fn plan(&mut self, pod: &Pod) {
        let Some(uid) = pod.uid() else { return };
        if !self.planned.contains_key(&uid) {
            let planned = Planned {
                step: None,
                address: own_address(pod).unwrap_or_else(|| self.addresses.take()),
                node: self.choose_node(pod),
                go_on: None,
            };
            self.planned.insert(uid.clone(), planned);
        }
        let behaviour = Behaviour::of(pod, &self.options);
        let next = match next(pod, &behaviour) {
            Some((_, Step::Bind)) => self.with_claims(&uid, pod),
            other => {
                self.waiting.remove(&uid);
                other
            }
        };
        let (delay, step) = next.unzip();
        let Some(planned) = self.planned.get_mut(&uid) else {
            return;
        };
        if planned.step == step {
            return;
        }
        planned.step.clone_from(&step);
        planned.go_on = None;
        let (Some(delay), Some(step), Some(node)) = (delay, step, planned.node.clone()) else {
            return;
        };
        let act = Act {
            client: self.client.clone(),
            permits: Arc::clone(&self.permits),
            recorder: self.recorder.clone(),
            pod: pod.clone(),
            outcome: behaviour.outcome,
            address: planned.address,
            node,
            clock: self.options.clock,
        };
        let (go_on, called_off) = oneshot::channel();
        planned.go_on = Some(go_on);
        self.tasks.spawn(act.after(delay, step, called_off));
    }
}

/// The address that a pod has been given before.
fn own_address(pod: &Pod) -> Option<Ipv4Addr> {
    pod.status.as_ref()?.pod_ip.as_ref()?.parse().ok()
}

/// The node that a pod's affinity names, as a daemon set's does.
fn wanted_node(pod: &Pod) -> Option<&str> {
    let affinity = pod.spec.as_ref()?.affinity.as_ref()?;
    let required = affinity
        .node_affinity
        .as_ref()?
        .required_during_scheduling_ignored_during_execution
        .as_ref()?;
    let fields = required
        .node_selector_terms
        .first()?
        .match_fields
        .as_ref()?;
    let name = fields.iter().find(|field| field.key == "metadata.name")?;
    name.values.as_ref()?.first().map(String::as_str)
}

/// One step of one pod.
struct Act {
    client: Client,
    permits: Arc<Semaphore>,
    recorder: Recorder,
    pod: Pod,
    outcome: Outcome,
    address: Ipv4Addr,
    node: String,
    clock: Clock,
}

impl Act {
    async fn after(self, delay: Duration, step: Step, mut called_off: oneshot::Receiver<()>) {
        let name = self.pod.name_any();
        if step == Step::Remove {
            self.tell(news::ending(&self.pod, &self.node));
        }
        tokio::select! {
            biased;
            _ = &mut called_off => return,
            () = tokio::time::sleep(delay) => {}
        }
        persist(&self.permits, "Pod", &name, called_off, || {
            self.request(&name, &step)
        })
        .await;
    }

    fn tell(&self, news: impl IntoIterator<Item = Told>) {
        news.into_iter().for_each(|told| self.recorder.tell(told));
    }

    async fn request(&self, name: &str, step: &Step) -> kube::Result<()> {
        let namespace = self.pod.namespace().unwrap_or_default();
        let pods: Api<Pod> = Api::namespaced(self.client.clone(), &namespace);
        match step {
            Step::Bind => {
                let binding = json!({
                    "apiVersion": "v1", "kind": "Binding",
                    "metadata": { "name": name, "uid": self.pod.metadata.uid },
                    "target": { "apiVersion": "v1", "kind": "Node", "name": self.node },
                });
                let params = PostParams::default();
                let created = pods.create_subresource("binding", name, &params, &binding);
                created.await.map(|_: serde_json::Value| ())?;
                self.tell([news::bound(&self.pod, &self.node)]);
                Ok(())
            }
            Step::Refuse { why, .. } => {
                let patch = status::unschedulable(&self.pod, why, &spelled(self.clock.now()));
                let params = patch_params(SCHEDULER);
                pods.patch_status(name, &params, &Patch::Strategic(&patch))
                    .await?;
                self.tell([news::refused(&self.pod, why)]);
                Ok(())
            }
            Step::Choose(choice) => self.choose(&namespace, choice).await,
            Step::Report(stage) => {
                let stage = *stage;
                let now = spelled(self.clock.now());
                let patch = status::patch(&self.pod, stage, &self.address.to_string(), &now);
                let params = patch_params(MANAGER);
                pods.patch_status(name, &params, &Patch::Strategic(&patch))
                    .await?;
                self.tell(news::reached(&self.pod, stage, self.outcome, &self.node));
                Ok(())
            }
            Step::Remove => {
                let preconditions = Preconditions {
                    uid: self.pod.metadata.uid.clone(),
                    resource_version: None,
                };
                let params = DeleteParams::default()
                    .grace_period(0)
                    .preconditions(preconditions);
                pods.delete(name, &params).await.map(drop)
            }
        }
    }
}

impl Act {
    /// Gives a claim of the pod a volume, or has one made.
    async fn choose(&self, namespace: &str, choice: &Choice) -> kube::Result<()> {
        let params = patch_params(SCHEDULER);
        match choice {
            Choice::Volume {
                volume,
                version,
                claim,
            } => {
                let volumes: Api<PersistentVolume> = Api::all(self.client.clone());
                let annotations = json!({ BOUND_BY_CONTROLLER: "yes" });
                let patch = json!({
                    "metadata": { "resourceVersion": version, "annotations": annotations },
                    "spec": { "claimRef": claim },
                });
                let patch = Patch::Merge(&patch);
                volumes.patch(volume, &params, &patch).await.map(drop)
            }
            Choice::New { claim, uid } => {
                let claims: Api<PersistentVolumeClaim> =
                    Api::namespaced(self.client.clone(), namespace);
                let annotations = json!({ SELECTED_NODE: self.node });
                let patch = json!({ "metadata": { "uid": uid, "annotations": annotations } });
                let patch = Patch::Merge(&patch);
                claims.patch(claim, &params, &patch).await.map(drop)
            }
        }
    }
}

/// The driver at work.
struct Driver {
    client: Client,
    permits: Arc<Semaphore>,
    recorder: Recorder,
}

impl Driver {
    async fn does(self, work: Work) {
        let (_go_on, called_off) = oneshot::channel();
        let name = match &work {
            Work::Create(volume, _) => volume["metadata"]["name"].as_str().unwrap_or_default(),
            Work::Delete(name, _) => name,
        };
        persist(&self.permits, "PersistentVolume", name, called_off, || {
            self.request(&work)
        })
        .await;
    }

    async fn request(&self, work: &Work) -> kube::Result<()> {
        let volumes: Api<PersistentVolume> = Api::all(self.client.clone());
        let done = match work {
            Work::Create(volume, told) => {
                let volume = volume.as_ref().clone();
                let created = create(&volumes, volume, DRIVER).await;
                created.map(|is_new| {
                    if is_new {
                        self.recorder.tell(told.as_ref().clone());
                    }
                })
            }
            Work::Delete(name, uid) => {
                let params = DeleteParams::default().preconditions(Preconditions {
                    uid: Some(uid.clone()),
                    resource_version: None,
                });
                volumes.delete(name, &params).await.map(drop)
            }
        };
        match done {
            // Of another volume by now.
            Err(kube::Error::Api(status)) if status.code == 409 => Ok(()),
            done => done,
        }
    }
}

/// Makes a request until it succeeds, is called off or the server says that it no longer applies.
async fn persist<F>(
    permits: &Semaphore,
    kind: &str,
    name: &str,
    mut called_off: oneshot::Receiver<()>,
    request: impl Fn() -> F,
) where
    F: Future<Output = kube::Result<()>>,
{
    let mut pause = FIRST_RETRY;
    loop {
        let outcome = {
            // The semaphore is never closed, so there is always a permit in the end.
            let _permit = permits.acquire().await;
            request().await
        };
        match outcome {
            Ok(()) => return,
            Err(kube::Error::Api(status)) if status.code == 404 => return,
            // Changed meanwhile. If that makes the step void, the watch tells and it is called off.
            Err(kube::Error::Api(status)) if status.code == 409 => {}
            Err(kube::Error::Api(status)) if matches!(status.code, 400 | 422) => {
                tracing::warn!(kind, name, error = %status, "the server refuses a simulated step");
                return;
            }
            Err(error) => tracing::warn!(kind, name, %error, "a simulated step is retried"),
        }
        tokio::select! {
            biased;
            _ = &mut called_off => return,
            () = tokio::time::sleep(pause) => pause = (pause * 2).min(LAST_RETRY),
        }
    }
}

/// Pod addresses out of 10.128.0.0/9 in turn, from a random one on, so that a kubelet started anew
/// hardly ever gives out one that a living pod has.
struct Addresses {
    next: u32,
}

impl Addresses {
    const NETWORK: u32 = u32::from_be_bytes([10, 128, 0, 0]);
    const HOST_BITS: u32 = (1 << 23) - 1;

    fn new() -> Self {
        Self {
            next: uuid::Uuid::new_v4().as_fields().0,
        }
    }

    fn take(&mut self) -> Ipv4Addr {
        self.next = self.next.wrapping_add(1);
        Ipv4Addr::from(Self::NETWORK | (self.next & Self::HOST_BITS))
    }
}
