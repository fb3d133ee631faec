//! Integers in the bases of `printf`.

/// Writes a number in base 2, 8, 10 or 16 with lower-case digits.
pub(super) fn integer(value: u64, base: u32) -> String {
    match base {
        2 => format!("{value:b}"),
        8 => format!("{value:o}"),
        16 => format!("{value:x}"),
        _ => value.to_string(),
    }
}
