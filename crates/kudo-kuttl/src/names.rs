//! What the name of a file or folder in a test says: which step it belongs to, and what it is for.

use std::sync::LazyLock;

use regex::Regex;

/// What a file's documents are for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// They are applied.
    Apply,
    /// They must come to hold.
    Assert,
    /// They must not hold.
    Errors,
}

/// What a name says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileName {
    /// The step, if the name begins with a number and a dash.
    pub index: Option<u32>,
    /// What it is for.
    pub role: Role,
    /// The step's name: what stands behind the number.
    pub step: String,
    /// Whether it is a Go template (`.gotmpl.yaml`).
    pub template: bool,
}

/// An optional number, a first word that may be `assert` or `errors`, further words, an extension.
#[expect(clippy::expect_used, reason = "a constant that the tests compile")]
static PATTERN: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"^(?:(\d+)-)?([^-.]+)(-[^.]+)?((?:\.gotmpl)?\.yaml)?$").expect("is well formed")
});

/// Reads a name without its folders. `None` if it is none that a step can have.
pub fn parse(name: &str) -> Option<FileName> {
    let parts = PATTERN.captures(name)?;
    let part = |group| parts.get(group).map_or("", |found| found.as_str());
    let index = match part(1) {
        "" => None,
        // As upstream: what does not fit 31 bits is no index.
        digits => Some(digits.parse().ok().filter(|index| *index <= 0x7fff_ffff)?),
    };
    let role = match part(2).to_lowercase().as_str() {
        "assert" => Role::Assert,
        "errors" => Role::Errors,
        _ => Role::Apply,
    };
    Some(FileName {
        index,
        role,
        step: format!("{}{}", part(2), part(3)),
        template: part(4).starts_with(".gotmpl"),
    })
}

/// The word that a step's first word misspells, if it is but a letter away from `assert` or `errors`:
/// what such a file holds would be applied, and hold by that.
pub fn misspelled(step: &str) -> Option<&'static str> {
    let word = step.split('-').next().unwrap_or_default().to_lowercase();
    let near = |known: &&str| strsim::osa_distance(&word, known) == 1;
    ["assert", "errors"].into_iter().find(near)
}

/// Whether a name matches a shell pattern of `*`, `?`, `[a-z]`, `[^a-z]` and `\` before a character.
/// `None` if the pattern is malformed.
pub fn matches(pattern: &str, name: &str) -> Option<bool> {
    let mut regex = String::from("^(?s:");
    let mut characters = pattern.chars();
    while let Some(c) = characters.next() {
        match c {
            '*' => regex.push_str("[^/]*"),
            '?' => regex.push_str("[^/]"),
            '\\' => regex.push_str(&regex::escape(&characters.next()?.to_string())),
            '[' => {
                regex.push('[');
                let mut length = 0;
                loop {
                    match characters.next()? {
                        ']' if length > 0 => break,
                        '^' if length == 0 && !regex.ends_with('^') => regex.push('^'),
                        '-' => regex.push('-'),
                        '\\' => {
                            regex.push_str(&regex::escape(&characters.next()?.to_string()));
                            length += 1;
                        }
                        other => {
                            regex.push_str(&regex::escape(&other.to_string()));
                            length += 1;
                        }
                    }
                }
                regex.push(']');
            }
            other => regex.push_str(&regex::escape(&other.to_string())),
        }
    }
    regex.push_str(")$");
    Regex::new(&regex).ok().map(|regex| regex.is_match(name))
}
