//! Loads a package, renders its deploy plan and runs it with a runner of its own.
//! `docs/embedding.md` explains it. `cargo run -p kudo --example embed -- operators/galera`
#![expect(clippy::print_stdout, reason = "an example talks to its reader")]
use std::{collections::BTreeMap, convert::Infallible, env, error::Error, path::Path};

use kudo_package::{Package, parameter};
use kudo_plan::{Observer, Options, PlanGraph, PlanState, StepRef, TaskFailure, TaskRunner};
use kudo_template::{InstanceIdentity, Limits, RenderedTemplate, Renderer, render_plan};

struct Printer(BTreeMap<String, Vec<RenderedTemplate>>);

impl TaskRunner for Printer {
    async fn run(&self, step: &StepRef<'_>, task: &str) -> Result<(), TaskFailure> {
        let address = format!("{step}.{task}");
        for object in self.0[&address]
            .iter()
            .flat_map(|rendered| &rendered.objects)
        {
            println!(
                "{address}: {} {}",
                object["kind"], object["metadata"]["name"]
            );
        }
        Ok(())
    }
}

impl Observer for Printer {
    type Error = Infallible;
    async fn record(&self, state: &PlanState) -> Result<(), Infallible> {
        println!("{}: {}", state.name, state.status);
        Ok(())
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let package = env::args().nth(1).ok_or("which package?")?;
    let operator = Package::load(Path::new(&package))?.definition;
    let given = BTreeMap::from([]); // parameter values that differ from their defaults
    let params = parameter::resolve(&operator.parameters, &given).map_err(|e| e[0].clone())?;
    let (name, namespace) = ("embedded", "default");
    let instance = InstanceIdentity { name, namespace };
    let renderer = Renderer::new(Limits::default());
    let mut documents = BTreeMap::new();
    for step in render_plan(&renderer, &operator, instance, "deploy", &params)? {
        for task in step.tasks {
            let address = format!("deploy.{}.{}.{}", step.phase, step.step, task.task);
            documents.insert(address, task.documents);
        }
    }
    let tasks = operator.tasks.iter().map(|task| &*task.name).collect();
    let graph = PlanGraph::build("deploy", &operator.plans["deploy"], &tasks)?;
    let state = PlanState::new(&graph, "execution-1");
    let (printer, clock, options) = (Printer(documents), tokio::time::sleep, Options::default());
    kudo_plan::execute(&graph, state, &printer, &clock, &printer, &options).await?;
    Ok(())
}
