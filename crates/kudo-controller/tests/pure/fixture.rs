//! Operators and instances in few words.

use std::collections::BTreeMap;

use kudo_api::instance::{Accepted, InstanceStatus, PlanExecution, PlanStatus};
use kudo_api::{Instance, InstanceSpec, ObjectReference, Time};
use kudo_package::{OperatorDefinition, Parameter, Phase, Plan, Step};

/// A parameter in one word: `NAME`, and after colons its trigger, `!` for immutable, `*` for required
/// without a default, `=text` for a default, `int` for an integer.
pub(crate) fn parameter(text: &str) -> Parameter {
    let mut parts = text.split(':');
    let mut parameter = Parameter {
        name: parts.next().unwrap().to_owned(),
        ..Parameter::default()
    };
    for part in parts {
        match part {
            "!" => parameter.immutable = true,
            "*" => parameter.required = true,
            "int" => parameter.value_type = kudo_package::ValueType::Integer,
            part if part.starts_with('=') => parameter.default = Some(part[1..].to_owned()),
            part if part.starts_with('|') => {
                parameter.enum_values = Some(part[1..].split('|').map(str::to_owned).collect());
            }
            plan => parameter.trigger = Some(plan.to_owned()),
        }
    }
    parameter
}

/// An operator with these plans (of one step each) and parameters, all separated by spaces.
pub(crate) fn operator(plans: &str, parameters: &str) -> OperatorDefinition {
    OperatorDefinition {
        operator_name: "op".to_owned(),
        operator_version: "1.0.0".to_owned(),
        plans: words(plans).map(|name| (name.to_owned(), plan())).collect(),
        parameters: words(parameters).map(parameter).collect(),
        ..OperatorDefinition::default()
    }
}

fn plan() -> Plan {
    Plan {
        strategy: None,
        phases: vec![Phase {
            name: "phase".to_owned(),
            strategy: None,
            steps: vec![Step {
                name: "step".to_owned(),
                tasks: Vec::new(),
            }],
        }],
    }
}

/// `A=1 B=2` as a map.
pub(crate) fn map(text: &str) -> BTreeMap<String, String> {
    words(text)
        .map(|word| {
            let (name, value) = word.split_once('=').unwrap();
            (name.to_owned(), value.to_owned())
        })
        .collect()
}

fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split_whitespace()
}

/// An instance of the version `v1` in namespace `ns`.
pub(crate) fn instance(parameters: &str) -> Instance {
    let spec = InstanceSpec {
        operator_version: reference("v1"),
        parameters: map(parameters),
        plan_execution: PlanExecution::default(),
    };
    let mut instance = Instance::new("inst", spec);
    instance.metadata.namespace = Some("ns".to_owned());
    instance
}

pub(crate) fn reference(name: &str) -> ObjectReference {
    ObjectReference {
        name: Some(name.to_owned()),
        ..ObjectReference::default()
    }
}

/// Changes over an instance, so that a table row can say what is special about it.
pub(crate) trait With: Sized {
    fn accepted(self, version: &str, parameters: &str) -> Self;
    fn plan(self, name: &str, status: &str, uid: &str) -> Self;
    fn request(self, plan: &str, uid: &str) -> Self;
    fn scheduled(self, plan: &str, uid: &str) -> Self;
    fn version(self, name: &str) -> Self;
    fn finalizers(self, names: &[&str]) -> Self;
    fn deleting(self) -> Self;
    fn annotation(self, name: &str, value: &str) -> Self;
}

impl With for Instance {
    fn accepted(mut self, version: &str, parameters: &str) -> Self {
        status(&mut self).accepted = Some(Accepted {
            operator_version: version.to_owned(),
            parameters: map(parameters),
        });
        self
    }

    fn plan(mut self, name: &str, state: &str, uid: &str) -> Self {
        let plans = &mut status(&mut self).plan_status;
        let updated = time(i64::try_from(plans.len()).unwrap());
        plans.insert(
            name.to_owned(),
            PlanStatus {
                name: name.to_owned(),
                status: state.to_owned(),
                uid: uid.to_owned(),
                last_updated_timestamp: Some(updated),
                ..PlanStatus::default()
            },
        );
        self
    }

    fn request(mut self, plan: &str, uid: &str) -> Self {
        self.spec.plan_execution = PlanExecution {
            plan_name: plan.to_owned(),
            uid: uid.to_owned(),
            status: String::new(),
        };
        self
    }

    fn scheduled(mut self, plan: &str, uid: &str) -> Self {
        self = self.request(plan, uid);
        "NEVER_RUN".clone_into(&mut self.spec.plan_execution.status);
        self
    }

    fn version(mut self, name: &str) -> Self {
        self.spec.operator_version = reference(name);
        self
    }

    fn finalizers(mut self, names: &[&str]) -> Self {
        self.metadata.finalizers = Some(names.iter().map(|&name| name.to_owned()).collect());
        self
    }

    fn deleting(mut self) -> Self {
        self.metadata.deletion_timestamp = Some(time(1000));
        self
    }

    fn annotation(mut self, name: &str, value: &str) -> Self {
        let annotations = self.metadata.annotations.get_or_insert_default();
        annotations.insert(name.to_owned(), value.to_owned());
        self
    }
}

pub(crate) fn status(instance: &mut Instance) -> &mut InstanceStatus {
    instance.status.get_or_insert_default()
}

pub(crate) fn time(second: i64) -> Time {
    Time(k8s_openapi::jiff::Timestamp::from_second(second).unwrap())
}
