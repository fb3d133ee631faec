//! Amounts of resources: read, compared, and written in the one form in which the server keeps them.

use std::cmp::Ordering;
use std::fmt;

/// An amount such as `500m`, `1.5Gi` or `1e3`, exact down to billionths.
#[derive(Clone, Copy, Debug)]
pub struct Quantity {
    nano: i128,
    format: Format,
}

/// How an amount was written; the canonical form keeps to it where it can.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Format {
    Decimal,
    Exponent,
    Binary,
}

/// Why a text is no amount.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum QuantityError {
    /// The text as a whole does not look like one.
    #[error(
        "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'"
    )]
    Format,
    /// The suffix is unknown.
    #[error("unable to parse quantity's suffix")]
    Suffix,
    /// The number is too large.
    #[error("unable to parse numeric part of quantity")]
    Number,
}

const NANO: i128 = 1_000_000_000;
/// No amount in powers of two is larger: what is counts as this.
const MOST: i128 = 9_223_372_036_854_775_807 * NANO;
const DECIMAL: &[(&str, u32)] = &[
    ("n", 0),
    ("u", 3),
    ("m", 6),
    ("", 9),
    ("k", 12),
    ("M", 15),
    ("G", 18),
    ("T", 21),
    ("P", 24),
    ("E", 27),
];
const BINARY: &[(&str, u32)] = &[
    ("Ki", 10),
    ("Mi", 20),
    ("Gi", 30),
    ("Ti", 40),
    ("Pi", 50),
    ("Ei", 60),
];

impl Quantity {
    /// Reads an amount.
    pub fn parse(text: &str) -> Result<Self, QuantityError> {
        let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
        let number = unsigned
            .find(|c: char| !c.is_ascii_digit() && c != '.')
            .unwrap_or(unsigned.len());
        let (digits, suffix) = unsigned.split_at(number);
        if digits.matches('.').count() > 1 || !digits.contains(|c: char| c.is_ascii_digit()) {
            return Err(QuantityError::Format);
        }
        if !has_form_of_suffix(suffix) {
            return Err(QuantityError::Format);
        }
        let (multiplier, divisor, format) = scale(suffix)?;
        let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
        let fraction = fraction.trim_end_matches('0');
        let digits = whole.bytes().chain(fraction.bytes());
        let mut digits = digits.map(|digit| i128::from(digit - b'0'));
        let mantissa =
            digits.try_fold(0_i128, |sum, digit| sum.checked_mul(10)?.checked_add(digit));
        let places = u32::try_from(fraction.len()).map_err(|_| QuantityError::Number)?;
        let below = 10_i128
            .checked_pow(places)
            .and_then(|below| below.checked_mul(divisor))
            .ok_or(QuantityError::Number)?;
        let above = mantissa
            .and_then(|mantissa| mantissa.checked_mul(NANO))
            .and_then(|above| above.checked_mul(multiplier));
        // What is finer than a billionth is rounded up.
        let total = above.map(|above| above / below + i128::from(above % below != 0));
        let total = if format == Format::Binary {
            total.map_or(MOST, |total| total.min(MOST))
        } else {
            total.ok_or(QuantityError::Number)?
        };
        let nano = if text.starts_with('-') { -total } else { total };
        Ok(Self { nano, format })
    }

    /// The amount rounded up to thousandths, as lists of resources keep it.
    #[must_use]
    pub fn in_thousandths(self) -> Self {
        const MILLI: i128 = NANO / 1000;
        let rest = self.nano.rem_euclid(MILLI);
        let nano = if rest == 0 {
            self.nano
        } else {
            self.nano - rest + MILLI
        };
        Self { nano, ..self }
    }

    /// Whether the amount is below nothing.
    pub fn is_negative(self) -> bool {
        self.nano < 0
    }

    /// Whether there are no parts of one.
    pub fn is_whole(self) -> bool {
        self.nano % NANO == 0
    }

    /// The amount as near as such a number comes to it.
    #[expect(clippy::cast_precision_loss, reason = "it is near enough")]
    pub fn approximately(self) -> f64 {
        self.nano as f64 / NANO as f64
    }

    /// How often a divisor goes into the amount, rounded up; `None` if the divisor is nothing.
    pub fn over(self, divisor: Self) -> Option<i128> {
        let times = self.nano.checked_div_euclid(divisor.nano)?;
        Some(times + i128::from(self.nano.rem_euclid(divisor.nano) != 0))
    }

    /// The whole number, rounded up.
    pub fn ceil(self) -> i128 {
        self.nano.div_euclid(NANO) + i128::from(self.nano.rem_euclid(NANO) != 0)
    }
}

fn has_form_of_suffix(suffix: &str) -> bool {
    let rest = suffix.trim_start_matches(|c| "eEinumkKMGTP".contains(c));
    let rest = rest.strip_prefix(['+', '-']).unwrap_or(rest);
    rest.bytes().all(|byte| byte.is_ascii_digit())
}

/// What a suffix multiplies by and divides by.
fn scale(suffix: &str) -> Result<(i128, i128, Format), QuantityError> {
    if let Some((_, bits)) = BINARY.iter().find(|(name, _)| *name == suffix) {
        return Ok((1 << bits, 1, Format::Binary));
    }
    if let Some((_, power)) = DECIMAL.iter().find(|(name, _)| *name == suffix) {
        let power = i32::try_from(*power).unwrap_or_default() - 9;
        return Ok(power_of_ten(power, Format::Decimal));
    }
    let exponent = suffix
        .strip_prefix(['e', 'E'])
        .and_then(|text| text.parse::<i32>().ok())
        .ok_or(QuantityError::Suffix)?;
    if exponent.abs() > 18 {
        return Err(QuantityError::Number);
    }
    Ok(power_of_ten(exponent, Format::Exponent))
}

fn power_of_ten(power: i32, format: Format) -> (i128, i128, Format) {
    let size = 10_i128.pow(power.unsigned_abs());
    if power < 0 {
        (1, size, format)
    } else {
        (size, 1, format)
    }
}

impl fmt::Display for Quantity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.nano == 0 {
            return f.write_str("0");
        }
        let small = self.nano.abs() < 1024 * NANO;
        if self.format == Format::Binary && !small && self.is_whole() {
            let value = self.nano / NANO;
            let fitting = BINARY
                .iter()
                .rev()
                .find(|(_, bits)| value % (1 << bits) == 0);
            return match fitting {
                Some((suffix, bits)) => write!(f, "{}{suffix}", value >> bits),
                None => write!(f, "{value}"),
            };
        }
        let fitting = DECIMAL
            .iter()
            .rev()
            .find(|(_, power)| self.nano % 10_i128.pow(*power) == 0);
        let (suffix, power) = fitting.copied().unwrap_or(("n", 0));
        let mantissa = self.nano / 10_i128.pow(power);
        match (self.format, i64::from(power) - 9) {
            (Format::Exponent, 0) => write!(f, "{mantissa}"),
            (Format::Exponent, exponent) => write!(f, "{mantissa}e{exponent}"),
            _ => write!(f, "{mantissa}{suffix}"),
        }
    }
}

impl PartialEq for Quantity {
    fn eq(&self, other: &Self) -> bool {
        self.nano == other.nano
    }
}

impl Eq for Quantity {}

impl PartialOrd for Quantity {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Quantity {
    fn cmp(&self, other: &Self) -> Ordering {
        self.nano.cmp(&other.nano)
    }
}
