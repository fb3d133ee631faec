//! `completion`: scripts that teach a shell the words of this program.

use clap::Args;
use clap_complete::Shell;

use crate::arguments::grammar;
use crate::error::Error;
use crate::output::Output;

/// Print a script that completes the commands and flags of kubectl-kudo in a shell
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  # Bash, for this session
  source <(kubectl kudo completion bash)

  # Zsh, for good
  kubectl kudo completion zsh > \"${fpath[1]}/_kubectl-kudo\"

  # Fish, for good
  kubectl kudo completion fish > ~/.config/fish/completions/kubectl-kudo.fish")]
pub(crate) struct CompletionArgs {
    /// The shell
    #[arg(value_enum)]
    shell: Shell,
}

pub(crate) fn run(arguments: &CompletionArgs, output: &Output) -> Result<(), Error> {
    let mut script = Vec::new();
    clap_complete::generate(arguments.shell, &mut grammar(), "kubectl-kudo", &mut script);
    output.data(&String::from_utf8_lossy(&script))
}
