//! Tells cargo about the migrations, and the tests which servers they may start on this host.

include!("../common/postgresql_on_host.rs");

fn main() {
    println!("cargo::rerun-if-changed=migrations");
    look_for_postgresql();
    println!("cargo::rustc-check-cfg=cfg(redis_on_host)");
    if on_path("redis-server") || container_engine_on_path() {
        println!("cargo::rustc-cfg=redis_on_host");
    }
}
