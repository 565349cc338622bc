use super::{
    Lookup,
    documented::documented,
    fields::Fields,
    store::{self, StoreUrl},
    value::{Wrong, duration, flag, one_of, size},
};
use buttress_client::Secret;
use std::time::Duration;

documented! {
    /// `[journal]`: what is recorded of sessions, so that they resume.
    #[derive(Clone, Debug)]
    #[non_exhaustive]
    pub struct Journal {
        /// Where; `None` is: nothing is recorded.
        pub store: Option<StoreUrl>,
        /// The environment variable with that address, which goes before what a file says.
        pub url_env: String,
        /// The environment variable with the keys that seal what is kept.
        pub seal_keys_env: String,
        /// The keys themselves, the one that seals first; `None` keeps it as it is.
        pub seal_keys: Option<Secret>,
        /// What becomes of a request that changed at a step that was given: it is answered anew, on
        /// a branch, or refused.
        pub on_change: OnChange,
        /// Whether requests are kept with their answers.
        pub keep_requests: bool,
        /// How long a session is kept after its last record.
        pub max_age: Duration,
        /// How large an answer may be to be recorded.
        pub max_answer: usize,
    }
}

/// What becomes of a request that changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum OnChange {
    /// It is answered anew, and begins another branch.
    Branch,
    /// It is refused.
    Refuse,
}

/// The variable with the address of the store, unless another one is named.
const URL: &str = "BUTTRESS_JOURNAL_URL";

const CHANGES: [(&str, OnChange); 2] = [("branch", OnChange::Branch), ("refuse", OnChange::Refuse)];

impl Default for Journal {
    fn default() -> Self {
        Self {
            store: None,
            url_env: URL.to_owned(),
            seal_keys_env: store::SEAL_KEYS.to_owned(),
            seal_keys: None,
            on_change: OnChange::Branch,
            keep_requests: false,
            max_age: Duration::from_secs(7 * 86_400),
            max_answer: 16 << 20,
        }
    }
}

impl Journal {
    pub(super) fn read(&mut self, fields: &mut Fields<'_>, env: Lookup<'_>) {
        fields.of::<Self>();
        self.store = StoreUrl::read(fields, &mut self.url_env, env);
        self.seal_keys = store::seal_keys(fields, &mut self.seal_keys_env, env);
        fields.set("on_change", &mut self.on_change, one_of(&CHANGES));
        fields.set("keep_requests", &mut self.keep_requests, flag());
        let days = duration(Duration::from_secs(1)..=Duration::from_secs(365 * 86_400));
        fields.set("max_age", &mut self.max_age, days);
        fields.set("max_answer", &mut self.max_answer, size(1 << 10..=32 << 20));
    }

    /// Without a file: there is one where the variable says where it is. What is wrong is told with
    /// the name of its variable.
    pub(super) fn from_env(env: Lookup<'_>) -> Result<Self, (&'static str, Wrong)> {
        Ok(Self {
            store: StoreUrl::from_env(env, URL)?,
            seal_keys: store::keys_from_env(env)?,
            ..Self::default()
        })
    }
}
