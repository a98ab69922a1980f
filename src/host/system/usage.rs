//! What containers, this process and this host use: control groups and `/proc`, a handful of small files.

use std::path::{Path, PathBuf};

use procfs::process::Process;
use procfs::{CurrentSI as _, KernelStats, ProcessCGroup};

use crate::report::{Usage, Used};

/// Where control groups are mounted.
const MOUNT: &str = "/sys/fs/cgroup";

/// Reads what is used.
#[derive(Debug, Default)]
pub(crate) struct Meter {
    containers: Vec<Container>,
}

/// The files of a container.
#[derive(Debug, PartialEq, Eq)]
struct Container {
    files: Files,
    /// Its first process, which sees its network devices.
    pid: i32,
}

/// The files of a control group.
#[derive(Debug, PartialEq, Eq)]
enum Files {
    /// Version 2: one folder.
    Unified(PathBuf),
    /// Version 1: a folder for each controller.
    Split { cpu: PathBuf, memory: PathBuf, disk: PathBuf },
}

impl Meter {
    /// Returns a meter for containers, given as id and process id of their first process. What is not on this host, as
    /// with an engine in a virtual machine, is left out.
    pub(crate) fn new(containers: &[(String, i32)]) -> Meter {
        let containers = containers.iter().filter_map(|(id, pid)| {
            let groups = Process::new(*pid).and_then(|process| process.cgroups()).ok()?;
            Some(Container { files: files(Path::new(MOUNT), &groups.0, id)?, pid: *pid })
        });
        Meter { containers: containers.collect() }
    }

    /// Returns what is used until now.
    pub(crate) fn read(&self) -> Usage {
        let node = self.containers.iter().map(Container::read).reduce(|sum, it| Some(sum?.plus(it?)));
        Usage { node: node.flatten(), harness: this_process(), host_cpu: host_cpu() }
    }
}

impl Container {
    fn read(&self) -> Option<Used> {
        let (cpu, memory, disk) = self.files.read()?;
        Some(Used { cpu, memory, disk, network: traffic(self.pid).unwrap_or_default() })
    }
}

impl Files {
    /// Returns CPU time in seconds, bytes of memory in use, bytes read from and written to disks.
    fn read(&self) -> Option<(f64, u64, u64)> {
        Some(match self {
            Files::Unified(folder) => {
                let text_of = |name| text(&folder.join(name));
                let cpu = text_of("cpu.stat")?.lines().find_map(|line| line.strip_prefix("usage_usec ")?.parse().ok());
                let disk = disk_v2(&text_of("io.stat").unwrap_or_default());
                (cpu.map(|micros: f64| micros / 1e6)?, text_of("memory.current")?.trim().parse().ok()?, disk)
            }
            Files::Split { cpu, memory, disk } => (
                text(&cpu.join("cpuacct.usage"))?.trim().parse::<f64>().ok()? / 1e9,
                text(&memory.join("memory.usage_in_bytes"))?.trim().parse().ok()?,
                disk_v1(&text(&disk.join("blkio.throttle.io_service_bytes_recursive")).unwrap_or_default()),
            ),
        })
    }
}

/// Returns the files of the control group of container `id`, from the groups of its first process. That may be in a
/// group below: a node's init moves itself.
fn files(mount: &Path, groups: &[ProcessCGroup], id: &str) -> Option<Files> {
    let of_container = |group: &ProcessCGroup| {
        let path = &group.pathname;
        let end = path.find(id)? + id.len();
        let rest = path[end..].find('/').map_or(path.len(), |slash| end + slash);
        Some(path[..rest].trim_start_matches('/').to_owned())
    };
    let split = |controller: &str| {
        let group = groups.iter().find(|group| group.controllers.iter().any(|name| name == controller))?;
        let folders = [&group.controllers.join(","), controller].map(|name| mount.join(name));
        Some(folders.into_iter().find(|folder| folder.is_dir())?.join(of_container(group)?))
    };
    if let (Some(cpu), Some(memory), Some(disk)) = (split("cpuacct"), split("memory"), split("blkio")) {
        return Some(Files::Split { cpu, memory, disk });
    }
    let unified = groups.iter().find(|group| group.hierarchy == 0)?;
    Some(Files::Unified(mount.join(of_container(unified)?)))
}

fn text(path: &Path) -> Option<String> {
    fs_err::read_to_string(path).ok()
}

/// Returns the sum of `rbytes=N` and `wbytes=N` of all devices.
fn disk_v2(text: &str) -> u64 {
    let fields = text.split_whitespace().filter_map(|field| field.split_once('='));
    let bytes = fields.filter(|(name, _)| matches!(*name, "rbytes" | "wbytes"));
    bytes.filter_map(|(_, number)| number.parse::<u64>().ok()).sum()
}

/// Returns the sum of `8:0 Read N` and `8:0 Write N` of all devices.
fn disk_v1(text: &str) -> u64 {
    let lines = text.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
    let bytes = lines.filter_map(|line| match line[..] {
        [_, "Read" | "Write", number] => number.parse::<u64>().ok(),
        _ => None,
    });
    bytes.sum()
}

/// Returns the bytes received and sent by all devices that a process sees, except the loopback device.
fn traffic(pid: i32) -> Option<u64> {
    let devices = Process::new(pid).and_then(|process| process.dev_status()).ok()?;
    let devices = devices.values().filter(|device| device.name != "lo");
    Some(devices.map(|device| device.recv_bytes + device.sent_bytes).sum())
}

fn this_process() -> Option<Used> {
    let process = Process::myself().ok()?;
    let (stat, memory) = (process.stat().ok()?, process.statm().ok()?);
    let disk = process.io().map_or(0, |io| io.read_bytes + io.write_bytes);
    let memory = memory.resident * procfs::page_size();
    Some(Used { cpu: seconds(stat.utime + stat.stime), memory, disk, network: 0 })
}

/// Returns the CPU time of everything on this host: all but idle, waiting for disks, and what virtual machines took.
fn host_cpu() -> Option<f64> {
    let all = KernelStats::current().ok()?.total;
    Some(seconds(all.user + all.nice + all.system + all.irq.unwrap_or(0) + all.softirq.unwrap_or(0)))
}

#[expect(clippy::cast_precision_loss, reason = "ticks of years are exact")]
fn seconds(ticks: u64) -> f64 {
    ticks as f64 / procfs::ticks_per_second() as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "7a5edc4b3223";

    fn group(hierarchy: u32, controllers: &str, path: &str) -> ProcessCGroup {
        let controllers = controllers.split(',').filter(|name| !name.is_empty()).map(str::to_owned).collect();
        ProcessCGroup { hierarchy, controllers, pathname: path.into() }
    }

    #[test]
    fn a_containers_group_is_found_in_both_versions_also_from_a_group_below_it() {
        let mount = tempfile::tempdir().unwrap();
        let v2 = [group(0, "", &format!("/machine.slice/libpod-{ID}.scope/container/init.scope"))];
        let expected = mount.path().join(format!("machine.slice/libpod-{ID}.scope"));
        assert_eq!(files(mount.path(), &v2, ID), Some(Files::Unified(expected)));
        for folder in ["cpu,cpuacct", "memory", "blkio"] {
            fs_err::create_dir(mount.path().join(folder)).unwrap();
        }
        let v1 = [
            group(9, "name=systemd", "/"),
            group(5, "cpu,cpuacct", &format!("/docker/{ID}/init")),
            group(4, "memory", &format!("/docker/{ID}")),
            group(7, "blkio", &format!("/docker/{ID}/a/b")),
        ];
        let at = |folder: &str| mount.path().join(folder).join(format!("docker/{ID}"));
        let split = Files::Split { cpu: at("cpu,cpuacct"), memory: at("memory"), disk: at("blkio") };
        assert_eq!(files(mount.path(), &v1, ID), Some(split));
    }

    #[test]
    fn a_process_that_is_not_the_containers_is_not_measured_for_it() {
        assert_eq!(files(Path::new(MOUNT), &[group(0, "", "/user.slice/session-1.scope")], ID), None);
        let own = i32::try_from(std::process::id()).unwrap();
        assert_eq!(Meter::new(&[(ID.into(), own), (ID.into(), i32::MAX)]).read().node, None);
    }

    #[test]
    fn a_group_is_read_in_both_versions() {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| fs_err::write(folder.path().join(name), text).unwrap();
        write("cpu.stat", "usage_usec 2500000\nuser_usec 1\n");
        write("memory.current", "4096\n");
        write("io.stat", "8:0 rbytes=100 wbytes=20 rios=1\n8:16 rbytes=3 wbytes=0\n");
        write("cpuacct.usage", "2500000000\n");
        write("memory.usage_in_bytes", "4096\n");
        write("blkio.throttle.io_service_bytes_recursive", "8:0 Read 100\n8:0 Write 23\n8:0 Total 123\nTotal 123\n");
        let at = || folder.path().to_owned();
        for files in [Files::Unified(at()), Files::Split { cpu: at(), memory: at(), disk: at() }] {
            assert_eq!(files.read(), Some((2.5, 4096, 123)));
        }
    }

    #[test]
    fn this_process_and_its_host_have_used_some_time_and_memory() {
        let usage = Meter::default().read();
        let (harness, host) = (usage.harness.unwrap(), usage.host_cpu.unwrap());
        assert!(harness.memory > 1 << 20 && harness.cpu >= 0.0 && host > harness.cpu, "{usage:?}");
    }
}
