//! `kubectl kudo dev`, as someone uses it who has kubectl and no cluster.

use std::path::PathBuf;

use crate::environment::{TestEnvironment, program, repository};
use crate::{Client, Said, tool};

#[test]
fn an_old_kubectl() {
    an_operators_life(tool("kubectl-debian/usr/bin/kubectl"));
}

#[test]
fn a_new_kubectl() {
    an_operators_life(tool("python/bin/kubectl"));
}

/// kubectl with the plugin beside it, on a cluster of `dev`.
struct Kubectl {
    client: Client,
    kubeconfig: String,
    path: String,
}

impl Kubectl {
    fn run(&self, line: &str) -> Said {
        let arguments: Vec<&str> = line.split(' ').collect();
        let variables = [("KUBECONFIG", &*self.kubeconfig), ("PATH", &*self.path)];
        self.client.run(&arguments, None, &variables)
    }
}

fn an_operators_life(kubectl: PathBuf) {
    let environment = TestEnvironment::new();
    environment.run(&["dev", "--detach"]).expect_code(0);
    let folders = [
        program().parent().unwrap(),
        "/usr/bin".as_ref(),
        "/bin".as_ref(),
    ];
    let kubectl = Kubectl {
        client: Client::new(kubectl),
        kubeconfig: path(environment.home().join(".kudo/dev/kubeconfig")),
        path: path(std::env::join_paths(folders).unwrap().into()),
    };
    let package = path(repository().join("operators/first-operator"));

    kubectl.run("get nodes").says(&["Ready"]);
    let install = format!("kudo install {package} --instance web -p replicas=2 --wait");
    kubectl.run(&install).says(&["ready"]);
    kubectl
        .run("kudo plan status --instance web")
        .says(&["Plan deploy (serial strategy) [COMPLETE]"]);
    kubectl.run("get instances").says(&["web"]);
    let rollout = kubectl.run("rollout status deployment/web-nginx");
    rollout.says(&["successfully rolled out"]);
    let pods = kubectl.run("get pods -o wide");
    assert_eq!(pods.says(&["Running"]).matches("web-nginx-").count(), 2);
    kubectl
        .run("kudo update --instance web -p replicas=3 --wait")
        .says(&[]);
    kubectl
        .run("get deployment web-nginx -o jsonpath={.status.readyReplicas}")
        .says(&["3"]);
    kubectl
        .run("describe instance web")
        .says(&["PlanStarted", "PlanFinished"]);
    kubectl
        .run("kudo uninstall --instance web --wait")
        .says(&[]);
    let gone = kubectl.run("wait --for=delete pod --all --timeout=60s");
    assert!(
        gone.success || gone.err.contains("no matching resources found"),
        "{}{}",
        gone.out,
        gone.err
    );
    environment.run(&["dev", "stop"]).expect_code(0);
    kubectl.run("get nodes").fails_with(&["refused"]);
}

fn path(path: PathBuf) -> String {
    path.into_os_string().into_string().unwrap()
}
