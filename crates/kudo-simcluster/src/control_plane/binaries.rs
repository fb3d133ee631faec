//! Finding the control plane's programs on the machine.

use std::env;
use std::path::{Path, PathBuf};

use super::ControlPlaneError;

/// The Kubernetes version that `cargo xtask control-plane build` builds and caches.
pub const VERSION: &str = "1.20.2";

/// The folder of [`VERSION`] in the cache. It counts how the build has changed: built from the plain
/// sources with Go 1.18 or later, this version's API server dies on every custom resource.
const BUILD: &str = "1.20.2-patched-1";

/// The environment variable that names a folder with the programs, as controller-runtime's envtest
/// uses it.
pub const ASSETS_VARIABLE: &str = "KUBEBUILDER_ASSETS";

/// Where the control plane's programs are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Binaries {
    /// The store.
    pub etcd: PathBuf,
    /// The API server.
    pub kube_apiserver: PathBuf,
    /// The workload controllers, garbage collection and namespace deletion.
    pub kube_controller_manager: PathBuf,
}

impl Binaries {
    /// Finds each program in `KUBEBUILDER_ASSETS`, then `PATH`, then the project's cache.
    pub fn find() -> Result<Self, ControlPlaneError> {
        Self::find_in(&search_folders())
    }

    fn find_in(folders: &[PathBuf]) -> Result<Self, ControlPlaneError> {
        let mut missing = Vec::new();
        let mut find = |name: &str| {
            let found = folders.iter().map(|f| f.join(name)).find(|p| p.is_file());
            found.unwrap_or_else(|| {
                missing.push(name.to_owned());
                PathBuf::new()
            })
        };
        let binaries = Self {
            etcd: find("etcd"),
            kube_apiserver: find("kube-apiserver"),
            kube_controller_manager: find("kube-controller-manager"),
        };
        if missing.is_empty() {
            return Ok(binaries);
        }
        Err(ControlPlaneError::BinariesMissing {
            missing,
            cache: cache_folder(),
        })
    }
}

/// The project's own folder of programs: `${XDG_CACHE_HOME:-~/.cache}/kudo/control-plane/<build>`.
pub fn cache_folder() -> PathBuf {
    project_cache().join("control-plane").join(BUILD)
}

/// The project's cache: `${XDG_CACHE_HOME:-~/.cache}/kudo`; without a home, in the temporary folder.
pub fn project_cache() -> PathBuf {
    let absolute = |name| {
        env::var_os(name)
            .map(PathBuf::from)
            .filter(|p: &PathBuf| p.is_absolute())
    };
    absolute("XDG_CACHE_HOME")
        .or_else(|| absolute("HOME").map(|home| home.join(".cache")))
        .unwrap_or_else(env::temp_dir)
        .join("kudo")
}

fn search_folders() -> Vec<PathBuf> {
    let assets = env::var_os(ASSETS_VARIABLE).filter(|value| !value.is_empty());
    let path = env::var_os("PATH").unwrap_or_default();
    let on_path = env::split_paths(&path).filter(|folder| folder != Path::new(""));
    assets
        .map(PathBuf::from)
        .into_iter()
        .chain(on_path)
        .chain([cache_folder()])
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn earlier_folders_win_and_everything_missing_is_named() {
        let first = tempfile::tempdir().unwrap();
        let second = tempfile::tempdir().unwrap();
        let folders = [first.path().to_owned(), second.path().to_owned()];
        std::fs::write(first.path().join("etcd"), "").unwrap();
        std::fs::write(second.path().join("etcd"), "").unwrap();
        match Binaries::find_in(&folders) {
            Err(ControlPlaneError::BinariesMissing { missing, .. }) => {
                assert_eq!(missing, ["kube-apiserver", "kube-controller-manager"]);
            }
            other => panic!("unexpected: {other:?}"),
        }
        for name in ["kube-apiserver", "kube-controller-manager"] {
            std::fs::write(second.path().join(name), "").unwrap();
        }
        let found = Binaries::find_in(&folders).unwrap();
        assert_eq!(found.etcd, first.path().join("etcd"));
        assert_eq!(found.kube_apiserver, second.path().join("kube-apiserver"));
    }
}
