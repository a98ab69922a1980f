// Included by the build scripts of services whose tests start servers: tells the compiler whether this host can, from
// packages or from the images of this repository's recipes with a container engine. On a host that cannot, those tests
// are listed as ignored, and never passed without having run.
fn look_for_postgresql() {
    println!("cargo::rerun-if-changed=/usr/lib/postgresql");
    println!("cargo::rustc-check-cfg=cfg(postgresql_on_host)");
    let versions = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    if versions.into_iter().any(|version| version.path().join("bin/initdb").exists()) || container_engine_on_path() {
        println!("cargo::rustc-cfg=postgresql_on_host");
    }
}

fn container_engine_on_path() -> bool {
    on_path("podman") || on_path("docker")
}

fn on_path(program: &str) -> bool {
    println!("cargo::rerun-if-env-changed=PATH");
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|folder| folder.join(program).is_file())
}
