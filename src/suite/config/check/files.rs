//! Checks files and folders that must exist before anything runs.

use std::path::Path;

use super::Checker;
use crate::suite::config::{Component, HelmSpec, ImageSpec, ManifestSpec, TaskSpec};
use crate::suite::manifests::{self, Layout};
use crate::suite::template::{self, Reference, TemplateError};
use crate::suite::yaml::{Node, Span, did_you_mean, reason};

impl Checker<'_> {
    pub(super) fn files(&mut self) {
        if let Some(config) = &self.suite.cluster.config {
            let span = self.tree.at("cluster").at("config").span;
            self.there(config, span, "kind's configuration", Path::is_file);
        }
        for (component, place) in self.components() {
            if component.manifests.is_empty() && component.helm.is_none() {
                let message = format!("`{}` has no manifests, so there is nothing to deploy", component.name);
                self.refuse(place.at("manifests").span, message, "name a file or a folder, relative to this file");
            }
            for (index, manifest) in component.manifests.iter().enumerate() {
                self.source(component, manifest, place.at("manifests").item(index));
            }
            for (index, image) in component.images.iter().enumerate() {
                self.image(image, place.at("images").item(index));
            }
            if let Some(chart) = &component.helm {
                self.chart(component, chart, place.at("helm"));
            }
            for (key, tasks) in [("before", &component.before), ("after", &component.after)] {
                for (index, task) in tasks.iter().enumerate() {
                    self.task(task, place.at(key).item(index));
                }
            }
        }
    }

    /// Reports a path that is not `right`, and returns whether it is.
    fn there(&mut self, path: &str, span: Span, what: &str, right: fn(&Path) -> bool) -> bool {
        let real = self.root.join(path);
        if !path.is_empty() && right(&real) {
            return true;
        }
        let problem = if real.is_dir() {
            "is a folder"
        } else if real.exists() {
            "is not a folder"
        } else {
            "does not exist"
        };
        let problem = if path.is_empty() { "is not named" } else { problem };
        self.refuse(span, format!("{what} `{path}` {problem}"), self.relative());
        false
    }

    fn source(&mut self, component: &Component, manifest: &ManifestSpec, place: &Node) {
        match manifest {
            ManifestSpec::Path(path) => self.manifest(path, place.span),
            ManifestSpec::Kustomize(folder) => {
                let span = place.at("kustomize").span;
                if self.there(folder, span, "the kustomization's folder", Path::is_dir)
                    && !manifests::is_kustomization(&self.root.join(folder))
                {
                    let help = "it has no kustomization.yaml; files without one are named by their path alone";
                    self.refuse(span, format!("`{folder}` is no kustomization"), help);
                }
            }
            ManifestSpec::Url { url, sha256 } => {
                if !url.starts_with("https://") && !url.starts_with("http://") {
                    let help = "such as `https://example.org/cert-manager.yaml`";
                    self.refuse(place.at("url").span, format!("`{url}` is no address of the web"), help);
                }
                let is_hash = |text: &String| text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
                if sha256.as_ref().is_some_and(|text| !is_hash(text)) {
                    let help = "it has 64 hexadecimal digits, as `sha256sum` prints them";
                    self.refuse(place.at("sha256").span, "this is no SHA-256", help);
                }
            }
            ManifestSpec::Command(command) => self.command(command, place.at("command").span),
            ManifestSpec::Inline(text) => {
                self.template(component, text, place.at("inline").span);
            }
        }
    }

    fn command(&mut self, command: &[String], span: Span) {
        if command.first().is_none_or(String::is_empty) {
            self.refuse(span, "there is nothing to run", "name a program and its arguments: `[make, manifests]`");
        }
    }

    fn task(&mut self, task: &TaskSpec, place: &Node) {
        match task {
            TaskSpec::Job(path) => self.manifest(path, place.at("job").span),
            TaskSpec::Command(command) => self.command(command, place.at("command").span),
        }
    }

    fn chart(&mut self, component: &Component, chart: &HelmSpec, place: &Node) {
        let span = place.at("chart").span;
        if chart.is_local() {
            if self.there(&chart.chart, span, "the chart", Path::exists)
                && self.root.join(&chart.chart).is_dir()
                && !self.root.join(&chart.chart).join("Chart.yaml").is_file()
            {
                self.refuse(span, format!("`{}` is no chart", chart.chart), "it has no Chart.yaml");
            }
            if chart.version.is_some() {
                let span = place.entry("version").map_or(span, |(key, _)| key.span);
                self.refuse(span, "a chart of this machine has the version in its Chart.yaml", "remove `version`");
            }
        }
        for (index, path) in chart.values.iter().enumerate() {
            self.there(path, place.at("values").item(index).span, "the file of values", Path::is_file);
        }
        for (key, value) in &chart.set {
            if let Some(text) = value.json().as_str() {
                self.template(component, text, place.at("set").at(key).span);
            }
        }
    }

    /// Checks a text with templates: all but the environment, which is not the file's.
    fn template(&mut self, component: &Component, text: &str, span: Span) {
        let suite = self.suite;
        let images = || component.images.iter().map(|image| image.name.as_str());
        let ports: Vec<String> = suite.port_names().collect();
        let checked = template::expand(text, |reference| match reference {
            Reference::Image(name) if !images().any(|known| known == name) => {
                Err(missing("image", name, &images().collect::<Vec<_>>()))
            }
            Reference::Port(name) if !ports.contains(name) => {
                Err(missing("port", name, &ports.iter().map(String::as_str).collect::<Vec<_>>()))
            }
            _ => Ok(String::new()),
        });
        if let Err(error) = checked {
            self.refuse(span, error.to_string(), "a text of braces is written `{{ '{{' }}`");
        }
    }

    fn image(&mut self, image: &ImageSpec, place: &Node) {
        if let Some(recipe) = &image.recipe {
            self.there(recipe, place.at("recipe").span, "the recipe's folder", Path::is_dir);
        }
        if let Some(command) = &image.command {
            self.command(command, place.at("command").span);
        }
        if let Some(build) = &image.build {
            let place = place.at("build");
            if self.there(&build.context, place.at("context").span, "the build's context", Path::is_dir)
                && build.file(&self.root.join(&build.context)).is_none()
            {
                let wanted = build.dockerfile.as_deref().unwrap_or("Dockerfile");
                let help = format!("`dockerfile` is relative to the context, which is `{}`", build.context);
                self.refuse(place.at("dockerfile").span, format!("there is no `{wanted}` in the context"), help);
            }
        }
        if let Some(cargo) = &image.cargo {
            let place = place.at("cargo").at("files");
            for (path, to) in &cargo.files {
                self.there(path, place.at(path).span, "the file", Path::exists);
                if !to.starts_with('/') {
                    self.refuse(place.at(path).span, format!("`{to}` is no absolute path"), format!("write `/{to}`"));
                }
            }
        }
    }

    fn manifest(&mut self, path: &str, span: Span) {
        let overlay = self.overriding_overlay.unwrap_or(&self.suite.overlay);
        // A kustomization is checked when it is read, and overlays have a check of their own.
        if !matches!(manifests::layout(self.root, path, overlay), Err(_) | Ok(Layout::Plain)) {
            return;
        }
        let message = match manifests::plain_files(self.root, path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => format!("`{path}` does not exist"),
            Err(error) => format!("`{path}` cannot be read: {}", reason(&error)),
            Ok(files) if files.is_empty() => format!("the folder `{path}` has no manifests"),
            Ok(files) if files.iter().all(|file| self.is_blank(file)) => format!("`{path}` is empty"),
            Ok(_) => return,
        };
        let help = if message.ends_with("has no manifests") {
            "manifests are files named *.yaml, *.yml or *.json, at any depth".to_owned()
        } else {
            self.relative()
        };
        self.refuse(span, message, help);
    }

    /// Returns whether a manifest has only comments and document markers. An unreadable one is not blank.
    fn is_blank(&self, file: &Path) -> bool {
        let text = fs_err::read(self.root.join(file)).unwrap_or_else(|_| b"?".to_vec());
        text.split(|byte| *byte == b'\n')
            .map(<[u8]>::trim_ascii)
            .all(|line| line.is_empty() || line.starts_with(b"#") || line == b"---")
    }

    fn relative(&self) -> String {
        format!("paths are relative to the folder of {}", self.source.path().display())
    }
}

/// A template that refers to a part of the suite that is not there.
fn missing(what: &str, name: &str, known: &[&str]) -> TemplateError {
    let list = || match known {
        [] => format!("there are no {what}s"),
        known => format!("the {what}s are {}", known.iter().map(|it| format!("`{it}`")).collect::<Vec<_>>().join(", ")),
    };
    let hint = did_you_mean(name, known.iter().copied()).unwrap_or_else(list);
    TemplateError::Missing(format!("there is no {what} `{name}` here; {hint}"))
}
