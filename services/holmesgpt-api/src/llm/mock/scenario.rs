//! The mock's scenarios: what it answers to which signal.

/// An incident that the mock knows.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Scenario {
    /// Type of signal; compared without regard to case.
    pub signal: &'static str,
    /// Ends the workflow's id: `mock-<slug>-v1`.
    pub slug: &'static str,
    /// 0 to 1.
    pub confidence: f64,
    /// What caused it.
    pub cause: &'static str,
    /// What added to it.
    pub factors: &'static [&'static str],
    /// The remedy's title.
    pub remedy: &'static str,
}

const fn scenario(
    signal: &'static str,
    slug: &'static str,
    confidence: f64,
    cause: &'static str,
    factors: &'static [&'static str],
    remedy: &'static str,
) -> Scenario {
    Scenario { signal, slug, confidence, cause, factors, remedy }
}

/// The scenarios, best known first.
pub const SCENARIOS: &[Scenario] = &[
    scenario(
        "OOMKilled",
        "oomkilled",
        0.92,
        "the container needs more memory than its limit allows",
        &["memory limit below the working set", "no headroom for load peaks"],
        "Raise the memory limit",
    ),
    scenario(
        "CrashLoopBackOff",
        "crashloopbackoff",
        0.88,
        "the container exits soon after each start",
        &["configuration changed with the last rollout"],
        "Roll back to the last revision that ran",
    ),
    scenario(
        "NodeNotReady",
        "nodenotready",
        0.90,
        "the node's kubelet has stopped reporting",
        &["disk or memory pressure on the node"],
        "Cordon and drain the node",
    ),
    scenario(
        "ImagePullBackOff",
        "imagepullbackoff",
        0.85,
        "the image cannot be pulled",
        &["the tag does not exist, or the credentials are wrong"],
        "Set the image back to a tag that exists",
    ),
    scenario(
        "Evicted",
        "evicted",
        0.87,
        "the node ran short of a resource and evicted the pod",
        &["resource requests below real use"],
        "Raise the resource requests",
    ),
    scenario(
        "FailedScheduling",
        "failedscheduling",
        0.82,
        "no node has room for the pod",
        &["requests larger than what any node has left"],
        "Add a node, or lower the requests",
    ),
];

/// What is answered to any other signal.
pub const OTHER: Scenario =
    scenario("", "generic", 0.75, "the signal has no known cause", &["no scenario matches"], "Restart the workload");

/// The scenario for a type of signal.
pub fn find(signal_type: &str) -> Scenario {
    let known = SCENARIOS.iter().find(|scenario| scenario.signal.eq_ignore_ascii_case(signal_type));
    known.copied().unwrap_or(OTHER)
}
