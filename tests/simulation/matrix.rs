//! Every place at which something can go wrong, one after the other: the end is always the undisturbed one.
//!
//! Each mishap is tried at each place, and has to come about there.

use std::fmt::Debug;
use std::panic::AssertUnwindSafe;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use kudo_kube::client::RequestInfo;
use serde_json::Value;

use crate::comparison::difference;
use crate::network::{Fair, Fault, Trouble, Weather};
use crate::outcome::state;
use crate::scenarios::Stage;
use crate::witness::Witness;
use crate::world::{RunningManager, World, in_virtual_time};

/// What goes wrong, and where.
#[derive(Clone, Copy, Debug)]
enum Mishap {
    Nothing,
    /// At the n-th write, counted from one.
    Write(usize, Fault),
    /// At the n-th request of any kind.
    Request(usize, Fault),
    /// At the n-th event of any watch.
    Event(usize, Trouble),
    /// The manager dies after the n-th write, and the next one sees what was so many versions ago.
    Relapse(usize, u64),
}

struct Once {
    mishap: Mishap,
    writes: usize,
    requests: usize,
    events: usize,
}

impl Once {
    fn new(mishap: Mishap) -> Self {
        Self {
            mishap,
            writes: 0,
            requests: 0,
            events: 0,
        }
    }
}

impl Weather for Once {
    fn request(&mut self, request: &RequestInfo) -> Option<Fault> {
        self.requests += 1;
        self.writes += usize::from(request.verb.is_write());
        match self.mishap {
            Mishap::Write(at, fault) if request.verb.is_write() && at == self.writes => Some(fault),
            Mishap::Request(at, fault) if at == self.requests => Some(fault),
            Mishap::Relapse(at, _) if request.verb.is_write() && at == self.writes => {
                Some(Fault::DeathAfter)
            }
            _ => None,
        }
    }

    fn event(&mut self) -> Option<Trouble> {
        self.events += 1;
        match self.mishap {
            Mishap::Event(at, trouble) if at == self.events => Some(trouble),
            _ => None,
        }
    }
}

/// What a run was.
struct Run {
    end: Value,
    writes: usize,
    requests: usize,
    events: usize,
}

/// Time in which all that trails a plan is over.
pub(crate) const TRAIL: Duration = Duration::from_mins(1);
/// Time in which nothing may be written any more; watches are not yet begun anew by then.
pub(crate) const SILENCE: Duration = Duration::from_mins(3);

/// Goes through a stage with one mishap; a dead manager is followed by another one.
fn run(stage: Stage, mishap: Mishap) -> Run {
    // Caches can be behind only what has been in this cluster.
    let ready = (!matches!(mishap, Mishap::Relapse(..))).then(|| stage.ready());
    in_virtual_time(async {
        let world = if let Some(ready) = ready {
            World::from(ready)
        } else {
            let world = World::new(1).await;
            stage.prepare(&world).await;
            world
        };
        let witness = Witness::of(&world);
        let mut managers: Vec<RunningManager> = vec![world.manager(Once::new(mishap))];
        stage.begin(&world).await;
        let deadly = match mishap {
            Mishap::Write(_, fault) | Mishap::Request(_, fault) => {
                matches!(fault, Fault::DeathBefore | Fault::DeathAfter)
            }
            Mishap::Relapse(..) => true,
            Mishap::Nothing | Mishap::Event(..) => false,
        };
        if deadly {
            let network = managers[0].network.clone();
            network.death().await;
            managers[0].kill();
            managers.push(match mishap {
                Mishap::Relapse(_, versions) => world.manager_in_the_past(versions).await,
                _ => world.manager(Fair),
            });
        }
        stage.end(&world).await;
        tokio::time::sleep(TRAIL).await;
        let network = &managers.last().unwrap().network;
        let writes = network.writes();
        tokio::time::sleep(SILENCE).await;
        assert_eq!(network.writes(), writes, "written long after the end");
        let twice = witness.made_twice();
        assert!(twice.is_empty(), "made twice: {twice:?}");
        let network = &managers[0].network;
        let struck = usize::from(!matches!(mishap, Mishap::Nothing));
        assert_eq!(network.strikes(), struck, "mishaps that came about");
        Run {
            end: state(&world).await,
            writes: network.writes(),
            requests: network.requests().len(),
            events: network.events(),
        }
    })
}

/// Tries mishaps; tells of each that ends otherwise than the undisturbed run.
fn try_all(stage: Stage, mishaps: impl Fn(&Run) -> Vec<Mishap>) {
    let undisturbed = run(stage, Mishap::Nothing);
    let mishaps = mishaps(&undisturbed);
    assert!(mishaps.len() > 10, "{mishaps:?}");
    in_parallel(&format!("{stage:?}"), &mishaps, |&mishap| {
        let end = run(stage, mishap).end;
        (end != undisturbed.end).then(|| difference(&undisturbed.end, &end, ""))
    });
}

/// Tries cases on all processors; `attempt` panics or tells what is wrong. Tells of all that fail.
pub(crate) fn in_parallel<T: Debug + Sync>(
    what: &str,
    cases: &[T],
    attempt: impl Fn(&T) -> Option<String> + Sync,
) {
    let next = AtomicUsize::new(0);
    let failures = Mutex::new(Vec::new());
    thread::scope(|scope| {
        let workers = thread::available_parallelism().map_or(1, usize::from);
        for _ in 0..workers {
            scope.spawn(|| {
                while let Some(case) = cases.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let attempt = AssertUnwindSafe(|| attempt(case));
                    let told = std::panic::catch_unwind(attempt);
                    if let Some(told) = told.unwrap_or_else(|panic| Some(message(&*panic))) {
                        let mut failures = failures.lock().unwrap();
                        failures.push(format!("{what}, {case:?}: {told}"));
                    }
                }
            });
        }
    });
    let failures = failures.into_inner().unwrap();
    let (tried, failed) = (cases.len(), failures.len());
    eprintln!("{what}: {tried} cases, {failed} failures");
    assert!(
        failures.is_empty(),
        "{failed} of {tried} failed:\n{}",
        failures[..failed.min(20)].join("\n\n")
    );
}

/// What a panic says.
pub(crate) fn message(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().cloned();
    text.or_else(|| panic.downcast_ref::<&str>().map(|&text| text.to_owned()))
        .unwrap_or_else(|| "a panic without words".to_owned())
}

fn deaths(undisturbed: &Run) -> Vec<Mishap> {
    (1..=undisturbed.writes)
        .flat_map(|at| {
            [Fault::DeathBefore, Fault::DeathAfter].map(|fault| Mishap::Write(at, fault))
        })
        .collect()
}

fn faults(undisturbed: &Run) -> Vec<Mishap> {
    let faults = [
        Fault::Answer(409),
        Fault::Answer(410),
        Fault::Answer(429),
        Fault::Answer(500),
        Fault::LostRequest,
        Fault::LostAnswer,
    ];
    (1..=undisturbed.requests)
        .flat_map(|at| faults.map(|fault| Mishap::Request(at, fault)))
        .collect()
}

fn troubles(undisturbed: &Run) -> Vec<Mishap> {
    let troubles = [Trouble::Cut, Trouble::Doubled, Trouble::Delayed];
    (1..=undisturbed.events)
        .flat_map(|at| troubles.map(|trouble| Mishap::Event(at, trouble)))
        .collect()
}

/// Restarts on a server whose caches are behind, by little and by much.
fn relapses(undisturbed: &Run) -> Vec<Mishap> {
    (1..=undisturbed.writes)
        .flat_map(|at| [2, 9, 40].map(|versions| Mishap::Relapse(at, versions)))
        .collect()
}

#[test]
fn caches_are_behind_after_a_restart_in_a_deploy() {
    try_all(Stage::Deploy, relapses);
}

#[test]
fn caches_are_behind_after_a_restart_in_an_update() {
    try_all(Stage::Update, relapses);
}

#[test]
fn caches_are_behind_after_a_restart_in_an_upgrade() {
    try_all(Stage::Upgrade, relapses);
}

#[test]
fn caches_are_behind_after_a_restart_in_an_uninstall() {
    try_all(Stage::Uninstall, relapses);
}

#[test]
fn killed_at_every_write_of_a_deploy() {
    try_all(Stage::Deploy, deaths);
}

#[test]
fn killed_at_every_write_of_an_update() {
    try_all(Stage::Update, deaths);
}

#[test]
fn killed_at_every_write_of_an_upgrade() {
    try_all(Stage::Upgrade, deaths);
}

#[test]
fn killed_at_every_write_of_an_uninstall() {
    try_all(Stage::Uninstall, deaths);
}

#[test]
fn every_request_of_a_deploy_goes_wrong() {
    try_all(Stage::Deploy, faults);
}

#[test]
fn every_request_of_an_update_goes_wrong() {
    try_all(Stage::Update, faults);
}

#[test]
fn every_request_of_an_upgrade_goes_wrong() {
    try_all(Stage::Upgrade, faults);
}

#[test]
fn every_request_of_an_uninstall_goes_wrong() {
    try_all(Stage::Uninstall, faults);
}

#[test]
fn every_event_of_a_deploy_goes_wrong() {
    try_all(Stage::Deploy, troubles);
}

#[test]
fn every_event_of_an_update_goes_wrong() {
    try_all(Stage::Update, troubles);
}

#[test]
fn every_event_of_an_upgrade_goes_wrong() {
    try_all(Stage::Upgrade, troubles);
}

#[test]
fn every_event_of_an_uninstall_goes_wrong() {
    try_all(Stage::Uninstall, troubles);
}
