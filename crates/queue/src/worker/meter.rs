use std::{collections::VecDeque, time::Duration};
use tokio::time::Instant;

/// How far a worker has come, by its own count.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct Progress {
    /// Tasks that it has done.
    pub done: u64,
    /// Tasks that it has given up: their own fault, or too old.
    pub dead: u64,
    /// Deliveries that failed, of tasks that will be given out again.
    pub failed: u64,
    /// Deliveries of which nothing came because circuits or gates did not let them through.
    pub refused: u64,
    /// Deliveries that were broken off because the lease was not held any more.
    pub lost: u64,
    /// Deliveries that are under way.
    pub under_way: usize,
    /// How many may be, just now.
    pub at_once: usize,
    /// It waits before it takes more, since nothing was let through in any lane.
    pub paused: bool,
    /// In so many [lanes](crate::Entry::lane) it waits, and goes on with the others.
    pub lanes_paused: usize,
    /// Tasks done or given up in a second, over the last minute.
    pub rate: f64,
    /// Tasks in the queue that are neither done nor dead, of all workers, where that is known.
    pub open: Option<u64>,
    /// How long it will take until none of them is left, if all goes on as in the last minutes:
    /// with what is put in and what other workers do counted in. `None` while that is not known,
    /// and while the queue does not become shorter.
    pub left: Option<Duration>,
}

/// What a delivery, or a sweep, came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Count {
    Done,
    Dead(u64),
    Failed,
    Refused,
    Lost,
}

/// Counts, in constant memory.
#[derive(Debug)]
pub(super) struct Meter {
    progress: Progress,
    began: Instant,
    /// What was done in each second of the last minute, by the second modulo 60.
    seconds: [u64; MINUTE as usize],
    /// The last second that was counted in, since it began.
    second: u64,
    /// How many tasks were open, and when.
    samples: VecDeque<(Instant, u64)>,
}

const MINUTE: u64 = 60;
/// With one every five seconds it is five minutes.
const SAMPLES: usize = 60;
/// Before that a rate is a guess.
const SHORTEST: Duration = Duration::from_secs(30);

impl Meter {
    pub(super) fn new(now: Instant) -> Self {
        Self {
            progress: Progress::default(),
            began: now,
            seconds: [0; MINUTE as usize],
            second: 0,
            samples: VecDeque::new(),
        }
    }

    pub(super) fn count(&mut self, now: Instant, count: Count) {
        let progress = &mut self.progress;
        let ended = match count {
            Count::Done => {
                progress.done += 1;
                1
            }
            Count::Dead(tasks) => {
                progress.dead += tasks;
                tasks
            }
            Count::Failed => {
                progress.failed += 1;
                0
            }
            Count::Refused => {
                progress.refused += 1;
                0
            }
            Count::Lost => {
                progress.lost += 1;
                0
            }
        };
        self.turn(now);
        self.seconds[(self.second % MINUTE) as usize] += ended;
    }

    /// What the pace is.
    pub(super) const fn pace(&mut self, under_way: usize, at_once: usize, paused: (bool, usize)) {
        self.progress.under_way = under_way;
        self.progress.at_once = at_once;
        (self.progress.paused, self.progress.lanes_paused) = paused;
    }

    /// So many tasks are open; or nobody can tell.
    pub(super) fn open(&mut self, now: Instant, open: Option<u64>) {
        self.progress.open = open;
        match open {
            Some(open) => {
                if self.samples.len() == SAMPLES {
                    self.samples.pop_front();
                }
                self.samples.push_back((now, open));
            }
            None => self.samples.clear(),
        }
    }

    pub(super) fn progress(&mut self, now: Instant) -> Progress {
        self.turn(now);
        let seconds = (now - self.began).as_secs_f64().clamp(1.0, MINUTE as f64);
        let ended: u64 = self.seconds.iter().sum();
        self.progress.rate = ended as f64 / seconds;
        self.progress.left = self.left(now);
        self.progress
    }

    /// Empties the seconds in which nothing was done.
    fn turn(&mut self, now: Instant) {
        let second = (now - self.began).as_secs();
        let passed = second.saturating_sub(self.second).min(MINUTE);
        for empty in second + 1 - passed..=second {
            self.seconds[(empty % MINUTE) as usize] = 0;
        }
        self.second = second.max(self.second);
    }

    fn left(&self, now: Instant) -> Option<Duration> {
        let (&(first, before), &(last, open)) = (self.samples.front()?, self.samples.back()?);
        if open == 0 {
            return Some(Duration::ZERO);
        }
        let span = last - first;
        let fewer = before.checked_sub(open).filter(|&fewer| fewer > 0)?;
        if span < SHORTEST {
            return None;
        }
        let left = open as f64 * span.as_secs_f64() / fewer as f64;
        // That was then, and some of it has passed.
        Some(
            Duration::try_from_secs_f64(left)
                .ok()?
                .saturating_sub(now - last),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn the_rate_is_that_of_the_last_minute() {
        let began = Instant::now();
        let mut meter = Meter::new(began);
        assert_eq!(meter.progress(began).rate, 0.0);
        for second in 0..200 {
            let now = began + seconds(second);
            for _ in 0..if second < 100 { 3 } else { 9 } {
                meter.count(now, Count::Done);
            }
            meter.count(now, Count::Failed);
        }
        let rate = |meter: &mut Meter, at| meter.progress(began + seconds(at)).rate;
        assert_eq!(rate(&mut meter, 199), 9.0);
        assert_eq!(rate(&mut meter, 229), 4.5);
        assert_eq!(rate(&mut meter, 10_000), 0.0);
        let progress = meter.progress(began + seconds(10_000));
        assert_eq!((progress.done, progress.failed), (1200, 200));
        meter.count(began + seconds(10_000), Count::Dead(600));
        assert_eq!(rate(&mut meter, 10_000), 10.0);
    }

    #[test]
    fn an_early_rate_is_of_the_time_that_there_was() {
        let began = Instant::now();
        let mut meter = Meter::new(began);
        for second in 0..10 {
            meter.count(began + seconds(second), Count::Done);
        }
        assert_eq!(meter.progress(began + seconds(10)).rate, 1.0);
    }

    #[test]
    fn an_estimate_is_given_when_there_is_one() {
        let began = Instant::now();
        let mut meter = Meter::new(began);
        assert_eq!(meter.progress(began).left, None);
        let mut left = |at: u64, open| {
            meter.open(began + seconds(at), open);
            meter.progress(began + seconds(at)).left
        };
        assert_eq!(left(0, Some(1000)), None);
        assert_eq!(left(5, Some(950)), None, "too early");
        assert_eq!(left(30, Some(700)), Some(seconds(70)));
        assert_eq!(left(60, Some(400)), Some(seconds(40)));
        assert_eq!(left(90, Some(1000)), None, "as many come in as are done");
        assert_eq!(left(100, None), None);
        assert_eq!(left(105, Some(900)), None, "the store was gone");
        assert_eq!(left(110, Some(0)), Some(Duration::ZERO));
    }

    #[test]
    fn an_estimate_shrinks_with_the_time_that_passes() {
        let began = Instant::now();
        let mut meter = Meter::new(began);
        meter.open(began, Some(400));
        meter.open(began + seconds(30), Some(100));
        let mut left = |at| meter.progress(began + seconds(at)).left;
        assert_eq!(left(30), Some(seconds(10)));
        assert_eq!(left(34), Some(seconds(6)));
        assert_eq!(left(50), Some(Duration::ZERO));
    }

    #[test]
    fn what_is_counted_takes_no_more_memory_with_time() {
        let began = Instant::now();
        let mut meter = Meter::new(began);
        for tick in 0..100_000 {
            let now = began + seconds(5 * tick);
            meter.open(now, Some(1_000_000 - tick));
            meter.count(now, Count::Done);
        }
        assert_eq!(meter.samples.len(), SAMPLES);
        // One task in five seconds.
        let last = meter.progress(began + seconds(499_995));
        assert_eq!(last.left, Some(seconds(5 * 900_001)));
    }
}
