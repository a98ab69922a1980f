//! A suite that is a guest.

use std::sync::MutexGuard;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use kube::config::{Kubeconfig, NamedContext};
use serde_json::Value;

use crate::cluster::{self, House};
use crate::judge::{Fate, Picture};
use crate::row::{Ended, Row};

/// How long the cluster may take to delete a namespace, or a reaper to take out what a killed run has put in.
const PATIENCE: Duration = Duration::from_secs(20);

/// A row whose suite runs in the cluster for guests.
pub(super) struct Guest {
    pub(super) row: Row,
    _turn: MutexGuard<'static, ()>,
}

impl Guest {
    /// A guest whose kubeconfig knows the cluster, beside another that is the current one.
    pub(super) fn new(name: &str) -> Result<Guest> {
        let (house, turn) = cluster::take()?;
        let mut row = Row::bare(name)?;
        row.house = Some(house);
        let guest = Guest { row, _turn: turn };
        guest.write_kubeconfig(&house.context)?;
        Ok(guest)
    }

    /// Writes the user's kubeconfig, which calls the cluster `context`.
    pub(super) fn write_kubeconfig(&self, context: &str) -> Result<()> {
        let mut kubeconfig = Kubeconfig::read_from(&self.house().kubeconfig)?;
        for it in &mut kubeconfig.contexts {
            it.name = context.into();
        }
        kubeconfig.contexts.push(NamedContext { name: "theirs".into(), ..NamedContext::default() });
        kubeconfig.current_context = Some("theirs".into());
        self.row.write("kubeconfig", &serde_json::to_string(&kubeconfig)?)
    }

    pub(super) fn name(&self) -> &str {
        &self.row.name
    }

    #[expect(clippy::expect_used, reason = "it is there from the beginning")]
    pub(super) fn house(&self) -> &'static House {
        self.row.house.expect("a guest has a house")
    }

    /// Writes the suite: one component of these objects.
    pub(super) fn suite(&self, deadline: &str, objects: &[Value]) -> Result<()> {
        self.suite_in(&self.house().context, deadline, objects)
    }

    /// The same, in the cluster that the user's kubeconfig calls `context`.
    pub(super) fn suite_in(&self, context: &str, deadline: &str, objects: &[Value]) -> Result<()> {
        let suite = format!(
            "suite: guest\nnamespace: {}-guest\nimages: registry\ndeadline: {deadline}\ncluster: {{provider: existing, \
             context: {context}}}\ncomponents: [{{name: app, manifests: [app.yaml]}}]\n",
            self.name()
        );
        self.row.write("suite/e2e.yaml", &suite)?;
        let objects: Vec<String> = objects.iter().map(Value::to_string).collect();
        self.row.write("suite/app.yaml", &objects.join("\n---\n"))
    }

    pub(super) fn run(&self, args: &[&str]) -> Result<Ended> {
        self.row.run(&[args, &["--name", self.name()]].concat())
    }

    pub(super) fn succeeds(&self, args: &[&str]) -> Result<()> {
        let ended = self.run(args)?;
        ensure!(ended.code == Some(0), "{args:?}: {ended:?}");
        Ok(())
    }

    pub(super) fn fails(&self, args: &[&str]) -> Result<()> {
        let ended = self.run(args)?;
        ensure!(ended.code.is_some_and(|code| (3..=9).contains(&code)), "{args:?}: {ended:?}");
        Ok(())
    }

    /// Everything is as it was, but for the suite's files and what we remember of it: at once, or as soon as the cluster
    /// has deleted a namespace, or a reaper has done its work.
    pub(super) fn judge(&self, before: &Picture) -> Result<()> {
        self.judge_but(before, &[])
    }

    /// The same, but for objects whose keys begin so.
    pub(super) fn judge_but(&self, before: &Picture, keys: &[String]) -> Result<()> {
        self.row.judge_within(PATIENCE, before, &self.fates(keys))
    }

    fn fates(&self, keys: &[String]) -> Vec<Fate> {
        let files = [self.row.state(self.name()), self.row.state("bundles"), self.row.path("suite")];
        let files = files.iter().map(|path| Fate::file_ours(path));
        files.chain(keys.iter().cloned().map(Fate::Ours)).collect()
    }

    /// The same, and the user has changed one thing.
    pub(super) fn judge_with(&self, before: &Picture, fate: Fate) -> Result<()> {
        let (Fate::Ours(key) | Fate::Gone(key)) = fate;
        self.judge_but(before, &[key])
    }

    /// The key of the suite's namespace.
    pub(super) fn namespace_key(&self) -> String {
        format!("object v1/Namespace /{}-guest", self.name())
    }

    /// Waits until it is so.
    pub(super) fn until(&self, deadline: Duration, is: impl Fn() -> Result<bool>) -> Result<()> {
        let began = Instant::now();
        while !is()? {
            ensure!(began.elapsed() < deadline, "not so within {deadline:?}");
            std::thread::park_timeout(Duration::from_millis(50));
        }
        Ok(())
    }
}
