//! Values that replace those of the suite file.

use std::time::Duration;

use super::switches::{Variable, WrongVariable};
use super::{HostPort, ImageSource, Strategy, Suite};

/// Values from the environment and the command line that replace those of the suite file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Overrides {
    /// Name of the cluster, instead of one derived from the suite and its folder.
    pub name: Option<String>,
    /// Version of Kubernetes, such as `1.33`.
    pub kubernetes: Option<String>,
    /// The source of images.
    pub images: Option<ImageSource>,
    /// Whether images named by a tag, charts without `version` and addresses without `sha256` are asked for again.
    pub pull: bool,
    /// The order in which components are deployed and awaited.
    pub strategy: Option<Strategy>,
    /// The overlay of the components' manifests.
    pub overlay: Option<String>,
    /// Time limit for all components together to become ready, once applied.
    pub deadline: Option<Duration>,
    /// Whether free host ports are chosen, regardless of the suite.
    pub auto_ports: bool,
    /// Time to live of a kept cluster; then its reaper, or the next `gc`, removes it.
    pub ttl: Option<Duration>,
    /// Maximum number of attempts of a call with transient failures; set by [`Switches`](super::Switches).
    pub attempts: Option<u32>,
}

impl Overrides {
    /// Reads the `KIND_HARNESS_*` variables, for programs without a command line.
    ///
    /// # Errors
    /// The first variable with an invalid value, and the permitted values.
    pub fn from_env() -> Result<Overrides, WrongVariable> {
        Ok(Overrides {
            name: Variable::of_process("KIND_HARNESS_NAME").text(),
            kubernetes: Variable::of_process("KIND_HARNESS_KUBERNETES").text(),
            images: Variable::of_process("KIND_HARNESS_IMAGES").one_of("auto, registry or packages")?,
            pull: Variable::of_process("KIND_HARNESS_PULL").flag()?.unwrap_or(false),
            strategy: Variable::of_process("KIND_HARNESS_STRATEGY").one_of("parallel, waves or sequential")?,
            overlay: Variable::of_process("KIND_HARNESS_OVERLAY").text(),
            deadline: Variable::of_process("KIND_HARNESS_DEADLINE").duration()?,
            auto_ports: Variable::of_process("KIND_HARNESS_AUTO_PORTS").flag()?.unwrap_or(false),
            ttl: Variable::of_process("KIND_HARNESS_TTL").duration()?,
            attempts: None,
        })
    }

    /// Returns `suite` with the values that are set here.
    pub(super) fn over(&self, mut suite: Suite) -> Suite {
        if let Some(name) = &self.name {
            suite.cluster.name = Some(name.clone());
        }
        suite.cluster.kubernetes = self.kubernetes.clone().or(suite.cluster.kubernetes);
        suite.images = self.images.unwrap_or(suite.images);
        suite.pull |= self.pull;
        suite.strategy = self.strategy.unwrap_or(suite.strategy);
        suite.overlay = self.overlay.clone().unwrap_or(suite.overlay);
        suite.deadline = self.deadline.unwrap_or(suite.deadline);
        suite.retry.attempts = self.attempts.unwrap_or(suite.retry.attempts);
        if self.auto_ports {
            let ports = suite.components.iter_mut().flat_map(|component| &mut component.ports);
            ports.for_each(|port| port.host = HostPort::Auto);
        }
        suite
    }
}
