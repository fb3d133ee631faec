//! Questions to whoever runs a command: on a terminal with a cursor and lists to choose from;
//! otherwise, so that scripts can answer too, one line of standard input for each.

use std::io::{self, BufRead, IsTerminal, Write};

use dialoguer::theme::ColorfulTheme;
use dialoguer::{Confirm, Input, Select};

/// Why a question has no answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PromptError {
    /// The input ended.
    #[error("the input ended at the question {question:?}")]
    Ended { question: String },
    /// An answer that is not possible, given by a script.
    #[error("{question}: {problem}")]
    Answer { question: String, problem: String },
    /// The terminal is gone, or the question was left with Ctrl-C.
    #[error("the question {question:?} was not answered: {source}")]
    Terminal {
        question: String,
        source: dialoguer::Error,
    },
}

/// Asks questions.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Prompt {
    terminal: bool,
}

/// Whether questions can be asked of somebody.
pub(crate) fn is_interactive() -> bool {
    io::stdin().is_terminal() && io::stderr().is_terminal()
}

impl Prompt {
    /// Asks on the terminal if there is one.
    pub(crate) fn new() -> Self {
        Self {
            terminal: is_interactive(),
        }
    }

    /// A text. An empty answer is the default.
    pub(crate) fn text(
        self,
        question: &str,
        default: &str,
        valid: impl Fn(&str) -> Result<(), String>,
    ) -> Result<String, PromptError> {
        if self.terminal {
            let theme = ColorfulTheme::default();
            let input = Input::<String>::with_theme(&theme)
                .with_prompt(question)
                .allow_empty(true)
                .validate_with(|text: &String| valid(text.trim()));
            let input = if default.is_empty() {
                input
            } else {
                input.default(default.to_owned())
            };
            let answer = input.interact_text();
            return terminal(question, answer).map(|text| text.trim().to_owned());
        }
        let answer = line(question, default)?;
        let text = if answer.is_empty() { default } else { &answer };
        valid(text).map_err(|problem| PromptError::Answer {
            question: question.to_owned(),
            problem,
        })?;
        Ok(text.to_owned())
    }

    /// One of several options; an empty answer is the first.
    pub(crate) fn choice(self, question: &str, options: &[&str]) -> Result<String, PromptError> {
        if self.terminal {
            let theme = ColorfulTheme::default();
            let select = Select::with_theme(&theme)
                .with_prompt(question)
                .items(options)
                .default(0);
            let index = terminal(question, select.interact())?;
            return Ok(options[index].to_owned());
        }
        let default = options.first().copied().unwrap_or_default();
        self.text(question, default, |answer| {
            if options.contains(&answer) {
                Ok(())
            } else {
                Err(format!("must be one of {}", options.join(", ")))
            }
        })
    }

    /// One of several options, or a new one.
    pub(crate) fn choice_or_new(
        self,
        question: &str,
        options: &[&str],
        new: &str,
    ) -> Result<String, PromptError> {
        let any = |answer: &str| not_empty(answer);
        if !self.terminal || options.is_empty() {
            return self.text(question, options.first().copied().unwrap_or(new), any);
        }
        let mut all = options.to_vec();
        all.push(new);
        let chosen = self.choice(question, &all)?;
        if chosen == new {
            return self.text(new, "", any);
        }
        Ok(chosen)
    }

    /// Yes or no; an empty answer is no.
    pub(crate) fn confirm(self, question: &str) -> Result<bool, PromptError> {
        if self.terminal {
            let theme = ColorfulTheme::default();
            let confirm = Confirm::with_theme(&theme)
                .with_prompt(question)
                .default(false);
            return terminal(question, confirm.interact());
        }
        // The end of the input is a no, so that a script need not refuse more of everything.
        match line(question, "y/N") {
            Ok(answer) => Ok(matches!(answer.to_lowercase().as_str(), "y" | "yes")),
            Err(PromptError::Ended { .. }) => Ok(false),
            Err(error) => Err(error),
        }
    }
}

/// A rule for answers: there must be one.
pub(crate) fn not_empty(answer: &str) -> Result<(), String> {
    if answer.is_empty() {
        return Err("an answer is needed".to_owned());
    }
    Ok(())
}

fn terminal<T>(question: &str, answer: Result<T, dialoguer::Error>) -> Result<T, PromptError> {
    answer.map_err(|source| PromptError::Terminal {
        question: question.to_owned(),
        source,
    })
}

/// Shows a question and reads a line.
fn line(question: &str, default: &str) -> Result<String, PromptError> {
    let mut shown = io::stderr();
    let default = match default {
        "" => String::new(),
        default => format!(" [{default}]"),
    };
    // Who cannot read the question may know it.
    let _ = write!(shown, "{question}{default}: ");
    let _ = shown.flush();
    let mut answer = String::new();
    let read = io::stdin().lock().read_line(&mut answer);
    let _ = writeln!(shown);
    match read {
        Ok(count) if count > 0 => Ok(answer.trim().to_owned()),
        _ => Err(PromptError::Ended {
            question: question.to_owned(),
        }),
    }
}
