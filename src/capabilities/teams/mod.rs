//! Teams: an outage as one card in each channel that its utility and severity lead to.

pub mod card;
