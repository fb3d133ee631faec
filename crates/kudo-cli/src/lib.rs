//! The KUDO command line: commands, output and progress.
