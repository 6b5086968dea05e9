//! What a typing error may have been meant to be.

/// The candidate that is most like a word, if any is.
#[must_use]
pub fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let likeness = |candidate: &str| strsim::normalized_damerau_levenshtein(word, candidate);
    let scored = candidates.into_iter().map(|candidate| (likeness(candidate), candidate));
    let best = scored.max_by(|a, b| a.0.total_cmp(&b.0))?;
    // Below half, the two have little in common.
    (best.0 >= 0.5).then_some(best.1)
}

#[cfg(test)]
mod tests {
    use super::nearest;

    #[test]
    fn the_most_alike_is_named() {
        assert_eq!(nearest("hedas", ["head", "heads", "steps"]), Some("heads"));
        assert_eq!(nearest("zzz", ["head", "heads"]), None);
        assert_eq!(nearest("any", []), None);
    }
}
