//! Floats as Go prints them.

/// Rewrites Rust's shortest exponent form (`1.5e-7`) as Go's `%g` with the fewest digits: plain
/// decimals for exponents from -4 to 5, `1.5e-07` otherwise.
pub(super) fn shortest(exponent_form: &str) -> String {
    let Some((mantissa, exponent)) = exponent_form.split_once('e') else {
        return exponent_form.to_owned();
    };
    let Ok(exponent) = exponent.parse::<i32>() else {
        return exponent_form.to_owned();
    };
    let (sign, mantissa) = match mantissa.strip_prefix('-') {
        Some(rest) => ("-", rest),
        None => ("", mantissa),
    };
    let digits: String = mantissa.chars().filter(char::is_ascii_digit).collect();
    if !(-4..6).contains(&exponent) {
        let sign_of_exponent = if exponent < 0 { '-' } else { '+' };
        return format!("{sign}{mantissa}e{sign_of_exponent}{:02}", exponent.abs());
    }
    if exponent < 0 {
        let zeros = "0".repeat(usize::try_from(-exponent - 1).unwrap_or_default());
        return format!("{sign}0.{zeros}{digits}");
    }
    let whole = usize::try_from(exponent).unwrap_or_default() + 1;
    if digits.len() <= whole {
        return format!("{sign}{digits}{}", "0".repeat(whole - digits.len()));
    }
    let (whole, fraction) = digits.split_at(whole);
    format!("{sign}{whole}.{fraction}")
}
