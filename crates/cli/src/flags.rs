//! The flags that take the place of values of `e2e.yaml`.

use std::time::Duration;

use clap::{Args, ValueEnum};
use kind_harness::suite::config::{ImageSource, Overrides, Strategy, duration};

/// Flags that every command has.
#[derive(Debug, Clone, Default, Args)]
pub(super) struct Flags {
    /// Name of the cluster, instead of one derived from the suite and its folder
    #[arg(long, env = "KIND_HARNESS_NAME", value_name = "NAME", global = true)]
    pub(super) name: Option<String>,
    /// Which version of Kubernetes the cluster has, such as 1.33
    #[arg(long, env = "KIND_HARNESS_KUBERNETES", value_name = "VERSION", global = true)]
    kubernetes: Option<String>,
    /// Where images come from
    #[arg(long, env = "KIND_HARNESS_IMAGES", value_name = "SOURCE", global = true)]
    images: Option<Images>,
    /// Ask again for what has no exact version: images named by a tag, charts, addresses; deploy again what has changed
    #[arg(long, env = "KIND_HARNESS_PULL", global = true)]
    pub(super) pull: bool,
    /// In which order components are deployed and awaited
    #[arg(long, env = "KIND_HARNESS_STRATEGY", global = true)]
    strategy: Option<Order>,
    /// Which overlay of their manifests the components are deployed with
    #[arg(long, env = "KIND_HARNESS_OVERLAY", value_name = "NAME", global = true)]
    overlay: Option<String>,
    /// How long all components together may take from applied to ready, such as 90s or 2m
    #[arg(long, env = "KIND_HARNESS_DEADLINE", value_name = "TIME", value_parser = duration::parse, global = true)]
    deadline: Option<Duration>,
    /// Choose free host ports, whatever e2e.yaml says: lets two environments run side by side
    #[arg(long, env = "KIND_HARNESS_AUTO_PORTS", global = true)]
    auto_ports: bool,
    /// How long a cluster lives that nobody owns any more, such as 8h; then its reaper, or the next `gc`, removes it
    #[arg(long, env = "KIND_HARNESS_TTL", value_name = "TIME", value_parser = duration::parse, global = true)]
    pub(super) ttl: Option<Duration>,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Images {
    /// Probe once whether a container registry answers, and choose
    Auto,
    /// Pull from container registries
    Registry,
    /// Build everything from package registries, by the recipes under `images/`
    Packages,
}

/// The order in which components are deployed and awaited.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(super) enum Order {
    /// All at once, then one wait for all
    Parallel,
    /// Level by level of the `needs` graph; each level is awaited before the next
    Waves,
    /// One by one, each awaited: the baseline that `parallel` is compared with
    Sequential,
}

impl From<Order> for Strategy {
    fn from(order: Order) -> Strategy {
        match order {
            Order::Parallel => Strategy::Parallel,
            Order::Waves => Strategy::Waves,
            Order::Sequential => Strategy::Sequential,
        }
    }
}

impl Flags {
    /// Where images come from.
    pub(super) fn images(&self) -> Option<ImageSource> {
        self.images.map(|images| match images {
            Images::Auto => ImageSource::Auto,
            Images::Registry => ImageSource::Registry,
            Images::Packages => ImageSource::Packages,
        })
    }

    /// What they override of a suite.
    pub(super) fn overrides(&self) -> Overrides {
        let strategy = self.strategy.map(Strategy::from);
        Overrides {
            name: self.name.clone(),
            kubernetes: self.kubernetes.clone(),
            images: self.images(),
            pull: self.pull,
            strategy,
            overlay: self.overlay.clone(),
            deadline: self.deadline,
            auto_ports: self.auto_ports,
            ttl: self.ttl,
            attempts: None,
        }
    }
}
