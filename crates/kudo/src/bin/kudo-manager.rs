//! `kudo-manager`: runs the plans of KUDO instances.

use std::process::ExitCode;

fn main() -> ExitCode {
    kudo_controller::manager_main()
}
