//! Places in a JSON document: JSON pointers with a few more kinds of steps.
//!
//! | Step | Goes to |
//! |---|---|
//! | `name`, `0` | a member or an element; `~1` is a slash, `~0` a tilde |
//! | `*` | every element or member |
//! | `[type=Ready]` | the elements whose member `type` is `Ready` |
//! | `#` | the number of elements or members |

use serde_json::{Map, Value};

/// The values at a selector, in order; none where the document has no such place.
pub(crate) fn select(document: &Value, selector: &str) -> Vec<Value> {
    let mut found = Vec::new();
    visit(document, &steps(selector), &mut |value| found.push(value));
    found
}

/// The one value at a selector.
pub(crate) fn first(document: &Value, selector: &str) -> Option<Value> {
    select(document, selector).into_iter().next()
}

/// Removes what a selector names; absent places are no error.
pub(crate) fn remove(document: &mut Value, selector: &str) {
    let steps = steps(selector);
    let Some((last, parents)) = steps.split_last() else {
        *document = Value::Null;
        return;
    };
    visit_mut(document, parents, &mut |parent| match (parent, last) {
        (Value::Object(members), Step::Name(name)) => {
            members.remove(name);
        }
        (Value::Object(members), Step::All) => members.clear(),
        (Value::Array(elements), Step::All) => elements.clear(),
        (Value::Array(elements), Step::Where(name, wanted)) => {
            elements.retain(|element| !is(element, name, wanted));
        }
        (Value::Array(elements), Step::Name(index)) => {
            if let Some(index) = index.parse().ok().filter(|i: &usize| *i < elements.len()) {
                elements.remove(index);
            }
        }
        _ => {}
    });
}

/// Puts a value where a selector says, if it is not there; the map that holds it is made if need be.
pub(crate) fn set_absent(document: &mut Value, selector: &str, value: &Value) {
    let parent = selector.rsplit_once('/').map_or("", |(parent, _)| parent);
    if let Some((above, _)) = parent.rsplit_once('/')
        && !above.is_empty()
        && first(document, above).is_some()
    {
        put(document, parent, &Value::Object(Map::new()), false);
    }
    put(document, selector, value, false);
}

/// Puts a value where a selector says, whatever is there.
pub(crate) fn set(document: &mut Value, selector: &str, value: &Value) {
    put(document, selector, value, true);
}

fn put(document: &mut Value, selector: &str, value: &Value, overwrite: bool) {
    let steps = steps(selector);
    let Some((last, parents)) = steps.split_last() else {
        *document = value.clone();
        return;
    };
    visit_mut(document, parents, &mut |parent| match (parent, last) {
        (Value::Object(members), Step::Name(name)) if overwrite || !members.contains_key(name) => {
            members.insert(name.clone(), value.clone());
        }
        (Value::Array(elements), Step::Name(name)) if name == "-" => {
            elements.push(value.clone());
        }
        (Value::Array(elements), Step::Name(index)) if overwrite => {
            let place = index.parse().ok().and_then(|i: usize| elements.get_mut(i));
            if let Some(place) = place {
                *place = value.clone();
            }
        }
        _ => {}
    });
}

enum Step {
    Name(String),
    All,
    Where(String, String),
    Count,
}

fn steps(selector: &str) -> Vec<Step> {
    let unescaped = |text: &str| text.replace("~1", "/").replace("~0", "~");
    let step = |text: &str| {
        let condition = text.strip_prefix('[').and_then(|t| t.strip_suffix(']'));
        match (text, condition.and_then(|text| text.split_once('='))) {
            (_, Some((name, wanted))) => Step::Where(unescaped(name), unescaped(wanted)),
            ("*", _) => Step::All,
            ("#", _) => Step::Count,
            _ => Step::Name(unescaped(text)),
        }
    };
    selector.split('/').skip(1).map(step).collect()
}

fn visit(value: &Value, steps: &[Step], found: &mut impl FnMut(Value)) {
    let Some((step, rest)) = steps.split_first() else {
        return found(value.clone());
    };
    let below: Vec<&Value> = match (step, value) {
        (Step::Count, Value::Array(elements)) => return found(elements.len().into()),
        (Step::Count, Value::Object(members)) => return found(members.len().into()),
        (Step::Name(name), Value::Object(members)) => members.get(name).into_iter().collect(),
        (Step::Name(index), Value::Array(elements)) => {
            let element = index.parse().ok().and_then(|i: usize| elements.get(i));
            element.into_iter().collect()
        }
        (Step::All, Value::Object(members)) => members.values().collect(),
        (Step::All, Value::Array(elements)) => elements.iter().collect(),
        (Step::Where(name, wanted), Value::Array(elements)) => {
            elements.iter().filter(|e| is(e, name, wanted)).collect()
        }
        _ => Vec::new(),
    };
    for value in below {
        visit(value, rest, found);
    }
}

fn visit_mut(value: &mut Value, steps: &[Step], act: &mut impl FnMut(&mut Value)) {
    let Some((step, rest)) = steps.split_first() else {
        return act(value);
    };
    let below: Vec<&mut Value> = match (step, value) {
        (Step::Name(name), Value::Object(members)) => members.get_mut(name).into_iter().collect(),
        (Step::Name(index), Value::Array(elements)) => {
            let element = index.parse().ok().and_then(|i: usize| elements.get_mut(i));
            element.into_iter().collect()
        }
        (Step::All, Value::Object(members)) => members.values_mut().collect(),
        (Step::All, Value::Array(elements)) => elements.iter_mut().collect(),
        (Step::Where(name, wanted), Value::Array(elements)) => elements
            .iter_mut()
            .filter(|e| is(e, name, wanted))
            .collect(),
        _ => Vec::new(),
    };
    for value in below {
        visit_mut(value, rest, act);
    }
}

fn is(element: &Value, name: &str, wanted: &str) -> bool {
    element.get(name).and_then(Value::as_str) == Some(wanted)
}
