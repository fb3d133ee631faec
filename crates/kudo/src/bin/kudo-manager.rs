//! `kudo-manager`.
fn main() {}
