//! The steps in which tasks go from one state to another, each as one script.

use buttress_store::redis::Script;

macro_rules! script {
    ($($piece:literal)*) => {
        Script::new(&[$(include_str!(concat!("lua/", $piece, ".lua"))),*])
    };
}

#[derive(Clone)]
pub(super) struct Scripts {
    pub(super) enqueue: Script,
    pub(super) claim: Script,
    pub(super) renew: Script,
    pub(super) finish: Script,
    pub(super) postpone: Script,
    pub(super) bury: Script,
    pub(super) inspect: Script,
    pub(super) list: Script,
    pub(super) counts: Script,
    pub(super) retry: Script,
    pub(super) remove: Script,
    pub(super) discard: Script,
    pub(super) sweep: Script,
    pub(super) look: Script,
    pub(super) take: Script,
}

impl Scripts {
    pub(super) fn new() -> Self {
        Self {
            enqueue: script!("common" "move" "forget" "put" "enqueue"),
            claim: script!("common" "urgent" "move" "claim"),
            renew: script!("common" "urgent" "move" "renew"),
            finish: script!("common" "urgent" "move" "finish"),
            postpone: script!("common" "urgent" "move" "postpone"),
            bury: script!("common" "urgent" "move" "bury"),
            inspect: script!("common" "record" "inspect"),
            list: script!("common" "record" "list"),
            counts: script!("common" "counts"),
            retry: script!("common" "urgent" "move" "retry"),
            remove: script!("common" "urgent" "move" "forget" "remove"),
            discard: script!("common" "urgent" "move" "forget" "discard"),
            sweep: script!("common" "urgent" "move" "forget" "sweep"),
            look: script!("look"),
            take: script!("common" "move" "forget" "put" "take"),
        }
    }
}
