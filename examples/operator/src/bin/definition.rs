//! Prints the definition of greetings.

use greetings::Greeting;
use kube::CustomResourceExt;

#[expect(clippy::print_stdout, reason = "this is what the program is for")]
fn main() -> anyhow::Result<()> {
    println!("{}", serde_saphyr::to_string(&Greeting::crd())?);
    Ok(())
}
