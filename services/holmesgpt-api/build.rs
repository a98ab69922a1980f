//! Tells cargo about the migrations.

fn main() {
    println!("cargo::rerun-if-changed=migrations");
}
