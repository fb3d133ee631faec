//! Objects of many kinds, applied, applied again, and taken over: what one kind's server-side logic makes of
//! an apply differs from kind to kind.

use kudo_kube::apply::Applied;
use kudo_package::yaml;
use serde_json::{Value, json};

use crate::harness::World;

/// One object of each kind, `NAME` standing for its name.
const OBJECTS: &str = r"
apiVersion: v1
kind: ConfigMap
metadata: {name: NAME}
data:
  a: '1'
  file: |
    line one
    line two
binaryData: {b: AAEC}
---
apiVersion: v1
kind: Secret
metadata: {name: NAME}
type: Opaque
stringData: {password: secret}
---
apiVersion: v1
kind: ServiceAccount
metadata: {name: NAME}
---
apiVersion: v1
kind: Service
metadata: {name: NAME}
spec: {selector: {app: NAME}, ports: [{name: a, port: 80}, {name: b, port: 80, protocol: UDP}]}
---
apiVersion: v1
kind: Service
metadata: {name: NAME-hs, labels: {app: NAME}}
spec: {clusterIP: None, publishNotReadyAddresses: true, selector: {app: NAME}, ports: [{port: 3306, targetPort: sql}]}
---
apiVersion: v1
kind: Service
metadata: {name: NAME-np}
spec: {type: NodePort, selector: {app: NAME}, ports: [{port: 80}]}
---
apiVersion: v1
kind: PersistentVolumeClaim
metadata: {name: NAME}
spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Gi}}}
---
apiVersion: v1
kind: Pod
metadata: {name: NAME}
spec: {containers: [{name: main, image: nginx, ports: [{containerPort: 80}], resources: {limits: {cpu: '1', memory: 1024Mi}}}]}
---
apiVersion: v1
kind: LimitRange
metadata: {name: NAME}
spec: {limits: [{type: Pod, max: {cpu: '100'}}]}
---
apiVersion: v1
kind: ResourceQuota
metadata: {name: NAME}
spec: {hard: {pods: '1000'}}
---
apiVersion: v1
kind: Endpoints
metadata: {name: NAME-ep}
subsets: [{addresses: [{ip: 10.1.2.3}], ports: [{port: 80}]}]
---
apiVersion: v1
kind: ReplicationController
metadata: {name: NAME}
spec: {replicas: 1, selector: {rc: NAME}, template: {metadata: {labels: {rc: NAME}}, spec: {containers: [{name: main, image: x}]}}}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: NAME}
spec:
  replicas: 1
  selector: {matchLabels: {app: NAME}}
  strategy: {type: Recreate}
  template:
    metadata: {labels: {app: NAME}}
    spec:
      containers: [{name: main, image: nginx, command: [sh, -c, 'true'], resources: {requests: {cpu: 500m}}}]
---
apiVersion: apps/v1
kind: StatefulSet
metadata: {name: NAME}
spec:
  replicas: 1
  serviceName: NAME-hs
  podManagementPolicy: OrderedReady
  updateStrategy: {type: OnDelete}
  selector: {matchLabels: {sts: NAME}}
  template:
    metadata: {labels: {sts: NAME}}
    spec:
      containers:
        - name: main
          image: mariadb
          ports: [{containerPort: 3306, name: sql}]
          lifecycle: {preStop: {exec: {command: ['true']}}}
          volumeMounts: [{name: data, mountPath: /data}, {name: scripts, mountPath: /scripts}]
      volumes: [{name: scripts, configMap: {name: NAME, defaultMode: 493}}]
  volumeClaimTemplates:
    - metadata: {name: data}
      spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Gi}}}
---
apiVersion: apps/v1
kind: DaemonSet
metadata: {name: NAME}
spec:
  selector: {matchLabels: {ds: NAME}}
  template: {metadata: {labels: {ds: NAME}}, spec: {containers: [{name: main, image: x}]}}
---
apiVersion: apps/v1
kind: ReplicaSet
metadata: {name: NAME}
spec:
  replicas: 1
  selector: {matchLabels: {rs: NAME}}
  template: {metadata: {labels: {rs: NAME}}, spec: {containers: [{name: main, image: x}]}}
---
apiVersion: batch/v1
kind: Job
metadata: {name: NAME}
spec: {template: {spec: {restartPolicy: Never, containers: [{name: main, image: x, env: [{name: A, value: ''}]}]}}}
---
apiVersion: batch/v1beta1
kind: CronJob
metadata: {name: NAME}
spec:
  schedule: 0 3 * * *
  jobTemplate: {spec: {template: {spec: {restartPolicy: OnFailure, containers: [{name: main, image: x}]}}}}
---
apiVersion: policy/v1beta1
kind: PodDisruptionBudget
metadata: {name: NAME}
spec: {minAvailable: 1, selector: {matchLabels: {app: NAME}}}
---
apiVersion: autoscaling/v1
kind: HorizontalPodAutoscaler
metadata: {name: NAME}
spec: {maxReplicas: 3, scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: NAME}}
---
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {name: NAME}
spec: {rules: [{host: a.b, http: {paths: [{path: /, pathType: Prefix, backend: {service: {name: NAME, port: {number: 80}}}}]}}]}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: NAME}
spec: {podSelector: {}, ingress: [{ports: [{port: 80}]}]}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: NAME}
rules: [{apiGroups: [''], resources: [pods], verbs: [get]}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: NAME}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: NAME}
subjects: [{kind: ServiceAccount, name: NAME}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: NAME}
rules: [{nonResourceURLs: [/x], verbs: [get]}]
---
apiVersion: scheduling.k8s.io/v1
kind: PriorityClass
metadata: {name: NAME}
value: 7
---
apiVersion: storage.k8s.io/v1
kind: StorageClass
metadata: {name: NAME}
provisioner: example.com/disk
---
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: things.NAME.example.com}
spec:
  group: NAME.example.com
  scope: Namespaced
  names: {plural: things, singular: thing, kind: Thing}
  versions:
    - name: v1
      served: true
      storage: true
      additionalPrinterColumns: [{name: Size, type: integer, jsonPath: .spec.size}]
      schema: {openAPIV3Schema: {type: object, properties: {spec: {type: object, properties: {size: {type: integer}}}}}}
---
apiVersion: kudo.dev/v1beta1
kind: Operator
metadata: {name: NAME}
spec: {description: Nothing}
";

fn objects(name: &str) -> Vec<Value> {
    let documents = yaml::parse_documents(&OBJECTS.replace("NAME", name)).unwrap();
    documents
        .into_iter()
        .map(|document| document.value)
        .collect()
}

fn described(object: &Value) -> String {
    format!("{} {}", object["kind"], object["metadata"]["name"])
}

/// The part of an object that says what it is: no status, no metadata but labels.
fn substance(answer: &Applied) -> Value {
    let Applied::Sent(answer) = answer else {
        panic!("{answer:?}");
    };
    let mut object = (**answer).clone();
    let labels = object["metadata"]["labels"].take();
    let fields = object.as_object_mut().unwrap();
    fields.remove("status");
    fields.insert("metadata".to_owned(), json!({"labels": labels}));
    object
}

#[tokio::test]
async fn every_kind_can_be_applied_again_and_again() {
    let Some(world) = World::new().await else {
        return;
    };
    for object in objects(&format!("{}-again", world.namespace)) {
        let what = described(&object);
        let first = Box::pin(world.apply(&object, "u1")).await;
        let first = first.unwrap_or_else(|error| panic!("{what}: {error}"));
        for execution in ["u2", "u3"] {
            let again = Box::pin(world.apply(&object, execution)).await;
            let again = again.unwrap_or_else(|error| panic!("{what}: {error}"));
            // Others write into the specs of these.
            if !matches!(
                object["kind"].as_str(),
                Some("Pod" | "PersistentVolumeClaim" | "ServiceAccount")
            ) {
                assert_eq!(substance(&again), substance(&first), "{what}");
            }
        }
    }
}

#[tokio::test]
async fn every_kind_can_be_taken_over() {
    let Some(world) = World::new().await else {
        return;
    };
    for object in objects(&format!("{}-original", world.namespace)) {
        let what = described(&object);
        let original = world.as_original(&object).await;
        Box::pin(world.create_as("manager", &original)).await;
        for execution in ["u1", "u2"] {
            let applied = Box::pin(world.apply(&object, execution)).await;
            let applied = applied.unwrap_or_else(|error| panic!("{what}: {error}"));
            let Applied::Sent(answer) = applied else {
                panic!("{what}: not sent");
            };
            let annotations = &answer["metadata"]["annotations"];
            let left = annotations.get("kudo.dev/last-applied-configuration");
            assert_eq!(left, None, "{what}");
        }
    }
}
