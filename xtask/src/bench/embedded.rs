//! The embedded cluster: how soon it answers, how fast it takes objects, and what they weigh.
//!
//! It runs in a process of its own, so that its memory is nobody else's.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use k8s_openapi::api::core::v1::ConfigMap;
use kube::api::PostParams;
use kube::{Api, Client, Config};
use serde_json::json;

use super::BenchError;
use super::cluster::{all, from_json};
use super::manager::usage_of;
use crate::workspace::{cargo, target_folder};

/// Objects that are made.
pub(super) const OBJECTS: usize = 10_000;
const TOKEN: &str = "bench";

/// What was measured.
#[derive(Debug)]
pub(super) struct Embedded {
    /// From the start of the process to its first answer.
    pub(super) start: Duration,
    /// Time for all creates.
    pub(super) took: Duration,
    /// Resident memory with all objects, in KiB.
    pub(super) resident: u64,
}

/// Ends with its owner.
struct Server(Child);

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

pub(super) async fn measure() -> Result<Embedded, BenchError> {
    let example = [
        "build",
        "--release",
        "--quiet",
        "--package",
        "kudo-simcluster",
    ];
    crate::process::run(cargo(example).args(["--example", "serve"]))?;
    let program = target_folder()?.join("release/examples/serve");
    let failed = BenchError::io("cannot start the embedded cluster");
    let begun = Instant::now();
    let child = Command::new(program)
        .arg(TOKEN)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .map_err(&failed)?;
    let mut server = Server(child);
    let output = server.0.stdout.take();
    let mut output = BufReader::new(output.ok_or(BenchError::Unreadable("its address"))?);
    let mut address = String::new();
    output.read_line(&mut address).map_err(&failed)?;
    let address = address.trim().parse();
    let mut config = Config::new(address.map_err(|_| BenchError::Unreadable("its address"))?);
    config.auth_info.token = Some(TOKEN.to_owned().into());
    let client = Client::try_from(config).map_err(BenchError::api("cannot connect"))?;
    let answered = client.apiserver_version().await;
    answered.map_err(BenchError::api("the embedded cluster does not answer"))?;
    let start = begun.elapsed();
    let took = create(&client).await?;
    let usage = usage_of(server.0.id())?;
    Ok(Embedded {
        start,
        took,
        resident: usage.resident,
    })
}

/// Creates objects of the size that the bare client's have, as many at a time.
async fn create(client: &Client) -> Result<Duration, BenchError> {
    let api: Api<ConfigMap> = Api::namespaced(client.clone(), "default");
    let sample: ConfigMap = from_json(json!({
        "metadata": {
            "labels": {
                "bare.dev/instance": "instance-0001", "bare.dev/operator": "bench",
                "heritage": "bare",
            },
            "annotations": {
                "bare.dev/plan": "deploy", "bare.dev/phase": "main", "bare.dev/step": "everything",
                "bare.dev/operator-version": "1.0.0",
                "bare.dev/last-plan-execution-uid": "01234567-89ab-cdef-0123-456789abcdef",
            },
        },
        "data": { "key": "value", "name": "instance-0001" },
    }))?;
    let begun = Instant::now();
    let created = (0..OBJECTS).map(|index| {
        let (api, mut object) = (api.clone(), sample.clone());
        object.metadata.name = Some(format!("bare-{index}"));
        async move {
            let created = api.create(&PostParams::default(), &object).await;
            let failed = BenchError::api("the embedded cluster does not take an object");
            created.map(drop).map_err(failed)
        }
    });
    all(created).await?;
    Ok(begun.elapsed())
}
