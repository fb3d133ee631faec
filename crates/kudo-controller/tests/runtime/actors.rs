//! The books of who works on what.

use std::sync::Arc;
use std::time::Duration;

use kudo_controller::actors::Actors;
use kudo_kube::InstanceKey;

#[tokio::test(start_paused = true)]
async fn news_is_never_lost() {
    let actors = Actors::default();
    let key = InstanceKey::new("ns", "i");
    let signal = actors.tell(&key).expect("the first news starts an actor");
    assert_eq!(actors.len(), 1);
    assert!(!signal.take());
    assert!(actors.tell(&key).is_none());
    assert!(actors.tell(&key).is_none());
    assert!(!actors.retire(&key, &signal), "there is news");
    signal.wait().await;
    assert!(signal.take(), "several are one");
    let quiet = tokio::time::timeout(Duration::from_secs(1), signal.wait()).await;
    assert!(quiet.is_err());
    assert!(actors.retire(&key, &signal));
    assert!(actors.is_empty());
    assert!(
        actors.tell(&key).is_some(),
        "the next news starts another one"
    );
}

#[tokio::test]
async fn the_end_of_an_actor_does_not_take_its_successor_along() {
    let actors = Actors::default();
    let key = InstanceKey::new("ns", "i");
    let first = actors.tell(&key).unwrap();
    assert!(actors.retire(&key, &first));
    let second = actors.tell(&key).unwrap();
    actors.forget(&key, &first);
    assert_eq!(actors.len(), 1);
    actors.forget(&key, &second);
    assert!(actors.is_empty());
}

#[tokio::test]
async fn whoever_waits_is_woken() {
    let actors = Arc::new(Actors::default());
    let key = InstanceKey::new("ns", "i");
    let signal = actors.tell(&key).unwrap();
    let waiting = tokio::spawn(async move { signal.wait().await });
    tokio::task::yield_now().await;
    actors.tell(&key);
    tokio::time::timeout(Duration::from_secs(5), waiting)
        .await
        .unwrap()
        .unwrap();
}
