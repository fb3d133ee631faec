//! Properties that hold for whatever comes.

use kudo_package::{ArchiveLimits, Package, archive, yaml};
use proptest::collection::{btree_map, vec};
use proptest::prelude::*;
use serde_json::{Map, Value};

use crate::sample::{OPERATOR, PARAMS, files};

/// Texts made of what YAML gives a meaning to.
fn yaml_text() -> impl Strategy<Value = String> {
    let pieces = vec![
        "a",
        "key",
        ": ",
        ":",
        "- ",
        "-",
        "\n",
        "\n  ",
        "\n    ",
        " ",
        "\t",
        "#",
        "'",
        "\"",
        "|",
        ">",
        "|+",
        "&x ",
        "*x",
        "!t ",
        "!!int ",
        "? ",
        "{",
        "}",
        "[",
        "]",
        ", ",
        "---\n",
        "...\n",
        "%YAML 1.1\n",
        "@",
        "\\",
        "\r\n",
        "é",
        "\u{85}",
        "\u{2028}",
        "\u{feff}",
        "\u{7}",
        "0755",
        "yes",
        "<<: ",
        "1e3",
    ];
    vec(
        prop_oneof![
            8 => proptest::sample::select(pieces).prop_map(str::to_owned),
            1 => "\\PC{0,3}",
        ],
        0..24,
    )
    .prop_map(|pieces| pieces.concat())
}

/// Texts that need care when written: everything but line breaks that only YAML 1.1 knows, which
/// Go's writer does not write safely.
fn value_text() -> impl Strategy<Value = String> {
    let pieces = vec![
        "a",
        "b c",
        " ",
        "\n",
        "\n\n",
        "\t",
        "'",
        "\"",
        "\\",
        ": ",
        " #",
        "- ",
        "?",
        "[",
        "]",
        "{",
        "&",
        "*",
        "!",
        "|",
        ">",
        "%",
        "@",
        "`",
        "0",
        "0755",
        "yes",
        "null",
        "~",
        "1e3",
        "2020-01-01",
        "1:30",
        "---",
        "<<",
        "é",
        "😀",
        "\u{a0}",
        "\r",
        "\u{7f}",
        ".5",
        "=",
    ];
    vec(proptest::sample::select(pieces), 0..6).prop_map(|pieces| pieces.concat())
}

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        (-1e9..1e9)
            .prop_filter("integers are another case", |f: &f64| f.fract() != 0.0)
            .prop_map(Value::from),
        value_text().prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 48, 6, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..5).prop_map(Value::from),
            btree_map(value_text(), inner, 0..5)
                .prop_map(|map| Value::Object(map.into_iter().collect::<Map<_, _>>())),
        ]
    })
}

fn sample_archive() -> Vec<u8> {
    let all = files(&[
        ("operator.yaml", OPERATOR),
        ("params.yaml", PARAMS),
        ("templates/app.yaml", "kind: ConfigMap\n"),
    ]);
    let mut archive = Vec::new();
    archive::write(&all, &mut archive).unwrap();
    archive
}

/// The same archive before compression, so that changes reach the tar format.
fn unpacked(archive: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    std::io::Read::read_to_end(&mut flate2::read::GzDecoder::new(archive), &mut bytes).unwrap();
    bytes
}

fn packed(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    std::io::Write::write_all(&mut encoder, bytes).unwrap();
    encoder.finish().unwrap()
}

fn change(mut bytes: Vec<u8>, changes: &[(prop::sample::Index, u8)]) -> Vec<u8> {
    for (index, byte) in changes {
        let index = index.index(bytes.len());
        bytes[index] = *byte;
    }
    bytes
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn yaml_of_any_kind_is_read_or_refused(text in yaml_text()) {
        let _ = yaml::parse_documents(&text);
        if let Err(error) = yaml::parse(&text) {
            prop_assert!(error.mark.line >= 1 && error.mark.column >= 1);
            prop_assert!(error.mark.line <= text.chars().count() + 2);
            prop_assert!(!error.message.is_empty());
        }
    }

    #[test]
    fn any_text_is_read_or_refused(text in "\\PC*") {
        let _ = yaml::parse_documents(&text);
    }

    #[test]
    fn what_is_written_is_read_again(value in value()) {
        let text = yaml::to_string(&value);
        prop_assert!(text.ends_with('\n'));
        let read = yaml::parse(&text);
        prop_assert_eq!(read.as_ref(), Ok(&value), "{}", text);
    }

    #[test]
    fn json_is_yaml(value in value()) {
        let json = value.to_string();
        // JSON may hold characters that YAML does not allow.
        if !json.contains('\u{7f}') {
            prop_assert_eq!(yaml::parse(&json), Ok(value));
        }
    }

    #[test]
    fn operators_of_any_kind_load_or_are_refused(text in yaml_text(), params in yaml_text()) {
        let head = "name: x\noperatorVersion: 1.0.0\n";
        let _ = Package::from_files(files(&[
            ("operator.yaml", &format!("{head}{text}")),
            ("params.yaml", &params),
        ]));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn changed_archives_are_read_or_refused(
        changes in vec((any::<prop::sample::Index>(), any::<u8>()), 1..6)
    ) {
        let limits = ArchiveLimits { max_total_bytes: 1 << 20, ..ArchiveLimits::default() };
        let archive = sample_archive();
        let _ = Package::from_tgz(change(archive.clone(), &changes).as_slice(), &limits);
        let tar = change(unpacked(&archive), &changes);
        if let Ok(files) = archive::read(packed(&tar).as_slice(), &limits) {
            prop_assert!(files.keys().all(|path| !path.starts_with('/') && !path.contains("..")
                || !path.split('/').any(|part| part == "..")));
        }
    }

    #[test]
    fn any_bytes_are_no_archive(bytes in vec(any::<u8>(), 0..300)) {
        let _ = archive::read(bytes.as_slice(), &ArchiveLimits::default());
        let _ = archive::read(packed(&bytes).as_slice(), &ArchiveLimits::default());
    }
}
