//! The Handlebars engine: a table of templates with what they give, and a comparison with the
//! `handlebars` crate on what both can do.

use ::handlebars::Handlebars;
use kudo_template::{Limits, RenderErrorKind, Renderer};
use serde_json::{Value, json};

fn data() -> Value {
    json!({
        "Name": "inst", "Namespace": "ns", "OperatorName": "op",
        "Params": {
            "A": "value", "EMPTY": "", "NODE_COUNT": "3", "FLAG": "true",
            "MAP": {"b": 2, "a": "x", "inner": {"deep": "d"}},
            "LIST": ["p", "q", "r"], "NONE": [], "HTML": "<b>&\"'</b>", "NUMBER": 5, "FLOAT": 1.5,
            "PORTS": [{"name": "http", "port": 80}, {"name": "https", "port": 443}],
            "odd key": "odd", "date": "a date", "YES": true, "NO": false, "ZERO": 0, "NULL": null,
        },
        "Pipes": {"key": "inst.deploy.key"},
    })
}

fn render(template: &str) -> Result<String, kudo_template::RenderError> {
    Renderer::new(Limits::default()).render_data("case.yaml.hbs", template, &data())
}

#[test]
fn values_blocks_and_functions() {
    let cases = [
        ("{{Name}}-{{Params.A}}", "inst-value"),
        ("{{ Name }}{{this.Name}}{{./Name}}", "instinstinst"),
        (
            "{{Params.HTML}}{{{Params.HTML}}}{{&Params.HTML}}",
            "<b>&\"'</b><b>&\"'</b><b>&\"'</b>",
        ),
        (
            "{{default \"x\" Params.A}} {{default \"x\" Params.EMPTY}}",
            "value x",
        ),
        ("{{default 'x' Params.EMPTY}}", "x"),
        (
            "{{#each (untilStep 1 (int Params.NODE_COUNT) 1)}}{{this}},{{/each}}",
            "1,2,",
        ),
        ("{{#each (until 3)}}{{@index}}{{/each}}", "012"),
        (
            "{{#each (untilStep 0 (add 1 2) 1)}}{{@root.Name}}-{{.}} {{/each}}",
            "inst-0 inst-1 inst-2 ",
        ),
        ("{{toYaml Params.MAP}}", "a: x\nb: 2\ninner:\n  deep: d\n"),
        ("{{indent 2 (toYaml Params.MAP.inner)}}", "  deep: d\n  "),
        ("{{upper (trim \"  a \")}}", "A"),
        ("{{quote Params.A}}{{b64enc Params.A}}", "\"value\"dmFsdWU="),
        ("{{#if (eq Params.NODE_COUNT \"3\")}}y{{else}}n{{/if}}", "y"),
        ("{{#if (eq Params.NUMBER \"5\")}}y{{else}}n{{/if}}", "n"),
        ("{{#if (eq Params.NUMBER 5.0)}}y{{else}}n{{/if}}", "y"),
        ("{{#if (and Params.YES (not Params.NO))}}y{{/if}}", "y"),
        ("{{#if (or Params.NO Params.EMPTY)}}y{{else}}n{{/if}}", "n"),
        ("{{#if (gt (int Params.NODE_COUNT) 2)}}big{{/if}}", "big"),
        (
            "{{#if (gte Params.NUMBER 5)}}a{{/if}}{{#if (lte Params.FLOAT 1)}}b{{/if}}",
            "a",
        ),
        (
            "{{#if (lt \"a\" \"b\")}}a{{/if}}{{#unless (ne 1 1)}}b{{/unless}}",
            "ab",
        ),
        ("{{len Params.LIST}}{{len Params.A}}", "35"),
        (
            "{{lookup Params.LIST 1}}{{lookup Params.MAP \"a\"}}{{lookup Params.MAP \"zz\"}}",
            "qx",
        ),
        ("{{default \"none\" (lookup Params \"zz\")}}", "none"),
        (
            "{{Params.[odd key]}}{{Params.LIST.[0]}}{{Params.LIST.1}}{{Params.LIST.length}}",
            "oddpq3",
        ),
        ("{{#with Params}}{{date}}{{A}}{{/with}}", "a datevalue"),
        ("{{len (uuidv4)}}{{len uuidv4}}", "3636"),
        (
            "{{#each Params.MAP}}{{@key}}={{#if @last}}z{{else}}{{this}}{{/if}};{{/each}}",
            "a=x;b=2;inner=z;",
        ),
        (
            "{{#each Params.PORTS}}{{name}}:{{port}}{{#unless @last}},{{/unless}}{{/each}}",
            "http:80,https:443",
        ),
        (
            "{{#each Params.PORTS as |p i|}}{{i}}{{p.name}}{{../Name}}{{@root.Name}} {{/each}}",
            "0httpinstinst 1httpsinstinst ",
        ),
        (
            "{{#each Params.MAP.inner as |v k|}}{{k}}{{v}}{{/each}}",
            "deepd",
        ),
        (
            "{{#each Params.LIST}}{{#each ../Params.LIST}}{{@../index}}{{@index}} {{/each}}{{/each}}",
            "00 01 02 10 11 12 20 21 22 ",
        ),
        ("{{#each Params.NONE}}x{{else}}none{{/each}}", "none"),
        (
            "{{#with Params.MAP as |m|}}{{m.a}}{{a}}{{../Name}}{{/with}}",
            "xxinst",
        ),
        ("{{#with Params.EMPTY}}x{{else}}y{{/with}}", "y"),
        (
            "{{#if Params.ZERO}}a{{else}}b{{/if}}{{#if Params.ZERO includeZero=true}}a{{/if}}",
            "ba",
        ),
        (
            "{{#if Params.NO}}a{{else if Params.YES}}b{{else}}c{{/if}}",
            "b",
        ),
        (
            "{{#if Params.NO}}a{{else if Params.NO}}b{{else}}c{{/if}}",
            "c",
        ),
        (
            "{{^if Params.NO}}a{{/if}}{{#unless Params.YES}}b{{else}}c{{/unless}}",
            "ac",
        ),
        ("{{^Params.NONE}}none{{/Params.NONE}}", "none"),
        ("{{#Params.LIST}}{{this}}{{/Params.LIST}}", "pqr"),
        (
            "{{Params.NULL}}|{{Params.YES}}{{Params.NUMBER}}{{Params.FLOAT}}",
            "|true51.5",
        ),
        ("a {{~Name~}} b", "ainstb"),
        ("a {{~! note ~}} b{{!-- }} --}}c{{! x }}", "abc"),
        ("a\n{{#if Params.YES}}\n  b\n{{/if}}\nc\n", "a\n  b\nc\n"),
        ("a\n  {{! alone }}  \nb", "a\nb"),
        ("{{#if Params.YES}}\nb\n{{else}}\nc\n{{/if}}\n", "b\n"),
        ("x {{#if Params.YES}}\nb\n{{/if}} y", "x \nb\n y"),
        ("\\{{Name}} {{Name}} \\\\{{Name}}", "{{Name}} inst \\inst"),
        ("{{{{raw}}}}{{Name}}{{{{/raw}}}}", "{{Name}}"),
        (
            "{{#*inline \"p\"}}<{{Name}}>{{/inline}}{{> p}}{{> p Params.PORTS.[0]}}",
            "",
        ),
        (
            "{{#*inline \"p\"}}<{{name}}>{{/inline}}{{> p Params.PORTS.[0]}}{{> p name=\"z\"}}",
            "<http><z>",
        ),
        (
            "{{#*inline \"p\"}}\nl1\nl2\n{{/inline}}\n  {{> p}}\n",
            "  l1\n  l2\n",
        ),
        ("{{Pipes.key}}", "inst.deploy.key"),
        ("{{printf \"%s-%02d\" Name 5}}", "inst-05"),
        ("{{join \",\" Params.LIST}}{{first Params.LIST}}", "p,q,rp"),
        ("{{ternary \"a\" \"b\" (eq Params.FLAG \"true\")}}", "a"),
        ("{{get (dict \"k\" \"v\") \"k\"}}", "v"),
        ("{{\"text\"}}{{5}}{{true}}", "text5true"),
        ("{{semverCompare \">=1.2\" \"1.3.0\"}}", "true"),
        ("{{date \"2006\" 0}}", "1970"),
    ];
    for (template, expected) in cases {
        match render(template) {
            Ok(actual) => assert_eq!(actual, expected, "{template}"),
            // The one case that must fail: a partial's context has no such name.
            Err(error) => assert!(expected.is_empty(), "{template}: {error}"),
        }
    }
}

#[test]
fn errors_tell_what_and_where() {
    use RenderErrorKind::{Exec, Limit, Parse};
    let deep = "(".repeat(5000);
    let nested = "{{#if Name}}".repeat(5000);
    let cases = [
        (
            "a\n  {{Params.NODES_COUNT}}",
            Exec,
            2,
            5,
            "there is no \"NODES_COUNT\" (did you mean \"NODE_COUNT\"?)",
        ),
        ("{{Nmae}}", Exec, 1, 3, "did you mean \"Name\"?"),
        ("{{#if Params.X}}{{/if}}", Exec, 1, 7, "there is no \"X\""),
        (
            "{{uper Name}}",
            Exec,
            1,
            3,
            "helper \"uper\" not defined (did you mean \"upper\"?)",
        ),
        (
            "{{upper Name Name}}",
            Exec,
            1,
            3,
            "wrong number of args for upper: want 1 got 2",
        ),
        (
            "{{upper 5}}",
            Exec,
            1,
            3,
            "argument 1 of upper: wrong type for value; expected string; got int",
        ),
        ("{{upper x=1}}", Exec, 1, 3, "upper takes no argument \"x\""),
        ("{{fail \"boom\"}}", Exec, 1, 3, "error calling fail: boom"),
        (
            "{{#each Name}}{{/each}}",
            Exec,
            1,
            1,
            "each can't iterate over string",
        ),
        (
            "{{#each Params.LIST}}{{Name}}{{/each}}",
            Exec,
            1,
            24,
            "string has no \"Name\"",
        ),
        ("{{../x}}", Exec, 1, 3, "no context that far up"),
        ("{{@foo}}", Exec, 1, 3, "there is no @foo here"),
        ("{{> other}}", Exec, 1, 1, "there is no partial \"other\""),
        ("{{env \"HOME\"}}", Exec, 1, 3, "helper \"env\" not defined"),
        ("{{#if Name}}", Parse, 1, 1, "{{#if}} is not closed"),
        (
            "{{#if Name}}{{/each}}",
            Parse,
            1,
            13,
            "{{/each}} closes {{#if}}",
        ),
        ("{{/if}}", Parse, 1, 1, "{{/if}} closes nothing"),
        ("{{else}}", Parse, 1, 1, "{{else}} outside a block"),
        ("{{Name", Parse, 1, 1, "tag is not closed"),
        ("{{! x", Parse, 1, 1, "comment is not closed"),
        ("{{upper (trim Name}}", Parse, 1, 9, "unclosed parenthesis"),
        ("{{}}", Parse, 1, 1, "expected an expression"),
        ("{{\"a\" 1}}", Parse, 1, 3, "is not a helper"),
        ("{{a b=1 c}}", Parse, 1, 9, "named arguments must come last"),
        (
            "{{#> p}}{{/p}}",
            Parse,
            1,
            1,
            "partial blocks are not supported",
        ),
        ("{{{{raw}}}}x", Parse, 1, 1, "raw block is not closed"),
        (
            &format!("{{{{upper {deep}}}}}"),
            Limit,
            1,
            109,
            "nested more than 100 levels",
        ),
        (&nested, Limit, 1, 1201, "nested more than 100 levels"),
        (
            "{{#*inline \"p\"}}{{> p}}{{/inline}}{{> p}}",
            Limit,
            1,
            21,
            "nested more than 100 levels",
        ),
    ];
    for (template, kind, line, column, message) in cases {
        let shown: String = template.chars().take(60).collect();
        let error = render(template).expect_err(&shown);
        assert_eq!(
            (error.kind, error.line, error.column),
            (kind, line, column),
            "{shown}: {error}"
        );
        assert!(error.to_string().contains(message), "{shown}: {error}");
        assert!(error.to_string().starts_with("case.yaml.hbs:"), "{error}");
    }
}

#[test]
fn agrees_with_the_handlebars_crate() {
    let mut registry = Handlebars::new();
    registry.set_strict_mode(true);
    registry.register_escape_fn(::handlebars::no_escape);
    let templates = [
        "plain",
        "{{Name}}",
        "{{ Params.A }}",
        "{{Params.HTML}}",
        "{{{Params.HTML}}}",
        "{{this.Name}}",
        "{{Params.LIST.[0]}}",
        "{{Params.LIST.1}}",
        "{{Params.[odd key]}}",
        "{{#if Params.YES}}y{{/if}}",
        "{{#if Params.NO}}y{{else}}n{{/if}}",
        "{{#if Params.EMPTY}}y{{else}}n{{/if}}",
        "{{#if Params.ZERO}}y{{else}}n{{/if}}",
        "{{#if Params.NONE}}y{{else}}n{{/if}}",
        "{{#if Params.NULL}}y{{else}}n{{/if}}",
        "{{#unless Params.NO}}y{{/unless}}",
        "{{#if Params.NO}}a{{else if Params.YES}}b{{/if}}",
        "{{#each Params.LIST}}{{this}}{{@index}}{{@first}}{{@last}} {{/each}}",
        "{{#each Params.MAP.inner}}{{@key}}{{this}}{{/each}}",
        "{{#each Params.PORTS}}{{name}}{{../Name}}{{@root.Namespace}}{{/each}}",
        "{{#each Params.PORTS as |p|}}{{p.name}}{{/each}}",
        "{{#each Params.LIST as |v i|}}{{i}}{{v}}{{/each}}",
        "{{#each Params.NONE}}x{{else}}none{{/each}}",
        "{{#with Params.MAP}}{{a}}{{/with}}",
        "{{#with Params.MAP as |m|}}{{m.a}}{{/with}}",
        "{{lookup Params.LIST 1}}",
        "{{#each Params.LIST}}{{#each ../Params.LIST}}{{@../index}}{{@index}}{{/each}}{{/each}}",
        "a {{~Name~}} b",
        "a{{! c }}b",
        "a{{!-- {{x}} --}}b",
        "\\{{Name}}",
        "a\n{{#if Params.YES}}\nb\n{{/if}}\nc",
        "a\n  {{#if Params.YES}}\n  b\n  {{/if}}\nc\n",
        "{{#each Params.LIST}}\n- {{this}}\n{{/each}}\n",
        "a\n{{! c }}\nb",
        "x {{#if Params.YES}}\nb\n{{/if}} y",
        "{{#if Params.YES}}\na\n{{else}}\nb\n{{/if}}\n",
        "{{#if Params.YES}}{{#if Params.YES}}\na\n{{/if}}{{/if}}\n",
        "a\n{{#each Params.LIST~}}\n  x\n{{~/each}}\nb",
        "{{#if (eq Params.NUMBER 5)}}y{{/if}}",
        "{{#if (gt Params.NUMBER 4)}}y{{/if}}",
        "{{#if (and Params.YES Params.YES)}}y{{/if}}",
        "{{#if (not Params.NO)}}y{{/if}}",
        "{{#if (eq Params.A \"value\")}}y{{/if}}",
        "{{Params.NUMBER}}{{Params.FLOAT}}{{Params.YES}}",
        "{{#*inline \"p\"}}[{{Name}}]{{/inline}}{{> p}}",
        "{{{{raw}}}}{{x}}{{{{/raw}}}}",
        "{{Nope}}",
        "{{Params.Nope}}",
        "{{#if}}",
        "{{/if}}",
        "{{#if Params.YES}}",
        "{{",
        "{{}}",
        "}}",
        "{{#each Params.LIST}}{{#unless @last}},{{/unless}}{{/each}}",
    ];
    let mut differences = Vec::new();
    for template in templates {
        let theirs = registry.render_template(template, &data()).ok();
        let ours = render(template).ok();
        if theirs != ours {
            differences.push(format!(
                "{template:?}\n  theirs {theirs:?}\n  ours   {ours:?}"
            ));
        }
    }
    assert!(differences.is_empty(), "{}", differences.join("\n"));
}
