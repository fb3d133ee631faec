//! The KUDO package model: operator.yaml, params.yaml, templates, archives, verification and Kubernetes YAML.
