//! The host of a run, and where its images come from.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::{Session, UpError};
use crate::cluster::{self, CacheRequest, Records};
use crate::deploy::ComponentManifests;
use crate::host::credentials::Login;
use crate::host::resilience::Resilience;
use crate::host::setup::{self, Host};
use crate::images::{self, ImageBuilds, ImageError, Needed};
use crate::readiness::errors;
use crate::report::Phase;
use crate::suite::config::{ImageSource, ProviderKind};
use crate::suite::reference::registry;

impl Session {
    /// Returns whether the run needs an engine: an existing cluster to which no images are pushed does not.
    pub(super) fn needs_host(&self) -> bool {
        let cluster = &self.plan.suite().cluster;
        cluster.provider != ProviderKind::Existing || cluster.push.is_some()
    }

    /// Prepares the host, if the run needs one, and decides where images come from. The engine is asked for that, so it is
    /// there first.
    pub(super) async fn host(&self, records: &Records) -> Result<(Option<Host>, ImageSource), UpError> {
        let suite = self.plan.suite();
        let is_guest = suite.cluster.provider == ProviderKind::Existing;
        if !self.needs_host() {
            return Ok((None, ImageSource::Registry));
        }
        let digest = self.plan.digest()?;
        let ensure = async |source| match is_guest {
            true => setup::ensure_engine(&self.folders, source, &self.events).await,
            false => setup::ensure(&self.folders, source, self.agree, &self.events).await,
        };
        if suite.images != ImageSource::Auto {
            return Ok((Some(ensure(suite.images).await?), suite.images));
        }
        let record = records.read()?;
        // What runs came from somewhere: without a change nobody is asked again.
        let chosen = record.as_ref().filter(|record| record.deployment.as_ref().is_some_and(|it| it.plan == digest));
        if let Some((record, source)) = chosen.and_then(|record| Some((record, record.images?))) {
            let host = ensure(source).await?;
            if is_guest || record.engine.as_ref() == Some(&host.engine) {
                return Ok((Some(host), source));
            }
        }
        let host = ensure(ImageSource::Registry).await?;
        let mut needed = Needed::of(&self.plan);
        if record.is_none() && !is_guest {
            let version = suite.cluster.kubernetes.as_deref();
            needed = needed.and_nodes(version, &cluster::node_images(&self.plan)?);
        }
        let step = self.events.step(Phase::Images, "source");
        let choice = images::decide(suite.images, Some(&host.engine), &needed).await;
        step.done();
        self.events.note(Phase::Images, format!("source: {}", choice.why));
        match choice.source {
            source if setup::meets(&self.folders, source) => Ok((Some(host), source)),
            source => Ok((Some(ensure(source).await?), source)),
        }
    }

    /// Returns the cache of a new cluster, if it is to have one: for Docker Hub and every registry that the suite names.
    /// Without an image of its servers the cluster has none, which is said.
    pub(super) async fn cache(&self, builds: &ImageBuilds) -> Result<Option<CacheRequest>, UpError> {
        let image = match builds.cache().await {
            Ok(None) => return Ok(None),
            Ok(Some(image)) => image,
            Err(error) => {
                let why = errors::chain(&*error);
                self.events.warn(Phase::Cluster, format!("the nodes pull images without a cache: {why}"));
                return Ok(None);
            }
        };
        let mut named: BTreeSet<String> =
            self.parcels()?.iter().flatten().flat_map(ComponentManifests::images).collect();
        named.extend(self.plan.components().flat_map(|component| &component.images).map(|image| image.name.clone()));
        let mut registries: BTreeSet<String> = named.iter().map(|image| registry(image).to_owned()).collect();
        // What is made here is in none.
        registries.remove("localhost");
        registries.insert(registry("redis").to_owned());
        Ok(Some(CacheRequest { image, registries, asks_again: self.plan.suite().pull }))
    }

    /// Returns what calls of a step are made with.
    pub(super) fn resilience(&self, phase: Phase, step: &str) -> Resilience {
        Resilience::new(&self.plan.suite().retry, self.events.handle(phase, step))
    }

    /// Returns the host's login for the registry of `push`, if the suite's pods are to have it.
    pub(super) async fn login(&self, host: Option<&Host>) -> Result<Option<Login>, UpError> {
        let cluster = &self.plan.suite().cluster;
        let (Some(push), Some(host), true) = (&cluster.push, host, cluster.pull_secrets) else { return Ok(None) };
        let found = Login::find(&host.engine, push).await.map_err(|error| Arc::new(ImageError::Login(error)))?;
        let missing = || {
            let registry = push.split('/').next().unwrap_or_default().to_owned();
            Arc::new(ImageError::NoLogin { registry, engine: host.engine.kind.name() })
        };
        Ok(Some(found.ok_or_else(missing)?))
    }
}
