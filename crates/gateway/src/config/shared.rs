use super::{
    Lookup,
    documented::documented,
    fields::Fields,
    store::{self, StoreUrl},
    value::Wrong,
};

documented! {
    /// `[shared]`: what gateways tell each other of their circuits and keys.
    #[derive(Clone, Debug)]
    #[non_exhaustive]
    pub struct Shared {
        /// The Redis server over which they do; `None` is: each finds out everything by itself.
        pub server: Option<StoreUrl>,
        /// The environment variable with that address, which goes before what a file says: it may
        /// have a password in it.
        pub url_env: String,
        /// What those have in common that tell each other.
        pub name: String,
    }
}

/// The variable with the address of the server, unless another one is named.
const URL: &str = "BUTTRESS_SHARED_URL";

impl Default for Shared {
    fn default() -> Self {
        Self {
            server: None,
            url_env: URL.to_owned(),
            name: "buttress".to_owned(),
        }
    }
}

impl Shared {
    pub(super) fn read(&mut self, fields: &mut Fields<'_>, env: Lookup<'_>) {
        fields.of::<Self>();
        self.server = StoreUrl::read_server(fields, &mut self.url_env, env);
        fields.set("name", &mut self.name, store::name("gateways"));
    }

    /// Without a file: there is one where the variable says where it is. What is wrong is told with
    /// the name of its variable.
    pub(super) fn from_env(env: Lookup<'_>) -> Result<Self, (&'static str, Wrong)> {
        Ok(Self {
            server: StoreUrl::server_from_env(env, URL)?,
            ..Self::default()
        })
    }
}
