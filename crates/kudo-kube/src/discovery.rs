//! Which kinds the cluster serves, and whether their objects live in a namespace.
//!
//! One request per group and version, remembered. A kind that is not there makes the group be asked
//! again, but not more than once in [`MISS_INTERVAL`]; a group whose `CustomResourceDefinition` this
//! process has just seen established is asked until it appears, as servers publish it a moment later.

mod builtin;

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::APIResourceList;
use kube::core::ApiResource;
use kube::core::DynamicObject;
use kube::{Api, Client};
use kudo_package::suggest;
use serde_json::Value;
use tokio::time::Instant;

pub use kube::discovery::Scope;

pub use builtin::builtin_scope;
pub(crate) use builtin::is_builtin_group;

use crate::error::{Cause, cause};
use crate::identity::{Gvk, text};

/// A kind that was not there is asked for again after this long at the earliest.
pub const MISS_INTERVAL: Duration = Duration::from_secs(2);
/// How long a freshly established kind may take to be served.
const PUBLICATION: Duration = Duration::from_secs(5);
/// Pause between two looks at a group that is being published.
const PUBLICATION_PAUSE: Duration = Duration::from_millis(50);

/// A kind that the cluster serves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kind {
    /// Group, version and kind.
    pub gvk: Gvk,
    /// How it is addressed.
    pub resource: ApiResource,
    /// Whether its objects live in a namespace.
    pub scope: Scope,
    /// Whether it can be listed and watched.
    pub watchable: bool,
    /// Whether an object can be deleted.
    pub deletable: bool,
}

impl Kind {
    /// Whether its objects live in a namespace.
    pub fn is_namespaced(&self) -> bool {
        self.scope == Scope::Namespaced
    }

    /// The API for objects of the kind; a cluster-scoped kind ignores the namespace.
    pub fn api(&self, client: &Client, namespace: Option<&str>) -> Api<DynamicObject> {
        match namespace.filter(|_| self.is_namespaced()) {
            Some(namespace) => Api::namespaced_with(client.clone(), namespace, &self.resource),
            None => Api::all_with(client.clone(), &self.resource),
        }
    }

    /// Path of the collection.
    pub(crate) fn path(&self, namespace: Option<&str>) -> String {
        let root = if self.gvk.group.is_empty() {
            format!("/api/{}", self.gvk.version)
        } else {
            format!("/apis/{}/{}", self.gvk.group, self.gvk.version)
        };
        match namespace.filter(|_| self.is_namespaced()) {
            Some(namespace) => format!("{root}/namespaces/{namespace}/{}", self.resource.plural),
            None => format!("{root}/{}", self.resource.plural),
        }
    }
}

/// Why a kind could not be resolved.
#[derive(Debug, thiserror::Error)]
pub enum ResolveError {
    /// The cluster does not serve it, now.
    #[error(
        "the cluster does not serve kind {:?} in {}{}", .kind.kind, .kind.api_version(), hint(.nearest.as_deref())
    )]
    Unknown {
        /// The kind asked for.
        kind: Box<Gvk>,
        /// The kind of the same group and version that may have been meant.
        nearest: Option<String>,
    },
    /// The server could not be asked.
    #[error("cannot find out which kinds {group_version} has: {}", crate::error::message(.cause))]
    Api {
        /// Group and version.
        group_version: String,
        /// What came of it. Not a source: its text is within this one.
        cause: kube::Error,
    },
}

fn hint(nearest: Option<&str>) -> String {
    nearest
        .map(|name| format!(" (did you mean {name:?}?)"))
        .unwrap_or_default()
}

/// The kinds of one cluster. Clones share what they know.
#[derive(Clone)]
pub struct Discovery {
    shared: Arc<Shared>,
}

struct Shared {
    client: Client,
    known: Mutex<Known>,
    /// Major and minor version of the server.
    version: tokio::sync::OnceCell<(u32, u32)>,
    /// Held while a group is asked for.
    asking: tokio::sync::Mutex<()>,
}

#[derive(Default)]
struct Known {
    groups: HashMap<(String, String), Group>,
    /// Groups whose definition was just established, and when.
    fresh: HashMap<String, Instant>,
    /// Scopes read from definitions that a plan renders, before they are applied.
    announced: HashMap<(String, String), Scope>,
}

struct Group {
    kinds: BTreeMap<String, Arc<Kind>>,
    asked: Instant,
}

impl Discovery {
    /// Knows nothing yet, and asks nothing before [`Discovery::resolve`].
    pub fn new(client: Client) -> Self {
        Self {
            shared: Arc::new(Shared {
                client,
                known: Mutex::default(),
                version: tokio::sync::OnceCell::new(),
                asking: tokio::sync::Mutex::default(),
            }),
        }
    }

    /// Finds out how a kind is addressed. One of Kubernetes' own that is served only in another version
    /// with the same fields is found in that version.
    pub async fn resolve(&self, gvk: &Gvk) -> Result<Arc<Kind>, ResolveError> {
        let unknown = match self.resolve_exactly(gvk).await {
            Err(unknown @ ResolveError::Unknown { .. }) => unknown,
            resolved => return resolved,
        };
        for equal in builtin::equal_versions(gvk) {
            match self.resolve_exactly(&equal).await {
                Err(ResolveError::Unknown { .. }) => {}
                resolved => return resolved,
            }
        }
        Err(unknown)
    }

    async fn resolve_exactly(&self, gvk: &Gvk) -> Result<Arc<Kind>, ResolveError> {
        if let Some(kind) = self.cached(gvk) {
            return Ok(kind);
        }
        loop {
            // Many who miss the same kind ask once.
            let asking = self.shared.asking.lock().await;
            if let Some(kind) = self.cached(gvk) {
                return Ok(kind);
            }
            let fresh = self.is_fresh(&gvk.group);
            if !fresh && !self.may_ask(gvk) {
                return Err(self.unknown(gvk));
            }
            self.ask(gvk).await?;
            if let Some(kind) = self.cached(gvk) {
                return Ok(kind);
            }
            if !fresh {
                return Err(self.unknown(gvk));
            }
            drop(asking);
            tokio::time::sleep(PUBLICATION_PAUSE).await;
        }
    }

    /// What is known of a kind without asking: a cache hit only.
    pub fn cached(&self, gvk: &Gvk) -> Option<Arc<Kind>> {
        let known = self.known();
        known
            .groups
            .get(&group_key(gvk))?
            .kinds
            .get(&gvk.kind)
            .cloned()
    }

    /// The scope of a kind as far as it is known without asking: from the cache, from a definition that
    /// was [`Discovery::announce`]d, or because every Kubernetes has the kind.
    pub fn known_scope(&self, gvk: &Gvk) -> Option<Scope> {
        if let Some(kind) = self.cached(gvk) {
            return Some(kind.scope.clone());
        }
        let key = (gvk.group.clone(), gvk.kind.clone());
        self.known()
            .announced
            .get(&key)
            .cloned()
            .or_else(|| builtin_scope(&gvk.group, &gvk.kind))
    }

    /// Notes the scope that a `CustomResourceDefinition` about to be applied gives its kind. Other
    /// objects are ignored.
    pub fn announce(&self, definition: &Value) {
        if text(definition, "/kind") != "CustomResourceDefinition" {
            return;
        }
        let scope = match text(definition, "/spec/scope") {
            "Namespaced" => Scope::Namespaced,
            "Cluster" => Scope::Cluster,
            _ => return,
        };
        let group = text(definition, "/spec/group").to_owned();
        let kind = text(definition, "/spec/names/kind").to_owned();
        self.known().announced.insert((group, kind), scope);
    }

    /// Forgets a group, because a definition of it was just established or deleted; for a few seconds a
    /// miss in it is asked again and again instead of being believed.
    pub fn refresh(&self, group: &str) {
        let mut known = self.known();
        known.groups.retain(|(name, _), _| name != group);
        known.fresh.insert(group.to_owned(), Instant::now());
    }

    /// Forgets a group without expecting anything to appear in it.
    pub fn forget(&self, group: &str) {
        let mut known = self.known();
        known.groups.retain(|(name, _), _| name != group);
        known.fresh.remove(group);
    }

    /// Whether a server-side apply drops a structure whole when its fields are no longer applied. Servers
    /// before Kubernetes 1.21 may keep an empty one.
    ///
    /// A server that does not tell its version counts as old, until it does.
    pub(crate) async fn drops_structures(&self) -> bool {
        let version = self.shared.version.get_or_try_init(|| async {
            let version = self.shared.client.apiserver_version().await?;
            Ok::<_, kube::Error>((
                leading_number(&version.major),
                leading_number(&version.minor),
            ))
        });
        version.await.is_ok_and(|version| *version >= (1, 21))
    }

    /// Whether a definition of the group was established a moment ago.
    pub(crate) fn is_fresh(&self, group: &str) -> bool {
        self.known()
            .fresh
            .get(group)
            .is_some_and(|since| since.elapsed() < PUBLICATION)
    }

    fn may_ask(&self, gvk: &Gvk) -> bool {
        self.known()
            .groups
            .get(&group_key(gvk))
            .is_none_or(|group| group.asked.elapsed() >= MISS_INTERVAL)
    }

    async fn ask(&self, gvk: &Gvk) -> Result<(), ResolveError> {
        let client = &self.shared.client;
        let answer = if gvk.group.is_empty() {
            client.list_core_api_resources(&gvk.version).await
        } else {
            client.list_api_group_resources(&gvk.api_version()).await
        };
        let kinds = match answer {
            Ok(list) => kinds_of(gvk, &list),
            Err(error) if cause(&error) == Cause::NotFound => BTreeMap::new(),
            Err(error) => {
                return Err(ResolveError::Api {
                    group_version: gvk.api_version(),
                    cause: error,
                });
            }
        };
        let group = Group {
            kinds,
            asked: Instant::now(),
        };
        self.known().groups.insert(group_key(gvk), group);
        Ok(())
    }

    fn unknown(&self, gvk: &Gvk) -> ResolveError {
        let known = self.known();
        let kinds = known.groups.get(&group_key(gvk)).map(|group| &group.kinds);
        let names = kinds
            .into_iter()
            .flat_map(BTreeMap::keys)
            .map(String::as_str);
        ResolveError::Unknown {
            nearest: suggest::nearest(&gvk.kind, names).map(ToOwned::to_owned),
            kind: Box::new(gvk.clone()),
        }
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.shared
            .known
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

/// `20` of `20+`; 0 of what is no number.
fn leading_number(text: &str) -> u32 {
    let digits = text
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(text.len());
    text[..digits].parse().unwrap_or(0)
}

fn group_key(gvk: &Gvk) -> (String, String) {
    (gvk.group.clone(), gvk.version.clone())
}

/// The kinds in a server's answer; subresources are left out.
fn kinds_of(gvk: &Gvk, list: &APIResourceList) -> BTreeMap<String, Arc<Kind>> {
    let resources = list
        .resources
        .iter()
        .filter(|resource| !resource.name.contains('/'));
    resources
        .map(|resource| {
            let can = |verb: &str| resource.verbs.iter().any(|known| known == verb);
            let gvk = Gvk::gvk(&gvk.group, &gvk.version, &resource.kind);
            let kind = Kind {
                resource: ApiResource::from_gvk_with_plural(&gvk, &resource.name),
                scope: if resource.namespaced {
                    Scope::Namespaced
                } else {
                    Scope::Cluster
                },
                watchable: can("list") && can("watch"),
                deletable: can("delete"),
                gvk,
            };
            (resource.kind.clone(), Arc::new(kind))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_may_have_a_tail() {
        for (text, number) in [("20", 20), ("20+", 20), ("34-alpha", 34), ("", 0), ("x", 0)] {
            assert_eq!(leading_number(text), number, "{text:?}");
        }
    }
}
