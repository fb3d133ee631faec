//! What a `JSONPath` leads to.

use serde_json::Value;

use super::cells::list;

/// What a `JSONPath` finds first.
pub(super) fn find<'a>(object: &'a Value, path: &str) -> Option<&'a Value> {
    let mut value = object;
    let mut rest = path.trim_start_matches('$');
    while !rest.is_empty() {
        if let Some(inner) = rest.strip_prefix('[') {
            let end = inner.find(']')?;
            let (index, after) = (&inner[..end], &inner[end + 1..]);
            value = match index
                .strip_prefix("?(@.")
                .and_then(|test| test.strip_suffix(')'))
            {
                Some(test) => {
                    let (field, wanted) = test.split_once("==")?;
                    let wanted = wanted.trim().trim_matches(['"', '\'']);
                    list(value).iter().find(|item| {
                        find(item, &format!(".{}", field.trim())).is_some_and(|v| v == wanted)
                    })?
                }
                None => match index.trim_matches(['"', '\'']) {
                    "*" => value.get(0)?,
                    key => match key.parse::<usize>() {
                        Ok(number) => value.get(number)?,
                        Err(_) => value.get(key)?,
                    },
                },
            };
            rest = after;
            continue;
        }
        let name = rest.trim_start_matches('.');
        let mut key = String::new();
        let mut letters = name.char_indices();
        let mut end = name.len();
        while let Some((at, letter)) = letters.next() {
            match letter {
                '\\' => key.extend(letters.next().map(|(_, letter)| letter)),
                '.' | '[' => {
                    end = at;
                    break;
                }
                other => key.push(other),
            }
        }
        if key.is_empty() {
            return None;
        }
        value = value.get(&key)?;
        rest = &name[end..];
    }
    Some(value)
}
