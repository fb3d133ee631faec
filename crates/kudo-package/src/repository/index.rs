//! `index.yaml`: what packages a repository holds, in which versions, and where.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::fields::{Field, RepositoryFileError};
use crate::package::{Maintainer, Package};
use crate::suggest::nearest;
use crate::version::{self, Versions, newest_first};
use crate::yaml;

/// Name of the index in a repository.
pub const INDEX_FILE: &str = "index.yaml";
/// The only version of the format.
const API_VERSION: &str = "v1";

/// What a repository holds.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Index {
    /// The versions of each operator by the operator's name, newest first.
    pub entries: BTreeMap<String, Vec<IndexEntry>>,
    /// When the index was made, as RFC 3339 writes it.
    pub generated: Option<String>,
}

/// One package of a repository.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct IndexEntry {
    /// Name of the operator.
    pub name: String,
    /// Version of the package.
    pub operator_version: String,
    /// Version of the application.
    pub app_version: Option<String>,
    /// What the operator does.
    pub description: Option<String>,
    /// Who maintains it.
    pub maintainers: Vec<Maintainer>,
    /// Where its archive lies, to be tried in this order.
    pub urls: Vec<String>,
    /// Whether it was taken back: it is listed, but no longer found or installed.
    pub removed: bool,
    /// SHA-256 of the archive in hexadecimal.
    pub digest: Option<String>,
}

/// Why an index has no package for what was asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FindError {
    /// There is no operator of that name.
    #[error("there is no operator {name:?}")]
    NoOperator {
        /// Name asked for.
        name: String,
        /// The name nearest to it.
        nearest: Option<String>,
    },
    /// There is the operator, but not in that version.
    #[error("operator {name:?} has no {wanted}")]
    NoVersion {
        /// Name asked for.
        name: String,
        /// Versions asked for, in words.
        wanted: String,
        /// Versions that there are, newest first, in words.
        available: Vec<String>,
    },
    /// What was asked for has been taken back.
    #[error("{package} is marked as removed")]
    Removed {
        /// Name and versions.
        package: String,
        /// Versions that are still there, newest first, in words.
        available: Vec<String>,
    },
}

impl Index {
    /// Reads an index and sorts it.
    pub fn parse(text: &str) -> Result<Self, RepositoryFileError> {
        let node = yaml::parse_file(text)?;
        let root = Field::root(&node, "index").map()?;
        let version = root.required("apiVersion")?;
        if version != API_VERSION {
            return Err(RepositoryFileError::Version {
                field: "apiVersion",
                found: version,
            });
        }
        let mut index = Self {
            entries: BTreeMap::new(),
            generated: root.optional("generated")?,
        };
        let entries = match root.get("entries") {
            Some(entries) => entries.entries()?,
            None => vec![],
        };
        for (name, versions) in entries {
            let versions = versions.items()?;
            let versions: Result<Vec<_>, _> = versions
                .into_iter()
                .map(|entry| IndexEntry::read(&entry.map()?, &name))
                .collect();
            index.entries.insert(name, versions?);
        }
        index.sort();
        Ok(index)
    }

    /// The index as upstream writes it.
    pub fn to_yaml(&self) -> String {
        let entries: Map<String, Value> = self
            .entries
            .iter()
            .map(|(name, versions)| {
                let versions = versions.iter().map(IndexEntry::to_value).collect();
                (name.clone(), Value::Array(versions))
            })
            .collect();
        yaml::to_string(&json!({
            "apiVersion": API_VERSION,
            "entries": entries,
            "generated": self.generated,
        }))
    }

    /// Adds a package, unless the index has that version already: then it is false, and nothing
    /// changes.
    #[must_use]
    pub fn add(&mut self, entry: IndexEntry) -> bool {
        let versions = self.entries.entry(entry.name.clone()).or_default();
        let same = |other: &IndexEntry| {
            other.operator_version == entry.operator_version
                && other.app_version == entry.app_version
        };
        if versions.iter().any(same) {
            return false;
        }
        versions.push(entry);
        versions.sort_by(|a, b| newest_first(a.versions(), b.versions()));
        true
    }

    /// Adds the packages of another index that this one does not have.
    pub fn merge(&mut self, other: Self) {
        for entry in other.entries.into_values().flatten() {
            // What is there already takes precedence.
            let _ = self.add(entry);
        }
    }

    /// The newest package of a name that has the versions asked for.
    pub fn find(
        &self,
        name: &str,
        app_version: Option<&str>,
        operator_version: Option<&str>,
    ) -> Result<&IndexEntry, FindError> {
        let all = self.entries.get(name).filter(|all| !all.is_empty());
        let Some(all) = all else {
            return Err(FindError::NoOperator {
                name: name.to_owned(),
                nearest: nearest(name, self.present().map(|(name, _)| name)).map(str::to_owned),
            });
        };
        let mut fitting = all
            .iter()
            .filter(|entry| entry.versions().fit(app_version, operator_version));
        if let Some(found) = fitting.clone().find(|entry| !entry.removed) {
            return Ok(found);
        }
        let available = all
            .iter()
            .filter(|entry| !entry.removed)
            .map(|entry| entry.versions().to_string())
            .collect();
        Err(match fitting.next() {
            Some(removed) => FindError::Removed {
                package: removed.to_string(),
                available,
            },
            None => FindError::NoVersion {
                name: name.to_owned(),
                wanted: version::wanted(app_version, operator_version),
                available,
            },
        })
    }

    /// The operators whose name contains a text, by name, each with its packages, newest first.
    /// What was removed is left out.
    pub fn search(&self, text: &str) -> Vec<(&str, Vec<&IndexEntry>)> {
        self.present()
            .filter(|(name, _)| name.contains(text))
            .collect()
    }

    fn present(&self) -> impl Iterator<Item = (&str, Vec<&IndexEntry>)> {
        self.entries.iter().filter_map(|(name, versions)| {
            let present: Vec<_> = versions.iter().filter(|entry| !entry.removed).collect();
            (!present.is_empty()).then_some((name.as_str(), present))
        })
    }

    fn sort(&mut self) {
        for versions in self.entries.values_mut() {
            versions.sort_by(|a, b| newest_first(a.versions(), b.versions()));
        }
    }
}

impl IndexEntry {
    /// The entry of a package whose archive lies under `url`, a folder.
    pub fn new(package: &Package, url: &str, digest: String) -> Self {
        let definition = &package.definition;
        Self {
            name: definition.operator_name.clone(),
            operator_version: definition.operator_version.clone(),
            app_version: definition.app_version.clone(),
            description: package.manifest.description.clone(),
            maintainers: package.manifest.maintainers.clone(),
            urls: vec![format!(
                "{}/{}",
                url.trim_end_matches('/'),
                package.archive_name()
            )],
            removed: false,
            digest: Some(digest),
        }
    }

    /// Its versions.
    pub fn versions(&self) -> Versions<'_> {
        Versions {
            operator: &self.operator_version,
            app: self.app_version.as_deref(),
        }
    }

    fn read(entry: &Field<'_>, name: &str) -> Result<Self, RepositoryFileError> {
        let lists = |key| entry.get(key).map_or(Ok(vec![]), |list| list.items());
        let maintainer = |field: Field<'_>| {
            let field = field.map()?;
            Ok(Maintainer {
                name: field.optional("name")?,
                email: field.optional("email")?,
            })
        };
        let maintainers = lists("maintainers")?.into_iter().map(maintainer);
        let urls = lists("urls")?;
        if let Some(found) = entry.optional("name")?
            && found != name
        {
            return Err(RepositoryFileError::Name {
                mark: entry.node.mark,
                field: format!("{}.name", entry.path),
                found,
                expected: name.to_owned(),
            });
        }
        Ok(Self {
            name: name.to_owned(),
            operator_version: entry.required("operatorVersion")?,
            app_version: entry.optional("appVersion")?,
            description: entry.optional("description")?,
            maintainers: maintainers.collect::<Result<_, RepositoryFileError>>()?,
            urls: urls.iter().map(Field::text).collect::<Result<_, _>>()?,
            removed: entry.boolean("removed")?,
            digest: entry.optional("digest")?,
        })
    }

    fn to_value(&self) -> Value {
        let texts = [
            ("name", Some(&self.name)),
            ("operatorVersion", Some(&self.operator_version)),
            ("appVersion", self.app_version.as_ref()),
            ("description", self.description.as_ref()),
            ("digest", self.digest.as_ref()),
        ];
        let mut map = texts_of(&texts);
        if !self.maintainers.is_empty() {
            let maintainers = self.maintainers.iter().map(|maintainer| {
                Value::Object(texts_of(&[
                    ("name", maintainer.name.as_ref()),
                    ("email", maintainer.email.as_ref()),
                ]))
            });
            map.insert("maintainers".to_owned(), maintainers.collect());
        }
        if self.removed {
            map.insert("removed".to_owned(), Value::Bool(true));
        }
        map.insert("urls".to_owned(), json!(self.urls));
        Value::Object(map)
    }
}

impl std::fmt::Display for IndexEntry {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}", self.name, self.versions())
    }
}

fn texts_of(fields: &[(&str, Option<&String>)]) -> Map<String, Value> {
    let mut map = Map::new();
    for (key, text) in fields {
        if let Some(text) = text {
            map.insert((*key).to_owned(), Value::String((*text).clone()));
        }
    }
    map
}
