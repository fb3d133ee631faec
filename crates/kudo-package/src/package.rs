//! A package: everything that its files say, and where they say it.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

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

/// Where each part of a package is written, by address: the file, then the path within it, as in
/// `params.yaml#/parameters/3/name`. For templates the address is the file alone.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Locations(BTreeMap<String, (String, Mark)>);

impl Locations {
    /// Records where the part with this address is written.
    pub fn insert(&mut self, address: impl Into<String>, file: impl Into<String>, mark: Mark) {
        self.0.insert(address.into(), (file.into(), mark));
    }

    /// The place of a part, or of the nearest part around it that is written.
    pub fn find(&self, address: &str) -> Option<Location> {
        let mut address = address;
        loop {
            if let Some((file, mark)) = self.0.get(address) {
                return Some(Location::at(file, *mark));
            }
            address = &address[..address.rfind('/')?];
        }
    }

    /// Whether the part itself is written.
    pub fn contains(&self, address: &str) -> bool {
        self.0.contains_key(address)
    }
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
    /// The files hold errors.
    #[error("{}", Lines(.0))]
    Invalid(Vec<Diagnostic>),
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
        Err(PackageErrors::NotFound {
            path: path.to_owned(),
        })
    }

    /// Builds a package from its files, by path relative to the package.
    pub fn from_files(files: &BTreeMap<String, Vec<u8>>) -> Result<Self, PackageErrors> {
        let _ = files;
        Err(PackageErrors::Invalid(Vec::new()))
    }
}
