//! What a simulated container says.

use kudo_simcluster::container::{Answer, Container, Output};
use serde_json::{Value, json};

fn pod(annotations: &Value) -> Value {
    json!({
        "metadata": { "name": "p", "annotations": annotations },
        "spec": {
            "initContainers": [{ "name": "make" }],
            "containers": [{
                "name": "c", "env": [{ "name": "A", "value": "1" }],
                "volumeMounts": [{ "name": "v", "mountPath": "/out/" }],
            }],
        },
    })
}

fn container(annotations: &Value) -> Container {
    Container::of(&pod(annotations), "c", &|_, _| None).unwrap()
}

fn run(container: &Container, command: &str) -> Answer {
    let command: Vec<String> = command.split(' ').map(str::to_owned).collect();
    container.run(&command)
}

/// Exit code, standard output and standard error.
fn done(container: &Container, command: &str) -> (u8, String, String) {
    let Answer::Done(output) = run(container, command) else {
        panic!("{command} did not run");
    };
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (output.exit, text(output.stdout), text(output.stderr))
}

#[test]
fn the_log_is_the_containers_own_or_all_containers() {
    let annotations = json!({ "simulate.kudo.dev/log": "all", "simulate.kudo.dev/log.c": "own\n" });
    let pod = pod(&annotations);
    let log =
        |name| Container::of(&pod, name, &|_, _| None).map(|container| container.log().to_owned());
    assert_eq!(log("c").as_deref(), Some("own\n"));
    assert_eq!(log("make").as_deref(), Some("all\n"));
    assert_eq!(log("other"), None);
}

#[test]
fn variables_are_what_a_kubelet_makes_them() {
    let pod = json!({
        "metadata": { "name": "p", "namespace": "n", "labels": { "a/b": "of the label" } },
        "spec": {
            "nodeName": "node", "hostname": "h",
            "containers": [{
                "name": "c",
                "envFrom": [
                    { "configMapRef": { "name": "all" } },
                    { "prefix": "S_", "secretRef": { "name": "all" } },
                    { "configMapRef": { "name": "absent", "optional": true } },
                ],
                "env": [
                    { "name": "OVER", "value": "own" },
                    { "name": "ONE", "valueFrom": { "configMapKeyRef": { "name": "all", "key": "one" } } },
                    { "name": "KEY", "valueFrom": { "secretKeyRef": { "name": "all", "key": "key" } } },
                    { "name": "NONE", "valueFrom": { "secretKeyRef": { "name": "all", "key": "no", "optional": true } } },
                    { "name": "NAME", "valueFrom": { "fieldRef": { "fieldPath": "metadata.name" } } },
                    { "name": "LABEL", "valueFrom": { "fieldRef": { "fieldPath": "metadata.labels['a/b']" } } },
                    { "name": "IPS", "valueFrom": { "fieldRef": { "fieldPath": "status.podIPs" } } },
                    { "name": "CPU", "valueFrom": { "resourceFieldRef": { "resource": "limits.cpu", "divisor": "0" } } },
                    { "name": "MILLI", "valueFrom": { "resourceFieldRef": { "resource": "limits.cpu", "divisor": "1m" } } },
                    { "name": "MIB", "valueFrom": { "resourceFieldRef": { "resource": "requests.memory", "divisor": "1Mi" } } },
                    { "name": "NODE", "valueFrom": { "resourceFieldRef": { "resource": "limits.memory", "divisor": "1Gi" } } },
                    { "name": "ASKED", "valueFrom": { "resourceFieldRef": { "resource": "requests.cpu" } } },
                    { "name": "URL", "value": "$(NAME).$(S_key) $$(NAME) $(LATER) $ 5$" },
                    { "name": "LATER", "value": "x" },
                ],
                "resources": { "limits": { "cpu": "1500m" }, "requests": { "memory": "65M" } },
            }],
        },
        "status": { "podIPs": [{ "ip": "10.0.0.1" }, { "ip": "::1" }] },
    });
    let lookup = |plural: &str, name: &str| match (plural, name) {
        ("configmaps", "all") => Some(json!({ "data": { "one": "1", "OVER": "over" } })),
        ("secrets", "all") => Some(json!({ "data": { "key": "c2VjcmV0" } })),
        ("nodes", "node") => Some(json!({ "status": { "allocatable": { "memory": "32Gi" } } })),
        _ => None,
    };
    let container = Container::of(&pod, "c", &lookup).unwrap();
    let (code, told, _) = done(&container, "env");
    let expected = "HOSTNAME=h\nOVER=own\none=1\nS_key=secret\nONE=1\nKEY=secret\nNAME=p\nLABEL=of the label\n\
                    IPS=10.0.0.1,::1\nCPU=2\nMILLI=1500\nMIB=62\nNODE=32\nASKED=0\n\
                    URL=p.secret $(NAME) $(LATER) $ 5$\nLATER=x\n";
    assert_eq!((code, &*told), (0, expected));
}

#[test]
fn a_few_commands_are_known() {
    let annotations = json!({ "simulate.kudo.dev/files": "{/etc/x: \"1\", /out/y: \"2\"}" });
    let container = container(&annotations);
    for (command, expected) in [
        ("true", (0, "", "")),
        ("/bin/false", (1, "", "")),
        ("echo a b", (0, "a b\n", "")),
        ("hostname", (0, "p\n", "")),
        ("printenv A", (0, "1\n", "")),
        ("printenv B A", (1, "1\n", "")),
        ("env", (0, "HOSTNAME=p\nA=1\n", "")),
        ("cat /etc/x /etc/../out/y", (0, "12", "")),
        ("cat /out/z", (0, "# /out/z of simulated pod p\n", "")),
        (
            "cat /z",
            (1, "", "cat: can't open '/z': No such file or directory\n"),
        ),
        ("cat /out", (1, "", "cat: read error: Is a directory\n")),
    ] {
        let (exit, stdout, stderr) = done(&container, command);
        assert_eq!(
            (exit, stdout.as_str(), stderr.as_str()),
            expected,
            "{command}"
        );
    }
    assert_eq!(run(&container, "cat"), Answer::Echo);
    assert_eq!(done(&container, "sh -c ls").0, 127);
    let missing = "exec: \"mysql\": executable file not found in $PATH".to_owned();
    assert_eq!(run(&container, "mysql -h x"), Answer::Failed(missing));
}

/// Names and contents of what an archive holds.
fn unpacked(archive: &[u8]) -> Vec<(String, String)> {
    let mut archive = tar::Archive::new(archive);
    let entries = archive.entries().unwrap().map(|entry| {
        let entry = entry.unwrap();
        let path = entry.path().unwrap().display().to_string();
        (path, std::io::read_to_string(entry).unwrap())
    });
    entries.collect()
}

#[test]
fn a_directory_comes_out_with_all_below_it() {
    let files = "{/data/a/x: \"1\", /data/b: \"2\", /data-2/c: \"3\"}";
    let container = container(&json!({ "simulate.kudo.dev/files": files }));
    for (command, expected) in [
        (
            "tar cf - /data",
            vec![
                ("data/", ""),
                ("data/a/", ""),
                ("data/a/x", "1"),
                ("data/b", "2"),
            ],
        ),
        ("tar cf - data/a/", vec![("data/a/", ""), ("data/a/x", "1")]),
        ("tar cf - /out", vec![("out/", "")]),
        (
            "tar cf - /",
            vec![
                ("data/", ""),
                ("data-2/", ""),
                ("data-2/c", "3"),
                ("data/a/", ""),
                ("data/a/x", "1"),
                ("data/b", "2"),
            ],
        ),
    ] {
        let Answer::Done(output) = run(&container, command) else {
            panic!("{command} did not run");
        };
        let found = unpacked(&output.stdout);
        let found: Vec<(&str, &str)> = found
            .iter()
            .map(|(a, b)| (a.as_str(), b.as_str()))
            .collect();
        assert_eq!(found, expected, "{command}");
    }
}

#[test]
fn files_come_out_as_an_archive() {
    let container = container(&json!({ "simulate.kudo.dev/files": "{/etc/x: hello}" }));
    let Answer::Done(Output {
        stdout,
        stderr,
        exit,
    }) = run(&container, "tar cf - /etc/x /no")
    else {
        panic!("tar did not run");
    };
    let complaint = String::from_utf8(stderr).unwrap();
    assert_eq!(
        (exit, complaint.as_str()),
        (1, "tar: /no: No such file or directory\n")
    );
    let files = unpacked(&stdout);
    assert_eq!(files, [("etc/x".to_owned(), "hello".to_owned())]);
}

#[test]
fn the_first_line_of_the_script_that_fits_answers() {
    let script = "[{command: 'mysql -e *', stdout: ok}, {command: mysql*, stderr: no, exit: 3}]";
    let container = container(&json!({ "simulate.kudo.dev/exec": script }));
    assert_eq!(
        done(&container, "mysql -e x y"),
        (0, "ok".to_owned(), String::new())
    );
    assert_eq!(
        done(&container, "mysql"),
        (3, String::new(), "no".to_owned())
    );
    assert_eq!(done(&container, "true").0, 0);
}

#[test]
fn an_annotation_that_cannot_be_read_is_told() {
    for (annotation, command) in [("exec", "true"), ("files", "cat /x")] {
        let name = format!("simulate.kudo.dev/{annotation}");
        let container = container(&json!({ name.as_str(): "[{x: 1}" }));
        let Answer::Failed(problem) = run(&container, command) else {
            panic!("{command} ran");
        };
        assert!(
            problem.starts_with(&format!("annotation {name}: ")),
            "{problem}"
        );
    }
}
