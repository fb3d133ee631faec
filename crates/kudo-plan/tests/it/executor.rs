//! The executor, one situation at a time.

use std::{sync::Arc, sync::Mutex, time::Duration};

use kudo_plan::{Backoff, Options, PlanGraph, PlanState, TaskFailure};

use crate::{
    notation::{UID, graph, show, state},
    world::{Life, Op, RecordLost, World},
};

const OPTIONS: Options = Options {
    max_concurrent_tasks: 100,
    backoff: Backoff {
        initial: Duration::from_secs(1),
        max: Duration::from_secs(4),
        factor: 2.0,
        jitter: 0.0,
    },
    recovery: Duration::from_secs(10),
    seed: 0,
};

/// One execution, its world, and short words for what happens to it.
struct Scene<'a> {
    world: &'a World,
    life: Life<'a>,
}

impl<'a> Scene<'a> {
    fn new(graph: &'a PlanGraph, recorded: &str, world: &'a World) -> Self {
        Self::with(graph, recorded, world, &OPTIONS)
    }

    fn with(graph: &'a PlanGraph, recorded: &str, world: &'a World, options: &'a Options) -> Self {
        let recorded = match recorded {
            "new" => PlanState::new(graph, UID),
            text => state(text),
        };
        let life = Life::new(graph, recorded, world, options);
        Self { world, life }
    }

    #[track_caller]
    fn expect(&self, open: &[&str]) {
        assert_eq!(self.world.open(), open);
    }

    #[track_caller]
    fn expect_end(&self, expected: &str) {
        self.expect(&[]);
        let end = self.life.end.as_ref().expect("it has ended");
        assert_eq!(show(end.as_ref().expect("it ended well")), expected);
    }

    /// What is begun so ends well.
    #[track_caller]
    fn ok(&mut self, texts: &[&str]) {
        for text in texts {
            match self.world.take(text) {
                Op::Run { end, .. } => end.send(Ok(())).unwrap(),
                Op::Word { .. } => panic!("{text} is no work"),
                Op::Sleep { end, .. } => end.send(()).unwrap(),
                Op::Record { end, .. } => end.send(Ok(())).unwrap(),
            }
        }
        self.life.go();
    }

    /// The oldest record is made.
    #[track_caller]
    fn recorded(&mut self) {
        self.ok(&["record"]);
    }

    #[track_caller]
    fn fail(&mut self, text: &str, failure: TaskFailure) {
        let Op::Run { end, .. } = self.world.take(text) else {
            panic!("{text} is no task");
        };
        end.send(Err(failure)).unwrap();
        self.life.go();
    }
}

impl Scene<'_> {
    /// A task says what it waits for.
    #[track_caller]
    fn say(&mut self, text: &str, message: &str) {
        let Op::Word { end, .. } = self.world.take(text) else {
            panic!("{text} is no word");
        };
        end.send(message.to_owned()).unwrap();
        self.life.go();
    }
}

fn transient(message: &str) -> TaskFailure {
    TaskFailure::transient("Busy", message)
}

fn fatal(message: &str) -> TaskFailure {
    TaskFailure::fatal("TaskRenderingError", message)
}

#[test]
fn a_serial_plan_makes_one_record_per_transition() {
    let graph = graph("serial m:serial[a(x,y) b(z)] n:serial[c(x)]");
    let world = World::default();
    let mut scene = Scene::new(&graph, "new", &world);
    scene.expect(&["record I m:I[a:I b:P] n:P[c:P]"]);
    scene.recorded();
    scene.expect(&["run m.a.x", "run m.a.y"]);
    scene.ok(&["run m.a.y"]);
    scene.expect(&["run m.a.x"]);
    scene.ok(&["run m.a.x"]);
    scene.expect(&["record I m:I[a:C b:I] n:P[c:P]"]);
    scene.recorded();
    scene.expect(&["run m.b.z"]);
    scene.ok(&["run m.b.z"]);
    scene.expect(&["record I m:C[a:C b:C] n:I[c:I]"]);
    scene.recorded();
    scene.ok(&["run n.c.x"]);
    scene.expect(&["record C m:C[a:C b:C] n:C[c:C]"]);
    scene.recorded();
    scene.expect_end("C m:C[a:C b:C] n:C[c:C]");
    assert!(world.failures().is_empty());
}

#[test]
fn parallel_steps_start_in_one_record_and_end_as_they_come() {
    let graph = graph("- m:-[a(x) b(x)] n:parallel[c(x)]");
    let world = World::default();
    let mut scene = Scene::new(&graph, "new", &world);
    scene.expect(&["record I m:I[a:I b:I] n:I[c:I]"]);
    scene.recorded();
    scene.expect(&["run m.a.x", "run m.b.x", "run n.c.x"]);
    scene.ok(&["run m.b.x"]);
    scene.expect(&["run m.a.x", "run n.c.x", "record I m:I[a:I b:C] n:I[c:I]"]);
    // While that record is on its way two more end: they share the next one.
    scene.ok(&["run n.c.x", "run m.a.x"]);
    scene.expect(&["record I m:I[a:I b:C] n:I[c:I]"]);
    scene.recorded();
    scene.expect(&["record C m:C[a:C b:C] n:C[c:C]"]);
    scene.recorded();
    scene.expect_end("C m:C[a:C b:C] n:C[c:C]");
}

#[test]
fn a_step_shows_what_its_tasks_wait_for() {
    let graph = graph("serial m:serial[a(x,y)]");
    let world = World::default();
    world.set_talkative();
    let mut scene = Scene::new(&graph, "new", &world);
    scene.recorded();
    let begun = [
        "run m.a.x",
        "run m.a.y",
        r#"word m.a.x """#,
        r#"word m.a.y """#,
    ];
    scene.expect(&begun);
    scene.say("word m.a.y", "a pod");
    scene.ok(&[r#"record I m:I[a:I"a_pod"]"#]);
    scene.expect(&[
        "run m.a.x",
        "run m.a.y",
        r#"word m.a.x """#,
        r#"word m.a.y "a pod""#,
    ]);
    scene.say("word m.a.x", "a job");
    scene.ok(&[r#"record I m:I[a:I"a_job,_a_pod"]"#]);
    // The same once more changes nothing, and so is not recorded.
    scene.say("word m.a.x", "a job");
    assert!(world.open().iter().all(|op| !op.starts_with("record")));
    // A failure is shown before what others wait for, and what is done waits for nothing.
    scene.fail("run m.a.x", transient("busy"));
    scene.recorded();
    scene.say("word m.a.y", "another pod");
    assert!(world.open().iter().all(|op| !op.starts_with("record")));
    scene.ok(&["sleep 1s"]);
    scene.ok(&["run m.a.x"]);
    scene.ok(&[r#"record I m:I[a:I"another_pod"]"#]);
    scene.ok(&["run m.a.y"]);
    scene.recorded();
    scene.expect_end("C m:C[a:C]");
}

#[test]
fn a_step_taken_up_again_shows_what_it_waited_for() {
    let graph = graph("serial m:serial[a(x)]");
    let world = World::default();
    world.set_talkative();
    let mut scene = Scene::new(&graph, r#"I m:I[a:I"a_pod"]"#, &world);
    scene.expect(&["run m.a.x", r#"word m.a.x """#]);
    scene.say("word m.a.x", "a pod");
    scene.expect(&["run m.a.x", r#"word m.a.x "a pod""#]);
}

#[test]
fn what_ends_together_is_one_record() {
    let graph = graph("serial m:-[a(x) b(x)] n:-[c(x) d(x)]");
    let world = World::default();
    let mut scene = Scene::new(&graph, "new", &world);
    scene.recorded();
    scene.ok(&["run m.a.x", "run m.b.x"]);
    scene.expect(&["record I m:C[a:C b:C] n:I[c:I d:I]"]);
    scene.recorded();
    scene.ok(&["run n.c.x", "run n.d.x"]);
    scene.expect(&["record C m:C[a:C b:C] n:C[c:C d:C]"]);
}

#[test]
fn what_has_no_tasks_is_complete_at_once() {
    let table = [
        ("serial", "C"),
        ("-", "C"),
        ("serial e:-[]", "C e:C[]"),
        ("serial e:-[] f:serial[]", "C e:C[] f:C[]"),
        ("serial m:serial[a() b() c()]", "C m:C[a:C b:C c:C]"),
        ("- m:-[a() b()] n:serial[c()]", "C m:C[a:C b:C] n:C[c:C]"),
    ];
    for (text, expected) in table {
        let graph = graph(text);
        let world = World::default();
        let mut scene = Scene::new(&graph, "new", &world);
        scene.expect(&[&format!("record {expected}")]);
        scene.recorded();
        scene.expect_end(expected);
    }
}

#[test]
fn steps_without_tasks_are_passed_over_in_one_record() {
    let graph = graph("serial m:serial[a(x) b() c()] e:-[] n:serial[d() f(x)]");
    let world = World::default();
    let mut scene = Scene::new(&graph, "new", &world);
    scene.recorded();
    scene.ok(&["run m.a.x"]);
    scene.expect(&["record I m:C[a:C b:C c:C] e:C[] n:I[d:C f:I]"]);
}

#[test]
fn a_transient_failure_shows_and_only_its_task_is_retried() {
    let graph = graph("serial m:serial[a(x,y) b(z)]");
    let world = World::default();
    let mut scene = Scene::new(&graph, "new", &world);
    scene.recorded();
    scene.fail("run m.a.x", transient("no route"));
    let error = r#"E"A_transient_error_when_executing_task_deploy.m.a.x._Will_retry._no_route""#;
    scene.expect(&[
        "run m.a.y",
        "sleep 1s",
        &format!("record I m:I[a:{error} b:P]"),
    ]);
    scene.recorded();
    scene.ok(&["run m.a.y"]);
    scene.expect(&["sleep 1s"]);
    scene.ok(&["sleep 1s"]);
    scene.expect(&["run m.a.x", "sleep 10s"]);
    // The same failure once more is no new record.
    scene.fail("run m.a.x", transient("no route"));
    scene.expect(&["sleep 2s"]);
    scene.ok(&["sleep 2s"]);
    // Another one is.
    scene.fail("run m.a.x", transient("no host"));
    let error = error.replace("no_route", "no_host");
    scene.expect(&["sleep 4s", &format!("record I m:I[a:{error} b:P]")]);
    scene.recorded();
    scene.ok(&["sleep 4s"]);
    scene.ok(&["run m.a.x"]);
    scene.expect(&["record I m:I[a:C b:I]"]);
    let told = "transient deploy.m.a x Busy: no route";
    let other = "transient deploy.m.a x Busy: no host";
    assert_eq!(world.failures(), [told, told, other]);
}

#[test]
fn a_recovered_task_no_longer_shows() {
    let graph = graph("serial m:serial[a(x,y)]");
    let world = World::default();
    let mut scene = Scene::new(&graph, "new", &world);
    scene.recorded();
    scene.fail("run m.a.x", transient("busy"));
    scene.recorded();
    scene.ok(&["sleep 1s"]);
    scene.ok(&["run m.a.x"]);
    scene.expect(&["run m.a.y", "record I m:I[a:I]"]);
    scene.recorded();
    scene.ok(&["run m.a.y"]);
    scene.recorded();
    scene.expect_end("C m:C[a:C]");
}

#[test]
fn an_attempt_that_goes_on_counts_as_recovered() {
    let graph = graph("serial m:serial[a(x)]");
    let world = World::default();
    let mut scene = Scene::new(&graph, "new", &world);
    scene.recorded();
    for delay in ["sleep 1s", "sleep 2s"] {
        scene.fail("run m.a.x", transient("busy"));
        if scene.world.open().len() > 1 {
            scene.recorded();
        }
        scene.ok(&[delay]);
    }
    scene.expect(&["run m.a.x", "sleep 10s"]);
    scene.ok(&["sleep 10s"]);
    scene.expect(&["run m.a.x", "record I m:I[a:I]"]);
    scene.recorded();
    scene.expect(&["run m.a.x"]);
    // The next failure is like a first one.
    scene.fail("run m.a.x", transient("busy"));
    scene.recorded();
    scene.expect(&["sleep 1s"]);
    scene.ok(&["sleep 1s"]);
    scene.ok(&["run m.a.x"]);
    scene.recorded();
    scene.expect_end("C m:C[a:C]");
}

#[test]
fn of_several_failing_tasks_the_first_of_the_step_shows() {
    let graph = graph("serial m:serial[a(x,y)]");
    let world = World::default();
    let mut scene = Scene::new(&graph, "new", &world);
    let error = |task: &str| {
        format!(r#"E"A_transient_error_when_executing_task_deploy.m.a.{task}._Will_retry._busy""#)
    };
    scene.recorded();
    scene.fail("run m.a.y", transient("busy"));
    scene.expect(&[
        "run m.a.x",
        "sleep 1s",
        &format!("record I m:I[a:{}]", error("y")),
    ]);
    scene.recorded();
    scene.fail("run m.a.x", transient("busy"));
    scene.expect(&[
        "sleep 1s",
        "sleep 1s",
        &format!("record I m:I[a:{}]", error("x")),
    ]);
    scene.recorded();
    scene.ok(&["sleep 1s", "sleep 1s"]);
    scene.fail("run m.a.y", transient("busy"));
    scene.expect(&["run m.a.x", "sleep 10s", "sleep 2s"]);
    scene.ok(&["run m.a.x"]);
    scene.expect(&["sleep 2s", &format!("record I m:I[a:{}]", error("y"))]);
}

#[test]
fn what_happens_while_a_record_is_made_waits_for_the_next() {
    let graph = graph("- m:-[a(x) b(x,y)]");
    let world = World::default();
    let mut scene = Scene::new(&graph, "new", &world);
    scene.recorded();
    scene.ok(&["run m.a.x"]);
    scene.expect(&["run m.b.x", "run m.b.y", "record I m:I[a:C b:I]"]);
    scene.fail("run m.b.x", transient("busy"));
    scene.expect(&["run m.b.y", "record I m:I[a:C b:I]"]);
    scene.recorded();
    assert_eq!(world.open()[..2], ["run m.b.y", "sleep 1s"]);
    assert!(world.open()[2].starts_with(r#"record I m:I[a:C b:E"A_transient"#));
}

#[test]
fn a_fatal_failure_drops_the_rest_and_ends_the_plan() {
    let graph = graph("serial m:-[a(x) b(x,y)] n:-[c(x)]");
    let world = World::default();
    let mut scene = Scene::new(&graph, "new", &world);
    scene.recorded();
    scene.fail("run m.b.y", fatal("bad template"));
    let end = r#"F m:F[a:I b:F"fatal_error:_failed_in_deploy.m.b.y:_bad_template"] n:P[c:P]"#;
    scene.expect(&[&format!("record {end}")]);
    scene.recorded();
    scene.expect_end(end);
    assert_eq!(
        world.failures(),
        ["fatal deploy.m.b y TaskRenderingError: bad template"]
    );
}

#[test]
fn the_place_of_a_failure_is_told_once() {
    let table = [
        (fatal("bad"), "fatal error: failed in deploy.m.a.x: bad"),
        (
            fatal("failed in deploy.m.a.x: bad"),
            "fatal error: failed in deploy.m.a.x: bad",
        ),
        (
            fatal("failed in deploy.m.b.x: bad"),
            "fatal error: failed in deploy.m.a.x: failed in deploy.m.b.x: bad",
        ),
        (
            transient("busy"),
            "A transient error when executing task deploy.m.a.x. Will retry. busy",
        ),
        (
            transient("failed in deploy.m.a.x: busy"),
            "A transient error when executing task deploy.m.a.x. Will retry. busy",
        ),
    ];
    for (failure, expected) in table {
        let graph = graph("serial m:serial[a(x)]");
        let world = World::default();
        let mut scene = Scene::new(&graph, "new", &world);
        scene.recorded();
        scene.fail("run m.a.x", failure);
        let Op::Record { state, .. } = world.take("record") else {
            panic!("a record");
        };
        assert_eq!(state.phases[0].steps[0].message.as_deref(), Some(expected));
    }
    let table = [
        (fatal("bad"), "fatal error: failed in deploy.m.a: bad"),
        (
            fatal("failed in deploy.m.a.x: bad"),
            "fatal error: failed in deploy.m.a.x: bad",
        ),
        (
            transient("busy"),
            "A transient error when preparing step deploy.m.a. Will retry. busy",
        ),
    ];
    for (failure, expected) in table {
        let graph = graph("serial m:serial[a(x)]");
        let world = World::default();
        world.on_prepare(move |_| Err(failure.clone()));
        let _scene = Scene::new(&graph, "new", &world);
        let Op::Record { state, .. } = world.take("record") else {
            panic!("a record");
        };
        assert_eq!(state.phases[0].steps[0].message.as_deref(), Some(expected));
    }
}

#[test]
fn what_ends_after_a_fatal_failure_does_not_count() {
    let graph = graph("serial m:-[a(x) b(x)]");
    let world = World::default();
    let mut scene = Scene::new(&graph, "new", &world);
    scene.recorded();
    let Op::Run { end, .. } = world.take("run m.a.x") else {
        panic!("a task");
    };
    end.send(Err(fatal("no"))).unwrap();
    let Op::Run { end, .. } = world.take("run m.b.x") else {
        panic!("a task");
    };
    end.send(Err(fatal("neither"))).unwrap();
    scene.life.go();
    assert_eq!(world.failures().len(), 1);
    scene.expect(&[r#"record F m:F[a:F"fatal_error:_failed_in_deploy.m.a.x:_no" b:I]"#]);
}

#[test]
fn a_step_that_cannot_be_prepared_fails_in_the_record_that_would_start_it() {
    let graph = graph("serial m:serial[a(x) b(x)]");
    let world = World::default();
    world.on_prepare(|step| match step.step {
        "b" => Err(fatal("line 3")),
        _ => Ok(()),
    });
    let mut scene = Scene::new(&graph, "new", &world);
    scene.recorded();
    scene.ok(&["run m.a.x"]);
    let end = r#"F m:F[a:C b:F"fatal_error:_failed_in_deploy.m.b:_line_3"]"#;
    scene.expect(&[&format!("record {end}")]);
    scene.recorded();
    scene.expect_end(end);
    assert_eq!(
        world.failures(),
        ["fatal deploy.m.b - TaskRenderingError: line 3"]
    );
}

#[test]
fn a_step_whose_preparation_fails_for_now_is_prepared_again() {
    let graph = graph("serial m:-[a(x) b(x)]");
    let world = World::default();
    let mut left = 2;
    world.on_prepare(move |step| {
        if step.step == "a" && left > 0 {
            left -= 1;
            return Err(transient("not yet"));
        }
        Ok(())
    });
    let mut scene = Scene::new(&graph, "new", &world);
    let error = r#"E"A_transient_error_when_preparing_step_deploy.m.a._Will_retry._not_yet""#;
    scene.expect(&["sleep 1s", &format!("record I m:I[a:{error} b:I]")]);
    scene.recorded();
    scene.expect(&["run m.b.x", "sleep 1s"]);
    scene.ok(&["sleep 1s"]);
    scene.expect(&["run m.b.x", "sleep 2s"]);
    scene.ok(&["sleep 2s"]);
    scene.expect(&["run m.b.x", "record I m:I[a:I b:I]"]);
    scene.recorded();
    // Nothing of that is left when a task of the step fails later.
    scene.fail("run m.a.x", transient("busy"));
    assert_eq!(scene.world.open()[1], "sleep 1s");
    assert!(scene.world.open()[2].contains("executing_task_deploy.m.a.x._Will_retry._busy"));
    scene.recorded();
    scene.ok(&["sleep 1s"]);
    scene.ok(&["run m.a.x"]);
    scene.expect(&["run m.b.x", "record I m:I[a:C b:I]"]);
}

#[test]
fn a_lost_record_ends_the_execution_with_its_error() {
    for records in 0..4 {
        let graph = graph("serial m:serial[a(x) b(x)]");
        let world = World::default();
        let mut scene = Scene::new(&graph, "new", &world);
        for _ in 0..records {
            scene.recorded();
            if let Some(run) = world.open().first() {
                let run = run.clone();
                scene.ok(&[&run]);
            }
        }
        if scene.life.end.is_some() {
            continue;
        }
        let Op::Record { end, .. } = world.take("record") else {
            panic!("a record");
        };
        end.send(Err(RecordLost)).unwrap();
        scene.life.go();
        assert_eq!(scene.life.end, Some(Err(RecordLost)));
        assert!(world.open().is_empty());
    }
}

#[test]
fn no_more_tasks_run_at_once_than_allowed() {
    for (bound, first) in [(0, 1), (1, 1), (2, 2), (3, 3), (4, 4), (9, 4)] {
        let options = Options {
            max_concurrent_tasks: bound,
            ..OPTIONS
        };
        let graph = graph("- m:-[a(x,y) b(x) c(x)]");
        let world = World::default();
        let mut scene = Scene::with(&graph, "new", &world, &options);
        scene.expect(&["record I m:I[a:I b:I c:I]"]);
        scene.recorded();
        let mut done = 0;
        while scene.life.end.is_none() {
            let open = world.open();
            let runs = open.iter().filter(|op| op.starts_with("run")).count();
            if open.iter().any(|op| op.starts_with("record")) {
                assert!(runs <= first, "{bound}");
                scene.recorded();
            } else {
                assert_eq!(runs, first.min(4 - done), "{bound}");
                scene.ok(&["run"]);
                done += 1;
            }
        }
        scene.expect_end("C m:C[a:C b:C c:C]");
    }
}

#[test]
fn a_task_that_waits_for_its_retry_takes_no_place() {
    let options = Options {
        max_concurrent_tasks: 1,
        ..OPTIONS
    };
    let graph = graph("- m:-[a(x,y)]");
    let world = World::default();
    let mut scene = Scene::with(&graph, "new", &world, &options);
    scene.recorded();
    scene.expect(&["run m.a.x"]);
    scene.fail("run m.a.x", transient("busy"));
    scene.recorded();
    scene.expect(&["run m.a.y", "sleep 1s"]);
    scene.ok(&["sleep 1s"]);
    scene.expect(&["run m.a.y"]);
    scene.ok(&["run m.a.y"]);
    scene.expect(&["run m.a.x", "sleep 10s"]);
}

#[test]
fn execution_goes_on_from_what_is_recorded() {
    let plan = "serial m:serial[a(x) b(x,y)] n:-[c(x) d()]";
    let table: &[(&str, &[&str])] = &[
        (
            "P m:P[a:P b:P] n:P[c:P d:P]",
            &["record I m:I[a:I b:P] n:P[c:P d:P]"],
        ),
        // A started step runs again, and that is nothing new to record.
        ("I m:I[a:I b:P] n:P[c:P d:P]", &["run m.a.x"]),
        ("I m:I[a:C b:I] n:P[c:P d:P]", &["run m.b.x", "run m.b.y"]),
        ("I m:C[a:C b:C] n:I[c:I d:C]", &["run n.c.x"]),
        // The next step was not recorded as started.
        (
            "I m:I[a:C b:P] n:P[c:P d:P]",
            &["record I m:I[a:C b:I] n:P[c:P d:P]"],
        ),
        (
            "I m:C[a:C b:C] n:P[c:P d:P]",
            &["record I m:C[a:C b:C] n:I[c:I d:C]"],
        ),
        // A failing step starts afresh.
        (
            r#"I m:I[a:E"why" b:P] n:P[c:P d:P]"#,
            &["record I m:I[a:I b:P] n:P[c:P d:P]"],
        ),
        // Upstream's way to note a restart.
        ("I m:I[a:C b:I] n:I[c:I d:I]", &["run m.b.x", "run m.b.y"]),
        (
            "I m:I[a:C b:C] n:I[c:C d:I]",
            &["record C m:C[a:C b:C] n:C[c:C d:C]"],
        ),
        // What does not fit.
        (
            "I m:I[a:C b:I]",
            &[r#"record F"missing_phase_status:_deploy.n" m:I[a:C b:I]"#],
        ),
        (
            "I m:I[a:C] n:P[c:P d:P]",
            &[r#"record F"missing_step_status:_deploy.m.b" m:I[a:C] n:P[c:P d:P]"#],
        ),
    ];
    for (recorded, expected) in table {
        let graph = graph(plan);
        let world = World::default();
        let scene = Scene::new(&graph, recorded, &world);
        assert_eq!(world.open(), *expected, "{recorded}");
        assert_eq!(scene.life.end, None);
    }
}

#[test]
fn a_terminal_plan_is_returned_as_it_is() {
    let graph = graph("serial m:serial[a(x)]");
    for recorded in ["C m:C[a:C]", "F m:F[a:F]", "C", r#"F"why" z:P[]"#] {
        let world = World::default();
        let scene = Scene::new(&graph, recorded, &world);
        scene.expect_end(recorded);
    }
}

#[test]
fn what_the_observer_holds_is_recorded_before_tasks_start() {
    let graph = graph("serial m:serial[a(x)]");
    let world = World::default();
    world.set_unrecorded(true);
    let mut scene = Scene::new(&graph, "I m:I[a:I]", &world);
    scene.expect(&["record I m:I[a:I]"]);
    scene.recorded();
    scene.expect(&["run m.a.x"]);
}

#[test]
fn every_step_is_prepared_once_and_before_its_start_is_recorded() {
    let graph = graph("serial m:-[a(x) b(x)] n:serial[c() d(x)]");
    let world = World::default();
    let seen = Arc::new(Mutex::new(Vec::new()));
    let log = Arc::clone(&seen);
    world.on_seen(move |event| {
        let text = match event {
            crate::world::Seen::Prepare(step) => format!("prepare {}", step.step),
            crate::world::Seen::Run(step, task) => format!("run {}.{task}", step.step),
            crate::world::Seen::Record(state) => format!("record {}", show(state)),
        };
        log.lock().unwrap().push(text);
    });
    let mut scene = Scene::new(&graph, "new", &world);
    scene.recorded();
    scene.ok(&["run m.a.x", "run m.b.x"]);
    scene.recorded();
    scene.ok(&["run n.d.x"]);
    scene.recorded();
    assert_eq!(
        *seen.lock().unwrap(),
        [
            "prepare a",
            "prepare b",
            "record I m:I[a:I b:I] n:P[c:P d:P]",
            "run a.x",
            "run b.x",
            "prepare c",
            "prepare d",
            "record I m:C[a:C b:C] n:I[c:C d:I]",
            "run d.x",
            "record C m:C[a:C b:C] n:C[c:C d:C]",
        ]
    );
}

#[test]
fn the_seed_decides_the_delays() {
    let delay = |seed| {
        let options = Options {
            seed,
            backoff: Backoff {
                jitter: 0.5,
                ..OPTIONS.backoff
            },
            ..OPTIONS
        };
        let graph = graph("- m:-[a(x,y)]");
        let world = World::default();
        let mut scene = Scene::with(&graph, "new", &world, &options);
        scene.recorded();
        scene.fail("run m.a.x", transient("busy"));
        scene.recorded();
        scene.fail("run m.a.y", transient("busy"));
        world.open()
    };
    assert_eq!(delay(1), delay(1));
    assert_ne!(delay(1), delay(2));
    assert_ne!(delay(1)[0], delay(1)[1], "two tasks do not retry in step");
}

#[test]
fn dependencies_hold_back_steps_of_parallel_phases() {
    let needs = kudo_plan::Dependency {
        step: ("m", "a"),
        needs: ("n", "b"),
    };
    let graph = graph("- m:-[a(x)] n:-[b(x)]")
        .with_dependencies(&[needs])
        .unwrap();
    let world = World::default();
    let mut scene = Scene::new(&graph, "new", &world);
    scene.expect(&["record I m:P[a:P] n:I[b:I]"]);
    scene.recorded();
    scene.ok(&["run n.b.x"]);
    scene.expect(&["record I m:I[a:I] n:C[b:C]"]);
}
