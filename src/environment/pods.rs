//! Operations on a component's pods: run commands in them, read their logs.

use futures::StreamExt;
use futures::stream::{self, BoxStream};
use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Status;
use kube::api::{Api, LogParams};

use super::{Environment, EnvironmentError};
use crate::environment::logs::{self, LogError, LogLine};
use crate::readiness::pods;

/// The output and exit code of a command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Output {
    /// Its standard output; invalid UTF-8 is replaced.
    pub stdout: String,
    /// Its standard error.
    pub stderr: String,
    /// Its exit code.
    pub exit_code: i32,
}

impl Environment {
    /// Streams the log lines of a component's containers, from the beginning and then as they arrive. Pods created
    /// later are not included; a container's lines end with the container.
    ///
    /// ```no_run
    /// # async fn example(environment: &kind_harness::Environment) -> anyhow::Result<()> {
    /// use futures::TryStreamExt;
    ///
    /// let mut lines = environment.logs("api").await?;
    /// while let Some(line) = lines.try_next().await? {
    ///     if line.text.contains("listening") {
    ///         eprintln!("{line}"); // api/api-6d4c/api | listening on :8080
    ///         break;
    ///     }
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// When there is no such component, or its pods cannot be listed. A log that cannot be read is an error in the
    /// stream, and the others continue.
    pub async fn logs(
        &self,
        component: &str,
    ) -> Result<BoxStream<'static, Result<LogLine, LogError>>, EnvironmentError> {
        self.known(component)?;
        let mut streams = Vec::new();
        for pods in self.pods(component) {
            let listed = pods.list(&logs::of(Some(component))).await;
            let listed = listed.map_err(EnvironmentError::api(format!("list the pods of {component}")))?;
            streams.push(logs::logs(&pods, listed, &LogParams { follow: true, ..LogParams::default() }));
        }
        Ok(stream::select_all(streams).boxed())
    }

    /// Runs a command in a ready pod of a component, to completion. An exit code other than 0 is not an error.
    ///
    /// ```no_run
    /// # async fn example(environment: &kind_harness::Environment) -> anyhow::Result<()> {
    /// let output = environment.exec("cache", ["redis-cli", "ping"]).await?;
    /// assert_eq!((output.exit_code, output.stdout.trim()), (0, "PONG"));
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// When there is no such component, none of its pods is ready, or the command cannot be started.
    pub async fn exec(
        &self,
        component: &str,
        command: impl IntoIterator<Item = impl Into<String>>,
    ) -> Result<Output, EnvironmentError> {
        let command: Vec<String> = command.into_iter().map(Into::into).collect();
        let (pods, pod) = self.ready_pod(component).await?;
        let ran = pods::run(&pods, &pod, &command).await;
        let ran = ran.map_err(EnvironmentError::api(format!("run a command in pod {pod}")))?;
        match exit_code(ran.status.as_ref()) {
            Ok(exit_code) => Ok(Output { stdout: ran.stdout, stderr: ran.stderr, exit_code }),
            Err(why) => Err(EnvironmentError::NotRun { pod, why }),
        }
    }

    /// Returns a ready pod of a component, and the API of the pods in its namespace.
    pub(super) async fn ready_pod(&self, component: &str) -> Result<(Api<Pod>, String), EnvironmentError> {
        self.known(component)?;
        let found = ready_in(self.pods(component), component).await;
        let found = found.map_err(EnvironmentError::api(format!("list the pods of {component}")))?;
        found.ok_or_else(|| EnvironmentError::NoPod { component: component.to_owned() })
    }

    /// Returns the API of the pods in each namespace in which a component has objects.
    pub(super) fn pods(&self, component: &str) -> Vec<Api<Pod>> {
        let (client, namespaces) = (self.client(), self.record().namespaces(Some(component)));
        namespaces.iter().map(|namespace| Api::namespaced(client.clone(), namespace)).collect()
    }

    /// Checks that there is such a component.
    pub(super) fn known(&self, component: &str) -> Result<(), EnvironmentError> {
        let names: Vec<&str> =
            self.record().deployment.iter().flat_map(|it| it.objects.keys()).map(String::as_str).collect();
        if names.contains(&component) {
            return Ok(());
        }
        Err(EnvironmentError::Unknown { component: component.to_owned(), known: names.join(", ") })
    }
}

/// Returns the first ready pod of a component in these namespaces.
pub(super) async fn ready_in(
    namespaces: Vec<Api<Pod>>,
    component: &str,
) -> Result<Option<(Api<Pod>, String)>, kube::Error> {
    for pods in namespaces {
        if let Some(pod) = pods::find_ready(&pods, &logs::selector(Some(component))).await? {
            return Ok(Some((pods, pod)));
        }
    }
    Ok(None)
}

/// Returns the exit code reported by the kubelet, or why there is none.
fn exit_code(status: Option<&Status>) -> Result<i32, String> {
    let status = status.ok_or("the connection broke before its end")?;
    if status.status.as_deref() == Some("Success") {
        return Ok(0);
    }
    let causes = status.details.iter().flat_map(|details| details.causes.iter().flatten());
    let code =
        causes.filter(|cause| cause.reason.as_deref() == Some("ExitCode")).find_map(|cause| cause.message.as_ref());
    let code = code.and_then(|code| code.parse().ok());
    code.ok_or_else(|| status.message.clone().unwrap_or_else(|| "the kubelet does not say why".into()))
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::{Value, json};

    use super::*;

    #[rstest]
    #[case::success(json!({"status": "Success"}), Ok(0))]
    #[case::it_says_no(
        json!({"status": "Failure", "reason": "NonZeroExitCode", "message": "command terminated with exit code 3",
            "details": {"causes": [{"reason": "ExitCode", "message": "3"}]}}),
        Ok(3)
    )]
    #[case::there_is_no_such_command(
        json!({"status": "Failure", "reason": "InternalError", "message": "executable file not found in $PATH"}),
        Err("executable file not found in $PATH")
    )]
    #[case::no_reason(json!({"status": "Failure"}), Err("the kubelet does not say why"))]
    fn how_a_command_ended(#[case] status: Value, #[case] expected: Result<i32, &str>) {
        let status: Status = serde_json::from_value(status).unwrap();
        assert_eq!(exit_code(Some(&status)), expected.map_err(str::to_owned));
        assert!(exit_code(None).is_err());
    }
}
