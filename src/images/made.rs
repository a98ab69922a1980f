//! Images that the suite's own files and programs make: by cargo, by a Dockerfile, or by a command.
//!
//! In the cluster an image of the last two is named by its id, so that a component is deployed again when its image is
//! another one, and only then.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use futures::future::try_join_all;

use super::binary_image::BinaryImage;
use super::buildkit::without_attestations;
use super::builds::{Binaries, ImageBuilder, Present, Task, task};
use super::context::Context;
use super::dockerfile::{Place, bases, with_bases};
use super::recipe::Recipe;
use super::{ImageError, engine, stale};
use crate::host::exec::Cmd;
use crate::host::folders::StagingDir;
use crate::host::setup::EngineKind;
use crate::report::{Phase, Step};
use crate::suite::config::{BuildSpec, CargoSpec, ImageSpec};
use crate::suite::plan::Plan;
use crate::suite::reference::short_name;

/// A context of more bytes is worth a warning: it is read with every `up`.
const LARGE: u64 = 500_000_000;

impl ImageBuilder {
    /// Starts to make every image of a Dockerfile, a command or cargo, each once. A Dockerfile that begins from another
    /// one of them waits for it.
    pub(super) fn make_all(
        self: &Arc<Self>,
        plan: &Plan,
        present: &Present,
        binaries: &Binaries,
    ) -> BTreeMap<String, Task<String>> {
        let images = || plan.components().flat_map(|component| &component.images);
        let by_name = images().filter(|image| image.is_made()).map(|image| (image.name.clone(), image.clone()));
        let mut open: BTreeMap<String, ImageSpec> = by_name.collect();
        let cargo = images().filter_map(|image| Some((image.name.clone(), image.cargo.clone()?)));
        let cargo: BTreeMap<String, CargoSpec> = cargo.collect();
        let mut made = BTreeMap::new();
        for (name, spec) in cargo {
            let (builder, root) = (self.clone(), plan.root().to_owned());
            let (present, binaries) = (present.clone(), binaries.clone());
            made.insert(name, task(async move { builder.binary(&spec, &root, present, binaries).await }));
        }
        while let Some((name, image)) = open.pop_first() {
            self.make_one(name, image, plan, present, &mut open, &mut made);
        }
        made
    }

    fn make_one(
        self: &Arc<Self>,
        name: String,
        image: ImageSpec,
        plan: &Plan,
        present: &Present,
        open: &mut BTreeMap<String, ImageSpec>,
        made: &mut BTreeMap<String, Task<String>>,
    ) {
        let bases = image.build.as_ref().map(|build| bases(plan.root(), build)).unwrap_or_default();
        // Images that begin from each other are not open any more: the engine says what is wrong with them.
        for base in &bases {
            if let Some((base, image)) = open.remove_entry(base) {
                self.make_one(base, image, plan, present, open, made);
            }
        }
        // An image that a command made has its name in the engine already.
        let images = || plan.components().flat_map(|component| &component.images);
        let is_named = |base: &String| images().any(|image| image.name == *base && image.command.is_some());
        let base = |base: String| Some((made.get(&base)?.clone(), (!is_named(&base)).then_some(base)));
        let bases: Vec<_> = bases.into_iter().filter_map(base).collect();
        let (builder, root, present) = (self.clone(), plan.root().to_owned(), present.clone());
        let place = plan.place_of_image(&image.name);
        let work = async move {
            let made = match (&image.build, &image.command) {
                (Some(build), _) => builder.dockerfile(&image.name, build, &root, &bases, present).await,
                (None, command) => {
                    let command = command.as_deref().unwrap_or_default();
                    builder.command(&image.name, command, &root, present).await
                }
            };
            made.map_err(|error| match &*error {
                // It has the place of the image that it begins from.
                ImageError::At { .. } => error,
                _ => Arc::new(ImageError::At { place, error }),
            })
        };
        made.insert(name, task(work));
    }

    /// Builds the image of a cargo binary.
    async fn binary(
        self: Arc<Self>,
        spec: &CargoSpec,
        root: &Path,
        present: Present,
        binaries: Binaries,
    ) -> Result<String, Arc<ImageError>> {
        let binaries = binaries.await?;
        let missing = || ImageError::NoBinary { package: spec.package.clone(), name: spec.binary().to_owned() };
        let binary = binaries.get(spec).ok_or_else(missing)?.clone();
        let content = BinaryImage { binary, root: root.to_owned(), spec: spec.clone() };
        let recipe = Recipe::own(content.recipe(), &self.host.folders.cache)?.named(spec.binary());
        self.make(recipe, None, present, Some(content)).await
    }

    /// Builds `image` by a Dockerfile, unless there is one of exactly this context; returns its reference.
    pub(super) async fn dockerfile(
        &self,
        image: &str,
        spec: &BuildSpec,
        root: &Path,
        bases: &[(Task<String>, Option<String>)],
        present: Present,
    ) -> Result<String, Arc<ImageError>> {
        let unreadable = |source| ImageError::Context { image: image.to_owned(), source };
        let step = self.events.step(Phase::Images, image);
        let context = off_thread((root.to_owned(), spec.clone()), |(root, spec)| {
            let context = Context::read(&root, &spec)?;
            Ok((context.size(), context))
        });
        let (size, context) = context.await.map_err(unreadable)?;
        if size.bytes > LARGE {
            let (megabytes, largest) = (size.bytes / 1_000_000, size.largest());
            let text = format!(
                "the context of {image} has {megabytes} MB, all of which are read with every `up`: {largest}; list what \
                 the image does not need in {}/.dockerignore",
                spec.context
            );
            self.events.warn(Phase::Images, text);
            step.progress(format!("reading {megabytes} MB"));
        }
        let references = try_join_all(bases.iter().map(|(base, _)| base.clone())).await?;
        let inputs = (context, spec.clone(), references.clone());
        let tagged = off_thread(inputs, |(context, spec, references)| Ok((context.tag(&spec, &references)?, context)));
        let (tag, context) = tagged.await.map_err(unreadable)?;
        let name = short_name(image);
        let bases = bases.iter().map(|(_, name)| name.as_deref()).zip(references);
        let bases: Vec<_> = bases.filter_map(|(name, reference)| Some((name?, reference))).collect();
        let built = self.host.engine.local_reference(&format!("{name}-context"), &tag);
        let mut is_there = present.clone().await?.contains(&built);
        if !is_there {
            step.progress("waiting for another build to end");
            let _bench = self.benches.acquire().await;
            let waits = || step.progress("waiting for another run that builds it");
            let thing = built.rsplit('/').next().unwrap_or_default().replace(':', "-");
            let file = |source| ImageError::File { image: image.to_owned(), source };
            let aside = StagingDir::take(&self.host.folders, &thing, waits).await.map_err(file)?;
            // Another run may have built it meanwhile.
            is_there = engine::find(&self.host.engine, &built, &self.resilience).await?.is_some();
            if !is_there {
                let command = self.build_command(&context, spec, &built, &bases, aside.path()).map_err(file)?;
                self.build(image, command, &context, &step).await?;
                stale::remove(&self.host.engine, &built, &self.resilience).await?;
            }
        }
        let made = || ImageError::NotMade {
            image: built.clone(),
            command: "build".into(),
            engine: self.host.engine.kind.name().into(),
        };
        let (reference, _) = self.by_id(image, &built, present, made).await?;
        if is_there {
            step.unchanged()
        } else {
            step.done()
        }
        Ok(reference)
    }

    /// Runs the command that builds `context`.
    async fn build(&self, image: &str, command: Cmd, context: &Context, step: &Step) -> Result<(), ImageError> {
        let (say, place) = (step.handle(), Arc::new(Mutex::new(Place::default())));
        let told = place.clone();
        let on_line = move |line: &str| {
            told.lock().unwrap_or_else(PoisonError::into_inner).note(line);
            say.progress(line);
        };
        let Err(source) = command.deadline(super::BUILD).stream(on_line).await else { return Ok(()) };
        let text = fs_err::read_to_string(&context.file).unwrap_or_default();
        let line = place.lock().unwrap_or_else(PoisonError::into_inner).line(&context.file, &text);
        let image = image.to_owned();
        Err(match line {
            Some(line) => {
                ImageError::Instruction { image, place: format!("{}:{line}", context.file.display()), source }
            }
            None => ImageError::Build { image, source },
        })
    }

    /// Returns the command that builds `context` as `built`. `bases` are images of the suite with their references, by
    /// which a copy of the Dockerfile in the folder `aside` names them; files that the suite leaves out are left out by
    /// the engine too, by an ignore file there.
    fn build_command(
        &self,
        context: &Context,
        spec: &BuildSpec,
        built: &str,
        bases: &[(&str, String)],
        aside: &Path,
    ) -> std::io::Result<Cmd> {
        let mut file = context.file.clone();
        let mut command = without_attestations(engine::build(&self.host.engine, built));
        if !bases.is_empty() || !spec.ignore.is_empty() {
            file = aside.join("Dockerfile");
            fs_err::write(&file, with_bases(&fs_err::read_to_string(&context.file)?, bases))?;
            // BuildKit takes the ignore file that is beside the Dockerfile.
            let ignore = aside.join("Dockerfile.dockerignore");
            fs_err::write(&ignore, &context.ignored)?;
            if self.host.engine.kind == EngineKind::Podman {
                command = command.arg("--ignorefile").arg(ignore);
            }
        }
        command = command.arg("-f").arg(file);
        if let Some(target) = &spec.target {
            command = command.arg("--target").arg(target);
        }
        for (name, value) in &spec.args {
            command = command.arg("--build-arg").arg(format!("{name}={value}"));
        }
        Ok(command.arg(&context.folder))
    }

    /// Runs the program that makes `image`; returns the image's reference.
    pub(super) async fn command(
        &self,
        image: &str,
        command: &[String],
        root: &Path,
        present: Present,
    ) -> Result<String, Arc<ImageError>> {
        let step = self.events.step(Phase::Images, image);
        let run = Cmd::in_folder(root, command);
        let run = run.env("ENGINE", self.host.engine.kind.name()).env("IMAGE", image);
        let run = without_attestations(self.host.engine.environment(run).deadline(super::BUILD));
        self.run(run, &step).await.map_err(|source| ImageError::Command { image: image.to_owned(), source })?;
        let made = || ImageError::NotMade {
            image: image.to_owned(),
            command: command.join(" "),
            engine: self.host.engine.kind.name().into(),
        };
        let (reference, is_known) = self.by_id(image, image, present, made).await?;
        if is_known {
            step.unchanged()
        } else {
            step.done()
        }
        Ok(reference)
    }

    async fn run(&self, command: Cmd, step: &Step) -> Result<(), crate::host::exec::ExecError> {
        let _bench = self.benches.acquire().await;
        let say = step.handle();
        command.stream(move |line| say.progress(line)).await
    }

    /// Gives the image `made` a name with its id. Returns that, and whether it had this name before.
    async fn by_id(
        &self,
        image: &str,
        made: &str,
        present: Present,
        missing: impl Fn() -> ImageError,
    ) -> Result<(String, bool), Arc<ImageError>> {
        let engine = &self.host.engine;
        let found = engine::find(engine, made, &self.resilience).await?.ok_or_else(missing)?;
        let wanted = engine::architecture();
        if found.architecture != wanted {
            return Err(Arc::new(ImageError::OtherArchitecture {
                image: image.to_owned(),
                found: found.architecture,
                wanted,
            }));
        }
        let reference = engine.local_reference(&short_name(image), &found.id);
        let is_known = present.await?.contains(&reference);
        if !is_known {
            engine::tag(engine, made, &reference, &self.resilience).await?;
            stale::remove(engine, &reference, &self.resilience).await?;
        }
        Ok((reference, is_known))
    }
}

/// Reads files where that holds nothing else up.
async fn off_thread<I: Send + 'static, T: Send + 'static>(
    input: I,
    read: impl FnOnce(I) -> std::io::Result<T> + Send + 'static,
) -> std::io::Result<T> {
    tokio::task::spawn_blocking(move || read(input)).await.map_err(std::io::Error::other)?
}
