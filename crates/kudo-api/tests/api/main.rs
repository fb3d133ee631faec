//! Tests of the custom resource types: decoding, schemas, conversion.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "a test fails by panicking, and says when it is skipped"
)]

mod convert;
mod corpus;
mod decode;
mod schema;
