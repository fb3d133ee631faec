//! The KUDO plan engine: plans as graphs, a state machine over recorded status, and an executor over ports.
//!
//! It knows no Kubernetes and no templates. The pipeline is `kudo_package::Plan` → [`PlanGraph`] →
//! [`PlanState`] → [`execute`] with a [`TaskRunner`], a [`Clock`] and an [`Observer`] → the new [`PlanState`].
//! The recorded [`PlanState`] is the only memory of an execution: an execution can be dropped at any
//! moment and goes on from its last record. `docs/embedding.md` explains how to use it on its own.
//!
//! ```
//! use std::{collections::BTreeSet, convert::Infallible, time::Duration};
//!
//! use kudo_package::{Phase, Plan, Step, Strategy};
//! use kudo_plan::{
//!     Clock, Observer, Options, PlanGraph, PlanState, Status, StepRef, TaskFailure, TaskRunner,
//!     execute,
//! };
//!
//! struct Printer;
//!
//! impl TaskRunner for Printer {
//!     fn prepare(&self, _step: &StepRef<'_>) -> Result<(), TaskFailure> {
//!         Ok(())
//!     }
//!
//!     async fn run(&self, step: &StepRef<'_>, task: &str) -> Result<(), TaskFailure> {
//!         println!("{step}: {task}");
//!         Ok(())
//!     }
//! }
//!
//! impl Observer for Printer {
//!     type Error = Infallible;
//!
//!     async fn record(&self, state: &PlanState) -> Result<(), Infallible> {
//!         println!("{} is {}", state.name, state.status);
//!         Ok(())
//!     }
//! }
//!
//! impl Clock for Printer {
//!     async fn sleep(&self, _duration: Duration) {}
//! }
//!
//! let step = |name: &str| Step { name: name.into(), tasks: vec!["apply".into()] };
//! let plan = Plan {
//!     strategy: Some(Strategy::Serial),
//!     phases: vec![Phase {
//!         name: "main".into(),
//!         strategy: Some(Strategy::Serial),
//!         steps: vec![step("config"), step("server")],
//!     }],
//! };
//! let graph = PlanGraph::build("deploy", &plan, &BTreeSet::from(["apply"]))?;
//! let state = PlanState::new(&graph, "execution-1");
//! let options = Options::default();
//! let execution = execute(&graph, state, &Printer, &Printer, &Printer, &options);
//! let Ok(state) = futures::executor::block_on(execution);
//! assert_eq!(state.status, Status::Complete);
//! # Ok::<(), kudo_plan::GraphError>(())
//! ```

pub mod backoff;
pub mod executor;
mod frontier;
pub mod graph;
pub mod machine;
pub mod ports;
pub mod state;
pub mod status;

pub use backoff::Backoff;
pub use executor::{Options, execute};
pub use graph::{Dependency, GraphError, GraphProblem, PhaseRef, PlanGraph, StepId, StepRef};
pub use machine::{Event, Machine};
pub use ports::{Clock, Observer, TaskFailure, TaskRunner};
pub use state::{PhaseState, PlanState, ResumeError, StepState};
pub use status::{Status, UnknownStatus};

/// Compiles and runs the code of the page on embedding.
#[cfg(doctest)]
#[doc = include_str!("../../../docs/embedding.md")]
struct EmbeddingPage;
