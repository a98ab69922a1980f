//! The `needs` of components as a graph of indices.

use std::collections::VecDeque;

/// For each component, by its index in the file, the components that it needs.
#[derive(Debug, Clone)]
pub(crate) struct Graph {
    needs: Vec<Vec<usize>>,
}

impl Graph {
    /// Returns the graph of components, each with its name and the names that it needs. Unknown needs are left out; of
    /// equal names the first counts.
    pub(crate) fn new(components: &[(&str, Vec<&str>)]) -> Graph {
        let place = |need: &&str| components.iter().position(|(name, _)| name == need);
        let needs = components.iter().map(|(_, needs)| needs.iter().filter_map(place).collect());
        Graph { needs: needs.collect() }
    }

    /// Returns one shortest cycle for every strongly connected set of components, from its first component: `[a, b]` is
    /// a → b → a.
    pub(crate) fn cycles(&self) -> Vec<Vec<usize>> {
        let reached: Vec<Vec<bool>> = (0..self.needs.len()).map(|start| self.reached_from(start)).collect();
        let is_first =
            |start: &usize| (0..*start).all(|earlier| !(reached[*start][earlier] && reached[earlier][*start]));
        (0..self.needs.len()).filter(is_first).filter_map(|start| self.shortest_cycle(start)).collect()
    }

    /// Returns the wave of each component: 0 without needs, else one more than the highest of its needs.
    ///
    /// Meant for graphs without cycles; in others, the waves of components on a cycle are meaningless.
    pub(crate) fn waves(&self) -> Vec<usize> {
        let mut waves = vec![0; self.needs.len()];
        // A path has at most as many edges as there are components; every round settles at least one.
        for _ in 0..waves.len() {
            let before = waves.clone();
            for (component, needs) in self.needs.iter().enumerate() {
                let needed = needs.iter().map(|&need| waves[need] + 1).max();
                waves[component] = needed.unwrap_or(0).min(before.len());
            }
            if waves == before {
                break;
            }
        }
        waves
    }

    /// Returns an order in which every component comes after its needs, and otherwise as in the file.
    ///
    /// Components on a cycle, and those that need them, are left out.
    pub(crate) fn order(&self) -> Vec<usize> {
        let mut placed = vec![false; self.needs.len()];
        let mut order = Vec::with_capacity(placed.len());
        let is_next = |at: &usize, placed: &[bool]| !placed[*at] && self.needs[*at].iter().all(|&need| placed[need]);
        while let Some(next) = (0..placed.len()).find(|at| is_next(at, &placed)) {
            placed[next] = true;
            order.push(next);
        }
        order
    }

    fn reached_from(&self, start: usize) -> Vec<bool> {
        let mut reached = vec![false; self.needs.len()];
        let mut open = vec![start];
        while let Some(at) = open.pop() {
            for &need in &self.needs[at] {
                if !std::mem::replace(&mut reached[need], true) {
                    open.push(need);
                }
            }
        }
        reached
    }

    fn shortest_cycle(&self, start: usize) -> Option<Vec<usize>> {
        let mut came_from = vec![None; self.needs.len()];
        let mut queue = VecDeque::from([start]);
        while let Some(at) = queue.pop_front() {
            let mut needs = self.needs[at].clone();
            needs.sort_unstable();
            for need in needs {
                if need == start {
                    let mut cycle = vec![at];
                    while let Some(earlier) = cycle.last().and_then(|&last: &usize| came_from[last]) {
                        cycle.push(earlier);
                    }
                    cycle.reverse();
                    return Some(cycle);
                }
                if came_from[need].is_none() {
                    came_from[need] = Some(at);
                    queue.push_back(need);
                }
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::none(vec![vec![], vec![0]], vec![])]
    #[case::by_itself(vec![vec![0]], vec![vec![0]])]
    #[case::two(vec![vec![1], vec![0], vec![3], vec![2]], vec![vec![0, 1], vec![2, 3]])]
    #[case::the_shortest(vec![vec![1, 2], vec![2], vec![0]], vec![vec![0, 2]])]
    #[case::needed_by_an_earlier_one(vec![vec![1], vec![2], vec![1]], vec![vec![1, 2]])]
    #[case::needed_by_a_later_one(vec![vec![1], vec![0], vec![1]], vec![vec![0, 1]])]
    fn each_cycle_is_found_once(#[case] needs: Vec<Vec<usize>>, #[case] cycles: Vec<Vec<usize>>) {
        assert_eq!(Graph { needs }.cycles(), cycles);
    }
}
