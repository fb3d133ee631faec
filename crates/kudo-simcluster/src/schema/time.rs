//! Times as Go reads them: RFC 3339 to the letter, with its words for what is wrong.

use jiff::Timestamp;

/// How times are written, and those that are told to the microsecond.
const SECONDS: &str = "2006-01-02T15:04:05Z07:00";
const MICROSECONDS: &str = "2006-01-02T15:04:05.000000Z07:00";

/// Reads a time, with a fraction of a second or without.
pub(crate) fn seconds(text: &str) -> Result<Timestamp, String> {
    Reader::new(text, SECONDS).read()
}

/// Reads a time that must have six digits after the second.
pub(crate) fn microseconds(text: &str) -> Result<Timestamp, String> {
    Reader::new(text, MICROSECONDS).read()
}

/// What is left of a text that is read from its start.
#[derive(Clone, Copy)]
struct Reader<'a> {
    text: &'a str,
    layout: &'static str,
    rest: &'a str,
}

impl<'a> Reader<'a> {
    fn new(text: &'a str, layout: &'static str) -> Self {
        Self {
            text,
            layout,
            rest: text,
        }
    }

    fn read(mut self) -> Result<Timestamp, String> {
        let year = self.number("2006", 4, 4, 0..=9999, "year")?;
        self.literal("-")?;
        let month = self.number("01", 2, 2, 1..=12, "month")?;
        self.literal("-")?;
        let day = self.number("02", 2, 2, 0..=99, "day")?;
        self.literal("T")?;
        let hour = self.number("15", 1, 2, 0..=23, "hour")?;
        self.literal(":")?;
        let minute = self.number("04", 2, 2, 0..=59, "minute")?;
        self.literal(":")?;
        let second = self.number("05", 2, 2, 0..=59, "second")?;
        let nanosecond = self.fraction()?;
        let offset = self.offset()?;
        if !self.rest.is_empty() {
            return Err(self.fault(&format!(": extra text: {:?}", self.rest)));
        }
        let small = |number: i32| i8::try_from(number).unwrap_or_default();
        let year = i16::try_from(year).unwrap_or_default();
        let date = jiff::civil::Date::new(year, small(month), small(day));
        let date = date.map_err(|_| self.fault(": day out of range"))?;
        let time = date.at(small(hour), small(minute), small(second), nanosecond);
        let zone = jiff::tz::Offset::from_seconds(offset);
        let time = zone.and_then(|zone| zone.to_timestamp(time));
        time.map_err(|_| self.fault(": time out of range"))
    }

    fn fault(&self, words: &str) -> String {
        format!("parsing time {:?}{words}", self.text)
    }

    /// Tells that what is left is not what the layout has there.
    fn unread(&self, part: &str) -> String {
        let Self { layout, rest, .. } = self;
        self.fault(&format!(
            " as {layout:?}: cannot parse {rest:?} as {part:?}"
        ))
    }

    fn literal(&mut self, part: &str) -> Result<(), String> {
        let rest = self.rest.strip_prefix(part);
        self.rest = rest.ok_or_else(|| self.unread(part))?;
        Ok(())
    }

    fn number(
        &mut self,
        part: &str,
        least: usize,
        most: usize,
        range: std::ops::RangeInclusive<i32>,
        name: &str,
    ) -> Result<i32, String> {
        let length = digits(self.rest).min(most);
        if length < least {
            return Err(self.unread(part));
        }
        let (digits, rest) = self.rest.split_at(length);
        let number = digits.parse().unwrap_or_default();
        if !range.contains(&number) {
            return Err(self.fault(&format!(": {name} out of range")));
        }
        self.rest = rest;
        Ok(number)
    }

    /// The nanoseconds after the second.
    fn fraction(&mut self) -> Result<i32, String> {
        const PART: &str = ".000000";
        let must_be = self.layout == MICROSECONDS;
        let point = self.rest.strip_prefix(['.', ',']);
        let Some(after) = point.filter(|after| digits(after) > 0) else {
            return if must_be {
                Err(self.unread(PART))
            } else {
                Ok(0)
            };
        };
        let there = digits(after);
        let length = if must_be { PART.len() - 1 } else { there };
        if there < length {
            return Err(self.unread(PART));
        }
        let (digits, rest) = after.split_at(length);
        self.rest = rest;
        let counted = &digits[..length.min(9)];
        let number: i32 = counted.parse().unwrap_or_default();
        let missing = u32::try_from(9 - counted.len()).unwrap_or_default();
        Ok(number * 10_i32.pow(missing))
    }

    /// How many seconds the place is ahead.
    fn offset(&mut self) -> Result<i32, String> {
        const PART: &str = "Z07:00";
        if let Some(rest) = self.rest.strip_prefix('Z') {
            self.rest = rest;
            return Ok(0);
        }
        let whole = *self;
        let sign = match self.rest.bytes().next() {
            Some(b'+') => 1,
            Some(b'-') => -1,
            _ => return Err(self.unread(PART)),
        };
        self.rest = &self.rest[1..];
        let mut read = || {
            let hours = self.number("07", 2, 2, 0..=24, "time zone offset hour")?;
            self.literal(":")?;
            let minutes = self.number("00", 2, 2, 0..=60, "time zone offset minute")?;
            Ok::<_, String>((hours * 60 + minutes) * 60)
        };
        match read() {
            Ok(seconds) => Ok(sign * seconds),
            Err(error) if error.ends_with("out of range") => Err(error),
            Err(_) => Err(whole.unread(PART)),
        }
    }
}

/// How many digits a text begins with.
fn digits(text: &str) -> usize {
    text.bytes().take_while(u8::is_ascii_digit).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_as_go_reads_them() {
        for (text, expected) in [
            ("2020-01-02T03:04:05Z", "2020-01-02T03:04:05Z"),
            ("2020-01-02T3:04:05Z", "2020-01-02T03:04:05Z"),
            ("2020-01-02T03:04:05.25Z", "2020-01-02T03:04:05.25Z"),
            (
                "2020-01-02T03:04:05.1234567891Z",
                "2020-01-02T03:04:05.123456789Z",
            ),
            ("2020-01-02T03:04:05+01:30", "2020-01-02T01:34:05Z"),
            ("2020-02-29T00:00:00-00:30", "2020-02-29T00:30:00Z"),
        ] {
            assert_eq!(
                seconds(text).map(|time| time.to_string()),
                Ok(expected.to_owned())
            );
        }
        let time = microseconds("2020-01-02T03:04:05.000007Z").unwrap();
        assert_eq!(time.to_string(), "2020-01-02T03:04:05.000007Z");
    }

    #[test]
    fn what_is_wrong_with_a_time_is_told_in_gos_words() {
        let layout = |part: &str| format!(" as {SECONDS:?}: cannot parse {part}");
        for (text, words) in [
            ("", layout("\"\" as \"2006\"")),
            ("yesterday", layout("\"yesterday\" as \"2006\"")),
            ("2020", layout("\"\" as \"-\"")),
            ("2020-1-2", layout("\"1-2\" as \"01\"")),
            ("2020-13-02T03:04:05Z", ": month out of range".to_owned()),
            ("2020-02-30T03:04:05Z", ": day out of range".to_owned()),
            ("2020-01-02 03:04:05Z", layout("\" 03:04:05Z\" as \"T\"")),
            ("2020-01-02T24:04:05Z", ": hour out of range".to_owned()),
            ("2020-01-02T03:04:05", layout("\"\" as \"Z07:00\"")),
            ("2020-01-02T03:04:05.Z", layout("\".Z\" as \"Z07:00\"")),
            (
                "2020-01-02T03:04:05+0100",
                layout("\"+0100\" as \"Z07:00\""),
            ),
            ("2020-01-02T03:04:05Z!", ": extra text: \"!\"".to_owned()),
        ] {
            assert_eq!(seconds(text), Err(format!("parsing time {text:?}{words}")));
        }
        for (text, part) in [
            ("2020-01-02T03:04:05Z", "\"Z\" as \".000000\""),
            ("2020-01-02T03:04:05.000Z", "\".000Z\" as \".000000\""),
            ("2020-01-02T03:04:05.123456789Z", "\"789Z\" as \"Z07:00\""),
        ] {
            let words = format!("parsing time {text:?} as {MICROSECONDS:?}: cannot parse {part}");
            assert_eq!(microseconds(text), Err(words));
        }
    }
}
