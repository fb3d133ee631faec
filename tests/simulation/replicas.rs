//! Two managers, one of which acts: the other goes on wherever the first is killed, cut off or stopped, and
//! never do two act.

use std::time::Duration;

use k8s_openapi::api::coordination::v1::Lease;
use kube::Api;
use kudo_controller::election::{Candidate, Timing};
use kudo_controller::{Manager, ManagerOptions};
use kudo_kube::client::RequestInfo;
use serde_json::Value;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

use crate::comparison::difference;
use crate::matrix::{SILENCE, TRAIL, in_parallel};
use crate::network::{Fair, Fault, Network, Trouble, Weather};
use crate::outcome::state;
use crate::scenarios::Stage;
use crate::witness::Witness;
use crate::world::{NAMESPACE, World, in_virtual_time};

const LEASE: &str = "kudo-manager";
/// Within this time the other acts when the leader is killed or cut off.
const TAKEOVER: Duration = Duration::from_secs(15);
/// Within this time the other acts when the leader stops in order.
const HANDOVER: Duration = Duration::from_secs(1);
/// How long a leader is cut off: long enough for another to take over.
const OUTAGE: Duration = Duration::from_mins(1);
const POLL: Duration = Duration::from_millis(20);

/// How the leader's term ends, at its n-th action, counted from one.
#[derive(Clone, Copy, Debug)]
enum End {
    KilledBefore(usize),
    KilledAfter(usize),
    /// From this action on nothing of it arrives for a while.
    CutOff(usize),
    /// It is asked to stop.
    Stopped(usize),
    /// It does not end.
    Never,
}

/// An action is a write of anything but the Lease.
fn is_action(request: &RequestInfo) -> bool {
    request.verb.is_write() && request.resource != "leases"
}

struct Leader {
    end: End,
    actions: usize,
    outage: Option<Instant>,
    stop: CancellationToken,
}

impl Weather for Leader {
    fn request(&mut self, request: &RequestInfo) -> Option<Fault> {
        let action = is_action(request);
        self.actions += usize::from(action);
        match self.end {
            End::KilledBefore(at) if action && at == self.actions => Some(Fault::DeathBefore),
            End::KilledAfter(at) if action && at == self.actions => Some(Fault::DeathAfter),
            End::CutOff(at) => {
                if action && at == self.actions {
                    self.outage = Some(Instant::now());
                }
                let out = self.outage.is_some_and(|since| since.elapsed() < OUTAGE);
                out.then_some(Fault::LostRequest)
            }
            End::Stopped(at) => {
                if action && at == self.actions {
                    self.stop.cancel();
                }
                None
            }
            _ => None,
        }
    }

    fn event(&mut self) -> Option<Trouble> {
        None
    }
}

/// A manager that stands for election, again and again.
struct Replica {
    network: Network,
    task: JoinHandle<()>,
}

impl Replica {
    fn start(
        world: &World,
        name: &'static str,
        weather: impl Weather + 'static,
        shutdown: &CancellationToken,
    ) -> Self {
        let network = Network::new(world.client(), weather, world.trace.clone(), None);
        let task = tokio::spawn(serve(network.clone(), name, shutdown.clone()));
        Self { network, task }
    }

    fn actions(&self) -> usize {
        let requests = self.network.requests();
        requests.iter().filter(|request| is_action(request)).count()
    }
}

async fn serve(network: Network, name: &str, shutdown: CancellationToken) {
    let timing = Timing::default();
    let candidate = Candidate::new(network.client(), NAMESPACE, LEASE, name, timing);
    while let Some(term) = shutdown.run_until_cancelled(candidate.win()).await {
        let options = ManagerOptions {
            fence: Some(term.fence().clone()),
            ..ManagerOptions::default()
        };
        let manager = Manager::new(network.client(), options);
        manager.run(shutdown.clone()).await;
        term.resign().await;
        if shutdown.is_cancelled() {
            return;
        }
    }
}

async fn until_leads(world: &World, name: &str, within: Duration) {
    let begun = Instant::now();
    let leases: Api<Lease> = Api::namespaced(world.client(), NAMESPACE);
    loop {
        let lease = leases.get_opt(LEASE).await.unwrap();
        let holder = lease.and_then(|lease| lease.spec?.holder_identity);
        if holder.as_deref() == Some(name) {
            return;
        }
        assert!(
            begun.elapsed() < within,
            "{name} does not lead after {within:?}, but {holder:?}"
        );
        sleep(POLL).await;
    }
}

/// The state at the end, and how often the first replica acted.
fn run(stage: Stage, end: End) -> (Value, usize) {
    let ready = stage.ready();
    in_virtual_time(async {
        let world = World::from(ready);
        let witness = Witness::of(&world);
        let (stop, go_on) = (CancellationToken::new(), CancellationToken::new());
        let leader = Leader {
            end,
            actions: 0,
            outage: None,
            stop: stop.clone(),
        };
        let first = Replica::start(&world, "first", leader, &stop);
        until_leads(&world, "first", TAKEOVER).await;
        let second = Replica::start(&world, "second", Fair, &go_on);
        sleep(Duration::from_secs(3)).await;
        stage.begin(&world).await;
        let taken_over = match end {
            End::Never => None,
            End::KilledBefore(_) | End::KilledAfter(_) => {
                first.network.death().await;
                first.task.abort();
                until_leads(&world, "second", TAKEOVER).await;
                Some(first.actions())
            }
            End::Stopped(_) => {
                stop.cancelled().await;
                until_leads(&world, "second", HANDOVER).await;
                Some(first.actions())
            }
            End::CutOff(at) => {
                while first.actions() < at {
                    sleep(POLL).await;
                }
                until_leads(&world, "second", TAKEOVER).await;
                let actions = first.actions();
                sleep(OUTAGE * 2).await;
                Some(actions)
            }
        };
        stage.end(&world).await;
        sleep(TRAIL).await;
        let actions = || (first.actions(), second.actions());
        let at_end = actions();
        sleep(SILENCE).await;
        assert_eq!(actions(), at_end, "written long after the end");
        match taken_over {
            Some(before) => assert_eq!(first.actions(), before, "two act"),
            None => assert_eq!(second.actions(), 0, "two act"),
        }
        let twice = witness.made_twice();
        assert!(twice.is_empty(), "made twice: {twice:?}");
        (state(&world).await, first.actions())
    })
}

/// Every action of the leader is its last one, once.
fn at_every_action(stage: Stage, ends: &[fn(usize) -> End]) {
    let (undisturbed, actions) = run(stage, End::Never);
    let ends: Vec<End> = (1..=actions)
        .flat_map(|at| ends.iter().map(move |end| end(at)))
        .collect();
    in_parallel(&format!("{stage:?}"), &ends, |&end| {
        let (found, _) = run(stage, end);
        (found != undisturbed).then(|| difference(&undisturbed, &found, ""))
    });
}

#[test]
fn a_deploy_goes_on_wherever_its_leader_is_killed() {
    at_every_action(Stage::Deploy, &[End::KilledBefore, End::KilledAfter]);
}

#[test]
fn an_update_goes_on_wherever_its_leader_is_killed() {
    at_every_action(Stage::Update, &[End::KilledBefore, End::KilledAfter]);
}

#[test]
fn an_uninstall_goes_on_wherever_its_leader_is_killed() {
    at_every_action(Stage::Uninstall, &[End::KilledBefore, End::KilledAfter]);
}

#[test]
fn a_deploy_goes_on_wherever_its_leader_is_cut_off_or_stops() {
    at_every_action(Stage::Deploy, &[End::CutOff, End::Stopped]);
}
