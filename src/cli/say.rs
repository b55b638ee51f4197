//! Writing to standard output, whose reader may have gone.

use std::{
    fmt,
    io::{self, ErrorKind, Write as _},
};

/// A line, as `println!` takes it. A reader that has seen enough (`| head`) is no error, for the command's answer is its exit code; a
/// disk that is full is one.
macro_rules! say {
    ($($line:tt)*) => {
        $crate::cli::say::line(format_args!($($line)*))
    };
}
pub(super) use say;

/// Writes a line.
pub(super) fn line(text: fmt::Arguments<'_>) -> io::Result<()> {
    heard(writeln!(io::stdout(), "{text}"))
}

/// Writes a text that brings its own line ends.
pub(super) fn text(text: &str) -> io::Result<()> {
    let mut output = io::stdout();
    heard(output.write_all(text.as_bytes()).and_then(|()| output.flush()))
}

fn heard(written: io::Result<()>) -> io::Result<()> {
    match written {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        written => written,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reader_that_has_gone_is_no_error_and_a_full_disk_is_one() {
        assert!(heard(Err(ErrorKind::BrokenPipe.into())).is_ok());
        assert!(heard(Err(ErrorKind::StorageFull.into())).is_err());
    }
}
