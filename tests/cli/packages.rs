//! Small packages that tests start from.

/// `operator.yaml` of a package with one config map.
pub(crate) const OPERATOR: &str = "\
apiVersion: kudo.dev/v1beta1
name: small
operatorVersion: 0.1.0
kubernetesVersion: 1.17.0
maintainers:
- name: Nobody
  email: nobody@example.com
tasks:
- name: config
  kind: Apply
  spec:
    resources: [config.yaml]
plans:
  deploy:
    strategy: serial
    phases:
    - name: main
      strategy: serial
      steps:
      - name: config
        tasks: [config]
";

/// `params.yaml` of the same.
pub(crate) const PARAMS: &str = "\
apiVersion: kudo.dev/v1beta1
parameters:
- name: COUNT
  type: integer
  default: 3
  description: How many there are.
- name: GREETING
  default: hello
- name: SECRET
  required: true
";

/// Its only template.
pub(crate) const CONFIG: &str = "\
apiVersion: v1
kind: ConfigMap
metadata:
  name: {{ .Name }}-config
data:
  count: \"{{ .Params.COUNT }}\"
  greeting: {{ .Params.GREETING }}
  secret: {{ .Params.SECRET | quote }}
";

/// The files of the package.
pub(crate) const SMALL: &[(&str, &str)] = &[
    ("operator.yaml", OPERATOR),
    ("params.yaml", PARAMS),
    ("templates/config.yaml", CONFIG),
];

/// A role with a right that the manager has not, bound; and one of the cluster's roles, bound here.
pub(crate) const BINDINGS: &str = "\
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: '{{ .Name }}-own'}
rules: [{apiGroups: [policy], resources: [poddisruptionbudgets], verbs: [delete]}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: '{{ .Name }}-own'}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: '{{ .Name }}-own'}
subjects: [{kind: ServiceAccount, name: default}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: '{{ .Name }}-view'}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: view}
subjects: [{kind: ServiceAccount, name: default}]
";
