//! The rule table of spec §9.

use kudo_controller::admission::{
    Cause, Question, Request, Rule, Side, Verdict, admit, immutable_defaults, pinned_parameters,
    resolve,
};
use kudo_package::OperatorDefinition;

use crate::fixture::{map, operator};

const PLANS: &str = "deploy update cleanup backup";
const PARAMETERS: &str = "foo:deploy other:deploy bar:update free back:backup broken:missing ro:deploy:!:=r size:int:update";

/// One change, in the words of a table.
struct Change<'a> {
    /// Values accepted.
    old: &'a str,
    /// Values wanted.
    new: &'a str,
    /// The new version's plans and parameters, if it is an upgrade.
    upgrade: Option<(&'a str, &'a str)>,
    request: Request<'a>,
    running: Option<&'a str>,
    deleting: bool,
}

const IDLE: Change<'_> = Change {
    old: "foo=1 ro=r",
    new: "foo=1 ro=r",
    upgrade: None,
    request: Request::None,
    running: None,
    deleting: false,
};

fn ask(change: &Change<'_>, old_known: bool) -> Verdict {
    let old = operator(PLANS, PARAMETERS);
    let new = change.upgrade.map_or_else(
        || old.clone(),
        |(plans, parameters)| operator(plans, parameters),
    );
    let (before, after) = (map(change.old), map(change.new));
    admit(&Question {
        accepted: Some(Side {
            operator_version: "v1",
            parameters: &before,
            definition: old_known.then_some(&old),
        }),
        wanted: Side {
            operator_version: if change.upgrade.is_some() { "v2" } else { "v1" },
            parameters: &after,
            definition: Some(&new),
        },
        definition: &new,
        request: change.request,
        running: change.running,
        deleting: change.deleting,
    })
}

/// `plan`, `-` for nothing to do, `accept` for no plan, or the name of the rule that refuses.
fn answer(verdict: &Verdict) -> String {
    match verdict {
        Verdict::Unchanged => "-".to_owned(),
        Verdict::Accept { plan: None, .. } => "accept".to_owned(),
        Verdict::Accept {
            plan: Some(plan), ..
        } => plan.clone(),
        Verdict::Refuse(refusal) => refusal.rule.name().to_owned(),
    }
}

fn trigger(plan: &str) -> Request<'_> {
    Request::Trigger { plan }
}

#[test]
fn updates() {
    // old values, new values, expected
    let cases = [
        ("foo=1 ro=r", "foo=1 ro=r", "-"),
        ("", "", "-"),
        ("foo=1", "foo=2", "deploy"),
        ("", "foo=2", "deploy"),
        ("foo=1", "", "deploy"),
        ("foo=1", "foo=2 other=3", "deploy"),
        ("foo=1", "foo=1 bar=2", "update"),
        ("foo=1", "foo=1 free=2", "update"),
        ("foo=1", "foo=2 free=2", "deploy"),
        ("bar=1", "bar=2 free=2", "update"),
        ("foo=1", "foo=1 back=1", "backup"),
        ("foo=1", "foo=2 bar=2", "SeveralPlans"),
        ("foo=1 bar=1", "", "SeveralPlans"),
        ("foo=1", "foo=2 back=2", "SeveralPlans"),
        ("foo=1", "foo=1 bazz=2", "UnknownParameter"),
        ("foo=1", "foo=1 broken=2", "UnknownTrigger"),
        ("foo=1 ro=r", "foo=1 ro=s", "ImmutableParameter"),
        ("foo=1", "foo=1 ro=s", "ImmutableParameter"),
        // The same value, said aloud or left out, is no change of it, but of the spec.
        ("foo=1", "foo=1 ro=r", "deploy"),
        ("foo=1 ro=r", "foo=1", "deploy"),
        ("foo=1 ro=s", "foo=1", "ImmutableParameter"),
        ("foo=1 ro=r", "foo=2 ro=s", "ImmutableParameter"),
        ("size=1", "size=2", "update"),
        ("size=1", "size=x", "InvalidParameters"),
        // What is left over from an older version is nobody's business until it changes.
        ("gone=1 foo=1", "gone=1 foo=1", "-"),
        ("gone=1 foo=1", "gone=1 foo=2", "deploy"),
        ("gone=1 foo=1", "foo=1", "accept"),
        ("gone=1 foo=1", "gone=2 foo=1", "UnknownParameter"),
    ];
    for (old, new, expected) in cases {
        let verdict = ask(&Change { old, new, ..IDLE }, true);
        assert_eq!(
            answer(&verdict),
            expected,
            "{old:?} -> {new:?}: {verdict:?}"
        );
    }
}

#[test]
fn triggers_by_hand() {
    let cases = [
        ("deploy", "foo=1 ro=r", None, "deploy"),
        ("backup", "foo=1 ro=r", None, "backup"),
        ("cleanup", "foo=1 ro=r", None, "UserCleanup"),
        ("bakcup", "foo=1 ro=r", None, "UnknownPlan"),
        ("", "foo=1 ro=r", None, "UnknownPlan"),
        ("backup", "foo=2 ro=r", None, "TriggerWithParameterChange"),
        ("deploy", "foo=2 ro=r", None, "TriggerWithParameterChange"),
        ("deploy", "foo=1 ro=r", Some("deploy"), "deploy"),
        (
            "backup",
            "foo=1 ro=r",
            Some("deploy"),
            "OverrideWhileRunning",
        ),
        (
            "cleanup",
            "foo=1 ro=r",
            Some("deploy"),
            "OverrideWhileRunning",
        ),
        ("unknown", "foo=1 ro=r", Some("deploy"), "UnknownPlan"),
    ];
    for (plan, new, running, expected) in cases {
        let change = Change {
            new,
            request: trigger(plan),
            running,
            ..IDLE
        };
        let verdict = ask(&change, true);
        assert_eq!(
            answer(&verdict),
            expected,
            "{plan} {new:?} {running:?}: {verdict:?}"
        );
    }
    let hint = ask(
        &Change {
            request: trigger("bakcup"),
            ..IDLE
        },
        true,
    );
    let Verdict::Refuse(refusal) = hint else {
        panic!("{hint:?}")
    };
    assert_eq!(
        refusal.to_string(),
        "unknown plan \"bakcup\" (did you mean \"backup\"?)"
    );
}

#[test]
fn what_upstreams_webhook_scheduled_goes_with_its_change() {
    let cases = [
        ("deploy", "foo=2 ro=r", "deploy"),
        ("deploy", "foo=1 ro=r", "deploy"),
        ("update", "foo=1 ro=r bar=1", "update"),
    ];
    for (plan, new, expected) in cases {
        let change = Change {
            new,
            request: Request::Scheduled { plan },
            ..IDLE
        };
        assert_eq!(answer(&ask(&change, true)), expected, "{plan} {new:?}");
    }
}

#[test]
fn while_a_plan_runs() {
    let v2 = Some(("deploy upgrade", PARAMETERS));
    let cases = [
        ("deploy", "foo=1 ro=r", None, Request::None, "-"),
        ("deploy", "foo=2 ro=r", None, Request::None, "deploy"),
        ("update", "foo=1 ro=r bar=2", None, Request::None, "update"),
        ("update", "foo=1 ro=r free=2", None, Request::None, "update"),
        (
            "deploy",
            "foo=1 ro=r bar=2",
            None,
            Request::None,
            "ParameterChangeWhileRunning",
        ),
        (
            "update",
            "foo=2 ro=r",
            None,
            Request::None,
            "ParameterChangeWhileRunning",
        ),
        (
            "backup",
            "foo=1 ro=r free=1",
            None,
            Request::None,
            "ParameterChangeWhileRunning",
        ),
        (
            "deploy",
            "foo=1 ro=s",
            None,
            Request::None,
            "ImmutableParameter",
        ),
        (
            "deploy",
            "foo=1 ro=r",
            v2,
            Request::None,
            "UpgradeWhileRunning",
        ),
        (
            "upgrade",
            "foo=1 ro=r",
            v2,
            Request::None,
            "UpgradeWhileRunning",
        ),
        (
            "deploy",
            "foo=1 ro=r",
            None,
            Request::Cancel,
            "CancelWhileRunning",
        ),
    ];
    for (running, new, upgrade, request, expected) in cases {
        let change = Change {
            new,
            upgrade,
            request,
            running: Some(running),
            ..IDLE
        };
        let verdict = ask(&change, true);
        assert_eq!(
            answer(&verdict),
            expected,
            "{running} {new:?} {request:?}: {verdict:?}"
        );
    }
    let idle_cancel = Change {
        request: Request::Cancel,
        ..IDLE
    };
    assert_eq!(answer(&ask(&idle_cancel, true)), "-");
}

/// Checks upgrades: new plans, new parameters, old values, new values, expected.
fn check_upgrades(cases: &[[&str; 5]]) {
    for [plans, parameters, old, new, expected] in cases {
        let change = Change {
            old,
            new,
            upgrade: Some((plans, parameters)),
            ..IDLE
        };
        let verdict = ask(&change, true);
        assert_eq!(
            answer(&verdict),
            *expected,
            "to {plans:?} {parameters:?}, {old:?} -> {new:?}: {verdict:?}"
        );
    }
}

#[test]
fn upgrades_pick_their_plan() {
    check_upgrades(&[
        [
            "deploy update upgrade",
            PARAMETERS,
            "foo=1",
            "foo=1",
            "upgrade",
        ],
        ["deploy update", PARAMETERS, "foo=1", "foo=1", "update"],
        ["deploy", PARAMETERS, "foo=1", "foo=1", "deploy"],
        ["backup", "foo", "foo=1", "foo=1", "NoPlan"],
    ]);
    let with_trigger = Change {
        upgrade: Some(("deploy backup", PARAMETERS)),
        request: trigger("backup"),
        ..IDLE
    };
    assert_eq!(answer(&ask(&with_trigger, true)), "TriggerWithUpgrade");
}

#[test]
fn upgrades_with_parameters() {
    let refused = "UpgradeWithParameterChange";
    let (both, backup) = ("deploy update", "deploy upgrade backup");
    check_upgrades(&[
        // only such as trigger deploy
        [both, PARAMETERS, "foo=1", "foo=2", "update"],
        [backup, PARAMETERS, "foo=1", "foo=1 back=1", refused],
        [both, PARAMETERS, "foo=1", "foo=1 bar=1", refused],
        [
            "deploy upgrade",
            "foo free",
            "foo=1",
            "foo=1 free=1",
            "upgrade",
        ],
        [both, "foo free", "foo=1", "foo=1 free=1", refused],
        // parameters that only the new version has are no change
        [both, "foo new:update", "foo=1", "foo=1 new=1", "update"],
        [backup, "foo new:backup", "foo=1", "foo=1 new=1", "upgrade"],
        // parameters that the new version lacks
        [both, "foo", "foo=1 bar=1", "foo=1", "update"],
        [both, "foo", "foo=1 bar=1", "foo=1 bar=1", "update"],
        [
            both,
            "foo",
            "foo=1 bar=1",
            "foo=1 bar=2",
            "UnknownParameter",
        ],
        [both, "foo", "foo=1", "foo=1 nonsense=1", "UnknownParameter"],
    ]);
}

#[test]
fn upgrades_and_immutable_parameters() {
    let (both, added) = ("deploy update", "ImmutableParameterAdded");
    check_upgrades(&[
        [both, "foo new:!", "foo=1", "foo=1", added],
        [both, "foo new:!:=d", "foo=1", "foo=1", added],
        [both, "foo new:!", "foo=1", "foo=1 new=x", "update"],
        [
            both,
            "foo bar:!",
            "foo=1",
            "foo=1",
            "ParameterMadeImmutable",
        ],
        [both, "foo bar:!", "foo=1 bar=1", "foo=1 bar=1", "update"],
        [both, "foo bar:deploy:!", "foo=1", "foo=1 bar=1", "update"],
        [both, "foo ro", "foo=1 ro=r", "foo=1 ro=r", "update"],
        [both, "foo ro:deploy", "foo=1 ro=r", "foo=1 ro=s", "update"],
        [
            both,
            "foo ro:deploy:!",
            "foo=1 ro=r",
            "foo=1 ro=s",
            "ImmutableParameter",
        ],
        [both, "foo", "foo=1 ro=r", "foo=1", "update"],
    ]);
}

#[test]
fn upgrades_check_values_against_the_new_version() {
    let both = "deploy update";
    check_upgrades(&[
        [both, "foo:int", "foo=x", "foo=x", "InvalidParameters"],
        [both, "foo must:*", "foo=1", "foo=1", "InvalidParameters"],
        [both, "foo must:*:=d", "foo=1", "foo=1", "update"],
        [both, "foo:|1|2", "foo=1", "foo=1", "update"],
        [both, "foo:|2|3", "foo=1", "foo=1", "InvalidParameters"],
    ]);
}

#[test]
fn upgrade_from_a_version_that_is_gone() {
    let cases = [
        (
            "deploy update",
            "foo new:update",
            "foo=1",
            "foo=1 new=1",
            "update",
        ),
        (
            "deploy update",
            "foo bar:update",
            "foo=1 bar=1",
            "foo=1 bar=2",
            "UpgradeWithParameterChange",
        ),
        ("deploy update", "foo new:!", "foo=1", "foo=1", "update"),
        ("deploy", "foo", "foo=1", "foo=2", "deploy"),
    ];
    for (plans, parameters, old, new, expected) in cases {
        let change = Change {
            old,
            new,
            upgrade: Some((plans, parameters)),
            ..IDLE
        };
        assert_eq!(
            answer(&ask(&change, false)),
            expected,
            "{parameters:?} {old:?} -> {new:?}"
        );
    }
}

#[test]
fn while_deleting() {
    let v2 = Some(("deploy upgrade", PARAMETERS));
    let cases = [
        ("foo=1 ro=r", None, Request::None, None, "-"),
        ("foo=1 ro=r", None, Request::None, Some("deploy"), "-"),
        (
            "foo=2 ro=r",
            None,
            Request::None,
            None,
            "ChangeWhileDeleting",
        ),
        ("foo=1 ro=r", v2, Request::None, None, "ChangeWhileDeleting"),
        ("foo=1 ro=r", None, trigger("cleanup"), None, "cleanup"),
        (
            "foo=1 ro=r",
            None,
            trigger("cleanup"),
            Some("deploy"),
            "cleanup",
        ),
        (
            "foo=1 ro=r",
            None,
            trigger("cleanup"),
            Some("cleanup"),
            "cleanup",
        ),
        (
            "foo=1 ro=r",
            None,
            trigger("deploy"),
            None,
            "OnlyCleanupWhileDeleting",
        ),
        (
            "foo=1 ro=r",
            None,
            trigger("deploy"),
            Some("cleanup"),
            "OnlyCleanupWhileDeleting",
        ),
        (
            "foo=1 ro=r",
            None,
            Request::Cancel,
            Some("cleanup"),
            "OnlyCleanupWhileDeleting",
        ),
        ("foo=1 ro=r", None, Request::Cancel, Some("deploy"), "-"),
        ("foo=1 ro=r", None, trigger("nonsense"), None, "UnknownPlan"),
    ];
    for (new, upgrade, request, running, expected) in cases {
        let change = Change {
            new,
            upgrade,
            request,
            running,
            deleting: true,
            ..IDLE
        };
        let verdict = ask(&change, true);
        assert_eq!(
            answer(&verdict),
            expected,
            "{new:?} {request:?} {running:?}: {verdict:?}"
        );
    }
}

fn create(definition: &OperatorDefinition, given: &str) -> Verdict {
    let given = map(given);
    admit(&Question {
        accepted: None,
        wanted: Side {
            operator_version: "v1",
            parameters: &given,
            definition: Some(definition),
        },
        definition,
        request: Request::None,
        running: None,
        deleting: false,
    })
}

#[test]
fn creation() {
    let cases = [
        ("deploy", "", "", "deploy"),
        ("deploy update upgrade", "", "", "deploy"),
        ("update", "", "", "NoDeployPlan"),
        ("", "", "", "NoDeployPlan"),
        ("deploy", "a:*", "", "InvalidParameters"),
        ("deploy", "a:*", "a=1", "deploy"),
        ("deploy", "a:*:=d", "", "deploy"),
        ("deploy", "a:int", "a=x", "InvalidParameters"),
        ("deploy", "a:int", "a=12", "deploy"),
        ("deploy", "a:|x|y", "a=z", "InvalidParameters"),
        ("deploy", "a:|x|y", "a=y", "deploy"),
        ("deploy", "a", "b=1", "UnknownParameter"),
        ("deploy", "a:!", "a=1", "deploy"),
    ];
    for (plans, parameters, given, expected) in cases {
        let verdict = create(&operator(plans, parameters), given);
        assert_eq!(
            answer(&verdict),
            expected,
            "{plans:?} {parameters:?} {given:?}: {verdict:?}"
        );
    }
    let verdict = create(&operator("deploy", ""), "");
    let cause = Cause::Created;
    assert!(matches!(verdict, Verdict::Accept { cause: c, .. } if c == cause));
}

#[test]
fn all_problems_with_values_are_told() {
    let Verdict::Refuse(refusal) = create(&operator("deploy", "a:* b:int"), "b=x") else {
        panic!("accepted")
    };
    assert!(refusal.message.contains("\"a\""), "{refusal}");
    assert!(refusal.message.contains("\"b\""), "{refusal}");
}

#[test]
fn immutable_values_are_kept() {
    let definition = operator("deploy", "a:!:=1 b:=2 c:! d:!:=4");
    let defaults = immutable_defaults(&map("d=5"), &definition);
    assert_eq!(defaults, map("a=1"));
    let accepted = map("a=9 b=8 c=7 d=6 gone=1");
    let pinned = pinned_parameters(&accepted, &map("d=5"), &definition);
    assert_eq!(pinned, map("a=9 c=7"));
}

#[test]
fn leftovers_do_not_disturb_the_values() {
    let values = resolve(&map("a=1 gone=2"), &operator("deploy", "a b:=3")).unwrap();
    let names: Vec<&str> = values.keys().map(String::as_str).collect();
    assert_eq!(names, ["a", "b"]);
}

/// One change for each rule, which nothing but this rule refuses.
#[test]
fn every_rule() {
    let update = |new| Change { new, ..IDLE };
    let busy = |new| Change {
        running: Some("backup"),
        ..update(new)
    };
    let ask_for = |plan| Change {
        request: trigger(plan),
        ..IDLE
    };
    let upgrade = |plans, parameters| Change {
        upgrade: Some((plans, parameters)),
        ..IDLE
    };
    let deleting = |change| Change {
        deleting: true,
        ..change
    };
    let same = "foo=1 ro=r";
    let changes = [
        (Rule::InvalidParameters, update("foo=1 ro=r size=x")),
        (Rule::UnknownParameter, update("foo=1 ro=r nonsense=1")),
        (Rule::UnknownPlan, ask_for("nonsense")),
        (Rule::UnknownTrigger, update("foo=1 ro=r broken=1")),
        (Rule::SeveralPlans, update("foo=2 ro=r bar=2")),
        (Rule::NoPlan, upgrade("backup", "foo ro:!")),
        (Rule::ImmutableParameter, update("foo=1 ro=s")),
        (
            Rule::ImmutableParameterAdded,
            upgrade("deploy", "foo ro:! new:!"),
        ),
        (
            Rule::ParameterMadeImmutable,
            upgrade("deploy", "foo ro:! bar:!"),
        ),
        (Rule::ParameterChangeWhileRunning, busy("foo=2 ro=r")),
        (
            Rule::UpgradeWhileRunning,
            Change {
                upgrade: Some(("deploy", "foo ro:!")),
                ..busy(same)
            },
        ),
        (
            Rule::OverrideWhileRunning,
            Change {
                request: trigger("deploy"),
                ..busy(same)
            },
        ),
        (
            Rule::CancelWhileRunning,
            Change {
                request: Request::Cancel,
                ..busy(same)
            },
        ),
        (
            Rule::TriggerWithParameterChange,
            Change {
                request: trigger("deploy"),
                ..update("foo=2 ro=r")
            },
        ),
        (
            Rule::TriggerWithUpgrade,
            Change {
                request: trigger("deploy"),
                ..upgrade("deploy", "foo ro:!")
            },
        ),
        (
            Rule::UpgradeWithParameterChange,
            Change {
                new: "foo=2 ro=r",
                ..upgrade("deploy backup", "foo:backup ro:!")
            },
        ),
        (Rule::UserCleanup, ask_for("cleanup")),
        (Rule::ChangeWhileDeleting, deleting(update("foo=2 ro=r"))),
        (Rule::OnlyCleanupWhileDeleting, deleting(ask_for("deploy"))),
    ];
    let mut met = vec![Rule::NoDeployPlan];
    assert_eq!(answer(&create(&operator("update", ""), "")), met[0].name());
    for (rule, change) in changes {
        assert_eq!(answer(&ask(&change, true)), rule.name());
        met.push(rule);
    }
    assert!(Rule::ALL.iter().all(|rule| met.contains(rule)));
}

#[test]
fn rules_have_names_of_their_own() {
    let mut names: Vec<&str> = Rule::ALL.iter().map(|rule| rule.name()).collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), Rule::ALL.len());
    assert!(
        Rule::ALL
            .iter()
            .all(|rule| { ["InvalidParams", "InvalidPlan"].contains(&rule.event_reason()) })
    );
}
