//! The files under `schema/` are what the types say.

use kind_harness::readiness::{Judgement, Replay};
use kind_harness::report::{Report, RunLine};
use rstest::rstest;
use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, Schema};

use super::*;

fn schema<T: JsonSchema>() -> Schema {
    SchemaSettings::draft2020_12().for_serialize().into_generator().into_root_schema_for::<T>()
}

#[rstest]
#[case("init", schema::<Init<'_>>())]
#[case("up", schema::<Up<'_>>())]
#[case("why", schema::<Why<'_>>())]
#[case("status", schema::<Status<'_>>())]
#[case("health", schema::<Health>())]
#[case("serve", schema::<Serve>())]
#[case("stats", schema::<Stats>())]
#[case("plan", schema::<Plan<'_>>())]
#[case("doctor", schema::<Doctor<'_>>())]
#[case("ps", schema::<Ps<'_>>())]
#[case("gc", schema::<Gc<'_>>())]
#[case("bundle", schema::<Bundle<'_>>())]
#[case("verdict", schema::<Vec<Judgement>>())]
#[case("replay", schema::<Replay>())]
#[case("report", schema::<Report<'_>>())]
#[case("run", schema::<RunLine>())]
#[case("runs", schema::<Runs<'_>>())]
#[case("compare", schema::<Comparison>())]
#[case("bench", schema::<Bench>())]
#[case("history", schema::<History>())]
#[case("soak", schema::<Soak>())]
fn schemas_are_the_published_ones(#[case] name: &str, #[case] mut schema: Schema) {
    schema.insert("title".into(), format!("kind-harness {name}").into());
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../schema").join(name).with_extension("json");
    if std::env::var_os("UPDATE").is_some() {
        let text = serde_json::to_string_pretty(&schema).expect("JSON");
        fs_err::write(&file, format!("{text}\n")).expect("a file of ours");
    }
    let published: Value = serde_json::from_str(&fs_err::read_to_string(&file).expect("a file of ours")).expect("JSON");
    // The order of keys is not compared: a feature that another crate may enable in serde_json decides on it.
    let told = "is not what the types say; write it anew: UPDATE=1 cargo test -p kind-harness-cli outputs";
    assert!(published == *schema.as_value(), "schema/{name}.json {told}");
}
