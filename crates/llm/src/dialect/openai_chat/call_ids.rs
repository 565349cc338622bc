use crate::request::Fields;
use serde_json::value::RawValue;

/// The ids of the calls in a request and of their results. What does not look as it should is
/// read over: it goes on as it is, and what is wrong with it is for the provider to say.
pub(crate) fn call_ids(request: &str) -> Vec<&RawValue> {
    let mut ids = Vec::new();
    for messages in values(request, "messages") {
        let messages: Vec<&RawValue> = serde_json::from_str(messages.get()).unwrap_or_default();
        for message in messages {
            ids.extend(values(message.get(), "tool_call_id"));
            for calls in values(message.get(), "tool_calls") {
                let calls: Vec<&RawValue> = serde_json::from_str(calls.get()).unwrap_or_default();
                ids.extend(calls.iter().flat_map(|call| values(call.get(), "id")));
            }
        }
    }
    ids
}

/// The values of this field of an object: more than one where it is repeated.
fn values<'a>(object: &'a str, name: &str) -> impl Iterator<Item = &'a RawValue> + use<'a> {
    let fields = serde_json::from_str(object);
    let Fields(mut fields) = fields.unwrap_or_else(|_| Fields(Vec::new()));
    fields.retain(|(field, _)| field == name);
    fields.into_iter().map(|(_, value)| value)
}
