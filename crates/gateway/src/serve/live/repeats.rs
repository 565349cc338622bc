//! The same thing over and over is not told over and over.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
    time::Duration,
};
use tokio::time::Instant;

/// What a line of the log is alike by: words, kind and status.
pub(in crate::serve) type Alike = (&'static str, Option<&'static str>, Option<u16>);

/// How often alike lines were told lately.
///
/// The words, kinds and statuses are those of this program, so there are not many of them.
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
        let line = ("given up", Some("overloaded"), Some(503));
        let told = (0..25).filter(|_| repeats.tell(line).is_some()).count();
        assert_eq!(told, 10);
        assert_eq!(repeats.tell(("given up", Some("auth"), Some(401))), Some(0));
        advance(Repeats::SPAN).await;
        assert_eq!(repeats.tell(line), Some(15));
        assert_eq!(repeats.tell(line), Some(0));
    }
}
