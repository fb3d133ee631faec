//! Floating-point numbers as Go's `strconv.FormatFloat` writes them.

use std::fmt::Write as _;

/// More digits than any number has; those beyond are zeros.
const MAX_DIGITS: usize = 1100;

/// The decimal digits of a finite number and where its point stands: 0.d1d2d3… × 10^point.
struct Digits {
    digits: Vec<u8>,
    point: i32,
}

/// Writes a number with the format `e`, `E`, `f`, `g`, `G`, `b`, `x` or `X`. Without a precision,
/// with as few digits as tell it from every other number.
pub(crate) fn float(value: f64, format: u8, precision: Option<usize>) -> String {
    if value.is_nan() {
        return "NaN".to_owned();
    }
    if value.is_infinite() {
        return if value > 0.0 { "+Inf" } else { "-Inf" }.to_owned();
    }
    let sign = if value.is_sign_negative() { "-" } else { "" };
    let value = value.abs();
    let body = match format {
        b'e' | b'E' => exponential(value, format, precision),
        b'f' => fixed(value, precision),
        b'b' => binary(value),
        b'x' | b'X' => hexadecimal(value, format, precision),
        _ => general(value, format, precision),
    };
    format!("{sign}{body}")
}

/// Writes a complex number as Go prints it.
pub(crate) fn complex(re: f64, im: f64, format: u8, precision: Option<usize>) -> String {
    let im = float(im, format, precision);
    let sign = if im.starts_with(['-', '+']) { "" } else { "+" };
    format!("({}{sign}{im}i)", float(re, format, precision))
}

/// Rounds to so many digits, or finds the shortest digits that are exact.
fn decimal(value: f64, count: Option<usize>) -> Digits {
    let text = match count {
        Some(count) => format!("{value:.*e}", count.saturating_sub(1).min(MAX_DIGITS)),
        None => format!("{value:e}"),
    };
    let (mantissa, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    let mut digits: Vec<u8> = mantissa.bytes().filter(u8::is_ascii_digit).collect();
    let point = exponent.parse::<i32>().unwrap_or(0) + 1;
    if value == 0.0 {
        return Digits {
            digits: Vec::new(),
            point: 0,
        };
    }
    while digits.last() == Some(&b'0') {
        digits.pop();
    }
    Digits { digits, point }
}

fn exponential(value: f64, format: u8, precision: Option<usize>) -> String {
    let digits = decimal(
        value,
        precision.map(|precision| precision.saturating_add(1)),
    );
    let precision = precision.unwrap_or_else(|| digits.digits.len().saturating_sub(1));
    write_exponential(&digits, format, precision)
}

fn write_exponential(digits: &Digits, letter: u8, precision: usize) -> String {
    let mut text = String::new();
    let digit = |index: usize| char::from(digits.digits.get(index).copied().unwrap_or(b'0'));
    text.push(digit(0));
    if precision > 0 {
        text.push('.');
        text.extend((1..=precision).map(digit));
    }
    text.push(char::from(letter));
    let exponent = if digits.digits.is_empty() {
        0
    } else {
        digits.point - 1
    };
    text.push(if exponent < 0 { '-' } else { '+' });
    let _ = write!(text, "{:02}", exponent.unsigned_abs());
    text
}

fn fixed(value: f64, precision: Option<usize>) -> String {
    match precision {
        Some(precision) => {
            let exact = precision.min(MAX_DIGITS);
            let zeros = "0".repeat(precision - exact);
            format!("{value:.exact$}{zeros}")
        }
        None => format!("{value}"),
    }
}

fn general(value: f64, format: u8, precision: Option<usize>) -> String {
    let wanted = precision.map(|precision| precision.max(1));
    let digits = decimal(value, wanted);
    let count = i32::try_from(digits.digits.len()).unwrap_or(i32::MAX);
    // An exponent is used where the plain form would be long.
    let threshold = match wanted.map(|wanted| i32::try_from(wanted).unwrap_or(i32::MAX)) {
        None => 6,
        Some(wanted) if wanted > count && count >= digits.point => count,
        Some(wanted) => wanted,
    };
    let exponent = digits.point - 1;
    if exponent < -4 || exponent >= threshold {
        let letter = if format == b'G' { b'E' } else { b'e' };
        return write_exponential(&digits, letter, digits.digits.len().saturating_sub(1));
    }
    write_plain(&digits)
}

fn write_plain(digits: &Digits) -> String {
    let mut text = String::new();
    let all = &digits.digits;
    let whole = usize::try_from(digits.point).unwrap_or(0);
    if whole == 0 {
        text.push('0');
    }
    text.extend((0..whole).map(|index| char::from(all.get(index).copied().unwrap_or(b'0'))));
    if all.len() > whole {
        text.push('.');
        let zeros = usize::try_from(-digits.point).unwrap_or(0);
        text.extend(std::iter::repeat_n('0', zeros));
        text.extend(all[whole..].iter().map(|digit| char::from(*digit)));
    }
    text
}

/// Mantissa and exponent to the base two, the mantissa an integer.
fn parts(value: f64) -> (u64, i32) {
    let bits = value.to_bits();
    let exponent = i32::try_from((bits >> 52) & 0x7ff).unwrap_or(0);
    let fraction = bits & ((1 << 52) - 1);
    if exponent == 0 {
        (fraction, -1074)
    } else {
        (fraction | 1 << 52, exponent - 1075)
    }
}

fn binary(value: f64) -> String {
    let (mantissa, exponent) = parts(value);
    format!("{mantissa}p{exponent:+}")
}

fn hexadecimal(value: f64, format: u8, precision: Option<usize>) -> String {
    let (mut mantissa, mut exponent) = parts(value);
    if mantissa == 0 {
        exponent = 0;
    } else {
        // One bit before the point, 60 after it.
        let shift = mantissa.leading_zeros().saturating_sub(3);
        mantissa <<= shift;
        exponent = exponent - i32::try_from(shift).unwrap_or(0) + 60;
    }
    if let Some(precision) = precision.filter(|precision| *precision < 15) {
        let dropped = u32::try_from(precision * 4).unwrap_or(0);
        let extra = (mantissa << dropped) & ((1 << 60) - 1);
        mantissa >>= 60 - dropped;
        if extra | (mantissa & 1) > 1 << 59 {
            mantissa += 1;
        }
        mantissa <<= 60 - dropped;
        if mantissa & (1 << 61) != 0 {
            mantissa >>= 1;
            exponent += 1;
        }
    }
    let mut text = format!("0x{}", (mantissa >> 60) & 1);
    mantissa <<= 4;
    let mut fraction = String::new();
    match precision {
        None => {
            while mantissa != 0 {
                let _ = write!(fraction, "{:x}", mantissa >> 60);
                mantissa <<= 4;
            }
        }
        Some(precision) => {
            for _ in 0..precision {
                let _ = write!(fraction, "{:x}", mantissa >> 60);
                mantissa <<= 4;
            }
        }
    }
    if !fraction.is_empty() {
        text.push('.');
        text.push_str(&fraction);
    }
    text.push('p');
    text.push(if exponent < 0 { '-' } else { '+' });
    let _ = write!(text, "{:02}", exponent.unsigned_abs());
    if format == b'X' {
        text.make_ascii_uppercase();
    }
    text
}
