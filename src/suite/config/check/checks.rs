//! Checks the components' `checks`.

use super::Checker;
use crate::suite::config::{Check, Component};
use crate::suite::yaml::{Node, did_you_mean};

impl Checker<'_> {
    pub(super) fn checks(&mut self) {
        for (component, place) in self.components() {
            for (index, check) in component.checks.iter().enumerate() {
                let place = place.at("checks").item(index);
                self.whom(component, check, place);
                self.what(check, place);
            }
        }
    }

    /// Checks the target.
    fn whom(&mut self, component: &Component, check: &Check, place: &Node) {
        let asked = [check.port.is_some(), check.service.is_some(), check.exec.is_some()];
        if asked.into_iter().filter(|asked| *asked).count() != 1 {
            let help = "write `port` with a `path`, `service` such as `redis:6379`, or `exec` with a command";
            self.refuse(place.span, "a check asks one thing: a `port`, a `service` or by `exec`", help);
        }
        let ports = || component.ports.iter().map(|port| port.name.as_str());
        if let Some(port) = &check.port
            && !ports().any(|known| known == port)
        {
            let add = || format!("checks go through a port of `{}`: add it under `ports`", component.name);
            let help = did_you_mean(port, ports()).unwrap_or_else(add);
            self.refuse(place.at("port").span, format!("there is no port `{port}` here"), help);
        }
        if check.exec.as_ref().is_some_and(Vec::is_empty) {
            self.refuse(place.at("exec").span, "there is nothing to run", "such as `exec: [redis-cli, ping]`");
        }
    }

    /// Checks the request and the expected response.
    fn what(&mut self, check: &Check, place: &Node) {
        let is_command = check.exec.is_some();
        let key = |key: &str| place.entry(key).map_or(place.span, |(key, _)| key.span);
        match &check.path {
            Some(_) if is_command => self.refuse(key("path"), "a command has no `path`", "remove it"),
            Some(path) if !path.starts_with('/') => {
                let message = format!("the path `{path}` must begin with `/`");
                self.refuse(place.at("path").span, message, format!("write `/{path}`"));
            }
            None if check.port.is_some() => {
                let help = "add a `path`; that a port takes connections is asked without a check";
                self.refuse(place.span, "this check does not say what to ask", help);
            }
            _ => {}
        }
        let is_http = check.path.is_some() && !is_command;
        if let Some(status) = check.status {
            if !(100..=599).contains(&status) {
                let message = format!("`{status}` is not an HTTP status");
                self.refuse(place.at("status").span, message, "they are 100 to 599; 200 when left out");
            } else if !is_http {
                self.refuse(key("status"), "only HTTP has a `status`", "add a `path`, or remove it");
            }
        }
        if check.contains.is_some() && !is_http && !is_command {
            self.refuse(key("contains"), "a connection has no content", "add a `path`, or remove `contains`");
        }
    }
}
