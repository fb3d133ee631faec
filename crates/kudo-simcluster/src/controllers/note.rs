//! What a controller tells of its writes, as events.

use k8s_openapi::api::core::v1::ObjectReference;
use kube::ResourceExt;

use super::Controller;
use super::action::{Effect, Refusal, Target};
use super::resources::Resource;
use crate::events::{Source, Told};

/// What is told of an object once a write has come about, or once it has been refused.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Note {
    about: Target,
    done: Option<Line>,
    refused: Option<Line>,
}

#[derive(Clone, Debug, PartialEq)]
struct Line {
    warning: bool,
    reason: &'static str,
    message: String,
}

impl Note {
    /// Nothing as yet, of an object.
    pub(super) fn about(object: impl Into<Target>) -> Self {
        Self {
            about: object.into(),
            done: None,
            refused: None,
        }
    }

    /// What is told of success; `{name}` stands for the name of the object that was written.
    pub(super) fn normal(mut self, reason: &'static str, message: impl Into<String>) -> Self {
        self.done = Some(Line {
            warning: false,
            reason,
            message: message.into(),
        });
        self
    }

    /// What is told of a write that is itself about something that went wrong.
    pub(super) fn warning(mut self, reason: &'static str, message: impl Into<String>) -> Self {
        self.done = Some(Line {
            warning: true,
            reason,
            message: message.into(),
        });
        self
    }

    /// What is told if the server refuses; `{error}` stands for what it says.
    pub(super) fn on_refusal(mut self, reason: &'static str, message: impl Into<String>) -> Self {
        self.refused = Some(Line {
            warning: true,
            reason,
            message: message.into(),
        });
        self
    }

    /// Of the creation of a pod that the server names.
    pub(super) fn pod_created(owner: impl Into<Target>) -> Self {
        Self::about(owner)
            .normal("SuccessfulCreate", "Created pod: {name}")
            .on_refusal("FailedCreate", "Error creating: {error}")
    }

    /// Of the deletion of a pod.
    pub(super) fn pod_deleted(owner: impl Into<Target>, pod: &str) -> Self {
        Self::about(owner)
            .normal("SuccessfulDelete", format!("Deleted pod: {pod}"))
            .on_refusal("FailedDelete", "Error deleting: {error}")
    }

    /// The event, now that the write has ended so; nothing if there is nothing to tell.
    pub(super) fn told(
        &self,
        by: Controller,
        resources: &[Resource],
        outcome: Result<&Effect, &Refusal>,
    ) -> Option<Told> {
        let (line, message) = match outcome {
            Ok(effect) => {
                let line = self.done.as_ref()?;
                let name = match effect {
                    Effect::Seen(_, object) => object.name_any(),
                    _ => String::new(),
                };
                (line, line.message.replace("{name}", &name))
            }
            // News of the objects, or of a namespace that goes, is no failure.
            Err(refusal) if refusal.is_stale() || refusal.is_of_the_end() => return None,
            Err(refusal) => {
                let line = self.refused.as_ref()?;
                (line, line.message.replace("{error}", &refusal.message()))
            }
        };
        let resource = resources.get(self.about.resource)?;
        let key = &self.about.key;
        Some(Told {
            source: Source {
                program: "kube-controller-manager",
                component: by.component(),
                host: String::new(),
                action: None,
            },
            about: ObjectReference {
                api_version: Some(resource.api.api_version.clone()),
                kind: Some(resource.api.kind.clone()),
                namespace: Some(key.namespace.to_string()).filter(|name| !name.is_empty()),
                name: Some(key.name.to_string()),
                uid: Some(self.about.uid.clone()),
                resource_version: self.about.version.clone(),
                field_path: None,
            },
            warning: line.warning,
            reason: line.reason,
            message,
        })
    }
}

#[cfg(test)]
impl std::fmt::Display for Note {
    /// `Normal Reason: message`, and after a bar what is told of a refusal.
    fn fmt(&self, to: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let lines = [(&self.done, ""), (&self.refused, "| ")];
        let lines = lines.into_iter().filter_map(|(line, bar)| {
            let line = line.as_ref()?;
            let kind = if line.warning { "Warning" } else { "Normal" };
            Some(format!("{bar}{kind} {}: {}", line.reason, line.message))
        });
        write!(to, "{}", lines.collect::<Vec<_>>().join(" "))
    }
}

impl Controller {
    /// What the controller calls itself in events.
    fn component(self) -> &'static str {
        match self {
            Self::Deployment => "deployment-controller",
            Self::ReplicaSet => "replicaset-controller",
            Self::ReplicationController => "replication-controller",
            Self::StatefulSet => "statefulset-controller",
            Self::DaemonSet => "daemonset-controller",
            Self::Job => "job-controller",
            Self::CronJob => "cronjob-controller",
            Self::Autoscaler => "horizontal-pod-autoscaler",
            Self::Volumes => "persistentvolume-controller",
            Self::EphemeralVolumes => "ephemeral_volume",
            Self::GarbageCollector
            | Self::Namespace
            | Self::Endpoints
            | Self::EndpointSlice
            | Self::DisruptionBudget
            | Self::NamespaceDefaults
            | Self::ClaimProtection
            | Self::RoleAggregation
            | Self::Tokens => "controllermanager",
        }
    }
}
