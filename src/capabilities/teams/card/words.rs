//! The contract's words as people say them.

use crate::events::outage::{OutageStatus, Severity, UtilityType};

/// Where an outage stands, in the middle of a sentence.
pub(super) fn status(status: OutageStatus) -> &'static str {
    match status {
        OutageStatus::Reported => "reported",
        OutageStatus::Investigating => "investigating",
        OutageStatus::CrewAssigned => "crew assigned",
        OutageStatus::CrewOnSite => "crew on site",
        OutageStatus::PartiallyRestored => "partially restored",
        OutageStatus::Restored => "restored",
        OutageStatus::Cancelled => "cancelled",
    }
}

/// What is out.
pub(super) fn utility(utility: UtilityType) -> &'static str {
    match utility {
        UtilityType::Electricity => "Electricity",
        UtilityType::Gas => "Gas",
        UtilityType::Water => "Water",
        UtilityType::Wastewater => "Wastewater",
        UtilityType::Heat => "Heat",
        UtilityType::Telecom => "Telecommunications",
        UtilityType::Other => "Other utility",
    }
}

/// How bad it is.
pub(super) fn severity(severity: Severity) -> &'static str {
    match severity {
        Severity::Minor => "Minor",
        Severity::Moderate => "Moderate",
        Severity::Major => "Major",
        Severity::Critical => "Critical",
    }
}

/// The same as a bar of four, to be seen at a glance in any colours.
pub(super) fn bar(severity: Severity) -> &'static str {
    match severity {
        Severity::Minor => "■□□□",
        Severity::Moderate => "■■□□",
        Severity::Major => "■■■□",
        Severity::Critical => "■■■■",
    }
}

/// `1 customer`, `1,240 customers`.
pub(super) fn customers(count: u64) -> String {
    format!("{} {}", number(count), if count == 1 { "customer" } else { "customers" })
}

/// With commas between the thousands.
pub(super) fn number(count: u64) -> String {
    let digits = count.to_string();
    let mut grouped = String::with_capacity(digits.len() * 4 / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

/// With a capital letter in front.
pub(super) fn capital(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_grouped_by_thousands() {
        for (count, text) in [(0, "0"), (999, "999"), (1_000, "1,000"), (1_234_567, "1,234,567")] {
            assert_eq!(number(count), text);
        }
        assert_eq!([customers(1), customers(2)], ["1 customer", "2 customers"]);
    }
}
