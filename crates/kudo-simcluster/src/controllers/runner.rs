//! The one loop: watch events and timers make work, work makes writes, writes are fed back.

use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use futures::future::BoxFuture;
use futures::stream::FuturesUnordered;
use futures::{FutureExt, StreamExt};
use kube::Client;
use kube::api::DynamicObject;
use tokio::time::Instant;

use super::action::{Action, Effect, Refusal, Resources, perform};
use super::resources::{Kind, defined};
use super::route::{self, Item};
use super::watches::{Told, Watches};
use super::world::{ResourceId, World, typed};
use super::{Controller, ControllerOptions, Verdict, View, model};
use crate::events::Recorder;

/// Items whose writes are under way at a time; more would only queue at the server.
const IN_FLIGHT: usize = 16;
const FIRST_RETRY: Duration = Duration::from_millis(5);
const LAST_RETRY: Duration = Duration::from_mins(1);

/// Why an item's last writes did not come about.
#[derive(Clone, Debug, Default)]
pub(super) struct Failure {
    pub(super) attempts: u32,
    /// What the server said; empty if only the cache was stale.
    pub(super) message: String,
    /// Whether an object of the name it wanted was there.
    pub(super) name_taken: bool,
}

struct Done {
    item: Item,
    effects: Vec<Effect>,
    refusal: Option<Refusal>,
}

/// All that a run holds.
pub(super) struct Runner {
    client: Client,
    options: ControllerOptions,
    recorder: Recorder,
    world: World,
    watches: Watches,
    resources: Resources,
    queue: VecDeque<Item>,
    queued: HashSet<Item>,
    /// Items whose writes are under way, and whether they are to be looked at again after them.
    busy: HashMap<Item, bool>,
    timers: BTreeMap<(Instant, u64), Item>,
    due: HashMap<Item, (Instant, u64)>,
    timer_count: u64,
    failures: HashMap<Item, Failure>,
    in_flight: FuturesUnordered<BoxFuture<'static, Done>>,
}

impl Runner {
    pub(super) fn new(client: Client, options: ControllerOptions, recorder: Recorder) -> Self {
        Self {
            watches: Watches::new(client.clone()),
            client,
            options,
            recorder,
            world: World::default(),
            resources: Arc::from([]),
            queue: VecDeque::new(),
            queued: HashSet::new(),
            busy: HashMap::new(),
            timers: BTreeMap::new(),
            due: HashMap::new(),
            timer_count: 0,
            failures: HashMap::new(),
            in_flight: FuturesUnordered::new(),
        }
    }

    /// Runs for ever.
    pub(super) async fn run(mut self, resources: Vec<super::resources::Resource>) {
        let wanted = |kind: Kind| self.options.needs(kind);
        for resource in resources.into_iter().filter(|r| wanted(r.kind)) {
            let id = self.world.add_resource(resource.clone());
            self.watches.add(id, &resource);
        }
        self.resources = self.world.resources().into();
        loop {
            let timer = self.timers.first_key_value().map(|((due, _), _)| *due);
            tokio::select! {
                biased;
                Some((resource, told)) = self.watches.next() => {
                    self.take_in(resource, told);
                    while let Some(Some((resource, told))) = self.watches.next().now_or_never() {
                        self.take_in(resource, told);
                    }
                }
                Some(done) = self.in_flight.next() => self.finish(done),
                () = at(timer) => self.timers_fire(),
            }
            // Until every kind has been listed the cache lacks what it must not do without.
            if self.watches.are_synced() {
                self.work();
            }
        }
    }

    fn take_in(&mut self, resource: ResourceId, told: Told) {
        match told {
            Told::ListBegins => self.world.listing_begins(resource),
            Told::ListEnds => {
                for uid in self.world.listing_ends(resource) {
                    self.gone(&uid);
                    self.world.remove(&uid);
                }
            }
            Told::Seen(object) => self.see(resource, *object),
            Told::Gone(uid) => {
                self.gone(&uid);
                let answers_awaited = !self.in_flight.is_empty();
                self.world.removal_seen(&uid, answers_awaited);
            }
        }
    }

    fn see(&mut self, resource: ResourceId, object: DynamicObject) {
        let Some(uid) = object.metadata.uid.clone() else {
            return;
        };
        let mut items = route::affected(&self.world, &uid);
        if !self.world.apply(resource, object) {
            return;
        }
        items.extend(route::affected(&self.world, &uid));
        self.enqueue_all(items);
        let defines = self
            .world
            .entry(&uid)
            .and_then(typed::<model::Definition>)
            .and_then(|definition| defined(definition.body));
        if let Some(resource) = defines.filter(|r| self.options.needs(r.kind)) {
            let id = self.world.add_resource(resource.clone());
            self.watches.add(id, &resource);
            self.resources = self.world.resources().into();
        }
    }

    fn gone(&mut self, uid: &str) {
        let mut items = route::affected(&self.world, uid);
        items.extend(route::bereaved(&self.world, uid));
        let defined = self
            .world
            .entry(uid)
            .and_then(typed::<model::Definition>)
            .and_then(|definition| defined(definition.body));
        if let Some(resource) = defined {
            let id = self.world.add_resource(resource);
            self.watches.remove(id);
            for uid in self.world.listing_ends(id) {
                self.world.remove(&uid);
            }
        }
        self.enqueue_all(items);
    }

    fn enqueue_all(&mut self, items: Vec<Item>) {
        for item in items {
            self.enqueue(item);
        }
    }

    fn enqueue(&mut self, item: Item) {
        if !self.options.controllers.contains(&item.controller) {
            return;
        }
        if let Some(again) = self.busy.get_mut(&item) {
            *again = true;
        } else if self.queued.insert(item.clone()) {
            self.queue.push_back(item);
        }
    }

    fn enqueue_after(&mut self, item: Item, delay: Duration) {
        let at = (Instant::now() + delay, self.timer_count);
        self.timer_count += 1;
        if let Some(former) = self.due.get(&item) {
            if *former <= at {
                return;
            }
            self.timers.remove(former);
        }
        self.due.insert(item.clone(), at);
        self.timers.insert(at, item);
    }

    fn timers_fire(&mut self) {
        let now = Instant::now();
        while let Some(first) = self.timers.first_entry().filter(|t| t.key().0 <= now) {
            let item = first.remove();
            self.due.remove(&item);
            self.enqueue(item);
        }
    }

    fn work(&mut self) {
        while self.in_flight.len() < IN_FLIGHT {
            let Some(item) = self.queue.pop_front() else {
                return;
            };
            self.queued.remove(&item);
            let view = View {
                world: &self.world,
                now: self.options.clock.now(),
                failure: self.failures.get(&item),
                options: &self.options,
            };
            let Verdict { actions, again } = item.controller.observe(&view, &item.key);
            if let Some(delay) = again {
                self.enqueue_after(item.clone(), delay);
            }
            if actions.is_empty() {
                self.failures.remove(&item);
                continue;
            }
            tracing::debug!(controller = ?item.controller, key = ?item.key, ?actions, "writes");
            self.busy.insert(item.clone(), false);
            let way = Way {
                client: self.client.clone(),
                resources: Arc::clone(&self.resources),
                recorder: self.recorder.clone(),
            };
            self.in_flight.push(way.carry_out(item, actions).boxed());
        }
    }

    fn finish(&mut self, done: Done) {
        let Done {
            item,
            effects,
            refusal,
        } = done;
        let again = self.busy.remove(&item).unwrap_or(false);
        for effect in effects {
            match effect {
                Effect::Seen(resource, object) => self.see(resource, *object),
                Effect::Removed(uid) => {
                    self.gone(&uid);
                    self.world.remove_early(&uid);
                }
                Effect::Absent(uid) => {
                    self.world.mark_absent(&uid);
                    self.enqueue(item.clone());
                }
                Effect::None => {}
            }
        }
        if self.in_flight.is_empty() {
            self.world.answers_are_in();
        }
        match refusal {
            None => {
                self.failures.remove(&item);
                if again {
                    self.enqueue(item);
                }
            }
            Some(refusal) => self.retry(item, &refusal),
        }
    }

    /// The real controllers' pauses, but for their length in the end: nobody waits for an hour here.
    fn retry(&mut self, item: Item, refusal: &Refusal) {
        let stale = refusal.is_stale();
        if !stale {
            tracing::warn!(controller = ?item.controller, key = ?item.key,
                error = refusal.message(), "a controller's write was refused");
        }
        let failure = self.failures.entry(item.clone()).or_default();
        let pause = FIRST_RETRY.saturating_mul(2_u32.saturating_pow(failure.attempts.min(20)));
        failure.attempts += 1;
        failure.name_taken = refusal.is_already_there();
        failure.message = if stale {
            String::new()
        } else {
            refusal.message()
        };
        self.enqueue_after(item, pause.min(LAST_RETRY));
    }
}

/// What a task needs that writes.
struct Way {
    client: Client,
    resources: Resources,
    recorder: Recorder,
}

impl Way {
    async fn carry_out(self, item: Item, actions: Vec<Action>) -> Done {
        let mut effects = Vec::with_capacity(actions.len());
        let mut refusal = None;
        for action in actions {
            let (write, notes) = action.parted();
            let outcome = match write {
                Some(write) => perform(&self.client, &self.resources, write).await,
                None => Ok(Effect::None),
            };
            for note in notes {
                let told = note.told(item.controller, &self.resources, outcome.as_ref());
                if let Some(told) = told {
                    self.recorder.tell(told);
                }
            }
            match outcome {
                Ok(effect) => effects.push(effect),
                Err(error) => {
                    refusal = Some(error);
                    break;
                }
            }
        }
        Done {
            item,
            effects,
            refusal,
        }
    }
}

async fn at(due: Option<Instant>) {
    match due {
        Some(due) => tokio::time::sleep_until(due).await,
        None => std::future::pending().await,
    }
}

impl Controller {
    fn observe(self, view: &View<'_>, key: &super::world::Key) -> Verdict {
        match self {
            Self::Deployment => super::deployment::observe(view, key),
            Self::ReplicaSet => super::replica_set::observe(view, key, Kind::ReplicaSet),
            Self::ReplicationController => {
                super::replica_set::observe(view, key, Kind::ReplicationController)
            }
            Self::StatefulSet => super::stateful_set::observe(view, key),
            Self::DaemonSet => super::daemon_set::observe(view, key),
            Self::Job => super::job::observe(view, key),
            Self::CronJob => super::cron_job::observe(view, key),
            Self::GarbageCollector => super::garbage::observe(view, key),
            Self::Namespace => super::namespace::observe(view, key),
            Self::Endpoints => super::endpoints::observe(view, key),
            Self::EndpointSlice => super::endpoint_slices::observe(view, key),
            Self::DisruptionBudget => super::disruption::observe(view, key),
            Self::Autoscaler => super::autoscaler::observe(view, key),
            Self::NamespaceDefaults => super::namespace_defaults::observe(view, key),
            Self::ClaimProtection => super::protection::observe(view, key),
            Self::RoleAggregation => super::aggregation::observe(view, key),
            Self::Volumes => super::volumes::observe(view, key),
            Self::EphemeralVolumes => super::ephemeral::observe(view, key),
            Self::Tokens => super::tokens::observe(view, key),
        }
    }
}
