use crate::sync::{AtomicU64, Ordering::Relaxed};

/// The atomic core of a [`Budget`](crate::Budget): a token bucket in fixed point.
///
/// One word, changed only by compare-and-exchange, so that it is never below zero and never
/// above its cap, not even for a moment. Nothing else is published through it, so that no
/// ordering beyond the word's own is needed.
#[derive(Debug)]
pub(crate) struct Bucket {
    level: AtomicU64,
    cap: u64,
}

/// What one retry costs. A success deposits a whole number of these hundredths.
pub(crate) const RETRY: u64 = 100;

impl Bucket {
    pub(crate) fn new(level: u64, cap: u64) -> Self {
        Self {
            level: AtomicU64::new(level.min(cap)),
            cap,
        }
    }

    /// Adds as much as there is room for. A full bucket costs one load.
    #[inline]
    pub(crate) fn put(&self, amount: u64) {
        let mut level = self.level.load(Relaxed);
        while level < self.cap {
            let more = level.saturating_add(amount).min(self.cap);
            match self
                .level
                .compare_exchange_weak(level, more, Relaxed, Relaxed)
            {
                Ok(_) => return,
                Err(now) => level = now,
            }
        }
    }

    /// Takes the price of one retry, or nothing.
    pub(crate) fn take(&self) -> bool {
        let mut level = self.level.load(Relaxed);
        while let Some(less) = level.checked_sub(RETRY) {
            match self
                .level
                .compare_exchange_weak(level, less, Relaxed, Relaxed)
            {
                Ok(_) => return true,
                Err(now) => level = now,
            }
        }
        false
    }

    pub(crate) fn level(&self) -> u64 {
        self.level.load(Relaxed)
    }
}

#[cfg(all(test, loom))]
mod loom_tests {
    use super::*;
    use loom::{sync::Arc, thread};

    /// Two callers retry while calls succeed: every token is taken once, none is lost.
    #[test]
    fn loom_tokens_are_neither_lost_nor_granted_twice() {
        loom::model(|| {
            let bucket = Arc::new(Bucket::new(RETRY, 3 * RETRY));
            let other = Arc::clone(&bucket);
            let retry = thread::spawn(move || other.take());
            bucket.put(RETRY / 2);
            bucket.put(RETRY / 2);
            let taken = u64::from(bucket.take()) + u64::from(retry.join().unwrap());
            assert_eq!(taken, 2);
            assert_eq!(bucket.level(), 0);
        });
    }

    /// Two callers want the last token: one gets it.
    #[test]
    fn loom_the_last_token_is_granted_once() {
        loom::model(|| {
            let bucket = Arc::new(Bucket::new(RETRY + RETRY / 2, 3 * RETRY));
            let other = Arc::clone(&bucket);
            let retry = thread::spawn(move || other.take());
            let taken = u64::from(bucket.take()) + u64::from(retry.join().unwrap());
            assert_eq!(taken, 1);
            assert_eq!(bucket.level(), RETRY / 2);
        });
    }

    /// A refund races with a deposit at the brim.
    #[test]
    fn loom_the_cap_holds() {
        loom::model(|| {
            let bucket = Arc::new(Bucket::new(RETRY, RETRY));
            let other = Arc::clone(&bucket);
            let retry = thread::spawn(move || {
                if other.take() {
                    other.put(RETRY);
                }
            });
            bucket.put(RETRY / 5);
            assert!(bucket.level() <= RETRY);
            retry.join().unwrap();
            assert_eq!(bucket.level(), RETRY);
        });
    }
}
