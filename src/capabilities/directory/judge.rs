//! What a complete plan may do unasked. Pure.
//!
//! The danger of an import is not one wrong person, it is everybody at once: a filter that changed, a tenant that answers with half of
//! itself. So a plan that takes something from many waits for a person, with the list of who.

/// How many people one import may disable, or take a role from, unasked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// At most so many (`directory.disable_limit`).
    pub people: u64,
    /// At most this share of the active people (`directory.disable_limit_percent`); never less than [`ALWAYS`].
    pub percent: u64,
}

/// So many are within the share whatever the directory's size: of eight people, one is more than a tenth.
const ALWAYS: u64 = 5;

/// What a plan would do, in numbers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Figures {
    /// Active people before.
    pub active: u64,
    /// People it would disable, for whatever reason.
    pub disabled: u64,
    /// People who would lose a role.
    pub losing: u64,
    /// People or groups it takes for gone.
    pub absent: u64,
    /// The delta link was refused before: whatever was missed since, this read cannot tell it from a mistake.
    pub distrusted: bool,
}

/// What becomes of a plan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Judgement {
    /// It is applied.
    Apply,
    /// It waits for approval, for this reason.
    Await(String),
}

impl Limits {
    /// The most people unasked.
    pub fn most(&self, active: u64) -> u64 {
        ALWAYS.max(active.saturating_mul(self.percent) / 100).min(self.people)
    }
}

/// Judges a complete plan.
pub fn judge(figures: &Figures, limits: &Limits) -> Judgement {
    let most = limits.most(figures.active);
    let wait = |reason: String| Judgement::Await(reason);
    if figures.disabled > most {
        return wait(format!(
            "would disable {} of {} active people; {most} are allowed unasked",
            figures.disabled, figures.active
        ));
    }
    if figures.losing > most {
        return wait(format!("would take a role from {} people; {most} are allowed unasked", figures.losing));
    }
    if figures.distrusted && figures.absent + figures.losing > 0 {
        return wait(format!("Microsoft had refused the delta link; {} are absent from the full read", figures.absent));
    }
    Judgement::Apply
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: Limits = Limits { people: 500, percent: 10 };

    fn disabling(disabled: u64, active: u64) -> bool {
        judge(&Figures { active, disabled, ..Figures::default() }, &LIMITS) == Judgement::Apply
    }

    #[test]
    fn five_pass_in_any_directory_and_a_tenth_in_a_larger_one() {
        assert!(disabling(5, 5) && !disabling(6, 8));
        assert!(disabling(10, 100) && !disabling(11, 100));
        assert!(disabling(10, 109), "a tenth of 109 is 10.9: ten people");
    }

    #[test]
    fn five_hundred_pass_however_large_it_is() {
        assert!(disabling(500, 1_000_000) && !disabling(501, 1_000_000));
    }

    #[test]
    fn roles_are_held_to_the_same_limit() {
        let losing = |losing| judge(&Figures { active: 100, losing, ..Figures::default() }, &LIMITS);
        assert_eq!(losing(10), Judgement::Apply);
        assert!(matches!(losing(11), Judgement::Await(_)));
    }

    #[test]
    fn one_absence_waits_after_a_refused_link() {
        let figures = Figures { active: 1_000, disabled: 1, absent: 1, ..Figures::default() };
        assert_eq!(judge(&figures, &LIMITS), Judgement::Apply);
        assert!(matches!(judge(&Figures { distrusted: true, ..figures }, &LIMITS), Judgement::Await(_)));
        let nobody = Figures { active: 1_000, distrusted: true, ..Figures::default() };
        assert_eq!(judge(&nobody, &LIMITS), Judgement::Apply);
    }

    #[test]
    fn a_limit_of_zero_lets_nobody_go_unasked() {
        let limits = Limits { people: 0, percent: 10 };
        assert!(matches!(judge(&Figures { active: 9, disabled: 1, ..Figures::default() }, &limits), Judgement::Await(_)));
    }
}
