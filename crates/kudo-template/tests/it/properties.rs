//! Properties of all templates and all data: nothing panics, nothing hangs, errors have a place.

use std::time::{Duration, Instant};

use kudo_template::{Limits, RenderErrorKind, Renderer};
use proptest::prelude::*;
use serde_json::{Map, Value};

fn limits() -> Limits {
    Limits {
        max_output_bytes: 1 << 18,
        max_iterations: 200_000,
        max_wall_time: Duration::from_secs(5),
        ..Limits::default()
    }
}

fn data() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        ".{0,12}".prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 24, 4, |inner| {
        let entries = prop::collection::vec(("[A-Za-z]{1,4}", inner.clone()), 0..4);
        prop_oneof![
            prop::collection::vec(inner, 0..4).prop_map(Value::from),
            entries.prop_map(|entries| Value::Object(entries.into_iter().collect::<Map<_, _>>())),
        ]
    })
}

/// Words that templates are made of.
fn word() -> impl Strategy<Value = String> {
    let words = vec![
        "{{",
        "}}",
        "{{-",
        "-}}",
        "{{ ",
        " }}",
        "(",
        ")",
        "|",
        ".",
        ".a",
        ".B.c",
        "$",
        "$x",
        ":=",
        "=",
        ",",
        "if",
        "else",
        "end",
        "range",
        "with",
        "define",
        "template",
        "block",
        "break",
        "continue",
        "nil",
        "true",
        "\"a\"",
        "\"\"",
        "`r`",
        "'c'",
        "1",
        "-1",
        "1.5",
        "0x1F",
        "1e3",
        "\"%v %d %s\"",
        "/*",
        "*/",
        "\n",
        " ",
        "é",
        "printf",
        "index",
        "len",
        "eq",
        "lt",
        "and",
        "or",
        "not",
        "print",
        "html",
        "slice",
        "list",
        "dict",
        "set",
        "get",
        "until",
        "untilStep",
        "add",
        "div",
        "mod",
        "mulf",
        "divf",
        "round",
        "substr",
        "trunc",
        "abbrev",
        "abbrevboth",
        "wrap",
        "wrapWith",
        "indent",
        "repeat",
        "replace",
        "split",
        "splitn",
        "join",
        "sortAlpha",
        "default",
        "coalesce",
        "ternary",
        "toJson",
        "fromJson",
        "toYaml",
        "toPrettyJson",
        "b64enc",
        "b64dec",
        "b32dec",
        "regexMatch",
        "regexFindAll",
        "regexReplaceAll",
        "regexSplit",
        "semver",
        "semverCompare",
        "date",
        "dateModify",
        "toDate",
        "duration",
        "durationRound",
        "now",
        "urlParse",
        "urlJoin",
        "merge",
        "mergeOverwrite",
        "deepCopy",
        "dig",
        "pluck",
        "pick",
        "omit",
        "keys",
        "values",
        "first",
        "rest",
        "last",
        "initial",
        "append",
        "prepend",
        "concat",
        "reverse",
        "uniq",
        "without",
        "has",
        "chunk",
        "compact",
        "camelcase",
        "snakecase",
        "kebabcase",
        "swapcase",
        "title",
        "initials",
        "nospace",
        "plural",
        "cat",
        "quote",
        "squote",
        "kindOf",
        "typeOf",
        "deepEqual",
        "atoi",
        "int",
        "int64",
        "float64",
        "toDecimal",
        "seq",
        "randInt",
        "shuffle",
        "decryptAES",
        "osClean",
        "osDir",
        "adler32sum",
        "fail",
        "empty",
        "hasKey",
        "unset",
        "#if",
        "/if",
        "#each",
        "/each",
        "#with",
        "/with",
        "^",
        "else if",
        "this",
        "../",
        "@index",
        "@root",
        "as |x|",
        "lookup",
        "~",
        "!",
        "!--",
        "--",
        ">",
        "#*inline \"p\"",
        "/inline",
        "{",
        "}",
        "\\",
        "[",
        "]",
        "x=1",
    ];
    prop_oneof![
        8 => prop::sample::select(words).prop_map(str::to_owned),
        1 => "\\PC{0,6}",
    ]
}

fn template() -> impl Strategy<Value = String> {
    prop_oneof![
        3 => prop::collection::vec(word(), 0..30).prop_map(|words| words.join(" ")),
        1 => prop::collection::vec(word(), 0..30).prop_map(|words| words.concat()),
        4 => actions(),
        1 => "\\PC{0,60}",
    ]
}

/// Text with actions that are mostly well formed.
fn actions() -> impl Strategy<Value = String> {
    let action = prop::collection::vec(word(), 1..6).prop_map(|words| {
        let words: Vec<_> = words
            .into_iter()
            .filter(|word| !word.contains(['{', '}']))
            .collect();
        format!("{{{{ {} }}}}", words.join(" "))
    });
    prop::collection::vec(action, 0..8).prop_map(|actions| actions.concat())
}

fn check(name: &str, template: &str, data: &Value) -> Result<(), TestCaseError> {
    let started = Instant::now();
    let result = Renderer::new(limits()).render_data(name, template, data);
    prop_assert!(
        started.elapsed() < Duration::from_secs(20),
        "took {:?}",
        started.elapsed()
    );
    match result {
        Ok(text) => prop_assert!(text.len() <= 3 << 18),
        Err(error) => {
            prop_assert_eq!(&error.template, name);
            prop_assert!(!error.message.is_empty());
            if error.kind != RenderErrorKind::Limit {
                let lines = template.split('\n').count();
                prop_assert!((1..=lines).contains(&error.line), "{}", error);
                prop_assert!(error.column >= 1);
            }
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_go_template_panics_or_hangs(template in template(), data in data()) {
        check("p.yaml", &template, &data)?;
    }

    #[test]
    fn no_handlebars_template_panics_or_hangs(template in template(), data in data()) {
        check("p.yaml.hbs", &template, &data)?;
    }

    #[test]
    fn no_printf_panics(format in "(%[-+# 0]{0,2}([0-9]{1,2}|\\*)?(\\.[0-9]{0,2})?(\\[[0-9]\\])?[a-zA-Z%]|.){0,6}", data in data()) {
        let template = format!("{{{{ printf {} .a . 1 \"x\" 2.5 nil }}}}", serde_json::to_string(&format).unwrap());
        let mut root = Map::new();
        root.insert("a".to_owned(), data);
        check("p.yaml", &template, &Value::Object(root))?;
    }

    #[test]
    fn text_without_braces_stays_as_it_is(text in "[^{}\\\\]{0,200}") {
        let renderer = Renderer::new(limits());
        for name in ["p.yaml", "p.yaml.hbs"] {
            prop_assert_eq!(renderer.render_data(name, &text, &Value::Null), Ok(text.clone()));
        }
    }
}
