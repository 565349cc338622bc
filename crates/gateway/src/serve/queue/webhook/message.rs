use super::super::lookup::describe;
use buttress_queue::{Kept, State};
use bytes::Bytes;
use serde_json::json;

/// The most bytes of a result that are sent along.
const MOST: usize = 256 << 10;

/// What the receiver is told of a task. `None` while it has not ended.
pub(super) fn message(mut kept: Kept) -> Option<Bytes> {
    let kind = match kept.record.state {
        State::Done => "task.done",
        State::Dead => "task.dead",
        _ => return None,
    };
    let is_large = matches!(&kept.result, Some(Ok(result)) if result.len() > MOST);
    if is_large {
        kept.result = None;
    }
    let mut data = describe(&kept);
    if is_large {
        data["result_omitted"] = true.into();
    }
    let timestamp = &data["ended_at"];
    let message = json!({ "type": kind, "timestamp": timestamp, "data": data });
    Some(message.to_string().into())
}
