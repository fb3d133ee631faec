//! Variables and words of commands.

use kudo_kuttl::expand::expand;
use kudo_kuttl::words::{WordsError, names_namespace, split};
use proptest::prelude::*;

#[test]
fn variables() {
    let value = |name: &str| match name {
        "NAMESPACE" => Some("ns".to_owned()),
        "A_1" => Some("x".to_owned()),
        _ => None,
    };
    let cases = [
        ("-n $NAMESPACE", "-n ns"),
        ("${NAMESPACE}x", "nsx"),
        ("$NAMESPACEx", ""),
        ("$A_1-$A_1", "x-x"),
        ("$$HOME $$$$", "$HOME $$"),
        ("$UNKNOWN.", "."),
        ("a$", "a$"),
        ("a$ b", "a$ b"),
        ("$1$#", ""),
        ("${", ""),
        ("${}", ""),
        ("é$NAMESPACE", "éns"),
        ("$é", "$é"),
    ];
    for (text, expected) in cases {
        assert_eq!(expand(text, value), expected, "{text:?}");
    }
}

#[test]
fn words() {
    let cases: &[(&str, Result<&[&str], WordsError>)] = &[
        ("a  b\tc\nd", Ok(&["a", "b", "c", "d"])),
        (
            r#"-p  WITH_PRIORITY="false""#,
            Ok(&["-p", "WITH_PRIORITY=false"]),
        ),
        (r#""a b" 'c "d"'"#, Ok(&["a b", "c \"d\""])),
        (r#"a\ b "\"\n" 'x\n'"#, Ok(&["a b", "\"n", "x\\n"])),
        ("a # comment\nb #", Ok(&["a", "b"])),
        ("a#b", Ok(&["a#b"])),
        (r#"'' """#, Ok(&["", ""])),
        ("", Ok(&[])),
        ("a 'b", Err(WordsError::Quote('\''))),
        ("\"a", Err(WordsError::Quote('"'))),
        ("a\\", Err(WordsError::Backslash)),
    ];
    for (text, expected) in cases {
        let found = split(text);
        let expected = expected.map(|words| {
            words
                .iter()
                .map(|word| (*word).to_owned())
                .collect::<Vec<_>>()
        });
        assert_eq!(found, expected, "{text:?}");
    }
}

#[test]
fn a_namespace_that_a_command_names_itself() {
    let cases = [
        ("kubectl get pods", false),
        ("kubectl get pods -n x", true),
        ("kubectl get pods -nx", true),
        ("kubectl get pods --namespace x", true),
        ("kubectl get pods --namespace=x", true),
        ("kubectl get pods --namespace=", false),
        ("kubectl get pods -n", false),
        ("kubectl exec p -- tool -n 5", false),
        ("kubectl --no-headers", false),
    ];
    for (text, expected) in cases {
        assert_eq!(names_namespace(&split(text).unwrap()), expected, "{text}");
    }
}

proptest! {
    #[test]
    fn quoted_words_come_back(words in prop::collection::vec(".*", 0..6)) {
        let line: Vec<String> = words
            .iter()
            .map(|word| format!("'{}'", word.replace('\'', r"'\''")))
            .collect();
        prop_assert_eq!(split(&line.join(" ")).unwrap(), words);
    }

    #[test]
    fn nothing_panics(text in ".*") {
        let _ = split(&text);
        let _ = expand(&text, |_| None);
        let _ = kudo_kuttl::names::parse(&text);
        let _ = kudo_kuttl::names::matches(&text, "name");
    }

    #[test]
    fn escaped_dollars_come_back(text in ".*") {
        prop_assert_eq!(expand(&text.replace('$', "$$"), |_| Some("x".to_owned())), text);
    }
}
