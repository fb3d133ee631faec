//! What a request does, read off its method, path and query.

use std::fmt;

use http::{Method, Request};
use kube::client::Body;

/// What a request does, in the words of Kubernetes' own metrics and RBAC.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Verb {
    /// Reads one object, or something that is no object (discovery, version).
    Get,
    /// Reads a collection.
    List,
    /// Follows a collection.
    Watch,
    /// Creates an object.
    Create,
    /// Server-side apply.
    Apply,
    /// Any other patch.
    Patch,
    /// Replaces an object.
    Update,
    /// Deletes an object.
    Delete,
    /// Deletes a collection.
    DeleteCollection,
}

impl Verb {
    /// The verb in lower case, as a metric's label.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Get => "get",
            Self::List => "list",
            Self::Watch => "watch",
            Self::Create => "create",
            Self::Apply => "apply",
            Self::Patch => "patch",
            Self::Update => "update",
            Self::Delete => "delete",
            Self::DeleteCollection => "deletecollection",
        }
    }

    /// Whether it changes the cluster.
    pub const fn is_write(self) -> bool {
        !matches!(self, Self::Get | Self::List | Self::Watch)
    }
}

impl fmt::Display for Verb {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What is known of a request before it is sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestInfo {
    /// What it does.
    pub verb: Verb,
    /// Plural name of the resource, such as `configmaps`; empty for discovery and the like.
    pub resource: String,
    /// Namespace, if any.
    pub namespace: Option<String>,
    /// Name of the object, if one is addressed.
    pub name: Option<String>,
    /// Subresource, such as `status`.
    pub subresource: Option<String>,
    /// Path of the URL.
    pub path: String,
}

impl RequestInfo {
    /// Reads it off a request's method, path and query.
    pub fn of(request: &Request<Body>) -> Self {
        let path = request.uri().path();
        let query = request.uri().query().unwrap_or_default();
        let mut address = Address::of(path);
        let apply = request
            .headers()
            .get(http::header::CONTENT_TYPE)
            .is_some_and(|value| value.as_bytes().starts_with(b"application/apply-patch"));
        let watch = query
            .split('&')
            .any(|pair| matches!(pair, "watch=true" | "watch=1"));
        let verb = match *request.method() {
            Method::POST => Verb::Create,
            Method::PUT => Verb::Update,
            Method::PATCH if apply => Verb::Apply,
            Method::PATCH => Verb::Patch,
            Method::DELETE if address.name.is_none() => Verb::DeleteCollection,
            Method::DELETE => Verb::Delete,
            _ if watch => Verb::Watch,
            _ if address.resource.is_some() && address.name.is_none() => Verb::List,
            _ => Verb::Get,
        };
        Self {
            verb,
            resource: address.resource.take().unwrap_or_default(),
            namespace: address.namespace,
            name: address.name,
            subresource: address.subresource,
            path: path.to_owned(),
        }
    }
}

/// The parts of an API path.
#[derive(Default)]
struct Address {
    resource: Option<String>,
    namespace: Option<String>,
    name: Option<String>,
    subresource: Option<String>,
}

impl Address {
    fn of(path: &str) -> Self {
        let mut parts = path.split('/').filter(|part| !part.is_empty());
        let prefix = match parts.next() {
            Some("api") => 1,
            Some("apis") => 2,
            _ => return Self::default(),
        };
        let rest: Vec<&str> = parts.skip(prefix).collect();
        let (namespace, rest) = match rest.as_slice() {
            ["namespaces", namespace, rest @ ..]
                if rest
                    .first()
                    .is_some_and(|part| !matches!(*part, "status" | "finalize")) =>
            {
                (Some(*namespace), rest)
            }
            rest => (None, rest),
        };
        let part = |index: usize| rest.get(index).map(|part| (*part).to_owned());
        Self {
            resource: part(0),
            namespace: namespace.map(ToOwned::to_owned),
            name: part(1),
            subresource: part(2),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verb_of(method: &str, uri: &str, content_type: &str) -> RequestInfo {
        let request = Request::builder()
            .method(method)
            .uri(uri)
            .header(http::header::CONTENT_TYPE, content_type)
            .body(Body::empty())
            .unwrap();
        RequestInfo::of(&request)
    }

    #[test]
    fn requests_are_named_as_kubernetes_names_them() {
        let cases = [
            ("GET", "/api/v1/namespaces/x/pods/p", "get pods x p -"),
            ("GET", "/api/v1/namespaces/x/pods", "list pods x - -"),
            ("GET", "/api/v1/pods?&limit=5", "list pods - - -"),
            ("GET", "/api/v1/pods?&watch=true", "watch pods - - -"),
            ("GET", "/api/v1/namespaces", "list namespaces - - -"),
            ("GET", "/api/v1/namespaces/x", "get namespaces - x -"),
            (
                "PUT",
                "/api/v1/namespaces/x/status",
                "update namespaces - x status",
            ),
            (
                "PUT",
                "/api/v1/namespaces/x/finalize",
                "update namespaces - x finalize",
            ),
            (
                "GET",
                "/apis/apps/v1/namespaces/x/deployments/d/scale",
                "get deployments x d scale",
            ),
            (
                "GET",
                "/apis/kudo.dev/v1beta1/instances",
                "list instances - - -",
            ),
            ("GET", "/apis", "get  - - -"),
            ("GET", "/apis/apps", "get  - - -"),
            ("GET", "/apis/apps/v1", "get  - - -"),
            ("GET", "/api/v1", "get  - - -"),
            ("GET", "/version", "get  - - -"),
            ("GET", "/readyz", "get  - - -"),
            ("POST", "/api/v1/namespaces/x/events", "create events x - -"),
            ("DELETE", "/api/v1/namespaces/x/pods/p", "delete pods x p -"),
            (
                "DELETE",
                "/api/v1/namespaces/x/pods",
                "deletecollection pods x - -",
            ),
            ("PATCH", "/api/v1/namespaces/x/pods/p", "patch pods x p -"),
            (
                "PATCH",
                "/apis/kudo.dev/v1beta1/namespaces/x/instances/i/status",
                "patch instances x i status",
            ),
            (
                "PATCH",
                "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/a.b",
                "patch customresourcedefinitions - a.b -",
            ),
        ];
        for (method, uri, expected) in cases {
            let info = verb_of(method, uri, "application/merge-patch+json");
            let dash = |part: &Option<String>| part.clone().unwrap_or_else(|| "-".into());
            let seen = format!(
                "{} {} {} {} {}",
                info.verb,
                info.resource,
                dash(&info.namespace),
                dash(&info.name),
                dash(&info.subresource)
            );
            assert_eq!(seen, expected, "{method} {uri}");
        }
    }

    #[test]
    fn an_apply_is_told_from_a_patch() {
        let info = verb_of(
            "PATCH",
            "/api/v1/namespaces/x/pods/p",
            "application/apply-patch+yaml",
        );
        assert_eq!(info.verb, Verb::Apply);
        assert!(info.verb.is_write());
    }
}
