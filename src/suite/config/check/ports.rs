//! Checks ports.

use std::ops::RangeInclusive;

use super::Checker;
use crate::suite::config::HostPort;

/// The default NodePort range of an API server.
const NODE_PORTS: RangeInclusive<u16> = 30_000..=32_767;

impl Checker<'_> {
    pub(super) fn ports(&mut self) {
        let (mut node, mut host) = (Vec::new(), Vec::new());
        for (component, place) in self.components() {
            let mut names = Vec::new();
            for (index, port) in component.ports.iter().enumerate() {
                let place = place.at("ports").item(index);
                names.push((port.name.as_str(), place.at("name").span));
                node.push((port.node, place.at("node").span));
                if let HostPort::Fixed(number) = port.host {
                    host.push((number, place.at("host").span));
                }
                if port.name.is_empty() {
                    self.refuse(place.at("name").span, "a port needs a name", "tests ask for it by this name");
                }
                if !NODE_PORTS.contains(&port.node) {
                    let help = "node ports are 30000 to 32767, as in the Service's `nodePort`";
                    self.refuse(place.at("node").span, format!("`{}` is not a node port", port.node), help);
                }
            }
            self.refuse_twice("the port name", "give one of them another name", names);
        }
        self.refuse_twice("the node port", "a cluster has each node port once", node);
        self.refuse_twice("the host port", "choose another one, or `auto` for any free one", host);
    }
}
