use super::*;

fn header_of(suite: &str, strategy: &str) -> RunHeader {
    let component = serde_json::json!({ "name": "db", "needs": [], "imageSteps": [] });
    let header = serde_json::json!({
        "format": FORMAT, "id": "1", "began": "2026-01-01T00:00:00Z", "version": "0.1.0", "suite": suite, "cluster": suite,
        "strategy": strategy, "host": host_class(), "components": [component],
        "limits": { "a": 15.0, "b": 25.0, "c": 40.0, "d": 60.0, "warn": 30.0, "critical": 60.0 },
    });
    serde_json::from_value(header).unwrap()
}

#[test]
fn only_files_that_are_named_like_runs_are_removed_when_there_are_too_many() {
    for id in ["20261126T010606.083535-reference-11081", "20261126T010606.083535-a-b-1"] {
        assert!(is_id(id), "{id}");
    }
    let others = [
        "",
        "notes",
        "2026-11-26",
        "20261126T010606.083535-a",
        "20261126T010606.083535-a-b",
        "20261126x010606.083535-a-1",
    ];
    assert_eq!(others.iter().find(|name| is_id(name)), None);
}

#[test]
fn runs_of_tests_in_an_environment_that_is_there_do_not_push_out_the_others() {
    let all: Vec<String> = (0..700).map(|number| format!("{number:03}")).collect();
    let numbers = |gone: Vec<&String>| gone.into_iter().map(|id| id.parse().unwrap()).collect::<Vec<usize>>();
    // The first hundred have brought something up, the others found it.
    let gone = numbers(superfluous(&all, |id| id.parse::<usize>().unwrap() >= 100));
    assert_eq!(gone, (100..300).collect::<Vec<_>>());
    // Of those that found it, enough are kept.
    let gone = numbers(superfluous(&all, |id| id.parse::<usize>().unwrap() < 250));
    assert_eq!(gone, (0..200).collect::<Vec<_>>());
    assert!(superfluous(&all[..500], |_| true).is_empty());
}

#[test]
fn the_last_runs_by_the_other_strategy_that_came_up_whole_count() {
    let home = tempfile::tempdir().unwrap();
    let folders = Folders { cache: home.path().into(), state: home.path().into() };
    fs_err::create_dir(folders.runs()).unwrap();
    let kept = std::cell::Cell::new(0);
    let keep = |strategy: &str, seconds: u64, how: RunOutcome, change: fn(&mut RunHeader)| {
        let mut header = header_of("shop", strategy);
        change(&mut header);
        kept.set(kept.get() + 1);
        let end = if how == RunOutcome::Ready { "done" } else { "failed" };
        let event = |seconds: u64, kind: &str| {
            format!(
                r#"{{"event":{{"at":{seconds},"wall":"2026-01-01T00:00:00Z","phase":"ready","step":"db","kind":{kind}}}}}"#
            )
        };
        let lines = [
            serde_json::json!({ "run": header }).to_string(),
            event(0, r#""started""#),
            event(seconds, &format!(r#"{{"finished":"{end}"}}"#)),
            serde_json::json!({ "end": { "outcome": how, "leftOut": 0 } }).to_string(),
        ];
        fs_err::write(file(&folders, &format!("{:02}", kept.get())), lines.join("\n")).unwrap();
    };
    let found = |strategy| other_strategy(&folders, "shop", strategy).map(|other| other.in_kept_cluster);
    assert_eq!(found("parallel"), None);
    // Older than the last ten.
    keep("sequential", 1000, RunOutcome::Ready, |_| {});
    for seconds in [30, 30, 30, 30, 30, 20, 20, 20, 20, 20] {
        keep("sequential", seconds, RunOutcome::Ready, |_| {});
    }
    keep("sequential", 1, RunOutcome::Failed, |_| {});
    keep("parallel", 10, RunOutcome::Ready, |_| {});
    keep("sequential", 1, RunOutcome::Ready, |header| header.suite = "other".into());
    keep("sequential", 1, RunOutcome::Ready, |header| header.host.cores += 1);
    let part = |header: &mut RunHeader| header.components.push(header.components[0].clone());
    keep("sequential", 1, RunOutcome::Ready, part);
    fs_err::write(file(&folders, "99"), "damaged").unwrap();
    assert_eq!([found("parallel"), found("sequential"), found("waves")], [Some(Some(25.0)), Some(Some(10.0)), None]);
}

#[test]
fn a_run_is_found_by_its_name_the_beginning_of_it_or_its_file() {
    let home = tempfile::tempdir().unwrap();
    let folders = Folders { cache: home.path().into(), state: home.path().into() };
    let name = |found: Result<PathBuf, _>| {
        found
            .map(|path| path.file_stem().unwrap().to_string_lossy().into_owned())
            .map_err(|error: NoRun| error.to_string())
    };
    assert_eq!(ids(&folders).unwrap(), [] as [String; 0]);
    assert!(name(find(&folders, None)).unwrap_err().contains("no run is kept yet"));
    fs_err::create_dir(folders.runs()).unwrap();
    for file in ["b1.jsonl", "a1.jsonl", "b2.jsonl", "b21.jsonl", "c.txt"] {
        fs_err::write(folders.runs().join(file), "").unwrap();
    }
    assert_eq!(ids(&folders).unwrap(), ["a1", "b1", "b2", "b21"]);
    assert_eq!(name(find(&folders, None)).unwrap(), "b21", "the last one");
    assert_eq!(name(find(&folders, Some("a"))).unwrap(), "a1");
    assert!(name(find(&folders, Some("b"))).unwrap_err().contains("the beginning of 3 runs' names"));
    assert_eq!(name(find(&folders, Some("b2"))).unwrap(), "b2", "its whole name");
    assert!(name(find(&folders, Some("c"))).unwrap_err().contains("no run is called \"c\""));
    let elsewhere = folders.runs().join("c.txt");
    assert_eq!(find(&folders, elsewhere.to_str()).unwrap(), elsewhere);
}
