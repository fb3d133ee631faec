//! The tests that cross crates live in the test targets beside this file: `cluster` against a real
//! API server. There is nothing in the library itself.
