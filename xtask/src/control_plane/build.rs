//! Building the control plane's programs from Debian's source package, once per machine.
//!
//! Debian 12 packages etcd, and the whole source of Kubernetes 1.20.2 with its dependencies. The
//! sources are patched, as they are older than Debian's Go: without that the API server dies on every
//! custom resource. The sources list used for it is made here, from the machine's own mirrors, and leaves the machine's
//! lists as they are. An interrupted build goes on where it stopped; the build tree (2.7 GB) goes
//! when the programs are in the cache.

use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

use kudo_simcluster::control_plane::{
    ASSETS_VARIABLE, Binaries, ControlPlaneError, VERSION, cache_folder,
};

use crate::debian::{self, DebianError, ensure_packages};
use crate::output;
use crate::process::{self, ProcessError};

/// The beginning of the version of Debian's source package that holds [`VERSION`].
const SOURCE_VERSION: &str = "1.20.5+really1.20.2";
/// What Kubernetes 1.20.2 needs to work when built with Go 1.18 or later.
const PATCH: &str = include_str!("../../assets/kubernetes-1.20.2-go1.18.patch");
/// What the build needs besides the store, which is a package itself.
const BUILD_PACKAGES: &[&str] = &[
    "golang-go",
    "gcc",
    "make",
    "jq",
    "rsync",
    "dpkg-dev",
    "patch",
    "xz-utils",
    "ca-certificates",
];
const PROGRAMS: [&str; 2] = ["kube-apiserver", "kube-controller-manager"];

/// Why there is no control plane to start.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BuildError {
    /// Nothing but a Debian can build it.
    #[error(
        "the control plane is built from Debian's source package and this is no Debian 12\n\
         hint: put etcd, kube-apiserver and kube-controller-manager into a folder and set \
         {ASSETS_VARIABLE} to it"
    )]
    NotDebian,
    /// The machine's mirrors have no such source.
    #[error(
        "the mirrors of this machine have no source package kubernetes {SOURCE_VERSION}\n\
         hint: Debian 12 has it; elsewhere set {ASSETS_VARIABLE} to a folder with etcd, \
         kube-apiserver and kube-controller-manager"
    )]
    NoSource,
    /// A package is missing and cannot be installed.
    #[error(transparent)]
    Debian(#[from] DebianError),
    /// A program failed.
    #[error(transparent)]
    Process(#[from] ProcessError),
    /// A file could not be used.
    #[error("{}: {source}", path.display())]
    Io { path: PathBuf, source: io::Error },
    /// Everything is built and yet not found.
    #[error(transparent)]
    NotFound(#[from] ControlPlaneError),
}

/// Builds what is missing, so that a control plane can be started.
pub(crate) fn ensure_built() -> Result<(), BuildError> {
    build(false)
}

/// `cargo xtask control-plane build`.
pub(crate) fn build(force: bool) -> Result<(), BuildError> {
    let missing = match Binaries::find() {
        Ok(binaries) if !force => {
            let server = binaries.kube_apiserver.display();
            output::detail(&format!("control plane {VERSION}: {server}"));
            return Ok(());
        }
        Ok(_) => PROGRAMS.map(str::to_owned).to_vec(),
        Err(ControlPlaneError::BinariesMissing { missing, .. }) => missing,
        Err(other) => return Err(other.into()),
    };
    if !debian::is_debian() {
        return Err(BuildError::NotDebian);
    }
    if missing.iter().any(|name| name == "etcd") {
        ensure_packages(&["etcd-server"])?;
    }
    if PROGRAMS
        .iter()
        .any(|program| missing.iter().any(|name| name == program))
    {
        build_programs(&cache_folder(), force)?;
    }
    Binaries::find()?;
    Ok(())
}

fn build_programs(cache: &Path, force: bool) -> Result<(), BuildError> {
    let beside = |ending: &str| {
        let mut name = cache.file_name().unwrap_or_default().to_owned();
        name.push(ending);
        cache.with_file_name(name)
    };
    let work = beside(".build");
    create(&work)?;
    let _lock = exclusive(&beside(".lock"))?;
    let done = || PROGRAMS.iter().all(|program| cache.join(program).is_file());
    if done() && !force {
        return Ok(());
    }
    output::title(&format!(
        "building kube-apiserver and kube-controller-manager {VERSION}"
    ));
    output::progress("about five minutes on two idle cores, once on this machine");
    ensure_packages(BUILD_PACKAGES)?;
    create(&work)?;
    let archive = download(&work)?;
    let tree = unpack(&work, &archive)?;
    compile(&work, &tree)?;
    install(&tree, cache)?;
    fs::remove_dir_all(&work).map_err(io_error(&work))?;
    output::progress(&format!("built into {}", cache.display()));
    Ok(())
}

/// Waits until no other process builds.
fn exclusive(path: &Path) -> Result<File, BuildError> {
    let file = File::create(path).map_err(io_error(path))?;
    if let Err(TryLockError::WouldBlock) = file.try_lock() {
        output::progress("another process builds the control plane; waiting for it");
        file.lock().map_err(io_error(path))?;
    }
    Ok(file)
}

/// Downloads the source archive, unless an earlier run has.
fn download(work: &Path) -> Result<PathBuf, BuildError> {
    let folder = work.join("download");
    create(&folder)?;
    if let Some(archive) = source_archive(&folder)? {
        return Ok(archive);
    }
    output::progress("downloading the source (34 MB)");
    let apt_get = || apt(work, "apt-get");
    create(&work.join("lists/partial"))?;
    create(&work.join("cache/archives/partial"))?;
    let list = work.join("sources.list");
    fs::write(&list, source_lines()?).map_err(io_error(&list))?;
    // One unreachable mirror of several is no reason to stop; what counts is the source itself.
    let _ = process::run(apt_get().args(["update", "-qq"]));
    let versions = process::output(apt(work, "apt-cache").args(["showsrc", "kubernetes"]))
        .map_err(|_| BuildError::NoSource)?;
    let version = source_version(&versions).ok_or(BuildError::NoSource)?;
    let source = format!("kubernetes={version}");
    let arguments = ["source", "-qq", "--download-only", &source];
    process::run(apt_get().args(arguments).current_dir(&folder))?;
    source_archive(&folder)?.ok_or(BuildError::NoSource)
}

/// An apt program with lists and caches of its own.
fn apt(work: &Path, program: &str) -> Command {
    let option = |name: &str, path: &str| format!("-o{name}={}", work.join(path).display());
    let mut command = Command::new(program);
    command
        .arg(option("Dir::Etc::SourceList", "sources.list"))
        .arg("-oDir::Etc::SourceParts=/dev/null")
        .arg(option("Dir::State::Lists", "lists"))
        .arg(option("Dir::Cache", "cache"))
        .arg("-oAPT::Sandbox::User=root");
    command
}

/// `deb-src` lines for the repositories that the machine has `deb` lines for.
fn source_lines() -> Result<String, BuildError> {
    let format = "$(REPO_URI) $(RELEASE) $(COMPONENT)";
    let arguments = ["indextargets", "--format", format, "Created-By: Packages"];
    let targets = process::output(Command::new("apt-get").args(arguments))?;
    Ok(deb_src_lines(&targets))
}

fn deb_src_lines(targets: &str) -> String {
    let mut lines: Vec<String> = targets
        .lines()
        .filter(|line| line.split(' ').count() == 3 && line.ends_with(" main"))
        .map(|line| format!("deb-src {line}\n"))
        .collect();
    lines.sort();
    lines.dedup();
    lines.concat()
}

/// The newest version in `apt-cache showsrc` that holds our Kubernetes.
fn source_version(showsrc: &str) -> Option<&str> {
    let versions = showsrc
        .lines()
        .filter_map(|line| line.strip_prefix("Version: "));
    versions
        .filter(|version| version.starts_with(SOURCE_VERSION))
        .max()
}

fn source_archive(folder: &Path) -> Result<Option<PathBuf>, BuildError> {
    for entry in fs::read_dir(folder).map_err(io_error(folder))? {
        let path = entry.map_err(io_error(folder))?.path();
        if path.to_string_lossy().ends_with(".orig.tar.gz") {
            return Ok(Some(path));
        }
    }
    Ok(None)
}

/// Unpacks the archive and patches it; a half-unpacked tree of an earlier run is begun anew.
fn unpack(work: &Path, archive: &Path) -> Result<PathBuf, BuildError> {
    let tree = work.join("tree");
    if tree.is_dir() {
        return Ok(tree);
    }
    output::progress("unpacking and patching");
    let partial = work.join("tree.partial");
    let _ = fs::remove_dir_all(&partial);
    create(&partial)?;
    let mut tar = Command::new("tar");
    tar.arg("--extract").arg("--strip-components=1");
    tar.arg("--file")
        .arg(archive)
        .arg("--directory")
        .arg(&partial);
    process::run(&mut tar)?;
    let file = work.join("go1.18.patch");
    fs::write(&file, PATCH).map_err(io_error(&file))?;
    let mut patch = Command::new("patch");
    patch.args(["--strip=1", "--quiet", "--input"]).arg(&file);
    process::run(patch.current_dir(&partial))?;
    fs::rename(&partial, &tree).map_err(io_error(&tree))?;
    Ok(tree)
}

fn compile(work: &Path, tree: &Path) -> Result<(), BuildError> {
    let go_path = tree.join(".go");
    let parent = go_path.join("src/k8s.io");
    create(&parent)?;
    let link = parent.join("kubernetes");
    if !link.is_symlink() {
        std::os::unix::fs::symlink("../../..", &link).map_err(io_error(&link))?;
    }
    let home = work.join("home");
    create(&home)?;
    let what = PROGRAMS.map(|program| format!("cmd/{program}")).join(" ");
    let mut make = Command::new("nice");
    make.args(["make", &format!("WHAT={what}")])
        .current_dir(&link)
        // The shell's own idea of where it is must go through the link, as GOPATH does.
        .env("PWD", &link)
        .env("GOPATH", &go_path)
        .env("HOME", home)
        .env("CGO_ENABLED", "0")
        .env("GO111MODULE", "off")
        .env("KUBE_GIT_VERSION", format!("v{VERSION}"))
        .env_remove("GOFLAGS")
        .env_remove("MAKEFLAGS");
    output::progress("compiling");
    process::run_logged(&mut make, "compiling", &work.join("build.log"))?;
    Ok(())
}

/// Puts the programs into the cache, each whole or not at all.
fn install(tree: &Path, cache: &Path) -> Result<(), BuildError> {
    create(cache)?;
    let built = tree.join("_output/bin");
    for program in PROGRAMS {
        let partial = cache.join(format!("{program}.partial"));
        let target = cache.join(program);
        fs::copy(built.join(program), &partial).map_err(io_error(&built.join(program)))?;
        fs::rename(&partial, &target).map_err(io_error(&target))?;
    }
    Ok(())
}

fn create(folder: &Path) -> Result<(), BuildError> {
    fs::create_dir_all(folder).map_err(io_error(folder))
}

fn io_error(path: &Path) -> impl FnOnce(io::Error) -> BuildError + use<> {
    let path = path.to_owned();
    |source| BuildError::Io { path, source }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn source_lines_follow_the_machines_repositories() {
        for (targets, expected) in [
            ("", ""),
            (
                "http://m/debian/ bookworm main\nhttp://m/debian/ bookworm main\n",
                "deb-src http://m/debian/ bookworm main\n",
            ),
            ("http://m/debian/ bookworm contrib\n", ""),
            ("http://m/flat/ ./ \n", ""),
            (
                "http://b/ x main\nhttp://a/ y main\n",
                "deb-src http://a/ y main\ndeb-src http://b/ x main\n",
            ),
        ] {
            assert_eq!(deb_src_lines(targets), expected, "{targets}");
        }
    }

    #[test]
    fn the_right_source_version_is_chosen() {
        for (showsrc, expected) in [
            (
                "Version: 1.20.5+really1.20.2-1.1\n",
                Some("1.20.5+really1.20.2-1.1"),
            ),
            (
                "Package: k\nVersion: 1.20.5+really1.20.2-1.1\n\nVersion: 1.20.5+really1.20.2-1.1+deb12u1\n",
                Some("1.20.5+really1.20.2-1.1+deb12u1"),
            ),
            ("Version: 1.32.3+ds-2\n", None),
            ("Standards-Version: 1.20.5+really1.20.2\n", None),
            ("", None),
        ] {
            assert_eq!(source_version(showsrc), expected, "{showsrc}");
        }
    }
}
