//! Why a package could not be had.

use kudo_package::PackageErrors;
use kudo_package::repository::{FindError, ListError, RepositoryFileError};

use crate::fetch::FetchError;
use crate::home::HomeError;
use crate::place::NotAPlace;

/// Why a package could not be had.
#[derive(Debug, thiserror::Error)]
pub enum ResolveError {
    /// The files that were found are no package.
    #[error("{origin}: {source}")]
    Package {
        /// Path or URL they came from.
        origin: String,
        /// What is wrong with them.
        source: PackageErrors,
    },
    /// A URL of a package is not one.
    #[error(transparent)]
    Url(#[from] NotAPlace),
    /// A package from elsewhere asks for a file of this machine.
    #[error("{package:?} names a file of this machine, which a package from elsewhere may not")]
    OutOfReach {
        /// The package argument.
        package: String,
    },
    /// A package could not be fetched from its URL.
    #[error("cannot fetch the package {0}")]
    Fetch(#[source] FetchError),
    /// The list of repositories cannot be used.
    #[error(transparent)]
    Home(#[from] HomeError),
    /// The repository is not known.
    #[error(transparent)]
    Repository(#[from] ListError),
    /// The URL of a repository is not one.
    #[error("repository {repository:?}: {source}")]
    RepositoryUrl {
        /// Name of the repository.
        repository: String,
        /// Why.
        source: NotAPlace,
    },
    /// The index of a repository could not be fetched.
    #[error("cannot fetch the index of repository {repository:?}: {source}")]
    IndexFetch {
        /// Name of the repository.
        repository: String,
        /// Why.
        source: FetchError,
    },
    /// What a repository serves as its index is not one.
    #[error("{url} is not the index of a repository: {source}")]
    Index {
        /// Where it came from.
        url: String,
        /// Why.
        source: RepositoryFileError,
    },
    /// What a repository serves as its index is not even text.
    #[error("{url} is not the index of a repository: it is not UTF-8 text")]
    IndexNotText {
        /// Where it came from.
        url: String,
    },
    /// The repository does not have what was asked for.
    #[error("{source} in repository {repository:?}")]
    Find {
        /// Name of the repository.
        repository: String,
        /// What it does not have.
        source: FindError,
        /// Whether there is a local file or directory of that name, which was not meant.
        local: bool,
    },
    /// The archive is not the one that the index speaks of.
    #[error("{url} has the digest {found}, the index says {expected}")]
    Digest {
        /// Where the archive came from.
        url: String,
        /// Digest that the index gives.
        expected: String,
        /// Digest of what came.
        found: String,
    },
    /// The archive holds another package than the index says.
    #[error("{url} is {found}, the index says {expected}")]
    OtherPackage {
        /// Where the archive came from.
        url: String,
        /// Name and versions that the index gives.
        expected: String,
        /// Name and versions of what came.
        found: String,
    },
    /// A package that is named by path or URL is of another version than was asked for.
    #[error("{origin} is {found}, not {wanted}")]
    OtherVersion {
        /// Path or URL it came from.
        origin: String,
        /// Its name and versions.
        found: String,
        /// Versions asked for, in words.
        wanted: String,
    },
    /// The index names no place for the package.
    #[error("the index of repository {repository:?} gives no URL for {package}")]
    NoUrl {
        /// Name of the repository.
        repository: String,
        /// Name and versions of the package.
        package: String,
    },
    /// None of several URLs gave the package.
    #[error("none of the URLs of {package} gives the package:{}", lines(.attempts))]
    EveryUrl {
        /// Name and versions of the package.
        package: String,
        /// What went wrong with each.
        attempts: Vec<ResolveError>,
    },
}

fn lines(errors: &[ResolveError]) -> String {
    let lines: Vec<String> = errors.iter().map(|error| format!("\n  {error}")).collect();
    lines.concat()
}
