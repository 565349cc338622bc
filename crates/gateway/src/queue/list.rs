//! `buttress queue list` and `dead`.

use super::{BoxError, FINE, each};
use crate::cli::{ListArgs, Listing, TaskState};
use buttress_queue::{Queue, Record, State};
use jiff::Timestamp;
use serde_json::{Value, json};
use std::{
    io::Write,
    time::{Duration, SystemTime},
};

pub(super) async fn run(
    args: &ListArgs,
    queue: &Queue,
    out: &mut dyn Write,
) -> Result<u8, BoxError> {
    let states: &[State] = match args.state {
        None => &[State::Leased, State::Waiting, State::Behind],
        Some(TaskState::Waiting) => &[State::Waiting],
        Some(TaskState::Behind) => &[State::Behind],
        Some(TaskState::Leased) => &[State::Leased],
        Some(TaskState::Done) => &[State::Done],
        Some(TaskState::Dead) => &[State::Dead],
    };
    list(queue, states, &args.listing, out).await
}

pub(super) async fn dead(
    listing: &Listing,
    queue: &Queue,
    out: &mut dyn Write,
) -> Result<u8, BoxError> {
    list(queue, &[State::Dead], listing, out).await
}

async fn list(
    queue: &Queue,
    states: &[State],
    listing: &Listing,
    out: &mut dyn Write,
) -> Result<u8, BoxError> {
    let &Listing { limit, json } = listing;
    let counts = queue.counts().await?;
    if !json {
        writeln!(out, "{}", summary(&counts))?;
    }
    let now = SystemTime::now();
    let mut left = limit;
    let mut head = !json;
    for &state in states {
        left -= each(queue, state, left, |record| {
            if std::mem::take(&mut head) {
                writeln!(out, "\n{}", HEAD.trim_end())?;
            }
            match json {
                true => writeln!(out, "{}", as_json(&record))?,
                false => writeln!(out, "{}", row(&record, now))?,
            }
            Ok(())
        })
        .await?;
    }
    let all: u64 = states.iter().map(|state| counts.of(*state)).sum();
    let more = all.saturating_sub((limit - left) as u64);
    if left == 0 && more > 0 && !json {
        writeln!(out, "… and {more} more: --limit N shows them")?;
    }
    Ok(FINE)
}

/// One line on all of it.
pub(super) fn summary(counts: &buttress_queue::Counts) -> String {
    let states = State::ALL.iter().filter(|state| counts.of(**state) > 0);
    let states: Vec<_> = states
        .map(|state| format!("{} {state}", counts.of(*state)))
        .collect();
    let age = counts.oldest.and_then(|oldest| oldest.elapsed().ok());
    let age = age.map_or_else(String::new, |age| {
        format!("; the oldest waits for {}", span(age))
    });
    match states.is_empty() {
        true => "nothing is in the queue".to_owned(),
        false => format!("{}{age}", states.join(", ")),
    }
}

const HEAD: &str =
    "ID                                STATE    QUEUED    DUE       TRIED  BYTES      REASON";

fn row(record: &Record, now: SystemTime) -> String {
    let ago = |at: SystemTime| {
        now.duration_since(at)
            .map_or_else(|_| "now".to_owned(), span)
    };
    let due = record.due_at.and_then(|at| at.duration_since(now).ok());
    let line = format!(
        "{}  {:<7}  {:<8}  {:<8}  {:>5}  {:>9}  {}",
        record.id,
        record.state,
        ago(record.queued_at),
        due.map_or_else(|| "-".to_owned(), span),
        record.deliveries,
        record.bytes,
        record.reason.as_deref().unwrap_or_default(),
    );
    line.trim_end().to_owned()
}

/// What is known of a task, without what is in it.
pub(crate) fn as_json(record: &Record) -> Value {
    let date = |at: SystemTime| {
        let since = at
            .duration_since(SystemTime::UNIX_EPOCH)
            .unwrap_or_default();
        let millis = i64::try_from(since.as_millis()).unwrap_or(i64::MAX);
        Timestamp::from_millisecond(millis)
            .map(|at| at.to_string())
            .ok()
    };
    json!({
        "id": record.id.to_string(),
        "state": record.state.as_str(),
        "session_id": record.session,
        "queued_at": date(record.queued_at),
        "due_at": record.due_at.and_then(date),
        "ended_at": record.ended_at.and_then(date),
        "deliveries": record.deliveries,
        "bytes": record.bytes,
        "reason": record.reason,
        "position": record.position,
    })
}

/// A span of time as people say it: its two largest units.
pub(super) fn span(time: Duration) -> String {
    let seconds = time.as_secs();
    let (days, hours, minutes) = (seconds / 86_400, seconds / 3600 % 24, seconds / 60 % 60);
    match (days, hours, minutes) {
        (0, 0, 0) => format!("{seconds}s"),
        (0, 0, _) => format!("{minutes}m {}s", seconds % 60),
        (0, _, _) => format!("{hours}h {minutes}m"),
        _ => format!("{days}d {hours}h"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_span_has_two_units_at_most() {
        for (seconds, said) in [
            (0, "0s"),
            (59, "59s"),
            (61, "1m 1s"),
            (3_661, "1h 1m"),
            (90_061, "1d 1h"),
        ] {
            assert_eq!(span(Duration::from_secs(seconds)), said);
        }
    }
}
