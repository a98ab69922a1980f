//! Checks whether a cluster may be a production cluster.

use kube::core::ObjectMeta;

use crate::suite::manifests::{MANAGED_BY, MANAGED_BY_LABEL};

/// Test clusters rarely have more namespaces than this.
const NAMESPACES: usize = 50;

/// Returns the word in a context's name that indicates production.
pub(super) fn word_in(context: &str) -> Option<&str> {
    let words = context.split(|c: char| !c.is_ascii_alphanumeric());
    // `prod1` and `prod-1` count as `prod`.
    let mut words = words.map(|word| word.trim_end_matches(|c: char| c.is_ascii_digit()));
    words.find(|word| ["prod", "production", "live"].iter().any(|it| word.eq_ignore_ascii_case(it)))
}

/// Returns the reason, if the cluster's namespaces indicate production.
pub(super) fn judge(namespaces: &[ObjectMeta]) -> Option<String> {
    let is_ours =
        |it: &ObjectMeta| it.labels.iter().flatten().any(|(key, value)| key == MANAGED_BY_LABEL && value == MANAGED_BY);
    let many = namespaces.len() > NAMESPACES && !namespaces.iter().any(is_ours);
    many.then(|| format!("it has {} namespaces, and none of kind-harness", namespaces.len()))
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::alone("prod", Some("prod"))]
    #[case::among_others("gke_shop_europe-west1_production", Some("production"))]
    #[case::numbered("eks/Prod2", Some("Prod"))]
    #[case::live("live.example.com", Some("live"))]
    #[case::a_part_of_a_word("kind-products", None)]
    #[case::another_word("kind-olive", None)]
    #[case::nothing_of_it("kind-dev", None)]
    fn a_name_says_so_by_a_word(#[case] context: &str, #[case] word: Option<&str>) {
        assert_eq!(word_in(context), word);
    }

    #[test]
    fn many_namespaces_say_so_unless_one_is_ours() {
        let mut namespaces = vec![ObjectMeta::default(); 50];
        assert_eq!(judge(&namespaces), None);
        namespaces.push(ObjectMeta::default());
        assert_eq!(judge(&namespaces).unwrap(), "it has 51 namespaces, and none of kind-harness");
        namespaces[7].labels = Some([(MANAGED_BY_LABEL.to_owned(), MANAGED_BY.to_owned())].into());
        assert_eq!(judge(&namespaces), None);
    }
}
