//! Templates that want to take the program down: each ends in an error, soon, and with little
//! memory used.

use std::time::{Duration, Instant};

use kudo_template::{Limits, RenderErrorKind, Renderer};
use serde_json::json;

/// Renders in a thread with the stack of a worker and checks that it fails within the time.
fn fails(name: &'static str, template: String) -> RenderErrorKind {
    let shown: String = template.chars().take(80).collect();
    let started = Instant::now();
    let render = move || {
        let data = json!({"Params": {"L": ["a"], "S": "s"}, "Name": "n"});
        Renderer::new(Limits::default()).render_data(name, &template, &data)
    };
    let thread = std::thread::Builder::new()
        .stack_size(2 << 20)
        .spawn(render)
        .unwrap();
    let result = thread
        .join()
        .unwrap_or_else(|_| panic!("{shown}: panicked"));
    let elapsed = started.elapsed();
    assert!(
        elapsed < Duration::from_mins(1),
        "{shown}: took {elapsed:?}"
    );
    match result {
        Ok(text) => panic!("{shown}: gave {} bytes", text.len()),
        Err(error) => {
            assert!(error.message.len() < 10_000, "{shown}: long message");
            error.kind
        }
    }
}

#[test]
fn go_templates_that_hit_a_limit() {
    let cases = [
        // Recursion.
        "{{ define \"a\" }}{{ template \"a\" . }}{{ end }}{{ template \"a\" . }}",
        "{{ define \"a\" }}{{ template \"b\" . }}{{ end }}{{ define \"b\" }}{{ template \"a\" . }}{{ end }}{{ template \"a\" . }}",
        "{{ define \"a\" }}{{ range until 9 }}{{ template \"a\" . }}{{ end }}{{ end }}{{ template \"a\" . }}",
        "{{ define \"a\" }}{{ if true }}{{ with 1 }}{{ template \"a\" (((1))) }}{{ end }}{{ end }}{{ end }}{{ template \"a\" }}",
        // Huge texts.
        "{{ repeat 1000000000 \"x\" }}",
        "{{ repeat 9223372036854775807 \"xx\" }}",
        "{{ nindent 1000000000 \"x\" }}",
        "{{ indent 1000000 (repeat 1000 \"\\n\") }}",
        "{{ printf \"%9999999d\" 1 }}",
        "{{ printf \"%9000000d%9000000d\" 1 1 }}",
        "{{ printf \"%.9999999f\" 1.5 }}",
        "{{ printf \"%*d\" 1000000 1 | repeat 100 }}",
        "{{ randAlpha 2000000000 }}",
        "{{ randBytes 2000000000 }}",
        "{{ replace \"\" (repeat 100000 \"x\") (repeat 100000 \"y\") }}",
        "{{ join (repeat 100000 \"x\") (until 100000) }}",
        "{{ regexReplaceAll \"\" (repeat 100000 \"x\") (repeat 100000 \"y\") }}",
        "{{ wrapWith 1 (repeat 100000 \"x\") (repeat 100000 \"y\") }}",
        "{{ date (repeat 9000000 \"Monday\") now }}",
        "{{ seq 1 1000000000 }}",
        // Long texts and lists, looked at again and again.
        "{{ $l := repeat 8000000 \"1\" }}{{ range until 1000000 }}{{ $x := contains \"b\" $l }}{{ end }}",
        "{{ $l := repeat 8000000 \"1\" }}{{ $m := repeat 8000000 \"1\" }}{{ range until 1000000 }}{{ $x := eq $l $m }}{{ end }}",
        "{{ $l := repeat 8000000 \" \" }}{{ range until 1000000 }}{{ $x := trim $l }}{{ end }}",
        "{{ $l := repeat 8000000 \"1\" }}{{ range until 1000000 }}{{ $x := int $l }}{{ end }}",
        "{{ $l := repeat 8000000 \"1\" }}{{ range until 1000000 }}{{ $x := duration $l }}{{ end }}",
        "{{ $l := repeat 8000000 \"1\" }}{{ $d := dict $l 1 }}{{ range until 1000000 }}{{ $x := hasKey $d $l }}{{ end }}",
        "{{ $l := until 1000000 }}{{ range until 1000000 }}{{ $x := has -1 $l }}{{ end }}",
        // Growth by doubling.
        "{{ $s := \"x\" }}{{ range until 100 }}{{ $s = print $s $s }}{{ end }}",
        "{{ $s := \"x\" }}{{ range until 100 }}{{ $s = printf \"%s%s\" $s $s }}{{ end }}",
        "{{ $s := \"x\" }}{{ range until 100 }}{{ $s = cat $s $s }}{{ end }}",
        "{{ $s := \"x\" }}{{ range until 100 }}{{ $s = b64enc $s }}{{ end }}",
        "{{ $s := \"\\\"\" }}{{ range until 100 }}{{ $s = quote $s }}{{ end }}",
        "{{ $l := list 1 }}{{ range until 100 }}{{ $l = concat $l $l }}{{ end }}",
        "{{ $l := list 1 }}{{ range until 100 }}{{ $l = list $l $l }}{{ end }}{{ $l }}",
        "{{ $d := dict \"a\" 1 }}{{ range until 100 }}{{ $d = dict \"a\" $d \"b\" $d }}{{ end }}{{ $d }}",
        "{{ $d := dict \"a\" 1 }}{{ range until 60 }}{{ $d = dict \"a\" $d \"b\" $d }}{{ end }}{{ toJson $d }}",
        "{{ $d := dict \"a\" 1 }}{{ range until 60 }}{{ $d = dict \"a\" $d \"b\" $d }}{{ end }}{{ toYaml $d }}",
        "{{ $d := dict \"a\" 1 }}{{ range until 60 }}{{ $d = dict \"a\" $d \"b\" $d }}{{ end }}{{ deepCopy $d | len }}",
        "{{ $d := dict \"a\" 1 }}{{ $e := dict \"a\" 1 }}{{ range until 60 }}{{ $d = dict \"a\" $d \"b\" $d }}{{ $e = dict \"a\" $e \"b\" $e }}{{ end }}{{ deepEqual $d $e }}",
        // Endless loops and lists.
        "{{ until 1000000000 }}",
        "{{ range until 10000000 }}{{ end }}{{ range until 10000000 }}{{ end }}",
        "{{ range until 100000 }}{{ range until 100000 }}{{ end }}{{ end }}",
        "{{ untilStep 0 9223372036854775807 1 }}",
        "{{ $l := until 4000 }}{{ uniq $l }}{{ uniq $l }}",
        "{{ chunk 1 (until 100000000) }}",
        // Nesting of values.
        "{{ $l := list }}{{ range until 100000 }}{{ $l = list $l }}{{ end }}{{ $l }}",
        "{{ $l := list }}{{ range until 100000 }}{{ $l = list $l }}{{ end }}{{ toJson $l }}",
        "{{ $d := dict }}{{ $_ := set $d \"self\" $d }}{{ $d }}",
        "{{ $d := dict }}{{ $_ := set $d \"self\" $d }}{{ mustToJson $d }}",
        "{{ $d := dict }}{{ $_ := set $d \"self\" $d }}{{ toYaml $d }}",
        "{{ $d := dict }}{{ $_ := set $d \"self\" $d }}{{ deepCopy $d }}",
        "{{ $d := dict }}{{ $_ := set $d \"s\" $d }}{{ $e := dict }}{{ $_ := set $e \"s\" $e }}{{ merge $d $e }}{{ deepEqual $d $e }}",
        // Costly functions.
        "{{ range until 1000 }}{{ $_ := genPrivateKey \"ecdsa\" }}{{ end }}",
        "{{ range until 1000 }}{{ $_ := bcrypt \"x\" }}{{ end }}",
        "{{ range until 1000 }}{{ $_ := derivePassword 1 \"long\" \"a\" \"b\" \"c\" }}{{ end }}",
        "{{ regexMatch \"(?:(?:(?:x{10}){10}){10}){2}y\" (repeat 100000 \"x\") }}{{ regexMatch (repeat 4000 \"[a-z]{2}\") (repeat 1000000 \"x\") }}",
        "{{ regexFind (repeat 20000 \"x\") \"x\" }}",
        "{{ regexMatch \"(\\\\pL{100}){10}\" \"x\" }}{{ range until 1000 }}{{ $_ := regexMatch (printf \"a{%d}\" .) \"x\" }}{{ end }}{{ until 100000000 }}",
        // Numbers.
        "{{ mulf 1e308 1e308 1e308 | repeat 1 }}{{ fail \"x\" }}",
    ];
    for template in cases {
        fails("hostile.yaml", template.to_owned());
    }
}

#[test]
fn deep_and_long_text() {
    let deep = [
        "(".repeat(100_000),
        "{{ ".to_owned() + &"(".repeat(100_000),
        "{{ ".to_owned() + &"(".repeat(100_000) + "1" + &")".repeat(100_000) + " }}",
        "{{ if 1 }}".repeat(100_000),
        "{{ if 1 }}x".to_owned() + &"{{ else if 1 }}x".repeat(100_000),
        "{{ block \"a\" . }}".repeat(100_000),
        "{{ range .L }}".repeat(100_000) + &"{{ end }}".repeat(100_000),
        "x".repeat(9 << 20),
        "{{ .a".to_owned() + &".a".repeat(100_000) + " }}",
        "{{ upper ".to_owned() + &"\"x\" ".repeat(100_000) + "}}",
        "{{ fromJson \"".to_owned() + &"[".repeat(100_000) + "\" | toJson | fail }}",
        "{{ fail (regexFind `".to_owned() + &"(".repeat(1000) + "` \"x\") }}",
    ];
    for text in deep.into_iter().skip(1) {
        fails("hostile.yaml", text);
    }
    let plain = "(".repeat(100_000);
    let renderer = Renderer::new(Limits::default());
    assert_eq!(
        renderer.render_data("x.yaml", &plain, &json!({})),
        Ok(plain.clone())
    );
}

#[test]
fn handlebars_templates_that_hit_a_limit() {
    let cases = [
        "{{#*inline \"a\"}}{{> a}}{{/inline}}{{> a}}".to_owned(),
        "{{#*inline \"a\"}}{{> b}}{{/inline}}{{#*inline \"b\"}}{{> a}}{{/inline}}{{> a}}"
            .to_owned(),
        "{{#*inline \"a\"}}\n  {{> a}}\n{{/inline}}\n  {{> a}}\n".to_owned(),
        "{{#each (until 100000)}}{{#each (until 100000)}}{{/each}}{{/each}}".to_owned(),
        "{{repeat 1000000000 \"x\"}}".to_owned(),
        "{{indent 1000000000 \"x\"}}".to_owned(),
        "{{#each (until 1000)}}{{repeat 100000 \"x\"}}{{/each}}".to_owned(),
        "{{upper ".to_owned() + &"(".repeat(100_000),
        "{{#if 1}}".repeat(100_000),
        "{{#if 1}}x".to_owned() + &"{{else if 1}}x".repeat(100_000) + "{{/if}}",
        "{{".repeat(100_000),
        "{{#a".repeat(100_000),
        "{{{{".repeat(10_000),
        "{{../".to_owned() + &"../".repeat(100_000) + "x}}",
        "{{[".repeat(10_000),
        "{{\"".repeat(10_001),
        "{{!--".repeat(10_000),
    ];
    for template in cases {
        fails("hostile.yaml.hbs", template);
    }
}

#[test]
fn the_clock_stops_a_render() {
    let limits = Limits {
        max_wall_time: Duration::from_millis(50),
        max_iterations: u64::MAX,
        ..Limits::default()
    };
    let template = "{{ range until 100000 }}{{ range until 1000 }}{{ end }}{{ end }}";
    let started = Instant::now();
    let limits = Limits {
        max_output_bytes: 1 << 40,
        ..limits
    };
    let error = Renderer::new(limits)
        .render_data("x.yaml", template, &json!({}))
        .unwrap_err();
    assert_eq!(error.kind, RenderErrorKind::Limit);
    assert!(error.message.contains("took longer"), "{error}");
    assert!(started.elapsed() < Duration::from_secs(5));
}

#[test]
fn sensible_recursion_is_no_attack() {
    let template = "{{ define \"r\" }}{{ if gt . 0 }}{{ template \"r\" (sub . 1 | int) }}.{{ end }}{{ end }}{{ template \"r\" 150 }}";
    let renderer = Renderer::new(Limits::default());
    let render = move || renderer.render_data("x.yaml", template, &json!({}));
    let thread = std::thread::Builder::new()
        .stack_size(2 << 20)
        .spawn(render)
        .unwrap();
    assert_eq!(thread.join().unwrap(), Ok(".".repeat(150)));
}

/// One call, however long its arguments are, takes time that grows with them and not with their product.
#[test]
fn long_arguments_are_read_once() {
    let templates = [
        "{{ contains (printf \"%sb\" (repeat 2000000 \"a\")) (repeat 4000000 \"a\") }}",
        "{{ trimAll (printf \"%sa\" (repeat 2000000 \"b\")) (repeat 4000000 \"a\") | len }}",
        "{{ splitList (printf \"%sb\" (repeat 2000000 \"a\")) (repeat 4000000 \"a\") | len }}",
    ];
    let renderer = Renderer::new(Limits::default());
    for (template, expected) in templates.into_iter().zip(["false", "0", "1"]) {
        let output = renderer.render_data("t.yaml", template, &json!({}));
        assert_eq!(output.as_deref(), Ok(expected), "{template}");
    }
}
