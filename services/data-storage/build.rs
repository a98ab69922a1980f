//! Tells cargo about the migrations, and the tests whether this host has a PostgreSQL that they may start.

fn main() {
    println!("cargo::rerun-if-changed=migrations");
    println!("cargo::rustc-check-cfg=cfg(postgresql_on_host)");
    let versions = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    if versions.into_iter().any(|version| version.path().join("bin/initdb").exists()) {
        println!("cargo::rustc-cfg=postgresql_on_host");
    }
}
