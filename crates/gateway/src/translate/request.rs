//! Requests, and parts of them.

use super::{
    Translated,
    shape::{self, Shape},
    side::Speaker,
};
use buttress_llm::{Dialect, InvalidRequest, Target};
use serde_json::{Map, Value, json};

pub(super) struct Sides {
    dialect: Dialect,
    from: &'static Shape,
    to: &'static Shape,
    target: Target,
}

/// What stands where a request has to have a turn and none was given.
const NOBODY: &str = "buttress-translate-has-no-turn-here";

/// The model of a request that names none. It is taken for one of the newest.
const ANY_MODEL: &str = "any";

impl Sides {
    pub(super) fn new(from: Speaker, to: Speaker, model: Option<&str>) -> Result<Self, String> {
        let target = to.target();
        Ok(Self {
            dialect: from.dialect,
            from: shape::of(from.dialect)?,
            to: shape::of(to.dialect)?,
            target: match model {
                Some(model) => target.model(model),
                None => target,
            },
        })
    }

    /// A request whose stream should tell its usage.
    pub(super) fn with_usage(&self, input: Value) -> Result<Translated, String> {
        let target = self.target.clone().include_usage(true);
        let sides = Self { target, ..*self };
        sides.translate(input)
    }

    pub(super) fn translate(&self, input: Value) -> Result<Translated, String> {
        let Value::Object(mut fields) = input else {
            // The rule has words for it.
            return self.encode(&input);
        };
        let one = fields.len() == 1;
        let has = |name| fields.contains_key(name);
        if has(self.from.messages) || has("model") {
            return self.fields(fields);
        }
        if has("tool_result") {
            return self.result(fields);
        }
        if one && has("schema") {
            return self.schema(fields["schema"].take());
        }
        if one && has("id") {
            return self.id(&fields["id"]);
        }
        if has("role") {
            return self.turn(fields.into());
        }
        if has("type") {
            return self.piece(fields.into());
        }
        self.fields(fields)
    }

    fn encode(&self, request: &Value) -> Result<Translated, String> {
        let request = shape::parse(self.dialect, request.clone());
        let encoded = request.and_then(|request| request.encode(&self.target));
        let encoded = encoded.map_err(|error| match error {
            InvalidRequest::CannotRead { why, .. } => why.to_string(),
            why => why.to_string(),
        })?;
        let output = serde_json::from_slice(&encoded.body);
        Ok(Translated {
            output: output.map_err(|error| error.to_string())?,
            notes: encoded.notes,
        })
    }

    /// A request, or some of its fields.
    fn fields(&self, mut fields: Map<String, Value>) -> Result<Translated, String> {
        let named = fields.contains_key("model");
        let spoken = fields.contains_key(self.from.messages);
        if !named {
            fields.insert("model".to_owned(), ANY_MODEL.into());
        }
        if !spoken {
            let nobody = vec![self.from.user.with(NOBODY.into())];
            fields.insert(self.from.messages.to_owned(), nobody.into());
        }
        let mut translated = self.encode(&fields.into())?;
        if let Some(fields) = translated.output.as_object_mut() {
            if !named {
                fields.shift_remove("model");
            }
            if !spoken {
                let turns = self.take_turns(fields);
                if !turns.is_empty() {
                    fields.insert(self.to.messages.to_owned(), turns.into());
                }
            }
        }
        Ok(translated)
    }

    /// Translates these turns of a conversation, and what they are there.
    fn turns(&self, mut turns: Vec<Value>) -> Result<(Vec<Value>, Translated), String> {
        let last = turns.last().map(|turn| &turn["role"]);
        let role = last.and_then(Value::as_str).unwrap_or_default();
        if self.from.not_last.contains(&role) {
            turns.push(self.from.user.with(NOBODY.into()));
        }
        let request = json!({"model": ANY_MODEL, self.from.messages: turns});
        let mut translated = self.encode(&request)?;
        let mut turns = Vec::new();
        if let Some(fields) = translated.output.as_object_mut() {
            turns = self.take_turns(fields);
            fields.shift_remove("model");
            fields.shift_remove("max_tokens");
        }
        Ok((turns, without_limit(translated)))
    }

    /// The turns of a request, without those that had to be made up.
    fn take_turns(&self, fields: &mut Map<String, Value>) -> Vec<Value> {
        let Some(Value::Array(mut turns)) = fields.shift_remove(self.to.messages) else {
            return Vec::new();
        };
        turns.retain(|turn| !turn.to_string().contains(NOBODY));
        turns
    }

    /// One turn. It may become several, or none but a field of the request.
    fn turn(&self, turn: Value) -> Result<Translated, String> {
        let (mut turns, mut translated) = self.turns(vec![turn])?;
        match turns.len() {
            1 => translated.output = turns.swap_remove(0),
            0 => {}
            _ => translated.output[self.to.messages] = turns.into(),
        }
        Ok(translated)
    }

    /// A piece of what was said.
    fn piece(&self, piece: Value) -> Result<Translated, String> {
        // What is declared, and not called, is a field of its own.
        if let Some(Value::Object(function)) = piece.get("function")
            && !function.contains_key("arguments")
        {
            return self.tool(piece);
        }
        let translated = self.turn(self.from.turn(piece))?;
        Ok(self.one_piece(translated))
    }

    fn one_piece(&self, mut translated: Translated) -> Translated {
        if translated.output.get("role").is_some() {
            translated.output = self.to.piece(translated.output);
        }
        translated
    }

    /// A tool, as it is declared.
    fn tool(&self, tool: Value) -> Result<Translated, String> {
        let mut translated = self.fields(Map::from_iter([("tools".to_owned(), json!([tool]))]))?;
        if let Some(tool) = translated.output.pointer_mut("/tools/0").map(Value::take) {
            translated.output = tool;
        }
        Ok(without_limit(translated))
    }

    /// The schema of a tool's arguments.
    fn schema(&self, schema: Value) -> Result<Translated, String> {
        let Value::Object(fields) = self.from.schema.with(schema) else {
            unreachable!("a request is an object");
        };
        let mut translated = self.fields(fields)?;
        let schema = self.to.schema.of(&translated.output).unwrap_or_default();
        translated.output = json!({ "schema": schema });
        Ok(without_limit(translated))
    }

    /// The id of a call, and of what came of it.
    fn id(&self, id: &Value) -> Result<Translated, String> {
        let turns = vec![
            self.from.call.with(id.clone()),
            self.from.result.with(id.clone()),
        ];
        let (turns, mut translated) = self.turns(turns)?;
        let ids = (
            turns.first().and_then(|turn| self.to.call.of(turn)),
            turns.get(1).and_then(|turn| self.to.result.of(turn)),
        );
        translated.output = match ids {
            (Some(call), Some(result)) if call == result => json!({ "id": call }),
            (call, result) => json!({"call": call, "result": result}),
        };
        Ok(translated)
    }

    /// What came of a call: `{"tool_result": …, "name_of_call": "f"}`.
    fn result(&self, mut fields: Map<String, Value>) -> Result<Translated, String> {
        let mut result = self.from.result.with(Value::Null);
        let at = result.pointer_mut(self.from.result_at);
        let (Some(Value::Object(at)), Value::Object(said)) = (at, fields["tool_result"].take())
        else {
            return Err("`tool_result` must be an object".to_owned());
        };
        at.extend(said);
        let id = self.from.result.of(&result).unwrap_or_default();
        let mut call = self.from.call.with(id);
        if let (Some(name), Some(at)) = (
            fields.shift_remove("name_of_call"),
            call.pointer_mut(self.from.call_name),
        ) {
            *at = name;
        }
        let (mut turns, mut translated) = self.turns(vec![call, result])?;
        turns.drain(..1.min(turns.len()));
        match turns.len() {
            1 => translated.output = turns.swap_remove(0),
            _ => translated.output[self.to.messages] = turns.into(),
        }
        Ok(self.one_piece(translated))
    }
}

/// Leaves out that a limit was added to the request that had to be made up.
fn without_limit(mut translated: Translated) -> Translated {
    translated.notes.retain(|note| *note != "added max_tokens");
    translated
}
