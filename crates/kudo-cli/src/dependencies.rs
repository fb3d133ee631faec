//! The packages that a package installs by its `KudoOperator` tasks, and theirs in turn.
//!
//! Everything is resolved before anything is written. In each package the tasks are filled in with what
//! their packages turned out to be, as the manager knows operator versions by name and version only:
//! `package: ../child` becomes `package: child` with its versions.

use std::collections::BTreeSet;
use std::sync::Arc;

use kudo_api::convert::definition_name;
use kudo_api::dependencies::Cycle;
use kudo_package::package::operator_address;
use kudo_package::{Diagnostic, Location, OperatorDefinition, Package, PackageErrors, TaskSpec};
use kudo_repository::{Base, Request, ResolveError, Resolved, Resolver};
use kudo_template::verify::{verify_child, verify_package};

use crate::definitions::{Definitions, InCluster, definition_of};
use crate::error::Error;
use crate::source;

/// A package and all that it depends on.
pub(crate) struct Tree {
    /// The package itself.
    pub(crate) root: Package,
    /// What it depends on; each comes after what it depends on itself.
    pub(crate) dependencies: Vec<Package>,
    /// What it depends on and is in the cluster already.
    installed: Definitions,
    /// What is worth a warning about where all this came from.
    pub(crate) warnings: Vec<String>,
}

impl Tree {
    /// All packages, the root last.
    pub(crate) fn packages(&self) -> impl Iterator<Item = &Package> {
        self.dependencies.iter().chain([&self.root])
    }

    /// What it depends on, be it a package or in the cluster already.
    pub(crate) fn children(&self) -> Definitions {
        let mut all = Definitions::default();
        for package in &self.dependencies {
            all.add(Arc::new(package.definition.clone()));
        }
        all.extend(self.installed.clone());
        all
    }
}

/// Resolves all dependencies of a package that is verified already. Dependencies that break rules, that
/// cannot be had, or that depend on each other in a circle, are refused. What the repository does not have
/// or cannot be asked for may be in the cluster, where that is given.
pub(crate) fn resolve(
    root: Resolved,
    resolver: &Resolver,
    cluster: Option<&InCluster>,
) -> Result<Tree, Error> {
    let mut walk = Walk {
        resolver,
        cluster,
        cut_off: None,
        way: Vec::new(),
        found: Vec::new(),
        installed: Definitions::default(),
        warnings: Vec::new(),
    };
    walk.warn_of(&root);
    let root = walk.visit(root.package, &root.base)?;
    let tree = Tree {
        root,
        dependencies: walk.found.into_iter().map(|found| found.filled).collect(),
        installed: walk.installed,
        warnings: walk.warnings,
    };
    // A circle of packages would have had no end; one may still go through the cluster.
    tree.children().refuse_circle(&tree.root.definition)?;
    Ok(tree)
}

/// Whether a tree could not be resolved because of a package that its repository does not have, or could
/// not be asked for.
pub(crate) fn lacks_a_package(error: &Error) -> bool {
    match error {
        Error::Dependency { source, .. } => lacks_a_package(source),
        Error::Resolve(error) => is_not_had(error),
        _ => false,
    }
}

fn is_not_had(error: &ResolveError) -> bool {
    matches!(
        error,
        ResolveError::Find { .. } | ResolveError::IndexFetch { .. }
    )
}

struct Walk<'a> {
    resolver: &'a Resolver,
    cluster: Option<&'a InCluster>,
    /// Why the repository could not be asked. It is not asked again for what the cluster has.
    cut_off: Option<(&'a InCluster, String)>,
    /// Names of the operator versions from the root to here.
    way: Vec<String>,
    found: Vec<Found>,
    installed: Definitions,
    warnings: Vec<String>,
}

/// A dependency as it was written, and with its tasks filled in.
struct Found {
    written: OperatorDefinition,
    filled: Package,
}

impl Walk<'_> {
    /// Fills in the tasks of a package, after its dependencies were found.
    fn visit(&mut self, mut package: Package, base: &Base) -> Result<Package, Error> {
        let parent = definition_name(&package.definition);
        self.way.push(parent.clone());
        for task in &mut package.definition.tasks {
            if let TaskSpec::KudoOperator {
                package: argument,
                app_version,
                operator_version,
                ..
            } = &mut task.spec
            {
                let request = Request {
                    package: argument,
                    app_version: app_version.as_deref(),
                    operator_version: operator_version.as_deref(),
                };
                let child = self
                    .dependency(&request, base)
                    .map_err(|error| error.of_dependency(argument, &task.name, &parent))?;
                *argument = child.operator_name;
                *app_version = child.app_version;
                *operator_version = Some(child.operator_version);
            }
        }
        self.way.pop();
        Ok(package)
    }

    /// Finds a dependency, with all of its own, and gives what it is.
    fn dependency(
        &mut self,
        request: &Request<'_>,
        base: &Base,
    ) -> Result<OperatorDefinition, Error> {
        if let Some((cluster, why)) = self.cut_off.clone()
            && let Ok(found) = self.take_installed(cluster, request, &why)
        {
            return Ok(found);
        }
        let resolved = match self.resolver.resolve(request, base) {
            Err(error) if is_not_had(&error) => return self.instead(request, error),
            resolved => resolved?,
        };
        resolved.must_fit(request)?;
        self.warn_of(&resolved);
        let definition = resolved.package.definition.clone();
        let name = definition_name(&definition);
        if let Some(start) = self.way.iter().position(|known| *known == name) {
            let mut circle = self.way[start..].to_vec();
            circle.push(name);
            return Err(Error::DependencyCycle { circle });
        }
        let known = self
            .found
            .iter()
            .find(|found| definition_name(&found.written) == name);
        match known {
            Some(known) if known.written == definition => {}
            Some(_) => return Err(Error::DependencyDiffers { version: name }),
            None => {
                source::refuse_broken(&resolved.package, &resolved.origin)?;
                let base = resolved.base;
                let filled = self.visit(resolved.package, &base)?;
                let written = definition.clone();
                self.found.push(Found { written, filled });
            }
        }
        Ok(definition)
    }

    /// What the cluster has instead of what a repository does not have.
    fn instead(
        &mut self,
        request: &Request<'_>,
        error: ResolveError,
    ) -> Result<OperatorDefinition, Error> {
        let Some(cluster) = self.cluster else {
            return Err(error.into());
        };
        let why = error.to_string();
        match self.take_installed(cluster, request, &why) {
            Ok(found) => {
                if matches!(error, ResolveError::IndexFetch { .. }) {
                    self.cut_off = Some((cluster, why));
                }
                Ok(found)
            }
            Err(cluster) => Err(Error::Nowhere {
                repository: Box::new(error.into()),
                cluster: Box::new(cluster),
            }),
        }
    }

    /// The newest operator version of the cluster that fits, with all that it installs.
    fn take_installed(
        &mut self,
        cluster: &InCluster,
        request: &Request<'_>,
        why: &str,
    ) -> Result<OperatorDefinition, Error> {
        let definition = definition_of(cluster.choose(request)?)?;
        self.installed.extend(cluster.below(&definition)?);
        self.installed.add(Arc::new(definition.clone()));
        self.warnings.push(format!(
            "{why}; {}, which is in the cluster, is taken",
            definition_name(&definition)
        ));
        Ok(definition)
    }

    fn warn_of(&mut self, resolved: &Resolved) {
        if resolved.unverified {
            self.warnings.push(format!(
                "the repository's index has no digest of {}: it was not verified",
                resolved.origin
            ));
        }
    }
}

/// Fills in the tasks whose packages are files, as far as those can be read: for showing, not for
/// installing.
pub(crate) fn fill_in_local(parent: &mut Resolved, resolver: &Resolver) {
    for task in &mut parent.package.definition.tasks {
        if let TaskSpec::KudoOperator {
            package,
            app_version,
            operator_version,
            ..
        } = &mut task.spec
            && Resolver::is_local(package)
            && let Ok(child) = resolver.resolve(&Request::of(package), &parent.base)
        {
            let child = child.package.definition;
            *package = child.operator_name;
            *app_version = child.app_version;
            *operator_version = Some(child.operator_version);
        }
    }
}

/// The rule about dependencies.
const DEPENDENCY: &str = "dependency";

/// What is wrong with the dependencies of a package whose packages are files, and with theirs. Others are
/// left out: verification asks no server.
pub(crate) fn verify_local(root: &Resolved, resolver: &Resolver) -> Vec<Diagnostic> {
    let mut check = Check {
        resolver,
        way: Vec::new(),
        seen: BTreeSet::new(),
        diagnostics: Vec::new(),
    };
    check.visit(root, "");
    check.diagnostics
}

struct Check<'a> {
    resolver: &'a Resolver,
    way: Vec<String>,
    seen: BTreeSet<String>,
    diagnostics: Vec<Diagnostic>,
}

impl Check<'_> {
    /// Looks at the dependencies of a package whose files are named with this prefix.
    fn visit(&mut self, parent: &Resolved, prefix: &str) {
        self.way.push(definition_name(&parent.package.definition));
        for (index, task) in parent.package.definition.tasks.iter().enumerate() {
            let TaskSpec::KudoOperator {
                package,
                app_version,
                operator_version,
                ..
            } = &task.spec
            else {
                continue;
            };
            if !Resolver::is_local(package) {
                continue;
            }
            let address = operator_address(&format!("tasks/{index}/spec/package"));
            let place = parent.package.locations.find(&address);
            let place = place.map(|location| within(prefix, location));
            let request = Request {
                package,
                app_version: app_version.as_deref(),
                operator_version: operator_version.as_deref(),
            };
            let found = self.resolver.resolve(&request, &parent.base);
            match found.and_then(|child| child.must_fit(&request).map(|()| child)) {
                Ok(child) => {
                    let given = verify_child(&parent.package, index, &child.package.definition);
                    self.add(prefix, given);
                    self.child(&child, &format!("{prefix}{package}/"), place);
                }
                Err(ResolveError::Package {
                    source: PackageErrors::Invalid(draft),
                    ..
                }) => {
                    let found = verify_package(draft.package());
                    self.add(&format!("{prefix}{package}/"), found);
                }
                Err(error) => {
                    let text = format!("task {:?}: {}", task.name, Error::from(error));
                    let error = Diagnostic::error(DEPENDENCY, text).at(place);
                    self.diagnostics.push(error);
                }
            }
        }
        self.way.pop();
    }

    fn child(&mut self, child: &Resolved, prefix: &str, place: Option<Location>) {
        let name = definition_name(&child.package.definition);
        if let Some(start) = self.way.iter().position(|known| *known == name) {
            let mut circle = self.way[start..].to_vec();
            circle.push(name);
            let text = Cycle(circle).to_string();
            let error = Diagnostic::error(DEPENDENCY, text).at(place);
            self.diagnostics.push(error);
        } else if self.seen.insert(name) {
            let found = verify_package(&child.package);
            self.add(prefix, found);
            self.visit(child, prefix);
        }
    }

    fn add(&mut self, prefix: &str, found: Vec<Diagnostic>) {
        let found = found.into_iter().map(|mut diagnostic| {
            let location = diagnostic.location.take();
            diagnostic.location = location.map(|location| within(prefix, location));
            diagnostic
        });
        self.diagnostics.extend(found);
    }
}

fn within(prefix: &str, mut location: Location) -> Location {
    location.file.insert_str(0, prefix);
    location
}

#[cfg(test)]
mod tests;
