//! The KUDO Kubernetes adapter: discovery, apply, delete, health, enhancement and inventory.
