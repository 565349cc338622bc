use crate::StoreError;
use std::{
    collections::HashMap,
    error::Error,
    sync::{Mutex, PoisonError},
    time::Duration,
};
use tokio::time::Instant;

/// What goes wrong with the store, told now and then: while it is down each call of a session would
/// fill the log with two lines.
#[derive(Debug, Default)]
pub(super) struct Troubles {
    /// By what could not be done and why, of which there is a dozen.
    told: Mutex<HashMap<(&'static str, &'static str), Told>>,
}

#[derive(Debug)]
struct Told {
    at: Instant,
    kept_back: u64,
}

impl Troubles {
    /// The time from one line to the next one like it.
    pub(super) const SPAN: Duration = Duration::from_secs(10);

    /// Tells what could not be done, and what the store said if that is why; unless that was told
    /// just now. Where there is no store's error, the words say why.
    pub(super) fn tell(&self, words: &'static str, error: Option<&StoreError>) {
        let kind = error.map(StoreError::as_str);
        let Some(before) = self.repeats(words, kind.unwrap_or_default()) else {
            return;
        };
        let kept_back = (before > 0).then_some(before);
        let error = error.map(|error| error as &dyn Error);
        tracing::warn!(kind, error, kept_back, "{words}");
    }

    /// Whether it is to be told: then with how many like it were kept back before.
    fn repeats(&self, words: &'static str, kind: &'static str) -> Option<u64> {
        let now = Instant::now();
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(told) = told.get_mut(&(words, kind)) else {
            let first = Told {
                at: now,
                kept_back: 0,
            };
            told.insert((words, kind), first);
            return Some(0);
        };
        if now.saturating_duration_since(told.at) < Self::SPAN {
            told.kept_back += 1;
            return None;
        }
        told.at = now;
        Some(std::mem::take(&mut told.kept_back))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::time::advance;

    #[tokio::test(start_paused = true)]
    async fn what_repeats_is_counted_and_told_with_the_next() {
        let troubles = Troubles::default();
        let lost = || troubles.repeats("an answer can't be recorded", "unavailable");
        assert_eq!(lost(), Some(0));
        for _ in 0..1000 {
            assert_eq!(lost(), None);
        }
        // One session that is full does not hide that the store is down, nor the other way.
        let full = troubles.repeats("an answer can't be recorded", "full");
        assert_eq!(full, Some(0));
        advance(Troubles::SPAN).await;
        assert_eq!((lost(), lost()), (Some(1000), None));
    }
}
