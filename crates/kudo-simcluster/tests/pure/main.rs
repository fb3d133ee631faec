//! What is pure of the embedded cluster: types, patches, owners of fields, schemas, defaults and
//! validation. What is expected was answered by Kubernetes 1.20.2.

#![cfg(test)]

mod apply;
mod builtin;
mod container;
mod patch;
mod schema;
mod structural;
