//! What a request for a log asks for.

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use super::containers::Written;
use crate::field_error::{FieldError, invalid_status};
use crate::http::path::Query;
use crate::http::status::Refusal;
use crate::schema;

/// The parameters of a log.
#[derive(Clone, Debug, Default)]
pub(super) struct LogOptions {
    pub(super) follow: bool,
    pub(super) previous: bool,
    timestamps: bool,
    tail_lines: Option<i64>,
    limit_bytes: Option<i64>,
    since_seconds: Option<i64>,
    since_time: Option<Timestamp>,
}

impl LogOptions {
    pub(super) fn read(query: &Query, pod: &str) -> Result<Self, Refusal> {
        let number = |name: &str| query.whole(name).map_err(Refusal::bad_request);
        let since_time = match query.get("sinceTime") {
            None => None,
            Some(text) => Some(schema::time::seconds(text).map_err(Refusal::bad_request)?),
        };
        let options = Self {
            follow: query.is("follow"),
            previous: query.is("previous"),
            timestamps: query.is("timestamps"),
            tail_lines: number("tailLines")?,
            limit_bytes: number("limitBytes")?,
            since_seconds: number("sinceSeconds")?,
            since_time,
        };
        let errors = options.faults();
        if errors.is_empty() {
            return Ok(options);
        }
        let status = invalid_status("", "PodLogOptions", pod, &errors);
        Err(Refusal::whole(status))
    }

    fn faults(&self) -> Vec<FieldError> {
        let mut errors = Vec::new();
        let mut at_least = |field: &str, value: Option<i64>, least: i64, words: &str| {
            if let Some(value) = value.filter(|value| *value < least) {
                errors.push(FieldError::invalid(field, &Value::from(value), words));
            }
        };
        let not_negative = "must be greater than or equal to 0";
        at_least("tailLines", self.tail_lines, 0, not_negative);
        at_least("limitBytes", self.limit_bytes, 1, "must be greater than 0");
        let both = self.since_seconds.is_some() && self.since_time.is_some();
        if both {
            let words = "at most one of `sinceTime` or `sinceSeconds` may be specified";
            errors.push(FieldError::forbidden("", words));
        } else {
            let mut at_least = |value: Option<i64>| {
                if let Some(value) = value.filter(|value| *value < 1) {
                    let words = "must be greater than 0";
                    errors.push(FieldError::invalid(
                        "sinceSeconds",
                        &Value::from(value),
                        words,
                    ));
                }
            };
            at_least(self.since_seconds);
        }
        errors
    }

    /// What of a log is asked for.
    pub(super) fn cut(&self, written: &Written, now: Timestamp) -> String {
        let seconds = self.since_seconds.map(SignedDuration::from_secs);
        let first = seconds
            .and_then(|since| now.checked_sub(since).ok())
            .or(self.since_time);
        let started = written.since.parse::<Timestamp>().ok();
        if let (Some(first), Some(started)) = (first, started)
            && started < first
        {
            return String::new();
        }
        let lines: Vec<&str> = written.text.split_inclusive('\n').collect();
        let count = self
            .tail_lines
            .and_then(|count| usize::try_from(count).ok());
        let skip = lines.len().saturating_sub(count.unwrap_or(usize::MAX));
        let mut text = self.stamped(&lines[skip..].concat(), &written.since);
        let limit = self
            .limit_bytes
            .and_then(|limit| usize::try_from(limit).ok());
        text.truncate(text.floor_char_boundary(limit.unwrap_or(usize::MAX)));
        text
    }

    /// Lines with their time before them, if that is asked for.
    pub(super) fn stamped(&self, text: &str, time: &str) -> String {
        if !self.timestamps {
            return text.to_owned();
        }
        let lines = text.split_inclusive('\n');
        lines.flat_map(|line| [time, " ", line]).collect()
    }
}
