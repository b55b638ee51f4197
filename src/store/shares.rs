//! How a worker's slots are shared out among organisations. Pure.
//!
//! An organisation may be given one more slot while it has fewer than seven times as many as are free (a dynamic threshold, as
//! switches use for their buffers). Alone it gets seven eighths of all, two get seven fifteenths each, and so on: the more there are, the
//! less each can have, and however long they keep theirs, something is left for the next. What has to be given back by those who have
//! too much is never taken from them; they are only given nothing more.

use std::collections::HashMap;

use crate::organisation::OrgScope;

/// For one free slot an organisation may have so many.
pub const WEIGHT: usize = 7;

/// What is free, and who has how much. The default knows no bounds.
#[derive(Debug, Clone, Default)]
pub struct Shares(Option<Book>);

#[derive(Debug, Clone)]
struct Book {
    /// What no organisation may exceed, whatever is free.
    most: usize,
    free: usize,
    held: HashMap<String, usize>,
}

impl Shares {
    /// `free` slots, beside those that organisations have. Nobody gets more than `most`.
    pub fn new(most: usize, free: usize, held: impl IntoIterator<Item = (OrgScope, usize)>) -> Self {
        let held = held.into_iter().map(|(scope, count)| (scope.as_str().to_owned(), count)).collect();
        Self(Some(Book { most, free, held }))
    }

    /// Whether this organisation may be given nothing more.
    pub(super) fn is_full(&self, org: &str) -> bool {
        self.0.as_ref().is_some_and(|book| book.is_full(book.held.get(org).copied().unwrap_or(0)))
    }

    /// Whether any of those that have something may be given nothing more.
    pub fn any_full(&self) -> bool {
        self.0.as_ref().is_some_and(|book| book.held.values().any(|held| book.is_full(*held)))
    }

    /// Gives an organisation one more; false when it has its share.
    pub(crate) fn give(&mut self, org: &str) -> bool {
        if self.is_full(org) {
            return false;
        }
        if let Some(book) = &mut self.0 {
            *book.held.entry(org.to_owned()).or_default() += 1;
            book.free -= 1;
        }
        true
    }
}

impl Book {
    fn is_full(&self, held: usize) -> bool {
        held >= self.most.min(self.free.saturating_mul(WEIGHT))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Gives each of these as much as it can get, one after the other.
    fn greedy(most: usize, free: usize, organisations: &[&str]) -> Vec<usize> {
        let mut shares = Shares::new(most, free, []);
        organisations.iter().map(|org| std::iter::from_fn(|| shares.give(org).then_some(())).count()).collect()
    }

    #[test]
    fn one_alone_gets_seven_eighths_and_each_that_follows_seven_eighths_of_the_rest() {
        assert_eq!(greedy(usize::MAX, 800, &["a", "b", "c", "d"]), [700, 88, 11, 1]);
    }

    #[test]
    fn those_that_ask_by_turns_get_the_same_and_leave_something() {
        let mut shares = Shares::new(usize::MAX, 800, []);
        let mut given = [0; 10];
        for _ in 0..800 {
            for (number, count) in given.iter_mut().enumerate() {
                *count += usize::from(shares.give(&number.to_string()));
            }
        }
        let (least, greatest) = (given.iter().min().unwrap(), given.iter().max().unwrap());
        assert!(*greatest - *least <= 1 && *least >= 77, "{given:?}");
        assert!(given.iter().sum::<usize>() < 800, "something is left: {given:?}");
    }

    #[test]
    fn few_slots_are_not_all_given_to_one_either() {
        assert_eq!(greedy(1, 5, &["a", "b", "c", "d", "e", "f"]), [1, 1, 1, 1, 1, 0]);
        assert_eq!(greedy(10, 14, &["a", "b"]), [10, 4]);
    }

    #[test]
    fn who_has_more_than_its_share_gets_nothing_until_it_has_given_back() {
        let acme = OrgScope::granted_to_operator(crate::organisation::OrganisationId::parse("acme").unwrap());
        let shares = |held| Shares::new(700, 90, [(acme.clone(), held)]);
        assert!(shares(630).is_full("acme") && shares(630).any_full());
        assert!(!shares(629).is_full("acme") && !shares(629).any_full() && !shares(700).is_full("other"));
    }

    #[test]
    fn without_bounds_everybody_gets_what_it_asks_for() {
        let mut shares = Shares::default();
        assert!((0..10_000).all(|_| shares.give("acme")) && !shares.any_full());
    }
}
