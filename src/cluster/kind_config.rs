//! Additions to kind's configuration: ports always, and the settings for our own node image.

use serde_json::{Value, json};

use super::PortMap;
use crate::suite::config::Component;

/// The address that the API server of our own node image advertises inside its cluster.
const ADVERTISED: &str = "10.254.254.1";

/// Adds the settings that only the harness knows to `config`, the user's kind configuration.
pub(super) fn complete<'a>(
    mut config: Value,
    components: impl IntoIterator<Item = &'a Component>,
    ports: &PortMap,
    own_image: bool,
) -> Result<Value, String> {
    let cluster = config.as_object_mut().ok_or("it is not a mapping")?;
    cluster.entry("kind").or_insert(json!("Cluster"));
    cluster.entry("apiVersion").or_insert(json!("kind.x-k8s.io/v1alpha4"));
    let several = cluster.get("nodes").and_then(Value::as_array).is_some_and(|nodes| nodes.len() > 1);
    if own_image {
        add_own_image(cluster, several)?;
    }
    let nodes = cluster.entry("nodes").or_insert(json!([{"role": "control-plane"}]));
    let nodes = nodes.as_array_mut().ok_or("`nodes` is not a list")?;
    let is_control_plane = |node: &&Value| node["role"] != "worker";
    if own_image && nodes.iter().filter(is_control_plane).count() > 1 {
        // kind puts a load balancer before them, whose image is in registries only.
        return Err("with the node image built from packages a cluster has one control plane; `--images registry` permits several".into());
    }
    let first = nodes.first_mut().and_then(Value::as_object_mut).ok_or("`nodes` names no node")?;
    let mappings = first.entry("extraPortMappings").or_insert(json!([]));
    let mappings = mappings.as_array_mut().ok_or("`extraPortMappings` is not a list")?;
    for component in components {
        for port in &component.ports {
            let Some(address) = ports.get(&component.name, &port.name) else { continue };
            mappings.push(json!({
                "containerPort": port.node,
                "hostPort": address.port(),
                "listenAddress": address.ip().to_string(),
                "protocol": "TCP",
            }));
        }
    }
    Ok(config)
}

/// Returns what a snapshot depends on of a complete configuration: all but the ports of the host.
pub(super) fn without_ports(config: &Value) -> Value {
    let mut config = config.clone();
    if let Some(node) = config["nodes"][0].as_object_mut() {
        node.remove("extraPortMappings");
    }
    config
}

/// Adds the settings for the node image of `images/node`: it has its own network, and its cluster serves one run, so
/// leader election and syncing to disk only cost time; unless there are `several` nodes, so does preparing for nodes that
/// join.
fn add_own_image(cluster: &mut serde_json::Map<String, Value>, several: bool) -> Result<(), String> {
    let networking = cluster.entry("networking").or_insert(json!({}));
    let networking = networking.as_object_mut().ok_or("`networking` is not a mapping")?;
    networking.insert("disableDefaultCNI".into(), json!(true));
    let patches = cluster.entry("kubeadmConfigPatches").or_insert(json!([]));
    let patches = patches.as_array_mut().ok_or("`kubeadmConfigPatches` is not a list")?;
    let mut control_plane = json!({
        "kind": "ClusterConfiguration",
        // With its default rate the controller manager throttles itself in its first seconds.
        "controllerManager": {
            "extraArgs": {"leader-elect": "false", "kube-api-qps": "500", "kube-api-burst": "1000"},
        },
        "scheduler": {"extraArgs": {"leader-elect": "false"}},
        // The only member waits a random part of the election's time-out before it leads: of 1 s, by default.
        "etcd": {
            "local": {
                "extraArgs": {"unsafe-no-fsync": "true", "heartbeat-interval": "20", "election-timeout": "200"},
            },
        },
    });
    // The image's patches run one CoreDNS replica, with a readiness probe every second.
    let mut init = json!({"kind": "InitConfiguration", "patches": {"directory": "/kind/patches"}});
    if !several {
        // Not the node's name, which kube-proxy's configuration would keep in etcd.
        control_plane["controlPlaneEndpoint"] = json!(format!("{ADVERTISED}:6443"));
        // The image gives its loopback interface this address, so that nothing in etcd depends on the container's.
        init["localAPIEndpoint"] = json!({"advertiseAddress": ADVERTISED, "bindPort": 6443});
        init["skipPhases"] = json!([
            "preflight",
            "bootstrap-token",
            "kubelet-finalize",
            "show-join-command",
            "upload-config/kubeadm",
            "upload-certs",
        ]);
    }
    let ours = [
        control_plane,
        init,
        json!({
            "kind": "KubeletConfiguration",
            "cgroupDriver": "cgroupfs",
            "failCgroupV1": false,
            // The default is a watch for each object. A kubelet that has seen a new pod before the API server's authorizer
            // is refused, tries again after a second, and starts the pod two seconds late.
            "configMapAndSecretChangeDetectionStrategy": "Get",
        }),
        // The default, also for 0, is 1 s between two syncs: a ready pod would wait up to 1 s to be reachable, per level of
        // `needs`.
        json!({"kind": "KubeProxyConfiguration", "iptables": {"minSyncPeriod": "10ms"}}),
    ];
    // Before the user's own patches, which take precedence.
    patches.splice(0..0, ours.iter().map(|patch| json!(patch.to_string())));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::suite::config::{HostPort, Port};

    fn api() -> (Component, PortMap) {
        let port = Port { name: "http".into(), node: 30080, host: HostPort::Auto };
        let component = Component { name: "api".into(), ports: vec![port], ..Component::default() };
        let mut ports = PortMap::default();
        ports.insert(&component, "http", "127.0.0.1:41000".parse().unwrap());
        (component, ports)
    }

    #[test]
    fn ports_are_mapped_and_the_users_settings_stay() {
        let (component, ports) = api();
        let config = json!({"kind": "Cluster", "nodes": [{"role": "control-plane", "labels": {"a": "b"}}]});
        let complete = complete(config, [&component], &ports, false).unwrap();
        assert_eq!(
            complete["nodes"][0],
            json!({
                "role": "control-plane",
                "labels": {"a": "b"},
                "extraPortMappings":
                    [{"containerPort": 30080, "hostPort": 41000, "listenAddress": "127.0.0.1", "protocol": "TCP"}],
            })
        );
        assert!(complete.get("kubeadmConfigPatches").is_none(), "stock images are left as they are");
    }

    #[test]
    fn our_image_gets_its_patches_before_the_users() {
        let config = json!({"kubeadmConfigPatches": ["mine"], "networking": {"podSubnet": "10.0.0.0/16"}});
        let complete = complete(config, [], &PortMap::default(), true).unwrap();
        let patches = complete["kubeadmConfigPatches"].as_array().unwrap();
        assert_eq!(patches.last(), Some(&json!("mine")));
        assert!(patches[0].as_str().unwrap().contains("leader-elect"));
        assert_eq!(complete["networking"], json!({"podSubnet": "10.0.0.0/16", "disableDefaultCNI": true}));
    }

    #[test]
    fn a_cluster_of_several_nodes_has_what_they_need_to_join() {
        let config = json!({"nodes": [{"role": "control-plane"}, {"role": "worker"}]});
        let complete = complete(config, [], &PortMap::default(), true).unwrap();
        let patches = complete["kubeadmConfigPatches"].to_string();
        assert!(!patches.contains(ADVERTISED) && !patches.contains("bootstrap-token"), "{patches}");
    }

    #[test]
    fn what_is_no_kind_configuration_is_refused() {
        for (config, own, why) in [
            (json!([]), false, "not a mapping"),
            (json!({"nodes": 1}), false, "`nodes` is not a list"),
            (json!({"nodes": []}), false, "names no node"),
            (json!({"nodes": [{}, {}]}), true, "has one control plane"),
        ] {
            let error = complete(config, [], &PortMap::default(), own).unwrap_err();
            assert!(error.contains(why), "{error}");
        }
    }
}
