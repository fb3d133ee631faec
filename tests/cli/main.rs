//! Tests of the command line as a program, with no cluster: what it prints, where, and the code
//! it ends with. `tests/cluster/cli.rs` has those that need a real API server.

#![cfg(test)]

mod authoring;
mod bad_input;
mod broken_connections;
mod dev;
mod dev_state;
#[expect(dead_code, reason = "shared with the tests on a real cluster")]
mod environment;
mod fake_server;
mod help;
mod init;
mod kubeconfig;
mod manager_log;
mod output;
mod package;
mod packages;
mod repositories;
mod simulate;
mod suites;
mod unhappy_servers;
