//! When a certificate is good, when it is time for another, and what the API server is told.

use std::time::Duration;

use k8s_openapi::ByteString;
use k8s_openapi::jiff::{SignedDuration, Timestamp};
use kudo_api::names::WEBHOOK_INACTIVE_LABEL;
use kudo_controller::webhook::certificate::Identity;
use kudo_controller::webhook::certificate::pair::{Pair, Wanted, covers, merged};
use kudo_controller::webhook::certificate::trust::establish;
use serde_json::{Value, json};

const DAY: SignedDuration = SignedDuration::from_hours(24);

fn wanted(hosts: &[&str]) -> Wanted {
    Wanted {
        hosts: hosts.iter().map(|&host| host.to_owned()).collect(),
        validity: Duration::from_hours(24 * 90),
    }
}

fn service() -> Wanted {
    wanted(&["service.ns.svc", "127.0.0.1"])
}

fn start() -> Timestamp {
    Timestamp::from_second(1_700_000_000).unwrap()
}

#[test]
fn a_certificate_is_renewed_when_a_third_of_its_time_is_left() {
    let pair = Pair::make(&service(), None, start()).unwrap();
    for (days, good) in [(0, true), (59, true), (61, false), (91, false)] {
        let flaw = pair.flaw(&service(), start() + DAY * days);
        assert_eq!(flaw.is_none(), good, "after {days} days: {flaw:?}");
    }
    assert_eq!(pair.renewal(&service(), start()), start() + DAY * 60);
}

#[test]
fn what_is_wrong_with_a_certificate() {
    let pair = Pair::make(&service(), None, start()).unwrap();
    let other = Pair::make(&service(), None, start()).unwrap();
    let check = |pair: Pair, wanted: &Wanted| {
        pair.flaw(wanted, start())
            .map(|flaw| flaw.to_string())
            .unwrap_or_default()
    };
    assert_eq!(check(pair.clone(), &service()), "");
    let more = wanted(&["service.ns.svc", "::1"]);
    assert_eq!(
        check(pair.clone(), &more),
        "the certificate is not for host ::1"
    );
    let mixed = Pair {
        key: other.key.clone(),
        ..pair.clone()
    };
    assert!(
        check(mixed, &service()).contains("cannot be used"),
        "another's key"
    );
    let cut = Pair {
        certificate: pair.certificate[..200].to_owned(),
        ..pair.clone()
    };
    assert!(
        !check(cut, &service()).is_empty(),
        "a certificate that is cut off"
    );
    let none = Pair {
        certificate: String::new(),
        ..pair.clone()
    };
    assert_eq!(check(none, &service()), "there is no certificate in it");
    let stranger = Pair {
        trusted: String::new(),
        ..pair.clone()
    };
    assert_eq!(
        check(stranger, &service()),
        "nobody can trust the certificate"
    );
}

#[test]
fn an_old_certificate_stays_trusted_until_it_expires() {
    let first = Pair::make(&service(), None, start()).unwrap();
    let second = Pair::make(&service(), Some(&first), start() + DAY * 60).unwrap();
    assert!(
        covers(&second.trusted, &first.certificate) && covers(&second.trusted, &second.certificate)
    );
    let third = Pair::make(&service(), Some(&second), start() + DAY * 120).unwrap();
    assert!(
        !covers(&third.trusted, &first.certificate),
        "the first has expired"
    );
    assert!(covers(&third.trusted, &second.certificate));
    assert_eq!(merged(&third.trusted, "garbage", start()), third.trusted);
}

#[test]
fn an_identity_takes_only_what_fits() {
    let pair = Pair::make(&service(), None, start()).unwrap();
    let identity = Identity::default();
    assert!(identity.set(b"", pair.key.as_bytes()).is_err());
    assert!(
        identity
            .set(pair.certificate.as_bytes(), b"garbage")
            .is_err()
    );
    assert!(!identity.is_set());
    identity
        .set(pair.certificate.as_bytes(), pair.key.as_bytes())
        .unwrap();
    assert!(identity.is_set());
}

fn configuration(client: &Value) -> Value {
    json!({
        "webhooks": [
            { "name": "other.example.com", "clientConfig": { "caBundle": "b3RoZXI=" } },
            {
                "name": "instance-admission.kudo.dev",
                "clientConfig": client,
                "failurePolicy": "Fail",
                "objectSelector": { "matchLabels": { (WEBHOOK_INACTIVE_LABEL): "", "mine": "1" } },
            },
        ],
    })
}

#[test]
fn the_api_server_is_told_once() {
    let pair = Pair::make(&service(), None, start()).unwrap();
    let service = json!({ "service": { "name": "s", "namespace": "ns" } });
    let mut found = configuration(&service);
    assert!(establish(&mut found, &pair.trusted, None, start()));
    let bundle = json!(ByteString(pair.trusted.clone().into_bytes()));
    let mut expected = configuration(&service);
    expected["webhooks"][1]["clientConfig"]["caBundle"] = bundle.clone();
    expected["webhooks"][1]["objectSelector"] = json!({ "matchLabels": { "mine": "1" } });
    assert_eq!(found, expected);
    assert!(
        !establish(&mut found, &pair.trusted, None, start()),
        "nothing to change"
    );

    let url = Some("https://127.0.0.1:9443/");
    assert!(establish(&mut found, &pair.trusted, url, start()));
    expected["webhooks"][1]["clientConfig"] = json!({
        "url": "https://127.0.0.1:9443/admit-kudo-dev-v1beta1-instance",
        "caBundle": bundle,
    });
    assert_eq!(found, expected);
    assert!(!establish(&mut found, &pair.trusted, url, start()));

    let next = Pair::make(&wanted(&["elsewhere"]), None, start() + DAY).unwrap();
    assert!(establish(&mut found, &next.trusted, url, start()));
    let known = &found["webhooks"][1]["clientConfig"]["caBundle"];
    let known: ByteString = serde_json::from_value(known.clone()).unwrap();
    let known = String::from_utf8(known.0).unwrap();
    assert!(covers(&known, &next.trusted) && covers(&known, &pair.trusted));
    assert!(
        !establish(&mut json!({}), &next.trusted, url, start()),
        "no webhooks"
    );
}
