//! The one table of kinds that drives routing, discovery, storage and strategies.
//!
//! Built-in kinds come from [`builtin`]; custom ones are made from their definitions. A [`Kind`] is
//! one storage, however many groups and versions show it.

mod builtin;
pub(crate) mod convert;

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use serde_json::Value;

use crate::crd::Stored;
use crate::http::status::Named;
use crate::schema::TypeRef;
use crate::structural::Structural;

pub(crate) use builtin::{builtin, scale};

/// A resource with its own storage.
#[derive(Debug)]
#[expect(
    clippy::struct_field_names,
    reason = "these are the words of the field"
)]
pub(crate) struct Kind {
    /// Where it is stored: `deployments.apps`.
    pub(crate) storage: Arc<str>,
    pub(crate) kind: String,
    pub(crate) list_kind: String,
    pub(crate) plural: String,
    pub(crate) singular: String,
    pub(crate) short_names: Vec<String>,
    pub(crate) categories: Vec<String>,
    pub(crate) namespaced: bool,
    /// Those that are served; the first is the one that is stored, if that is among them.
    pub(crate) versions: Vec<Version>,
    pub(crate) strategy: Strategy,
    /// How objects of a custom kind are stored; built-in ones are [converted](convert).
    pub(crate) stored: Option<Stored>,
}

impl Kind {
    /// Whether a definition defines it.
    pub(crate) fn is_custom(&self) -> bool {
        self.stored.is_some()
    }

    /// Whether it is a built-in kind of that name: custom ones may be called the same.
    pub(crate) fn is(&self, kind: &str) -> bool {
        !self.is_custom() && self.kind == kind
    }
}

/// What a server does with objects of a kind beyond storing them.
#[derive(Clone, Debug, Default)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is one column of the table"
)]
pub(crate) struct Strategy {
    /// Counts changes of what is asked for.
    pub(crate) generation: bool,
    /// A deletion answers with the object.
    pub(crate) returns_deleted: bool,
    /// Dependents stay where a deletion says nothing.
    pub(crate) orphans: bool,
    /// A PUT may create.
    pub(crate) create_on_update: bool,
    /// A PUT must say which version it changes.
    pub(crate) versioned: bool,
    /// Nothing is stored: a POST is answered.
    pub(crate) review: bool,
}

/// One group and version that shows a kind.
#[derive(Clone, Debug)]
#[expect(
    clippy::struct_field_names,
    reason = "these are the words of the field"
)]
pub(crate) struct Version {
    pub(crate) group: String,
    pub(crate) version: String,
    pub(crate) ty: TypeRef,
    pub(crate) structural: Option<Arc<Structural>>,
    pub(crate) status: bool,
    pub(crate) scale: Option<Scale>,
    /// Further subresources: name, group, version and kind of their objects.
    pub(crate) others: &'static [(&'static str, &'static str, &'static str, &'static str)],
    /// Columns of a custom resource's table, as its definition has them.
    pub(crate) columns: Option<Value>,
    /// Fields that a custom resource can be selected by, beside its name and namespace.
    pub(crate) selectable: Vec<String>,
    /// A warning with every answer.
    pub(crate) deprecated: Option<String>,
}

/// Where a scale subresource finds its numbers, as JSON pointers.
#[derive(Clone, Debug)]
pub(crate) struct Scale {
    pub(crate) spec: String,
    pub(crate) status: String,
    pub(crate) selector: Option<String>,
}

impl Version {
    pub(crate) fn api_version(&self) -> String {
        api_version(&self.group, &self.version)
    }
}

/// `apps/v1`, or `v1` for the core group.
pub(crate) fn api_version(group: &str, version: &str) -> String {
    if group.is_empty() {
        version.to_owned()
    } else {
        format!("{group}/{version}")
    }
}

/// A kind as one group and version shows it.
#[derive(Clone, Debug)]
pub(crate) struct Shown {
    pub(crate) kind: Arc<Kind>,
    pub(crate) index: usize,
}

impl Shown {
    pub(crate) fn version(&self) -> &Version {
        &self.kind.versions[self.index]
    }

    pub(crate) fn api_version(&self) -> String {
        self.version().api_version()
    }

    pub(crate) fn named(&self) -> Named<'_> {
        Named {
            group: &self.version().group,
            plural: &self.kind.plural,
        }
    }

    pub(crate) fn gvk(&self) -> crate::builtin::Gvk<'_> {
        crate::builtin::Gvk {
            group: &self.version().group,
            version: &self.version().version,
            kind: &self.kind.kind,
        }
    }

    /// Whether dependents stay where a deletion says nothing: with some kinds, and with an old version of another.
    pub(crate) fn orphans(&self) -> bool {
        let beta = self.kind.is("CronJob") && self.version().version == "v1beta1";
        self.kind.strategy.orphans || beta
    }

    /// The same kind as it is stored.
    pub(crate) fn stored(&self) -> Self {
        Self {
            kind: Arc::clone(&self.kind),
            index: 0,
        }
    }

    /// Turns an object as this version shows it into what another version shows.
    pub(crate) fn convert(&self, to: &Self, object: &mut Value) {
        if self.converts() {
            convert::to_stored(&self.kind.storage, &self.version().group, object);
        }
        if to.converts() {
            convert::from_stored(&to.kind.storage, &to.version().group, object);
        }
        object["apiVersion"] = to.api_version().into();
    }

    /// Whether its objects must be rewritten, beyond `apiVersion`, to be stored.
    pub(crate) fn converts(&self) -> bool {
        !self.kind.is_custom()
            && convert::differs(
                &self.kind.storage,
                &self.version().group,
                &self.version().version,
            )
    }
}

/// All kinds that a server knows at one time.
#[derive(Debug, Default)]
pub(crate) struct Registry {
    kinds: Vec<Arc<Kind>>,
    by_path: HashMap<(String, String), BTreeMap<String, Shown>>,
    /// Groups in the order of their discovery, with their versions, preferred first.
    groups: Vec<(String, Vec<String>)>,
    pub(crate) serial: u64,
}

impl Registry {
    pub(crate) fn new(kinds: Vec<Arc<Kind>>, serial: u64) -> Self {
        let mut registry = Self {
            serial,
            ..Self::default()
        };
        for kind in &kinds {
            for (index, version) in kind.versions.iter().enumerate() {
                let key = (version.group.clone(), version.version.clone());
                let shown = Shown {
                    kind: Arc::clone(kind),
                    index,
                };
                let resources = registry.by_path.entry(key).or_default();
                resources.entry(kind.plural.clone()).or_insert(shown);
                registry.note_group(&version.group, &version.version);
            }
        }
        for (_, versions) in &mut registry.groups {
            versions.sort_by_key(|version| std::cmp::Reverse(priority(version)));
        }
        registry.kinds = kinds;
        registry
    }

    fn note_group(&mut self, group: &str, version: &str) {
        match self.groups.iter_mut().find(|(name, _)| name == group) {
            Some((_, versions)) => {
                if !versions.iter().any(|known| known == version) {
                    versions.push(version.to_owned());
                }
            }
            None => self
                .groups
                .push((group.to_owned(), vec![version.to_owned()])),
        }
    }

    pub(crate) fn kinds(&self) -> &[Arc<Kind>] {
        &self.kinds
    }

    pub(crate) fn groups(&self) -> &[(String, Vec<String>)] {
        &self.groups
    }

    pub(crate) fn resources(&self, group: &str, version: &str) -> Option<&BTreeMap<String, Shown>> {
        self.by_path.get(&(group.to_owned(), version.to_owned()))
    }

    pub(crate) fn find(&self, group: &str, version: &str, plural: &str) -> Option<&Shown> {
        self.resources(group, version)?.get(plural)
    }

    /// Whether a group has built-in kinds, and so paths of its own.
    pub(crate) fn serves_by_itself(&self, group: &str) -> bool {
        let built_in = self.kinds.iter().filter(|kind| !kind.is_custom());
        built_in
            .flat_map(|kind| &kind.versions)
            .any(|version| version.group == group)
    }

    /// A built-in kind by where it is stored.
    pub(crate) fn stored(&self, storage: &str) -> Option<Shown> {
        let kind = self.kinds.iter().find(|kind| &*kind.storage == storage)?;
        Some(Shown {
            kind: Arc::clone(kind),
            index: 0,
        })
    }
}

/// Orders versions as Kubernetes does: GA, then beta, then alpha, the highest first.
pub(crate) fn priority(version: &str) -> (u8, u64, u64, std::cmp::Reverse<String>) {
    let plain = || (0, 0, 0, std::cmp::Reverse(version.to_owned()));
    let Some(rest) = version.strip_prefix('v') else {
        return plain();
    };
    let digits = rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    let (major, rest) = rest.split_at(digits);
    let Ok(major) = major.parse() else {
        return plain();
    };
    let none = || std::cmp::Reverse(String::new());
    if rest.is_empty() {
        return (3, major, 0, none());
    }
    for (word, stage) in [("beta", 2), ("alpha", 1)] {
        if let Some(minor) = rest.strip_prefix(word)
            && let Ok(minor) = minor.parse()
        {
            return (stage, major, minor, none());
        }
    }
    plain()
}
