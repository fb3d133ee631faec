//! `kubectl-kudo`.
fn main() {}
