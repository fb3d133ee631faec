//! Points in time with their zone, and the calendar.

use std::any::Any;
use std::rc::Rc;
use std::time::{SystemTime, UNIX_EPOCH};

use jiff::tz::TimeZone;

use super::Output;
use super::arguments::{int, text};
use super::durations::{HOUR, MINUTE, SECOND, duration_text};
use super::layout;
use crate::budget::Failure;
use crate::value::{IntType, Object, Value};

const SECONDS_PER_DAY: i64 = 86_400;
/// Seconds from the year 1, where Go's zero time is, to 1970.
const ZERO: i64 = -62_135_596_800;

/// A zone: its name and its distance from UTC in seconds, which for a place change with the time.
#[derive(Debug, Clone)]
pub(super) enum Zone {
    Fixed { name: String, offset: i64 },
    Place(TimeZone),
}

impl Zone {
    pub(super) fn utc() -> Self {
        Self::Fixed {
            name: "UTC".to_owned(),
            offset: 0,
        }
    }

    /// Finds a zone by its name in the database that is built in. `Local` is UTC: a template must
    /// not depend on the machine it is rendered on.
    pub(super) fn find(name: &str) -> Option<Self> {
        if matches!(name, "" | "UTC" | "Local") {
            return Some(Self::utc());
        }
        TimeZone::get(name).ok().map(Self::Place)
    }

    /// Name and offset at a time.
    fn at(&self, seconds: i64) -> (String, i64) {
        match self {
            Self::Fixed { name, offset } => (name.clone(), *offset),
            Self::Place(zone) => {
                let seconds = seconds.clamp(-200_000_000_000, 200_000_000_000);
                let time = jiff::Timestamp::from_second(seconds).unwrap_or_default();
                let info = zone.to_offset_info(time);
                let offset = i64::from(info.offset().seconds());
                (info.abbreviation().to_owned(), offset)
            }
        }
    }
}

/// A point in time.
#[derive(Debug, Clone)]
pub(super) struct Time {
    /// Seconds since 1970 in UTC.
    pub(super) seconds: i64,
    pub(super) nanoseconds: i64,
    pub(super) zone: Zone,
}

/// Date and time of day as a clock in the zone shows them.
#[derive(Debug, Clone)]
pub(super) struct Civil {
    pub(super) year: i64,
    pub(super) month: i64,
    pub(super) day: i64,
    pub(super) hour: i64,
    pub(super) minute: i64,
    pub(super) second: i64,
    pub(super) nanosecond: i64,
    /// 0 is Sunday.
    pub(super) weekday: i64,
    /// From 1.
    pub(super) year_day: i64,
    pub(super) zone: String,
    pub(super) offset: i64,
}

impl Time {
    pub(super) fn now() -> Self {
        let elapsed = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        Self {
            seconds: i64::try_from(elapsed.as_secs()).unwrap_or(0),
            nanoseconds: i64::from(elapsed.subsec_nanos()),
            zone: Zone::utc(),
        }
    }

    /// Go's zero time.
    pub(super) fn zero() -> Self {
        Self::unix(ZERO)
    }

    pub(super) fn unix(seconds: i64) -> Self {
        Self {
            seconds,
            nanoseconds: 0,
            zone: Zone::utc(),
        }
    }

    /// The time at which a clock in UTC shows this.
    pub(super) fn civil_utc(date: (i64, i64, i64), clock: (i64, i64, i64), nanos: i64) -> Self {
        let (year, month, day) = date;
        // Months beyond the year move the year.
        let months = year.saturating_mul(12).saturating_add(month - 1);
        let days = days_from_civil(months.div_euclid(12), months.rem_euclid(12) + 1, 1);
        let days = days.saturating_add(day - 1);
        let (hour, minute, second) = clock;
        let clock = hour * 3600 + minute * 60 + second;
        let mut time = Self::unix(days.saturating_mul(SECONDS_PER_DAY).saturating_add(clock));
        time.nanoseconds = nanos;
        time
    }

    pub(super) fn in_zone(mut self, zone: Zone) -> Self {
        self.zone = zone;
        self
    }

    pub(super) fn add(&self, nanoseconds: i64) -> Self {
        let total = self.nanoseconds + nanoseconds.rem_euclid(SECOND);
        let carry = nanoseconds.div_euclid(SECOND) + total / SECOND;
        Self {
            seconds: self.seconds.saturating_add(carry),
            nanoseconds: total % SECOND,
            zone: self.zone.clone(),
        }
    }

    /// Nanoseconds from `other` to this time; the nearest if there are too many.
    pub(super) fn since(&self, other: &Self) -> i64 {
        let seconds = i128::from(self.seconds) - i128::from(other.seconds);
        let nanoseconds =
            seconds * i128::from(SECOND) + i128::from(self.nanoseconds - other.nanoseconds);
        let nearest = nanoseconds.clamp(i128::from(i64::MIN), i128::from(i64::MAX));
        i64::try_from(nearest).unwrap_or(0)
    }

    pub(super) fn civil(&self) -> Civil {
        let (zone, offset) = self.zone.at(self.seconds);
        let local = self.seconds.saturating_add(offset);
        let days = local.div_euclid(SECONDS_PER_DAY);
        let clock = local.rem_euclid(SECONDS_PER_DAY);
        let (year, month, day) = civil_from_days(days);
        Civil {
            year,
            month,
            day,
            hour: clock / 3600,
            minute: clock / 60 % 60,
            second: clock % 60,
            nanosecond: self.nanoseconds,
            weekday: (days + 4).rem_euclid(7),
            year_day: days - days_from_civil(year, 1, 1) + 1,
            zone,
            offset,
        }
    }

    pub(super) fn into_value(self) -> Value {
        Value::Object(Rc::new(self))
    }

    /// The time in a value, if it is one.
    pub(super) fn from_value(value: &Value) -> Option<&Self> {
        match value {
            Value::Object(object) => object.as_any().downcast_ref(),
            _ => None,
        }
    }

    fn add_date(&self, years: i64, months: i64, days: i64) -> Self {
        let civil = self.civil();
        let date = (
            civil.year.saturating_add(years),
            civil.month.saturating_add(months),
            civil.day.saturating_add(days),
        );
        let clock = (civil.hour, civil.minute, civil.second);
        let mut time = Self::civil_utc(date, clock, civil.nanosecond);
        let (_, offset) = self.zone.at(time.seconds.saturating_sub(civil.offset));
        time.seconds = time.seconds.saturating_sub(offset);
        time.in_zone(self.zone.clone())
    }
}

/// Days since 1970 of a date in the Gregorian calendar, extended to all times.
pub(super) fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let year = year.clamp(-290_000_000_000, 290_000_000_000);
    let shifted = if month <= 2 { year - 1 } else { year };
    let era = shifted.div_euclid(400);
    let year_of_era = shifted.rem_euclid(400);
    let month_from_march = (month + 9) % 12;
    let day_of_year = (153 * month_from_march + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * 146_097 + day_of_era - 719_468
}

fn civil_from_days(days: i64) -> (i64, i64, i64) {
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let day_of_era = shifted.rem_euclid(146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = (month_from_march + 2) % 12 + 1;
    let year = era * 400 + year_of_era + i64::from(month <= 2);
    (year, month, day)
}

pub(super) const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];

pub(super) const WEEKDAYS: [&str; 7] = [
    "Sunday",
    "Monday",
    "Tuesday",
    "Wednesday",
    "Thursday",
    "Friday",
    "Saturday",
];

/// Name of a month, from 1.
pub(crate) fn month_name(month: i64) -> String {
    let index = usize::try_from(month - 1).unwrap_or(usize::MAX);
    let name = MONTHS.get(index).copied();
    name.map_or_else(|| format!("%!Month({month})"), str::to_owned)
}

/// Name of a day of the week; 0 is Sunday.
pub(crate) fn weekday_name(day: i64) -> String {
    let index = usize::try_from(day).unwrap_or(usize::MAX);
    let name = WEEKDAYS.get(index).copied();
    name.map_or_else(|| format!("%!Weekday({day})"), str::to_owned)
}

/// Calls a method, without arguments, of a month, a day of the week or a duration.
#[expect(
    clippy::cast_precision_loss,
    reason = "Go's conversion rounds likewise"
)]
pub(crate) fn integer_method(receiver: &Value, name: &str) -> Option<Value> {
    let Value::Int(number, int_type) = receiver else {
        return None;
    };
    let number = *number;
    let hours =
        |unit: i64| Value::Float((number / unit) as f64 + (number % unit) as f64 / unit as f64);
    Some(match (int_type, name) {
        (IntType::Month, "String") => month_name(number).into(),
        (IntType::Weekday, "String") => weekday_name(number).into(),
        (IntType::Duration, "String") => duration_text(number).into(),
        (IntType::Duration, "Hours") => hours(HOUR),
        (IntType::Duration, "Minutes") => hours(MINUTE),
        (IntType::Duration, "Seconds") => hours(SECOND),
        (IntType::Duration, "Milliseconds") => Value::int64(number / 1_000_000),
        (IntType::Duration, "Microseconds") => Value::int64(number / 1_000),
        (IntType::Duration, "Nanoseconds") => Value::int64(number),
        (IntType::Duration, "Abs") => {
            Value::Int(number.checked_abs().unwrap_or(i64::MAX), IntType::Duration)
        }
        _ => return None,
    })
}

impl Object for Time {
    fn type_name(&self) -> &'static str {
        "time.Time"
    }

    fn kind_name(&self) -> &'static str {
        "struct"
    }

    fn display(&self) -> String {
        layout::format(self, "2006-01-02 15:04:05.999999999 -0700 MST")
    }

    fn method(&self, name: &str) -> Option<usize> {
        Some(match name {
            "Year" | "Month" | "Day" | "Hour" | "Minute" | "Second" | "Nanosecond" | "Weekday"
            | "YearDay" | "Unix" | "UnixMilli" | "UnixMicro" | "UnixNano" | "UTC" | "Local"
            | "String" | "IsZero" => 0,
            "Format" | "Before" | "After" | "Equal" | "Add" | "Sub" | "Truncate" | "Round" => 1,
            "AddDate" => 3,
            _ => return None,
        })
    }

    fn call(&self, name: &str, arguments: &[Value]) -> Output {
        let civil = self.civil();
        let scaled = |unit: i64| {
            let whole = self.seconds.wrapping_mul(unit);
            Ok(Value::int64(
                whole.wrapping_add(self.nanoseconds / (SECOND / unit)),
            ))
        };
        let other = || {
            let other = arguments.first().and_then(Self::from_value);
            other.ok_or_else(|| Failure::new("wrong type for value; expected time.Time"))
        };
        let ahead = || other().map(|other| self.since(other));
        match name {
            "Year" => Ok(Value::int(civil.year)),
            "Month" => Ok(Value::Int(civil.month, IntType::Month)),
            "Day" => Ok(Value::int(civil.day)),
            "Hour" => Ok(Value::int(civil.hour)),
            "Minute" => Ok(Value::int(civil.minute)),
            "Second" => Ok(Value::int(civil.second)),
            "Nanosecond" => Ok(Value::int(civil.nanosecond)),
            "Weekday" => Ok(Value::Int(civil.weekday, IntType::Weekday)),
            "YearDay" => Ok(Value::int(civil.year_day)),
            "Unix" => Ok(Value::int64(self.seconds)),
            "UnixMilli" => scaled(1_000),
            "UnixMicro" => scaled(1_000_000),
            "UnixNano" => scaled(SECOND),
            "UTC" | "Local" => Ok(self.clone().in_zone(Zone::utc()).into_value()),
            "String" => Ok(self.display().into()),
            "IsZero" => Ok(Value::Bool(self.seconds == ZERO && self.nanoseconds == 0)),
            "Format" => Ok(layout::format(self, &text(arguments, 0)).into()),
            "Before" => ahead().map(|ahead| Value::Bool(ahead < 0)),
            "After" => ahead().map(|ahead| Value::Bool(ahead > 0)),
            "Equal" => ahead().map(|ahead| Value::Bool(ahead == 0)),
            "Sub" => ahead().map(|ahead| Value::Int(ahead, IntType::Duration)),
            "Add" => Ok(self.add(int(arguments, 0)).into_value()),
            "AddDate" => {
                let number = |index| int(arguments, index);
                Ok(self.add_date(number(0), number(1), number(2)).into_value())
            }
            _ => Ok(self
                .rounded(int(arguments, 0), name == "Round")
                .into_value()),
        }
    }

    fn json(&self) -> serde_json::Value {
        layout::format(self, "2006-01-02T15:04:05.999999999Z07:00").into()
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

impl Time {
    /// The time as a multiple of a duration since the zero time, rounded down or to the nearest.
    fn rounded(&self, unit: i64, nearest: bool) -> Self {
        if unit <= 0 {
            return self.clone();
        }
        let since = i128::from(self.seconds) - i128::from(ZERO);
        let since = since * i128::from(SECOND) + i128::from(self.nanoseconds);
        let rest = i64::try_from(since.rem_euclid(i128::from(unit))).unwrap_or(0);
        if nearest && rest.saturating_mul(2) >= unit {
            self.add(unit - rest)
        } else {
            self.add(-rest)
        }
    }
}
