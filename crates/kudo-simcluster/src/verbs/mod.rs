//! What is done with resources: one function a verb, and the way of a write that they share.

mod body;
mod containers;
mod create;
mod delete;
mod eviction;
mod log_options;
mod options;
mod pages;
mod patch;
mod pods;
mod read;
mod reviews;
mod scale;
mod tokens;
mod update;
mod write;
mod yaml;

use http::{Method, Response};

use crate::http::Call;
use crate::http::answer::{self, Body};
use crate::http::path::ResourcePath;
use crate::http::status::Refusal;
use crate::kinds::{Registry, Shown};

pub(crate) use read::{Form, Selection, partial};
pub(crate) use scale::selector_text;

/// What a request is about.
#[derive(Clone, Debug)]
pub(crate) struct Target {
    pub(crate) shown: Shown,
    pub(crate) path: ResourcePath,
}

impl Target {
    pub(crate) fn namespace(&self) -> &str {
        &self.path.namespace
    }

    pub(crate) fn name(&self) -> &str {
        &self.path.name
    }

    pub(crate) fn storage(&self) -> &std::sync::Arc<str> {
        &self.shown.kind.storage
    }

    /// Where a server keeps the object, as its messages tell.
    pub(crate) fn storage_key(&self) -> String {
        let version = self.shown.version();
        let plural = self.shown.kind.plural.as_str();
        let prefix = match plural {
            "services" => "services/specs".to_owned(),
            "endpoints" => "services/endpoints".to_owned(),
            "nodes" => "minions".to_owned(),
            plural if self.shown.kind.is_custom() => format!("{}/{plural}", version.group),
            plural => plural.to_owned(),
        };
        let parts = ["/registry", &prefix, self.namespace(), self.name()];
        let parts: Vec<&str> = parts.into_iter().filter(|part| !part.is_empty()).collect();
        parts.join("/")
    }

    pub(crate) fn not_found(&self) -> Refusal {
        Refusal::not_found(self.shown.named(), self.name())
    }
}

impl Call {
    /// Answers a request about a resource.
    pub(crate) async fn resource(
        &self,
        path: ResourcePath,
        upgrade: Option<hyper::upgrade::OnUpgrade>,
    ) -> Result<Response<Body>, Refusal> {
        let registry = self.server.registry();
        let Some(shown) = registry
            .find(&path.group, &path.version, &path.plural)
            .cloned()
        else {
            return Self::no_such(&registry, &path.group);
        };
        if let Some(warning) = &shown.version().deprecated {
            self.warn(warning.clone());
        }
        let nowhere = if shown.kind.namespaced {
            path.namespace.is_empty() && !path.name.is_empty()
        } else {
            !path.namespace.is_empty()
        };
        if nowhere {
            return Self::no_such(&registry, &path.group);
        }
        check_segment(&path.name)?;
        let target = Target { shown, path };
        self.authorize(&target)?;
        if target.shown.kind.is("Binding") && self.method == Method::POST {
            return self.bind(&self.bound(&registry, &target)?).await;
        }
        if target.shown.kind.strategy.review {
            return self.review(&target);
        }
        if !target.path.subresource.is_empty() {
            return self.subresource(&target, upgrade).await;
        }
        self.check_accept()?;
        let collection = target.name().is_empty();
        // Objects of all namespaces are read together, and not written.
        let in_place = !target.shown.kind.namespaced || !target.namespace().is_empty();
        match (&self.method, collection) {
            (&Method::GET, true) => self.list_or_watch(&target),
            (&Method::GET, false) => self.get(&target),
            (&Method::POST, true) if in_place => self.create(&target).await,
            (&Method::PUT, false) => self.update(&target).await,
            (&Method::PATCH, false) => self.patch(&target).await,
            (&Method::DELETE, false) => self.delete(&target).await,
            (&Method::DELETE, true) if in_place && !target.shown.kind.is("Namespace") => {
                self.delete_collection(&target).await
            }
            _ => Err(Refusal::method_not_allowed()),
        }
    }

    async fn subresource(
        &self,
        target: &Target,
        upgrade: Option<hyper::upgrade::OnUpgrade>,
    ) -> Result<Response<Body>, Refusal> {
        let version = target.shown.version();
        let other = |name: &str| version.others.iter().any(|(known, ..)| *known == name);
        match (target.path.subresource.as_str(), &self.method) {
            ("status", method) if version.status => match *method {
                Method::GET => self.get(target),
                Method::PUT => self.update(target).await,
                Method::PATCH => self.patch(target).await,
                _ => Err(Refusal::method_not_allowed()),
            },
            ("scale", method) if version.scale.is_some() => match *method {
                Method::GET => self.get_scale(target),
                Method::PUT | Method::PATCH => self.write_scale(target).await,
                _ => Err(Refusal::method_not_allowed()),
            },
            ("finalize", &Method::PUT) if other("finalize") => self.update(target).await,
            ("binding", &Method::POST) if other("binding") => self.bind(target).await,
            ("eviction", &Method::POST) if other("eviction") => self.evict(target).await,
            ("token", &Method::POST) if other("token") => self.request_token(target),
            ("log", &Method::GET) if other("log") => self.log(target),
            ("exec" | "attach", &Method::GET | &Method::POST) if other("exec") => {
                self.exec(target, upgrade).await
            }
            ("portforward" | "proxy", _) if other("portforward") => Err(self.no_port(target)),
            ("approval", method) if other("approval") => match *method {
                Method::GET => self.get(target),
                Method::PUT => self.update(target).await,
                Method::PATCH => self.patch(target).await,
                _ => Err(Refusal::method_not_allowed()),
            },
            (name, _) if other(name) => Err(Refusal::method_not_allowed()),
            _ if target.shown.kind.is_custom() => Err(target.not_found()),
            _ => Err(Refusal::no_such_resource()),
        }
    }

    /// A path that leads to no resource.
    fn no_such(registry: &Registry, group: &str) -> Result<Response<Body>, Refusal> {
        if registry.serves_by_itself(group) {
            return Err(Refusal::no_such_resource());
        }
        Ok(answer::no_such_path())
    }
}

/// Whether a name may be a part of a path.
fn check_segment(name: &str) -> Result<(), Refusal> {
    let problem = match name {
        "." | ".." => format!("may not be '{name}'"),
        name => match name.chars().find(|letter| "/%".contains(*letter)) {
            Some(letter) => format!("may not contain '{letter}'"),
            None => return Ok(()),
        },
    };
    Err(Refusal::bad_request(format!(
        "Name parameter invalid: {name:?}: {problem}"
    )))
}
