use super::Delta;
use crate::{Stop, dialect::JSON_TOOL};

/// Makes the call of the tool by which JSON was asked for the text of the answer, piece by piece.
#[derive(Debug, Default)]
pub(super) struct JsonTool {
    /// Which of the answer's calls it is, when it has begun.
    index: Option<u32>,
}

impl JsonTool {
    pub(super) fn rewrite(&mut self, delta: &mut Delta) {
        // What a model says before it calls the tool is no part of the JSON.
        delta.text = None;
        delta.tool_calls.retain(|call| {
            if call.name.as_deref() == Some(JSON_TOOL) {
                self.index.get_or_insert(call.index);
            }
            let is_json = self.index == Some(call.index);
            if is_json {
                delta.text.clone_from(&call.arguments);
            }
            !is_json
        });
        if self.index.is_some()
            && let Some(finish) = &mut delta.finish
            && finish.stop == Stop::ToolCalls
        {
            finish.stop = Stop::Stop;
        }
    }
}
