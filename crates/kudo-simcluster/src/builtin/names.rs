//! The forms of names, labels and keys, with the server's words for what is wrong.

use std::sync::OnceLock;

use regex::Regex;

const LABEL: &str = "[a-z0-9]([-a-z0-9]*[a-z0-9])?";
const LABEL_1035: &str = "[a-z]([-a-z0-9]*[a-z0-9])?";
const SUBDOMAIN: &str = r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*";
const WILDCARD: &str = r"\*\.[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*";
const NAME_PART: &str = "([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]";
const LABEL_VALUE: &str = "(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?";
const CONFIG_KEY: &str = "[-._a-zA-Z0-9]+";

/// A form that a text must have.
struct Form {
    pattern: &'static str,
    /// What the text must be, up to the examples.
    words: &'static str,
    examples: &'static [&'static str],
    limit: usize,
}

impl Form {
    fn faults(&self, regex: &OnceLock<Option<Regex>>, text: &str) -> Vec<String> {
        let mut faults = Vec::new();
        if text.len() > self.limit {
            faults.push(format!("must be no more than {} characters", self.limit));
        }
        let regex = regex.get_or_init(|| Regex::new(&format!("^(?:{})$", self.pattern)).ok());
        if regex.as_ref().is_some_and(|regex| !regex.is_match(text)) {
            let examples: Vec<String> = self
                .examples
                .iter()
                .map(|example| format!("'{example}'"))
                .collect();
            faults.push(format!(
                "{} (e.g. {}, regex used for validation is '{}')",
                self.words,
                examples.join(",  or "),
                self.pattern
            ));
        }
        faults
    }
}

macro_rules! form {
    ($(#[$doc:meta])* $name:ident, $pattern:expr, $limit:expr, $words:expr, $examples:expr) => {
        $(#[$doc])*
        pub(crate) fn $name(text: &str) -> Vec<String> {
            static REGEX: OnceLock<Option<Regex>> = OnceLock::new();
            let form = Form {
                pattern: $pattern,
                words: $words,
                examples: $examples,
                limit: $limit,
            };
            form.faults(&REGEX, text)
        }
    };
}

form!(
    /// DNS-1123 label: names of namespaces, containers and ports.
    label, LABEL, 63,
    "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character",
    &["my-name", "123-abc"]
);
form!(
    /// DNS-1035 label: names of services.
    label_1035, LABEL_1035, 63,
    "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic character, and end with an alphanumeric character",
    &["my-name", "abc-123"]
);
form!(
    /// DNS-1123 subdomain: names of most objects.
    subdomain, SUBDOMAIN, 253,
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character",
    &["example.com"]
);
form!(
    /// A subdomain after `*.`.
    wildcard, WILDCARD, 253,
    "a wildcard DNS-1123 subdomain must start with '*.', followed by a valid DNS subdomain, which must consist of lower case alphanumeric characters, '-' or '.' and end with an alphanumeric character",
    &["*.example.com"]
);
form!(
    /// The part of a label's key after its prefix.
    name_part, NAME_PART, 63,
    "name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character",
    &["MyName", "my.name", "123-abc"]
);
form!(
    /// The value of a label.
    label_value, LABEL_VALUE, 63,
    "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character",
    &["MyValue", "my_value", "12345"]
);
form!(
    /// The name of a header of HTTP.
    http_header, "[-A-Za-z0-9]+", usize::MAX,
    "a valid HTTP header must consist of alphanumeric characters or '-'",
    &["X-Header-Name"]
);
form!(
    config_key_form,
    CONFIG_KEY,
    253,
    "a valid config key must consist of alphanumeric characters, '-', '_' or '.'",
    &["key.name", "KEY_NAME", "key-name"]
);

/// The name of an environment variable.
pub(super) fn env_name(text: &str) -> Vec<String> {
    let is_fit = |c: char| (' '..='~').contains(&c) && c != '=';
    if text.chars().all(is_fit) {
        return Vec::new();
    }
    let words = "a valid environment variable name must consist only of printable ASCII characters \
                 other than '='";
    vec![words.to_owned()]
}

/// The key of a config map or a secret.
pub(super) fn config_key(text: &str) -> Vec<String> {
    let mut faults = config_key_form(text);
    match text {
        "." => faults.push("must not be '.'".to_owned()),
        ".." => faults.push("must not be '..'".to_owned()),
        _ if text.starts_with("..") => faults.push("must not start with '..'".to_owned()),
        _ => {}
    }
    faults
}

/// A key with an optional prefix: of labels, annotations and finalizers.
pub(super) fn qualified(text: &str) -> Vec<String> {
    let mut faults = Vec::new();
    let name = match text.split('/').collect::<Vec<_>>().as_slice() {
        [name] => *name,
        [prefix, name] => {
            if prefix.is_empty() {
                faults.push("prefix part must be non-empty".to_owned());
            } else {
                let wrong = subdomain(prefix).into_iter();
                faults.extend(wrong.map(|fault| format!("prefix part {fault}")));
            }
            *name
        }
        _ => {
            return vec![
                "a qualified name must consist of alphanumeric characters, '-', '_' or '.', and \
                 must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  \
                 or '123-abc', regex used for validation is \
                 '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]') with an optional DNS subdomain prefix \
                 and '/' (e.g. 'example.com/MyName')"
                    .to_owned(),
            ];
        }
    };
    if name.is_empty() {
        faults.push("name part must be non-empty".to_owned());
    } else if name.len() > 63 {
        faults.push("name part must be no more than 63 characters".to_owned());
    }
    let form = name_part(name).into_iter();
    faults.extend(form.filter(|fault| fault.starts_with("name part must consist")));
    faults
}

/// Who makes volumes: a qualified name, whatever the case of its letters.
pub(super) fn provisioner(text: &str) -> Vec<String> {
    qualified(&text.to_lowercase())
}

/// The name of a port, as ports are named in pods.
pub(super) fn port_name(text: &str) -> Vec<String> {
    let mut faults = Vec::new();
    let mut fault = |wrong: bool, words: &str| {
        if wrong {
            faults.push(words.to_owned());
        }
    };
    let is_plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    fault(text.len() > 15, "must be no more than 15 characters");
    fault(
        !text.chars().all(|c| is_plain(c) || c == '-'),
        "must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)",
    );
    fault(
        !text.contains(|c: char| c.is_ascii_lowercase()),
        "must contain at least one letter or number (a-z, 0-9)",
    );
    fault(text.contains("--"), "must not contain consecutive hyphens");
    fault(
        text.starts_with('-') || text.ends_with('-'),
        "must not begin or end with a hyphen",
    );
    faults
}

/// What may be a segment of a path: names of roles.
pub(super) fn path_segment(text: &str) -> Vec<String> {
    if text == "." || text == ".." {
        return vec![format!("may not be '{text}'")];
    }
    ["/", "%"]
        .iter()
        .filter(|part| text.contains(**part))
        .map(|part| format!("may not contain '{part}'"))
        .collect()
}
