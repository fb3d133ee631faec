//! The one gate to the terminal: data on standard output, everything else on standard error.
//!
//! Nothing else in the crate prints. Colours are decided here, once for each stream, by `--color`,
//! `NO_COLOR`, `TERM` and whether the stream is a terminal.

use std::io::{self, IsTerminal, Write};
use std::sync::{Mutex, PoisonError};

use anstyle::{AnsiColor, Style};
use kudo_package::yaml;
use serde_json::Value;

use crate::arguments::{ColorChoice, Format, Global};
use crate::error::Error;
use crate::report::Report;

/// Where the command line's words go.
pub(crate) struct Output {
    format: Option<Format>,
    quiet: bool,
    live: bool,
    data: Stream,
    notes: Stream,
}

struct Stream {
    writer: Mutex<Box<dyn Write + Send>>,
    paint: Paint,
}

impl Output {
    /// The gate to this process's standard output and error.
    pub(crate) fn new(global: &Global) -> Self {
        let stdout_terminal = io::stdout().is_terminal();
        let stderr_terminal = io::stderr().is_terminal();
        Self {
            format: global.output,
            quiet: global.quiet,
            live: stderr_terminal && !global.quiet,
            data: Stream {
                writer: Mutex::new(Box::new(io::stdout())),
                paint: Paint::choose(global.color, stdout_terminal),
            },
            notes: Stream {
                writer: Mutex::new(Box::new(io::stderr())),
                paint: Paint::choose(global.color, stderr_terminal),
            },
        }
    }

    /// A gate that lets nothing pass.
    pub(crate) fn silent() -> Self {
        let nowhere = || Stream {
            writer: Mutex::new(Box::new(io::sink())),
            paint: Paint::OFF,
        };
        Self {
            format: None,
            quiet: true,
            live: false,
            data: nowhere(),
            notes: nowhere(),
        }
    }

    /// The format asked for with `-o`, if it is one that `command` has.
    pub(crate) fn format(
        &self,
        command: &'static str,
        allowed: &'static [Format],
    ) -> Result<Option<Format>, Error> {
        match self.format {
            Some(format) if !allowed.contains(&format) => Err(Error::Format {
                command,
                format,
                allowed,
            }),
            format => Ok(format),
        }
    }

    /// How to colour text for standard output.
    pub(crate) fn paint(&self) -> Paint {
        self.data.paint
    }

    /// How to colour text for standard error.
    pub(crate) fn note_paint(&self) -> Paint {
        self.notes.paint
    }

    /// Whether progress may be drawn and redrawn: standard error is a terminal, and not quiet.
    pub(crate) fn is_live(&self) -> bool {
        self.live
    }

    /// Prints data. A newline is added where it lacks one at the end.
    pub(crate) fn data(&self, text: &str) -> Result<(), Error> {
        self.data.write(text).map_err(Error::Output)
    }

    /// Prints what a command did, such as `instance default/x created`: on standard output, but
    /// on standard error where `-o` asks for data instead, and not at all with `--quiet`.
    pub(crate) fn result(&self, text: &str) -> Result<(), Error> {
        match (self.quiet, self.format) {
            (true, _) => Ok(()),
            (false, None | Some(Format::Table)) => self.data(text),
            (false, Some(_)) => {
                self.note(text);
                Ok(())
            }
        }
    }

    /// Prints what goes on, for people, unless `--quiet`.
    pub(crate) fn note(&self, text: &str) {
        if !self.quiet {
            // Progress that nobody can see is no reason to fail.
            let _ = self.notes.write(text);
        }
    }

    /// Prints a warning, unless `--quiet`.
    pub(crate) fn warn(&self, text: &str) {
        let word = self.notes.paint.style(WARNING, "Warning:");
        self.note(&format!("{word} {text}"));
    }

    /// Prints an error and its hints.
    pub(crate) fn error(&self, report: &Report) {
        let paint = self.notes.paint;
        let mut text = format!("{} {}\n", paint.style(ERROR, "Error:"), report.message);
        for hint in &report.hints {
            text.push_str(&paint.style(HINT, "Hint:"));
            text.push(' ');
            text.push_str(hint);
            text.push('\n');
        }
        let _ = self.notes.write(&text);
    }

    /// Prints one value in a structured format.
    pub(crate) fn value(&self, format: Structured, value: &Value) -> Result<(), Error> {
        self.data(&format.one(value))
    }

    /// Prints objects: a YAML stream that ends in `...`, or a JSON list, as upstream does.
    pub(crate) fn objects(&self, format: Structured, objects: &[Value]) -> Result<(), Error> {
        match format {
            Structured::Json => self.data(&format.one(&Value::Array(objects.to_vec()))),
            Structured::Yaml => {
                let mut text = String::new();
                for object in objects {
                    text.push_str("---\n");
                    text.push_str(&yaml::to_string(object));
                }
                text.push_str("...\n");
                self.data(&text)
            }
        }
    }
}

impl Stream {
    fn write(&self, text: &str) -> io::Result<()> {
        let mut writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        writer.write_all(text.as_bytes())?;
        if !text.is_empty() && !text.ends_with('\n') {
            writer.write_all(b"\n")?;
        }
        writer.flush()
    }
}

/// The formats that programs read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Structured {
    /// YAML as Kubernetes writes it.
    Yaml,
    /// JSON, indented by two.
    Json,
}

impl Structured {
    /// The structured format, if `format` is one.
    pub(crate) fn from_format(format: Option<Format>) -> Option<Self> {
        match format {
            Some(Format::Yaml) => Some(Self::Yaml),
            Some(Format::Json) => Some(Self::Json),
            Some(Format::Table | Format::Name) | None => None,
        }
    }

    fn one(self, value: &Value) -> String {
        match self {
            Self::Yaml => yaml::to_string(value),
            Self::Json => format!("{value:#}\n"),
        }
    }
}

const ERROR: Style = AnsiColor::Red.on_default().bold();
const WARNING: Style = AnsiColor::Yellow.on_default().bold();
const HINT: Style = AnsiColor::Cyan.on_default().bold();

/// Colours text, or leaves it as it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Paint {
    on: bool,
}

impl Paint {
    /// Leaves all text as it is.
    pub(crate) const OFF: Self = Self { on: false };

    fn choose(choice: ColorChoice, terminal: bool) -> Self {
        let set = |name| std::env::var_os(name).is_some_and(|value| !value.is_empty());
        let dumb = std::env::var_os("TERM").is_some_and(|value| value == "dumb");
        let on = match choice {
            ColorChoice::Always => true,
            ColorChoice::Never => false,
            ColorChoice::Auto => terminal && !set("NO_COLOR") && !dumb,
        };
        Self { on }
    }

    /// The text in a style.
    pub(crate) fn style(self, style: Style, text: &str) -> String {
        if self.on {
            format!("{style}{text}{style:#}")
        } else {
            text.to_owned()
        }
    }

    /// The text in the colour of a plan's status. Words that are no status stay plain.
    pub(crate) fn status(self, status: &str, text: &str) -> String {
        let style = match status {
            "COMPLETE" => AnsiColor::Green.on_default(),
            "IN_PROGRESS" => AnsiColor::Cyan.on_default(),
            "ERROR" => AnsiColor::Yellow.on_default(),
            "FATAL_ERROR" => AnsiColor::Red.on_default().bold(),
            "PENDING" | "NEVER_RUN" | "NOT ACTIVE" => Style::new().dimmed(),
            _ => return text.to_owned(),
        };
        self.style(style, text)
    }

    /// The text with every `[STATUS]` of a plan tree in its colour.
    pub(crate) fn statuses(self, text: &str) -> String {
        let marked = text.find(" [").and_then(|start| {
            let end = text[start..].find(']')? + start;
            Some((start + 2, end))
        });
        match marked {
            Some((start, end)) if self.on => {
                let (before, rest) = text.split_at(start);
                let (word, after) = rest.split_at(end - start);
                format!("{before}{}{after}", self.status(word, word))
            }
            _ => text.to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_in_brackets_is_coloured() {
        let on = Paint { on: true };
        assert_eq!(
            on.statuses("Step a [COMPLETE]"),
            "Step a [\u{1b}[32mCOMPLETE\u{1b}[0m]"
        );
        assert_eq!(on.statuses("Step a [WHAT] [x]"), "Step a [WHAT] [x]");
        assert_eq!(on.statuses("Step a"), "Step a");
        assert_eq!(
            Paint::OFF.statuses("Step a [COMPLETE]"),
            "Step a [COMPLETE]"
        );
    }
}
