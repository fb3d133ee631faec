//! The door that all requests pass.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use http::{Request, Response};
use kube::Client;
use kube::client::Body;
use kudo_controller::gate::RequestGate;
use tokio::sync::Semaphore;

/// A server that answers only when it is let.
fn slow() -> (Client, Arc<Semaphore>) {
    let answers = Arc::new(Semaphore::new(0));
    let let_go = Arc::clone(&answers);
    let service = tower::service_fn(move |_: Request<Body>| {
        let let_go = Arc::clone(&let_go);
        async move {
            let_go.acquire().await.unwrap().forget();
            let version = r#"{"major": "1", "minor": "20", "gitVersion": "v1.20.2", "gitCommit": "",
                "gitTreeState": "", "buildDate": "", "goVersion": "", "compiler": "", "platform": ""}"#;
            Ok::<_, Infallible>(Response::new(Body::from(version.as_bytes().to_vec())))
        }
    });
    (Client::new(service, "ns"), answers)
}

async fn soon(holds: impl Fn() -> bool) {
    for _ in 0..1000 {
        if holds() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    panic!("it does not happen");
}

#[tokio::test]
async fn only_so_many_are_under_way() {
    let (client, answers) = slow();
    let gate = RequestGate::new(2);
    let client = gate.client(client);
    let requests: Vec<_> = (0..5)
        .map(|_| {
            let client = client.clone();
            tokio::spawn(async move { client.apiserver_version().await.unwrap() })
        })
        .collect();
    soon(|| gate.under_way() == 2 && gate.waiting() == 3).await;
    answers.add_permits(1);
    soon(|| gate.under_way() == 2 && gate.waiting() == 2).await;
    answers.add_permits(4);
    for request in requests {
        request.await.unwrap();
    }
    assert_eq!((gate.under_way(), gate.waiting()), (0, 0));
}

#[tokio::test]
async fn closing_lets_requests_under_way_finish_and_no_other_begin() {
    let (client, answers) = slow();
    let gate = RequestGate::new(1);
    let client = gate.client(client);
    let request =
        |client: Client| tokio::spawn(async move { client.apiserver_version().await.unwrap() });
    let under_way = request(client.clone());
    soon(|| gate.under_way() == 1).await;
    let waiting = request(client.clone());
    soon(|| gate.waiting() == 1).await;
    let closing = {
        let gate = gate.clone();
        tokio::spawn(async move { gate.close(Duration::from_secs(10)).await })
    };
    tokio::time::sleep(Duration::from_millis(20)).await;
    assert!(!closing.is_finished());
    answers.add_permits(5);
    closing.await.unwrap();
    under_way.await.unwrap();
    tokio::time::sleep(Duration::from_millis(20)).await;
    assert!(!waiting.is_finished(), "it never begins");
    assert!(!request(client).is_finished());
}

#[tokio::test]
async fn closing_does_not_wait_for_ever() {
    let (client, _answers) = slow();
    let gate = RequestGate::new(1);
    let client = gate.client(client);
    tokio::spawn(async move { client.apiserver_version().await });
    soon(|| gate.under_way() == 1).await;
    gate.close(Duration::from_millis(50)).await;
    assert_eq!(gate.under_way(), 1);
}

#[tokio::test]
async fn a_request_that_is_given_up_frees_its_place() {
    let (client, answers) = slow();
    let gate = RequestGate::new(1);
    let client = gate.client(client);
    let given_up = {
        let client = client.clone();
        tokio::spawn(async move { client.apiserver_version().await })
    };
    soon(|| gate.under_way() == 1).await;
    given_up.abort();
    soon(|| gate.under_way() == 0).await;
    answers.add_permits(1);
    client.apiserver_version().await.unwrap();
}
