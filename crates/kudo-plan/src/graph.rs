//! A plan as a directed acyclic graph: which step has to wait for which.
//!
//! First stage of the engine: `kudo_package::Plan` → [`PlanGraph`]. All that can be wrong with a plan
//! is found here, before anything runs.
//!
//! Besides its steps the graph holds an entry and an exit node per phase. They do nothing; they keep
//! the edges linear in the number of steps where two phases of parallel steps follow each other.

mod problem;

use std::{
    collections::{BTreeSet, HashMap, HashSet},
    fmt,
};

use kudo_package::{Plan, Strategy, suggest};
use petgraph::{
    Direction,
    algo::{astar, toposort},
    graph::{DiGraph, NodeIndex},
};

pub use problem::{GraphError, GraphProblem};

/// A step's number in its plan, in the order in which the plan lists them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct StepId(usize);

impl StepId {
    /// The number, from 0.
    pub const fn index(self) -> usize {
        self.0
    }
}

/// A step with its place in the plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StepRef<'g> {
    /// The step's number.
    pub id: StepId,
    /// The plan's name.
    pub plan: &'g str,
    /// The phase's name.
    pub phase: &'g str,
    /// The step's name.
    pub step: &'g str,
    /// The names of the step's tasks, each once, in the step's order.
    pub tasks: &'g [String],
}

/// Shows the step's address: `plan.phase.step`.
impl fmt::Display for StepRef<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.plan, self.phase, self.step)
    }
}

/// A phase with the numbers of its steps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PhaseRef<'g> {
    /// The phase's name.
    pub name: &'g str,
    first: usize,
    end: usize,
}

impl PhaseRef<'_> {
    /// The phase's steps in its order.
    pub fn steps(&self) -> impl Iterator<Item = StepId> + use<> {
        (self.first..self.end).map(StepId)
    }
}

/// One step waiting for another, beyond what the strategies say.
///
/// Steps are named by phase and step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Dependency<'a> {
    /// The step that waits.
    pub step: (&'a str, &'a str),
    /// The step it waits for.
    pub needs: (&'a str, &'a str),
}

/// A plan as a graph of steps.
#[derive(Clone, Debug)]
pub struct PlanGraph {
    name: String,
    phases: Vec<GraphPhase>,
    steps: Vec<GraphStep>,
    dag: DiGraph<Node, ()>,
}

/// What a node of the graph stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Node {
    /// The start of the phase with this index.
    Entry(usize),
    /// A step.
    Step(StepId),
    /// The end of the phase with this index.
    Exit(usize),
}

#[derive(Clone, Debug)]
struct GraphPhase {
    name: String,
    first: usize,
    end: usize,
}

#[derive(Clone, Debug)]
struct GraphStep {
    phase: usize,
    name: String,
    tasks: Vec<String>,
    node: NodeIndex,
}

impl PlanGraph {
    /// Builds the graph of a plan from its strategies; an absent strategy is parallel.
    ///
    /// A step that names a task twice runs it once.
    pub fn build(
        name: &str,
        plan: &Plan,
        known_tasks: &BTreeSet<&str>,
    ) -> Result<Self, GraphError> {
        let problems = problem::problems(plan, known_tasks);
        if problems.is_empty() {
            Ok(Self::connect(name, plan))
        } else {
            Err(GraphError {
                plan: name.to_owned(),
                problems,
            })
        }
    }

    /// Adds dependencies between steps to those that follow from the strategies.
    pub fn with_dependencies(
        mut self,
        dependencies: &[Dependency<'_>],
    ) -> Result<Self, GraphError> {
        let mut problems = Vec::new();
        let mut added = Vec::with_capacity(dependencies.len());
        let nodes = self.nodes_by_name();
        for dependency in dependencies {
            match (nodes.get(&dependency.needs), nodes.get(&dependency.step)) {
                (Some(&needs), Some(&step)) => added.push((needs, step)),
                (needs, step) => {
                    let unknown = [(needs, dependency.needs), (step, dependency.step)];
                    let unknown = unknown.into_iter().filter(|(node, _)| node.is_none());
                    problems.extend(unknown.map(|(_, name)| self.unknown_step(name)));
                }
            }
        }
        for &(needs, step) in &added {
            self.dag.add_edge(needs, step, ());
        }
        if toposort(&self.dag, None).is_err() {
            problems.extend(added.iter().find_map(|&edge| self.cycle_through(edge)));
        }
        if problems.is_empty() {
            Ok(self)
        } else {
            Err(GraphError {
                plan: self.name,
                problems,
            })
        }
    }

    /// The plan's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// All steps in the order of the plan.
    pub fn nodes(&self) -> impl Iterator<Item = StepId> + use<> {
        (0..self.steps.len()).map(StepId)
    }

    /// How many steps the plan has.
    pub fn len(&self) -> usize {
        self.steps.len()
    }

    /// Whether the plan has no steps.
    pub fn is_empty(&self) -> bool {
        self.steps.is_empty()
    }

    /// The phases in the order of the plan.
    pub fn phases(&self) -> impl Iterator<Item = PhaseRef<'_>> {
        self.phases.iter().map(|phase| PhaseRef {
            name: &phase.name,
            first: phase.first,
            end: phase.end,
        })
    }

    /// A step by its number.
    ///
    /// # Panics
    /// If the number is of another, larger plan.
    pub fn step(&self, id: StepId) -> StepRef<'_> {
        let step = &self.steps[id.0];
        StepRef {
            id,
            plan: &self.name,
            phase: &self.phases[step.phase].name,
            step: &step.name,
            tasks: &step.tasks,
        }
    }

    /// A step by the names of its phase and itself.
    pub fn find(&self, phase: &str, step: &str) -> Option<StepId> {
        let phase = self.phases.iter().find(|known| known.name == phase)?;
        (phase.first..phase.end)
            .find(|&id| self.steps[id].name == step)
            .map(StepId)
    }

    /// The steps that `id` directly waits for, in the order of the plan.
    pub fn waits_for(&self, id: StepId) -> Vec<StepId> {
        let mut found = BTreeSet::new();
        let mut seen = HashSet::new();
        let mut open = vec![self.steps[id.0].node];
        while let Some(node) = open.pop() {
            for before in self.dag.neighbors_directed(node, Direction::Incoming) {
                match self.dag[before] {
                    Node::Step(step) => {
                        found.insert(step);
                    }
                    Node::Entry(_) | Node::Exit(_) => {
                        if seen.insert(before) {
                            open.push(before);
                        }
                    }
                }
            }
        }
        found.into_iter().collect()
    }

    pub(crate) const fn dag(&self) -> &DiGraph<Node, ()> {
        &self.dag
    }

    pub(crate) fn node(&self, id: StepId) -> NodeIndex {
        self.steps[id.0].node
    }

    /// The indices of the step's phase in the plan and of the step in its phase.
    pub(crate) fn position(&self, id: StepId) -> (usize, usize) {
        let phase = self.steps[id.0].phase;
        (phase, id.0 - self.phases[phase].first)
    }

    fn connect(name: &str, plan: &Plan) -> Self {
        let mut graph = Self {
            name: name.to_owned(),
            phases: Vec::with_capacity(plan.phases.len()),
            steps: Vec::new(),
            dag: DiGraph::new(),
        };
        let mut last_exit = None;
        for (index, phase) in plan.phases.iter().enumerate() {
            let entry = graph.dag.add_node(Node::Entry(index));
            if let (Some(exit), Some(Strategy::Serial)) = (last_exit, plan.strategy) {
                graph.dag.add_edge(exit, entry, ());
            }
            last_exit = Some(graph.connect_phase(index, entry, phase));
        }
        graph
    }

    fn connect_phase(
        &mut self,
        index: usize,
        entry: NodeIndex,
        phase: &kudo_package::Phase,
    ) -> NodeIndex {
        let first = self.steps.len();
        let exit = self.dag.add_node(Node::Exit(index));
        let mut before = entry;
        for step in &phase.steps {
            let node = self.dag.add_node(Node::Step(StepId(self.steps.len())));
            self.dag.add_edge(before, node, ());
            match phase.strategy {
                Some(Strategy::Serial) => before = node,
                Some(Strategy::Parallel) | None => {
                    self.dag.add_edge(node, exit, ());
                }
            }
            self.steps.push(GraphStep {
                phase: index,
                name: step.name.clone(),
                tasks: each_once(&step.tasks),
                node,
            });
        }
        if before != entry || phase.steps.is_empty() {
            self.dag.add_edge(before, exit, ());
        }
        self.phases.push(GraphPhase {
            name: phase.name.clone(),
            first,
            end: self.steps.len(),
        });
        exit
    }

    fn nodes_by_name(&self) -> HashMap<(&str, &str), NodeIndex> {
        self.nodes()
            .map(|id| {
                let step = self.step(id);
                ((step.phase, step.step), self.node(id))
            })
            .collect()
    }

    fn unknown_step(&self, (phase, step): (&str, &str)) -> GraphProblem {
        let wanted = format!("{phase}.{step}");
        let known: Vec<String> = self.nodes().map(|id| self.label(Node::Step(id))).collect();
        GraphProblem::UnknownStep {
            phase: phase.to_owned(),
            step: step.to_owned(),
            nearest: suggest::nearest(&wanted, known.iter().map(String::as_str)).map(str::to_owned),
        }
    }

    /// The cycle that the edge closes, if it closes one.
    fn cycle_through(&self, (needs, step): (NodeIndex, NodeIndex)) -> Option<GraphProblem> {
        let (_, nodes) = astar(&self.dag, step, |node| node == needs, |_| 1_u32, |_| 0)?;
        let path = nodes
            .into_iter()
            .chain([step])
            .map(|node| self.label(self.dag[node]))
            .collect();
        Some(GraphProblem::Cycle { path })
    }

    fn label(&self, node: Node) -> String {
        match node {
            Node::Entry(phase) => format!("start of phase {}", self.phases[phase].name),
            Node::Step(id) => {
                let step = self.step(id);
                format!("{}.{}", step.phase, step.step)
            }
            Node::Exit(phase) => format!("end of phase {}", self.phases[phase].name),
        }
    }
}

/// The names without their repetitions.
fn each_once(tasks: &[String]) -> Vec<String> {
    let mut seen = HashSet::new();
    tasks
        .iter()
        .filter(|task| seen.insert(task.as_str()))
        .cloned()
        .collect()
}
