//! A model that answers with what reached it, so that an SDK sees what was lost on the way.
//!
//! | asked | it answers |
//! |---|---|
//! | with tools | two calls at once, of `weather` for Berlin and for Paris |
//! | with the results of these | what they are |
//! | for a schema | JSON that fits it |
//! | with images | of what type and size they are |
//! | for the rest of what it began | the rest |
//! | anything else | what the system prompt and the user said |

use crate::{
    prompt::{Problem, Prompt},
    write,
};
use buttress_testkit::{Received, Reply};
use serde_json::{Value, json};

const CALLS: [(&str, &str); 2] = [("Berlin", "first"), ("Paris", "second")];

pub fn reply(call: &Received) -> Reply {
    if call.model().ends_with("-unprocessable") {
        return write::refusal(call.dialect(), &Problem::Unprocessable);
    }
    if call.model().ends_with("-half") {
        return match call.json().to_string().contains(r#""One two""#) {
            true => Reply::text(" three four."),
            false => Reply::text("One two three four.").close_after(2),
        };
    }
    let mut request = call.json();
    if call.model().ends_with("-leaves") {
        // It keeps the conversation as well, until it is gone.
        match request["thread"]["type"].as_str() {
            Some("continue") => return Reply::overloaded(),
            _ => request["thread"] = Value::Null,
        }
    }
    let prompt = match Prompt::read(call.dialect(), &request) {
        Ok(prompt) => prompt,
        // As the providers refuse it.
        Err(problem) => return write::refusal(call.dialect(), &problem),
    };
    let weather = json!({ "city": "Berlin", "degrees": 21 });
    if !prompt.results.is_empty() {
        if call.model().ends_with("-leaves") {
            return Reply::overloaded();
        }
        return Reply::text(format!("The results are {}.", prompt.results.join(" and ")));
    }
    if let Some(tool) = &prompt.forced {
        return write::tool_calls(call, &[("only", tool, weather)]);
    }
    if prompt.has_schema {
        return Reply::text(weather.to_string());
    }
    if prompt.tools.iter().any(|tool| tool == "weather") {
        let calls = CALLS.map(|(city, id)| (id, "weather", json!({ "city": city })));
        return write::tool_calls(call, &calls);
    }
    if !prompt.images.is_empty() {
        return Reply::text(format!("I see {}.", prompt.images.join(" and ")));
    }
    Reply::text(format!("{} said: {}", prompt.system, prompt.user))
}
