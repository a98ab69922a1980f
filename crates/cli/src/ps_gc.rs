//! `ps` and `gc`: the clusters of ours on this host.

use jiff::{SignedDurationRound, Timestamp, Unit};

use super::inspect::{lines_of, print, print_json};
use super::outputs::{Gc, GcCluster, Ps, PsCluster};
use super::{Cli, Exit, Failure, Output};
use kind_harness::cluster::{Claim, ClusterError, Owner};
use kind_harness::readiness::errors::chain;
use kind_harness::teardown::gc::{self, Found, Inventory};

impl Cli {
    pub(super) async fn ps(&self) -> Result<Exit, Failure> {
        let (Inventory { clusters: found, silent }, now) = (self.clusters().await?, Timestamp::now());
        if self.output == Output::Json {
            let clusters: Vec<_> = found.iter().map(|cluster| to_json(cluster, now)).collect();
            print_json(&Ps { clusters, errors: silent.iter().map(|error| chain(error)).collect() });
        } else if found.is_empty() && silent.is_empty() {
            print("there are no clusters of ours on this host");
        } else {
            let mut table = comfy_table::Table::new();
            table.load_style(comfy_table::presets::NOTHING);
            table.set_header(["CLUSTER", "STATE", "OWNER", "AGE", "STAYS"]);
            for cluster in &found {
                let stays = stays(&cluster.claim(now));
                table.add_row([&cluster.name, cluster.state(), &owner(cluster), &age(cluster, now), &stays]);
            }
            print(&lines_of(&table));
        }
        done_unless(Exit::Cluster, &not_seen(&silent))
    }

    pub(super) async fn gc(&self, dry_run: bool) -> Result<Exit, Failure> {
        let (folders, Inventory { clusters, silent }) = (self.folders()?, self.clusters().await?);
        let (mut told, mut remains) = (Vec::new(), not_seen(&silent));
        for cluster in clusters {
            let removed = match (cluster.claim(Timestamp::now()), dry_run) {
                (Claim::Expired(why), true) => Ok(Some(why)),
                (Claim::Expired(_), false) => gc::collect(&folders, &cluster).await,
                _ => Ok(None),
            };
            match removed {
                Ok(Some(why)) => told.push((cluster.name, why)),
                Ok(None) => {}
                Err(error) => remains.push(format!("cluster {} could not be removed: {}", cluster.name, chain(&error))),
            }
        }
        if self.output == Output::Json {
            let removed = told.iter().map(|(name, why)| GcCluster { name, why: why.to_string() }).collect();
            print_json(&Gc { dry_run, removed, errors: &remains });
        } else {
            let verb = if dry_run { "would be removed" } else { "was removed" };
            told.iter().for_each(|(name, why)| print(&format!("cluster {name} {verb}: {why}")));
            if told.is_empty() && remains.is_empty() {
                print("nothing to remove: every cluster of ours is in use or kept; `kind-harness ps` lists them");
            }
        }
        done_unless(Exit::Teardown, &remains)
    }

    async fn clusters(&self) -> Result<Inventory, Failure> {
        gc::list(&self.folders()?).await.map_err(|error| Failure::new(Exit::Cluster, &error))
    }
}

fn not_seen(silent: &[ClusterError]) -> Vec<String> {
    silent.iter().map(|error| format!("there may be more clusters: {}", chain(error))).collect()
}

fn done_unless(exit: Exit, errors: &[String]) -> Result<Exit, Failure> {
    if errors.is_empty() { Ok(Exit::Done) } else { Err(Failure::told(exit, errors.join("\n"))) }
}

fn stays(claim: &Claim) -> String {
    match claim {
        Claim::InUse => "while its owner runs".into(),
        Claim::Kept(None) => "until `down`".into(),
        Claim::Kept(Some(until)) => format!("until {}", until.strftime("%F %T UTC")),
        Claim::Elsewhere => "its owner cannot be seen from here".into(),
        Claim::Expired(why) => format!("no more: {why}"),
    }
}

fn owner(cluster: &Found) -> String {
    let owner = cluster.lease().and_then(|lease| lease.owner.as_ref());
    owner.map_or_else(|| "nobody".into(), |owner: &Owner| format!("pid {} on {}", owner.pid, owner.host))
}

fn age(cluster: &Found, now: Timestamp) -> String {
    let since = cluster.record.as_ref().map(|record| record.created).or(cluster.lease().map(|lease| lease.taken));
    let Some(since) = since else { return String::new() };
    let age = now.duration_since(since);
    let unit = if age.as_hours() > 0 { Unit::Minute } else { Unit::Second };
    age.round(SignedDurationRound::new().smallest(unit)).map(|age| format!("{age:#}")).unwrap_or_default()
}

fn to_json(cluster: &Found, now: Timestamp) -> PsCluster<'_> {
    PsCluster {
        name: &cluster.name,
        state: cluster.state(),
        lease: cluster.lease(),
        created: cluster.record.as_ref().map(|record| record.created),
        suite: cluster.record.as_ref().map(|record| record.suite.as_path()),
        removable: matches!(cluster.claim(now), Claim::Expired(_)),
        stays: stays(&cluster.claim(now)),
    }
}
