//! What is pure of the embedded cluster: types, patches, owners of fields, schemas, defaults and
//! validation. What is expected was answered by Kubernetes 1.20.2.

#![expect(
    clippy::unwrap_used,
    reason = "a test that can't set its stage has failed"
)]

mod apply;
mod builtin;
mod patch;
mod schema;
mod structural;
