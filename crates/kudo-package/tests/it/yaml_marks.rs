//! Where the YAML reader says that things are.

use kudo_package::yaml::{self, Mark, NodeKind};

#[test]
fn errors_point_at_their_cause() {
    let cases = [
        ("a: 1\nb: @x\n", 2, 4, "can't start with '@'"),
        ("a:\n\t- b", 2, 1, "tab"),
        ("a: 1\n b: 2", 2, 3, "mapping can't start here"),
        ("a: \"x\nb: 1\n", 1, 4, "never closed"),
        ("a: [1, 2\nb: 1", 2, 2, "expected ',' or ']'"),
        ("a: {b: 1\n", 1, 9, "expected ',' or '}'"),
        ("a: [b", 1, 6, "expected ',' or ']'"),
        ("a: [b,  # c\n\n", 1, 7, "expected a value or ']'"),
        ("a: [", 1, 5, "expected a value or ']'"),
        ("a: {", 1, 5, "expected a key or '}'"),
        ("a: {b: ", 1, 7, "expected a value"),
        ("a: [{b: [c\nd\n", 2, 2, "expected ',' or ']'"),
        ("%YAML 1.1\n", 1, 10, "expected '---'"),
        ("a: *x", 1, 4, "unknown anchor"),
        ("k: v\nword\nl: 1", 2, 1, "expected a key followed by ':'"),
        ("a: .nan", 1, 4, "JSON"),
        ("~: 1", 1, 1, "null can't be a key"),
        ("a: !!int x", 1, 4, "not of type !!int"),
        ("한: \"\\q\"", 1, 5, "escape"),
        ("a: b\n\u{7}", 2, 1, "U+0007"),
        ("x:\n  <<: 1", 2, 7, "'<<' needs a mapping"),
        ("- a\nb: 1", 2, 1, "expected '-'"),
        ("a: 'x' y", 1, 8, ""),
    ];
    for (text, line, column, message) in cases {
        let error = yaml::parse(text).unwrap_err();
        assert_eq!(error.mark, Mark { line, column }, "{text:?}: {error}");
        assert!(error.message.contains(message), "{text:?}: {error}");
    }
}

#[test]
fn what_has_not_ended_is_named() {
    let cases = [
        ("a: [b", "the '[' in line 1, column 4 is still open"),
        ("a: [b\nc: d\n", "the '[' in line 1, column 4 is still open"),
        (
            "a:\n  - {b: c\n",
            "the '{' in line 2, column 5 is still open",
        ),
        ("[a, {b: [c]\n", "the '{' in line 1, column 5 is still open"),
        ("[a, {b: [c}\n", "the '[' in line 1, column 9 is still open"),
        (
            "a:\n  b: 1\n  c: 2\n x: 3\n",
            "the mapping begins in line 1, column 1; all its keys begin in that column",
        ),
        (
            "a:\n  - b\n  c: 2\n",
            "the list begins in line 2, column 3; all its items begin in that column",
        ),
        (
            "a: [b]\nc: {d: ",
            "the '{' in line 2, column 4 is still open",
        ),
    ];
    for (text, hint) in cases {
        let error = yaml::parse(text).unwrap_err();
        assert_eq!(error.hint().as_deref(), Some(hint), "{text:?}: {error}");
    }
    let error = yaml::parse_documents("a: 1\n---\nb: [c\n").unwrap_err();
    assert_eq!(
        error.to_string(),
        "line 3, column 6: expected ',' or ']' (the '[' in line 3, column 4 is still open)"
    );
    assert_eq!(yaml::parse("a: [b]\nc: d\ne\n").unwrap_err().hint(), None);
}

#[test]
fn errors_in_streams_point_into_the_stream() {
    let error = yaml::parse_documents("a: 1\n---\nb: 2\nc: @\n").unwrap_err();
    assert_eq!(error.mark, Mark { line: 4, column: 4 });
    let error = yaml::parse_documents("a: 1\n--- @\n").unwrap_err();
    assert_eq!(error.mark, Mark { line: 2, column: 5 });
}

#[test]
fn a_file_holds_one_document() {
    let table = [
        ("a: 1\n", None),
        ("---\na: 1\n...\n", None),
        ("%YAML 1.1\n---\na: 1\n", None),
        ("a: 1\n---\n", None),
        ("a: 1\n---\n# nothing\n---\n\n---", None),
        ("a: 1\n...\n---\n# nothing\n...\n", None),
        ("", None),
        ("# nothing\n", None),
        ("---\n---\n", None),
        ("a: 1\n---\nb: 2\n", Some((2, 1))),
        ("a: 1\n--- {b: 2}\n", Some((2, 1))),
        ("a: 1\n---\n---\n\n- b\n", Some((3, 1))),
        ("a: 1\n...\nb: 2\n", Some((3, 1))),
        ("---\n---\na: 1\n", Some((2, 1))),
        ("{a: 1} {b: 2}\n", Some((1, 8))),
    ];
    for (text, second) in table {
        let expected = second.map(|(line, column)| {
            format!("line {line}, column {column}: a second document begins here; only one is read")
        });
        let found = yaml::parse_file(text).err().map(|error| error.to_string());
        assert_eq!(found, expected, "{text:?}");
        let first = yaml::parse_node(text);
        assert!(first.is_ok(), "{text:?}: {first:?}");
    }
    let error = yaml::parse_file("a: 1\n---\nb: [c\n").unwrap_err();
    assert_eq!(error.mark.line, 2, "{error}");
    let error = yaml::parse_file("a: [\n---\nb: 2\n").unwrap_err();
    assert_ne!(
        error.message,
        "a second document begins here; only one is read"
    );
}

#[test]
fn documents_tell_where_they_begin() {
    let documents = yaml::parse_documents("# c\na: 1\n---\n\n  b: 2\n--- {c: 3}\n").unwrap();
    let marks: Vec<_> = documents
        .iter()
        .map(|d| (d.mark.line, d.mark.column))
        .collect();
    assert_eq!(marks, [(2, 1), (5, 3), (6, 5)]);
}

#[test]
fn nodes_tell_where_they_begin() {
    let node = yaml::parse_node("a: 1\nb:\n- x\n- {c: 'y'}\n").unwrap();
    let b = node.get("b").unwrap();
    assert_eq!(node.get("a").unwrap().mark, Mark { line: 1, column: 4 });
    assert_eq!(b.mark, Mark { line: 3, column: 1 });
    let NodeKind::Sequence(items) = &b.kind else {
        panic!("not a list")
    };
    assert_eq!(items[1].mark, Mark { line: 4, column: 3 });
    assert_eq!(items[1].get("c").unwrap().mark, Mark { line: 4, column: 7 });
}

#[test]
fn a_replaced_key_is_remembered() {
    let node = yaml::parse_node("a: 1\nb: 2\na: 3\n").unwrap();
    let NodeKind::Mapping(entries) = &node.kind else {
        panic!("not a mapping")
    };
    assert_eq!(entries.len(), 2);
    assert_eq!(entries[0].key_mark, Mark { line: 3, column: 1 });
    assert_eq!(entries[0].replaced, Some(Mark { line: 1, column: 1 }));
}

#[test]
fn a_merge_replaces_no_key() {
    let node = yaml::parse_node("a: &a {x: 1}\nb:\n  <<: *a\n  <<: {x: 2}\n").unwrap();
    let NodeKind::Mapping(entries) = &node.get("b").unwrap().kind else {
        panic!("not a mapping")
    };
    assert_eq!(entries[0].replaced, None);
}
