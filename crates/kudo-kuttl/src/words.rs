//! A command line split into words, by the rules of the splitter that kuttl uses.
//!
//! Single quotes keep everything; in double quotes and outside a backslash takes the next character
//! as it is; `#` at the start of a word begins a comment.

/// A command line that ends within quotes or after a backslash.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WordsError {
    /// A quote is not closed.
    #[error("a quote ({0}) is not closed")]
    Quote(char),
    /// The last character is a backslash.
    #[error("nothing follows the last backslash")]
    Backslash,
}

/// Splits a command line.
pub fn split(text: &str) -> Result<Vec<String>, WordsError> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut characters = text.chars();
    while let Some(c) = characters.next() {
        match c {
            ' ' | '\t' | '\r' | '\n' => words.extend(word.take()),
            '#' if word.is_none() => {
                characters.by_ref().find(|c| *c == '\n');
            }
            '\'' | '"' => {
                let current = word.get_or_insert_default();
                quoted(&mut characters, c, current)?;
            }
            '\\' => {
                let next = characters.next().ok_or(WordsError::Backslash)?;
                word.get_or_insert_default().push(next);
            }
            other => word.get_or_insert_default().push(other),
        }
    }
    words.extend(word);
    Ok(words)
}

fn quoted(
    characters: &mut std::str::Chars<'_>,
    quote: char,
    word: &mut String,
) -> Result<(), WordsError> {
    loop {
        match characters.next().ok_or(WordsError::Quote(quote))? {
            c if c == quote => return Ok(()),
            '\\' if quote == '"' => word.push(characters.next().ok_or(WordsError::Quote(quote))?),
            c => word.push(c),
        }
    }
}

/// Whether a command names a namespace itself, with `-n` or `--namespace`.
pub fn names_namespace(words: &[String]) -> bool {
    let mut words = words.iter().take_while(|word| *word != "--").peekable();
    while let Some(word) = words.next() {
        let value = match word.as_str() {
            "-n" | "--namespace" => words.peek().map(|next| next.as_str()),
            other => other.strip_prefix("--namespace=").or_else(|| {
                other
                    .strip_prefix("-n")
                    .filter(|_| !other.starts_with("--"))
            }),
        };
        if value.is_some_and(|value| !value.is_empty()) {
            return true;
        }
    }
    false
}
