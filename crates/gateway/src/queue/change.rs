//! What becomes of tasks by hand: `buttress queue retry` and `drop`, and the admin API.

use super::{BoxError, FAILED, FINE};
use crate::cli::ChangeArgs;
use buttress_queue::{Queue, State, StoreError, TaskId};
use serde::Deserialize;
use std::io::Write;

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Change {
    Replay,
    Drop,
}

impl Change {
    /// Makes it, wherever the task stands. Whether there was anything to change.
    pub(crate) async fn of(self, queue: &Queue, id: TaskId) -> Result<bool, StoreError> {
        match self {
            Self::Replay => queue.retry(id).await,
            Self::Drop => queue.remove(id).await,
        }
    }

    /// The same of one that was listed as a dead letter, and may have been queued again since.
    pub(crate) async fn of_dead(self, queue: &Queue, id: TaskId) -> Result<bool, StoreError> {
        match self {
            Self::Replay => queue.retry(id).await,
            Self::Drop => queue.discard(id).await,
        }
    }

    const fn done(self) -> &'static str {
        match self {
            Self::Replay => "queued again",
            Self::Drop => "dropped",
        }
    }

    const fn not_done(self) -> &'static str {
        match self {
            Self::Replay => "is neither a dead letter nor waiting",
            Self::Drop => "is not there",
        }
    }
}

pub(super) async fn retry(
    args: &ChangeArgs,
    queue: &Queue,
    out: &mut dyn Write,
) -> Result<u8, BoxError> {
    change(Change::Replay, args, queue, out).await
}

pub(super) async fn drop(
    args: &ChangeArgs,
    queue: &Queue,
    out: &mut dyn Write,
) -> Result<u8, BoxError> {
    change(Change::Drop, args, queue, out).await
}

async fn change(
    change: Change,
    args: &ChangeArgs,
    queue: &Queue,
    out: &mut dyn Write,
) -> Result<u8, BoxError> {
    if args.all_dead {
        let done = all_dead(change, queue).await?;
        writeln!(out, "{done} dead letters {}", change.done())?;
        return Ok(FINE);
    }
    let mut code = FINE;
    for &id in &args.ids {
        match change.of(queue, id).await? {
            true => writeln!(out, "{id} {}", change.done())?,
            false => {
                code = FAILED;
                anstream::eprintln!("buttress: {id} {}", change.not_done());
            }
        }
    }
    Ok(code)
}

/// Each goes out of the list that it is found in, so the list is always read from its beginning;
/// what dies meanwhile is not waited for.
async fn all_dead(change: Change, queue: &Queue) -> Result<u64, BoxError> {
    const PAGE: usize = 500;
    let most = queue.counts().await?.dead;
    let progress = super::drain::bar(most);
    let mut done = 0;
    while done < most {
        let page = queue.list(State::Dead, None, PAGE).await?;
        let mut changed = 0;
        for record in page.records {
            changed += u64::from(change.of_dead(queue, record.id).await?);
        }
        if changed == 0 {
            break;
        }
        done += changed;
        progress.set_position(done);
    }
    progress.finish_and_clear();
    Ok(done)
}
