//! The meter of one render: what it has used of its [`Limits`].

use std::cell::Cell;
use std::time::Instant;

use crate::limits::Limits;

/// Why a function, a conversion or a piece of formatting failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Failure {
    /// The operation can't be done with these values.
    Message(String),
    /// The render went beyond a limit.
    Limit(String),
}

impl Failure {
    /// A failure that is no matter of limits.
    pub(crate) fn new(message: impl Into<String>) -> Self {
        Self::Message(message.into())
    }
}

/// How many steps pass between two looks at the clock.
const STEPS_PER_CLOCK: u64 = 2048;

/// How many times the greatest output all memory asked for may be.
const MEMORY_FACTOR: usize = 16;

/// Bytes that a map takes before it has entries, and for each of them.
const MAP_NODE: usize = 640;
const MAP_ENTRY: usize = 64;
/// Bytes that a slice takes before it has elements, and for each of them.
const LIST: usize = 64;
const LIST_ELEMENT: usize = 32;

/// How many times deeper than they are written actions may be executed within each other.
const CALL_FACTOR: usize = 5;

/// How many costly operations (making keys and certificates, deriving passwords) a render may do.
const MAX_COSTLY: u32 = 32;

/// What one render has used. All methods fail when the limit is exceeded.
#[derive(Debug)]
pub(crate) struct Budget {
    limits: Limits,
    started: Instant,
    steps: Cell<u64>,
    next_clock: Cell<u64>,
    bytes: Cell<usize>,
    costly: Cell<u32>,
}

impl Budget {
    pub(crate) fn new(limits: Limits) -> Self {
        Self {
            limits,
            started: Instant::now(),
            steps: Cell::new(0),
            next_clock: Cell::new(STEPS_PER_CLOCK),
            bytes: Cell::new(0),
            costly: Cell::new(0),
        }
    }

    /// Greatest length of a string.
    pub(crate) fn max_bytes(&self) -> usize {
        self.limits.max_output_bytes
    }

    /// Counts steps of the program: actions, iterations, elements.
    pub(crate) fn steps(&self, count: usize) -> Result<(), Failure> {
        let count = u64::try_from(count).unwrap_or(u64::MAX);
        let steps = self.steps.get().saturating_add(count);
        self.steps.set(steps);
        if steps > self.limits.max_iterations {
            return Err(Failure::Limit(format!(
                "more than {} steps",
                self.limits.max_iterations
            )));
        }
        if steps >= self.next_clock.get() {
            self.next_clock.set(steps + STEPS_PER_CLOCK);
            return self.clock();
        }
        Ok(())
    }

    /// Counts memory asked for; called before it is taken wherever its size is known.
    pub(crate) fn memory(&self, bytes: usize) -> Result<(), Failure> {
        let total = self.bytes.get().saturating_add(bytes);
        self.bytes.set(total);
        let most = self.limits.max_output_bytes.saturating_mul(MEMORY_FACTOR);
        if total > most {
            return Err(Failure::Limit(format!("more than {most} bytes of memory")));
        }
        self.steps(1 + bytes / 256)
    }

    /// Counts the memory of a map with so many entries; even a small one takes a node of a tree.
    pub(crate) fn map(&self, entries: usize) -> Result<(), Failure> {
        self.steps(entries)?;
        self.memory(MAP_NODE.saturating_add(entries.saturating_mul(MAP_ENTRY)))
    }

    /// Counts the memory of a slice with so many elements.
    pub(crate) fn list(&self, elements: usize) -> Result<(), Failure> {
        self.steps(elements)?;
        self.memory(LIST.saturating_add(elements.saturating_mul(LIST_ELEMENT)))
    }

    /// Checks the length of a string that is about to be made, and counts its memory.
    pub(crate) fn text(&self, bytes: usize) -> Result<(), Failure> {
        if bytes > self.limits.max_output_bytes {
            return Err(self.too_long());
        }
        self.memory(bytes)
    }

    /// The failure of a string or an output that is too long.
    pub(crate) fn too_long(&self) -> Failure {
        Failure::Limit(format!(
            "text longer than {} bytes",
            self.limits.max_output_bytes
        ))
    }

    /// Checks the nesting of values, or of what is written within each other.
    pub(crate) fn depth(&self, depth: usize) -> Result<(), Failure> {
        nesting(depth, self.limits.max_depth)
    }

    /// Checks the nesting of actions being executed, where templates may call each other.
    pub(crate) fn calls(&self, depth: usize) -> Result<(), Failure> {
        nesting(depth, self.limits.max_depth.saturating_mul(CALL_FACTOR))
    }

    /// Counts an operation that takes a noticeable part of a second.
    pub(crate) fn costly(&self, weight: u32) -> Result<(), Failure> {
        let costly = self.costly.get().saturating_add(weight);
        self.costly.set(costly);
        if costly > MAX_COSTLY {
            return Err(Failure::Limit(
                "too many keys, certificates and passwords made".to_owned(),
            ));
        }
        self.clock()
    }

    /// Looks at the clock: for loops whose single rounds may take long.
    pub(crate) fn clock(&self) -> Result<(), Failure> {
        if self.started.elapsed() > self.limits.max_wall_time {
            return Err(Failure::Limit(format!(
                "took longer than {:?}",
                self.limits.max_wall_time
            )));
        }
        Ok(())
    }
}

fn nesting(depth: usize, most: usize) -> Result<(), Failure> {
    if depth > most {
        return Err(Failure::Limit(format!(
            "nested more than {most} levels deep"
        )));
    }
    Ok(())
}
