//! Other users of the host: what they can see of our state folder, and folders that are theirs.

use std::os::unix::fs::{MetadataExt, PermissionsExt};

use anyhow::{Result, bail, ensure};

use super::ours::{dead, record};
use crate::judge::Fate;
use crate::row::{Row, need, need_root};
use crate::{NotHere, Situation, situation};

/// An id that no container has.
const NONE: &str = "00000000000000000000000000000000000000000000000000000000000000ff";

const AS_NOBODY: &str = "setpriv --reuid 65534 --regid 65534 --clear-groups";

pub(super) fn table() -> Vec<Situation> {
    vec![
        situation("user::state_folder_that_others_read", || open_to_others(0o755)),
        situation("user::state_folder_that_others_write", || open_to_others(0o777)),
        situation("user::state_folder_of_the_group", || open_to_others(0o770)),
        situation("user::another_one_reads_and_locks", another_reads),
        situation("user::state_folder_of_another_one", owned_by_another),
        situation("user::record_of_another_one", record_of_another),
    ]
}

/// The folder is made private, or refused. It never stays as it is while we work in it.
fn open_to_others(mode: u32) -> Result<()> {
    let row = Row::bare("open")?;
    row.stand_in("podman", "exit 0")?;
    row.remember(&row.name, &record(&row.name, &dead()?, None, &[NONE])?)?;
    std::fs::set_permissions(row.state(""), PermissionsExt::from_mode(mode))?;
    let before = row.picture()?;
    let gc = row.run(&["gc"])?;
    let now = std::fs::metadata(row.state(""))?.mode() & 0o777;
    ensure!(now == 0o700 || gc.code.is_some_and(|code| code != 0 && code != 101), "{now:o}: {gc:?}");
    row.judge(&before, &[Fate::file_ours(&row.state(&row.name))])
}

/// After a run of ours, another user can neither read what is there nor hold a lock of it.
fn another_reads() -> Result<()> {
    need_root()?;
    need("setpriv")?;
    need("flock")?;
    let row = Row::bare("private")?;
    row.stand_in("podman", "exit 0")?;
    row.remember(&row.name, &record(&row.name, &super::ours::held()?, None, &[NONE])?)?;
    row.write(&format!("state/kind-harness/locks/{}", row.name), "")?;
    std::fs::set_permissions(row.state(""), PermissionsExt::from_mode(0o755))?;
    let before = row.picture()?;
    row.run(&["gc"])?;
    let (record, lock) = (row.state(&row.name).join("cluster.json"), row.state("locks").join("planted"));
    let reads = row.shell(&[], &format!("{AS_NOBODY} cat {}", record.display()))?;
    ensure!(reads.code != Some(0), "another user reads {}", reads.stdout);
    std::fs::write(&lock, "")?;
    let locks = row.shell(&[], &format!("{AS_NOBODY} flock --nonblock {} true", lock.display()))?;
    ensure!(locks.code != Some(0), "another user locks {}", lock.display());
    std::fs::remove_file(&lock)?;
    row.judge(&before, &[])
}

/// Who owns the folder can put anything there at any moment: nothing in it is believed.
fn owned_by_another() -> Result<()> {
    need_root()?;
    let row = Row::bare("theirs")?;
    row.stand_in("podman", "exit 0")?;
    row.remember(&row.name, &record(&row.name, &dead()?, None, &[NONE])?)?;
    let given = row.shell(&[], "chown -R 65534 ../state/kind-harness")?;
    ensure!(given.code == Some(0), "{given:?}");
    let before = row.picture()?;
    for act in [vec!["gc"], vec!["down", "--name", &row.name], vec!["ps"]] {
        let ended = row.run(&act)?;
        ensure!(ended.code.is_some_and(|code| code != 0 && code != 101), "{act:?}: {ended:?}");
    }
    row.judge(&before, &[])
}

/// Another user runs the program with our folders in the environment, as `sudo -u` leaves them.
fn record_of_another() -> Result<()> {
    need_root()?;
    need("setpriv")?;
    let row = Row::bare("sudo")?;
    row.stand_in("podman", "exit 0")?;
    row.remember(&row.name, &record(&row.name, &dead()?, None, &[NONE])?)?;
    std::fs::set_permissions(row.state(""), PermissionsExt::from_mode(0o755))?;
    let tried = row.shell(&[], &format!("{AS_NOBODY} \"$kh\" --version"))?;
    if tried.code != Some(0) {
        bail!(NotHere("another user cannot run the program from its folder".into()));
    }
    let before = row.picture()?;
    for act in ["gc", "ps", "down"] {
        let ended = row.shell(&[], &format!("exec {AS_NOBODY} \"$kh\" {act}"))?;
        ensure!(ended.code.is_some_and(|code| code != 0 && code != 101), "{act}: {ended:?}");
    }
    row.judge(&before, &[])
}
