//! Tells cargo about the migrations, and the tests whether this host has a PostgreSQL that they may start.

include!("../common/postgresql_on_host.rs");

fn main() {
    println!("cargo::rerun-if-changed=migrations");
    look_for_postgresql();
}
