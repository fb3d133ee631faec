//! Which of two states of an object is the newer one.

/// Whether `candidate` is surely older than, or the same as, `known`.
///
/// Resource versions are opaque by promise and numbers in practice; where they are not numbers, only
/// equality is known.
pub(crate) fn is_older(candidate: Option<&str>, known: Option<&str>) -> bool {
    let (Some(candidate), Some(known)) = (candidate, known) else {
        return false;
    };
    match (candidate.parse::<u64>(), known.parse::<u64>()) {
        (Ok(candidate), Ok(known)) => candidate <= known,
        _ => candidate == known,
    }
}

#[cfg(test)]
mod tests {
    use super::is_older;

    #[test]
    fn numbers_are_compared_as_numbers_and_other_versions_by_equality() {
        let cases = [
            (Some("9"), Some("10"), true),
            (Some("10"), Some("10"), true),
            (Some("11"), Some("10"), false),
            (Some("a"), Some("a"), true),
            (Some("a"), Some("b"), false),
            (None, Some("1"), false),
            (Some("1"), None, false),
        ];
        for (candidate, known, expected) in cases {
            assert_eq!(
                is_older(candidate, known),
                expected,
                "{candidate:?} {known:?}"
            );
        }
    }
}
