//! Checking a chain, entry by entry, in constant memory.

use std::collections::BTreeMap;

use super::{Entry, Head, Link};
use crate::organisation::OrganisationId;

/// What checking a chain found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verification {
    /// Whether every link holds and the head row agrees.
    pub intact: bool,
    /// Entries read.
    pub entries: u64,
    /// The last hash.
    pub head: [u8; 32],
    /// The first entry that does not fit.
    pub first_broken: Option<u64>,
    /// What is wrong with it, in words.
    pub reason: Option<String>,
}

/// A fold over an organisation's entries in chain order. It remembers the first fault and goes on counting.
#[derive(Debug)]
pub struct Verifier {
    head: Head,
    entries: u64,
    fault: Option<(u64, String)>,
    /// What signed checkpoints say: the hash of the entry with this number.
    anchors: BTreeMap<u64, [u8; 32]>,
}

impl Verifier {
    /// Starts before the first entry.
    pub fn new(organisation: &OrganisationId) -> Self {
        Self { head: Head::start(organisation), entries: 0, fault: None, anchors: BTreeMap::new() }
    }

    /// Holds the chain to where it stood once, as signed checkpoints say.
    #[must_use]
    pub fn anchored(mut self, checkpoints: &[Head]) -> Self {
        self.anchors = checkpoints.iter().filter(|head| head.seq > 0).map(|head| (head.seq, head.hash)).collect();
        self
    }

    /// Takes the next entry.
    pub fn entry(&mut self, link: &Link, entry: &Entry<'_>) {
        self.entries += 1;
        if self.fault.is_some() {
            return;
        }
        let expected = self.head.seq + 1;
        if link.seq != expected {
            self.fault(expected, format!("entry {expected} is missing, {} follows", link.seq));
        } else if link.previous != self.head.hash {
            self.fault(link.seq, "it does not continue the entry before it".to_owned());
        } else if link.hash != entry.hash(link.seq, &link.previous) {
            self.fault(link.seq, "its content does not match its hash".to_owned());
        } else if self.anchors.remove(&link.seq).is_some_and(|signed| signed != link.hash) {
            self.fault(link.seq, "it is not the entry that a signed checkpoint names".to_owned());
        } else {
            self.head = link.into();
        }
    }

    /// Takes note of a fault that the caller found at an entry (a personal fact that its commitment does not open to, a row
    /// that cannot be read).
    pub fn fault(&mut self, seq: u64, reason: String) {
        self.fault.get_or_insert((seq, reason));
    }

    /// Compares the end of the chain with the head row; a chain that ends before it was cut.
    pub fn finish(mut self, head: Head) -> Verification {
        if self.head.seq < head.seq {
            self.fault(self.head.seq + 1, format!("the chain ends at {}, its head row says {}", self.head.seq, head.seq));
        } else if self.head != head {
            self.fault(self.head.seq, "the chain's end does not match its head row".to_owned());
        } else if let Some(signed) = self.anchors.last_key_value().map(|(seq, _)| *seq) {
            self.fault(self.head.seq + 1, format!("the chain ends at {}, a signed checkpoint says {signed}", self.head.seq));
        }
        let (first_broken, reason) = self.fault.unzip();
        Verification { intact: first_broken.is_none(), entries: self.entries, head: self.head.hash, first_broken, reason }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::link;

    fn entry(detail: &str) -> Entry<'_> {
        Entry {
            at: 1,
            actor: "system",
            action: "calendar.event.created",
            target: "task/1",
            outcome: "succeeded",
            detail,
            personal: &[],
            correlation_id: None,
            graph_request_id: None,
        }
    }

    fn organisation() -> OrganisationId {
        OrganisationId::parse("acme").unwrap()
    }

    fn chain(details: &[String]) -> Vec<Link> {
        let mut head = Head::start(&organisation());
        let step = |detail: &String| {
            let next = link(&head, &entry(detail));
            head = (&next).into();
            next
        };
        details.iter().map(step).collect()
    }

    fn verify(links: &[Link], details: &[String], head: Head) -> Verification {
        let mut verifier = Verifier::new(&organisation());
        for (link, detail) in links.iter().zip(details) {
            verifier.entry(link, &entry(detail));
        }
        verifier.finish(head)
    }

    fn details() -> Vec<String> {
        (0..5).map(|n| format!("{{\"n\":{n}}}")).collect()
    }

    #[test]
    fn an_untouched_chain_is_intact() {
        let links = chain(&details());
        let found = verify(&links, &details(), (&links[4]).into());
        assert!(found.intact && found.entries == 5 && found.head == links[4].hash);
    }

    #[test]
    fn every_single_change_is_found_where_it_is() {
        let links = chain(&details());
        for changed in 0..5 {
            let mut details = details();
            details[changed].push(' ');
            assert_eq!(verify(&links, &details, (&links[4]).into()).first_broken, Some(changed as u64 + 1));
        }
    }

    #[test]
    fn gaps_swaps_and_cut_tails_are_found() {
        let (links, all) = (chain(&details()), details());
        let head: Head = (&links[4]).into();
        let without = |gone: usize| {
            let keep = |n: &usize| *n != gone;
            let links: Vec<_> = (0..5).filter(keep).map(|n| links[n].clone()).collect();
            let details: Vec<_> = (0..5).filter(keep).map(|n| all[n].clone()).collect();
            verify(&links, &details, head).first_broken
        };
        assert_eq!((0..5).map(without).collect::<Vec<_>>(), (1..=5).map(Some).collect::<Vec<_>>());
        let (mut swapped, mut contents) = (links.clone(), all.clone());
        swapped.swap(1, 2);
        contents.swap(1, 2);
        assert_eq!(verify(&swapped, &contents, head).first_broken, Some(2));
    }

    #[test]
    fn a_tail_cut_together_with_its_head_row_and_a_replaced_chain_are_found_against_a_checkpoint() {
        let links = chain(&details());
        let verify = |details: &[String], length: usize, checkpoints: &[Head]| {
            let links = chain(details);
            let mut verifier = Verifier::new(&organisation()).anchored(checkpoints);
            for (link, detail) in links.iter().zip(details).take(length) {
                verifier.entry(link, &entry(detail));
            }
            verifier.finish((&links[length - 1]).into())
        };
        let checkpoints: [Head; 2] = [(&links[1]).into(), (&links[3]).into()];
        assert!(verify(&details(), 5, &checkpoints).intact);
        assert!(verify(&details(), 4, &checkpoints).intact);
        assert_eq!(verify(&details(), 3, &checkpoints).first_broken, Some(4));
        let mut other = details();
        other[0].push(' ');
        assert_eq!(verify(&other, 5, &checkpoints).first_broken, Some(2), "a whole other chain, intact in itself");
    }

    #[test]
    fn a_head_row_that_lags_or_lies_is_found() {
        let links = chain(&details());
        assert!(!verify(&links, &details(), (&links[3]).into()).intact);
        assert!(!verify(&links, &details(), Head { seq: 5, hash: [0; 32] }).intact);
    }
}
