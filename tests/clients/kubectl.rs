//! kubectl, as people use it.

use crate::server::is_simulated;
use crate::{Client, Said, tool};

/// Kubernetes 1.20 from Debian.
#[test]
fn an_old_kubectl() {
    play(tool("kubectl-debian/usr/bin/kubectl"));
}

/// The newest there is.
#[test]
fn a_new_kubectl() {
    play(tool("python/bin/kubectl"));
}

const WEB: &str = r#"
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, labels: {app: web}}
spec:
  replicas: 2
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers:
      - {name: nginx, image: "nginx:1", ports: [{containerPort: 80}]}
---
apiVersion: v1
kind: Service
metadata: {name: web}
spec: {selector: {app: web}, ports: [{port: 80}]}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: settings}
data: {colour: blue}
"#;

const DEFINITION: &str = r"
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: NAMES.GROUP}
spec:
  group: GROUP
  scope: Namespaced
  names: {plural: NAMES, singular: NAME, kind: KIND}
  versions:
  - name: v1
    served: true
    storage: true
    additionalPrinterColumns: [{name: Colour, type: string, jsonPath: .spec.colour}]
    schema:
      openAPIV3Schema:
        type: object
        properties:
          spec:
            type: object
            properties:
              colour: {type: string, enum: [blue, red], description: What it looks like.}
";

/// A kubectl in a namespace.
struct Kubectl {
    client: Client,
    namespace: String,
}

impl Kubectl {
    fn run(&self, line: &str) -> Said {
        self.with_input(line, "")
    }

    /// Whether it is the newest one.
    fn is_new(&self) -> bool {
        self.client.program.ends_with("python/bin/kubectl")
    }

    fn with_input(&self, line: &str, input: &str) -> Said {
        let mut arguments = vec!["-n", &self.namespace];
        arguments.extend(line.split(' '));
        self.client.run(&arguments, Some(input), &[])
    }
}

fn play(program: std::path::PathBuf) {
    let namespace = format!("client-{}", &uuid::Uuid::new_v4().simple().to_string()[..8]);
    let kubectl = Kubectl {
        client: Client::new(program),
        namespace,
    };
    let created = kubectl.run(&format!("create namespace {}", kubectl.namespace));
    created.says(&["created"]);
    knows_what_there_is(&kubectl);
    applies(&kubectl);
    shows(&kubectl);
    changes(&kubectl);
    applies_on_the_server(&kubectl);
    learns_new_kinds(&kubectl);
    runs_a_job(&kubectl);
    looks_into_a_container(&kubectl);
    makes_objects_from_words(&kubectl);
    deletes(&kubectl);
}

/// Commands that need no file; kubectl from 1.32 on sends what they make as protocol buffers.
fn makes_objects_from_words(kubectl: &Kubectl) {
    let own = &kubectl.namespace;
    let done = [
        "create quota q --hard=pods=90,cpu=2k --scopes=NotBestEffort",
        "create ingress i --rule=a.example/b*=web:80,tls=web --class=c --annotation=a=b",
        &format!("create priorityclass {own} --value=1000 --description=high"),
        "create serviceaccount robot",
        "create role reader --verb=get,list --resource=pods,deployments.apps",
        "create rolebinding reader --role=reader --user=jane",
        &format!("create clusterrole {own} --verb=get --non-resource-url=/metrics"),
        &format!("create clusterrolebinding {own} --clusterrole={own} --group=g"),
        "create configmap words --from-literal=a=b",
        "create secret generic words --from-literal=a=b",
        "create secret docker-registry pull --docker-username=u --docker-password=p",
        "create deployment words --image=nginx --replicas=2 --port=80",
        "create job words --image=busybox -- sh -c true",
        "create service nodeport words --tcp=80:8080",
        "create service externalname outside --external-name=example.org",
        "run words --image=nginx --env=A=b --labels=a=b --port=80",
    ];
    // kubectl 1.20 asks whether a kind of no name may be tried out, and takes the answer for a no.
    let dry = "drain simulated --dry-run=server --force --ignore-daemonsets --pod-selector=a=b";
    // Newer kubectls send versions that Kubernetes 1.20 does not have, and kubectl 1.20 knows no others.
    let newer = [
        "autoscale deployment words --min=1 --max=3 --cpu-percent=80",
        "create cronjob words --image=busybox --schedule=@hourly -- true",
        "create job again --from=cronjob/words",
        "create poddisruptionbudget words --selector=app=words --min-available=1",
    ];
    let is_new = kubectl.is_new();
    let dry = is_new.then_some(dry);
    let newer = newer.into_iter().filter(|_| is_new && is_simulated(true));
    for line in done.into_iter().chain(newer).chain(dry) {
        let said = kubectl.run(line);
        assert!(said.success, "{line}: {} {}", said.out, said.err);
    }
    kubectl
        .run("get resourcequota q -o jsonpath={.spec.hard.cpu}")
        .says(&["2k"]);
    kubectl
        .run("get ingress i -o jsonpath={.spec.rules[0].http.paths[0].backend}")
        .says(&["web"]);
    kubectl
        .run("get pod words -o jsonpath={.spec.containers[0].env[0].value}")
        .says(&["b"]);
    kubectl.run("auth can-i create pods").says(&["yes"]);
    kubectl.run("auth can-i --list").says(&["*.*"]);
}

fn knows_what_there_is(kubectl: &Kubectl) {
    kubectl.run("version -o json").says(&["serverVersion"]);
    kubectl
        .run("api-resources")
        .says(&["deployments", "deploy", "apps/v1", "configmaps"]);
    kubectl.run("api-versions").says(&["apps/v1", "batch/v1"]);
    kubectl
        .run("explain deployment.spec.replicas")
        .says(&["replicas", "integer"]);
    kubectl.run("explain pod.spec").says(&["containers"]);
    kubectl
        .run("get nothings")
        .fails_with(&["the server doesn't have a resource type"]);
}

fn applies(kubectl: &Kubectl) {
    let created = kubectl.with_input("apply -f -", WEB);
    created.says(&[
        "deployment.apps/web created",
        "service/web created",
        "configmap/settings created",
    ]);
    let unchanged = kubectl.with_input("apply -f -", WEB);
    unchanged.says(&[
        "deployment.apps/web unchanged",
        "service/web unchanged",
        "configmap/settings unchanged",
    ]);
    let red = WEB.replace("blue", "red");
    kubectl
        .with_input("diff -f -", &red)
        .fails_with(&["-  colour: blue", "+  colour: red"]);
    kubectl.with_input("diff -f -", WEB).says(&[]);
    let configured = kubectl.with_input("apply -f -", &red);
    configured.says(&["configmap/settings configured", "service/web unchanged"]);
    let wrong = WEB.replace("replicas: 2", "replicas: -2");
    kubectl
        .with_input("apply -f -", &wrong)
        .fails_with(&["spec.replicas", "must be greater than or equal to 0"]);
    let unknown = WEB.replace("colour: blue", "colour: blue}\nnonsense: {a: b");
    kubectl
        .with_input("apply -f -", &unknown)
        .fails_with(&["nonsense"]);
}

fn shows(kubectl: &Kubectl) {
    kubectl
        .run("rollout status deployment/web --timeout=60s")
        .says(&["successfully rolled out"]);
    kubectl
        .run("wait --for=condition=Available deployment/web --timeout=60s")
        .says(&["condition met"]);
    kubectl.run("get deployments -o wide").says(&[
        "NAME",
        "CONTAINERS",
        "2/2",
        "nginx:1",
        "app=web",
    ]);
    kubectl
        .run("get pods -l app=web -o wide")
        .says(&["1/1", "Running", "NODE"]);
    kubectl
        .run("get all")
        .says(&["deployment.apps/web", "service/web", "replicaset.apps/web-"]);
    kubectl
        .run("describe deployment web")
        .says(&["2 desired", "NewReplicaSet", "nginx:1"]);
    kubectl
        .run("describe service web")
        .says(&["Selector:", "app=web"]);
    kubectl
        .run("describe pods -l app=web")
        .says(&["Node:", "Conditions:"]);
    let replicas = kubectl.run("get deployment web -o jsonpath={.spec.replicas}");
    assert_eq!(replicas.says(&[]), "2");
    kubectl.run("get configmap none").fails_with(&["NotFound"]);
    kubectl
        .run("get configmap none --ignore-not-found")
        .says(&[]);
}

fn changes(kubectl: &Kubectl) {
    kubectl
        .run("scale deployment web --replicas=3")
        .says(&["scaled"]);
    kubectl
        .run("rollout status deployment/web --timeout=60s")
        .says(&["successfully rolled out"]);
    kubectl
        .run("set image deployment/web nginx=nginx:2")
        .says(&["image updated"]);
    kubectl
        .run("rollout status deployment/web --timeout=60s")
        .says(&["successfully rolled out"]);
    kubectl
        .run("rollout history deployment/web")
        .says(&["REVISION", "2"]);
    kubectl
        .run("rollout undo deployment/web")
        .says(&["rolled back"]);
    kubectl
        .run("rollout status deployment/web --timeout=60s")
        .says(&["successfully rolled out"]);
    let image = "get deployment web -o jsonpath={.spec.template.spec.containers[0].image}";
    assert_eq!(kubectl.run(image).says(&[]), "nginx:1");
    kubectl
        .run("label deployment web tier=front")
        .says(&["labeled"]);
    kubectl
        .run("label deployment web tier=back")
        .fails_with(&["already has a value"]);
    kubectl
        .run("annotate deployment web example.com/note=yes")
        .says(&["annotated"]);
    kubectl.run("label deployment web tier-").says(&["labeled"]);
    kubectl
        .run(r#"patch configmap settings --type=merge -p {"data":{"size":"big"}}"#)
        .says(&["patched"]);
    let add = r#"patch configmap settings --type=json -p [{"op":"add","path":"/data/shape","value":"round"}]"#;
    kubectl.run(add).says(&["patched"]);
    kubectl
        .run(r#"patch deployment web -p {"spec":{"minReadySeconds":0,"paused":false}}"#)
        .says(&["patched"]);
    kubectl.run("get configmap settings -o yaml").says(&[
        "size: big",
        "shape: round",
        "colour: blue",
    ]);
    let edited = kubectl.client.run(
        &["-n", &kubectl.namespace, "edit", "configmap", "settings"],
        None,
        &[("KUBE_EDITOR", "sed -i s/round/square/")],
    );
    edited.says(&["configmap/settings edited"]);
    kubectl
        .run("get configmap settings -o yaml")
        .says(&["shape: square"]);
    kubectl
        .run("create secret generic hidden --from-literal=a=b")
        .says(&["created"]);
    kubectl
        .run("get secret hidden -o jsonpath={.data.a}")
        .says(&["Yg=="]);
    kubectl
        .run("create configmap dry --from-literal=a=b --dry-run=server")
        .says(&["server dry run"]);
    kubectl.run("get configmap dry").fails_with(&["NotFound"]);
}

fn applies_on_the_server(kubectl: &Kubectl) {
    let text = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: shared}\ndata: {colour: blue}\n";
    kubectl
        .with_input("apply --server-side -f -", text)
        .says(&["serverside-applied"]);
    let red = text.replace("blue", "red");
    let other = "apply --server-side --field-manager=other -f -";
    kubectl
        .with_input(other, &red)
        .fails_with(&["conflict", ".data.colour"]);
    kubectl
        .with_input(&format!("{other} --force-conflicts"), &red)
        .says(&["serverside-applied"]);
    kubectl
        .run("get configmap shared -o jsonpath={.data.colour}")
        .says(&["red"]);
}

fn learns_new_kinds(kubectl: &Kubectl) {
    let id = kubectl.namespace.replace("client-", "k");
    let group = format!("{id}.example.com");
    let (names, kind) = (format!("{id}s"), "Painting");
    let definition = DEFINITION.replace("GROUP", &group).replace("NAMES", &names);
    let definition = definition.replace("NAME", &id).replace("KIND", kind);
    kubectl
        .with_input("apply -f -", &definition)
        .says(&["created"]);
    let established = format!("wait --for=condition=Established crd/{names}.{group} --timeout=60s");
    kubectl.run(&established).says(&["condition met"]);
    let object = format!(
        "apiVersion: {group}/v1\nkind: {kind}\nmetadata: {{name: a}}\nspec: {{colour: blue}}\n"
    );
    kubectl.with_input("apply -f -", &object).says(&["created"]);
    kubectl
        .run(&format!("get {names}"))
        .says(&["COLOUR", "blue"]);
    let green = object.replace("blue", "green");
    kubectl
        .with_input("apply -f -", &green)
        .fails_with(&["Unsupported value"]);
    kubectl
        .run(&format!("delete crd {names}.{group}"))
        .says(&["deleted"]);
}

fn runs_a_job(kubectl: &Kubectl) {
    kubectl
        .run("create job once --image=busybox")
        .says(&["created"]);
    kubectl
        .run("wait --for=condition=Complete job/once --timeout=60s")
        .says(&["condition met"]);
    kubectl.run("get jobs").says(&["1/1"]);
    kubectl.run("describe job once").says(&["1 Succeeded"]);
}

const SCRIPTED: &str = r#"
apiVersion: v1
kind: Pod
metadata:
  name: scripted
  annotations:
    simulate.kudo.dev/log: "begun\nready\n"
    simulate.kudo.dev/files: '{/data/dump: "all of it\n"}'
    simulate.kudo.dev/exec: '[{command: "check *", stderr: "no\n", exit: 3}]'
spec:
  containers: [{name: c, image: "busybox:1", env: [{name: COLOUR, value: blue}]}]
"#;

/// Logs, commands and files of a container, which only the embedded cluster has. kubectl 1.20 cannot
/// run commands there, as it speaks SPDY.
fn looks_into_a_container(kubectl: &Kubectl) {
    if !is_simulated(true) {
        return;
    }
    kubectl
        .with_input("apply -f -", SCRIPTED)
        .says(&["created"]);
    kubectl
        .run("wait --for=condition=Ready pod/scripted --timeout=60s")
        .says(&["condition met"]);
    assert_eq!(kubectl.run("logs scripted --tail=1").says(&[]), "ready\n");
    kubectl
        .run("port-forward scripted 0:80")
        .fails_with(&["listens on no port"]);
    if !kubectl.is_new() {
        let told = kubectl.run("exec scripted -- true");
        return told.fails_with(&["speaks WebSocket alone"]);
    }
    let said = kubectl.run("exec scripted -- printenv COLOUR");
    assert_eq!((said.says(&[]), &*said.err), ("blue\n", ""));
    let said = kubectl.with_input("exec -i scripted -- cat", "through\n");
    assert_eq!((said.says(&[]), &*said.err), ("through\n", ""));
    kubectl
        .run("exec scripted -- check all")
        .fails_with(&["no\n", "exit code 3"]);
    kubectl.run("cp scripted:/data/dump dump").says(&[]);
    let copied = std::fs::read_to_string(kubectl.client.home.path().join("dump")).unwrap();
    assert_eq!(copied, "all of it\n");
    kubectl.run("delete pod scripted --now").says(&["deleted"]);
}

fn deletes(kubectl: &Kubectl) {
    kubectl
        .run("delete deployment web --cascade=foreground --timeout=60s")
        .says(&["deleted"]);
    kubectl.run("get replicasets").says(&[]);
    let pods = kubectl.run("get pods -l app=web -o name");
    assert_eq!(pods.says(&[]), "");
    kubectl
        .run("delete configmap,secret --all")
        .says(&["deleted"]);
    let namespace = format!("delete namespace {} --timeout=60s", kubectl.namespace);
    kubectl.run(&namespace).says(&["deleted"]);
    kubectl
        .run(&format!("get namespace {}", kubectl.namespace))
        .fails_with(&["NotFound"]);
}
