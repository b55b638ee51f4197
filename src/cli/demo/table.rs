//! What a person sees: a title, one row a step, a mark a claim. Colours on a terminal alone.

use std::io::IsTerminal;

/// Prints as the story goes.
pub(super) struct Table {
    colours: bool,
    step: usize,
}

/// Columns of characters for each calendar.
const WIDTH: usize = 38;

impl Table {
    pub(super) fn new() -> Self {
        Self { colours: std::io::stdout().is_terminal(), step: 0 }
    }

    /// The head of the story.
    pub(super) fn title(&self, text: &str, lines: &[&str]) {
        println!("\n{}", self.bold(text));
        for line in lines {
            println!("{line}");
        }
    }

    /// What is about to happen.
    pub(super) fn step(&mut self, text: &str) {
        self.step += 1;
        println!("\n{}", self.bold(&format!("{}. {text}", self.step)));
    }

    /// The two calendars after a step.
    pub(super) fn calendars(&self, cells: [(&str, Vec<String>); 2], writes: usize) {
        let [(left, left_rows), (right, right_rows)] = cells;
        println!("   {}", self.dim(&format!("{left:<WIDTH$} │ {right:<WIDTH$} │ writes to Graph")));
        let rows = left_rows.len().max(right_rows.len()).max(1);
        for row in 0..rows {
            let cell = |rows: &[String]| {
                rows.get(row).cloned().unwrap_or_else(|| if row == 0 { "(empty)".into() } else { String::new() })
            };
            let count = if row == 0 { writes.to_string() } else { String::new() };
            println!("   {:<WIDTH$} │ {:<WIDTH$} │ {count}", cell(&left_rows), cell(&right_rows));
        }
    }

    /// One claim and whether it holds.
    pub(super) fn claim(&self, holds: bool, text: &str, found: Option<&str>) {
        let mark = if holds { self.paint("32", "✓") } else { self.paint("31", "✗") };
        println!("   {mark} {text}");
        if let Some(found) = found.filter(|_| !holds) {
            println!("     found: {found}");
        }
    }

    /// A line that is neither.
    pub(super) fn line(&self, text: &str) {
        println!("   {}", self.dim(text));
    }

    /// The end: whether all is well, in a sentence.
    pub(super) fn verdict(&self, well: bool, text: &str) {
        println!("\n{}", self.paint(if well { "32" } else { "31" }, text));
    }

    fn bold(&self, text: &str) -> String {
        self.paint("1", text)
    }

    fn dim(&self, text: &str) -> String {
        self.paint("2", text)
    }

    fn paint(&self, code: &str, text: &str) -> String {
        if self.colours { format!("\u{1b}[{code}m{text}\u{1b}[0m") } else { text.to_owned() }
    }
}
