//! A full disk: nothing can be written, and what is to be removed is removed all the same.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Result, bail, ensure};

use super::ours::held;
use crate::judge::Fate;
use crate::row::{Row, need_root};
use crate::{NotHere, Situation, situation};

pub(super) fn table() -> Vec<Situation> {
    vec![
        situation("disk::full_and_a_cluster_to_remove", || full(true)),
        situation("disk::full_and_a_cluster_in_use", || full(false)),
    ]
}

/// A file system without room, which is there until it is dropped.
struct Full(PathBuf);

impl Full {
    fn mount(row: &Row) -> Result<Full> {
        need_root()?;
        let place = row.path("state");
        let mount =
            Command::new("mount").args(["-t", "tmpfs", "-o", "size=64k,mode=755", "none"]).arg(&place).output()?;
        if !mount.status.success() {
            bail!(NotHere(String::from_utf8_lossy(&mount.stderr).trim().to_owned()));
        }
        Ok(Full(place))
    }

    fn fill(&self) -> Result<()> {
        // To the last page, and then to the last byte.
        for size in [4096, 1] {
            let mut number = 0;
            while std::fs::write(self.0.join(format!("fill-{size}-{number}")), vec![b'x'; size]).is_ok() {
                number += 1;
                ensure!(number < 1000, "the disk does not become full");
            }
        }
        Ok(())
    }
}

impl Drop for Full {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.0).output();
    }
}

fn full(goes: bool) -> Result<()> {
    let row = Row::on_engine("disk")?;
    let disk = Full::mount(&row)?;
    let id = row.node(&[])?;
    if goes {
        row.remember_dead(&[&id])?;
    } else {
        let engine = row.engine()?.engine.clone();
        row.remember(&row.name, &super::ours::record(&row.name, &held()?, Some(engine), &[&id])?)?;
    }
    std::fs::create_dir_all(row.state("locks"))?;
    disk.fill()?;
    let before = row.picture()?;
    let gc = row.run(&["gc"])?;
    ensure!(gc.code.is_some_and(|code| code != 101), "{gc:?}");
    let gone = [Fate::container_gone(&id), Fate::file_gone(&row.state(&row.name))];
    row.judge(&before, if goes { &gone } else { &[] })
}
