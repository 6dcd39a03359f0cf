//! The only place that prints. A reader may close the pipe before everything is printed, as `head -1` does,
//! and the macros of the standard library panic then.

use std::fmt::Display;
use std::io::{self, ErrorKind, Write};

/// Prints a line of the result to the standard output. Ends the process if the reader has gone, because
/// nobody is left who could use the rest.
pub(crate) fn line(text: impl Display) {
    if let Err(error) = print(&mut io::stdout().lock(), text) {
        end(&error);
    }
}

/// Prints a line about the work to the standard error. The work goes on if nobody reads it.
pub(crate) fn note(text: impl Display) {
    let _ = print(&mut io::stderr().lock(), text);
}

fn print(out: &mut impl Write, text: impl Display) -> io::Result<()> {
    // In one write, so that lines of several tasks are not mixed.
    out.write_all(format!("{text}\n").as_bytes())?;
    out.flush()
}

fn end(error: &io::Error) -> ! {
    if error.kind() == ErrorKind::BrokenPipe {
        std::process::exit(0);
    }
    note(format_args!("semantest: cannot print: {error}"));
    std::process::exit(1);
}
