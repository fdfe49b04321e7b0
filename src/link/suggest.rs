//! "Did you mean": of many names the one that is nearest to a wrong one.

/// The nearest name, if it is near enough to be what was meant: a third of the letters may be
/// wrong.
pub fn nearest<'a>(wrong: &str, names: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let limit = wrong.chars().count().max(3) / 3;
    let near = |name: &&str| name.len().abs_diff(wrong.len()) <= limit && **name != *wrong;
    let rated = names.filter(near).map(|name| (strsim::damerau_levenshtein(wrong, name), name));
    rated.filter(|(distance, _)| *distance <= limit).min().map(|(_, name)| name)
}

#[cfg(test)]
mod tests {
    use super::nearest;

    #[test]
    fn near_names_are_found_and_far_ones_are_not() {
        let names = ["puts", "putc", "fputs", "qsort", "environ"];
        assert_eq!(nearest("putz", names.into_iter()), Some("putc"));
        assert_eq!(nearest("pust", names.into_iter()), Some("puts"));
        assert_eq!(nearest("qsotr", names.into_iter()), Some("qsort"));
        assert_eq!(nearest("frobnicate", names.into_iter()), None);
        assert_eq!(nearest("ab", ["cd"].into_iter()), None);
    }
}
