//! How everything stands, put together once for all who watch.

use bytes::Bytes;
use tokio::{sync::Mutex, time::Instant};

/// What was told in this second, whoever asked first.
///
/// To put it together takes a look at everything, the store of the queue included, and a page that
/// many people have open must not cost that many times as much.
#[derive(Debug, Default)]
pub(super) struct Latest(Mutex<Option<(u64, Bytes)>>);

impl Latest {
    /// What there is of this second, counted from then; it is made if there is nothing yet, and
    /// whoever asks meanwhile waits for that.
    ///
    /// # Cancellation
    /// The next one makes it.
    pub(super) async fn of(&self, start: Instant, make: impl Future<Output = Bytes>) -> Bytes {
        let mut latest = self.0.lock().await;
        let second = start.elapsed().as_secs();
        if let Some((of, made)) = &*latest
            && *of == second
        {
            return made.clone();
        }
        let made = make.await;
        *latest = Some((second, made.clone()));
        made
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{cell::Cell, future::pending, time::Duration};
    use tokio::time::{advance, timeout};

    #[tokio::test(start_paused = true)]
    async fn it_is_made_once_a_second_however_many_watch() {
        let latest = Latest::default();
        let start = Instant::now();
        let made = Cell::new(0);
        let make = async || {
            made.set(made.get() + 1);
            Bytes::from(made.get().to_string())
        };
        for second in 1..=3 {
            for _ in 0..10 {
                let told = latest.of(start, make()).await;
                assert_eq!(told, second.to_string());
            }
            advance(Duration::from_secs(1)).await;
        }

        // Whoever was making it has left.
        let hangs = latest.of(start, pending());
        assert!(timeout(Duration::from_millis(1), hangs).await.is_err());
        assert_eq!(latest.of(start, make()).await, "4");
    }
}
