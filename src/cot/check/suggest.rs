//! "did you mean": names that are spelled alike.

/// The candidate within edit distance 2 of `name`, at most half its length; the nearest one, the
/// first of those in order.
pub(super) fn nearest<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let most = (name.len() / 2).min(2);
    let near =
        candidates.into_iter().filter(|it| it.len().abs_diff(name.len()) <= most && *it != name && !it.is_empty());
    let rated = near.map(|it| (distance(name.as_bytes(), it.as_bytes()), it));
    rated.filter(|(distance, _)| *distance <= most).min().map(|(_, it)| it)
}

/// Insertions, deletions, replacements, and swaps of neighbors that turn one into the other.
fn distance(from: &[u8], to: &[u8]) -> usize {
    let mut before = vec![0; to.len() + 1];
    let mut previous: Vec<usize> = (0..=to.len()).collect();
    for (i, a) in from.iter().enumerate() {
        let mut current = vec![i + 1];
        for (j, b) in to.iter().enumerate() {
            let replaced = previous[j] + usize::from(a != b);
            let mut best = replaced.min(previous[j + 1] + 1).min(current[j] + 1);
            if i > 0 && j > 0 && *a == to[j - 1] && from[i - 1] == *b {
                best = best.min(before[j - 1] + 1);
            }
            current.push(best);
        }
        before = std::mem::replace(&mut previous, current);
    }
    previous[to.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn near_names_are_found() {
        assert_eq!(nearest("lenght", ["width", "length"]), Some("length"));
        assert_eq!(nearest("x", ["y"]), None);
        assert_eq!(nearest("count", ["counter", "mount"]), Some("mount"));
        assert_eq!(nearest("total", ["subtotals"]), None);
    }
}
