//! Bounds of one render.

use std::time::Duration;

/// Bounds of one render; exceeding one is an error of kind
/// [`Limit`](crate::RenderErrorKind::Limit).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Greatest length of a template's text and of its output, in bytes. Strings made on the way
    /// may not be longer either, and all memory that a render asks for together may be at most 16
    /// times this.
    pub max_output_bytes: usize,
    /// Greatest number of steps: actions executed, loop iterations, list elements made.
    pub max_iterations: u64,
    /// Greatest nesting of actions as they are written, of partials, and of values. Go templates
    /// that call each other may go five times as deep. A thread with 2 MiB of stack is enough for
    /// the default.
    pub max_depth: usize,
    /// Longest time a render may take.
    pub max_wall_time: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_output_bytes: 8 << 20,
            max_iterations: 10_000_000,
            max_depth: 100,
            max_wall_time: Duration::from_mins(1),
        }
    }
}
