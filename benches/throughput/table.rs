//! The answer: one line a measurement.

use crate::process::Used;

/// One measurement.
#[derive(Debug)]
pub(crate) struct Line {
    /// What was measured.
    pub(crate) what: String,
    /// What is aimed at.
    pub(crate) target: String,
    /// What came out.
    pub(crate) measured: String,
    /// Whether it reached the target; none where there is no target.
    pub(crate) reached: Option<bool>,
    /// What the measured process used, and for how many events.
    pub(crate) used: Option<(Used, u32)>,
}

/// Collects lines, tells each as it comes, and prints them all at the end.
#[derive(Debug)]
pub(crate) struct Table {
    wanted: Vec<String>,
    lines: Vec<Line>,
}

impl Table {
    /// A table of the measurements whose names hold one of these words; of all, when there is none.
    pub(crate) fn new(wanted: Vec<String>) -> Self {
        Self { wanted, lines: vec![] }
    }

    /// Whether this measurement is asked for; says that it begins.
    pub(crate) fn wants(&self, name: &str) -> bool {
        let wanted = self.wanted.is_empty() || self.wanted.iter().any(|word| name.contains(word.as_str()));
        if wanted {
            eprintln!("measuring: {name}");
        }
        wanted
    }

    /// Takes a measurement in.
    pub(crate) fn add(&mut self, line: Line) {
        self.lines.push(line);
    }

    /// Prints the table.
    pub(crate) fn print(&self) {
        let mut rows = vec![["", "target", "measured", "reached", "CPU s per 1,000", "peak MiB"].map(str::to_owned)];
        rows.extend(self.lines.iter().map(cells));
        let widths: [usize; 6] = std::array::from_fn(|column| {
            rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max().unwrap_or(0)
        });
        for (number, row) in rows.iter().enumerate() {
            let cells: Vec<String> = row.iter().zip(widths).map(|(cell, width)| format!("{cell:width$}")).collect();
            println!("| {} |", cells.join(" | "));
            if number == 0 {
                println!("| {} |", widths.map(|width| "-".repeat(width)).join(" | "));
            }
        }
    }
}

fn cells(line: &Line) -> [String; 6] {
    let reached = match line.reached {
        None => "",
        Some(true) => "yes",
        Some(false) => "NO",
    };
    let (cpu, peak) = match &line.used {
        None => (String::new(), String::new()),
        Some((used, events)) => {
            (format!("{:.3}", used.cpu.as_secs_f64() * 1_000.0 / f64::from(*events)), format!("{:.0}", used.peak_mib))
        }
    };
    [line.what.clone(), line.target.clone(), line.measured.clone(), reached.to_owned(), cpu, peak]
}
