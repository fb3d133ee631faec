//! Webhook and controller agree: what the one admits the other runs, what the one refuses the other does
//! not act upon, and the plan is the same with a webhook and without.

use kudo_api::Instance;
use kudo_api::names::CLEANUP_FINALIZER;
use kudo_controller::decide::{Action, Decision, Lookup, Notice, Observation, decide};
use kudo_controller::webhook::judgement::Change;
use kudo_controller::webhook::review::{Answer, Operation};
use kudo_package::OperatorDefinition;
use proptest::prelude::*;
use serde_json::Value;

use crate::fixture::{With, instance, map, operator};

/// Name of each operator version, its plans and its parameters.
const VERSIONS: [(&str, &str, &str); 3] = [
    (
        "v1",
        "deploy update backup cleanup",
        "a:deploy b:update c:backup d e:deploy:!:=e n:int:update r:*:=r",
    ),
    (
        "v2",
        "deploy upgrade backup",
        "a:deploy b:backup c:backup d:!:=d e:deploy n:int:deploy",
    ),
    ("v3", "deploy cleanup", "a:deploy:! e:deploy:!:=e f:! g:*"),
];

fn definitions() -> Vec<OperatorDefinition> {
    VERSIONS
        .iter()
        .map(|(_, plans, parameters)| operator(plans, parameters))
        .collect()
}

fn lookup<'a>(definitions: &'a [OperatorDefinition], version: Option<&str>) -> Lookup<'a> {
    let index = VERSIONS.iter().position(|(name, ..)| version == Some(name));
    index.map_or(Lookup::Missing, |index| Lookup::Found(&definitions[index]))
}

fn wanted_version(instance: &Instance) -> Option<&str> {
    instance.spec.operator_version.name.as_deref()
}

fn ask_controller(definitions: &[OperatorDefinition], instance: &Instance) -> Decision {
    let accepted = instance
        .status
        .as_ref()
        .and_then(|status| status.accepted.as_ref());
    let accepted = accepted.map(|accepted| accepted.operator_version.as_str());
    decide(&Observation {
        instance,
        wanted: lookup(definitions, wanted_version(instance)),
        accepted: lookup(definitions, accepted.or(wanted_version(instance))),
    })
}

/// Asks again after each preparation, as the controller does.
fn ask_until_ready(definitions: &[OperatorDefinition], instance: &mut Instance) -> Decision {
    loop {
        let decision = ask_controller(definitions, instance);
        let Action::Prepare(preparation) = &decision.action else {
            return decision;
        };
        for (name, value) in &preparation.parameters {
            match value {
                Some(value) => instance.spec.parameters.insert(name.clone(), value.clone()),
                None => instance.spec.parameters.remove(name),
            };
        }
        if let Some(finalizers) = &preparation.finalizers {
            instance.metadata.finalizers = Some(finalizers.clone());
        }
        if preparation.request_uid {
            "made".clone_into(&mut instance.spec.plan_execution.uid);
        }
    }
}

fn ask_webhook(
    definitions: &[OperatorDefinition],
    old: Option<&Instance>,
    new: &Instance,
) -> Answer {
    let change = match old {
        None => Some(Change::creation(new.clone())),
        Some(old) => Change::update(old, new.clone()),
    };
    let Some(change) = change else {
        return Answer::Allow(Vec::new());
    };
    let replaced = change
        .replaced()
        .map(|key| lookup(definitions, Some(&key.name)));
    change.judge(
        lookup(definitions, wanted_version(new)),
        replaced,
        "scheduled",
    )
}

fn apply(instance: &mut Instance, operations: &[Operation]) {
    let mut value = serde_json::to_value(&*instance).unwrap();
    for operation in operations {
        let (parent, key) = operation.path.rsplit_once('/').unwrap();
        let parent = value.pointer_mut(parent).and_then(Value::as_object_mut);
        parent
            .unwrap()
            .insert(key.to_owned(), operation.value.clone());
    }
    *instance = serde_json::from_value(value).unwrap();
}

fn parameters() -> impl Strategy<Value = String> {
    let value = |name: &'static str| {
        prop_oneof![
            3 => Just(None),
            4 => Just(Some(format!("{name}=1"))),
            2 => Just(Some(format!("{name}=2"))),
            1 => Just(Some(format!("{name}=x"))),
        ]
    };
    let all: Vec<_> = ["a", "b", "c", "d", "e", "f", "g", "n", "r", "u"]
        .map(value)
        .into();
    all.prop_map(|values| values.into_iter().flatten().collect::<Vec<_>>().join(" "))
}

/// Parameters that differ from those given in a few places only.
fn near(base: String) -> impl Strategy<Value = String> {
    (parameters(), proptest::collection::vec(0..10_usize, 0..3)).prop_map(move |(other, places)| {
        let mut near = map(&base);
        let other = map(&other);
        for place in places {
            let name = ["a", "b", "c", "d", "e", "f", "g", "n", "r", "u"][place];
            match other.get(name) {
                Some(value) => near.insert(name.to_owned(), value.clone()),
                None => near.remove(name),
            };
        }
        let words: Vec<String> = near
            .iter()
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        words.join(" ")
    })
}

fn plan() -> impl Strategy<Value = &'static str> {
    proptest::sample::select(vec![
        "deploy", "update", "upgrade", "backup", "cleanup", "nonsense",
    ])
}

fn version() -> impl Strategy<Value = &'static str> {
    prop_oneof![6 => Just("v1"), 2 => Just("v2"), 1 => Just("v3"), 1 => Just("v4")]
}

/// An instance as the controller leaves it: resting, or with a plan that runs, being deleted or not; and
/// what somebody wants to make of it.
fn change() -> impl Strategy<Value = (Instance, Instance)> {
    let before = (
        parameters(),
        version().prop_filter("it was there when it was accepted", |name| *name != "v4"),
        proptest::option::of(plan()),
        any::<bool>(),
        prop::bool::weighted(0.1),
    );
    let before = before.prop_map(|(parameters, version, running, by_webhook, deleting)| {
        let mut old = instance(&parameters)
            .version(version)
            .accepted(version, &parameters)
            .plan("deploy", "COMPLETE", "d1");
        if let Some(plan) = running.filter(|plan| *plan != "nonsense") {
            old = old.plan(plan, "IN_PROGRESS", "r1");
            if by_webhook {
                old = old.scheduled(plan, "r1");
            }
        }
        if deleting {
            (old.finalizers(&[CLEANUP_FINALIZER]).deleting(), parameters)
        } else {
            (old, parameters)
        }
    });
    before.prop_flat_map(|(old, base)| {
        let request = prop_oneof![
            6 => Just(None),
            3 => (plan(), prop_oneof![Just(""), Just("mine")]).prop_map(Some),
            1 => Just(Some(("", ""))),
        ];
        let upgrade = prop_oneof![7 => Just(None), 3 => version().prop_map(Some)];
        (Just(old), near(base), upgrade, request).prop_map(|(old, parameters, upgrade, request)| {
            let mut new = old.clone();
            new.spec.parameters = map(&parameters);
            if let Some(version) = upgrade {
                new = new.version(version);
            }
            if let Some((plan, uid)) = request {
                new = new.request(plan, uid);
            }
            (old, new)
        })
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn webhook_and_controller_agree((old, new) in change()) {
        let definitions = definitions();
        let alone = ask_until_ready(&definitions, &mut new.clone());
        match ask_webhook(&definitions, Some(&old), &new) {
            Answer::Deny { message, .. } => {
                let deleting = new.metadata.deletion_timestamp.is_some();
                // Nothing is left to be seen of what was taken away, or is void while deleting.
                let invisible = deleting || message.contains("can't be cancelled");
                let acts = match &alone.action {
                    Action::Start(start) => !deleting || start.plan != "cleanup",
                    Action::Accept(_) => !invisible,
                    _ => false,
                };
                prop_assert!(!acts, "refused ({message}), and yet: {alone:?}");
                match &alone.notice {
                    Notice::Refused { message: own, .. } => {
                        if deleting {
                            return Ok(());
                        }
                        let own = own.split("; it is taken up").next().unwrap();
                        prop_assert!(message.ends_with(own), "{message} / {own}");
                    }
                    other => prop_assert!(invisible, "refused ({message}), and yet: {other:?} {alone:?}"),
                }
            }
            Answer::Allow(operations) => {
                let mut stored = new.clone();
                apply(&mut stored, &operations);
                let scheduled = operations.iter().find(|o| o.path == "/spec/planExecution");
                let together = ask_until_ready(&definitions, &mut stored);
                if let Notice::Refused { message, .. } = &together.notice {
                    prop_assert!(old.spec == new.spec, "admitted, and yet: {message}");
                }
                match (scheduled, &together.action) {
                    (Some(scheduled), Action::Start(start)) => {
                        prop_assert_eq!(scheduled.value["planName"].as_str(), Some(start.plan.as_str()));
                        prop_assert_eq!(scheduled.value["uid"].as_str(), start.uid.as_deref());
                        let Action::Start(without) = &alone.action else {
                            return Err(TestCaseError::fail(format!("only with a webhook: {start:?}")));
                        };
                        prop_assert_eq!(&start.plan, &without.plan);
                        prop_assert_eq!(start.cause, without.cause);
                        prop_assert_eq!(&start.accepted, &without.accepted);
                    }
                    (Some(_), other) => prop_assert!(false, "scheduled, and yet: {other:?}"),
                    (None, Action::Start(start)) => prop_assert!(
                        new.metadata.deletion_timestamp.is_some() && start.plan == "cleanup",
                        "not scheduled, and yet: {start:?}"
                    ),
                    (None, _) => {}
                }
            }
        }
    }

    #[test]
    fn they_agree_on_new_instances(given in parameters(), version in version(), request in proptest::option::of(plan())) {
        let definitions = definitions();
        let mut new = instance(&given).version(version);
        if let Some(plan) = request {
            new = new.request(plan, "mine");
        }
        let alone = ask_until_ready(&definitions, &mut new.clone());
        match ask_webhook(&definitions, None, &new) {
            Answer::Deny { message, .. } => match &alone.notice {
                Notice::Refused { message: own, .. } => prop_assert!(message.ends_with(own.as_str())),
                other => prop_assert!(false, "refused ({message}), and yet: {other:?}"),
            },
            Answer::Allow(operations) => {
                apply(&mut new, &operations);
                let Action::Start(together) = ask_controller(&definitions, &new).action else {
                    return Err(TestCaseError::fail("the webhook has left something to prepare"));
                };
                let Action::Start(alone) = alone.action else {
                    return Err(TestCaseError::fail("only with a webhook"));
                };
                prop_assert_eq!(together.plan, alone.plan);
                prop_assert_eq!(together.accepted, alone.accepted);
                prop_assert_eq!(Some(together.uid.unwrap()), new.spec.plan_execution.uid.into());
            }
        }
    }
}
