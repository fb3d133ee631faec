//! `$NAME` and `${NAME}` in a text, as Go's `os.Expand` reads them; `$$` is a dollar sign.

/// Replaces variables; `value` gives the value of a name, and one it does not know is empty.
pub fn expand(text: &str, value: impl Fn(&str) -> Option<String>) -> String {
    let value = |name: &str| match name {
        "$" => "$".to_owned(),
        name => value(name).unwrap_or_default(),
    };
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(dollar) = rest.find('$') {
        let after = &rest[dollar + 1..];
        out.push_str(&rest[..dollar]);
        let (name, length) = name(after);
        match name {
            Some(name) => out.push_str(&value(name)),
            // A lone dollar sign stays; a malformed brace is eaten.
            None if length == 0 => out.push('$'),
            None => {}
        }
        rest = &after[length..];
    }
    out.push_str(rest);
    out
}

/// The variable's name at the beginning of a text, and how much of the text it takes.
fn name(text: &str) -> (Option<&str>, usize) {
    let special = |c: char| c.is_ascii_digit() || "*#$@!?-".contains(c);
    let letter = |c: char| c == '_' || c.is_ascii_alphanumeric();
    match text.chars().next() {
        Some('{') => {
            let body = &text[1..];
            match body.find('}') {
                Some(0) => (None, 2),
                Some(end) => (Some(&body[..end]), end + 2),
                None => (None, 1),
            }
        }
        Some(c) if special(c) => (Some(&text[..1]), 1),
        _ => {
            let end = text.find(|c| !letter(c)).unwrap_or(text.len());
            ((end > 0).then(|| &text[..end]), end)
        }
    }
}
