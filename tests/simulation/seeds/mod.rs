//! Random operators, changes, faults and deaths in virtual time.
//!
//! All of that is a function of a seed, down to the order and the times of all requests. `KUDO_SEEDS` is how
//! many seeds are tried, `KUDO_FIRST_SEED` the first of them.

mod operator;
mod watcher;

use std::collections::{BTreeSet, HashMap};
use std::env;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;
use std::time::Duration;

use fastrand::Rng;
use kudo_api::Instance;
use kudo_kube::client::RequestInfo;
use serde_json::json;
use tokio::time::{Instant, sleep};

use crate::matrix::{SILENCE, TRAIL, in_parallel, message};
use crate::network::{Fault, Trouble, Weather};
use crate::outcome::{accepted, settled};
use crate::witness::Witness;
use crate::world::{RunningManager, World, in_virtual_time};

use operator::{MANUAL, Object, Operator, PARAMETERS, TOGGLE};
use watcher::{Auditor, Watcher, objects};

const SEEDS: &str = "KUDO_SEEDS";
const FIRST_SEED: &str = "KUDO_FIRST_SEED";
const SEEDS_BY_DEFAULT: u64 = 300;

/// Longest time that anything may take once nothing goes wrong any more: what went wrong before may cost
/// minutes.
const PATIENCE: Duration = Duration::from_hours(1);
const POLL: Duration = Duration::from_millis(250);

/// Weather in which anything may go wrong, up to a time. What becomes of a request depends on the seed, on
/// what it asks for and on how often that was asked for before: not on what else goes on at that moment.
struct Chaos {
    seed: u64,
    until: Instant,
    seen: HashMap<String, u32>,
    auditor: Auditor,
}

impl Chaos {
    fn new(seed: u64, until: Instant, auditor: Auditor) -> Self {
        Self {
            seed,
            until,
            seen: HashMap::new(),
            auditor,
        }
    }

    fn strikes<T: Copy>(&mut self, what: String, choice: &[T]) -> Option<T> {
        let mut hasher = DefaultHasher::new();
        let times = self.seen.entry(what.clone()).or_default();
        *times += 1;
        (self.seed, what, *times).hash(&mut hasher);
        let mut rng = Rng::with_seed(hasher.finish());
        let strikes = rng.u8(..100) < 4 && Instant::now() < self.until;
        strikes.then(|| choice[rng.usize(..choice.len())])
    }
}

impl Weather for Chaos {
    fn request(&mut self, request: &RequestInfo) -> Option<Fault> {
        self.auditor.note(request);
        let faults = [
            Fault::Answer(409),
            Fault::Answer(410),
            Fault::Answer(429),
            Fault::Answer(500),
            Fault::LostRequest,
            Fault::LostAnswer,
            Fault::DeathBefore,
            Fault::DeathAfter,
        ];
        self.strikes(asked(request), &faults)
    }

    fn event(&mut self) -> Option<Trouble> {
        let troubles = [Trouble::Cut, Trouble::Doubled, Trouble::Delayed];
        self.strikes("event".to_owned(), &troubles)
    }
}

/// What a request asks for.
fn asked(request: &RequestInfo) -> String {
    format!("{} {}", request.verb.as_str(), request.path)
}

/// One run.
struct Walk {
    rng: Rng,
    world: World,
    operator: Arc<Operator>,
    watcher: Watcher,
    witness: Witness,
    managers: Vec<RunningManager>,
    bad_until: Instant,
    upgraded: bool,
}

impl Walk {
    async fn new(seed: u64) -> Self {
        let mut rng = Rng::with_seed(seed);
        let world = World::new(seed).await;
        let operator = Arc::new(Operator::random(&mut rng));
        for version in &operator.versions {
            world.create_version(version).await;
        }
        let mut walk = Self {
            watcher: Watcher::of(&world, &operator),
            witness: Witness::of(&world),
            rng,
            world,
            operator,
            managers: Vec::new(),
            bad_until: Instant::now(),
            upgraded: false,
        };
        walk.trouble();
        walk.start_manager();
        walk
    }

    /// From now on things go wrong for a while.
    fn trouble(&mut self) {
        self.bad_until = Instant::now() + Duration::from_secs(self.rng.u64(5..60));
        if let Some(manager) = self.managers.pop() {
            // The new weather begins with a new manager, and the old one ends as it may.
            manager.kill();
            self.managers.push(manager);
            self.start_manager();
        }
    }

    fn start_manager(&mut self) {
        let weather = Chaos::new(self.rng.u64(..), self.bad_until, self.watcher.auditor());
        self.managers.push(self.world.manager(weather));
    }

    /// Lets time pass; a manager that has died is followed by another one.
    async fn pass(&mut self, time: Duration) {
        let until = Instant::now() + time;
        while Instant::now() < until {
            sleep(POLL).await;
            let manager = self.managers.last().unwrap();
            if manager.network.is_dead() {
                manager.kill();
                sleep(Duration::from_millis(self.rng.u64(..3000))).await;
                self.start_manager();
            }
        }
    }

    /// Waits until all is as asked for.
    async fn settle(&mut self) {
        self.until("it never settles", settled).await;
    }

    /// Waits until all is as asked for, or until a plan has begun.
    async fn settle_or_begin(&mut self) {
        if self.rng.bool() {
            self.settle().await;
        } else {
            self.change_a_parameter().await;
            self.until("it is never accepted", accepted).await;
        }
    }

    async fn until(&mut self, problem: &str, holds: impl Fn(&Instance) -> bool) {
        let begun = Instant::now();
        loop {
            let found = self.world.instance().await;
            if found.as_ref().is_some_and(&holds) {
                return;
            }
            assert!(begun.elapsed() < PATIENCE, "{problem}: {:#}", json!(found));
            self.pass(POLL).await;
        }
    }

    async fn change_a_parameter(&mut self) {
        let (name, value) = match self.rng.usize(..=PARAMETERS) {
            PARAMETERS => (TOGGLE.to_owned(), self.rng.bool().to_string()),
            index => (format!("P{index}"), self.rng.u32(..5).to_string()),
        };
        self.world
            .change(json!({ "parameters": { name: value } }))
            .await;
    }

    /// Asks for the second version. Where a plan runs, that has to wait; together with another change that
    /// is not yet accepted it would be refused.
    async fn upgrade(&mut self) {
        self.settle_or_begin().await;
        let name = &self.operator.versions[1]["metadata"]["name"];
        self.world
            .change(json!({ "operatorVersion": { "name": name } }))
            .await;
        self.upgraded = true;
    }

    /// Does something that a user may do.
    async fn act(&mut self) {
        match self.rng.u8(..6) {
            0 if !self.upgraded => {
                self.upgrade().await;
                // No other change before this one is accepted.
                self.settle().await;
            }
            1 if self.operator.effects.contains_key(MANUAL) => {
                self.settle_or_begin().await;
                let uid = format!("by-hand-{}", self.rng.u32(..));
                let wanted = json!({ "planName": MANUAL, "uid": uid });
                self.world.change(json!({ "planExecution": wanted })).await;
                self.settle().await;
            }
            2 => {
                self.managers.last().unwrap().kill();
                self.pass(POLL).await;
            }
            3 => {
                let manager = self.managers.pop().unwrap();
                manager.stop().await;
                self.start_manager();
            }
            4 => self.trouble(),
            _ => self.change_a_parameter().await,
        }
        let pause = Duration::from_millis(self.rng.u64(..20_000));
        self.pass(pause).await;
    }

    /// Asks for something and does not wait for its end.
    async fn leave_in_the_middle(&mut self) {
        if self.rng.bool() && !self.upgraded {
            self.upgrade().await;
        } else {
            self.change_a_parameter().await;
        }
        let pause = Duration::from_millis(self.rng.u64(..1_500));
        self.pass(pause).await;
    }

    /// Objects that must be there after all the plans that were completed.
    fn expected(&self) -> BTreeSet<Object> {
        let mut expected = BTreeSet::new();
        for ended in self.watcher.ended() {
            let (applied, deleted) = self.operator.effect(&ended.plan, &ended.parameters);
            expected.retain(|object| !deleted.contains(object));
            expected.extend(applied);
        }
        expected
    }

    async fn found(&self) -> BTreeSet<Object> {
        objects(&self.world.client()).await
    }

    async fn check_silence(&mut self) {
        self.pass(TRAIL).await;
        let manager = self.managers.last().unwrap();
        let writes = manager.network.writes();
        sleep(SILENCE).await;
        assert_eq!(
            manager.network.writes(),
            writes,
            "written though nothing changes"
        );
    }

    async fn check_objects(&self) {
        assert_eq!(
            self.found().await,
            self.expected(),
            "objects, after {:?}",
            self.watcher.ended()
        );
    }

    fn check_history(&self) {
        let wrong = self.watcher.wrong();
        assert!(wrong.is_empty(), "{wrong:#?}");
        let volatile = self.operator.volatile();
        let volatile: Vec<String> = volatile
            .into_iter()
            .map(|(kind, name)| format!("{kind} {name}"))
            .collect();
        let mut twice = self.witness.made_twice();
        twice.retain(|object| !volatile.contains(object));
        assert!(twice.is_empty(), "made twice: {twice:?}");
    }
}

/// Goes through a whole life; all that the managers asked for.
fn walk(seed: u64) -> Vec<String> {
    // Pauses between attempts come from it, in libraries, too.
    fastrand::seed(seed);
    in_virtual_time(async {
        let mut walk = Walk::new(seed).await;
        let version = walk.operator.versions[0]["metadata"]["name"].clone();
        walk.world.create_instance(version.as_str().unwrap()).await;
        for _ in 0..walk.rng.usize(2..8) {
            walk.act().await;
        }
        if walk.rng.u8(..3) == 0 {
            walk.leave_in_the_middle().await;
        } else {
            walk.settle().await;
            walk.check_silence().await;
            walk.check_objects().await;
        }
        walk.check_history();
        if walk.rng.bool() {
            walk.trouble();
        }
        walk.world.delete_instance().await;
        let begun = Instant::now();
        while walk.world.instance().await.is_some() || !walk.found().await.is_empty() {
            let left = (walk.world.instance().await, walk.found().await);
            assert!(begun.elapsed() < PATIENCE, "never gone: {left:#?}");
            walk.pass(POLL).await;
        }
        walk.check_silence().await;
        walk.check_history();
        walk.world.trace.lines()
    })
}

fn number(variable: &str, otherwise: u64) -> u64 {
    env::var(variable).map_or(otherwise, |text| {
        text.parse()
            .unwrap_or_else(|_| panic!("{variable} must be a number, not {text:?}"))
    })
}

#[test]
fn whole_lives_of_random_operators() {
    let first = number(FIRST_SEED, 1);
    let seeds: Vec<u64> = (first..first + number(SEEDS, SEEDS_BY_DEFAULT)).collect();
    in_parallel("seed", &seeds, |&seed| {
        let walked = std::panic::catch_unwind(|| walk(seed));
        let told = walked.err().map(|panic| message(&*panic));
        told.map(|told| format!("{told}\nagain: cargo xtask simulate --seeds 1 --first {seed}"))
    });
}

#[test]
fn a_run_is_a_function_of_its_seed() {
    for seed in 1..=20 {
        let (first, second) = (walk(seed), walk(seed));
        let differs = |(one, other): (&String, &String)| one != other;
        let place = first.iter().zip(&second).position(differs);
        let shown = place.map(|place| (&first[place], &second[place]));
        assert_eq!(shown, None, "seed {seed}");
        assert_eq!(first.len(), second.len(), "seed {seed}");
    }
}
