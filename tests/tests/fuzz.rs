//! What has to hold for any bytes, held against the facts, all that was ever found, and mutations
//! of both. The same ones each time; a fuzzer that learns is described in `docs/fuzzing.md`.

use buttress_tests::fuzz::{Mutator, findings, target};
use std::panic::{AssertUnwindSafe, catch_unwind};

/// How many mutations of each target's inputs are tried, where nothing else is said.
const MUTATIONS: usize = 2000;

fn mutations() -> usize {
    let said = std::env::var("BUTTRESS_MUTATIONS").ok();
    said.map_or(MUTATIONS, |said| said.parse().expect("a number"))
}

fn hold(name: &str) {
    let target = target(name);
    let mut seeds = (target.seeds)();
    assert!(seeds.len() > 10, "{name}: {} seeds", seeds.len());
    seeds.extend(findings(target));
    let run = |input: &[u8]| {
        if let Err(panic) = catch_unwind(AssertUnwindSafe(|| (target.run)(input))) {
            eprintln!("{name} fails with b\"{}\"", input.escape_ascii());
            std::panic::resume_unwind(panic);
        }
    };
    for seed in &seeds {
        run(seed);
    }
    let mut mutator = Mutator::new(target, seeds);
    for _ in 0..mutations() {
        run(&mutator.next_input());
    }
}

#[test]
fn headers_are_read_whatever_they_say() {
    hold("headers");
}

#[test]
fn a_stream_says_the_same_however_it_is_cut() {
    hold("streams");
}

#[test]
fn errors_are_told_whatever_they_look_like() {
    hold("errors");
}

#[test]
fn dialects_lose_nothing_the_second_time() {
    hold("dialects");
}

#[test]
fn a_configuration_is_used_or_explained() {
    hold("config");
}
