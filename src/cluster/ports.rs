//! Host ports: checked before they are used, or chosen among the free ones.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};

use serde::{Deserialize, Serialize};

use super::ClusterError;
use crate::host::system;
use crate::suite::config::{Component, HostPort};

/// Addresses of the components' ports: component → port name → address.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(transparent)]
pub struct PortMap(
    #[cfg_attr(feature = "schema", schemars(with = "BTreeMap<String, BTreeMap<String, String>>"))]
    pub  BTreeMap<String, BTreeMap<String, SocketAddr>>,
);

impl PortMap {
    /// Returns the address of `port` of `component`.
    #[must_use]
    pub fn get(&self, component: &str, port: &str) -> Option<SocketAddr> {
        self.0.get(component)?.get(port).copied()
    }

    pub(crate) fn insert(&mut self, component: &Component, port: &str, address: SocketAddr) {
        self.0.entry(component.name.clone()).or_default().insert(port.into(), address);
    }
}

/// Host ports, held by listeners so that no other process can take them.
pub(super) struct Reserved {
    pub(super) ports: PortMap,
    _listeners: Vec<TcpListener>,
}

/// Reserves every port that `components` request on 127.0.0.1.
pub(super) fn reserve<'a>(components: impl IntoIterator<Item = &'a Component>) -> Result<Reserved, ClusterError> {
    let (mut ports, mut listeners) = (PortMap::default(), Vec::new());
    for component in components {
        for port in &component.ports {
            let wanted = match port.host {
                HostPort::Auto => 0,
                HostPort::Fixed(number) => number,
            };
            let named = || (component.name.clone(), port.name.clone());
            let taken = |source: std::io::Error| {
                let (component, name) = named();
                match wanted {
                    0 => ClusterError::NoPort { component, name, source },
                    port => ClusterError::PortTaken { port, component, name, holder: holder(port) },
                }
            };
            let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, wanted)).map_err(taken)?;
            let address = listener.local_addr().map_err(taken)?;
            ports.insert(component, &port.name, address);
            listeners.push(listener);
        }
    }
    Ok(Reserved { ports, _listeners: listeners })
}

/// Returns the process that listens on `port`, as far as this user may see it.
fn holder(port: u16) -> String {
    let holder = system::listener_on(port).map(|(name, pid)| format!("{name} (pid {pid})"));
    holder.unwrap_or_else(|| "a process that this user may not see".into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::suite::config::Port;

    fn component(host: HostPort) -> Component {
        let port = Port { name: "http".into(), node: 30080, host };
        Component { name: "api".into(), ports: vec![port], ..Component::default() }
    }

    #[test]
    fn a_taken_port_is_named_with_its_holder() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let taken = listener.local_addr().unwrap().port();
        let Err(error) = reserve(&[component(HostPort::Fixed(taken))]) else { panic!("it is taken") };
        let text = error.to_string();
        assert!(text.contains(&format!("host port {taken} (component api, port http) is taken by ")), "{text}");
        assert!(text.contains(&format!("(pid {})", std::process::id())), "{text}");
    }

    #[test]
    fn free_ports_differ_and_stay_reserved() {
        let (first, second) = (component(HostPort::Auto), component(HostPort::Auto));
        let a = reserve(&[first]).unwrap();
        let b = reserve(&[second]).unwrap();
        let (a_port, b_port) = (a.ports.get("api", "http").unwrap(), b.ports.get("api", "http").unwrap());
        assert_ne!(a_port, b_port);
        assert!(reserve(&[component(HostPort::Fixed(a_port.port()))]).is_err());
    }
}
