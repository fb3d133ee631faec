//! The one place that prints: results on standard output, progress on standard error.

#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "this is the output gate"
)]

use std::error::Error;
use std::io::IsTerminal;
use std::time::Duration;

use anstyle::{AnsiColor, Style};

const BOLD: Style = Style::new().bold();
const DIM: Style = Style::new().dimmed();
const GOOD: Style = AnsiColor::Green.on_default().bold();
const BAD: Style = AnsiColor::Red.on_default().bold();
const TITLE: Style = AnsiColor::Cyan.on_default().bold();

/// Prints a line of the result.
pub(crate) fn line(text: &str) {
    println!("{text}");
}

/// Tells what is being done.
pub(crate) fn progress(text: &str) {
    eprintln!("{text}");
}

/// Tells a detail that most readers skip.
pub(crate) fn detail(text: &str) {
    eprintln!("{}", painted(DIM, text));
}

/// Begins a part of a long command.
pub(crate) fn title(text: &str) {
    eprintln!("\n{}", painted(TITLE, &format!("── {text} ")));
}

/// Shows a command as a reader would type it.
pub(crate) fn command(text: &str) {
    eprintln!("\n{} {}", painted(DIM, "$"), painted(BOLD, text));
}

/// One line of a summary: what, whether it went well, and how long it took.
pub(crate) fn verdict(good: bool, what: &str, took: Duration) {
    let word = if good {
        painted(GOOD, "  ok  ")
    } else {
        painted(BAD, " FAIL ")
    };
    eprintln!("{word} {what:<24} {:>7.1} s", took.as_secs_f64());
}

/// Tells that something did not run, and why, so that nobody overlooks it.
pub(crate) fn skipped(what: &str, why: &str) {
    eprintln!("{} {what}: {why}", painted(BAD, "SKIPPED"));
}

/// Prints an error with its causes, leaving out a cause that the text before it already says.
pub(crate) fn error(error: &dyn Error) {
    let mut said = error.to_string();
    eprintln!("{} {said}", painted(BAD, "error:"));
    let mut source = error.source();
    while let Some(cause) = source {
        let text = cause.to_string();
        if !said.contains(&text) {
            eprintln!("  caused by: {text}");
        }
        said = text;
        source = cause.source();
    }
}

/// Whether a reader sits at standard error.
pub(crate) fn is_terminal() -> bool {
    std::io::stderr().is_terminal()
}

fn painted(style: Style, text: &str) -> String {
    let coloured = is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|v| v.is_empty());
    if coloured {
        format!("{style}{text}{style:#}")
    } else {
        text.to_owned()
    }
}
