//! Decimal numbers of any length, for sums of floats without the rounding of floats.

use num_bigint::{BigInt, Sign};

use crate::budget::Failure;

/// Digits after the point that a division keeps.
const DIVISION_PLACES: i64 = 16;

/// An integer times a power of ten.
#[derive(Debug, Clone)]
pub(super) struct Decimal {
    digits: BigInt,
    exponent: i64,
}

impl Decimal {
    /// The decimal number that is written with the fewest digits that tell the float from others.
    pub(super) fn new(value: f64) -> Result<Self, Failure> {
        if !value.is_finite() {
            return Err(Failure::new(format!(
                "Cannot create a Decimal from {}",
                crate::format::float(value, b'g', None)
            )));
        }
        let text = format!("{value:e}");
        let (mantissa, exponent) = text.split_once('e').unwrap_or((&text, "0"));
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let digits = format!("{whole}{fraction}").parse().unwrap_or_default();
        let exponent = exponent.parse::<i64>().unwrap_or(0);
        let places = i64::try_from(fraction.len()).unwrap_or(0);
        Ok(Self {
            digits,
            exponent: exponent - places,
        })
    }

    /// Bytes that the number takes.
    pub(super) fn size(&self) -> usize {
        usize::try_from(self.digits.bits() / 8).unwrap_or(usize::MAX)
    }

    /// The digits when the number is written with this smaller exponent.
    fn scaled(&self, exponent: i64) -> BigInt {
        &self.digits * power_of_ten(self.exponent - exponent)
    }

    pub(super) fn add(&self, other: &Self) -> Self {
        let exponent = self.exponent.min(other.exponent);
        Self {
            digits: self.scaled(exponent) + other.scaled(exponent),
            exponent,
        }
    }

    pub(super) fn sub(&self, other: &Self) -> Self {
        let negative = Self {
            digits: -&other.digits,
            exponent: other.exponent,
        };
        self.add(&negative)
    }

    pub(super) fn mul(&self, other: &Self) -> Self {
        Self {
            digits: &self.digits * &other.digits,
            exponent: self.exponent + other.exponent,
        }
    }

    /// Divides; the last digit kept is rounded half away from zero.
    pub(super) fn div(&self, other: &Self) -> Result<Self, Failure> {
        if other.digits.sign() == Sign::NoSign {
            return Err(Failure::new("decimal division by 0"));
        }
        let shift = self.exponent - other.exponent + DIVISION_PLACES;
        let (dividend, divisor) = if shift >= 0 {
            (&self.digits * power_of_ten(shift), other.digits.clone())
        } else {
            (self.digits.clone(), &other.digits * power_of_ten(-shift))
        };
        let mut quotient = &dividend / &divisor;
        let remainder = &dividend % &divisor;
        let twice = BigInt::from(remainder.magnitude() * 2_u32);
        if twice >= BigInt::from(divisor.magnitude().clone()) {
            if (dividend.sign() == Sign::Minus) == (divisor.sign() == Sign::Minus) {
                quotient += 1;
            } else {
                quotient -= 1;
            }
        }
        Ok(Self {
            digits: quotient,
            exponent: -DIVISION_PLACES,
        })
    }

    /// The float nearest to the number.
    pub(super) fn to_float(&self) -> f64 {
        let text = format!("{}e{}", self.digits, self.exponent);
        text.parse().unwrap_or(f64::NAN)
    }
}

fn power_of_ten(exponent: i64) -> BigInt {
    let exponent = u32::try_from(exponent.max(0)).unwrap_or(u32::MAX);
    BigInt::from(10).pow(exponent)
}
