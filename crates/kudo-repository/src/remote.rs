//! One repository: its index, its archives, and making an index of a directory.

use std::io;
use std::path::{Path, PathBuf};

use kudo_package::archive::{self, ArchiveLimits};
use kudo_package::repository::{INDEX_FILE, Index, IndexEntry, Repository, digest};
use kudo_package::{ArchiveError, Package, PackageErrors};

use crate::error::ResolveError;
use crate::fetch::{Fetcher, Limits, read_file};
use crate::place::Place;

/// A repository that can be asked.
#[derive(Debug)]
pub struct Remote<'f> {
    name: String,
    place: Place,
    fetcher: &'f Fetcher,
}

impl<'f> Remote<'f> {
    /// The repository at a place.
    pub fn new(repository: &Repository, fetcher: &'f Fetcher) -> Result<Self, ResolveError> {
        let place = Place::parse(&repository.url);
        let place = place.map_err(|source| ResolveError::RepositoryUrl {
            repository: repository.name.clone(),
            source,
        })?;
        Ok(Self::at(repository.name.clone(), place, fetcher))
    }

    /// The repository at a place that is no URL, such as a directory.
    pub fn at(name: String, place: Place, fetcher: &'f Fetcher) -> Self {
        Self {
            name,
            place,
            fetcher,
        }
    }

    /// Fetches its index.
    pub fn index(&self) -> Result<Index, ResolveError> {
        let fetched = self
            .place
            .join(INDEX_FILE)
            .map_err(ResolveError::Url)
            .and_then(|place| {
                let bytes = self.fetcher.index(&place);
                let bytes = bytes.map_err(|source| ResolveError::IndexFetch {
                    repository: self.name.clone(),
                    source,
                });
                Ok((place.to_string(), bytes?))
            });
        let (url, bytes) = fetched?;
        let Ok(text) = String::from_utf8(bytes) else {
            return Err(ResolveError::IndexNotText { url });
        };
        Index::parse(&text).map_err(|source| ResolveError::Index { url, source })
    }

    /// Fetches a package's archive from the first of its URLs that gives what the index says, and
    /// tells which it was.
    pub fn archive(&self, entry: &IndexEntry) -> Result<(String, Vec<u8>), ResolveError> {
        let mut attempts = Vec::new();
        for url in &entry.urls {
            match self.try_url(url, entry) {
                Ok(archive) => return Ok((url.clone(), archive)),
                Err(error) => {
                    tracing::info!(target: "kudo", %error, "trying the next URL");
                    attempts.push(error);
                }
            }
        }
        Err(match (attempts.pop(), attempts.is_empty()) {
            (None, _) => ResolveError::NoUrl {
                repository: self.name.clone(),
                package: entry.to_string(),
            },
            (Some(only), true) => only,
            (Some(last), false) => {
                attempts.push(last);
                ResolveError::EveryUrl {
                    package: entry.to_string(),
                    attempts,
                }
            }
        })
    }

    fn try_url(&self, url: &str, entry: &IndexEntry) -> Result<Vec<u8>, ResolveError> {
        let place = self.place.join(url)?;
        if matches!((&place, &self.place), (Place::File(_), Place::Web(_))) {
            return Err(ResolveError::OutOfReach {
                package: url.to_owned(),
            });
        }
        let archive = self.fetcher.archive(&place).map_err(ResolveError::Fetch)?;
        if let Some(expected) = &entry.digest {
            let found = digest(&archive);
            let plain = expected.strip_prefix("sha256:").unwrap_or(expected);
            if !plain.eq_ignore_ascii_case(&found) {
                return Err(ResolveError::Digest {
                    url: place.to_string(),
                    expected: expected.clone(),
                    found,
                });
            }
        }
        Ok(archive)
    }
}

/// Makes the entries of all archives (`*.tgz`) in a directory, by file name, with their URLs under
/// `url`. Archives that are no packages are given back with what is wrong with them.
#[expect(clippy::type_complexity, reason = "two lists, each used once")]
pub fn index_directory(
    directory: &Path,
    url: &str,
) -> io::Result<(Vec<IndexEntry>, Vec<(PathBuf, PackageErrors)>)> {
    let mut archives = Vec::new();
    for entry in std::fs::read_dir(directory)? {
        let path = entry?.path();
        if path.is_file() && path.extension().is_some_and(|extension| extension == "tgz") {
            archives.push(path);
        }
    }
    archives.sort();
    let (mut entries, mut refused) = (Vec::new(), Vec::new());
    for path in archives {
        match entry(&path, url) {
            Ok(entry) => entries.push(entry),
            Err(error) => refused.push((path, error)),
        }
    }
    Ok((entries, refused))
}

fn entry(path: &Path, url: &str) -> Result<IndexEntry, PackageErrors> {
    use crate::fetch::FetchProblem;
    let limit = Limits::default().package_bytes;
    let bytes = read_file(path, limit).map_err(|problem| match problem {
        FetchProblem::TooLarge(limit) => PackageErrors::Archive(ArchiveError::TooLarge { limit }),
        problem => PackageErrors::Unreadable {
            path: path.to_owned(),
            source: io::Error::other(problem.to_string()),
        },
    })?;
    let files = archive::read(bytes.as_slice(), &ArchiveLimits::default());
    let package = Package::from_files(files.map_err(PackageErrors::Archive)?)?;
    Ok(IndexEntry::new(&package, url, digest(&bytes)))
}
