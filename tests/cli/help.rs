//! `--help` of every command: stable, with examples, and complete.

use std::fmt::Write as _;

use crate::environment::TestEnvironment;

const COMMANDS: &[&str] = &[
    "",
    "init",
    "install",
    "update",
    "upgrade",
    "uninstall",
    "plan",
    "plan status",
    "plan history",
    "plan trigger",
    "get",
    "package",
    "package new",
    "package add",
    "package add maintainer",
    "package add parameter",
    "package add task",
    "package add plan",
    "package create",
    "package verify",
    "package render",
    "package rbac",
    "package list",
    "package list parameters",
    "package list plans",
    "package list tasks",
    "package export-schema",
    "package export-values",
    "repo",
    "repo add",
    "repo list",
    "repo remove",
    "repo context",
    "repo index",
    "search",
    "diagnostics",
    "diagnostics collect",
    "test",
    "dev",
    "dev stop",
    "dev status",
    "version",
    "completion",
];

fn help(command: &str) -> String {
    let mut arguments: Vec<&str> = command.split_whitespace().collect();
    arguments.push("--help");
    let outcome = TestEnvironment::new().run(&arguments).expect_code(0);
    assert_eq!(outcome.stderr, "", "{command}");
    outcome.stdout
}

#[test]
fn every_help_is_as_reviewed() {
    // The global options are the same everywhere; they are shown once.
    let global = |text: &str| {
        let start = text.find("Global options:").unwrap();
        let end = text[start..]
            .find("\n\n")
            .map_or(text.len(), |end| start + end + 2);
        (start, end)
    };
    let mut all = String::new();
    for command in COMMANDS {
        let mut text = help(command);
        if !command.is_empty() {
            let (start, end) = global(&text);
            text.replace_range(start..end, "");
        }
        let _ = writeln!(all, "===== kubectl kudo {command}\n{text}");
    }
    insta::assert_snapshot!(all);
}

#[test]
fn every_command_has_examples() {
    for command in COMMANDS {
        assert!(help(command).contains("Examples:\n  # "), "{command}");
    }
}

#[test]
fn no_command_is_left_out() {
    for command in COMMANDS {
        for line in help(command)
            .lines()
            .skip_while(|line| *line != "Commands:")
            .skip(1)
        {
            let Some(name) = line
                .strip_prefix("  ")
                .filter(|rest| !rest.starts_with(' '))
            else {
                if line.is_empty() {
                    break;
                }
                continue;
            };
            let name = name.split_whitespace().next().unwrap();
            let full = format!("{command} {name}");
            let known = name == "help" || COMMANDS.contains(&full.trim());
            assert!(known, "{full} is not in the list of this test");
        }
    }
}

#[test]
fn without_arguments_the_help_is_shown_as_wrong_usage() {
    let outcome = TestEnvironment::new().run::<&str>(&[]).expect_code(2);
    assert!(outcome.stderr.contains("Usage: kubectl kudo"), "{outcome}");
}
