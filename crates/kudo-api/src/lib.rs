//! The KUDO custom resources: [`Operator`], [`OperatorVersion`] and [`Instance`] of
//! `kudo.dev/v1beta1`.
//!
//! These types are a promise to users: their JSON names and shapes are those of upstream KUDO
//! 0.19, plus optional fields only. A resource that upstream wrote decodes unchanged: unknown
//! fields are ignored, `null` and absent mean the same, and no field is required. What a field may
//! hold is said by the schema (see [`crds`]), not by the decoder, so that one bad object in a
//! namespace never stops a watch; [`convert`] turns a resource into the engine's model and reports
//! what is wrong with it.
//!
//! The crate knows the package model ([`kudo_package`]) and no cluster.

pub mod convert;
mod crd;
pub mod dependencies;
pub mod instance;
mod lenient;
pub mod names;
pub mod operator;
pub mod operator_version;
mod schema;

pub use convert::DefinitionError;
pub use crd::{CRDS_YAML, crds, crds_yaml};
pub use instance::{Instance, InstanceSpec, InstanceStatus};
pub use k8s_openapi::api::core::v1::ObjectReference;
pub use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, ObjectMeta, Time};
pub use operator::{Operator, OperatorSpec};
pub use operator_version::{OperatorVersion, OperatorVersionSpec};

/// The API group of all KUDO resources.
pub const GROUP: &str = "kudo.dev";
/// The one served and stored version of the group.
pub const VERSION: &str = "v1beta1";
/// Group and version as they stand in `apiVersion`.
pub const API_VERSION: &str = "kudo.dev/v1beta1";
