//! Plans as graphs.

use std::collections::BTreeSet;

use kudo_plan::{Dependency, GraphError, GraphProblem, PlanGraph, StepId};

use crate::notation::{PLAN, graph, plan};

/// `main.b<main.a`: each step that waits, with what it directly waits for.
fn waits(graph: &PlanGraph) -> Vec<String> {
    let name = |id: StepId| format!("{}.{}", graph.step(id).phase, graph.step(id).step);
    graph
        .nodes()
        .map(|id| (id, graph.waits_for(id)))
        .filter(|(_, before)| !before.is_empty())
        .map(|(id, before)| {
            let before: Vec<String> = before.into_iter().map(name).collect();
            format!("{}<{}", name(id), before.join(","))
        })
        .collect()
}

#[test]
fn edges_follow_from_strategies() {
    let table: &[(&str, &[&str])] = &[
        ("serial", &[]),
        ("parallel", &[]),
        ("-", &[]),
        ("serial m:serial[]", &[]),
        ("serial m:serial[a()]", &[]),
        ("serial m:serial[a(x)]", &[]),
        ("serial m:serial[a(x) b(x)]", &["m.b<m.a"]),
        ("parallel m:serial[a(x) b(x)]", &["m.b<m.a"]),
        ("- m:serial[a(x) b(x)]", &["m.b<m.a"]),
        ("serial m:parallel[a(x) b(x)]", &[]),
        ("serial m:-[a(x) b(x)]", &[]),
        ("serial m:serial[a() b() c()]", &["m.b<m.a", "m.c<m.b"]),
        ("serial m:serial[a()] n:serial[b()]", &["n.b<m.a"]),
        ("parallel m:serial[a()] n:serial[b()]", &[]),
        ("- m:serial[a()] n:serial[b()]", &[]),
        (
            "serial m:parallel[a() b()] n:parallel[c() d()]",
            &["n.c<m.a,m.b", "n.d<m.a,m.b"],
        ),
        (
            "serial m:-[a() b()] n:-[c() d()]",
            &["n.c<m.a,m.b", "n.d<m.a,m.b"],
        ),
        (
            "serial m:serial[a() b()] n:serial[c() d()]",
            &["m.b<m.a", "n.c<m.b", "n.d<n.c"],
        ),
        (
            "serial m:serial[a() b()] n:parallel[c() d()]",
            &["m.b<m.a", "n.c<m.b", "n.d<m.b"],
        ),
        (
            "parallel m:serial[a() b()] n:serial[c() d()]",
            &["m.b<m.a", "n.d<n.c"],
        ),
        ("serial e:serial[] m:serial[a()]", &[]),
        ("serial m:serial[a()] e:serial[]", &[]),
        (
            "serial m:serial[a()] e:serial[] n:serial[b()]",
            &["n.b<m.a"],
        ),
        (
            "serial m:serial[a()] e:-[] f:-[] n:-[b() c()]",
            &["n.b<m.a", "n.c<m.a"],
        ),
        ("parallel m:serial[a()] e:serial[] n:serial[b()]", &[]),
        ("serial m:-[a()] n:-[a()] o:-[a()]", &["n.a<m.a", "o.a<n.a"]),
    ];
    for (text, expected) in table {
        assert_eq!(waits(&graph(text)), *expected, "{text}");
    }
}

#[test]
fn steps_know_their_place() {
    let graph = graph("serial m:serial[a(x,y,x) b()] e:-[] n:-[a(z)]");
    assert_eq!(graph.name(), PLAN);
    assert_eq!(graph.len(), 3);
    assert!(!graph.is_empty());
    let shown: Vec<String> = graph
        .nodes()
        .map(|id| {
            format!(
                "{} {} {:?}",
                id.index(),
                graph.step(id),
                graph.step(id).tasks
            )
        })
        .collect();
    assert_eq!(
        shown,
        [
            r#"0 deploy.m.a ["x", "y"]"#,
            "1 deploy.m.b []",
            r#"2 deploy.n.a ["z"]"#
        ]
    );
    let phases: Vec<(&str, usize)> = graph
        .phases()
        .map(|phase| (phase.name, phase.steps().count()))
        .collect();
    assert_eq!(phases, [("m", 2), ("e", 0), ("n", 1)]);
    let find = |phase, step| graph.find(phase, step).map(StepId::index);
    assert_eq!(find("m", "a"), Some(0));
    assert_eq!(find("n", "a"), Some(2));
    assert_eq!(find("n", "b"), None);
    assert_eq!(find("e", "a"), None);
    assert_eq!(find("x", "a"), None);
}

fn error(text: &str, known: &[&str]) -> GraphError {
    let known: BTreeSet<&str> = known.iter().copied().collect();
    PlanGraph::build(PLAN, &plan(text), &known).unwrap_err()
}

#[test]
fn every_fault_of_a_plan_is_found() {
    let table: &[(&str, &[&str], &str, &str)] = &[
        (
            "serial m:serial[a(aply)]",
            &["apply", "delete"],
            "UnknownTaskName",
            r#"plan "deploy": unknown task "aply" in step m.a (did you mean "apply"?)"#,
        ),
        (
            "serial m:serial[a(frobnicate)]",
            &["apply"],
            "UnknownTaskName",
            r#"plan "deploy": unknown task "frobnicate" in step m.a"#,
        ),
        (
            "serial m:serial[a(x)]",
            &[],
            "UnknownTaskName",
            r#"plan "deploy": unknown task "x" in step m.a"#,
        ),
        (
            "serial m:serial[a(aply,aply) b(apply)] n:-[a(delet)]",
            &["apply", "delete"],
            "UnknownTaskName",
            r#"plan "deploy": unknown task "aply" in step m.a (did you mean "apply"?); unknown task "delet" in step n.a (did you mean "delete"?)"#,
        ),
        (
            "serial m:serial[] m:serial[]",
            &[],
            "InvalidPlan",
            r#"plan "deploy": duplicate phase "m""#,
        ),
        (
            "serial m:serial[] m:serial[] m:serial[] n:-[] n:-[]",
            &[],
            "InvalidPlan",
            r#"plan "deploy": duplicate phase "m"; duplicate phase "n""#,
        ),
        (
            "serial m:serial[a() b() a() a()]",
            &[],
            "InvalidPlan",
            r#"plan "deploy": duplicate step "a" in phase "m""#,
        ),
        (
            "serial m:serial[a() a()] n:serial[a(x)] n:serial[b() b()]",
            &["y"],
            "InvalidPlan",
            r#"plan "deploy": duplicate phase "n"; duplicate step "a" in phase "m"; unknown task "x" in step n.a (did you mean "y"?); duplicate step "b" in phase "n""#,
        ),
    ];
    for (text, known, reason, message) in table {
        let error = error(text, known);
        assert_eq!(error.to_string(), *message, "{text}");
        assert_eq!(error.reason(), *reason, "{text}");
        assert_eq!(error.plan, PLAN);
    }
}

#[test]
fn one_step_name_in_two_phases_is_fine() {
    assert_eq!(graph("serial m:serial[a()] n:serial[a()]").len(), 2);
}

/// `n.b>m.a` reads: step b of phase n needs step a of phase m.
fn dependencies(text: &str) -> Vec<Dependency<'_>> {
    text.split_whitespace()
        .map(|dependency| {
            let (step, needs) = dependency.split_once('>').unwrap();
            Dependency {
                step: step.split_once('.').unwrap(),
                needs: needs.split_once('.').unwrap(),
            }
        })
        .collect()
}

#[test]
fn dependencies_are_added() {
    let table: &[(&str, &str, &[&str])] = &[
        ("- m:-[a() b()]", "", &[]),
        ("- m:-[a() b()]", "m.b>m.a", &["m.b<m.a"]),
        ("- m:-[a() b()]", "m.a>m.b", &["m.a<m.b"]),
        ("- m:-[a() b()]", "m.a>m.b m.a>m.b", &["m.a<m.b"]),
        ("- m:-[a()] n:-[b()]", "m.a>n.b", &["m.a<n.b"]),
        ("- m:-[a() b() c()]", "m.c>m.a m.c>m.b", &["m.c<m.a,m.b"]),
        ("- m:serial[a() b()]", "m.b>m.a", &["m.b<m.a"]),
        (
            "serial m:-[a() b()] n:-[c()]",
            "n.c>m.a m.b>m.a",
            &["m.b<m.a", "n.c<m.a,m.b"],
        ),
    ];
    for (text, added, expected) in table {
        let graph = graph(text).with_dependencies(&dependencies(added)).unwrap();
        assert_eq!(waits(&graph), *expected, "{text} {added}");
    }
}

#[test]
fn cycles_are_named() {
    let table = [
        ("- m:-[a()]", "m.a>m.a", "m.a → m.a"),
        ("- m:-[a() b()]", "m.a>m.b m.b>m.a", "m.a → m.b → m.a"),
        ("- m:serial[a() b()]", "m.a>m.b", "m.a → m.b → m.a"),
        (
            "- m:serial[a() b() c()]",
            "m.a>m.c",
            "m.a → m.b → m.c → m.a",
        ),
        (
            "serial m:-[a()] n:-[b()]",
            "m.a>n.b",
            "m.a → end of phase m → start of phase n → n.b → m.a",
        ),
        (
            "- m:-[a() b() c() d()]",
            "m.b>m.a m.c>m.b m.a>m.c m.d>m.a",
            "m.b → m.c → m.a → m.b",
        ),
        (
            "- m:-[a() b() x() y()]",
            "m.y>m.x m.b>m.a m.a>m.b",
            "m.b → m.a → m.b",
        ),
    ];
    for (text, added, path) in table {
        let error = graph(text)
            .with_dependencies(&dependencies(added))
            .unwrap_err();
        let path: Vec<String> = path.split(" → ").map(str::to_owned).collect();
        assert_eq!(
            error.problems,
            [GraphProblem::Cycle { path }],
            "{text} {added}"
        );
        assert_eq!(error.reason(), "CircularDependency");
        assert!(
            error
                .to_string()
                .starts_with(r#"plan "deploy": circular dependency: "#)
        );
    }
}

#[test]
fn unknown_steps_of_dependencies_are_all_named() {
    let error = graph("serial main:-[first() second()]")
        .with_dependencies(&dependencies("main.frist>main.first main.second>no.where"))
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        r#"plan "deploy": unknown step main.frist (did you mean "main.first"?); unknown step no.where"#
    );
    assert_eq!(error.reason(), "InvalidPlan");
}

#[test]
fn two_large_phases_of_parallel_steps_stay_linear() {
    let steps: Vec<String> = (0..3000).map(|step| format!("s{step}()")).collect();
    let steps = steps.join(" ");
    let graph = graph(&format!("serial m:parallel[{steps}] n:parallel[{steps}]"));
    assert_eq!(graph.len(), 6000);
    let last = graph.find("n", "s2999").unwrap();
    assert_eq!(graph.waits_for(last).len(), 3000);
}
