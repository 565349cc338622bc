use crate::{Finish, Stop};

/// How a response ended, by its `status` and the reason why it is incomplete; nothing while it
/// has not.
///
/// A response that is complete does not say why. That it calls tools, or refuses, is seen by
/// what is in it.
pub(super) fn finish(status: &str, reason: &str, calls: bool, refuses: bool) -> Option<Finish> {
    let stop = match (status, reason) {
        ("completed", _) if calls => Stop::ToolCalls,
        ("completed", _) if refuses => Stop::ContentFilter,
        ("completed", _) => Stop::Stop,
        ("incomplete", "content_filter") => Stop::ContentFilter,
        // What else cuts an answer short is some limit.
        ("incomplete", _) => Stop::Length,
        ("failed" | "cancelled", _) => Stop::Error,
        _ => return None,
    };
    let mut finish = Finish::new(status, stop);
    if status == "incomplete" {
        finish.why = Some(match reason {
            "" => "max_output_tokens".into(),
            reason => reason.into(),
        });
    }
    Some(finish)
}

/// The status of a response that ended so, and why it is incomplete if it is.
pub(super) const fn status(stop: Stop, refuses: bool) -> (&'static str, Option<&'static str>) {
    match stop {
        Stop::Stop | Stop::ToolCalls | Stop::Other => ("completed", None),
        Stop::Length => ("incomplete", Some("max_output_tokens")),
        // A refusal is an answer of its own kind.
        Stop::ContentFilter if refuses => ("completed", None),
        Stop::ContentFilter => ("incomplete", Some("content_filter")),
        Stop::Error => ("failed", None),
    }
}
