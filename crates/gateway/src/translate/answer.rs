//! Answers, and parts of them: why the model stopped, and the usage.

use super::{
    Translated,
    events::Events,
    shape::{self, Shape},
    side::Speaker,
};
use buttress_llm::{AnswerTranslator, Stop, read_finish};
use bytes::Bytes;
use serde_json::Value;

pub(super) struct Sides {
    from: Side,
    to: Side,
}

struct Side {
    speaker: Speaker,
    shape: &'static Shape,
}

pub(super) const NO_REASON: &str = "a reason for stopping must be a text";

impl Sides {
    pub(super) fn new(from: Speaker, to: Speaker) -> Result<Self, String> {
        let side = |speaker: Speaker| {
            let shape = shape::of(speaker.dialect)?;
            Ok::<_, String>(Side { speaker, shape })
        };
        Ok(Self {
            from: side(from)?,
            to: side(to)?,
        })
    }

    /// An answer; or some of it, without id and model.
    pub(super) fn response(&self, mut input: Value) -> Result<Translated, String> {
        let Some(fields) = input.as_object_mut() else {
            return Err("the answer must be a JSON object".to_owned());
        };
        // How it was asked for is not told by an answer itself.
        let json_tool = fields.shift_remove("emulated_json_tool") == Some(true.into());
        let part = !fields.contains_key("id") && !fields.contains_key("model");
        if self.is_same() {
            return Ok(input.into());
        }
        let answer = if part {
            (self.from.shape.whole)(input)
        } else {
            input
        };
        let mut translated = self.write(&answer, json_tool)?;
        if part {
            let usage = self.from.shape.usage.of(&answer);
            if usage.is_none_or(|usage| usage.is_null()) {
                let name = self.to.shape.usage.at.trim_start_matches('/');
                let fields = translated.output.as_object_mut();
                fields.and_then(|fields| fields.shift_remove(name));
            }
            translated.output = (self.to.shape.part)(translated.output);
        }
        Ok(translated)
    }

    /// Why a model stopped.
    pub(super) fn stop_reason(&self, reason: &Value) -> Result<Translated, String> {
        let reason = reason.as_str().ok_or(NO_REASON)?;
        let answer = self.from.shape.stop.with(reason.into());
        if self.is_same() {
            if self.from.speaker == self.to.speaker {
                return Ok(Value::from(reason).into());
            }
            // Whoever speaks like another may have words of its own all the same.
            let finish = read_finish(self.from.speaker.dialect, answer.to_string().as_bytes());
            return Ok(match finish.map(|finish| finish.stop) {
                None | Some(Stop::Other) => Value::from(reason).into(),
                Some(stop) => Value::from(stop.as_str()).into(),
            });
        }
        let translated = self.write(&answer, false)?;
        let output = self.to.shape.stop.of(&translated.output);
        Ok(Translated {
            output: output.unwrap_or_default(),
            ..translated
        })
    }

    /// What an answer was counted as.
    pub(super) fn usage(&self, usage: Value) -> Result<Translated, String> {
        if !usage.is_object() {
            return Err("usage must be a JSON object".to_owned());
        }
        if let Some(events) = (self.from.shape.counted_up)(&usage) {
            let (from, to) = (self.from.speaker.dialect, self.to.speaker.dialect);
            let usage = Events::usage(from, to, &events);
            return Ok(usage.ok_or("no usage is told in the end")?.into());
        }
        if self.is_same() {
            return Ok(usage.into());
        }
        let translated = self.write(&self.from.shape.usage.with(usage), false)?;
        let output = self.to.shape.usage.of(&translated.output);
        Ok(Translated {
            output: output.unwrap_or_default(),
            ..translated
        })
    }

    fn is_same(&self) -> bool {
        self.from.speaker.dialect == self.to.speaker.dialect
    }

    /// Writes an answer in the other dialect.
    fn write(&self, answer: &Value, json_tool: bool) -> Result<Translated, String> {
        let (from, to) = (self.from.speaker.dialect, self.to.speaker.dialect);
        let body = Bytes::from(answer.to_string());
        let translator = AnswerTranslator::new(from, to).json_tool(json_tool);
        let written = translator.write_noting(&body);
        let (written, notes) = written.map_err(|error| error.to_string())?;
        let output = serde_json::from_slice(&written).map_err(|error| error.to_string())?;
        Ok(Translated { output, notes })
    }
}
