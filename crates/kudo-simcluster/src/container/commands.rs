//! The few commands that every simulated container knows.

use std::collections::BTreeMap;

use super::files::{Found, clean};
use super::{Answer, Container, EXEC_ANNOTATION, Output};

/// Exit code of a shell that cannot do what it is told.
const CANNOT: u8 = 127;

pub(super) fn run(container: &Container, command: &[String]) -> Answer {
    let Some((program, arguments)) = command.split_first() else {
        return Answer::Failed("no command".to_owned());
    };
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match program.rsplit('/').next().unwrap_or_default() {
        "true" => said(""),
        "false" => Answer::Done(Output {
            exit: 1,
            ..Output::default()
        }),
        "echo" => said(format!("{}\n", arguments.join(" "))),
        "hostname" => said(format!("{}\n", container.hostname)),
        "env" if arguments.is_empty() => said(environment(container)),
        "printenv" => print_environment(container, &arguments),
        "cat" if arguments.is_empty() => Answer::Echo,
        "cat" => cat(container, &arguments),
        "tar" => tar(container, &arguments),
        shell @ ("sh" | "bash" | "ash") => failed(
            CANNOT,
            &format!(
                "{shell}: a simulated container runs no scripts; annotation {EXEC_ANNOTATION} of \
                 the pod says what commands answer"
            ),
        ),
        _ => Answer::Failed(format!(
            "exec: {program:?}: executable file not found in $PATH"
        )),
    }
}

fn said(text: impl Into<Vec<u8>>) -> Answer {
    Answer::Done(Output {
        stdout: text.into(),
        ..Output::default()
    })
}

fn failed(exit: u8, complaint: &str) -> Answer {
    Answer::Done(Output {
        stderr: format!("{complaint}\n").into_bytes(),
        exit,
        ..Output::default()
    })
}

fn variables(container: &Container) -> impl Iterator<Item = (&str, &str)> {
    let own = container.env.iter();
    [("HOSTNAME", container.hostname.as_str())]
        .into_iter()
        .chain(own.map(|(name, value)| (name.as_str(), value.as_str())))
}

fn environment(container: &Container) -> String {
    let lines = variables(container).flat_map(|(name, value)| [name, "=", value, "\n"]);
    lines.collect()
}

fn print_environment(container: &Container, names: &[&str]) -> Answer {
    if names.is_empty() {
        return said(environment(container));
    }
    let mut output = Output::default();
    for wanted in names {
        match variables(container).find(|(name, _)| name == wanted) {
            Some((_, value)) => output.stdout.extend(format!("{value}\n").into_bytes()),
            None => output.exit = 1,
        }
    }
    Answer::Done(output)
}

fn cat(container: &Container, paths: &[&str]) -> Answer {
    let mut output = Output::default();
    for path in paths {
        let complaint = match container.find(path) {
            Ok(Some(Found::File(content))) => {
                output.stdout.extend(content);
                continue;
            }
            Ok(Some(Found::Directory(_))) => "cat: read error: Is a directory\n".to_owned(),
            Ok(None) => format!("cat: can't open '{path}': No such file or directory\n"),
            Err(problem) => return Answer::Failed(problem),
        };
        output.stderr.extend(complaint.into_bytes());
        output.exit = 1;
    }
    Answer::Done(output)
}

/// Writes an archive to standard output; nothing else.
fn tar(container: &Container, arguments: &[&str]) -> Answer {
    let (["cf" | "-cf", "-", paths @ ..] | ["-c", "-f", "-", paths @ ..]) = arguments else {
        return failed(1, "tar: a simulated container only knows `tar cf - PATH`");
    };
    let mut output = Output::default();
    let mut archive = Archive::new(Vec::new());
    for path in paths {
        let added = match container.find(path) {
            Ok(Some(Found::File(content))) => add_file(&mut archive, &clean(path), &content),
            Ok(Some(Found::Directory(files))) => add_directory(&mut archive, &clean(path), &files),
            Ok(None) => {
                let complaint = format!("tar: {path}: No such file or directory\n");
                output.stderr.extend(complaint.into_bytes());
                output.exit = 1;
                Ok(())
            }
            Err(problem) => return Answer::Failed(problem),
        };
        if let Err(error) = added {
            return failed(1, &format!("tar: {path}: {error}"));
        }
    }
    match archive.into_inner() {
        Ok(bytes) => output.stdout = bytes,
        Err(error) => return failed(1, &format!("tar: {error}")),
    }
    Answer::Done(output)
}

type Archive = tar::Builder<Vec<u8>>;

/// Adds a directory and all that lies below it, each directory before what it holds.
fn add_directory(
    archive: &mut Archive,
    path: &str,
    files: &[(String, Vec<u8>)],
) -> std::io::Result<()> {
    let mut entries = BTreeMap::from([(path, None)]);
    for (file, content) in files {
        let parents = file.match_indices('/').map(|(end, _)| &file[..end]);
        let parents = parents.filter(|parent| parent.len() > path.len());
        entries.extend(parents.map(|parent| (parent, None)));
        entries.insert(file, Some(content));
    }
    entries.remove("/");
    for (path, content) in entries {
        match content {
            Some(content) => add_file(archive, path, content)?,
            None => add_empty_directory(archive, path)?,
        }
    }
    Ok(())
}

fn add_empty_directory(archive: &mut Archive, path: &str) -> std::io::Result<()> {
    let mut header = tar::Header::new_gnu();
    header.set_entry_type(tar::EntryType::Directory);
    header.set_mode(0o755);
    header.set_size(0);
    let name = format!("{}/", path.trim_start_matches('/'));
    archive.append_data(&mut header, name, std::io::empty())
}

fn add_file(archive: &mut Archive, path: &str, content: &[u8]) -> std::io::Result<()> {
    let mut header = tar::Header::new_gnu();
    header.set_mode(0o644);
    header.set_size(content.len() as u64);
    archive.append_data(&mut header, path.trim_start_matches('/'), content)
}
