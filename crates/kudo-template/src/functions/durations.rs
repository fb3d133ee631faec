//! Durations in nanoseconds: reading and writing.

pub(super) const SECOND: i64 = 1_000_000_000;
pub(super) const MINUTE: i64 = 60 * SECOND;
pub(super) const HOUR: i64 = 60 * MINUTE;

/// Writes a duration as Go does: `1h2m3.5s`, `1.5ms`, `0s`.
pub(crate) fn duration_text(nanoseconds: i64) -> String {
    let sign = if nanoseconds < 0 { "-" } else { "" };
    let size = nanoseconds.unsigned_abs();
    let second = SECOND.unsigned_abs();
    if size == 0 {
        return "0s".to_owned();
    }
    if size < second {
        let (unit, name) = match size {
            0..1_000 => (1, "ns"),
            1_000..1_000_000 => (1_000, "µs"),
            _ => (1_000_000, "ms"),
        };
        return format!("{sign}{}{name}", with_fraction(size, unit));
    }
    let seconds = with_fraction(size % (60 * second), second);
    let minutes = size / (60 * second);
    match (minutes / 60, minutes % 60) {
        (0, 0) => format!("{sign}{seconds}s"),
        (0, minutes) => format!("{sign}{minutes}m{seconds}s"),
        (hours, minutes) => format!("{sign}{hours}h{minutes}m{seconds}s"),
    }
}

/// A number of units with as many digits after the point as it needs.
fn with_fraction(size: u64, unit: u64) -> String {
    let (whole, rest) = (size / unit, size % unit);
    if rest == 0 {
        return whole.to_string();
    }
    let places = unit.ilog10() as usize;
    let fraction = format!("{rest:0places$}");
    format!("{whole}.{}", fraction.trim_end_matches('0'))
}

/// Reads a duration such as `-1.5h30m`.
pub(super) fn parse(text: &str) -> Result<i64, String> {
    let quoted = crate::format::quote(text.as_bytes(), false);
    let invalid = || format!("time: invalid duration {quoted}");
    let (negative, mut rest) = match text.as_bytes().first() {
        Some(b'-') => (true, &text[1..]),
        Some(b'+') => (false, &text[1..]),
        _ => (false, text),
    };
    if rest == "0" {
        return Ok(0);
    }
    if rest.is_empty() {
        return Err(invalid());
    }
    let mut total = 0_u64;
    while !rest.is_empty() {
        let digits = |text: &str| text.bytes().take_while(u8::is_ascii_digit).count();
        let (whole, tail) = rest.split_at(digits(rest));
        let (fraction, tail) = match tail.strip_prefix('.') {
            Some(tail) => tail.split_at(digits(tail)),
            None => ("", tail),
        };
        if whole.is_empty() && fraction.is_empty() {
            return Err(invalid());
        }
        let end = tail.find(|c: char| c == '.' || c.is_ascii_digit());
        let (unit, tail) = tail.split_at(end.unwrap_or(tail.len()));
        if unit.is_empty() {
            return Err(format!("time: missing unit in duration {quoted}"));
        }
        let Some(size) = unit_size(unit) else {
            let unit = crate::format::quote(unit.as_bytes(), false);
            return Err(format!("time: unknown unit {unit} in duration {quoted}"));
        };
        let part = part_size(whole, fraction, size).ok_or_else(invalid)?;
        total = total
            .checked_add(part)
            .filter(|total| *total <= 1 << 63)
            .ok_or_else(invalid)?;
        rest = tail;
    }
    if negative {
        0_i64.checked_sub_unsigned(total).ok_or_else(invalid)
    } else {
        i64::try_from(total).map_err(|_| invalid())
    }
}

fn unit_size(unit: &str) -> Option<u64> {
    let size = match unit {
        "ns" => 1,
        "us" | "µs" | "μs" => 1_000,
        "ms" => 1_000_000,
        "s" => SECOND,
        "m" => MINUTE,
        "h" => HOUR,
        _ => return None,
    };
    u64::try_from(size).ok()
}

fn part_size(whole: &str, fraction: &str, unit: u64) -> Option<u64> {
    let whole: u64 = if whole.is_empty() {
        0
    } else {
        whole.parse().ok()?
    };
    let mut size = u128::from(whole) * u128::from(unit);
    // More digits than these are smaller than a nanosecond of an hour.
    let kept = &fraction[..fraction.len().min(18)];
    if !kept.is_empty() {
        let scale = 10_u128.pow(u32::try_from(kept.len()).ok()?);
        size += kept.parse::<u128>().ok()? * u128::from(unit) / scale;
    }
    u64::try_from(size).ok().filter(|size| *size <= 1 << 63)
}
