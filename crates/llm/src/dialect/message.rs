/// What a message of a conversation is to those who may have to leave some out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum MessageKind {
    /// Instructions that hold for the whole conversation.
    System,
    /// The user's: a turn begins.
    Asks,
    /// The model's, that calls tools.
    Calls,
    /// Anything else: what belongs to the turn that was begun.
    Follows,
}
