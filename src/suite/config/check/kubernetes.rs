//! Checks the version of Kubernetes, wherever it is from: whether it is known depends on the source of images, too.

use crate::suite::config::kubernetes;
use crate::suite::config::{Overrides, ProviderKind, Suite};
use crate::suite::yaml::{Diagnostic, Node, Source};

/// Returns the problem of the version that `suite` has with `overrides`.
pub(in crate::suite::config) fn version(
    suite: &Suite,
    overrides: &Overrides,
    tree: &Node,
    source: &Source,
) -> Option<Diagnostic> {
    const FLAG: &str = "--kubernetes or KIND_HARNESS_KUBERNETES:";
    let of_file = suite.cluster.kubernetes.as_deref();
    let wanted = overrides.kubernetes.as_deref().or(of_file)?;
    if suite.cluster.provider == ProviderKind::Existing {
        // That of the file is refused with its place already.
        let message = format!("{FLAG} the cluster exists already, and has its version");
        return overrides.kubernetes.is_some().then(|| Diagnostic::of_file(source.path(), message));
    }
    if kubernetes::is_known(wanted, overrides.images.unwrap_or(suite.images)) {
        return None;
    }
    let message = format!("no node image of Kubernetes `{wanted}` is known");
    let problem = match overrides.kubernetes {
        Some(_) => Diagnostic::of_file(source.path(), format!("{FLAG} {message}")),
        None => Diagnostic::at(source, tree.at("cluster").at("kubernetes").span, message),
    };
    Some(problem.help(kubernetes::known()))
}
