//! `bundle`: everything that there is to see, in a folder.

use std::path::Path;

use super::inspect::{print, print_json, silent};
use super::{Cli, Exit, Failure, Output, outputs};
use kind_harness::report::console::write;
use kind_harness::run::diagnostics::{self, Bounds, BundleContext};
use kind_harness::run::protocol::REPORT;

impl Cli {
    pub(super) async fn bundle(&self, to: Option<&Path>) -> Result<Exit, Failure> {
        let (plan, folders) = (self.plan()?, self.folders()?);
        let (record, cluster) = self.running(&plan).await?;
        let summary = match diagnostics::now(&plan, &cluster).await {
            Ok(diagnosis) => diagnosis.to_string(),
            Err(error) => silent(&record, &error),
        };
        // The report of the `up` that made what runs now.
        let report = fs_err::read_to_string(folders.cluster(&record.name).join(REPORT));
        let timeline = report.ok().and_then(|text| serde_json::from_str(&text).ok());
        let story = BundleContext { summary, timeline };
        let folder = to.map_or_else(|| folders.bundles(), Path::to_path_buf);
        let bundle = diagnostics::bundle(&folder, &plan, &cluster, &story, Bounds::default()).await;
        let bundle = bundle.map_err(|error| Failure::new(Exit::Internal, &error))?;
        if self.output == Output::Json {
            print_json(&outputs::Bundle { bundle: &bundle.folder, bytes: bundle.bytes, omitted: &bundle.omitted });
            return Ok(Exit::Done);
        }
        print(&bundle.folder.display().to_string());
        for what in bundle.omitted.iter().filter(|_| !self.quiet) {
            write(&format!("not in it: {what}\n"));
        }
        Ok(Exit::Done)
    }
}
