//! Simulated workloads for KUDO: a kubelet that makes pods ready on any Kubernetes API server.
