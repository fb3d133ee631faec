//! `kubectl-kudo`: the command line, found by kubectl as the plugin `kubectl kudo`.

use std::process::ExitCode;

use kudo_cli::Engine;
use kudo_controller::webhook::judgement::refusal;
use kudo_controller::{Manager, ManagerOptions};
use tokio_util::sync::CancellationToken;

fn main() -> ExitCode {
    let engine = Engine {
        manager: |client| {
            let manager = Manager::new(client, ManagerOptions::default());
            Box::pin(manager.run(CancellationToken::new()))
        },
        rules: refusal,
    };
    kudo_cli::run(std::env::args_os(), engine)
}
