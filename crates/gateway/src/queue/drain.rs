//! `buttress queue drain`: waits until the workers are done.

use super::{BoxError, FINE, list};
use crate::cli::DrainArgs;
use buttress_queue::Queue;
use indicatif::{ProgressBar, ProgressStyle};
use std::{io::Write, time::Duration};
use tokio::time::{Instant, sleep};

/// How often it is looked.
const LOOK: Duration = Duration::from_secs(1);

pub(super) async fn run(
    args: &DrainArgs,
    queue: &Queue,
    out: &mut dyn Write,
) -> Result<u8, BoxError> {
    let began = Instant::now();
    let first = queue.counts().await?;
    let progress = bar(first.open());
    let mut most = first.open();
    let last = loop {
        let counts = queue.counts().await?;
        let open = counts.open();
        if open == 0 || args.timeout.is_some_and(|limit| began.elapsed() >= limit) {
            break counts;
        }
        // What comes in meanwhile makes the way longer.
        most = most.max(open);
        progress.set_length(most);
        progress.set_position(most - open);
        progress.set_message(list::summary(&counts));
        sleep(LOOK).await;
    };
    progress.finish_and_clear();
    let gone = first.open().saturating_sub(last.open());
    writeln!(
        out,
        "{gone} fewer in {}; {}",
        list::span(began.elapsed()),
        list::summary(&last)
    )?;
    Ok(if last.open() == 0 {
        FINE
    } else {
        super::FAILED
    })
}

/// Progress on the standard error, while somebody looks.
pub(super) fn bar(length: u64) -> ProgressBar {
    let style = ProgressStyle::with_template(
        "{bar:30} {human_pos} of {human_len}, {per_sec}, {eta} left  {wide_msg}",
    );
    let bar = ProgressBar::new(length);
    style.map_or_else(|_| bar.clone(), |style| bar.clone().with_style(style))
}
