//! Versions as packages write them.

use kudo_package::version::parse;

#[test]
fn reads_versions() {
    let cases = [
        ("1.2.3", "1.2.3"),
        ("1.2", "1.2.0"),
        ("1", "1.0.0"),
        ("v1.2.3", "1.2.3"),
        ("0.0.0", "0.0.0"),
        ("1.02.3", "1.2.3"),
        ("1.2.3-rc.1", "1.2.3-rc.1"),
        ("1.2-beta", "1.2.0-beta"),
        ("1.2.3+build.5", "1.2.3+build.5"),
        ("1.2.3-a-b+c-d", "1.2.3-a-b+c-d"),
        ("2020.01.01", "2020.1.1"),
    ];
    for (text, version) in cases {
        assert_eq!(parse(text).unwrap().to_string(), version, "{text}");
    }
}

#[test]
fn refuses_what_is_no_version() {
    for text in [
        "",
        "v",
        "1.",
        "1..2",
        ".1",
        "1.2.3.4",
        "1.2.x",
        "a",
        "1.2.3-",
        "1.2.3+",
        "1.2.3-01",
        "1.2.3-a..b",
        " 1.2.3",
        "1.2.3 ",
        "-1",
        "vv1",
        "99999999999999999999",
    ] {
        assert!(parse(text).is_err(), "{text:?}");
    }
    assert_eq!(
        parse("x").unwrap_err().to_string(),
        "\"x\" is not a semantic version such as 1.2.3"
    );
}

#[test]
fn orders_versions() {
    let ordered = [
        "0.9",
        "1.0.0-alpha",
        "1.0.0-beta.2",
        "1.0.0-beta.11",
        "1",
        "1.0.1",
        "1.2",
        "1.10",
    ];
    for pair in ordered.windows(2) {
        assert!(
            parse(pair[0]).unwrap() < parse(pair[1]).unwrap(),
            "{pair:?}"
        );
    }
}
