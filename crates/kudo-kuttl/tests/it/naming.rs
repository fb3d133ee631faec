//! What names of files say.

use kudo_kuttl::names::{Role, matches, misspelled, parse};

#[test]
fn names_say_step_and_role() {
    type Said = Option<(Option<u32>, Role, &'static str, bool)>;
    let cases: &[(&str, Said)] = &[
        (
            "00-install.yaml",
            Some((Some(0), Role::Apply, "install", false)),
        ),
        (
            "00-assert.yaml",
            Some((Some(0), Role::Assert, "assert", false)),
        ),
        (
            "01-errors.yaml",
            Some((Some(1), Role::Errors, "errors", false)),
        ),
        (
            "01-assert-more.yaml",
            Some((Some(1), Role::Assert, "assert-more", false)),
        ),
        (
            "01-ASSERT.yaml",
            Some((Some(1), Role::Assert, "ASSERT", false)),
        ),
        (
            "01-error.yaml",
            Some((Some(1), Role::Apply, "error", false)),
        ),
        (
            "01-asserts.yaml",
            Some((Some(1), Role::Apply, "asserts", false)),
        ),
        (
            "02-update_param.yaml",
            Some((Some(2), Role::Apply, "update_param", false)),
        ),
        (
            "10-a-b-c.yaml",
            Some((Some(10), Role::Apply, "a-b-c", false)),
        ),
        (
            "007-bond.gotmpl.yaml",
            Some((Some(7), Role::Apply, "bond", true)),
        ),
        (
            "00-assert.gotmpl.yaml",
            Some((Some(0), Role::Assert, "assert", true)),
        ),
        ("03-folder", Some((Some(3), Role::Apply, "folder", false))),
        ("assert.yaml", Some((None, Role::Assert, "assert", false))),
        ("pod.yaml", Some((None, Role::Apply, "pod", false))),
        ("00-a.yml", None),
        ("00-a.b.yaml", None),
        ("script.sh", None),
        (".hidden", None),
        ("99999999999-a.yaml", None),
        ("", None),
    ];
    for (name, expected) in cases {
        let found = parse(name);
        let found = found
            .as_ref()
            .map(|name| (name.index, name.role, name.step.as_str(), name.template));
        assert_eq!(found, *expected, "{name:?}");
    }
}

#[test]
fn patterns_of_names_to_ignore() {
    let cases = [
        ("README*", "README.md", Some(true)),
        ("README*", "XREADME", Some(false)),
        ("*.md", "a.md", Some(true)),
        ("?-[ab].yaml", "0-a.yaml", Some(true)),
        ("?-[^ab].yaml", "0-a.yaml", Some(false)),
        ("[a-c]*", "bz", Some(true)),
        (r"\*", "*", Some(true)),
        (r"\*", "x", Some(false)),
        ("a.b", "axb", Some(false)),
        ("[", "x", None),
        ("a\\", "a", None),
    ];
    for (pattern, name, expected) in cases {
        assert_eq!(matches(pattern, name), expected, "{pattern:?} {name:?}");
    }
}

#[test]
fn words_a_letter_away_from_assert_and_errors() {
    let cases = [
        ("asert", Some("assert")),
        ("assret", Some("assert")),
        ("asserts", Some("assert")),
        ("Assertt-pods", Some("assert")),
        ("error", Some("errors")),
        ("erors", Some("errors")),
        ("assert", None),
        ("errors", None),
        ("assets", None),
        ("insert", None),
        ("mirrors", None),
        ("install", None),
    ];
    for (step, expected) in cases {
        assert_eq!(misspelled(step), expected, "{step}");
    }
}
