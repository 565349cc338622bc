//! `buttress queue show`.

use super::{BoxError, FAILED, FINE, list::as_json};
use crate::cli::ShowArgs;
use buttress_queue::{Kept, Queue};
use serde_json::{Value, json};
use std::io::Write;

pub(super) async fn run(
    args: &ShowArgs,
    queue: &Queue,
    out: &mut dyn Write,
) -> Result<u8, BoxError> {
    let Some(kept) = queue.inspect(args.id).await? else {
        anstream::eprintln!("buttress: there is no task {}, or none any more", args.id);
        return Ok(FAILED);
    };
    let shown = describe(&kept, args.content);
    writeln!(out, "{shown:#}")?;
    Ok(FINE)
}

/// A task, with its history; with what was asked and answered only where that is wanted.
fn describe(kept: &Kept, content: bool) -> Value {
    let mut shown = as_json(&kept.record);
    match &kept.task {
        Some(Ok(task)) => {
            shown["attempts"] = task.attempts.into();
            shown["journey"] = json!(task.journey);
            if content {
                shown["task_context"] = json!(task.task_context);
                shown["messages"] = json!(task.messages);
            }
        }
        Some(Err(unopened)) => shown["unreadable"] = unopened.to_string().into(),
        None => {}
    }
    match &kept.result {
        Some(Ok(result)) if content => {
            let text = || Value::from(String::from_utf8_lossy(result).into_owned());
            shown["result"] = serde_json::from_slice(result).unwrap_or_else(|_| text());
        }
        Some(Ok(result)) => shown["result_bytes"] = result.len().into(),
        Some(Err(unopened)) => shown["unreadable"] = unopened.to_string().into(),
        None => {}
    }
    shown
}
