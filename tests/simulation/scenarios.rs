//! The life of the worked example, a stage at a time.

use std::path::Path;
use std::sync::OnceLock;

use kudo_api::convert;
use kudo_package::Package;
use serde_json::{Value, json};

use crate::network::Fair;
use crate::outcome::settled;
use crate::world::{NAME, NAMESPACE, Ready, World, in_virtual_time};

/// A stage of the life of an instance of the Galera operator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stage {
    Deploy,
    Update,
    Upgrade,
    Uninstall,
}

impl Stage {
    /// A cluster in which everything is ready for the stage; made once.
    pub(crate) fn ready(self) -> &'static Ready {
        static READY: [OnceLock<Ready>; 4] = [const { OnceLock::new() }; 4];
        READY[self as usize].get_or_init(|| {
            in_virtual_time(async {
                let world = World::new(1).await;
                self.prepare(&world).await;
                world.save()
            })
        })
    }

    /// Makes everything ready for the stage.
    pub(crate) async fn prepare(self, world: &World) {
        for version in galera() {
            world.create_version(&version).await;
        }
        if self == Self::Deploy {
            return;
        }
        let manager = world.manager(Fair);
        world.create_instance(&name(&galera()[0])).await;
        Self::Deploy.end(world).await;
        // What is told last trails the status.
        tokio::time::sleep(std::time::Duration::from_secs(10)).await;
        manager.stop().await;
    }

    /// Does what the manager is to act upon.
    pub(crate) async fn begin(self, world: &World) {
        match self {
            Self::Deploy => world.create_instance(&name(&galera()[0])).await,
            Self::Update => {
                world
                    .change(json!({ "parameters": { "NODE_COUNT": "5" } }))
                    .await;
            }
            Self::Upgrade => {
                let version = name(&galera()[1]);
                world
                    .change(json!({ "operatorVersion": { "name": version } }))
                    .await;
            }
            Self::Uninstall => world.delete_instance().await,
        }
    }

    /// Waits for the end.
    pub(crate) async fn end(self, world: &World) {
        let what = format!("{NAME} has gone through {self:?}");
        world
            .until(&what, |instance| match (self, instance) {
                (Self::Uninstall, found) => found.is_none(),
                (_, found) => found.is_some_and(settled),
            })
            .await;
    }
}

fn name(version: &Value) -> String {
    version["metadata"]["name"].as_str().unwrap().to_owned()
}

/// The package as it is, and a next version of it that changes a template.
fn galera() -> [Value; 2] {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../operators/galera");
    let package = Package::load(&root).unwrap();
    let version = json!(convert::operator_version(&package, NAMESPACE));
    let mut next = version.clone();
    next["metadata"]["name"] = json!("galera-99.0.0");
    next["spec"]["version"] = json!("99.0.0");
    let templates = next["spec"]["templates"].as_object_mut().unwrap();
    for template in templates.values_mut() {
        let text = template.as_str().unwrap();
        if text.contains("kind: ConfigMap") {
            *template = json!(text.replacen("\ndata:\n", "\ndata:\n  next: \"yes\"\n", 1));
        }
    }
    [version, next]
}
