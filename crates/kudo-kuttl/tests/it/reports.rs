//! The reports that other programs read.

use std::path::PathBuf;
use std::time::Duration;

use kudo_kuttl::report::{Failure, Format, Granularity, Results, StepResult, TestResult, write};

fn results() -> Results {
    let step = |name: &str, failures: Vec<Failure>| StepResult {
        name: name.to_owned(),
        started: "2021-02-03T04:05:06Z".parse().unwrap(),
        took: Duration::from_millis(1250),
        assertions: failures.len() * 2,
        failures,
    };
    let failure = Failure {
        message: "a < b & \"c\"".to_owned(),
        detail: "-1\n+\u{1}2\n".to_owned(),
    };
    let test = |name: &str, steps| TestResult {
        suite: PathBuf::from("tests/e2e"),
        name: name.to_owned(),
        started: "2021-02-03T04:05:06Z".parse().unwrap(),
        took: Duration::from_secs(2),
        steps,
    };
    Results {
        name: "suite".to_owned(),
        took: Duration::from_secs(3),
        tests: vec![
            test("good", vec![step("setup", vec![])]),
            test(
                "bad",
                vec![step("setup", vec![]), step("step 0-install", vec![failure])],
            ),
        ],
        failure: None,
        interrupted: false,
    }
}

#[test]
fn junit_by_step() {
    insta::assert_snapshot!(write(&results(), Format::Xml, Granularity::Step), @r#"
    <?xml version="1.0" encoding="UTF-8"?>
    <testsuites name="suite" tests="3" failures="1" time="3.000">
      <testsuite tests="3" failures="1" timestamp="2021-02-03T04:05:06Z" time="2.000" name="tests/e2e">
        <testsuite tests="1" failures="0" timestamp="2021-02-03T04:05:06Z" time="2.000" name="good">
          <testcase classname="good" name="setup" timestamp="2021-02-03T04:05:06Z" time="1.250"/>
        </testsuite>
        <testsuite tests="2" failures="1" timestamp="2021-02-03T04:05:06Z" time="2.000" name="bad">
          <testcase classname="bad" name="setup" timestamp="2021-02-03T04:05:06Z" time="1.250"/>
          <testcase classname="bad" name="step 0-install" timestamp="2021-02-03T04:05:06Z" time="1.250" assertions="2">
            <failure message="failed in step 0-install">a &lt; b &amp; &quot;c&quot;&#10;-1&#10;+�2</failure>
          </testcase>
        </testsuite>
      </testsuite>
    </testsuites>
    "#);
}

#[test]
fn json_by_test() {
    let text = write(&results(), Format::Json, Granularity::Test);
    let value: serde_json::Value = serde_json::from_str(&text).unwrap();
    let suite = &value["testsuite"][0];
    assert_eq!(
        (value["tests"].as_u64(), value["failures"].as_u64()),
        (Some(2), Some(1))
    );
    assert_eq!(suite["testcase"][0]["classname"], "e2e");
    assert_eq!(
        suite["testcase"][1]["failure"]["message"],
        "failed in step 0-install"
    );
    assert_eq!(suite["testcase"][0].get("failure"), None);
}

#[test]
fn a_run_that_could_not_begin_says_why() {
    let results = Results {
        tests: vec![],
        failure: Some("no cluster".to_owned()),
        ..results()
    };
    assert!(!results.passed());
    let text = write(&results, Format::Xml, Granularity::Step);
    assert!(text.contains("<failure message=\"no cluster\"/>"), "{text}");
}
