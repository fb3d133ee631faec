//! Go's layouts: a date written as the reference time Mon Jan 2 15:04:05 MST 2006 would be.

use super::time::{Civil, MONTHS, Time, WEEKDAYS};

/// An element of a layout.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Element {
    LongMonth,
    Month,
    NumMonth,
    ZeroMonth,
    LongWeekDay,
    WeekDay,
    Day,
    UnderDay,
    ZeroDay,
    UnderYearDay,
    ZeroYearDay,
    Hour,
    Hour12,
    ZeroHour12,
    Minute,
    ZeroMinute,
    Second,
    ZeroSecond,
    LongYear,
    Year,
    /// `PM`, or `pm` if small.
    HalfDay {
        small: bool,
    },
    /// `MST`
    ZoneName,
    /// `Z0700` (with `z`) or `-0700` and its forms.
    Offset {
        z: bool,
        form: OffsetForm,
    },
    /// `.000` or `,000`: so many digits; with `.999`, without zeros at the end.
    Fraction {
        digits: usize,
        trims: bool,
        sign: char,
    },
}

/// How an offset is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum OffsetForm {
    /// `-07`
    Hours,
    /// `-0700`
    Minutes,
    /// `-07:00`
    ColonMinutes,
    /// `-070000`
    Seconds,
    /// `-07:00:00`
    ColonSeconds,
}

const OFFSETS: [(&str, OffsetForm); 5] = [
    ("070000", OffsetForm::Seconds),
    ("07:00:00", OffsetForm::ColonSeconds),
    ("0700", OffsetForm::Minutes),
    ("07:00", OffsetForm::ColonMinutes),
    ("07", OffsetForm::Hours),
];

/// Finds the first element of a layout: what stands before it, and what follows it.
pub(super) fn next_element(layout: &str) -> (&str, Option<Element>, &str) {
    for (at, _) in layout.char_indices() {
        if let Some((skip, length, element)) = element_at(&layout[at..]) {
            let start = at + skip;
            return (&layout[..start], Some(element), &layout[start + length..]);
        }
    }
    (layout, None, "")
}

/// The element that a text begins with: bytes before it that are literal, its length, itself.
fn element_at(text: &str) -> Option<(usize, usize, Element)> {
    let found = |length, element| Some((0, length, element));
    let small_follows = |length: usize| {
        text.as_bytes()
            .get(length)
            .is_some_and(u8::is_ascii_lowercase)
    };
    match text.as_bytes().first()? {
        b'J' if text.starts_with("January") => found(7, Element::LongMonth),
        b'J' if text.starts_with("Jan") && !small_follows(3) => found(3, Element::Month),
        b'M' if text.starts_with("Monday") => found(6, Element::LongWeekDay),
        b'M' if text.starts_with("Mon") && !small_follows(3) => found(3, Element::WeekDay),
        b'M' if text.starts_with("MST") => found(3, Element::ZoneName),
        b'0' if text.starts_with("002") => found(3, Element::ZeroYearDay),
        b'0' => {
            let element = match text.as_bytes().get(1)? {
                b'1' => Element::ZeroMonth,
                b'2' => Element::ZeroDay,
                b'3' => Element::ZeroHour12,
                b'4' => Element::ZeroMinute,
                b'5' => Element::ZeroSecond,
                b'6' => Element::Year,
                _ => return None,
            };
            found(2, element)
        }
        b'1' if text.starts_with("15") => found(2, Element::Hour),
        b'1' => found(1, Element::NumMonth),
        b'2' if text.starts_with("2006") => found(4, Element::LongYear),
        b'2' => found(1, Element::Day),
        // The underscore before the year is literal.
        b'_' if text.starts_with("_2006") => Some((1, 4, Element::LongYear)),
        b'_' if text.starts_with("_2") => found(2, Element::UnderDay),
        b'_' if text.starts_with("__2") => found(3, Element::UnderYearDay),
        b'3' => found(1, Element::Hour12),
        b'4' => found(1, Element::Minute),
        b'5' => found(1, Element::Second),
        b'P' if text.starts_with("PM") => found(2, Element::HalfDay { small: false }),
        b'p' if text.starts_with("pm") => found(2, Element::HalfDay { small: true }),
        sign @ (b'-' | b'Z') => {
            let forms = OFFSETS.iter();
            let (digits, form) = forms
                .copied()
                .find(|(digits, _)| text[1..].starts_with(digits))?;
            let z = *sign == b'Z';
            found(1 + digits.len(), Element::Offset { z, form })
        }
        sign @ (b'.' | b',') => {
            let digit = text
                .as_bytes()
                .get(1)
                .filter(|b| matches!(b, b'0' | b'9'))?;
            let digits = text[1..].bytes().take_while(|b| b == digit).count();
            if text
                .as_bytes()
                .get(1 + digits)
                .is_some_and(u8::is_ascii_digit)
            {
                return None;
            }
            let (trims, sign) = (*digit == b'9', char::from(*sign));
            found(
                1 + digits,
                Element::Fraction {
                    digits,
                    trims,
                    sign,
                },
            )
        }
        _ => None,
    }
}

/// Writes a time as the layout tells.
pub(super) fn format(time: &Time, layout: &str) -> String {
    let civil = time.civil();
    let mut out = String::with_capacity(layout.len() + 16);
    let mut rest = layout;
    while !rest.is_empty() {
        let (literal, element, after) = next_element(rest);
        out.push_str(literal);
        if let Some(element) = element {
            push_element(&mut out, &civil, element);
        }
        rest = after;
    }
    out
}

fn name(names: &[&'static str], index: i64) -> &'static str {
    let index = usize::try_from(index).unwrap_or(usize::MAX);
    names.get(index).copied().unwrap_or("???")
}

/// At least so many digits, behind the sign.
fn padded(number: i64, width: usize) -> String {
    let sign = if number < 0 { "-" } else { "" };
    format!("{sign}{:0width$}", number.unsigned_abs())
}

fn push_element(out: &mut String, civil: &Civil, element: Element) {
    let month = name(&MONTHS, civil.month - 1);
    let weekday = name(&WEEKDAYS, civil.weekday);
    let hour12 = (civil.hour + 11) % 12 + 1;
    let text = match element {
        Element::LongMonth => month.to_owned(),
        Element::Month => month[..3].to_owned(),
        Element::NumMonth => civil.month.to_string(),
        Element::ZeroMonth => padded(civil.month, 2),
        Element::LongWeekDay => weekday.to_owned(),
        Element::WeekDay => weekday[..3].to_owned(),
        Element::Day => civil.day.to_string(),
        Element::UnderDay => format!("{:2}", civil.day),
        Element::ZeroDay => padded(civil.day, 2),
        Element::UnderYearDay => format!("{:3}", civil.year_day),
        Element::ZeroYearDay => padded(civil.year_day, 3),
        Element::Hour => padded(civil.hour, 2),
        Element::Hour12 => hour12.to_string(),
        Element::ZeroHour12 => padded(hour12, 2),
        Element::Minute => civil.minute.to_string(),
        Element::ZeroMinute => padded(civil.minute, 2),
        Element::Second => civil.second.to_string(),
        Element::ZeroSecond => padded(civil.second, 2),
        Element::LongYear => padded(civil.year, 4),
        Element::Year => padded(civil.year.abs() % 100, 2),
        Element::HalfDay { small } => match (civil.hour >= 12, small) {
            (true, false) => "PM",
            (true, true) => "pm",
            (false, false) => "AM",
            (false, true) => "am",
        }
        .to_owned(),
        Element::ZoneName if civil.zone.is_empty() => offset(civil.offset, OffsetForm::Minutes),
        Element::ZoneName => civil.zone.clone(),
        Element::Offset { z: true, .. } if civil.offset == 0 => "Z".to_owned(),
        Element::Offset { form, .. } => offset(civil.offset, form),
        Element::Fraction {
            digits,
            trims,
            sign,
        } => fraction(civil.nanosecond, digits, trims, sign),
    };
    out.push_str(&text);
}

fn offset(seconds: i64, form: OffsetForm) -> String {
    // Whole minutes decide about the sign.
    let sign = if seconds / 60 < 0 { '-' } else { '+' };
    let (hours, minutes) = ((seconds / 60).abs() / 60, (seconds / 60).abs() % 60);
    let seconds = seconds.abs() % 60;
    match form {
        OffsetForm::Hours => format!("{sign}{hours:02}"),
        OffsetForm::Minutes => format!("{sign}{hours:02}{minutes:02}"),
        OffsetForm::ColonMinutes => format!("{sign}{hours:02}:{minutes:02}"),
        OffsetForm::Seconds => format!("{sign}{hours:02}{minutes:02}{seconds:02}"),
        OffsetForm::ColonSeconds => format!("{sign}{hours:02}:{minutes:02}:{seconds:02}"),
    }
}

fn fraction(nanoseconds: i64, digits: usize, trims: bool, sign: char) -> String {
    let all = padded(nanoseconds, 9);
    let mut kept = &all[..digits.min(9)];
    if trims {
        kept = kept.trim_end_matches('0');
        if kept.is_empty() {
            return String::new();
        }
    }
    format!("{sign}{kept}")
}
