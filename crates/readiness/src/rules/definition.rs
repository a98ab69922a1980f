//! CustomResourceDefinitions. Whether their kinds are served is known from a watch on them.

use crate::finding::Finding;
use crate::view::View;

pub(super) fn judge(view: &View) -> Finding {
    let names = view.condition("NamesAccepted");
    if let Some(names) = names.filter(|names| names.is_false()) {
        return Finding::failed(
            view,
            "NamesNotAccepted",
            format!("its names are taken: {}", names.why()),
            "another definition has the same plural, kind or short name: rename one of them",
        );
    }
    match (view.condition("Established"), names) {
        (Some(established), Some(_)) if established.is_true() => Finding::Ready,
        (Some(established), _) => {
            Finding::waiting("NotEstablished", format!("not established yet: {}", established.why()))
        }
        (None, _) => Finding::waiting("NotEstablished", "not established yet"),
    }
}
