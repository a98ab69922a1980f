//! The kubeconfig of one context.

use std::path::Path;

use kube::config::Kubeconfig;

/// Returns a kubeconfig with only `context`, its cluster and its user; `context` becomes the current one. Relative
/// paths in it are resolved against `folder`.
pub(super) fn minified(mut all: Kubeconfig, context: &str, folder: &Path) -> Kubeconfig {
    all.contexts.retain(|named| named.name == context);
    let named = all.contexts.first().and_then(|named| named.context.as_ref());
    let (cluster, user) = named.map_or((None, None), |it| (Some(it.cluster.clone()), it.user.clone()));
    all.clusters.retain(|named| Some(&named.name) == cluster.as_ref());
    all.auth_infos.retain(|named| Some(&named.name) == user.as_ref());
    all.current_context = Some(context.to_owned());
    let absolute = |path: &mut Option<String>| {
        if let Some(path) = path {
            *path = folder.join(&*path).display().to_string();
        }
    };
    for cluster in all.clusters.iter_mut().filter_map(|named| named.cluster.as_mut()) {
        absolute(&mut cluster.certificate_authority);
    }
    for user in all.auth_infos.iter_mut().filter_map(|named| named.auth_info.as_mut()) {
        absolute(&mut user.client_certificate);
        absolute(&mut user.client_key);
        absolute(&mut user.token_file);
        if let Some(exec) = user.exec.as_mut().filter(|exec| exec.command.as_ref().is_some_and(|it| it.contains('/'))) {
            absolute(&mut exec.command);
        }
    }
    // These apply to all contexts together.
    (all.preferences, all.extensions) = (None, None);
    all.other.clear();
    all.kind = Some("Config".into());
    all.api_version = Some("v1".into());
    all
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    const ALL: &str = "
apiVersion: v1
kind: Config
current-context: theirs
preferences: {colors: true}
contexts:
- {name: theirs, context: {cluster: theirs, user: theirs}}
- {name: mine, context: {cluster: c, user: u, namespace: shop}}
clusters:
- {name: theirs, cluster: {server: 'https://1.1.1.1'}}
- {name: c, cluster: {server: 'https://2.2.2.2', certificate-authority: pki/ca.crt}}
users:
- {name: theirs, user: {token: their-secret}}
- {name: u, user: {client-certificate: pki/me.crt, client-key: /abs/me.key, exec: {command: ./bin/login, apiVersion: v1}}}
";

    #[test]
    fn nothing_of_other_contexts_is_in_it_and_its_paths_lead_there_from_everywhere() {
        let all = Kubeconfig::from_yaml(ALL).unwrap();
        let text = serde_json::to_string(&minified(all, "mine", Path::new("/home/u"))).unwrap();
        assert!(!text.contains("their"), "{text}");
        let told: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(told["current-context"], "mine");
        assert_eq!(
            told["contexts"],
            json!([{"name": "mine", "context": {"cluster": "c", "user": "u", "namespace": "shop"}}])
        );
        assert_eq!(told["clusters"][0]["cluster"]["certificate-authority"], "/home/u/pki/ca.crt");
        let user = &told["users"][0]["user"];
        assert_eq!(user["client-certificate"], "/home/u/pki/me.crt");
        assert_eq!(user["client-key"], "/abs/me.key");
        assert_eq!(user["exec"]["command"], "/home/u/./bin/login");
    }
}
