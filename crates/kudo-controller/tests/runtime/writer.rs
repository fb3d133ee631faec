//! What becomes of a write when the server fails, lies low, or was faster elsewhere.

use std::sync::Arc;

use kudo_api::instance::Accepted;
use kudo_controller::store::InstanceStore;
use kudo_controller::writer::{Basis, WriteError, Writer};
use serde_json::{Map, json};

use crate::server::{Fate, Server};

fn writer(server: &Server) -> (Writer, Arc<InstanceStore>) {
    let store = Arc::new(InstanceStore::default());
    let instance = server.instance().unwrap();
    store.observe(&instance);
    (
        Writer::new(server.client(), Arc::clone(&store), instance),
        store,
    )
}

fn accepted() -> Accepted {
    Accepted {
        operator_version: "v1".to_owned(),
        parameters: [("a".to_owned(), "b".to_owned())].into(),
    }
}

async fn accept(writer: &Writer, basis: Basis<'_>) -> Result<(), WriteError> {
    let written = writer.status(basis, |status| {
        status.accepted = Some(accepted());
        Ok(())
    });
    written.await.map(|instance| {
        assert_eq!(instance.status.unwrap().accepted, Some(accepted()));
    })
}

#[tokio::test(start_paused = true)]
async fn a_status_is_written_in_the_end_and_once() {
    use Fate::{AnswerLost, Deleted, Failed, Made, Overtaken, Replaced};
    type Outcome = Result<(), WriteError>;
    let gone: Outcome = Err(WriteError::Gone);
    let refused = |reason: &str| {
        Err(WriteError::Refused {
            message: format!("{reason} by script"),
        })
    };
    let cases: [(&[Fate], Outcome, &str); 14] = [
        (&[Made], Ok(()), "PATCH 200"),
        // What was made is not made again.
        (&[AnswerLost], Ok(()), "PATCH 504, PATCH 409, GET 200"),
        (
            &[AnswerLost, AnswerLost],
            Ok(()),
            "PATCH 504, PATCH 409, GET 200",
        ),
        (&[Failed(500)], Ok(()), "PATCH 500, PATCH 200"),
        (
            &[Failed(503), Failed(429), Failed(500)],
            Ok(()),
            "PATCH 503, PATCH 429, PATCH 500, PATCH 200",
        ),
        (&[Failed(410)], Ok(()), "PATCH 410, PATCH 200"),
        (&[Failed(403)], Ok(()), "PATCH 403, PATCH 200"),
        (&[Failed(401)], Ok(()), "PATCH 401, PATCH 200"),
        (&[Failed(409)], Ok(()), "PATCH 409, GET 200, PATCH 200"),
        (&[Overtaken], Ok(()), "PATCH 409, GET 200, PATCH 200"),
        (
            &[Overtaken, Overtaken, AnswerLost],
            Ok(()),
            "PATCH 409, GET 200, PATCH 409, GET 200, PATCH 504, PATCH 409, GET 200",
        ),
        (&[Deleted], gone.clone(), "PATCH 404"),
        (&[Replaced], gone, "PATCH 409, GET 200"),
        (&[Failed(422)], refused("Script"), "PATCH 422"),
    ];
    for (fates, expected, log) in cases {
        let server = Server::new(fates);
        let (writer, store) = writer(&server);
        let outcome = accept(&writer, Basis::Latest).await;
        assert_eq!(outcome, expected, "{fates:?}");
        assert_eq!(server.log().join(", "), log, "{fates:?}");
        if outcome.is_ok() {
            let written = server.instance().unwrap();
            assert_eq!(
                written.status.clone().unwrap().accepted,
                Some(accepted()),
                "{fates:?}"
            );
            let key = kudo_kube::InstanceKey::new("ns", "i");
            let known = store.get(&key).unwrap();
            assert_eq!(
                known.metadata.resource_version,
                written.metadata.resource_version
            );
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_start_is_made_only_on_what_was_decided_upon() {
    use Fate::{AnswerLost, Failed, Made, Overtaken, Replaced};
    let cases: [(&[Fate], Result<(), WriteError>); 7] = [
        (&[Made], Ok(())),
        (&[Failed(500), Made], Ok(())),
        (&[Overtaken], Err(WriteError::Stale)),
        // Whether it was made is for the next look to find out.
        (&[AnswerLost], Err(WriteError::Stale)),
        (&[Replaced], Err(WriteError::Gone)),
        (&[Failed(500), Overtaken], Err(WriteError::Stale)),
        (&[Failed(429), Failed(503)], Ok(())),
    ];
    for (fates, expected) in cases {
        let server = Server::new(fates);
        let (writer, store) = writer(&server);
        let outcome = accept(&writer, Basis::Exactly("1")).await;
        assert_eq!(outcome, expected, "{fates:?}");
        if expected == Err(WriteError::Stale) {
            let known = store.get(&kudo_kube::InstanceKey::new("ns", "i")).unwrap();
            let current = server.instance().unwrap();
            assert_eq!(
                known.metadata.resource_version,
                current.metadata.resource_version
            );
        }
    }
}

#[tokio::test(start_paused = true)]
async fn what_changed_between_two_attempts_is_not_overlooked() {
    let server = Server::new(&[Fate::Failed(403)]);
    let (writer, store) = writer(&server);
    let clear = writer.patch(Basis::Latest, |instance| {
        if !instance.spec.plan_execution.plan_name.is_empty() {
            return None;
        }
        // The watch tells of another request while this one is refused for it.
        let mut other = instance.clone();
        other.metadata.resource_version = Some("2".to_owned());
        other.spec.plan_execution.plan_name = "recover".to_owned();
        store.observe(&other);
        let clear = json!({ "planExecution": null });
        Some(Map::from_iter([("spec".to_owned(), clear)]))
    });
    let seen = clear.await.unwrap();
    assert_eq!(seen.spec.plan_execution.plan_name, "recover");
    assert_eq!(server.log(), ["PATCH 403"]);
}

#[tokio::test(start_paused = true)]
async fn what_changes_nothing_is_not_sent() {
    let server = Server::new(&[]);
    let (writer, _) = writer(&server);
    accept(&writer, Basis::Latest).await.unwrap();
    accept(&writer, Basis::Latest).await.unwrap();
    writer.patch(Basis::Latest, |_| None).await.unwrap();
    assert_eq!(server.log(), ["PATCH 200"]);
}

#[tokio::test(start_paused = true)]
async fn a_change_may_give_up_when_it_sees_what_it_would_change() {
    let server = Server::new(&[Fate::Overtaken]);
    let (writer, _) = writer(&server);
    let tries = std::cell::Cell::new(0);
    let written = writer.status(Basis::Latest, |status| {
        tries.set(tries.get() + 1);
        status.upgraded_from = Some("v0".to_owned());
        if tries.get() > 1 {
            Err(WriteError::Stale)
        } else {
            Ok(())
        }
    });
    assert_eq!(written.await, Err(WriteError::Stale));
    assert_eq!(server.log(), ["PATCH 409", "GET 200"]);
}

/// The request for the last plan is to be removed, but nobody answers the webhook; meanwhile the user asks
/// for another plan, which the webhook will not let be taken away.
#[tokio::test(start_paused = true)]
async fn what_the_watch_tells_between_attempts_counts() {
    for status in [500, 403] {
        for basis in [Basis::Latest, Basis::Exactly("1")] {
            let server = Server::new(&[Fate::Failed(status)]);
            let (writer, store) = writer(&server);
            let tries = std::cell::Cell::new(0);
            let patched = writer.patch(basis, |instance| {
                tries.set(tries.get() + 1);
                if tries.get() == 1 {
                    let mut asked = instance.clone();
                    asked.spec.plan_execution.plan_name = "recover".to_owned();
                    asked.metadata.resource_version = Some("7".to_owned());
                    store.observe(&asked);
                }
                let over = instance.spec.plan_execution.is_empty();
                over.then(|| {
                    Map::from_iter([("spec".to_owned(), json!({ "planExecution": null }))])
                })
            });
            let outcome = patched.await;
            let seen = outcome.map(|instance| instance.spec.plan_execution.plan_name);
            let expected = match basis {
                Basis::Latest => Ok("recover".to_owned()),
                Basis::Exactly(_) => Err(WriteError::Stale),
            };
            assert_eq!(seen, expected);
            assert_eq!(server.log(), [format!("PATCH {status}")]);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn metadata_and_spec_are_patched() {
    let server = Server::new(&[Fate::Overtaken]);
    let (writer, _) = writer(&server);
    let patch = json!({ "finalizers": ["f"] });
    let patched = writer.patch(Basis::Latest, |instance| {
        let has = instance.metadata.finalizers.is_some();
        (!has).then(|| Map::from_iter([("metadata".to_owned(), patch.clone())]))
    });
    let patched = patched.await.unwrap();
    assert_eq!(patched.metadata.finalizers.unwrap(), ["f"]);
    assert_eq!(patched.spec.parameters["other"], "change");
}

#[tokio::test(start_paused = true)]
async fn two_who_write_do_not_get_in_each_others_way() {
    let server = Server::new(&[]);
    let (writer, _) = writer(&server);
    let other = writer.status(Basis::Latest, |status| {
        status.upgraded_from = Some("v0".to_owned());
        Ok(())
    });
    let (one, other) = tokio::join!(accept(&writer, Basis::Latest), other);
    one.unwrap();
    other.unwrap();
    let status = server.instance().unwrap().status.unwrap();
    assert_eq!(status.accepted, Some(accepted()));
    assert_eq!(status.upgraded_from.as_deref(), Some("v0"));
    assert_eq!(server.log(), ["PATCH 200", "PATCH 200"]);
}
