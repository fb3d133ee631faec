//! Tests of the renderer through its public interface.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stderr,
    clippy::too_many_lines,
    reason = "a test fails by panicking, tells on the terminal what it skips, and holds its table"
)]

mod children;
mod corpus;
mod drafts;
mod excerpts;
mod go_cases;
mod handlebars;
mod hostile;
mod messages;
mod pipe_pods;
mod properties;
mod tasks;
mod verify;
