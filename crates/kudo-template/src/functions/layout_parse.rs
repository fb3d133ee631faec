//! Dates read as a layout tells.

use super::layout::{Element, OffsetForm, next_element};
use super::time::{MONTHS, Time, WEEKDAYS, Zone, days_from_civil};

/// Reads a time. The message of a failure is Go's.
pub(super) fn parse(layout: &str, value: &str) -> Result<Time, String> {
    let mut reader = Reader::new(value);
    let mut rest = layout;
    loop {
        let (literal, element, after) = next_element(rest);
        let shown = &rest[literal.len()..rest.len() - after.len()];
        let failure = |part: &str, left: &str, detail: &str| {
            let quote = |text: &str| crate::format::quote(text.as_bytes(), false);
            if detail.is_empty() {
                return format!(
                    "parsing time {} as {}: cannot parse {} as {}",
                    quote(value),
                    quote(layout),
                    quote(left),
                    quote(part)
                );
            }
            format!("parsing time {}{detail}", quote(value))
        };
        if reader.skip(literal).is_none() {
            return Err(failure(literal, reader.rest, ""));
        }
        let Some(element) = element else {
            if !reader.rest.is_empty() {
                let extra = crate::format::quote(reader.rest.as_bytes(), false);
                return Err(failure("", "", &format!(": extra text: {extra}")));
            }
            return reader.finish().map_err(|detail| failure("", "", &detail));
        };
        match reader.read(element, after) {
            Some(Ok(())) => {}
            Some(Err(part)) => return Err(failure("", "", &format!(": {part} out of range"))),
            None => return Err(failure(shown, reader.rest, "")),
        }
        rest = after;
    }
}

/// What is read so far.
struct Reader<'a> {
    rest: &'a str,
    year: i64,
    month: Option<i64>,
    day: Option<i64>,
    year_day: Option<i64>,
    hour: i64,
    minute: i64,
    second: i64,
    nanosecond: i64,
    afternoon: Option<bool>,
    utc: bool,
    offset: Option<i64>,
    zone: String,
}

/// None: can't be read; an error: the part that is out of range.
type Read = Option<Result<(), &'static str>>;

impl<'a> Reader<'a> {
    fn new(rest: &'a str) -> Self {
        Self {
            rest,
            year: 0,
            month: None,
            day: None,
            year_day: None,
            hour: 0,
            minute: 0,
            second: 0,
            nanosecond: 0,
            afternoon: None,
            utc: false,
            offset: None,
            zone: String::new(),
        }
    }

    /// Skips a literal; a space in it matches any number of spaces.
    fn skip(&mut self, literal: &str) -> Option<()> {
        let mut literal = literal;
        while let Some(c) = literal.chars().next() {
            if c == ' ' {
                if !self.rest.is_empty() && !self.rest.starts_with(' ') {
                    return None;
                }
                literal = literal.trim_start_matches(' ');
                self.rest = self.rest.trim_start_matches(' ');
                continue;
            }
            self.rest = self.rest.strip_prefix(c)?;
            literal = &literal[c.len_utf8()..];
        }
        Some(())
    }

    fn take(&mut self, length: usize) -> Option<&'a str> {
        let (taken, rest) = self.rest.split_at_checked(length)?;
        self.rest = rest;
        Some(taken)
    }

    /// Reads one or two digits, or exactly two.
    fn number(&mut self, fixed: bool) -> Option<i64> {
        self.digits(2, fixed)
    }

    fn digits(&mut self, most: usize, fixed: bool) -> Option<i64> {
        let digits = self
            .rest
            .bytes()
            .take(most)
            .take_while(u8::is_ascii_digit)
            .count();
        if digits == 0 || fixed && digits != most {
            return None;
        }
        self.take(digits)?.parse().ok()
    }

    fn name(&mut self, names: &[&str], length: Option<usize>) -> Option<i64> {
        for (index, name) in names.iter().enumerate() {
            let name = length.map_or(*name, |length| &name[..length]);
            let found = self.rest.get(..name.len());
            if found.is_some_and(|found| found.eq_ignore_ascii_case(name)) {
                self.take(name.len());
                return i64::try_from(index).ok();
            }
        }
        None
    }

    fn read(&mut self, element: Element, after: &str) -> Read {
        let in_range = |ok: bool, part: &'static str| Some(if ok { Ok(()) } else { Err(part) });
        match element {
            Element::Year => {
                let year: i64 = self.take(2)?.parse().ok()?;
                self.year = if year >= 69 { year + 1900 } else { year + 2000 };
            }
            Element::LongYear => {
                if !self.rest.starts_with(|c: char| c.is_ascii_digit()) {
                    return None;
                }
                self.year = self.take(4)?.parse().ok()?;
            }
            Element::Month => self.month = Some(self.name(&MONTHS, Some(3))? + 1),
            Element::LongMonth => self.month = Some(self.name(&MONTHS, None)? + 1),
            Element::NumMonth | Element::ZeroMonth => {
                let month = self.number(element == Element::ZeroMonth)?;
                self.month = Some(month);
                return in_range((1..=12).contains(&month), "month");
            }
            Element::WeekDay => {
                self.name(&WEEKDAYS, Some(3))?;
            }
            Element::LongWeekDay => {
                self.name(&WEEKDAYS, None)?;
            }
            Element::Day | Element::UnderDay | Element::ZeroDay => {
                if element == Element::UnderDay {
                    self.rest = self.rest.strip_prefix(' ').unwrap_or(self.rest);
                }
                self.day = Some(self.number(element == Element::ZeroDay)?);
            }
            Element::UnderYearDay | Element::ZeroYearDay => {
                let fixed = element == Element::ZeroYearDay;
                for _ in 0..if fixed { 0 } else { 2 } {
                    self.rest = self.rest.strip_prefix(' ').unwrap_or(self.rest);
                }
                self.year_day = Some(self.digits(3, fixed)?);
            }
            Element::Hour => {
                self.hour = self.number(false)?;
                return in_range(self.hour < 24, "hour");
            }
            Element::Hour12 | Element::ZeroHour12 => {
                self.hour = self.number(element == Element::ZeroHour12)?;
                return in_range(self.hour <= 12, "hour");
            }
            Element::Minute | Element::ZeroMinute => {
                self.minute = self.number(element == Element::ZeroMinute)?;
                return in_range(self.minute < 60, "minute");
            }
            Element::Second | Element::ZeroSecond => {
                self.second = self.number(element == Element::ZeroSecond)?;
                if self.second >= 60 {
                    return Some(Err("second"));
                }
                // A fraction may follow even if the layout has none.
                if !matches!(next_element(after), (_, Some(Element::Fraction { .. }), _)) {
                    self.fraction();
                }
            }
            Element::HalfDay { small } => {
                let text = self.take(2)?;
                let (am, pm) = if small { ("am", "pm") } else { ("AM", "PM") };
                if text != am && text != pm {
                    return None;
                }
                self.afternoon = Some(text == pm);
            }
            Element::Offset { z, form } => return self.offset(z, form),
            Element::ZoneName => return self.zone_name(),
            Element::Fraction { digits, trims, .. } => {
                if trims {
                    self.fraction();
                } else {
                    let text = self.take(1 + digits)?;
                    let number = text.strip_prefix(['.', ','])?;
                    if !number.bytes().all(|b| b.is_ascii_digit()) {
                        return None;
                    }
                    self.nanosecond = nanoseconds(number);
                }
            }
        }
        Some(Ok(()))
    }

    /// Reads `.123` if it is there.
    fn fraction(&mut self) {
        let Some(digits) = self.rest.strip_prefix(['.', ',']) else {
            return;
        };
        let count = digits.bytes().take_while(u8::is_ascii_digit).count();
        if count > 0 {
            self.nanosecond = nanoseconds(&digits[..count]);
            self.take(1 + count);
        }
    }

    fn offset(&mut self, z: bool, form: OffsetForm) -> Read {
        let accepts_z = !matches!(form, OffsetForm::Seconds | OffsetForm::ColonSeconds);
        if z && accepts_z && self.rest.starts_with('Z') {
            self.take(1);
            self.utc = true;
            return Some(Ok(()));
        }
        let (length, colon) = match form {
            OffsetForm::Hours => (3, false),
            OffsetForm::Minutes => (5, false),
            OffsetForm::ColonMinutes => (6, true),
            OffsetForm::Seconds => (7, false),
            OffsetForm::ColonSeconds => (9, true),
        };
        let text = self.take(length)?;
        let negative = match text.as_bytes().first()? {
            b'+' => false,
            b'-' => true,
            _ => return None,
        };
        let mut digits = String::new();
        for (at, c) in text[1..].char_indices() {
            if colon && at % 3 == 2 {
                if c != ':' {
                    return None;
                }
            } else if c.is_ascii_digit() {
                digits.push(c);
            } else {
                return None;
            }
        }
        digits.push_str(&"0".repeat(6_usize.saturating_sub(digits.len())));
        let part = |range: std::ops::Range<usize>| digits.get(range)?.parse::<i64>().ok();
        let seconds = (part(0..2)? * 60 + part(2..4)?) * 60 + part(4..6)?;
        self.offset = Some(if negative { -seconds } else { seconds });
        Some(Ok(()))
    }

    fn zone_name(&mut self) -> Read {
        if self.rest.starts_with("UTC") {
            self.take(3);
            self.utc = true;
            return Some(Ok(()));
        }
        let length = zone_length(self.rest)?;
        self.zone = self.take(length)?.to_owned();
        Some(Ok(()))
    }

    fn finish(mut self) -> Result<Time, String> {
        match self.afternoon {
            Some(true) if self.hour < 12 => self.hour += 12,
            Some(false) if self.hour == 12 => self.hour = 0,
            _ => {}
        }
        let (month, day) = self.date()?;
        let date = (self.year, month, day);
        let clock = (self.hour, self.minute, self.second);
        let mut time = Time::civil_utc(date, clock, self.nanosecond);
        if self.utc {
            return Ok(time);
        }
        let name = std::mem::take(&mut self.zone);
        let fixed = |name: String, offset| Zone::Fixed { name, offset };
        match self.offset {
            Some(0) if name.is_empty() || name == "UTC" => Ok(time),
            Some(offset) => {
                time.seconds -= offset;
                Ok(time.in_zone(fixed(name, offset)))
            }
            None if name.is_empty() => Ok(time),
            None => {
                // A name alone says nothing about the offset, except for GMT+3.
                let offset = name
                    .strip_prefix("GMT")
                    .and_then(|offset| offset.parse::<i64>().ok());
                Ok(time.in_zone(fixed(name, offset.unwrap_or(0) * 3600)))
            }
        }
    }

    /// Month and day, of which the day of the year may tell.
    fn date(&self) -> Result<(i64, i64), String> {
        let days_in = |month: i64| {
            let (year, next) = if month == 12 {
                (self.year + 1, 1)
            } else {
                (self.year, month + 1)
            };
            days_from_civil(year, next, 1) - days_from_civil(self.year, month, 1)
        };
        if let Some(year_day) = self.year_day {
            let mut left = year_day;
            let mut month = 1;
            while month <= 12 && left > days_in(month) {
                left -= days_in(month);
                month += 1;
            }
            if year_day < 1 || month > 12 {
                return Err(": day-of-year out of range".to_owned());
            }
            if self.month.is_some_and(|given| given != month) {
                return Err(": day-of-year does not match month".to_owned());
            }
            if self.day.is_some_and(|given| given != left) {
                return Err(": day-of-year does not match day".to_owned());
            }
            return Ok((month, left));
        }
        let (month, day) = (self.month.unwrap_or(1), self.day.unwrap_or(1));
        if !(1..=days_in(month)).contains(&day) {
            return Err(": day out of range".to_owned());
        }
        Ok((month, day))
    }
}

/// The first nine digits after a point as nanoseconds.
fn nanoseconds(digits: &str) -> i64 {
    let digits: String = digits.chars().chain("000000000".chars()).take(9).collect();
    digits.parse().unwrap_or(0)
}

/// Length of the zone's abbreviation that a text begins with.
fn zone_length(text: &str) -> Option<usize> {
    if text.starts_with("ChST") || text.starts_with("MeST") {
        return Some(4);
    }
    if let Some(offset) = text.strip_prefix("GMT") {
        return Some(3 + signed_offset_length(offset));
    }
    if text.starts_with(['+', '-']) && text.len() >= 3 {
        return Some(signed_offset_length(text)).filter(|length| *length > 0);
    }
    let letters = text
        .bytes()
        .take(6)
        .take_while(u8::is_ascii_uppercase)
        .count();
    match letters {
        3 => Some(3),
        4 if text.as_bytes()[3] == b'T' || text.starts_with("WITA") => Some(4),
        5 if text.as_bytes()[4] == b'T' => Some(5),
        _ => None,
    }
}

/// Length of `+3` or `-11`; 0 if none stands here or it is beyond 23.
fn signed_offset_length(text: &str) -> usize {
    let Some(digits) = text.strip_prefix(['+', '-']) else {
        return 0;
    };
    let count = digits.bytes().take_while(u8::is_ascii_digit).count();
    let hours = digits[..count].parse::<u32>();
    if hours.is_ok_and(|hours| hours <= 23) {
        1 + count
    } else {
        0
    }
}
