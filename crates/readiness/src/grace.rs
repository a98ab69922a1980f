//! Graces: how long a cause may last before it counts as a failure.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// The cause of a problem, which determines its grace.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Cause {
    /// The object reports a failure, or a retry cannot help.
    Final,
    /// A container crashes, or its command cannot be started. Its grace is a number of attempts, not a time.
    Crash,
    /// An image cannot be pulled, because of the network or the registry, possibly temporarily.
    ImageNetwork,
    /// A container's Secret, ConfigMap or key is missing; the kubelet's cache may be outdated.
    Config,
    /// The container cannot be created.
    Create,
    /// The pod is unschedulable.
    Unschedulable,
    /// A volume cannot be mounted.
    Volume,
    /// A claim's volume cannot be provisioned.
    Claim,
    /// The workload's controller may not create pods: quota, admission, service account.
    PodCreation,
    /// A Service's endpoints lack a port that its pods should serve.
    Endpoints,
    /// The applied object was deleted or replaced.
    Deleted,
}

/// How long each cause of failure may last, and how often a container may fail, before that counts as final.
///
/// Time runs from the first observation of the cause, or from when the component and all its direct and indirect needs
/// have been applied, if that is later: what is missing may be created by a needed component, and by no other. A
/// container that crashed before that gets one more attempt. Without declared needs, the last component applied counts.
///
/// For a missing object, and for a Service without endpoints, time runs only while nothing that may create what is
/// missing is still starting: a needed component, or another workload or custom resource of the component itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Grace {
    /// An image pull that fails because of the network or the registry (default 60 s).
    pub image_network: Duration,
    /// A Secret, ConfigMap or key that a container needs is missing (3 s).
    pub config: Duration,
    /// A container that cannot be created (10 s).
    pub create: Duration,
    /// No node fits the pod (10 s).
    pub unschedulable: Duration,
    /// A volume that cannot be mounted (5 s).
    pub volume: Duration,
    /// A claim for which no volume can be provisioned (5 s).
    pub claim: Duration,
    /// Pods that may not be created: quota, admission, service account (3 s).
    pub pod_creation: Duration,
    /// A Service whose pods are ready but do not serve its port (5 s).
    pub endpoints: Duration,
    /// An object that was deleted while a run waits for it (2 s; it may be recreated).
    pub deleted: Duration,
    /// Number of restarts at which a crashing container has failed (3).
    pub restarts: i64,
    /// Number of out-of-memory kills at which a container has failed (2).
    pub oom_kills: i64,
    /// Number of attempts to start a container's command after which it has failed (2).
    pub start_tries: i64,
}

impl Cause {
    /// Returns its name, under which `e2e.yaml` sets its grace.
    pub(crate) fn code(self) -> &'static str {
        match self {
            Cause::Final => "Failed",
            Cause::Crash => "CrashLoopBackOff",
            Cause::ImageNetwork => "ImagePullBackOff",
            Cause::Config => "CreateContainerConfigError",
            Cause::Create => "CreateContainerError",
            Cause::Unschedulable => "Unschedulable",
            Cause::Volume => "FailedMount",
            Cause::Claim => "ProvisioningFailed",
            Cause::PodCreation => "FailedCreate",
            Cause::Endpoints => "NoEndpoints",
            Cause::Deleted => "Deleted",
        }
    }
}

impl Default for Grace {
    fn default() -> Self {
        Grace {
            image_network: Duration::from_secs(60),
            config: Duration::from_secs(3),
            create: Duration::from_secs(10),
            unschedulable: Duration::from_secs(10),
            volume: Duration::from_secs(5),
            claim: Duration::from_secs(5),
            pod_creation: Duration::from_secs(3),
            endpoints: Duration::from_secs(5),
            deleted: Duration::from_secs(2),
            restarts: 3,
            oom_kills: 2,
            start_tries: 2,
        }
    }
}

impl Grace {
    /// Returns how long `cause` may last.
    pub(crate) fn of(&self, cause: Cause) -> Duration {
        match cause {
            Cause::Final | Cause::Crash => Duration::ZERO,
            Cause::ImageNetwork => self.image_network,
            Cause::Config => self.config,
            Cause::Create => self.create,
            Cause::Unschedulable => self.unschedulable,
            Cause::Volume => self.volume,
            Cause::Claim => self.claim,
            Cause::PodCreation => self.pod_creation,
            Cause::Endpoints => self.endpoints,
            Cause::Deleted => self.deleted,
        }
    }
}
