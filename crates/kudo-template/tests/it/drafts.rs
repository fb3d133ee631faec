//! Packages that hold errors: what the rules that need the template engine say of what could be read.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use kudo_package::{Diagnostic, Package, PackageErrors};
use kudo_template::verify::verify_package;

const OPERATOR: &str = "\
name: op
operatorVersion: 1.0.0
kubernetesVersion: 1.17.0
tasks:
- name: app
  kind: Apply
  spec:
    resources: [app.yaml]
- name: files
  kind: Pipe
  spec:
    pod: pod.yaml
    pipe:
    - {file: /tmp/x, kind: Secret, key: Tls}
plans:
  deploy:
    strategy: serial
    phases:
    - name: main
      strategy: serial
      steps:
      - {name: first, tasks: [files, app]}
";
const PARAMS: &str = "\
parameters:
- name: COUNT
  type: integer
  default: 3
";
const APP: &str = "\
apiVersion: v1
kind: ConfigMap
metadata: {name: x}
data: {a: \"{{ .Params.COUNT }}{{ .Pipes.Tls }}\", b: {{ .Params.COUNT | int | until | len }}}
";
const POD: &str = "\
apiVersion: v1
kind: Pod
spec:
  volumes: [{name: out, emptyDir: {}}]
  initContainers: [{name: a, volumeMounts: [{name: out, mountPath: /tmp}]}]
";

type Files = BTreeMap<String, String>;
/// A file, a text in it, and what it is replaced with.
type Change<'a> = (&'a str, &'a str, &'a str);

fn sample(changes: &[Change<'_>]) -> Files {
    let mut files: Files = [
        ("operator.yaml", OPERATOR),
        ("params.yaml", PARAMS),
        ("templates/app.yaml", APP),
        ("templates/pod.yaml", POD),
    ]
    .map(|(name, text)| (name.to_owned(), text.to_owned()))
    .into();
    for (file, from, to) in changes {
        let text = files.get_mut(*file).unwrap();
        assert!(text.contains(from), "{file}: {from}");
        *text = text.replacen(from, to, 1);
    }
    files
}

fn findings(files: &Files) -> Vec<Diagnostic> {
    let bytes = files
        .iter()
        .map(|(name, text)| (name.clone(), text.clone().into_bytes()));
    match Package::from_files(bytes.collect()) {
        Ok(package) => verify_package(&package),
        Err(PackageErrors::Invalid(draft)) => verify_package(draft.package()),
        Err(other) => panic!("{other}"),
    }
}

fn shown(files: &Files) -> Vec<String> {
    findings(files).iter().map(ToString::to_string).collect()
}

#[test]
fn one_mistake_is_one_finding() {
    assert_eq!(shown(&sample(&[])), [] as [String; 0]);
    let cases = [
        ("operator.yaml", "name: op", "nam: op"),
        ("operator.yaml", "name: op", "title: op"),
        ("operator.yaml", "operatorVersion", "version"),
        ("operator.yaml", "tasks:\n", "jobs:\n"),
        ("operator.yaml", "- name: app", "- called: app"),
        ("operator.yaml", "kind: Apply", "kind: Create"),
        ("operator.yaml", "kind: Apply", "king: Apply"),
        (
            "operator.yaml",
            "    resources: [app.yaml]",
            "    resource: [app.yaml]",
        ),
        (
            "operator.yaml",
            "    resources: [app.yaml]",
            "    files: [app.yaml]",
        ),
        (
            "operator.yaml",
            "    resources: [app.yaml]",
            "    resources: app.yaml",
        ),
        ("operator.yaml", "kind: Pipe", "kind: Pip"),
        (
            "operator.yaml",
            "    pod: pod.yaml",
            "    template: pod.yaml",
        ),
        ("operator.yaml", "    pod: pod.yaml", "    pod: [pod.yaml]"),
        ("operator.yaml", "    pipe:\n", "    pipes:\n"),
        ("operator.yaml", "    pipe:\n", "    outputs:\n"),
        ("operator.yaml", "key: Tls", "name: Tls"),
        ("operator.yaml", "key: Tls", "key: [Tls]"),
        ("operator.yaml", "key: Tls", "key: \"T ls\""),
        ("operator.yaml", "kind: Secret", "kind: secret"),
        ("operator.yaml", "file: /tmp/x", "fil: /tmp/x"),
        ("operator.yaml", "file: /tmp/x", "path: /tmp/x"),
        ("operator.yaml", "plans:\n", "plan:\n"),
        ("operator.yaml", "plans:\n", "workflows:\n"),
        ("operator.yaml", "      steps:", "      stages:"),
        ("operator.yaml", "tasks: [files, app]", "task: [files, app]"),
        ("operator.yaml", "tasks: [files, app]", "tasks: [files, app"),
        ("params.yaml", "parameters:", "params:"),
        ("params.yaml", "- name: COUNT", "- nme: COUNT"),
        ("params.yaml", "- name: COUNT", "- called: COUNT"),
        ("params.yaml", "  type: integer", "  type: number of things"),
        ("params.yaml", "  type: integer", "  kind: integer"),
        ("params.yaml", "  default: 3", "  defaults: 3"),
        ("params.yaml", "  default: 3", "  value: 3"),
        ("params.yaml", "  default: 3", "  default: {3"),
        (
            "templates/app.yaml",
            "{{ .Params.COUNT }}",
            "{{ .Params.COUNT }",
        ),
        ("templates/app.yaml", ".Params.COUNT", ".Params.CUONT"),
    ];
    for change in cases {
        let mut found = shown(&sample(&[change]));
        // Without parts of the pipe there is nothing wrong with its use.
        found.retain(|finding| !finding.contains("unused"));
        assert_eq!(found.len(), 1, "{change:?}\n{found:#?}");
    }
}

#[test]
fn what_can_be_said_of_templates_is_said() {
    let cases: &[(&[Change<'_>], &[&str])] = &[
        (
            &[
                ("operator.yaml", "kind: Apply", "kind: Aply"),
                ("templates/app.yaml", "COUNT", "CUONT"),
            ],
            &["operator.yaml:6:9", "templates/app.yaml:4:22"],
        ),
        (
            &[
                ("operator.yaml", "tasks: [files, app]", "tasks: [files, app"),
                ("params.yaml", "  default: 3", "  default: x"),
                ("templates/app.yaml", "COUNT", "CUONT"),
                ("templates/pod.yaml", "kind: Pod", "kind: {{ Pod }}"),
            ],
            &[
                "operator.yaml:22:41",
                "params.yaml:4:3",
                "templates/app.yaml:4:22",
                "templates/pod.yaml:2:10",
            ],
        ),
        (
            &[
                ("params.yaml", "- name: COUNT", "- name: [COUNT"),
                ("operator.yaml", "[app.yaml]", "[ap.yaml]"),
                ("templates/app.yaml", ".Pipes.Tls", ".Pipes.tls"),
                ("templates/pod.yaml", "kind: Pod", "kind: {{ .Nmae }}"),
            ],
            &[
                "operator.yaml:8:17",
                "params.yaml:3:7",
                "templates/app.yaml:4:40",
                "templates/pod.yaml:2:10",
            ],
        ),
        // What is broken does not keep the rest from being rendered.
        (
            &[
                ("operator.yaml", "operatorVersion", "operatorVersoin"),
                ("templates/app.yaml", "| len", "| upper"),
            ],
            &["operator.yaml:2:1", "templates/app.yaml:4:86"],
        ),
    ];
    for (changes, expected) in cases {
        let mut found = findings(&sample(changes));
        found.retain(Diagnostic::is_error);
        let places: Vec<String> = found
            .iter()
            .map(|found| found.location.as_ref().unwrap().to_string())
            .collect();
        assert_eq!(places, *expected, "{changes:?}\n{found:#?}");
    }
}

/// The packages of this repository, and those of the community where they are at hand.
fn packages() -> Vec<(PathBuf, Files)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut packages = Vec::new();
    for folder in ["../../operators", "../../../shared/corpus/operators"] {
        let Ok(entries) = std::fs::read_dir(root.join(folder)) else {
            eprintln!("SKIPPED: {folder} is not there");
            continue;
        };
        for entry in entries {
            let root = Package::root(&entry.unwrap().path());
            let mut files = Files::new();
            for name in ["operator.yaml", "params.yaml"] {
                if let Ok(text) = std::fs::read_to_string(root.join(name)) {
                    files.insert(name.to_owned(), text);
                }
            }
            if files.len() < 2 {
                continue;
            }
            read_templates(&root, &root.join("templates"), &mut files);
            packages.push((root, files));
        }
    }
    packages.sort();
    packages
}

fn read_templates(root: &Path, folder: &Path, files: &mut Files) {
    for entry in std::fs::read_dir(folder).into_iter().flatten() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            read_templates(root, &path, files);
        } else if let Ok(text) = std::fs::read_to_string(&path) {
            let name = path
                .strip_prefix(root)
                .unwrap()
                .to_str()
                .unwrap()
                .to_owned();
            files.insert(name, text);
        }
    }
}

/// Whether all changes are to be tried and not a sample.
fn all_changes() -> bool {
    std::env::var_os("KUDO_ALL_MUTATIONS").is_some()
}

/// The text with one line changed in one way.
fn mutated(text: &str, line: usize, way: usize) -> String {
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    let old = lines[line].clone();
    let cut = old
        .char_indices()
        .nth(old.chars().count() / 2)
        .map_or(0, |(at, _)| at);
    let key = old.split_inclusive(':').next().unwrap_or_default();
    let new = match way {
        0 => {
            lines.remove(line);
            return lines.join("\n");
        }
        1 => format!("{old}\n{old}"),
        2 => format!(" {old}"),
        3 => old.strip_prefix(' ').unwrap_or("- x").to_owned(),
        4 => old.replacen(':', "", 1),
        5 => format!("{old} ["),
        6 => format!("{key} [a, {{b: c}}]"),
        7 => key.to_owned(),
        8 => format!("{}\"{}", &old[..cut], &old[cut..]),
        9 => return lines[..line].join("\n"),
        10 => format!("{}{{{{{}", &old[..cut], &old[cut..]),
        _ => old[..cut].to_owned(),
    };
    lines[line] = new;
    lines.join("\n")
}

/// Whatever happens to a line of a package, verification ends, and every finding has a place in a
/// file of the package. Of the changes a sample is tried; `KUDO_ALL_MUTATIONS=1` tries all.
#[test]
fn every_finding_in_a_changed_package_has_a_place() {
    const WAYS: usize = 12;
    let all = all_changes();
    let (mut tried, mut refused) = (0, 0);
    for (number, (root, files)) in packages().into_iter().enumerate() {
        for (name, text) in &files {
            let lines = text.lines().count();
            let sample = match name.as_str() {
                _ if all => usize::MAX,
                "operator.yaml" | "params.yaml" => 20,
                _ => 2,
            };
            let stride = (lines * WAYS / sample).max(1);
            for line in 0..lines {
                for way in
                    (0..WAYS).filter(|way| (line * WAYS + way + number).is_multiple_of(stride))
                {
                    let mut changed = files.clone();
                    changed.insert(name.clone(), mutated(text, line, way));
                    let found = findings(&changed);
                    tried += 1;
                    refused += usize::from(found.iter().any(Diagnostic::is_error));
                    for finding in found {
                        let at = || {
                            format!(
                                "{}: {name}:{} way {way}: {finding}",
                                root.display(),
                                line + 1
                            )
                        };
                        let location = finding
                            .location
                            .as_ref()
                            .unwrap_or_else(|| panic!("{}", at()));
                        assert!(changed.contains_key(&location.file), "{}", at());
                        let rendered = finding.rule == "template-renders";
                        assert!(
                            rendered || (location.line > 0 && location.column > 0),
                            "{}",
                            at()
                        );
                        let end = changed[&location.file].lines().count() + 1;
                        assert!(location.line <= end, "{}", at());
                    }
                }
            }
        }
    }
    assert!(tried > 500 && refused > tried / 4, "{refused} of {tried}");
}

/// A field whose name is mistyped is one error, or one warning where it is a text for people, in every package
/// and at every place (or a fifth of them, without `KUDO_ALL_MUTATIONS=1`).
#[test]
fn a_mistyped_field_is_one_finding() {
    let fields: BTreeSet<&str> =
        "name operatorVersion appVersion kubernetesVersion tasks plans kind spec \
        resources parameter pod pipe file envFile key strategy phases steps parameters default \
        trigger type required displayName description immutable advanced group groups enum"
            .split_whitespace()
            .collect();
    let (mut tried, mut seen) = (0, 0);
    for (root, files) in packages() {
        let mistakes = |files: &Files| {
            let mut found = findings(files);
            found.retain(|found| found.is_error() || found.rule == "unknown-field");
            found
        };
        if !mistakes(&files).is_empty() {
            continue;
        }
        for name in ["operator.yaml", "params.yaml"] {
            for (index, line) in files[name].lines().enumerate() {
                let start = line.len() - line.trim_start_matches([' ', '-']).len();
                let Some((key, rest)) = line[start..].split_once(':') else {
                    continue;
                };
                seen += usize::from(fields.contains(key));
                if !fields.contains(key) || (!seen.is_multiple_of(5) && !all_changes()) {
                    continue;
                }
                let mistyped = format!("{}{}{}:{rest}", &line[..start], &key[..2], &key[3..]);
                let mut lines: Vec<&str> = files[name].lines().collect();
                lines[index] = &mistyped;
                let mut changed = files.clone();
                changed.insert(name.to_owned(), lines.join("\n"));
                let found = mistakes(&changed);
                tried += 1;
                let at = || {
                    format!(
                        "{}: {name}:{}: {mistyped}\n{found:#?}",
                        root.display(),
                        index + 1
                    )
                };
                assert!(found.len() == 1, "{}", at());
                let location = found[0].location.as_ref().unwrap();
                assert_eq!(
                    (location.line, location.column),
                    (index + 1, start + 1),
                    "{}",
                    at()
                );
            }
        }
    }
    assert!(tried > 50, "{tried}");
}
