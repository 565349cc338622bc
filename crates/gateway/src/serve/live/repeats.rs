//! The same thing over and over is not told over and over.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};
use tokio::time::Instant;

/// What a line of the log is alike by.
///
/// Nothing in it is a caller's: whoever could make one up could fill the memory and the log.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(in crate::serve) struct Alike {
    pub(in crate::serve) words: &'static str,
    pub(in crate::serve) kind: Option<&'static str>,
    pub(in crate::serve) status: Option<u16>,
    /// That had it last. Lines of one that fails must not hide those of another.
    pub(in crate::serve) route: Option<Arc<str>>,
}

/// How often alike lines were told lately.
///
/// The words, kinds and statuses are those of this program and the routes those of its
/// configuration, so there are not many of them.
#[derive(Debug, Default)]
pub(super) struct Repeats {
    lines: Mutex<HashMap<Alike, Told>>,
}

#[derive(Debug)]
struct Told {
    since: Instant,
    lines: u32,
    kept_back: u64,
}

impl Repeats {
    /// So many alike lines are told …
    const MOST: u32 = 10;
    /// … in this time.
    const SPAN: Duration = Duration::from_secs(10);

    /// Whether the line is to be told: then with how many like it were kept back before.
    pub(super) fn tell(&self, line: Alike) -> Option<u64> {
        let now = Instant::now();
        let mut lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        let told = lines.entry(line).or_insert(Told {
            since: now,
            lines: 0,
            kept_back: 0,
        });
        if now.saturating_duration_since(told.since) >= Self::SPAN {
            told.since = now;
            told.lines = 0;
        }
        if told.lines >= Self::MOST {
            told.kept_back += 1;
            return None;
        }
        told.lines += 1;
        Some(std::mem::take(&mut told.kept_back))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::time::advance;

    #[tokio::test(start_paused = true)]
    async fn what_repeats_is_counted_and_told_with_the_next() {
        let repeats = Repeats::default();
        let line = Alike {
            words: "given up",
            kind: Some("overloaded"),
            status: Some(503),
            route: Some("a".into()),
        };
        let again = || repeats.tell(line.clone());
        assert_eq!((0..25).filter(|_| again().is_some()).count(), 10);
        let other = Alike {
            route: Some("b".into()),
            ..line.clone()
        };
        assert_eq!(repeats.tell(other), Some(0));
        advance(Repeats::SPAN).await;
        assert_eq!((again(), again()), (Some(15), Some(0)));
    }
}
