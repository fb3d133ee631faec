//! The index of a repository and the list of repositories: upstream's files read and written, what
//! is found in them, and what is refused.

use kudo_package::repository::{FindError, Index, IndexEntry, ListError, Repositories, Repository};

const FLINK: &str = r#"apiVersion: v1
entries:
  flink:
  - appVersion: 0.7.0
    description: fancy description is here
    digest: 0787a078e64c73064287751b833d63ca3d1d284b4f494ebf670443683d5b96dd
    maintainers:
    - email: <fabian@mesosphere.io>
      name: Fabian Baier
    - email: <kensipe@gmail.com>
      name: Ken Sipe
    name: flink
    operatorVersion: 0.3.0
    urls:
    - http://kudo.dev/flink
generated: "2019-08-09T15:04:00Z"
"#;

fn entry(name: &str, app: &str, operator: &str) -> IndexEntry {
    IndexEntry {
        name: name.to_owned(),
        operator_version: operator.to_owned(),
        app_version: (!app.is_empty()).then(|| app.to_owned()),
        ..IndexEntry::default()
    }
}

fn index(entries: &[(&str, &str, &str)]) -> Index {
    let mut index = Index::default();
    for (name, app, operator) in entries {
        assert!(index.add(entry(name, app, operator)));
    }
    index
}

fn sample() -> Index {
    index(&[
        ("Foo", "2.0.0", "1.0.1"),
        ("Foo", "", "1.0.1"),
        ("Foo", "bar", "1.0.1"),
        ("Foo", "3.0.0", "1.0.1"),
        ("Buzz", "", "1.0.1"),
        ("Buzz", "", "1.0.10"),
        ("Buzz", "", "1.0.2"),
        ("Bar", "", "1.0.0"),
    ])
}

#[test]
fn upstreams_index_is_written_as_it_is_read() {
    assert_eq!(Index::parse(FLINK).unwrap().to_yaml(), FLINK);
}

#[test]
fn versions_are_sorted_newest_first() {
    let text = "
apiVersion: v1
entries:
  kafka:
  - {apiVersion: v1beta1, appVersion: 2.2.1, name: kafka, operatorVersion: 0.1.0, urls: [a]}
  - {apiVersion: v1beta1, name: kafka, operatorVersion: 9.0.0, urls: [b]}
  - {apiVersion: v1beta1, appVersion: 2.10, name: kafka, operatorVersion: 0.1.0, urls: [c]}
  - {apiVersion: v1beta1, appVersion: 2.2.1, name: kafka, operatorVersion: 0.10.0, urls: [d]}
  - {apiVersion: v1beta1, appVersion: bionic, name: kafka, operatorVersion: 0.1.0, urls: [e]}
";
    let index = Index::parse(text).unwrap();
    let versions: Vec<String> = index.entries["kafka"]
        .iter()
        .map(|entry| entry.versions().to_string())
        .collect();
    assert_eq!(
        versions,
        [
            "0.1.0 (app version 2.10)",
            "0.10.0 (app version 2.2.1)",
            "0.1.0 (app version 2.2.1)",
            "0.1.0 (app version bionic)",
            "9.0.0"
        ]
    );
}

#[test]
fn the_newest_that_fits_is_found() {
    let cases = [
        ("Foo", None, Some("1.0.1"), "Foo 1.0.1 (app version 3.0.0)"),
        ("Foo", Some("2.0.0"), None, "Foo 1.0.1 (app version 2.0.0)"),
        (
            "Foo",
            Some("2.0"),
            Some("1.0.1"),
            "Foo 1.0.1 (app version 2.0.0)",
        ),
        ("Foo", Some("bar"), None, "Foo 1.0.1 (app version bar)"),
        ("Foo", Some(""), Some(""), "Foo 1.0.1 (app version 3.0.0)"),
        ("Buzz", None, None, "Buzz 1.0.10"),
        ("Buzz", None, Some("1.0.1"), "Buzz 1.0.1"),
    ];
    let index = sample();
    for (name, app, operator, expected) in cases {
        let found = index.find(name, app, operator).unwrap();
        assert_eq!(found.to_string(), expected);
    }
}

#[test]
fn what_is_not_there_is_not_found() {
    let mut index = sample();
    index.entries.get_mut("Bar").unwrap()[0].removed = true;
    let cases = [
        ("Fo", None, "there is no operator \"Fo\""),
        (
            "Foo",
            Some("7"),
            "operator \"Foo\" has no operator version 7",
        ),
        ("Bar", None, "Bar 1.0.0 is marked as removed"),
    ];
    for (name, operator, expected) in cases {
        let error = index.find(name, None, operator).unwrap_err();
        assert_eq!(error.to_string(), expected);
    }
    let Err(FindError::NoOperator { nearest, .. }) = index.find("Fo", None, None) else {
        panic!("Fo is there");
    };
    assert_eq!(nearest.as_deref(), Some("Foo"));
}

#[test]
fn a_removed_version_gives_way_to_an_older_one() {
    let mut index = sample();
    index.entries.get_mut("Buzz").unwrap()[0].removed = true;
    let found = index.find("Buzz", None, None).unwrap();
    assert_eq!(found.operator_version, "1.0.2");
    assert!(index.to_yaml().contains("    removed: true\n"));
    assert_eq!(Index::parse(&index.to_yaml()).unwrap(), index);
}

#[test]
fn search_goes_by_parts_of_names() {
    let mut index = sample();
    let found = |index: &Index, text: &str| -> Vec<(String, usize)> {
        let found = index.search(text).into_iter();
        found
            .map(|(name, all)| (name.to_owned(), all.len()))
            .collect()
    };
    let named = |name: &str, count| (name.to_owned(), count);
    assert_eq!(found(&index, "Foo"), [named("Foo", 4)]);
    assert_eq!(found(&index, "B"), [named("Bar", 1), named("Buzz", 3)]);
    assert_eq!(found(&index, "").len(), 3);
    assert_eq!(found(&index, "nothing"), []);
    index.entries.get_mut("Bar").unwrap()[0].removed = true;
    assert_eq!(found(&index, "Bar"), []);
}

#[test]
fn what_is_there_outlives_a_merge() {
    let mut index = index(&[("mysql", "5.7", "0.1.0")]);
    index.entries.get_mut("mysql").unwrap()[0].digest = Some("ours".to_owned());
    index.merge(self::index(&[
        ("mysql", "5.7", "0.1.0"),
        ("mysql", "5.8", "0.1.0"),
        ("redis", "", "0.1.0"),
    ]));
    assert_eq!(index.entries.len(), 2);
    let mysql = &index.entries["mysql"];
    assert_eq!(mysql[0].app_version.as_deref(), Some("5.8"));
    assert_eq!(mysql[1].digest.as_deref(), Some("ours"));
    assert_eq!(mysql.len(), 2);
}

#[test]
fn what_is_no_index_is_refused() {
    let cases = [
        ("", "line 1, column 1: index: expected a map, found nothing"),
        (
            "<html>404</html>",
            "line 1, column 1: index: expected a map, found a text",
        ),
        (
            "entries: {}",
            "line 1, column 1: index.apiVersion is missing",
        ),
        ("apiVersion: v2", "apiVersion is \"v2\", expected \"v1\""),
        (
            "apiVersion: v1\nentries: []",
            "line 2, column 10: index.entries: expected a map, found a list",
        ),
        (
            "apiVersion: v1\nentries:\n  a:\n  - name: a\n",
            "line 4, column 5: index.entries.a[0].operatorVersion is missing",
        ),
        (
            "apiVersion: v1\nentries:\n  a:\n  - name: b\n    operatorVersion: 1.0.0\n",
            "line 4, column 5: index.entries.a[0].name is \"b\", but it stands under \"a\"",
        ),
        (
            "apiVersion: v1\nentries:\n  a:\n  - operatorVersion: 1.0.0\n    urls: http://h\n",
            "line 5, column 11: index.entries.a[0].urls: expected a list, found a text",
        ),
    ];
    for (text, expected) in cases {
        let error = Index::parse(text).unwrap_err().to_string();
        assert_eq!(error, expected, "{text:?}");
    }
    assert!(Index::parse("apiVersion: v1\nentries: {a: [\n").is_err());
}

#[test]
fn upstreams_list_is_written_as_it_is_read() {
    let text = "\
context: community
repoVersion: v1
repositories:
- name: community
  url: https://kudo-repository.storage.googleapis.com/v1
";
    assert_eq!(Repositories::default().to_yaml(), text);
    assert_eq!(Repositories::parse(text).unwrap(), Repositories::default());
}

#[test]
fn the_list_knows_its_names() {
    let mut list = Repositories::default();
    let local = Repository {
        name: "local".to_owned(),
        url: "http://localhost".to_owned(),
    };
    list.add(local.clone()).unwrap();
    assert!(matches!(list.add(local), Err(ListError::Exists { .. })));
    list.set_context("local").unwrap();
    assert_eq!(list.current().unwrap().url, "http://localhost");
    let ListError::Unknown { nearest, known, .. } = list.set_context("lokal").unwrap_err() else {
        panic!("lokal is known");
    };
    assert_eq!(nearest.as_deref(), Some("local"));
    assert_eq!(known, ["community", "local"]);
    list.remove("local").unwrap();
    assert_eq!(list.context, "");
    let ListError::NoCurrent { known } = list.current().unwrap_err() else {
        panic!("there is a current one");
    };
    assert_eq!(known, ["community"]);
    assert!(list.remove("local").is_err());
    for name in ["", "my repo", "a\tb", "a\u{7}", "-f"] {
        let repository = Repository {
            name: name.to_owned(),
            url: "http://localhost".to_owned(),
        };
        let refused = list.add(repository);
        assert!(matches!(refused, Err(ListError::Name { .. })), "{name:?}");
    }
}
