//! The crossing by itself, in this process: a request is read, and written for its place.

use super::{conversation, figures};
use buttress_llm::{Dialect, LlmRequest, Target};
use std::hint::black_box;

const TIMES: usize = 300;

pub(super) fn run() {
    println!("\na conversation of 200 KB, read and written (µs)");
    println!("  {:<44} {:>10}", "", "median");
    let all = Dialect::ALL.into_iter();
    let pairs = all.flat_map(|from| Dialect::ALL.into_iter().map(move |to| (from, to)));
    for (from, to) in pairs {
        let body = conversation::in_dialect(from, conversation::OPENAI);
        let target = Target::new(to).model("another-model");
        let mut times: Vec<f64> = (0..TIMES)
            .map(|_| {
                let body = body.clone();
                let started = figures::now();
                let request = if from.is_addressed() {
                    LlmRequest::parse_addressed(from, "a-model", false, body)
                } else {
                    LlmRequest::parse(from, body)
                };
                let encoded = request.expect("a request").encode(&target);
                black_box(encoded.expect("one that can cross"));
                figures::micros_since(started)
            })
            .collect();
        times.sort_by(f64::total_cmp);
        println!(
            "  {:<44} {:>10.0}",
            format!("{from} → {to}"),
            figures::at(&times, 50)
        );
    }
}
