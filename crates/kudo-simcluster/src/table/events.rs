//! Cells of events.

use jiff::Timestamp;
use serde_json::Value;

use super::age;

/// What an event is about; the newer of its versions has other names for some fields.
fn of_event<'a>(event: &'a Value, names: [&str; 2]) -> &'a Value {
    names
        .into_iter()
        .map(|name| &event[name])
        .find(|value| !value.is_null())
        .unwrap_or(&Value::Null)
}

pub(super) fn object(event: &Value, _: Timestamp) -> Value {
    let object = of_event(event, ["involvedObject", "regarding"]);
    let text = |field: &str| object[field].as_str().unwrap_or_default();
    let kind = text("kind").to_lowercase();
    match text("name") {
        "" => kind.into(),
        name => format!("{kind}/{name}").into(),
    }
}

pub(super) fn part(event: &Value, _: Timestamp) -> Value {
    let object = of_event(event, ["involvedObject", "regarding"]);
    object["fieldPath"].as_str().unwrap_or_default().into()
}

pub(super) fn source(event: &Value, _: Timestamp) -> Value {
    let source = of_event(event, ["source", "deprecatedSource"]);
    let text = |first: &Value, second: &str| {
        let reporting = ["reportingComponent", "reportingController"].map(|name| &event[name]);
        let other = match second {
            "" => reporting[0].as_str().or(reporting[1].as_str()),
            field => event[field].as_str(),
        };
        let first = first.as_str().filter(|text| !text.is_empty());
        first.or(other).unwrap_or_default().to_owned()
    };
    let component = text(&source["component"], "");
    match text(&source["host"], "reportingInstance") {
        host if host.is_empty() => component.into(),
        host => format!("{component}, {host}").into(),
    }
}

pub(super) fn message(event: &Value, _: Timestamp) -> Value {
    let message = of_event(event, ["message", "note"]);
    message.as_str().unwrap_or_default().trim().into()
}

pub(super) fn first(event: &Value, now: Timestamp) -> Value {
    match of_event(event, ["firstTimestamp", "deprecatedFirstTimestamp"]) {
        Value::Null => age::age(&event["eventTime"], now).into(),
        time => age::age(time, now).into(),
    }
}

pub(super) fn last(event: &Value, now: Timestamp) -> Value {
    let series = &event["series"]["lastObservedTime"];
    match of_event(event, ["lastTimestamp", "deprecatedLastTimestamp"]) {
        _ if !series.is_null() => age::age(series, now).into(),
        Value::Null => first(event, now),
        time => age::age(time, now).into(),
    }
}

pub(super) fn count(event: &Value, _: Timestamp) -> Value {
    let count = of_event(event, ["count", "deprecatedCount"]).as_i64();
    let series = event["series"]["count"].as_i64().map(|count| count + 1);
    series.or(count).unwrap_or(1).max(1).into()
}
