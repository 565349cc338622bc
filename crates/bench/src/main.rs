//! Benchmarks of buttress against the bare service and the peers, in one run.
//!
//! Every figure is a median over many short rounds in which the subjects take turns, so that a
//! machine whose speed drifts slows all of them alike; what to read is the distance from the bare
//! service beside them. Allocations are counted in a separate pass.
#![allow(
    clippy::print_stdout,
    reason = "the table it prints is what this program is for"
)]

mod gateway;
mod layers;
mod table;

fn main() {
    let mut args = std::env::args()
        .skip(1)
        .filter(|arg| !arg.starts_with("--"));
    let what = args.next().unwrap_or_default();
    let rest: Vec<String> = args.collect();
    match what.as_str() {
        "" | "layers" => layers::run(),
        "gateway" => gateway::run(),
        helper if gateway::helper(helper, &rest) => {}
        _ => println!("benchmarks: layers (the default), gateway"),
    }
}
