//! The KUDO package model: `operator.yaml`, `params.yaml`, templates, archives, verification and
//! Kubernetes' YAML.
//!
//! First stage of the pipeline: a directory or an archive becomes a [`Package`], whose
//! [`OperatorDefinition`] is all that the engine needs of one operator version. Everything here is
//! pure but for reading the files; no network, no cluster, no template engine.

pub mod diagnostic;
pub mod operator;
pub mod package;
pub mod parameter;
pub mod suggest;
pub mod verify;
pub mod yaml;

pub use diagnostic::{Diagnostic, Location, Severity};
pub use operator::{
    OperatorDefinition, Phase, PipeFile, PipeKind, PipeSource, Plan, Step, Strategy, Task,
    TaskFieldError, TaskFields, TaskSpec,
};
pub use package::{Group, Locations, Maintainer, Manifest, Package, PackageErrors};
pub use parameter::{Parameter, ValueType};
