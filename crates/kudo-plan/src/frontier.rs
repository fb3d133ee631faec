//! How far an execution has come in its graph: which steps have had their turn.

use petgraph::{Direction, graph::NodeIndex};

use crate::graph::{Node, PlanGraph, StepId};

/// What is reached by one advance, in no particular order.
#[derive(Debug, Default)]
pub(crate) struct Reached {
    /// Steps whose turn has come and that are not complete.
    pub(crate) steps: Vec<StepId>,
    /// Indices of phases whose end is reached.
    pub(crate) exits: Vec<usize>,
}

/// Counts for each node how many of the nodes before it are not complete, so that all advances of an
/// execution together cost one walk of the graph.
#[derive(Debug, Default)]
pub(crate) struct Frontier {
    open: Vec<usize>,
}

impl Frontier {
    /// Starts before the first node and advances as far as complete steps allow.
    pub(crate) fn new(graph: &PlanGraph, complete: impl Fn(StepId) -> bool) -> (Self, Reached) {
        let dag = graph.dag();
        let open: Vec<usize> = dag
            .node_indices()
            .map(|node| dag.edges_directed(node, Direction::Incoming).count())
            .collect();
        let roots = dag.externals(Direction::Incoming).collect();
        let mut frontier = Self { open };
        let reached = frontier.walk(graph, roots, complete);
        (frontier, reached)
    }

    /// Advances over a step that has become complete.
    pub(crate) fn advance(
        &mut self,
        graph: &PlanGraph,
        step: StepId,
        complete: impl Fn(StepId) -> bool,
    ) -> Reached {
        let next = self.pass(graph, graph.node(step));
        self.walk(graph, next, complete)
    }

    fn walk(
        &mut self,
        graph: &PlanGraph,
        mut turn: Vec<NodeIndex>,
        complete: impl Fn(StepId) -> bool,
    ) -> Reached {
        let mut reached = Reached::default();
        while let Some(node) = turn.pop() {
            match graph.dag()[node] {
                Node::Step(step) if !complete(step) => {
                    reached.steps.push(step);
                    continue;
                }
                Node::Exit(phase) => reached.exits.push(phase),
                Node::Step(_) | Node::Entry(_) => {}
            }
            turn.append(&mut self.pass(graph, node));
        }
        reached
    }

    /// Counts a node as complete; gives the nodes whose turn this makes.
    fn pass(&mut self, graph: &PlanGraph, node: NodeIndex) -> Vec<NodeIndex> {
        let mut turn = Vec::new();
        for next in graph.dag().neighbors(node) {
            let open = &mut self.open[next.index()];
            *open -= 1;
            if *open == 0 {
                turn.push(next);
            }
        }
        turn
    }
}
