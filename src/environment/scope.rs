//! The components that a test uses or disturbs, and the locks that follow from them.

use std::collections::{BTreeMap, BTreeSet};

/// Every component of a suite, with its direct and indirect needs.
pub(super) type Needs = BTreeMap<String, BTreeSet<String>>;

/// The components that a test uses or disturbs.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) enum Scope {
    /// The test uses every component.
    #[default]
    Shared,
    /// The test uses these components, and with them their needs.
    Uses(Vec<String>),
    /// The test disturbs `on`, and with them every component that needs one of them. Of the others it uses `uses`.
    Exclusive { on: Vec<String>, uses: Vec<String> },
    /// The test disturbs everything.
    Alone,
}

/// A component that the suite does not have, and those that it has.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct UnknownComponent {
    pub(super) component: String,
    pub(super) known: String,
}

/// How a test holds a lock.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Mode {
    /// Beside other tests.
    Shared,
    /// Alone.
    Exclusive,
}

/// The locks of a test.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Locks {
    /// The environment's. Every test holds it.
    pub(super) environment: Mode,
    /// Those of components, by name.
    pub(super) components: BTreeMap<String, Mode>,
}

impl Scope {
    /// Returns the locks of a test in a suite with these components.
    ///
    /// A test that disturbs a component holds exclusive locks of all its dependents. A test that uses a component
    /// therefore holds that one's lock alone, and is excluded by tests that disturb a need of it.
    ///
    /// # Errors
    /// The first component that the suite does not have.
    pub(super) fn locks(&self, needs: &Needs) -> Result<Locks, UnknownComponent> {
        let (environment, exclusive, shared): (_, &[String], Vec<&String>) = match self {
            Scope::Alone => (Mode::Exclusive, &[], Vec::new()),
            Scope::Shared => (Mode::Shared, &[], needs.keys().collect()),
            Scope::Uses(uses) => (Mode::Shared, &[], uses.iter().collect()),
            Scope::Exclusive { on, uses } => (Mode::Shared, on, uses.iter().collect()),
        };
        if let Some(unknown) = exclusive.iter().chain(shared.iter().copied()).find(|it| !needs.contains_key(*it)) {
            let known = needs.keys().map(String::as_str).collect::<Vec<_>>().join(", ");
            return Err(UnknownComponent { component: unknown.clone(), known });
        }
        let disturbed = |name: &String, needs: &BTreeSet<String>| {
            exclusive.contains(name) || exclusive.iter().any(|it| needs.contains(it))
        };
        let mut components: BTreeMap<_, _> = shared.into_iter().map(|name| (name.clone(), Mode::Shared)).collect();
        let disturbed = needs.iter().filter(|(name, needs)| disturbed(name, needs));
        components.extend(disturbed.map(|(name, _)| (name.clone(), Mode::Exclusive)));
        Ok(Locks { environment, components })
    }
}

impl Locks {
    /// Returns whether a test that holds these holds `wanted`, too.
    pub(super) fn cover(&self, wanted: &Locks) -> bool {
        let holds = |(name, mode): (&String, &Mode)| self.components.get(name).is_some_and(|held| held >= mode);
        self.environment == Mode::Exclusive
            || (wanted.environment == Mode::Shared && wanted.components.iter().all(holds))
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn names(names: &[&str]) -> Vec<String> {
        names.iter().map(|&name| name.to_owned()).collect()
    }

    /// The reference suite.
    pub(super) fn needs() -> Needs {
        let needs: [(&str, &[&str]); 5] = [
            ("postgresql", &[]),
            ("redis", &[]),
            ("data-storage", &["postgresql", "redis"]),
            ("holmesgpt-api", &["postgresql"]),
            ("aianalysis", &["data-storage", "holmesgpt-api", "postgresql", "redis"]),
        ];
        needs.into_iter().map(|(name, needs)| (name.to_owned(), names(needs).into_iter().collect())).collect()
    }

    fn exclusive(on: &[&str], uses: &[&str]) -> Scope {
        Scope::Exclusive { on: names(on), uses: names(uses) }
    }

    fn of_mode(scope: &Scope, mode: Mode) -> Vec<String> {
        let locks = scope.locks(&needs()).unwrap();
        locks.components.into_iter().filter(|(_, it)| *it == mode).map(|(name, _)| name).collect()
    }

    #[rstest]
    #[case::a_leaf(&["aianalysis"], &["aianalysis"])]
    #[case::what_needs_it_too(&["redis"], &["aianalysis", "data-storage", "redis"])]
    #[case::several(&["data-storage", "holmesgpt-api"], &["aianalysis", "data-storage", "holmesgpt-api"])]
    #[case::what_all_need(&["postgresql"], &["aianalysis", "data-storage", "holmesgpt-api", "postgresql"])]
    fn dependents_of_a_disturbed_component_are_locked_too(#[case] on: &[&str], #[case] expected: &[&str]) {
        assert_eq!(of_mode(&exclusive(on, &[]), Mode::Exclusive), expected);
        assert!(of_mode(&exclusive(on, &[]), Mode::Shared).is_empty());
    }

    #[test]
    fn a_test_without_options_uses_every_component() {
        assert_eq!(of_mode(&Scope::Shared, Mode::Shared).len(), 5);
        assert_eq!(of_mode(&Scope::Uses(names(&["data-storage"])), Mode::Shared), ["data-storage"]);
        assert!(of_mode(&Scope::Uses(Vec::new()), Mode::Shared).is_empty());
        assert_eq!(
            of_mode(&exclusive(&["data-storage"], &["holmesgpt-api", "aianalysis"]), Mode::Shared),
            ["holmesgpt-api"]
        );
        assert_eq!(Scope::Alone.locks(&needs()).unwrap().environment, Mode::Exclusive);
    }

    /// Compares the locks of every pair of one disturbed and one used component with the needs.
    #[test]
    fn readers_are_excluded_if_their_component_or_a_need_of_it_is_disturbed() {
        let excludes = |one: &Locks, other: &Locks| {
            let at = |locks: &Locks, name: &String| locks.components.get(name).copied();
            one.components.keys().any(|name| {
                matches!(
                    (at(one, name), at(other, name)),
                    (Some(Mode::Exclusive), Some(_)) | (Some(_), Some(Mode::Exclusive))
                )
            })
        };
        let needs = needs();
        for disturbed in needs.keys() {
            let writer = exclusive(&[disturbed], &[]).locks(&needs).unwrap();
            assert!(excludes(&writer, &Scope::Shared.locks(&needs).unwrap()));
            for (used, needed) in &needs {
                let reader = Scope::Uses(vec![used.clone()]).locks(&needs).unwrap();
                let expected = used == disturbed || needed.contains(disturbed);
                assert_eq!(excludes(&writer, &reader), expected, "{disturbed} is disturbed, {used} is used");
            }
        }
    }

    #[rstest]
    #[case(Scope::Uses(names(&["redis", "redi"])))]
    #[case(exclusive(&["redi"], &[]))]
    #[case(exclusive(&["redis"], &["redi"]))]
    fn an_unknown_component_is_an_error_that_lists_the_known_ones(#[case] scope: Scope) {
        let known = "aianalysis, data-storage, holmesgpt-api, postgresql, redis".to_owned();
        assert_eq!(scope.locks(&needs()), Err(UnknownComponent { component: "redi".into(), known }));
    }

    #[test]
    fn a_test_needs_no_second_lock_for_what_it_holds() {
        let locks = |scope: Scope| scope.locks(&needs()).unwrap();
        let redis = locks(exclusive(&["redis"], &[]));
        assert!(redis.cover(&redis) && redis.cover(&locks(Scope::Uses(names(&["aianalysis"])))));
        assert!(!redis.cover(&locks(Scope::Shared)) && !redis.cover(&locks(exclusive(&["postgresql"], &[]))));
        assert!(locks(Scope::Alone).cover(&locks(Scope::Shared)) && !locks(Scope::Shared).cover(&locks(Scope::Alone)));
        assert!(locks(Scope::Shared).cover(&locks(Scope::Uses(names(&["redis"])))));
    }
}
