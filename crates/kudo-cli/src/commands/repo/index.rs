//! `repo index`: `index.yaml` for a directory of archives, which makes it a repository.

use std::path::{Path, PathBuf};

use clap::Args;
use jiff::Timestamp;
use kudo_package::repository::{INDEX_FILE, Index, Repository};
use kudo_repository::{Place, Remote, index_directory, replace_file};

use crate::arguments::Global;
use crate::error::Error;
use crate::output::Output;
use crate::{home, source};

/// Where packages are looked for if no URL is given, as upstream writes it.
const DEFAULT_URL: &str = "http://localhost";

/// Make the index of a directory of packages
#[derive(Debug, Args)]
#[command(after_help = "\
Every .tgz file of the directory is listed with its digest, the newest version of each operator
first. A package that both the directory and a merged index have is listed as the directory has it.

Examples:
  # Make an index for a server
  kubectl kudo repo index packages --url https://example.org/packages

  # Add the packages to those that a repository has already
  kubectl kudo repo index packages --url-repo local --merge-repo local --overwrite

  # The same, by URL or by path
  kubectl kudo repo index packages --merge https://example.org/packages
  kubectl kudo repo index packages --merge ./old/index.yaml")]
pub(crate) struct IndexArgs {
    /// Directory that holds the packages
    #[arg(value_name = "DIR")]
    directory: PathBuf,

    /// URL under which the packages will be found
    #[arg(long, value_name = "URL", conflicts_with = "url_repo", default_value = DEFAULT_URL)]
    url: String,

    /// Repository under whose URL the packages will be found
    #[arg(long, value_name = "NAME")]
    url_repo: Option<String>,

    /// URL or path of a repository whose packages to list too
    #[arg(long, value_name = "URL", conflicts_with = "merge_repo")]
    merge: Option<String>,

    /// Repository whose packages to list too
    #[arg(long, value_name = "NAME")]
    merge_repo: Option<String>,

    /// Replace an index that is there already
    #[arg(short = 'w', long)]
    overwrite: bool,
}

pub(super) fn run(arguments: &IndexArgs, global: &Global, output: &Output) -> Result<(), Error> {
    output.format("repo index", &[])?;
    let directory = directory(&arguments.directory)?;
    let target = directory.join(INDEX_FILE);
    if target.exists() && !arguments.overwrite {
        return Err(Error::TargetExists {
            path: target,
            flag: "--overwrite",
        });
    }
    let url = match &arguments.url_repo {
        Some(name) => home::find(global)?.load()?.get(name)?.url.clone(),
        None => arguments.url.clone(),
    };
    let mut index = own(&directory, &url, output)?;
    let fetcher = source::fetcher(global.request_timeout);
    let merged = match (&arguments.merge, &arguments.merge_repo) {
        (Some(merge), _) => Some(named("merge", merge, &fetcher)?.index()?),
        (None, Some(name)) => {
            let repositories = home::find(global)?.load()?;
            Some(Remote::new(repositories.get(name)?, &fetcher)?.index()?)
        }
        (None, None) => None,
    };
    if let Some(merged) = merged {
        index.merge(merged);
    }
    index.generated = Some(Timestamp::now().to_string());
    replace_file(&target, index.to_yaml().as_bytes()).map_err(|source| Error::File {
        doing: "write",
        path: target.clone(),
        source,
    })?;
    output.result(&format!("index {} created.", target.display()))
}

/// The directory's full path.
fn directory(path: &Path) -> Result<PathBuf, Error> {
    match std::fs::canonicalize(path) {
        Ok(full) if full.is_dir() => Ok(full),
        _ => Err(Error::NotADirectory {
            path: path.to_owned(),
        }),
    }
}

/// The index of what the directory holds. Whatever cannot be listed is told, and left out.
fn own(directory: &Path, url: &str, output: &Output) -> Result<Index, Error> {
    let (entries, refused) = index_directory(directory, url).map_err(|source| Error::File {
        doing: "read",
        path: directory.to_owned(),
        source,
    })?;
    for (path, error) in &refused {
        let cause = std::error::Error::source(error)
            .map(|cause| format!(": {cause}"))
            .unwrap_or_default();
        output.warn(&format!(
            "operator: {} is invalid: {error}{cause}",
            path.display()
        ));
    }
    if entries.is_empty() {
        return Err(Error::NoArchives {
            path: directory.to_owned(),
        });
    }
    let mut index = Index::default();
    for entry in entries {
        let described = entry.to_string();
        if !index.add(entry) {
            output.warn(&format!(
                "{described} is there twice; the first file counts"
            ));
        }
    }
    Ok(index)
}

/// A repository by its URL, by its directory, or by the path of its index.
fn named<'f>(
    name: &str,
    merge: &str,
    fetcher: &'f kudo_repository::Fetcher,
) -> Result<Remote<'f>, Error> {
    let folder = merge.strip_suffix(INDEX_FILE).unwrap_or(merge);
    if Place::is_url(merge) {
        let repository = Repository {
            name: name.to_owned(),
            url: folder.to_owned(),
        };
        return Ok(Remote::new(&repository, fetcher)?);
    }
    let place = Place::File(PathBuf::from(folder));
    Ok(Remote::at(name.to_owned(), place, fetcher))
}
