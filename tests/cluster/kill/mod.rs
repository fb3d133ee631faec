//! The manager is killed right before and right after each of its writes; the next one goes on.
//!
//! By default a sample of the kill points is tried; `KUDO_ALL_KILL_POINTS=1` tries all of them.

mod faults;
mod outcome;
mod scenarios;
pub(crate) mod trap;
pub(crate) mod witness;

use std::collections::BTreeSet;
use std::env;
use std::sync::Arc;

use futures::{StreamExt, stream};
use kudo_api::Instance;
use serde_json::Value;

use crate::comparison::difference;
use crate::harness::{SOON, TestNamespace, cluster};
use crate::managers::{Log, TestManager};
use scenarios::{Deletion, Deployment, Upgrade};
use trap::{Moment, Trap};
use witness::Witness;

/// Runs all kill points instead of a sample.
const ALL_VARIABLE: &str = "KUDO_ALL_KILL_POINTS";
/// Kill points of a sample.
const SAMPLE: usize = 10;
/// Kill points that are tried at the same time.
const AT_ONCE: usize = 5;
/// The last writes may come in another order, so that a point among them is not met.
const TAIL: usize = 2;

/// Name of the instance in all scenarios.
const NAME: &str = "db";

/// Something a manager does, from a beginning to an end that can be compared.
trait Scenario {
    /// What to call it.
    const NAME: &'static str;

    /// Makes everything ready; may run managers of its own.
    async fn prepare(&self, namespace: &TestNamespace);

    /// Does what the manager is to act upon.
    async fn begin(&self, namespace: &TestNamespace);

    /// Waits for the end, and gives the state that things are in.
    async fn finish(&self, namespace: &TestNamespace) -> Value;

    /// The writes to objects that the next manager may make, given what the killed one left on record;
    /// all others belong to steps that are complete.
    fn left(&self, namespace: &TestNamespace, found: Option<&Instance>) -> BTreeSet<String>;
}

/// Kills the manager at a point, lets the next one finish, and compares with the undisturbed run.
async fn try_point<S: Scenario>(scenario: &S, place: (usize, Moment), undisturbed: &Undisturbed) {
    let (point, moment) = place;
    let namespace = cluster().namespace().await;
    scenario.prepare(&namespace).await;
    let witness = Witness::of(&namespace);
    let trap = Arc::new(Trap::new(point, moment));
    let manager = TestManager::start_with(&[&namespace], Some(trap.clone()));
    scenario.begin(&namespace).await;
    let sprung = tokio::time::timeout(SOON, trap.at.notified()).await.is_ok();
    manager.kill().await;
    let place = format!("{}, {moment:?} write {point}", S::NAME);
    assert!(
        sprung || point + TAIL > undisturbed.writes.len(),
        "{place} is not met"
    );

    let found = namespace.api::<Instance>().get_opt(NAME).await.unwrap();
    let left = scenario.left(&namespace, found.as_ref());
    let log = Arc::new(Log::default());
    let _manager = TestManager::start_with(&[&namespace], Some(log.clone()));
    let end = scenario.finish(&namespace).await;

    for write in log.writes() {
        let own = write.contains(" instances") || write.starts_with("create events");
        assert!(
            own || left.contains(&write),
            "{place}: {write} belongs to a completed step; left were {left:?}"
        );
    }
    assert_eq!(witness.made_twice(), [""; 0], "{place}");
    let expected = &undisturbed.end;
    assert!(
        end == *expected,
        "{place}:\n{}",
        difference(expected, &end, "")
    );
}

/// What happens if nobody is killed.
struct Undisturbed {
    writes: Vec<String>,
    end: Value,
}

impl Undisturbed {
    async fn run<S: Scenario>(scenario: &S) -> Self {
        let namespace = cluster().namespace().await;
        scenario.prepare(&namespace).await;
        let witness = Witness::of(&namespace);
        let log = Arc::new(Log::default());
        let _manager = TestManager::start_with(&[&namespace], Some(log.clone()));
        scenario.begin(&namespace).await;
        let end = scenario.finish(&namespace).await;
        assert_eq!(witness.made_twice(), [""; 0]);
        Self {
            writes: log.writes(),
            end,
        }
    }
}

async fn kill_everywhere<S: Scenario>(scenario: S) {
    let undisturbed = Undisturbed::run(&scenario).await;
    let all: Vec<(usize, Moment)> = (1..=undisturbed.writes.len())
        .flat_map(|point| [(point, Moment::Before), (point, Moment::After)])
        .collect();
    let points: Vec<(usize, Moment)> = if env::var_os(ALL_VARIABLE).is_some() {
        all
    } else {
        let step = all.len().div_ceil(SAMPLE) | 1;
        all.into_iter().step_by(step).collect()
    };
    eprintln!(
        "{}: {} writes undisturbed, {} kill points tried: {:#?}",
        S::NAME,
        undisturbed.writes.len(),
        points.len(),
        undisturbed.writes
    );
    stream::iter(points)
        .map(|place| try_point(&scenario, place, &undisturbed))
        .buffer_unordered(AT_ONCE)
        .collect::<Vec<()>>()
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn while_galera_is_deployed() {
    kill_everywhere(Deployment::galera()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn while_an_upgrade_prunes() {
    kill_everywhere(Upgrade).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn while_an_instance_is_deleted() {
    kill_everywhere(Deletion).await;
}
