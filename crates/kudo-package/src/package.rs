//! A package: everything that its files say, and where they say it.

mod decoder;
mod directory;
mod draft;
mod fields;
mod locations;
mod operator_file;
mod params_file;

use std::collections::BTreeMap;
use std::fmt;
use std::fs;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

pub use self::draft::Draft;
pub use self::locations::{
    Locations, group_address, operator_address, parameter_address, plan_address,
};

use self::decoder::{Decoder, STRUCTURE, text_of};
use self::directory::Files;
use crate::archive::{self, ArchiveError, ArchiveLimits};
use crate::diagnostic::{Diagnostic, Location};
use crate::operator::OperatorDefinition;
use crate::yaml::Mark;

/// Name of the file that defines the operator.
pub const OPERATOR_FILE: &str = "operator.yaml";
/// Name of the file that defines the parameters.
pub const PARAMS_FILE: &str = "params.yaml";
/// Name of the folder that holds the templates.
pub const TEMPLATES_FOLDER: &str = "templates";
/// The only `apiVersion` of package files.
pub const API_VERSION: &str = "kudo.dev/v1beta1";
/// Folder in which a package may lie within the directory that is given.
const OPERATOR_FOLDER: &str = "operator";
/// Rule name of template files that are not read.
const IGNORED_TEMPLATE: &str = "ignored-template";

/// Everything that the files of one package say.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Package {
    /// What the engine needs.
    pub definition: OperatorDefinition,
    /// What is for people and for installation.
    pub manifest: Manifest,
    /// Groups of parameters.
    pub groups: Vec<Group>,
    /// Where each part is written.
    pub locations: Locations,
    /// What reading the files found, which verification repeats. Of a package that loaded, only what
    /// is strange but not wrong.
    pub findings: Vec<Diagnostic>,
}

/// The parts of `operator.yaml` that are for people and for installation.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Manifest {
    /// `apiVersion`
    pub api_version: String,
    /// What the operator does.
    pub description: Option<String>,
    /// Least KUDO version.
    pub kudo_version: Option<String>,
    /// Least Kubernetes version, checked at installation.
    pub kubernetes_version: Option<String>,
    /// Who maintains it.
    pub maintainers: Vec<Maintainer>,
    /// Home page.
    pub url: Option<String>,
    /// Template of the namespace that installation creates.
    pub namespace_manifest: Option<String>,
}

/// Who maintains an operator.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Maintainer {
    /// Person or organization.
    pub name: Option<String>,
    /// E-mail address.
    pub email: Option<String>,
}

/// A group of parameters.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Group {
    /// Name by which parameters refer to it.
    pub name: String,
    /// Name for people.
    pub display_name: Option<String>,
    /// What its parameters are about.
    pub description: Option<String>,
    /// Order among groups.
    pub priority: Option<i64>,
}

/// Why a package could not be loaded.
#[derive(Debug, thiserror::Error)]
pub enum PackageErrors {
    /// There is nothing at the path.
    #[error("no package at {}", path.display())]
    NotFound {
        /// Path given.
        path: PathBuf,
    },
    /// A file could not be read.
    #[error("cannot read {}", path.display())]
    Unreadable {
        /// Path of the file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The archive is refused.
    #[error("the package archive is refused")]
    Archive(#[source] ArchiveError),
    /// The files hold errors: all that were found, and what could be read nevertheless.
    #[error("{}", Lines(.0.findings()))]
    Invalid(Draft),
}

impl PackageErrors {
    /// What reading the files found; empty if that was not even tried.
    pub fn diagnostics(&self) -> &[Diagnostic] {
        match self {
            Self::Invalid(draft) => draft.findings(),
            _ => &[],
        }
    }
}

struct Lines<'a>(&'a [Diagnostic]);

impl fmt::Display for Lines<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, diagnostic) in self.0.iter().enumerate() {
            if index > 0 {
                f.write_str("\n")?;
            }
            write!(f, "{diagnostic}")?;
        }
        Ok(())
    }
}

impl Package {
    /// Loads a package from a directory (which holds `operator.yaml`, or an `operator` folder that
    /// does) or from a `.tgz` file.
    pub fn load(path: &Path) -> Result<Self, PackageErrors> {
        match fs::metadata(path) {
            Ok(kind) if kind.is_dir() => Self::from_dir(path),
            Ok(_) => {
                let file = fs::File::open(path).map_err(|source| unreadable(path, source))?;
                Self::from_tgz(std::io::BufReader::new(file), &ArchiveLimits::default())
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                Err(PackageErrors::NotFound {
                    path: path.to_owned(),
                })
            }
            Err(source) => Err(unreadable(path, source)),
        }
    }

    /// Loads a package from a directory. Links that lead out of it are refused.
    pub fn from_dir(path: &Path) -> Result<Self, PackageErrors> {
        let root = Self::root(path);
        Self::from_some(directory::read_package(&root, &ArchiveLimits::default())?)
    }

    /// The directory that holds `operator.yaml`: the one that is given, or its folder `operator`.
    pub fn root(path: &Path) -> PathBuf {
        let nested = path.join(OPERATOR_FOLDER);
        if !path.join(OPERATOR_FILE).exists() && nested.join(OPERATOR_FILE).exists() {
            nested
        } else {
            path.to_owned()
        }
    }

    /// Loads a package from an archive that may be anyone's.
    pub fn from_tgz(reader: impl Read, limits: &ArchiveLimits) -> Result<Self, PackageErrors> {
        Self::from_files(archive::read(reader, limits).map_err(PackageErrors::Archive)?)
    }

    /// Builds a package from its files, by path relative to the package. Files that are no part of
    /// it are left alone.
    pub fn from_files(files: BTreeMap<String, Vec<u8>>) -> Result<Self, PackageErrors> {
        Self::from_some(Files {
            files,
            refused: Vec::new(),
        })
    }

    /// The same, where some files are there but were refused.
    fn from_some(files: Files) -> Result<Self, PackageErrors> {
        let mut package = Self::default();
        let mut diagnostics = Vec::new();
        for (file, refusal) in files.refused {
            package.locations.mark_unread(file);
            diagnostics.push(refusal);
        }
        let files = strip_operator_folder(files.files);
        let mut decoding = Decoding {
            files: &files,
            locations: &mut package.locations,
            diagnostics: &mut diagnostics,
        };
        let operator = decoding.file(OPERATOR_FILE, operator_file::decode);
        let params = decoding.file(PARAMS_FILE, params_file::decode);
        package.definition = OperatorDefinition {
            operator_name: operator.name,
            operator_version: operator.operator_version,
            app_version: operator.app_version,
            templates: decoding.templates(),
            tasks: operator.tasks,
            parameters: params.parameters,
            plans: operator.plans,
        };
        package.manifest = operator.manifest;
        package.groups = params.groups;
        let invalid = diagnostics.iter().any(Diagnostic::is_error);
        package.findings = diagnostics;
        if invalid {
            return Err(PackageErrors::Invalid(Draft::new(package)));
        }
        Ok(package)
    }

    /// Packs a package directory into an archive, after making sure that it loads. Every file of
    /// the directory goes in, since a package may hold others that it depends on.
    pub fn pack(path: &Path, writer: impl Write) -> Result<Self, PackageErrors> {
        let root = Self::root(path);
        let files = directory::read_all(&root, &ArchiveLimits::default())?;
        let package = Self::from_some(files.clone())?;
        archive::write(&files.files, writer).map_err(|source| unreadable(path, source))?;
        Ok(package)
    }

    /// The file name of the package's archive: `name-[appVersion_]operatorVersion.tgz`.
    pub fn archive_name(&self) -> String {
        let OperatorDefinition {
            operator_name,
            operator_version,
            app_version,
            ..
        } = &self.definition;
        match app_version {
            Some(app_version) => format!("{operator_name}-{app_version}_{operator_version}.tgz"),
            None => format!("{operator_name}-{operator_version}.tgz"),
        }
    }
}

/// Whether a file under `templates/` is a template: Go's or Handlebars'.
pub fn is_template(name: &str) -> bool {
    matches!(extension(name), Some("yaml" | "hbs"))
}

fn extension(name: &str) -> Option<&str> {
    let file = name.rsplit('/').next().unwrap_or(name);
    file.rsplit_once('.').map(|(_, extension)| extension)
}

fn strip_operator_folder(files: BTreeMap<String, Vec<u8>>) -> BTreeMap<String, Vec<u8>> {
    let prefix = format!("{OPERATOR_FOLDER}/");
    if files.contains_key(OPERATOR_FILE) || !files.contains_key(&format!("{prefix}{OPERATOR_FILE}"))
    {
        return files;
    }
    files
        .into_iter()
        .filter_map(|(path, content)| Some((path.strip_prefix(&prefix)?.to_owned(), content)))
        .collect()
}

/// Decodes the files of a package into one list of diagnostics.
struct Decoding<'a> {
    files: &'a BTreeMap<String, Vec<u8>>,
    locations: &'a mut Locations,
    diagnostics: &'a mut Vec<Diagnostic>,
}

impl Decoding<'_> {
    fn file<T: Default>(
        &mut self,
        file: &'static str,
        decode: impl FnOnce(&mut Decoder<'_>, &[u8]) -> T,
    ) -> T {
        let mut decoder = Decoder {
            file,
            locations: self.locations,
            diagnostics: self.diagnostics,
        };
        if let Some(bytes) = self.files.get(file) {
            return decode(&mut decoder, bytes);
        }
        if !self.locations.is_unread(file) {
            let hint = format!("a package holds {OPERATOR_FILE} and {PARAMS_FILE}");
            let error = Diagnostic::error(STRUCTURE, "the file is missing").hint(hint);
            self.diagnostics.push(error.at(Location::file(file)));
        }
        self.locations.mark_unread(format!("{file}#"));
        T::default()
    }

    /// The texts of the templates by their names.
    fn templates(&mut self) -> BTreeMap<String, String> {
        let prefix = format!("{TEMPLATES_FOLDER}/");
        let mut templates = BTreeMap::new();
        for (path, content) in self.files {
            let Some(name) = path.strip_prefix(&prefix) else {
                continue;
            };
            if is_template(name) {
                match text_of(path, content) {
                    Ok(text) => {
                        templates.insert(name.to_owned(), text.to_owned());
                    }
                    Err(error) => {
                        self.locations.mark_unread(path.clone());
                        self.diagnostics.push(error);
                    }
                }
            } else if extension(name) == Some("yml") {
                let message = "this file is ignored: templates end in .yaml or .hbs";
                let warning = Diagnostic::warning(IGNORED_TEMPLATE, message);
                self.diagnostics.push(warning.at(start_of(path)));
            }
        }
        templates
    }
}

/// The first character of a file.
fn start_of(file: impl Into<String>) -> Location {
    Location::at(file, Mark { line: 1, column: 1 })
}

fn unreadable(path: &Path, source: std::io::Error) -> PackageErrors {
    PackageErrors::Unreadable {
        path: path.to_owned(),
        source,
    }
}
