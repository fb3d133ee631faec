//! What a suite needs before its first test: programs for its commands, definitions, manifests.

use std::ffi::OsString;
use std::io;
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::time::Duration;

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::Api;
use kube::runtime::wait::{await_condition, conditions::is_crd_established};

use super::{RunError, RunOptions, Shared};
use crate::command::{Background, Surroundings, is_program};
use crate::load::{Document, load_manifests};
use crate::webhooks::Webhooks;

/// How long a definition may take to be served.
const ESTABLISHED: Duration = Duration::from_secs(30);
/// Where manifests go that name no namespace.
const NAMESPACE: &str = "default";

/// Writes what commands need into a folder: the kubeconfig, and `kubectl-kudo`, `kudo-manager` and
/// where there is none `kubectl` for the `PATH`.
pub(super) fn programs(folder: &Path, options: &RunOptions) -> io::Result<(PathBuf, OsString)> {
    let kubeconfig = folder.join("kubeconfig");
    let mut file = std::fs::OpenOptions::new();
    let mut file = file
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&kubeconfig)?;
    io::Write::write_all(&mut file, options.kubeconfig.to_string().as_bytes())?;
    let bin = folder.join("bin");
    std::fs::create_dir(&bin)?;
    symlink(&options.program, bin.join("kubectl-kudo"))?;
    let manager = options.program.with_file_name("kudo-manager");
    if is_program(&manager) {
        symlink(manager, bin.join("kudo-manager"))?;
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    let installed = std::env::split_paths(&path).any(|dir| is_program(&dir.join("kubectl")));
    if !installed {
        let program = bin.join("kubectl");
        std::fs::write(&program, KUBECTL)?;
        std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755))?;
    }
    let mut folders = vec![bin, std::env::current_dir()?.join("bin")];
    folders.extend(std::env::split_paths(&path));
    let path = std::env::join_paths(folders).unwrap_or(path);
    Ok((kubeconfig, path))
}

/// Stands in for a kubectl that is not installed: it knows this one plugin.
const KUBECTL: &str = "\
#!/bin/sh
if [ \"$1\" = kudo ]; then
  shift
  exec kubectl-kudo \"$@\"
fi
echo \"kubectl is not installed: only 'kubectl kudo' works without it\" >&2
echo \"install it as https://kubernetes.io/docs/tasks/tools/ says\" >&2
exit 127
";

/// Definitions, manifests and commands of the suite; gives back what goes on in the background, and the
/// webhooks that were installed.
pub(super) async fn suite(shared: &Shared<'_>) -> Result<(Vec<Background>, Webhooks), RunError> {
    let settings = &shared.settings;
    let mut definitions = Vec::new();
    let mut webhooks = Webhooks::default();
    if let Some(dir) = &settings.crd_dir {
        for document in load_manifests(dir)? {
            if document.value["kind"] == "CustomResourceDefinition" {
                definitions.push(apply(shared, &document, &webhooks).await?);
            }
        }
    }
    let api: Api<CustomResourceDefinition> = Api::all(shared.cluster.client.clone());
    for name in definitions {
        let waiting = await_condition(api.clone(), &name, is_crd_established());
        match tokio::time::timeout(ESTABLISHED, waiting).await {
            Ok(Ok(_)) => {}
            Ok(Err(error)) => return Err(RunError::Setup(error.to_string())),
            Err(_) => {
                let message = format!("the definition {name} is not served after 30 s");
                return Err(RunError::Setup(message));
            }
        }
    }
    for dir in &settings.manifest_dirs {
        for document in load_manifests(dir)? {
            apply(shared, &document, &webhooks).await?;
            webhooks.note(&document);
        }
    }
    Ok((commands(shared).await?, webhooks))
}

async fn apply(
    shared: &Shared<'_>,
    document: &Document,
    webhooks: &Webhooks,
) -> Result<String, RunError> {
    let failed = |error: &dyn std::fmt::Display| {
        let (file, line) = (document.file.display(), document.mark.line);
        let said = format!("{file}:{line}: {error}");
        let explained = webhooks.explain(&said).map(|text| format!("; {text}"));
        RunError::Setup(said + &explained.unwrap_or_default())
    };
    let placed = shared.cluster.place(&document.value, NAMESPACE).await;
    let mut placed = placed.map_err(|error| failed(&error))?;
    let created = shared.cluster.create_or_update(&mut placed).await;
    let created = created.map_err(|error| failed(&error))?;
    let action = if created { "created" } else { "updated" };
    shared
        .observer
        .line("", &format!("{} {action}", placed.id()));
    Ok(placed.name.unwrap_or_default())
}

async fn commands(shared: &Shared<'_>) -> Result<Vec<Background>, RunError> {
    let surroundings = Surroundings {
        dir: std::env::current_dir().map_err(RunError::Folder)?,
        namespace: NAMESPACE.to_owned(),
        kubeconfig: shared.kubeconfig.clone(),
        path: shared.path.clone(),
    };
    let log = |line: &str| shared.observer.line("", line);
    let mut background = Vec::new();
    for command in &shared.settings.commands {
        let ran = surroundings
            .run(command, Some(shared.settings.timeout), &log)
            .await;
        background.extend(ran.map_err(|error| RunError::Setup(error.to_string()))?);
    }
    Ok(background)
}
