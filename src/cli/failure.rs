//! How a command ends: exit code and the one line on standard error.

use std::process::ExitCode;

use clap::error::ErrorKind;

use crate::settings::SettingsError;

/// What a command that ran to its end found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Answer {
    /// Done, or: it holds.
    Yes,
    /// It ran, and the answer is no.
    No,
}

impl From<bool> for Answer {
    fn from(holds: bool) -> Self {
        if holds { Self::Yes } else { Self::No }
    }
}

/// The exit code of a command's result; a failure is told on standard error with its causes, on one line.
pub(super) fn exit_code(result: anyhow::Result<Answer>) -> ExitCode {
    match result {
        Ok(Answer::Yes) => ExitCode::SUCCESS,
        Ok(Answer::No) => ExitCode::from(1),
        Err(error) => {
            eprintln!("argus-m365: {}", one_line(&format!("{error:#}")));
            ExitCode::from(code_of(&error))
        }
    }
}

fn code_of(error: &anyhow::Error) -> u8 {
    if error.chain().any(<dyn std::error::Error + 'static>::is::<SettingsError>) { 2 } else { 1 }
}

/// `--help` and `--version` are answers; anything else is wrong usage, told without the parser's usage block.
pub(super) fn usage(error: &clap::Error) -> ExitCode {
    match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => {
            // Nobody is left to be told that it could not be told.
            let _unheard = super::say::text(&error.render().ansi().to_string());
            ExitCode::SUCCESS
        }
        ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand | ErrorKind::MissingSubcommand => {
            eprintln!("argus-m365: a command is missing; `argus-m365 --help` lists them");
            ExitCode::from(2)
        }
        _ => {
            eprintln!("argus-m365: {}", complaint(&error.render().to_string()));
            ExitCode::from(2)
        }
    }
}

/// The parser's first paragraph, as one line.
fn complaint(rendered: &str) -> String {
    let text = rendered.strip_prefix("error: ").unwrap_or(rendered);
    one_line(text.split("\n\n").next().unwrap_or(text))
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_complaint_is_the_first_paragraph_on_one_line() {
        let rendered = "error: the following required arguments were not provided:\n  --org <ORG>\n\nUsage: argus-m365 …\n";
        assert_eq!(complaint(rendered), "the following required arguments were not provided: --org <ORG>");
    }

    #[test]
    fn configuration_is_2_wherever_in_the_chain_it_stands() {
        let settings = SettingsError { key: "a.b".into(), problem: "is required".into() };
        assert_eq!(code_of(&anyhow::Error::from(settings).context("starting")), 2);
        assert_eq!(code_of(&anyhow::anyhow!("the store is gone")), 1);
    }
}
