//! Taking turns, taking medians, printing.

use std::{
    hint::black_box,
    pin::pin,
    task::{Context, Poll, Waker},
};
use tower::Service;

/// How much is measured.
#[derive(Clone, Copy)]
pub(crate) struct Pace {
    /// Calls in one round: few enough that most rounds end before something else gets the core.
    calls: u32,
    rounds: usize,
    /// Calls before the first round, which bring a subject into the state in which it is measured.
    warm_up: u32,
}

impl Pace {
    /// For what takes nanoseconds.
    pub(crate) const QUICK: Self = Self {
        calls: 5_000,
        rounds: 401,
        warm_up: 50_000,
    };
    /// For what takes hundreds of nanoseconds: as long a round, so that no more of them are cut in
    /// two.
    pub(crate) const BRISK: Self = Self {
        calls: 500,
        rounds: 4_001,
        warm_up: 50_000,
    };
    /// For what takes microseconds.
    pub(crate) const SLOW: Self = Self {
        calls: 20,
        rounds: 201,
        warm_up: 200,
    };
}

/// One thing to measure.
pub(crate) struct Subject {
    name: &'static str,
    /// Makes this many calls.
    run: Box<dyn FnMut(u32)>,
}

/// What a service does with calls.
#[derive(Clone, Copy)]
pub(crate) enum Answer {
    Given,
    Refused,
}

impl Subject {
    /// Calls a service whose answers are there at once, and are all of this kind.
    pub(crate) fn service<S, Req>(
        name: &'static str,
        expected: Answer,
        mut service: S,
        mut request: impl FnMut() -> Req + 'static,
    ) -> Self
    where
        S: Service<Req> + 'static,
    {
        let run = move |calls| {
            let mut cx = Context::from_waker(Waker::noop());
            let mut given = 0;
            for _ in 0..calls {
                let ready = service.poll_ready(&mut cx);
                assert!(matches!(ready, Poll::Ready(Ok(()))), "not ready");
                let answer = pin!(service.call(black_box(request()))).poll(&mut cx);
                assert!(answer.is_ready(), "not answered at once");
                given += u32::from(matches!(answer, Poll::Ready(Ok(_))));
                // By reference: moving it out is not part of the call.
                black_box(&answer);
            }
            let expected = match expected {
                Answer::Given => calls,
                Answer::Refused => 0,
            };
            assert_eq!(given, expected, "answers of {name}");
        };
        Self {
            name,
            run: Box::new(run),
        }
    }

    /// Calls a function.
    pub(crate) fn function(name: &'static str, mut call: impl FnMut() + 'static) -> Self {
        let run = move |calls| (0..calls).for_each(|_| call());
        Self {
            name,
            run: Box::new(run),
        }
    }
}

/// Measures the subjects beside each other and prints a table. The first one is what the others
/// are compared with.
pub(crate) fn compare(title: &str, pace: Pace, mut subjects: Vec<Subject>) {
    let mut times = vec![Vec::with_capacity(pace.rounds); subjects.len()];
    for subject in &mut subjects {
        (subject.run)(pace.warm_up);
    }
    for _ in 0..pace.rounds {
        for (subject, times) in subjects.iter_mut().zip(&mut times) {
            times.push(nanos(|| (subject.run)(pace.calls)) / f64::from(pace.calls));
        }
    }
    let medians: Vec<f64> = times.into_iter().map(median).collect();
    let bare = medians.first().copied().unwrap_or_default();

    println!("\n{title}");
    println!(
        "  {:<46} {:>9} {:>10} {:>7} {:>12}",
        "", "ns/call", "over bare", "ratio", "allocations"
    );
    for (subject, median) in subjects.iter_mut().zip(medians) {
        let counted = allocation_counter::measure(|| (subject.run)(1000));
        #[expect(clippy::cast_precision_loss, reason = "a thousand calls")]
        let allocations = counted.count_total as f64 / 1000.0;
        println!(
            "  {:<46} {median:>9.1} {:>10.1} {:>7.2} {allocations:>12.1}",
            subject.name,
            median - bare,
            median / bare,
        );
    }
}

#[expect(
    clippy::disallowed_types,
    reason = "here it is real time that is asked for"
)]
fn nanos(run: impl FnOnce()) -> f64 {
    let start = std::time::Instant::now();
    run();
    start.elapsed().as_secs_f64() * 1e9
}

fn median(mut times: Vec<f64>) -> f64 {
    times.sort_by(f64::total_cmp);
    times.get(times.len() / 2).copied().unwrap_or_default()
}
