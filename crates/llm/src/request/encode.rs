use super::{Encoded, InvalidRequest, LlmRequest, Str, Target, fields::range_of, splice::Splice};
use crate::{
    Dialect,
    cross::{Crossing, IdRule, Prompt},
    stream::json,
};
use std::{str, sync::Arc};

/// A request that has been written for a place.
#[derive(Debug)]
pub(super) struct Ahead {
    target: Target,
    encoded: Encoded,
}

impl LlmRequest {
    /// Writes the request for this place.
    ///
    /// Where its own dialect is spoken, the bytes are its caller's, with only the model, the
    /// limit on tokens, the ids of tool calls and the form of the answer changed if they have to be,
    /// and a stream's usage asked for if configured: unknown fields, their order and white space
    /// survive. If nothing changes, they are the very same bytes.
    ///
    /// For another dialect the conversation is decoded and written anew: text, system prompts,
    /// sampling parameters, stop sequences, the limit on tokens, the user's id and whether to
    /// stream. What has no equivalent there and can be left out is, with a note.
    ///
    /// # Errors
    /// The other dialect can't express something that can't be left out, or a field to be
    /// translated says something that it can't.
    pub fn encode(&self, target: &Target) -> Result<Encoded, InvalidRequest> {
        if self.dialect == target.dialect {
            return Ok(self.carried_on(self.amend(target), target));
        }
        if let Some(ahead) = &self.ahead
            && ahead.target == *target
        {
            return Ok(ahead.encoded.clone());
        }
        let encoded = self.carry_over(target).map_err(|why| match why {
            InvalidRequest::CannotCross { .. } => why,
            why => InvalidRequest::CannotRead {
                why: Box::new(why),
                from: self.dialect,
                to: target.dialect,
            },
        })?;
        Ok(self.carried_on(encoded, target))
    }

    fn carried_on(&self, encoded: Encoded, target: &Target) -> Encoded {
        match &self.said {
            Some(said) => encoded.carrying_on(said, target, self.model_at(target)),
            None => encoded,
        }
    }

    /// Writes the request for this place ahead of time, if that is work that may fail: so whoever
    /// has to wait before it is sent does not wait in vain. To [encode](Self::encode) it for the
    /// same place then costs nothing.
    ///
    /// # Errors
    /// Those of [`encode`](Self::encode).
    pub fn encode_ahead(&mut self, target: &Target) -> Result<(), InvalidRequest> {
        if self.dialect != target.dialect {
            let encoded = self.encode(target)?;
            let target = target.clone();
            self.ahead = Some(Arc::new(Ahead { target, encoded }));
        }
        Ok(())
    }

    /// Writes it in the other dialect.
    fn carry_over(&self, target: &Target) -> Result<Encoded, InvalidRequest> {
        let text = str::from_utf8(&self.body).expect("checked when it was parsed");
        let crossing = Crossing {
            from: self.dialect,
            to: target.dialect,
        };
        let mut prompt = Prompt::decode(text, crossing)?;
        if self.dialect.is_addressed() {
            prompt.stream = self.streams();
        }
        prompt.model = self.model_at(target).into();
        prompt.settle_format(target);
        let asked = prompt.max_tokens;
        prompt.max_tokens = target.clamp(asked);
        if asked != prompt.max_tokens {
            prompt.note(if asked.is_some() { CLAMPED } else { LIMITED });
        }
        let hide_usage = target.dialect == Dialect::OpenAiChat
            && self.streams()
            && target.asks_for_usage()
            && !prompt.include_usage;
        prompt.include_usage |= hide_usage;
        let body = prompt.encode(target, crossing)?;
        Ok(Encoded {
            body,
            notes: prompt.notes,
            hide_usage,
            json_tool: prompt.json_tool,
            echoes: false,
        })
    }

    /// Changes what has to be changed, and nothing else.
    pub(super) fn amend(&self, target: &Target) -> Encoded {
        let index = &*self.index;
        let mut splice = Splice::default();
        let mut notes = Vec::new();

        let model = self.model_at(target);
        if let Some(at) = &index.model_at
            && *model != *index.model
        {
            splice.replace(at.clone(), json(model));
        }

        // There is a field, so what is put in front of the first one ends in a comma.
        let front = self.body.iter().position(|&byte| byte == b'{');
        let front = front.map_or(0, |brace| brace + 1);

        if let Some(most) = target.max_output_tokens {
            if index.max_tokens().is_none() {
                let name = self.dialect.max_tokens_field(target);
                match &index.limits[self.dialect.field(name).slot()] {
                    Some(null) => splice.replace(null.at.clone(), most.to_string()),
                    // Where there is an object for it, it stands in there.
                    None if self.dialect == Dialect::Gemini => match &index.generation {
                        Some(generation) if generation.has_fields => {
                            let first = generation.at.start + 1;
                            splice.insert(first, format!("\"{name}\":{most},"));
                        }
                        Some(empty) => {
                            splice.replace(empty.at.clone(), format!("{{\"{name}\":{most}}}"));
                        }
                        None => splice.insert(
                            front,
                            format!("\"generationConfig\":{{\"{name}\":{most}}},"),
                        ),
                    },
                    None => splice.insert(front, format!("\"{name}\":{most},")),
                }
                notes.push(LIMITED);
            }
            for limit in index.limits.iter().flatten() {
                if limit.tokens.is_some_and(|tokens| tokens > most) {
                    splice.replace(limit.at.clone(), most.to_string());
                    notes.push(CLAMPED);
                }
            }
            notes.dedup();
        }

        if target.nine_letter_ids {
            const NINE: IdRule = IdRule::Exactly(9);
            let text = str::from_utf8(&self.body).expect("checked when it was parsed");
            for raw in self.dialect.call_ids(text) {
                if let Ok(Str(id)) = serde_json::from_str(raw.get())
                    && !NINE.fits(&id)
                {
                    splice.replace(range_of(raw.get(), text), json(&NINE.fit(&id)));
                }
            }
        }

        let hide_usage = target.asks_for_usage() && self.streams() && !self.includes_usage();
        if hide_usage {
            const ASK: &str = "\"include_usage\":true";
            match &index.stream_options {
                None => splice.insert(front, format!("\"stream_options\":{{{ASK}}},")),
                Some(options) => match &options.include_usage_at {
                    Some(at) => splice.replace(at.clone(), "true"),
                    None if options.has_fields => {
                        splice.insert(options.at.start + 1, format!("{ASK},"));
                    }
                    None => splice.replace(options.at.clone(), format!("{{{ASK}}}")),
                },
            }
        }
        self.tell_format(target, &mut splice, &mut notes);
        Encoded {
            body: splice.apply(&self.body),
            notes,
            hide_usage,
            json_tool: false,
            echoes: false,
        }
    }
}

const CLAMPED: &str = "clamped max_tokens";
/// A limit where the request had none.
const LIMITED: &str = "added max_tokens";
