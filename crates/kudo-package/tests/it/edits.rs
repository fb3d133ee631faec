//! Edits of package files: what is added, where, and that all else stays.

use kudo_package::edit::{EditError, add_entry, add_item};
use kudo_package::yaml;
use proptest::prelude::*;
use serde_json::json;

#[test]
fn items() {
    let item = json!({ "name": "B", "default": "x: y" });
    let cases = [
        (
            "in a list",
            "# head\nlist:\n- name: A # a\n\n# about more\nmore: 1 # one\n",
            "# head\nlist:\n- name: A # a\n- default: 'x: y'\n  name: B\n\n# about more\nmore: 1 # one\n",
        ),
        (
            "in an indented list",
            "list:\n  - name: A\n",
            "list:\n  - name: A\n  - default: 'x: y'\n    name: B\n",
        ),
        (
            "after a text of several lines",
            "list:\n- name: A\n  text: |\n    one\n\n    # two\nmore: 1\n",
            "list:\n- name: A\n  text: |\n    one\n\n    # two\n- default: 'x: y'\n  name: B\nmore: 1\n",
        ),
        (
            "after a text that keeps its empty lines",
            "list:\n- name: A\n  text: |+\n    one\n\nmore: 1\n",
            "list:\n- name: A\n  text: |+\n    one\n\n- default: 'x: y'\n  name: B\nmore: 1\n",
        ),
        (
            "in an empty list",
            "a: 1\nlist: []\nb: 2\n",
            "a: 1\nlist:\n- default: 'x: y'\n  name: B\nb: 2\n",
        ),
        (
            "in nothing",
            "a: 1\nlist: # to come\nb: 2\n",
            "a: 1\nlist: # to come\n- default: 'x: y'\n  name: B\nb: 2\n",
        ),
        (
            "in a list on one line",
            "list: [{name: A}]\n",
            "list:\n- name: A\n- default: 'x: y'\n  name: B\n",
        ),
        (
            "at the end",
            "a: 1",
            "a: 1\nlist:\n- default: 'x: y'\n  name: B\n",
        ),
        (
            "in an empty file",
            "",
            "list:\n- default: 'x: y'\n  name: B\n",
        ),
        (
            "with the line ends of Windows",
            "list:\r\n- name: A\r\nb: 2\r\n",
            "list:\r\n- name: A\r\n- default: 'x: y'\r\n  name: B\r\nb: 2\r\n",
        ),
        (
            "without a line end at the end",
            "list:\n- name: A",
            "list:\n- name: A\n- default: 'x: y'\n  name: B\n",
        ),
    ];
    for (case, text, expected) in cases {
        assert_eq!(
            add_item(text, "list", &item).as_deref(),
            Ok(expected),
            "{case}"
        );
    }
}

#[test]
fn entries() {
    let plan = json!({ "strategy": "serial", "phases": [] });
    let cases = [
        (
            "plans:\n    deploy: # first\n        strategy: serial\nurl: x\n",
            "plans:\n    deploy: # first\n        strategy: serial\n    b:\n      phases: []\n      strategy: serial\nurl: x\n",
        ),
        (
            "plans: {}\n",
            "plans:\n  b:\n    phases: []\n    strategy: serial\n",
        ),
        (
            "url: x\n",
            "url: x\nplans:\n  b:\n    phases: []\n    strategy: serial\n",
        ),
    ];
    for (text, expected) in cases {
        assert_eq!(
            add_entry(text, "plans", "b", &plan).as_deref(),
            Ok(expected)
        );
    }
}

#[test]
fn what_cannot_be_edited_is_refused() {
    let item = json!("x");
    let wrong = |text: &str| add_item(text, "list", &item).unwrap_err().to_string();
    assert_eq!(wrong("list: text\n"), "expected list to be a list");
    assert_eq!(wrong("- a\n"), "expected the file to be a map");
    assert!(matches!(
        add_item("{list: [a], b: 1}\n", "list", &item),
        Err(EditError::Style { .. })
    ));
    assert!(matches!(
        add_item("list: [\n", "list", &item),
        Err(EditError::Yaml(_))
    ));
}

proptest! {
    /// Whatever the text, an edit that is made means what it should.
    #[test]
    fn an_edit_adds_and_changes_nothing_else(text in "(a|list|b):( |\n)?([-#\\[\\]{}|>a: \n]{0,40})\n?(list: x\n)?", name in "\\PC{0,12}") {
        let item = json!({ "name": name });
        if let Ok(edited) = add_item(&text, "list", &item) {
            let mut expected = yaml::parse(&text).unwrap();
            match &mut expected["list"] {
                serde_json::Value::Array(items) => items.push(item),
                slot => *slot = json!([item]),
            }
            prop_assert_eq!(yaml::parse(&edited).unwrap(), expected);
        }
    }
}
