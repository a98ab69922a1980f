//! Programs that succeed, fail, end late, or hang.

use super::*;

fn sh(script: &str) -> Cmd {
    Cmd::new("sh", ["-c", script])
}

#[tokio::test]
async fn returns_standard_output_only() {
    assert_eq!(sh("echo out; echo err >&2").output().await.unwrap(), "out");
}

#[tokio::test]
async fn an_error_pastes_into_a_shell_and_quotes_the_last_output() {
    let error = sh("echo 'no space left' >&2; exit 3").env("A", "b c").output().await.unwrap_err().to_string();
    assert_eq!(
        error,
        "`A='b c' sh -c \"echo 'no space left' >&2; exit 3\"` failed (exit status: 3); its last output:\n  | no space left"
    );
}

#[tokio::test]
async fn a_program_that_does_not_exist_is_named() {
    let error = Cmd::new("no-such-program", ["x"]).output().await.unwrap_err().to_string();
    assert_eq!(error, "cannot run `no-such-program x`");
}

#[tokio::test]
async fn either_end_of_a_pipe_may_fail() {
    sh("echo 1").pipe(&sh("read x; test $x = 1")).await.unwrap();
    assert!(sh("exit 4").pipe(&sh("cat >/dev/null")).await.unwrap_err().to_string().contains("exit status: 4"));
    assert!(sh("echo 1").pipe(&sh("cat >/dev/null; exit 5")).await.is_err());
}

#[tokio::test]
async fn dropping_the_future_ends_grandchildren_too() {
    let folder = tempfile::tempdir().unwrap();
    let marker = folder.path().join("ended");
    let script = format!("trap 'touch {}; exit' TERM; sleep 60 & echo up; wait", marker.display());
    let (up, is_up) = tokio::sync::oneshot::channel();
    let mut up = Some(up);
    let command = sh(&script);
    let running = command.stream(move |_| {
        up.take().map(|up| up.send(()));
    });
    tokio::select! {
        result = running => panic!("it ended by itself: {result:?}"),
        _ = is_up => {}
    }
    let deadline = std::time::Instant::now() + Duration::from_secs(4);
    while !marker.exists() {
        assert!(std::time::Instant::now() < deadline, "the trap never ran");
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn what_makes_something_may_finish_when_nobody_waits_any_more() {
    let folder = tempfile::tempdir().unwrap();
    let (engine, made) = (folder.path().join("podman"), folder.path().join("made"));
    let script = format!("#!/bin/sh\ntrap 'exit 1' TERM\necho up\nsleep 0.3\ntouch {}\n", made.display());
    fs_err::write(&engine, script).unwrap();
    fs_err::set_permissions(&engine, std::os::unix::fs::PermissionsExt::from_mode(0o700)).unwrap();
    let (up, is_up) = tokio::sync::oneshot::channel();
    let mut up = Some(up);
    let command = Cmd::new(&engine, ["create"]).finishing();
    let running = command.stream(move |_| {
        up.take().map(|up| up.send(()));
    });
    tokio::select! {
        result = running => panic!("it ended by itself: {result:?}"),
        _ = is_up => {}
    }
    tokio::task::spawn_blocking(settle).await.unwrap();
    assert!(made.exists(), "it was interrupted");
}

/// Returns whether the process exists and has not exited.
fn lives(pid: &str) -> bool {
    let status = fs_err::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    status.rsplit_once(')').is_some_and(|(_, rest)| !rest.trim_start().starts_with('Z'))
}

#[tokio::test]
async fn what_hangs_is_named_and_ended_with_its_children() {
    let folder = tempfile::tempdir().unwrap();
    let child = folder.path().join("child");
    let command = sh(&format!("sleep 60 & echo $! > {}; wait", child.display())).deadline(Duration::from_millis(300));
    let error = command.output().await.unwrap_err();
    assert_eq!(error.to_string(), format!("`{command}` hung: it had not ended after 300ms"));
    assert_eq!(error.brief(), error.to_string());
    let child = fs_err::read_to_string(child).expect("the child was started");
    let deadline = std::time::Instant::now() + Duration::from_secs(4);
    while lives(child.trim()) {
        assert!(std::time::Instant::now() < deadline, "the child lives on");
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_pipe_has_the_longer_of_two_deadlines_and_names_both_ends() {
    let (short, long) = (Duration::from_millis(20), Duration::from_millis(300));
    sh("sleep 0.1; echo 1").deadline(short).pipe(&sh("read x").deadline(Duration::from_secs(60))).await.unwrap();
    let error = sh("sleep 60").deadline(long).pipe(&sh("cat").deadline(short)).await.unwrap_err().to_string();
    assert_eq!(error, "`sh -c 'sleep 60' | sh -c cat` hung: it had not ended after 300ms");
}

#[tokio::test]
async fn one_that_ends_in_time_is_not_disturbed() {
    assert_eq!(sh("echo 1").deadline(Duration::from_secs(60)).output().await.unwrap(), "1");
}

#[tokio::test]
async fn the_brief_error_is_not_where_an_engine_s_help_is() {
    let docker = "docker: Error response from daemon: no space left on device.\nSee 'docker run --help'.";
    let docker_28 = "docker: no space left on device.\n\nRun 'docker run --help' for more information";
    for (output, brief) in [
        (docker, "docker: Error response from daemon: no space left on device."),
        (docker_28, "docker: no space left on device."),
    ] {
        let error = Cmd::new("sh", ["-c", "printf '%s' \"$0\" >&2; exit 125", output]).output().await.unwrap_err();
        assert_eq!(error.brief(), brief);
    }
}

#[tokio::test]
async fn an_error_quotes_no_secret() {
    crate::readiness::redact::Redactor::global().learn(["plant-in-output"]);
    let cmd = Cmd::new("sh", ["-c", "echo says plant-in-output; echo plant-in-output >&2; exit 1"]);
    let error = cmd.stream(|_| ()).await.unwrap_err();
    assert!(!format!("{error} {error:?} {}", error.brief()).contains("plant-in-output"), "{error:?}");
    assert!(error.to_string().contains("says ***"), "{error}");
}
