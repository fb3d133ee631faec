//! A server that fails: every write of the manager is refused at first, each in another way.

use std::collections::HashSet;
use std::sync::{Arc, Mutex};

use futures::future::BoxFuture;
use kudo_kube::client::{Admission, Gate, RequestInfo};
use serde_json::Value;

use super::scenarios::{Deployment, Upgrade};
use super::witness::Witness;
use super::{Scenario, Undisturbed};
use crate::comparison::difference;
use crate::harness::cluster;
use crate::managers::{Log, TestManager};

const CODES: [u16; 6] = [500, 409, 429, 503, 504, 410];

/// Refuses each write the first time it is tried.
#[derive(Default)]
struct Stumble {
    tried: Mutex<HashSet<String>>,
    log: Log,
}

impl Gate for Stumble {
    fn before<'a>(&'a self, request: &'a RequestInfo) -> BoxFuture<'a, Admission> {
        Box::pin(async move {
            let mut tried = self.tried.lock().unwrap();
            let number = tried.len();
            if tried.insert(format!("{request:?}")) {
                return Admission::Refuse(CODES[number % CODES.len()]);
            }
            self.log.note(request);
            Admission::Proceed
        })
    }

    fn after<'a>(&'a self, _: &'a RequestInfo, _: u16) -> BoxFuture<'a, ()> {
        Box::pin(async {})
    }
}

async fn stumble_through<S: Scenario>(scenario: S) {
    let undisturbed = Undisturbed::run(&scenario).await;
    let namespace = cluster().namespace().await;
    scenario.prepare(&namespace).await;
    let witness = Witness::of(&namespace);
    let stumble = Arc::new(Stumble::default());
    let _manager = TestManager::start_with(&[&namespace], Some(stumble.clone()));
    scenario.begin(&namespace).await;
    let end: Value = scenario.finish(&namespace).await;
    assert_eq!(witness.made_twice(), [""; 0]);
    assert!(
        end == undisturbed.end,
        "{}",
        difference(&undisturbed.end, &end, "")
    );
    let refused = stumble.tried.lock().unwrap().len();
    assert!(refused >= 5, "{refused} writes were refused");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deployment_stumbles_through() {
    stumble_through(Deployment::galera()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upgrade_stumbles_through() {
    stumble_through(Upgrade).await;
}
