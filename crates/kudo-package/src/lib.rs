//! The KUDO package model: `operator.yaml`, `params.yaml`, templates, archives, verification and
//! Kubernetes' YAML.
//!
//! First stage of the pipeline: a directory or an archive becomes a [`Package`], whose
//! [`OperatorDefinition`] is all that the engine needs of one operator version. Everything here is
//! pure but for reading the files; no network, no cluster, no template engine.
//!
//! ```
//! use std::collections::BTreeMap;
//! use kudo_package::{Package, verify};
//!
//! let file = |text: &str| text.as_bytes().to_vec();
//! let package = Package::from_files(BTreeMap::from([
//!     ("operator.yaml".to_owned(), file("name: sample\noperatorVersion: 0.1.0\n")),
//!     ("params.yaml".to_owned(), file("parameters:\n- name: COUNT\n  type: integer\n")),
//! ]))?;
//! assert_eq!(package.definition.parameters[0].name, "COUNT");
//!
//! let findings = verify::verify(&package, verify::RULES);
//! assert_eq!(findings[0].message, "\"kubernetesVersion\" is missing");
//! # Ok::<(), kudo_package::PackageErrors>(())
//! ```

pub mod archive;
pub mod diagnostic;
pub mod edit;
pub mod operator;
pub mod package;
pub mod parameter;
pub mod repository;
pub mod suggest;
mod task_fields;
pub mod verify;
pub mod version;
pub mod yaml;

pub use archive::{ArchiveError, ArchiveLimits};
pub use diagnostic::{Diagnostic, Location, Severity};
pub use operator::{
    OperatorDefinition, Phase, PipeFile, PipeKind, PipeSource, Plan, Step, Strategy, TASK_KINDS,
    Task, TaskSpec,
};
pub use package::{Group, Locations, Maintainer, Manifest, Package, PackageErrors};
pub use parameter::{Parameter, ParameterError, ValueType};
pub use task_fields::{PipeFields, TaskFieldError, TaskFields};
