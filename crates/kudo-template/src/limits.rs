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
    /// Greatest nesting of actions, of templates called from templates, and of values.
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
