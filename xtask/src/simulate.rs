//! `cargo xtask simulate`: whole lives of random operators in virtual time, with faults and kills, each a
//! function of a seed. The walk itself is in `tests/simulation/seeds`.

use crate::process::{self, ProcessError};
use crate::workspace::cargo;

/// Which seeds to try.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Number of seeds
    #[arg(long, default_value_t = 1000, value_name = "NUMBER")]
    seeds: u64,
    /// The first of them
    #[arg(long, default_value_t = 1, value_name = "SEED")]
    first: u64,
}

/// Tries the seeds on all processors. Those that fail are told with what is wrong.
pub(crate) fn run(arguments: &Arguments) -> Result<(), ProcessError> {
    let mut command = cargo(["test", "--package=kudo-tests", "--test=simulation", "--"]);
    command.args(["seeds::whole_lives", "--nocapture"]);
    command.env("KUDO_SEEDS", arguments.seeds.to_string());
    command.env("KUDO_FIRST_SEED", arguments.first.to_string());
    process::run(&mut command)
}
