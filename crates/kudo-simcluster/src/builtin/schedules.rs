//! Schedules of cron jobs, read as the library of Kubernetes reads them, with its words.

use serde_json::Value;

use super::check::join;
use crate::field_error::FieldError;

/// A part of a schedule: its bounds, and names of its numbers from the first on.
struct Part {
    least: u32,
    most: u32,
    names: &'static [&'static str],
}

const fn part(least: u32, most: u32, names: &'static [&'static str]) -> Part {
    Part { least, most, names }
}

const PARTS: [Part; 5] = [
    part(0, 59, &[]),
    part(0, 23, &[]),
    part(1, 31, &[]),
    part(
        1,
        12,
        &[
            "jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec",
        ],
    ),
    part(0, 6, &["sun", "mon", "tue", "wed", "thu", "fri", "sat"]),
];

const DESCRIPTORS: &[&str] = &[
    "@yearly",
    "@annually",
    "@monthly",
    "@weekly",
    "@daily",
    "@midnight",
    "@hourly",
];

pub(super) fn schedule(spec: &Value, path: &str, errors: &mut Vec<FieldError>) {
    let text = spec["schedule"].as_str().unwrap_or_default();
    if text.is_empty() {
        return;
    }
    let field = join(path, "schedule");
    if let Err(problem) = read(text) {
        errors.push(FieldError::invalid(&*field, &spec["schedule"], problem));
    }
    if text.contains("TZ") {
        let words = "cannot use TZ or CRON_TZ in schedule, use timeZone field instead";
        errors.push(FieldError::invalid(&*field, &spec["schedule"], words));
    }
}

/// The place by whose clock the schedule is read.
pub(super) fn time_zone(spec: &Value, path: &str, errors: &mut Vec<FieldError>) {
    let Some(zone) = spec["timeZone"].as_str() else {
        return;
    };
    let mut fault = |words: String| {
        let field = join(path, "timeZone");
        errors.push(FieldError::invalid(field, &spec["timeZone"], words));
    };
    let unknown = format!("unknown time zone {zone}");
    if zone.is_empty() {
        fault("timeZone must be nil or non-empty string".to_owned());
        return;
    }
    if !zone.split('/').all(is_part_of_zone) {
        fault(unknown);
        return;
    }
    if zone.eq_ignore_ascii_case("Local") {
        let words = "timeZone must be an explicit time zone as defined in \
                     https://www.iana.org/time-zones";
        fault(words.to_owned());
    }
    if zone != "Local" && !is_zone(zone) {
        fault(unknown);
    }
}

fn is_part_of_zone(part: &str) -> bool {
    let is_fit = |c: char| c.is_ascii_alphanumeric() || ".-_+".contains(c);
    let is_place = part != "." && part != ".." && !part.starts_with('-');
    is_place && (1..=14).contains(&part.len()) && part.chars().all(is_fit)
}

/// Whether there is a time zone of that name, in these very letters.
fn is_zone(name: &str) -> bool {
    let zone = jiff::tz::TimeZone::get(name);
    zone.is_ok_and(|zone| zone.iana_name() == Some(name))
}

fn read(text: &str) -> Result<(), String> {
    let mut plain = text;
    if ["TZ=", "CRON_TZ="]
        .iter()
        .any(|zone| text.starts_with(zone))
    {
        let (zone, rest) = text.split_once(' ').unwrap_or((text, ""));
        let zone = zone.split_once('=').map_or("", |(_, zone)| zone);
        if !zone.is_empty() && !is_zone(zone) {
            return Err(format!(
                "provided bad location {zone}: unknown time zone {zone}"
            ));
        }
        plain = rest.trim();
    }
    if plain.starts_with('@') {
        return descriptor(plain);
    }
    let fields: Vec<&str> = plain.split_whitespace().collect();
    if fields.len() != PARTS.len() {
        let found = fields.len();
        return Err(format!(
            "expected exactly 5 fields, found {found}: [{}]",
            fields.join(" ")
        ));
    }
    for (field, part) in fields.iter().zip(&PARTS) {
        for range in field.split(',').filter(|range| !range.is_empty()) {
            part.range(range)?;
        }
    }
    Ok(())
}

/// A word for a schedule, or a time that passes between two runs.
fn descriptor(text: &str) -> Result<(), String> {
    if DESCRIPTORS.contains(&text) {
        return Ok(());
    }
    let Some(every) = text.strip_prefix("@every ") else {
        return Err(format!("unrecognized descriptor: {text}"));
    };
    let failed = |problem: String| format!("failed to parse duration {text}: {problem}");
    let mut rest = every.trim_start_matches(['-', '+']);
    if rest.is_empty() {
        return Err(failed(format!("time: invalid duration {every:?}")));
    }
    while !rest.is_empty() {
        let digits = rest.len()
            - rest
                .trim_start_matches(|c: char| c.is_ascii_digit() || c == '.')
                .len();
        let (number, after) = rest.split_at(digits);
        if number.is_empty() {
            return Err(failed(format!("time: invalid duration {every:?}")));
        }
        let unit = after.len()
            - after
                .trim_start_matches(|c: char| !c.is_ascii_digit() && c != '.')
                .len();
        let (unit, after) = after.split_at(unit);
        if unit.is_empty() {
            return Err(failed(format!("time: missing unit in duration {every:?}")));
        }
        if !["ns", "us", "µs", "ms", "s", "m", "h"].contains(&unit) {
            let problem = format!("time: unknown unit {unit:?} in duration {every:?}");
            return Err(failed(problem));
        }
        rest = after;
    }
    Ok(())
}

impl Part {
    fn range(&self, text: &str) -> Result<(), String> {
        let mut steps = text.split('/');
        let bounds: Vec<&str> = steps.next().unwrap_or_default().split('-').collect();
        let steps: Vec<&str> = steps.collect();
        let any = ["*", "?"].contains(&bounds[0]);
        let (start, mut end) = if any {
            (self.least, self.most)
        } else {
            let start = self.number(bounds[0])?;
            match bounds.as_slice() {
                [_] => (start, start),
                [_, end] => (start, self.number(end)?),
                _ => return Err(format!("too many hyphens: {text}")),
            }
        };
        let step = match steps.as_slice() {
            [] => 1,
            [step] => {
                let step = plain_number(step)?;
                if !any && bounds.len() == 1 {
                    end = self.most;
                }
                step
            }
            _ => return Err(format!("too many slashes: {text}")),
        };
        let (least, most) = (self.least, self.most);
        if start < least {
            return Err(format!(
                "beginning of range ({start}) below minimum ({least}): {text}"
            ));
        }
        if end > most {
            return Err(format!(
                "end of range ({end}) above maximum ({most}): {text}"
            ));
        }
        if start > end {
            return Err(format!(
                "beginning of range ({start}) beyond end of range ({end}): {text}"
            ));
        }
        if step == 0 {
            return Err(format!("step of range should be a positive number: {text}"));
        }
        Ok(())
    }

    fn number(&self, text: &str) -> Result<u32, String> {
        let name = text.to_lowercase();
        let place = self.names.iter().position(|known| *known == name);
        match place.and_then(|place| u32::try_from(place).ok()) {
            Some(place) => Ok(place + self.least),
            None => plain_number(text),
        }
    }
}

fn plain_number(text: &str) -> Result<u32, String> {
    text.parse().map_err(|_| {
        let problem = format!("strconv.Atoi: parsing {text:?}: invalid syntax");
        format!("failed to parse int from {text}: {problem}")
    })
}
