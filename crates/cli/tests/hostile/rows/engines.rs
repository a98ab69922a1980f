//! Engines that hang, talk nonsense, or are gone, while another one works. These are stand-ins.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use kind_harness::host::setup::{Engine, EngineKind};
use serde_json::json;

use super::ours::{dead, kept, record};
use crate::judge::Fate;
use crate::row::Row;
use crate::{Situation, situation};

/// An id that no container has.
const NONE: &str = "00000000000000000000000000000000000000000000000000000000000000ff";

/// How long an engine that hangs may keep `gc` from what another has.
const PATIENCE: Duration = Duration::from_secs(45);

pub(super) fn table() -> Vec<Situation> {
    let mut rows = vec![
        situation("engine::one_hangs_while_another_works", hangs),
        situation("engine::one_is_gone_while_another_works", gone),
        situation("engine::remembered_and_dead", remembered_and_dead),
        situation("engine::answers_options_for_ids", || answers("--all", "--all /planted true {}")),
        situation("engine::answers_nonsense", || answers("\u{1}\u{2}<html>\n\n502 Bad Gateway", "<html>502</html>")),
        situation("engine::answers_without_end", endless),
        situation("engine::lists_labels_that_are_no_json", || answers(NONE, &format!("{NONE} /planted true {{\"a\":"))),
    ];
    for (what, id) in [
        ("an_option", "--all"),
        ("a_short_option", "-a"),
        ("a_name", "precious"),
        ("nothing", ""),
        ("a_path", "../../victim"),
        ("two", "precious other"),
    ] {
        rows.push(situation(format!("engine::recorded_id_is_{what}"), move || recorded(id)));
    }
    rows
}

fn docker() -> Option<Engine> {
    Some(Engine { kind: EngineKind::Docker, containers_conf: None })
}

/// Two clusters that nobody needs: one on docker, one on podman.
fn two(docker_script: &str) -> Result<(Row, String)> {
    let row = Row::bare("two")?;
    row.stand_in("docker", docker_script)?;
    row.stand_in("podman", "exit 0")?;
    row.remember(&row.name, &record(&row.name, &dead()?, docker(), &[NONE])?)?;
    let other = format!("{}-podman", row.name);
    row.remember(&other, &record(&other, &dead()?, None, &[NONE])?)?;
    Ok((row, other))
}

fn hangs() -> Result<()> {
    let (row, other) = two("exec sleep 300")?;
    let before = row.picture()?;
    let mut gc =
        row.command(&["gc"])?.stdout(std::process::Stdio::null()).stderr(std::process::Stdio::null()).spawn()?;
    let began = Instant::now();
    while row.state(&other).exists() && began.elapsed() < PATIENCE && gc.try_wait()?.is_none() {
        std::thread::park_timeout(Duration::from_millis(20));
    }
    let (is_gone, after) = (!row.state(&other).exists(), began.elapsed());
    gc.kill()?;
    gc.wait()?;
    ensure!(is_gone, "the engine that works was not asked within {after:?}:\n{}", row.calls());
    let hidden = Fate::file_ours(&row.state(&row.name).join("cluster.json"));
    row.judge(&before, &[Fate::file_gone(&row.state(&other)), hidden])?;
    ensure!(row.state(&row.name).join("cluster.json").exists(), "forgotten, though its engine did not answer");
    Ok(())
}

fn gone() -> Result<()> {
    let (row, other) = two("echo 'Cannot connect to the Docker daemon' >&2; exit 1")?;
    let before = row.picture()?;
    let gc = row.run(&["gc"])?;
    ensure!(gc.code == Some(9) && gc.stderr.contains("Cannot connect"), "{gc:?}");
    let record = row.state(&row.name).join("cluster.json");
    row.judge(&before, &[Fate::file_gone(&row.state(&other)), Fate::file_ours(&record)])?;
    ensure!(record.exists(), "forgotten, though its engine did not answer");
    Ok(())
}

/// docker worked once, and is stopped; podman works. `up` takes podman, and says why.
fn remembered_and_dead() -> Result<()> {
    let row = Row::bare("stopped")?;
    let answer = "case $1 in load) cat > /dev/null ;; esac";
    let stopped = "[ ! -e \"$HOSTILE_CALLS.stopped\" ] || { echo 'Cannot connect to the Docker daemon' >&2; exit 1; }";
    row.stand_in("docker", &format!("{stopped}\n{answer}"))?;
    row.stand_in("podman", answer)?;
    let kind = "[ \"$1\" != version ] || echo 'kind v0.33.0 go1.26 linux/amd64'\necho \"by $KIND_EXPERIMENTAL_PROVIDER\" \
                >> \"$HOSTILE_CALLS\"\n";
    row.stand_in("kind", kind)?;
    row.run(&["doctor"])?;
    row.write("calls.stopped", "")?;
    let before = row.picture()?;
    let began = Instant::now();
    let up = row.run(&["up", "--name", &row.name])?;
    let calls = row.calls();
    ensure!(calls.contains("kind create cluster") && calls.contains("by podman"), "{up:?}\n{calls}");
    ensure!(up.stderr.contains("docker"), "it is not told that docker was passed over: {up:?}");
    ensure!(began.elapsed() < Duration::from_secs(30), "it took {:?}", began.elapsed());
    row.judge(&before, &[Fate::file_ours(&row.state(&row.name)), Fate::file_ours(&row.state("bundles")), cache(&row)])
}

fn cache(row: &Row) -> Fate {
    Fate::file_ours(&row.path("cache"))
}

/// Every command of the program on an engine whose lists say this: nothing is removed by it.
fn answers(list: &str, inspect: &str) -> Result<()> {
    let row = Row::bare("nonsense")?;
    row.write("list", list)?;
    row.write("inspect", inspect)?;
    let answer = "case \"$1\" in ps|volume|network) cat \"$HOSTILE_CALLS/../list\" ;; inspect) cat \"$HOSTILE_CALLS/../inspect\" ;; esac";
    row.stand_in("podman", &answer.replace("$HOSTILE_CALLS/..", &row.root().display().to_string()))?;
    row.remember(&row.name, &record(&row.name, &kept(None)?, None, &[NONE])?)?;
    let other = format!("{}-dead", row.name);
    row.remember(&other, &record(&other, &dead()?, None, &["aa".repeat(32).as_str()])?)?;
    let before = row.picture()?;
    for act in [vec!["ps"], vec!["gc"], vec!["down", "--name", &other]] {
        let ended = row.run(&act)?;
        ensure!(ended.code.is_some_and(|code| code != 101), "{act:?}: {ended:?}");
    }
    let removed = row.calls();
    let removed: Vec<&str> = removed.lines().filter(|call| call.contains(" rm ") || call.contains(" kill ")).collect();
    let permitted = |call: &&&str| call.contains(&"aa".repeat(32)) || call.starts_with("podman network rm");
    ensure!(removed.iter().all(|call| permitted(&call)), "{removed:#?}");
    ensure!(removed.iter().all(|call| !call.contains("--all") && !call.contains(NONE)), "{removed:#?}");
    row.judge(&before, &[Fate::file_ours(&row.state(&other))])
}

/// An engine that writes a list for ever: it is not read for ever, and not into all of the memory.
fn endless() -> Result<()> {
    let row = Row::bare("endless")?;
    row.stand_in("podman", "case \"$1\" in ps) head -c 20000000 /dev/zero | tr '\\0' 'a' ;; esac")?;
    row.remember(&row.name, &record(&row.name, &dead()?, None, &[NONE])?)?;
    let before = row.picture()?;
    let gc = row.shell(&[], "ulimit -v 4000000; exec \"$kh\" gc")?;
    ensure!(
        gc.code.is_some_and(|code| code != 101),
        "it ended by {:?}: {}",
        gc.code,
        gc.stderr.get(..500).unwrap_or(&gc.stderr)
    );
    row.judge(&before, &[Fate::file_ours(&row.state(&row.name))])
}

/// A record whose node's id is none. Nothing is removed by it, neither here nor by what it would mean to the engine.
fn recorded(id: &str) -> Result<()> {
    let row = Row::bare("recorded")?;
    row.stand_in("podman", "exit 0")?;
    let mut record = record(&row.name, &dead()?, None, &[NONE])?;
    record["nodes"][0]["id"] = json!(id);
    row.remember(&row.name, &record)?;
    let before = row.picture()?;
    for act in [vec!["gc"], vec!["down", "--name", &row.name]] {
        let ended = row.run(&act)?;
        ensure!(ended.code.is_some_and(|code| code != 101), "{act:?}: {ended:?}");
    }
    let calls = row.calls();
    let removed: Vec<&str> =
        calls.lines().filter(|call| call.contains(" rm ") && !call.contains("network rm")).collect();
    ensure!(removed.is_empty(), "{removed:#?}");
    row.judge(&before, &[Fate::file_ours(&row.state(&row.name))])
}
