//! `buttress queue`: what is in the queue, and what becomes of it.

mod change;
mod drain;
mod list;
mod open;
mod show;

pub(crate) use self::{
    change::Change,
    list::as_json,
    open::{open, open_announcements},
};

use crate::{
    cli::{QueueArgs, QueueCommand},
    command::{self, BoxError, FAILED, FINE},
    config::{Config, Lookup},
    files::Files,
};
use buttress_queue::Queue;
use std::io::{self, Write};

/// What to do where there is no queue.
pub(crate) const NOT_CONFIGURED: &str = "no queue is configured: write [queue] with \
    url = \"sqlite:buttress.db\" into the configuration, or set BUTTRESS_QUEUE_URL";

/// Does what is asked for. The number is what the program is to end with.
///
/// # Errors
///
/// When `out` can't be written to.
pub fn run(args: &QueueArgs, env: Lookup<'_>, out: &mut dyn Write) -> io::Result<u8> {
    command::run(args.from.config.as_deref(), env, async |config| {
        act(args, &config, out).await
    })
}

async fn act(args: &QueueArgs, config: &Config, out: &mut dyn Write) -> Result<u8, BoxError> {
    let Some(queue) = open(&config.queue, &mut Files::default()).await? else {
        return Err(NOT_CONFIGURED.into());
    };
    match &args.command {
        QueueCommand::List(args) => list::run(args, &queue, out).await,
        QueueCommand::Dead(args) => list::dead(args, &queue, out).await,
        QueueCommand::Show(args) => show::run(args, &queue, out).await,
        QueueCommand::Retry(args) => change::retry(args, &queue, out).await,
        QueueCommand::Drop(args) => change::drop(args, &queue, out).await,
        QueueCommand::Drain(args) => drain::run(args, &queue, out).await,
    }
}

/// All tasks of a state, page by page, in constant memory.
async fn each(
    queue: &Queue,
    state: buttress_queue::State,
    most: usize,
    mut with: impl FnMut(buttress_queue::Record) -> Result<(), BoxError>,
) -> Result<usize, BoxError> {
    const PAGE: usize = 500;
    let (mut after, mut seen) = (None, 0);
    while seen < most {
        let page = queue.list(state, after, PAGE.min(most - seen)).await?;
        seen += page.records.len();
        for record in page.records {
            with(record)?;
        }
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    Ok(seen)
}
