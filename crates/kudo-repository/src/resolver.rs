//! From a package argument to a package: local path, then URL of an archive, then name in a
//! repository.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use kudo_package::archive::{self, ArchiveLimits};
use kudo_package::package::OPERATOR_FILE;
use kudo_package::repository::{Index, IndexEntry, Repositories, Repository};
use kudo_package::version::{self, Versions};
use kudo_package::{OperatorDefinition, Package, PackageErrors};

use crate::base::{Base, Inner, files_under, path_in_archive};
use crate::error::ResolveError;
use crate::fetch::{Fetcher, Limits, read_file};
use crate::home::Home;
use crate::place::Place;
use crate::remote::Remote;

/// What is asked for: a package argument, and the choice of a version where it names several.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Request<'a> {
    /// Path, URL or name.
    pub package: &'a str,
    /// App version; only repositories have a choice. Empty is none.
    pub app_version: Option<&'a str>,
    /// Operator version; only repositories have a choice. Empty is none.
    pub operator_version: Option<&'a str>,
}

impl<'a> Request<'a> {
    /// The newest of what an argument means.
    pub fn of(package: &'a str) -> Self {
        Self {
            package,
            app_version: None,
            operator_version: None,
        }
    }
}

/// A package, and where it came from.
#[derive(Debug, Clone)]
pub struct Resolved {
    /// The package.
    pub package: Package,
    /// Path or URL, for people.
    pub origin: String,
    /// From where the relative paths in its `operator.yaml` resolve.
    pub base: Base,
    /// Whether it came from a repository whose index has no digest of it, so that nothing tells
    /// whether it is what was indexed.
    pub unverified: bool,
}

impl Resolved {
    /// Refuses a package of another version than was asked for: only a repository has a choice.
    pub fn must_fit(&self, request: &Request<'_>) -> Result<(), ResolveError> {
        let versions = versions_of(&self.package.definition);
        if versions.fit(request.app_version, request.operator_version) {
            return Ok(());
        }
        Err(ResolveError::OtherVersion {
            origin: self.origin.clone(),
            found: described(&self.package.definition),
            wanted: version::wanted(request.app_version, request.operator_version),
        })
    }
}

/// The repository in which names are looked up.
#[derive(Debug, Clone)]
pub enum RepositoryChoice {
    /// The current one of a home; without a home, the community's.
    Current(Option<Home>),
    /// The one of that name in a home.
    Named(Home, String),
    /// One that no list has.
    Given(Repository),
}

/// Turns package arguments into packages. It asks its repository for the index once, and not before
/// a name is looked up.
#[derive(Debug)]
pub struct Resolver {
    fetcher: Fetcher,
    repository: RepositoryChoice,
    index: OnceLock<(Repository, Index)>,
}

impl Resolver {
    /// A resolver that looks names up in this repository.
    pub fn new(fetcher: Fetcher, repository: RepositoryChoice) -> Self {
        Self {
            fetcher,
            repository,
            index: OnceLock::new(),
        }
    }

    /// Resolves a package argument.
    ///
    /// As with upstream, an argument without a path separator is a name in a repository, even where
    /// a directory of that name exists; `.`, `..` and archives are paths all the same.
    pub fn resolve(&self, request: &Request<'_>, base: &Base) -> Result<Resolved, ResolveError> {
        let package = request.package;
        if Place::is_url(package) {
            let place = Place::parse(package)?;
            if matches!((&place, &base.0), (Place::File(_), Inner::Archive { .. })) {
                return Err(ResolveError::OutOfReach {
                    package: package.to_owned(),
                });
            }
            return self.resolve_url(&place);
        }
        if !is_path(package) {
            return self.resolve_name(request, base);
        }
        match &base.0 {
            Inner::Directory(directory) => Self::resolve_path(&directory.join(package)),
            Inner::Archive { files, folder } => {
                resolve_in_archive(files, &path_in_archive(folder, package))
            }
        }
    }

    /// Whether an argument means files, which can be had without asking anybody.
    pub fn is_local(package: &str) -> bool {
        !Place::is_url(package) && is_path(package)
    }

    /// Loads a package from a directory or an archive of this machine.
    pub fn resolve_path(path: &Path) -> Result<Resolved, ResolveError> {
        let origin = path.display().to_string();
        let failed = |source| ResolveError::Package {
            origin: origin.clone(),
            source,
        };
        if path.is_file() {
            let limit = Limits::default().package_bytes;
            let bytes = read_file(path, limit).map_err(|problem| {
                ResolveError::Fetch(crate::fetch::FetchError {
                    place: origin.clone(),
                    problem,
                })
            })?;
            return from_archive(origin, &bytes);
        }
        let package = Package::load(path).map_err(failed)?;
        Ok(Resolved {
            package,
            origin,
            base: Base::directory(Package::root(path)),
            unverified: false,
        })
    }

    /// The repository in which names are looked up.
    pub fn repository(&self) -> Result<Repository, ResolveError> {
        match &self.repository {
            RepositoryChoice::Current(None) => Ok(Repositories::default().current()?.clone()),
            RepositoryChoice::Current(Some(home)) => Ok(home.load()?.current()?.clone()),
            RepositoryChoice::Named(home, name) => Ok(home.load()?.get(name)?.clone()),
            RepositoryChoice::Given(given) => Ok(given.clone()),
        }
    }

    /// The repository's index, fetched once.
    pub fn index(&self) -> Result<&(Repository, Index), ResolveError> {
        if let Some(known) = self.index.get() {
            return Ok(known);
        }
        let repository = self.repository()?;
        let index = Remote::new(&repository, &self.fetcher)?.index()?;
        Ok(self.index.get_or_init(|| (repository, index)))
    }

    fn resolve_url(&self, place: &Place) -> Result<Resolved, ResolveError> {
        if let Place::File(path) = place {
            return Self::resolve_path(path);
        }
        let bytes = self.fetcher.archive(place).map_err(ResolveError::Fetch)?;
        from_archive(place.to_string(), &bytes)
    }

    fn resolve_name(&self, request: &Request<'_>, base: &Base) -> Result<Resolved, ResolveError> {
        let name = request.package;
        let (repository, index) = self.index()?;
        let found = index.find(name, request.app_version, request.operator_version);
        let entry = found.map_err(|source| ResolveError::Find {
            repository: repository.name.clone(),
            source,
            local: match &base.0 {
                Inner::Directory(directory) => directory.join(name).exists(),
                Inner::Archive { .. } => false,
            },
        })?;
        let (url, bytes) = Remote::new(repository, &self.fetcher)?.archive(entry)?;
        let resolved = from_archive(url, &bytes)?;
        must_be(&resolved, entry)?;
        Ok(Resolved {
            unverified: entry.digest.is_none(),
            ..resolved
        })
    }
}

/// Refuses a package that is not the one that the index speaks of.
fn must_be(resolved: &Resolved, entry: &IndexEntry) -> Result<(), ResolveError> {
    let definition = &resolved.package.definition;
    let found = versions_of(definition);
    let wanted = entry.versions();
    let same_app = match (found.app, wanted.app) {
        (Some(found), Some(wanted)) => version::same(found, wanted),
        (found, wanted) => found == wanted,
    };
    if definition.operator_name == entry.name
        && same_app
        && version::same(found.operator, wanted.operator)
    {
        return Ok(());
    }
    Err(ResolveError::OtherPackage {
        url: resolved.origin.clone(),
        expected: entry.to_string(),
        found: described(definition),
    })
}

fn versions_of(definition: &OperatorDefinition) -> Versions<'_> {
    let app = definition.app_version.as_deref();
    Versions {
        operator: &definition.operator_version,
        app: app.filter(|app| !app.is_empty()),
    }
}

/// Name and versions.
fn described(definition: &OperatorDefinition) -> String {
    format!("{} {}", definition.operator_name, versions_of(definition))
}

/// Whether an argument that is no URL is a path: it has a separator, begins with a dot, or is an
/// archive's name.
fn is_path(argument: &str) -> bool {
    argument.contains(['/', std::path::MAIN_SEPARATOR])
        || argument.starts_with('.')
        || Path::new(argument)
            .extension()
            .is_some_and(|extension| extension == "tgz")
}

fn from_archive(origin: String, bytes: &[u8]) -> Result<Resolved, ResolveError> {
    match archive::read(bytes, &ArchiveLimits::default()) {
        Ok(files) => in_archive(origin, &Arc::new(files), ""),
        Err(error) => Err(ResolveError::Package {
            origin,
            source: PackageErrors::Archive(error),
        }),
    }
}

/// A package in a folder of an archive, or in an archive within the archive.
fn resolve_in_archive(
    files: &Arc<BTreeMap<String, Vec<u8>>>,
    path: &str,
) -> Result<Resolved, ResolveError> {
    match files.get(path) {
        Some(bytes) => from_archive(path.to_owned(), bytes),
        None => in_archive(path.to_owned(), files, path),
    }
}

fn in_archive(
    origin: String,
    files: &Arc<BTreeMap<String, Vec<u8>>>,
    folder: &str,
) -> Result<Resolved, ResolveError> {
    // A package may lie in a folder `operator`, where its relative paths begin.
    let at = |name: &str| path_in_archive(folder, name);
    let nested = at("operator");
    let root = if !files.contains_key(&at(OPERATOR_FILE))
        && files.contains_key(&path_in_archive(&nested, OPERATOR_FILE))
    {
        nested
    } else {
        folder.to_owned()
    };
    let own = files_under(files, &root);
    // The archive itself is there, whatever it holds.
    let package = if own.is_empty() && !folder.is_empty() {
        Err(PackageErrors::NotFound {
            path: PathBuf::from(&origin),
        })
    } else {
        Package::from_files(own)
    };
    match package {
        Ok(package) => Ok(Resolved {
            package,
            origin,
            base: Base::archive(Arc::clone(files), root),
            unverified: false,
        }),
        Err(source) => Err(ResolveError::Package { origin, source }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_and_names() {
        let cases = [
            ("./galera", true),
            ("operators/galera", true),
            ("/tmp/galera", true),
            (".", true),
            ("..", true),
            ("galera-0.1.0.tgz", true),
            ("galera", false),
        ];
        for (argument, expected) in cases {
            assert_eq!(is_path(argument), expected, "{argument}");
        }
    }
}
