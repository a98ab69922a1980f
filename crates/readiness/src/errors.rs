//! Formats errors and their sources.

/// Returns `error` and its sources, separated by colons. If the API server has refused something for want of rights, the
/// access rules follow that would allow it.
#[must_use]
pub fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        text.push_str(&format!(": {error}"));
        source = error.source();
    }
    let rules = access_rules(&text);
    if !rules.is_empty() {
        text.push_str(&format!("; the account lacks {}", rules.join(", and ")));
    }
    text
}

/// Returns only the last source of `error`: `connection refused` rather than `client error`.
#[must_use]
pub fn innermost(error: &dyn std::error::Error) -> String {
    error.source().map_or_else(|| error.to_string(), innermost)
}

/// Returns the access rules, each once and with the kind of role that can have it, which the API server's messages in
/// `text` miss: `… cannot get resource "nodes" in API group "" at the cluster scope`.
fn access_rules(text: &str) -> Vec<String> {
    let mut rules = Vec::new();
    for (before, after) in text.match_indices(" resource \"").map(|(at, _)| text.split_at(at)) {
        let Some((_, verb)) = before.rsplit_once(" cannot ") else { continue };
        let mut quoted = after.split('"').skip(1).step_by(2);
        let (Some(resource), Some(group)) = (quoted.next(), quoted.next()) else { continue };
        let Some((_, scope)) = after.split_once("\" in API group \"") else { continue };
        let scope = scope.split_once('"').map_or("", |(_, scope)| scope);
        let role = match scope.strip_prefix(" in the namespace \"").and_then(|rest| rest.split_once('"')) {
            Some((namespace, _)) => format!("a Role in namespace {namespace}"),
            None if scope.starts_with(" at the cluster scope") => "a ClusterRole, bound by a ClusterRoleBinding".into(),
            None => continue,
        };
        let rule = format!("{{apiGroups: [\"{group}\"], resources: [\"{resource}\"], verbs: [\"{verb}\"]}} of {role}");
        if !verb.contains(char::is_whitespace) && !rules.contains(&rule) {
            rules.push(rule);
        }
    }
    rules
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_forbidden_is_named_by_its_rule_once() {
        let account = r#"User "system:serviceaccount:ci:ci""#;
        let nodes = format!(
            r#"nodes is forbidden: {account} cannot list resource "nodes" in API group "" at the cluster scope"#
        );
        let roles = format!(
            r#"roles.rbac.authorization.k8s.io "a" is forbidden: {account} cannot patch resource "roles" in API group "rbac.authorization.k8s.io" in the namespace "shop""#
        );
        let text = format!("2 of 3 failed\n  a: {nodes}\n  b: {roles}: {nodes}");
        let expected = [
            r#"{apiGroups: [""], resources: ["nodes"], verbs: ["list"]} of a ClusterRole, bound by a ClusterRoleBinding"#,
            r#"{apiGroups: ["rbac.authorization.k8s.io"], resources: ["roles"], verbs: ["patch"]} of a Role in namespace shop"#,
        ];
        assert_eq!(access_rules(&text), expected);
        assert!(chain(&std::io::Error::other(text)).ends_with(&format!("lacks {}, and {}", expected[0], expected[1])));
    }

    #[test]
    fn other_refusals_have_no_rule() {
        for text in
            [r#"pods "a" is forbidden: exceeded quota"#, "cannot get resource \"", "cannot get resource \"nodes\""]
        {
            assert_eq!(access_rules(text), Vec::<String>::new());
            assert_eq!(chain(&std::io::Error::other(text)), text);
        }
    }
}
