//! Where the parts of a request and of an answer stand in each dialect.

mod anthropic_messages;
mod gemini;
mod openai_chat;
mod openai_responses;

use buttress_llm::{Dialect, InvalidRequest, LlmRequest};
use serde_json::Value;

/// The shape of this dialect's documents.
pub(super) fn of(dialect: Dialect) -> Result<&'static Shape, String> {
    Ok(match dialect {
        Dialect::OpenAiChat => &openai_chat::SHAPE,
        Dialect::AnthropicMessages => &anthropic_messages::SHAPE,
        Dialect::Gemini => &gemini::SHAPE,
        Dialect::OpenAiResponses => &openai_responses::SHAPE,
        _ => return Err(format!("the parts of {dialect} are not known here yet")),
    })
}

/// Reads a request. Where its model and whether it streams stand in an address, they are fields of
/// it here.
pub(super) fn parse(dialect: Dialect, mut request: Value) -> Result<LlmRequest, InvalidRequest> {
    let fields = request.as_object_mut().filter(|_| dialect.is_addressed());
    let Some(fields) = fields else {
        return LlmRequest::parse(dialect, request.to_string().into());
    };
    let model = fields.shift_remove("model");
    let model = model.as_ref().and_then(Value::as_str).unwrap_or_default();
    let stream = fields.shift_remove("stream") == Some(true.into());
    LlmRequest::parse_addressed(dialect, model, stream, request.to_string().into())
}

/// The documents of a dialect, each with a place for one part of it.
pub(super) struct Shape {
    /// The field of a request that holds the conversation.
    pub(super) messages: &'static str,
    /// A turn of the user's, and its text.
    pub(super) user: Place,
    /// Whose turns, to be read as they were meant, must not be the last.
    pub(super) not_last: &'static [&'static str],
    /// A turn around one piece of what was said, for each of these types of pieces. The last one
    /// takes all others.
    pub(super) pieces: &'static [(&'static [&'static str], Place)],
    /// Where a turn has its pieces: the first of these places that there is.
    pub(super) pieces_at: &'static [&'static str],
    /// A piece that is a text.
    pub(super) text: Place,
    /// A turn that is what came of a call as a whole.
    pub(super) is_result: fn(&Value) -> bool,
    /// A turn in which a tool is called, and the call's id.
    pub(super) call: Place,
    /// The name of the tool in it.
    pub(super) call_name: &'static str,
    /// A turn with what came of a call, and the call's id.
    pub(super) result: Place,
    /// What came of it in that turn.
    pub(super) result_at: &'static str,
    /// A request with a tool, and the schema of its arguments.
    pub(super) schema: Place,
    /// An answer, and the reason for stopping.
    pub(super) stop: Place,
    /// An answer, and its usage.
    pub(super) usage: Place,
    /// Makes a part of an answer a whole one.
    pub(super) whole: fn(Value) -> Value,
    /// The part that is left of an answer without what had to be made up for it.
    pub(super) part: fn(Value) -> Value,
    /// The event with which a stream begins.
    pub(super) start: &'static str,
    /// Whether it is one.
    pub(super) is_start: fn(&Value) -> bool,
    /// The events in which usage was told that is counted up, as a list of what each said.
    pub(super) counted_up: fn(&Value) -> Option<Vec<Value>>,
}

impl Shape {
    /// A turn around this piece.
    pub(super) fn turn(&self, piece: Value) -> Value {
        let kind = piece.get("type").and_then(Value::as_str);
        let (last, others) = self.pieces.split_last().expect("there is one at least");
        let kind = kind.unwrap_or_default();
        let place = others.iter().find(|(kinds, _)| kinds.contains(&kind));
        place.unwrap_or(last).1.with(piece)
    }

    /// The piece that this turn was made of, or what became of it.
    pub(super) fn piece(&self, mut turn: Value) -> Value {
        if (self.is_result)(&turn) {
            return turn;
        }
        let mut places = self.pieces_at.iter();
        let found = places.find_map(|at| turn.pointer_mut(at).map(Value::take));
        match found {
            Some(Value::Array(mut pieces)) if pieces.len() == 1 => pieces.swap_remove(0),
            Some(Value::String(text)) => self.text.with(text.into()),
            Some(pieces) => pieces,
            None => turn,
        }
    }

    /// The event with which a stream begins.
    pub(super) fn start(&self) -> Value {
        read(self.start)
    }
}

/// A document with a place in it that is to be filled.
pub(super) struct Place {
    pub(super) json: &'static str,
    /// A JSON pointer.
    pub(super) at: &'static str,
}

impl Place {
    /// The document with this in that place.
    pub(super) fn with(&self, value: Value) -> Value {
        let mut document = read(self.json);
        *document.pointer_mut(self.at).expect("it has such a place") = value;
        document
    }

    /// What another document has in that place.
    pub(super) fn of(&self, document: &Value) -> Option<Value> {
        document.pointer(self.at).cloned()
    }
}

fn read(json: &str) -> Value {
    serde_json::from_str(json).expect("it is JSON")
}

#[cfg(test)]
mod tests {
    use super::*;
    use buttress_llm::{StreamReader, read_finish};

    /// This fails when a dialect is added, until its parts are known here.
    #[test]
    fn the_parts_of_every_dialect_are_known() {
        for dialect in Dialect::ALL {
            let shape = of(dialect).unwrap();
            let turn = shape.user.with("Hi".into());
            for (_, place) in shape.pieces {
                place.with(Value::Null);
            }
            shape.text.with("Hi".into());
            shape
                .call
                .with("id".into())
                .pointer(shape.call_name)
                .unwrap();
            shape
                .result
                .with("id".into())
                .pointer(shape.result_at)
                .unwrap();
            let mut request = shape.schema.with(read("{}"));
            request["model"] = "m".into();
            request[shape.messages] = vec![turn].into();
            parse(dialect, request).unwrap();

            let answer = shape.stop.with("odd".into()).to_string();
            let finish = read_finish(dialect, answer.as_bytes()).unwrap();
            assert!(&*finish.raw == "odd" || finish.why.as_deref() == Some("odd"));
            shape.usage.with(read("{}"));

            let start = shape.start();
            assert!((shape.is_start)(&start));
            let mut reader = StreamReader::new(dialect);
            reader.push(format!("data: {start}\n\n").into());
            assert!(!reader.next_item().unwrap().is_content());
        }
    }
}
