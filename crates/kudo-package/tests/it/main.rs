//! Tests of the package model through its public interface.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stderr,
    clippy::too_many_lines,
    clippy::unnecessary_wraps,
    reason = "helpers of tests are tests too, and tables are long"
)]

mod archives;
mod corpus;
mod drafts;
mod edits;
mod loading;
mod parameters;
mod properties;
mod repository;
mod sample;
mod task_fields;
mod values;
mod verification;
mod versions;
mod yaml_marks;
mod yaml_reading;
mod yaml_writing;
