//! Sprig's functions over dates. `now` and `ago` differ from render to render.

use super::arguments::{any, text};
use super::durations::{self, HOUR, MINUTE, SECOND, duration_text};
use super::time::{Time, Zone};
use super::{Context, Function, Output, Param, fixed, layout, layout_parse};
use crate::budget::Failure;
use crate::value::{IntType, Value};

const TEXT_TIME: &[Param] = &[Param::Text, Param::Time];
const TEXT_TEXT: &[Param] = &[Param::Text, Param::Text];
const IN_ZONE: &[Param] = &[Param::Text, Param::Any, Param::Text];

pub(super) const FUNCTIONS: &[Function] = &[
    fixed("now", &[], |_, _| Ok(Time::now().into_value())),
    fixed("date", &[Param::Text, Param::Any], |c, a| {
        written(c, &text(a, 0), any(a, 1), "Local")
    }),
    fixed("dateInZone", IN_ZONE, |c, a| {
        written(c, &text(a, 0), any(a, 1), &text(a, 2))
    }),
    fixed("date_in_zone", IN_ZONE, |c, a| {
        written(c, &text(a, 0), any(a, 1), &text(a, 2))
    }),
    fixed("htmlDate", &[Param::Any], |c, a| {
        written(c, "2006-01-02", any(a, 0), "Local")
    }),
    fixed("htmlDateInZone", &[Param::Any, Param::Text], |c, a| {
        written(c, "2006-01-02", any(a, 0), &text(a, 1))
    }),
    fixed("dateModify", TEXT_TIME, |_, a| {
        Ok(modified(a).unwrap_or_else(|_| any(a, 1).clone()))
    }),
    fixed("date_modify", TEXT_TIME, |_, a| {
        Ok(modified(a).unwrap_or_else(|_| any(a, 1).clone()))
    }),
    fixed("mustDateModify", TEXT_TIME, |_, a| modified(a)),
    fixed("must_date_modify", TEXT_TIME, |_, a| modified(a)),
    fixed("toDate", TEXT_TEXT, |_, a| {
        let time = layout_parse::parse(&text(a, 0), &text(a, 1));
        Ok(time.unwrap_or_else(|_| Time::zero()).into_value())
    }),
    fixed("mustToDate", TEXT_TEXT, |_, a| {
        let time = layout_parse::parse(&text(a, 0), &text(a, 1));
        Ok(time.map_err(Failure::new)?.into_value())
    }),
    fixed("unixEpoch", &[Param::Time], |_, a| {
        let seconds = Time::from_value(any(a, 0)).map_or(0, |time| time.seconds);
        Ok(seconds.to_string().into())
    }),
    fixed("ago", &[Param::Any], ago),
    fixed("duration", &[Param::Any], duration),
    fixed("durationRound", &[Param::Any], duration_round),
];

/// The time that a value stands for: itself, or seconds since 1970; anything else is now.
fn time_of(value: &Value) -> Time {
    match value {
        Value::Int(seconds, IntType::Int | IntType::Int64) => Time::unix(*seconds),
        other => Time::from_value(other).cloned().unwrap_or_else(Time::now),
    }
}

fn written(context: &Context, layout: &str, date: &Value, zone: &str) -> Output {
    let zone = Zone::find(zone).unwrap_or_else(Zone::utc);
    // No element is written with more than 40 times its length.
    context.budget.text(layout.len())?;
    let text = layout::format(&time_of(date).in_zone(zone), layout);
    context.budget.text(text.len())?;
    Ok(text.into())
}

fn modified(arguments: &[Value]) -> Output {
    let duration = durations::parse(&text(arguments, 0)).map_err(Failure::new)?;
    let time = Time::from_value(any(arguments, 1)).cloned();
    Ok(time.unwrap_or_else(Time::zero).add(duration).into_value())
}

/// How long ago, in whole seconds.
#[expect(
    clippy::unnecessary_wraps,
    reason = "has the type of all functions in the tables"
)]
fn ago(_: &Context, arguments: &[Value]) -> Output {
    let elapsed = Time::now().since(&time_of(any(arguments, 0)));
    let half = if elapsed < 0 { -SECOND / 2 } else { SECOND / 2 };
    let seconds = elapsed.saturating_add(half) / SECOND;
    Ok(duration_text(seconds.saturating_mul(SECOND)).into())
}

/// A number of seconds as a duration. An `int` is none of the types that Sprig looks for here.
#[expect(
    clippy::unnecessary_wraps,
    reason = "has the type of all functions in the tables"
)]
fn duration(_: &Context, arguments: &[Value]) -> Output {
    let seconds = match any(arguments, 0) {
        Value::Text(text) => {
            let text = text.to_str();
            crate::format::parse_int(&text, 10).unwrap_or(0)
        }
        Value::Int(seconds, IntType::Int64) => *seconds,
        _ => 0,
    };
    Ok(duration_text(seconds.wrapping_mul(SECOND)).into())
}

/// A duration in its greatest unit only.
#[expect(
    clippy::unnecessary_wraps,
    reason = "has the type of all functions in the tables"
)]
fn duration_round(_: &Context, arguments: &[Value]) -> Output {
    let nanoseconds = match any(arguments, 0) {
        Value::Text(text) => durations::parse(&text.to_str()).unwrap_or(0),
        Value::Int(nanoseconds, IntType::Int64) => *nanoseconds,
        other => Time::from_value(other).map_or(0, |time| Time::now().since(time)),
    };
    let day = 24 * HOUR;
    let units = [
        (365 * day, "y"),
        (30 * day, "mo"),
        (day, "d"),
        (HOUR, "h"),
        (MINUTE, "m"),
        (SECOND, "s"),
    ];
    let size = nanoseconds.unsigned_abs();
    let unit = units.iter().find(|(unit, _)| size > unit.unsigned_abs());
    Ok(match unit {
        Some((unit, name)) => format!("{}{name}", size / unit.unsigned_abs()).into(),
        None => "0s".into(),
    })
}
