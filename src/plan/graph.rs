//! Who needs whom, without names.

use std::collections::VecDeque;

use petgraph::algo::tarjan_scc;
use petgraph::graph::{DiGraph, NodeIndex};

use crate::config::Component;

/// Components as numbers, in the order of the file; an edge leads from a component to one that it needs.
#[derive(Debug, Clone)]
pub(crate) struct Graph(DiGraph<(), ()>);

impl Graph {
    /// The graph of `components`. Needs that are no component are left out; of equal names the first counts.
    pub(crate) fn of(components: &[Component]) -> Graph {
        let mut graph = DiGraph::with_capacity(components.len(), 0);
        let nodes: Vec<NodeIndex> = components.iter().map(|_| graph.add_node(())).collect();
        for (&from, component) in nodes.iter().zip(components) {
            for need in &component.needs {
                if let Some(to) = components.iter().position(|other| other.name == *need) {
                    graph.update_edge(from, nodes[to], ());
                }
            }
        }
        Graph(graph)
    }

    /// One shortest circle for every knot of components, from its first component: `[a, b]` is a → b → a.
    pub(crate) fn cycles(&self) -> Vec<Vec<usize>> {
        let mut cycles: Vec<Vec<usize>> = tarjan_scc(&self.0)
            .iter()
            .filter_map(|knot| knot.iter().min())
            .filter_map(|&start| self.shortest_circle(start))
            .collect();
        cycles.sort();
        cycles
    }

    /// For each component its wave: 0 without needs, else one more than the highest that it needs.
    ///
    /// Meant for graphs without cycles; in others, a component on a circle has a wave that means nothing.
    pub(crate) fn waves(&self) -> Vec<usize> {
        let mut waves = vec![0; self.0.node_count()];
        // A path has at most as many edges as there are components; every round settles one more.
        for _ in 0..waves.len() {
            let before = waves.clone();
            for node in self.0.node_indices() {
                let needed = self.0.neighbors(node).map(|need| waves[need.index()] + 1).max();
                waves[node.index()] = needed.unwrap_or(0).min(before.len());
            }
            if waves == before {
                break;
            }
        }
        waves
    }

    /// An order in which everything comes after what it needs, and otherwise as in the file.
    ///
    /// Components on a circle, and what needs them, are left out.
    pub(crate) fn order(&self) -> Vec<usize> {
        let mut placed = vec![false; self.0.node_count()];
        let mut order = Vec::with_capacity(placed.len());
        let ready = |node: &NodeIndex, placed: &[bool]| {
            !placed[node.index()] && self.0.neighbors(*node).all(|need| placed[need.index()])
        };
        while let Some(next) = self.0.node_indices().find(|node| ready(node, &placed)) {
            placed[next.index()] = true;
            order.push(next.index());
        }
        order
    }

    fn shortest_circle(&self, start: NodeIndex) -> Option<Vec<usize>> {
        let mut came_from = vec![None; self.0.node_count()];
        let mut queue = VecDeque::from([start]);
        while let Some(node) = queue.pop_front() {
            let mut needs: Vec<NodeIndex> = self.0.neighbors(node).collect();
            needs.sort();
            for need in needs {
                if need == start {
                    let mut circle = vec![node.index()];
                    while let Some(earlier) = circle.last().and_then(|&last: &usize| came_from[last]) {
                        circle.push(earlier);
                    }
                    circle.reverse();
                    return Some(circle);
                }
                if came_from[need.index()].is_none() {
                    came_from[need.index()] = Some(node.index());
                    queue.push_back(need);
                }
            }
        }
        None
    }
}
