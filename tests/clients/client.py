"""Creates, lists, watches, patches and deletes through the official client."""

import sys
import threading

from kubernetes import client, config, watch
from kubernetes.client.rest import ApiException

namespace = sys.argv[1]
config.load_kube_config()
core, apps = client.CoreV1Api(), client.AppsV1Api()

core.create_namespace(client.V1Namespace(metadata=client.V1ObjectMeta(name=namespace)))


def config_map(name, **data):
    metadata = client.V1ObjectMeta(name=name, labels={"set": "one"})
    return client.V1ConfigMap(metadata=metadata, data=data)


created = core.create_namespaced_config_map(namespace, config_map("a", k="v"))
assert created.metadata.uid and created.data == {"k": "v"}
try:
    core.create_namespaced_config_map(namespace, config_map("a"))
    raise AssertionError("created twice")
except ApiException as error:
    assert error.status == 409 and "AlreadyExists" in error.body, error

seen = []


def follow():
    stream = watch.Watch().stream(
        core.list_namespaced_config_map,
        namespace,
        label_selector="set=one",
        resource_version=created.metadata.resource_version,
        timeout_seconds=30,
    )
    for event in stream:
        seen.append((event["type"], event["object"].metadata.name))
        if event["type"] == "DELETED":
            return


follower = threading.Thread(target=follow)
follower.start()
core.create_namespaced_config_map(namespace, config_map("b"))
core.patch_namespaced_config_map("b", namespace, {"data": {"x": "y"}})
core.delete_namespaced_config_map("a", namespace)
follower.join(40)
assert seen == [("ADDED", "b"), ("MODIFIED", "b"), ("DELETED", "a")], seen

found = core.list_namespaced_config_map(namespace, label_selector="set=one")
assert [item.metadata.name for item in found.items] == ["b"], found

labels = {"app": "web"}
deployment = client.V1Deployment(
    metadata=client.V1ObjectMeta(name="web"),
    spec=client.V1DeploymentSpec(
        replicas=2,
        selector=client.V1LabelSelector(match_labels=labels),
        template=client.V1PodTemplateSpec(
            metadata=client.V1ObjectMeta(labels=labels),
            spec=client.V1PodSpec(containers=[client.V1Container(name="c", image="i")]),
        ),
    ),
)
apps.create_namespaced_deployment(namespace, deployment)
for event in watch.Watch().stream(
    apps.list_namespaced_deployment, namespace, timeout_seconds=60
):
    if event["object"].status.available_replicas == 2:
        break
else:
    raise AssertionError("the deployment did not become available")
scale = apps.patch_namespaced_deployment_scale("web", namespace, {"spec": {"replicas": 0}})
assert not scale.spec.replicas, scale
apps.delete_namespaced_deployment("web", namespace, propagation_policy="Background")
core.delete_namespace(namespace)
print("all is well")
