//! Times, medians, and the tables of them.

/// What a table says of one subject in one round.
pub(super) type Pick<R> = fn(&R) -> f64;

/// Prints two subjects side by side, the second as a share of the first.
pub(super) fn print<R>(title: &str, rounds: &[Vec<R>; 2], rows: &[(&str, Pick<R>)]) {
    let [bare, ours] = rounds;
    println!("\n{title}");
    println!(
        "  {:<44} {:>10} {:>10} {:>8}",
        "", "bare", "gateway", "ratio"
    );
    for (name, pick) in rows {
        let (bare, ours) = (median(bare, *pick), median(ours, *pick));
        println!(
            "  {name:<44} {bare:>10.1} {ours:>10.1} {:>8.2}",
            ours / bare
        );
    }
}

pub(super) fn median<R>(rounds: &[R], pick: Pick<R>) -> f64 {
    let mut figures: Vec<f64> = rounds.iter().map(pick).collect();
    figures.sort_by(f64::total_cmp);
    at(&figures, 50)
}

pub(super) fn at(sorted: &[f64], percent: usize) -> f64 {
    let index = sorted.len() * percent / 100;
    sorted.get(index).copied().unwrap_or_default()
}

#[expect(clippy::disallowed_types, reason = "it is real time that is measured")]
pub(super) fn now() -> std::time::Instant {
    std::time::Instant::now()
}

#[expect(clippy::disallowed_types, reason = "it is real time that is measured")]
pub(super) fn micros_since(started: std::time::Instant) -> f64 {
    started.elapsed().as_secs_f64() * 1e6
}
