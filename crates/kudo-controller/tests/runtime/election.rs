//! Leader election: what a candidate may do, and that a leader stops in time.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use http::{Request, Response};
use k8s_openapi::api::coordination::v1::Lease;
use k8s_openapi::jiff::Timestamp;
use kube::Client;
use kube::client::Body;
use kudo_api::ObjectMeta;
use kudo_controller::election::view::{Step, View, holder, released, renewed, taken};
use kudo_controller::election::{Fence, Timing, TimingError};
use kudo_controller::gate::RequestGate;
use tokio::time::Instant;

const TEN: Duration = Duration::from_secs(10);

fn lease(version: &str) -> Lease {
    Lease {
        metadata: ObjectMeta {
            name: Some("l".to_owned()),
            resource_version: Some(version.to_owned()),
            ..ObjectMeta::default()
        },
        spec: None,
    }
}

fn now() -> Timestamp {
    Timestamp::from_second(1_700_000_000).unwrap()
}

fn after(start: Instant, seconds: u64) -> Instant {
    start + Duration::from_secs(seconds)
}

#[test]
fn a_lease_is_taken_when_it_was_not_seen_to_change_for_its_duration() {
    let start = Instant::now();
    let mut view = View::default();
    assert_eq!(view.step(start), Step::Create);

    let held = taken(lease("1"), "other", TEN, now());
    view.see(Some(held.clone()), start);
    assert_eq!(view.holder(), Some("other"));
    assert_eq!(view.step(after(start, 9)), Step::Wait(after(start, 10)));
    // Seeing the same state again says nothing of its holder.
    view.see(Some(held.clone()), after(start, 9));
    assert_eq!(view.step(after(start, 10)), Step::Take(Box::new(held)));

    // Its holder's clock, however wrong, does not count: only that it changes.
    let mut later = renewed(
        taken(lease("1"), "other", TEN, now()),
        Timestamp::UNIX_EPOCH,
    );
    later.metadata.resource_version = Some("2".to_owned());
    view.see(Some(later.clone()), after(start, 10));
    assert_eq!(view.step(after(start, 19)), Step::Wait(after(start, 20)));
    assert_eq!(view.step(after(start, 20)), Step::Take(Box::new(later)));

    view.see(None, after(start, 21));
    assert_eq!(view.step(after(start, 21)), Step::Create);
}

#[test]
fn a_lease_that_was_given_up_is_taken_at_once() {
    let start = Instant::now();
    let mut view = View::default();
    for free in [
        lease("1"),
        released(taken(lease("2"), "other", TEN, now()), now()),
    ] {
        view.see(Some(free.clone()), start);
        assert_eq!(view.holder(), None);
        assert_eq!(view.step(start), Step::Take(Box::new(free)));
    }
}

#[test]
fn what_is_written() {
    let first = taken(lease("7"), "me", TEN, now());
    let spec = first.spec.clone().unwrap();
    assert_eq!(holder(&first), Some("me"));
    assert_eq!(first.metadata.resource_version.as_deref(), Some("7"));
    assert_eq!(
        (spec.lease_duration_seconds, spec.lease_transitions),
        (Some(10), Some(0))
    );
    let second = taken(first, "you", TEN, now());
    assert_eq!(second.spec.unwrap().lease_transitions, Some(1));
}

#[test]
fn times_go_together() {
    let timing = |lease: u64, deadline: u64, retry: u64| {
        let [lease, deadline, retry] = [lease, deadline, retry].map(Duration::from_millis);
        Timing {
            lease,
            deadline,
            retry,
        }
        .check()
    };
    assert!(Timing::default().check().is_ok());
    let cases = [
        ((2000, 1000, 500), None),
        ((0, 0, 1), Some(TimingError::Lease)),
        ((1500, 500, 100), Some(TimingError::Lease)),
        ((2000, 1001, 500), Some(TimingError::Deadline)),
        ((2000, 1000, 501), Some(TimingError::Retry)),
        ((2000, 1000, 0), Some(TimingError::Retry)),
    ];
    for ((lease, deadline, retry), expected) in cases {
        assert_eq!(
            timing(lease, deadline, retry).err(),
            expected,
            "{lease} {deadline} {retry}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_fence_falls_when_it_is_not_put_off() {
    let start = Instant::now();
    let fence = Fence::until(after(start, 5));
    tokio::time::advance(Duration::from_secs(4)).await;
    assert!(!fence.is_down());
    fence.put_off(after(start, 8));
    // An answer that comes late puts nothing forward.
    fence.put_off(after(start, 6));
    fence.fallen().await;
    assert_eq!(start.elapsed(), Duration::from_secs(8));
    fence.put_off(after(start, 100));
    assert!(fence.is_down(), "what has fallen stays down");
}

/// A server that never answers, and counts what reaches it.
fn silent() -> (Client, Arc<AtomicUsize>) {
    let arrived = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&arrived);
    let service = tower::service_fn(move |_: Request<Body>| {
        count.fetch_add(1, Ordering::SeqCst);
        std::future::pending::<Result<Response<Body>, Infallible>>()
    });
    (Client::new(service, "ns"), arrived)
}

#[tokio::test(start_paused = true)]
async fn behind_a_fence_that_has_fallen_nothing_goes_on() {
    let (client, arrived) = silent();
    let fence = Fence::until(Instant::now() + Duration::from_secs(5));
    let gate = RequestGate::new(8).behind(Some(fence));
    let client = gate.client(client);
    let under_way = client.clone();
    let first = tokio::spawn(async move { under_way.apiserver_version().await });
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!((gate.under_way(), arrived.load(Ordering::SeqCst)), (1, 1));
    // The process is stopped for so long that no timer had a chance.
    tokio::time::advance(Duration::from_secs(30)).await;
    let late = tokio::spawn(async move { client.apiserver_version().await });
    gate.fallen().await;
    gate.close(Duration::ZERO).await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!((gate.under_way(), arrived.load(Ordering::SeqCst)), (0, 1));
    assert!(
        !first.is_finished() && !late.is_finished(),
        "they wait for ever"
    );
}
