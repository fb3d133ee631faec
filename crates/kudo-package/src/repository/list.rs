//! `repositories.yaml`: the repositories that a user knows, and which of them is the current one.

use serde_json::{Value, json};

use super::fields::{Field, RepositoryFileError};
use crate::suggest::nearest;
use crate::yaml;

/// Name of the repository that everybody has.
pub const COMMUNITY_NAME: &str = "community";
/// Where it is.
pub const COMMUNITY_URL: &str = "https://kudo-repository.storage.googleapis.com/v1";
const REPO_VERSION: &str = "v1";

/// The repositories that a user knows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Repositories {
    /// Name of the one that is used where none is named.
    pub context: String,
    /// All of them, in the order in which they were added.
    pub repositories: Vec<Repository>,
}

/// A name for a place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Repository {
    /// Name for people.
    pub name: String,
    /// Where its index and packages are.
    pub url: String,
}

/// What cannot be done with the list.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ListError {
    /// The name is taken.
    #[error("repository name ({name}) already exists, please specify a different name")]
    Exists {
        /// Name given.
        name: String,
        /// Where the repository of that name is.
        url: String,
    },
    /// The name is none that can be typed and shown.
    #[error("{name:?} cannot be a repository's name: {problem}")]
    Name {
        /// Name given.
        name: String,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// None is the current one.
    #[error("no repository is the current one")]
    NoCurrent {
        /// All names.
        known: Vec<String>,
    },
    /// There is none of that name.
    #[error("no repo named {name:?} found")]
    Unknown {
        /// Name given.
        name: String,
        /// The name nearest to it.
        nearest: Option<String>,
        /// All names.
        known: Vec<String>,
    },
}

impl Default for Repositories {
    fn default() -> Self {
        Self {
            context: COMMUNITY_NAME.to_owned(),
            repositories: vec![Repository {
                name: COMMUNITY_NAME.to_owned(),
                url: COMMUNITY_URL.to_owned(),
            }],
        }
    }
}

impl Repositories {
    /// Reads the list.
    pub fn parse(text: &str) -> Result<Self, RepositoryFileError> {
        let node = yaml::parse_file(text)?;
        let root = Field::root(&node, "repositories").map()?;
        if let Some(version) = root.optional("repoVersion")?
            && version != REPO_VERSION
        {
            return Err(RepositoryFileError::Version {
                field: "repoVersion",
                found: version,
            });
        }
        let repository = |field: Field<'_>| {
            let field = field.map()?;
            Ok(Repository {
                name: field.required("name")?,
                url: field.required("url")?,
            })
        };
        let items = match root.get("repositories") {
            Some(list) => list.items()?,
            None => vec![],
        };
        Ok(Self {
            context: root.optional("context")?.unwrap_or_default(),
            repositories: items
                .into_iter()
                .map(repository)
                .collect::<Result<_, RepositoryFileError>>()?,
        })
    }

    /// The list as upstream writes it.
    pub fn to_yaml(&self) -> String {
        let repositories = self
            .repositories
            .iter()
            .map(|repository| json!({ "name": repository.name, "url": repository.url }))
            .collect::<Vec<Value>>();
        yaml::to_string(&json!({
            "context": self.context,
            "repoVersion": REPO_VERSION,
            "repositories": repositories,
        }))
    }

    /// The repository of a name.
    pub fn get(&self, name: &str) -> Result<&Repository, ListError> {
        let found = self.repositories.iter().find(|one| one.name == name);
        found.ok_or_else(|| self.unknown(name))
    }

    /// The current repository.
    pub fn current(&self) -> Result<&Repository, ListError> {
        if self.context.is_empty() {
            return Err(ListError::NoCurrent {
                known: self.names().map(str::to_owned).collect(),
            });
        }
        self.get(&self.context)
    }

    /// Adds a repository under a new name.
    pub fn add(&mut self, repository: Repository) -> Result<(), ListError> {
        let unfit = |c: char| c.is_whitespace() || c.is_control();
        let problem = match repository.name.as_str() {
            "" => Some("it is empty"),
            name if name.contains(unfit) => Some("it holds spaces or control characters"),
            name if name.starts_with('-') => Some("it begins as a flag does"),
            _ => None,
        };
        if let Some(problem) = problem {
            let name = repository.name;
            return Err(ListError::Name { name, problem });
        }
        if let Ok(existing) = self.get(&repository.name) {
            return Err(ListError::Exists {
                name: repository.name,
                url: existing.url.clone(),
            });
        }
        self.repositories.push(repository);
        Ok(())
    }

    /// Removes a repository. If it was the current one, none is: which packages are meant is not
    /// to change by itself, nor when another one gets its name.
    pub fn remove(&mut self, name: &str) -> Result<(), ListError> {
        self.get(name)?;
        self.repositories.retain(|one| one.name != name);
        if self.context == name {
            self.context.clear();
        }
        Ok(())
    }

    /// Makes a repository the current one.
    pub fn set_context(&mut self, name: &str) -> Result<(), ListError> {
        self.get(name)?;
        name.clone_into(&mut self.context);
        Ok(())
    }

    fn unknown(&self, name: &str) -> ListError {
        ListError::Unknown {
            name: name.to_owned(),
            nearest: nearest(name, self.names()).map(str::to_owned),
            known: self.names().map(str::to_owned).collect(),
        }
    }

    fn names(&self) -> impl Iterator<Item = &str> {
        self.repositories.iter().map(|one| one.name.as_str())
    }
}
