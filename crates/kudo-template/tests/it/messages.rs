//! What errors of Go templates say to who wrote the template.

use kudo_template::{Limits, Renderer};
use serde_json::json;

#[test]
fn an_error_says_where_and_what_to_look_for() {
    let table = [
        (
            "a: 1\n{{ if true }}\nb: 2\n",
            "t.yaml:4:1: unexpected EOF: the action at line 2 has no {{end}}",
        ),
        (
            "{{ range list }}\n{{ if true }}\n{{ end }}\n",
            "t.yaml:4:1: unexpected EOF: the action at line 1 has no {{end}}",
        ),
        (
            "{{ if true }}\n{{ else }}\n",
            "t.yaml:3:1: unexpected EOF: the action at line 2 has no {{end}}",
        ),
        (
            "\n{{ define \"x\" }}\n",
            "t.yaml:3:1: unexpected EOF: the action at line 2 has no {{end}}",
        ),
        ("a\n{{ end }}\n", "t.yaml:2:8: unexpected {{end}}"),
        (
            "{{ defualt 1 2 }}",
            "t.yaml:1:4: function \"defualt\" not defined (did you mean \"default\"?)",
        ),
        (
            "{{ .Params.COUNTS }}",
            "t.yaml:1:11: at <.Params.COUNTS>: map has no entry for key \"COUNTS\" \
             (did you mean \"COUNT\"?)",
        ),
    ];
    let renderer = Renderer::new(Limits::default());
    let data = json!({ "Params": { "COUNT": 3 } });
    for (template, expected) in table {
        let error = renderer.render_data("t.yaml", template, &data).unwrap_err();
        assert_eq!(error.to_string(), expected, "{template}");
    }
}
