//! Numbers as Go's `strconv` reads them.

/// Reads an unsigned integer. Base 0 means that a prefix tells the base and that underscores may
/// stand between digits.
pub(crate) fn parse_uint(text: &str, base: u32) -> Option<u64> {
    if base != 0 {
        let plain = !text.is_empty() && text.chars().all(|c| c.is_digit(base));
        return plain.then(|| u64::from_str_radix(text, base).ok())?;
    }
    let (digits, base) = split_base(text);
    if !underscores_ok(text) {
        return None;
    }
    let digits: String = digits.chars().filter(|c| *c != '_').collect();
    parse_uint(&digits, base)
}

/// Reads a signed integer, as [`parse_uint`] does.
pub(crate) fn parse_int(text: &str, base: u32) -> Option<i64> {
    let (negative, digits) = match text.as_bytes().first()? {
        b'-' => (true, &text[1..]),
        b'+' => (false, &text[1..]),
        _ => (false, text),
    };
    if base == 0 && !underscores_ok(text) {
        return None;
    }
    let value = parse_uint(digits, base)?;
    if negative {
        0_i64.checked_sub_unsigned(value)
    } else {
        i64::try_from(value).ok()
    }
}

fn split_base(text: &str) -> (&str, u32) {
    let bytes = text.as_bytes();
    if bytes.first() != Some(&b'0') {
        return (text, 10);
    }
    match bytes.get(1).map(u8::to_ascii_lowercase) {
        Some(b'x') if text.len() > 2 => (&text[2..], 16),
        Some(b'o') if text.len() > 2 => (&text[2..], 8),
        Some(b'b') if text.len() > 2 => (&text[2..], 2),
        Some(_) => (&text[1..], 8),
        None => (text, 10),
    }
}

/// Whether underscores stand only between digits, or between a base's prefix and a digit.
fn underscores_ok(text: &str) -> bool {
    let text = text.strip_prefix(['-', '+']).unwrap_or(text);
    let mut last = '^';
    let mut chars = text;
    let bytes = text.as_bytes();
    let mut hex = false;
    if bytes.len() >= 2 && bytes[0] == b'0' {
        let letter = bytes[1].to_ascii_lowercase();
        if matches!(letter, b'b' | b'o' | b'x') {
            chars = &text[2..];
            last = '0';
            hex = letter == b'x';
        }
    }
    for c in chars.chars() {
        if c.is_ascii_digit() || hex && c.is_ascii_hexdigit() {
            last = '0';
        } else if c == '_' {
            if last != '0' {
                return false;
            }
            last = '_';
        } else {
            if last == '_' {
                return false;
            }
            last = '!';
        }
    }
    last != '_'
}

/// Reads a floating-point number: decimal or hexadecimal, infinity, not a number. A number too
/// large is none.
pub(crate) fn parse_float(text: &str) -> Option<f64> {
    let (negative, body) = match text.as_bytes().first()? {
        b'-' => (true, &text[1..]),
        b'+' => (false, &text[1..]),
        _ => (false, text),
    };
    let sign = if negative { -1.0 } else { 1.0 };
    let lower = body.to_ascii_lowercase();
    if lower == "inf" || lower == "infinity" {
        return Some(sign * f64::INFINITY);
    }
    if lower == "nan" {
        return (body.len() == text.len()).then_some(f64::NAN);
    }
    if !underscores_ok(text) {
        return None;
    }
    if let Some(digits) = lower.strip_prefix("0x") {
        return hexadecimal(&digits.replace('_', "")).map(|value| sign * value);
    }
    let body = body.replace('_', "");
    let plain = body
        .bytes()
        .all(|b| b.is_ascii_digit() || matches!(b, b'.' | b'e' | b'E' | b'+' | b'-'));
    if !plain || !body.bytes().any(|b| b.is_ascii_digit()) {
        return None;
    }
    let value: f64 = body.parse().ok()?;
    value.is_finite().then_some(sign * value)
}

/// Reads `h.hhp±d` in lower case; the exponent is required.
fn hexadecimal(text: &str) -> Option<f64> {
    let (mantissa, exponent) = text.split_once('p')?;
    let exponent: i32 = exponent.parse().ok()?;
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    if whole.is_empty() && fraction.is_empty() {
        return None;
    }
    let mut value = 0.0_f64;
    for c in whole.chars().chain(fraction.chars()) {
        value = value * 16.0 + f64::from(c.to_digit(16)?);
    }
    let places = i32::try_from(fraction.len()).ok()?.checked_mul(4)?;
    let value = value * 2.0_f64.powi(exponent.checked_sub(places)?);
    value.is_finite().then_some(value)
}
