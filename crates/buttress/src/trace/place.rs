use crate::Route;
use buttress_llm::Provider;
use std::sync::Arc;

/// Who is asked in which route.
#[derive(Clone)]
pub(super) struct Places(Arc<[(Arc<str>, Place)]>);

/// Who is asked.
pub(super) struct Place {
    pub(super) provider: &'static str,
    pub(super) host: Box<str>,
    pub(super) port: Option<i64>,
}

impl Places {
    pub(super) fn new<'a>(routes: impl IntoIterator<Item = &'a Route>) -> Self {
        let place = |route: &Route| {
            let address = route.client().address();
            let place = Place {
                provider: provider(route.client().provider()),
                host: address.map_or("", |(host, _)| host).into(),
                port: address.map(|(_, port)| port.into()),
            };
            (Arc::clone(route.name()), place)
        };
        Self(routes.into_iter().map(place).collect())
    }

    pub(super) fn of(&self, route: Option<&Arc<str>>) -> Option<&Place> {
        let route = route?;
        let found = self.0.iter().find(|(name, _)| name == route);
        found.map(|(_, place)| place)
    }
}

/// The name that the conventions know a provider by, or else the one it has here.
const fn provider(provider: Provider) -> &'static str {
    match provider {
        Provider::Azure => "azure.ai.openai",
        Provider::Bedrock => "aws.bedrock",
        Provider::Gemini => "gcp.gemini",
        Provider::Mistral => "mistral_ai",
        Provider::Xai => "x_ai",
        other => other.as_str(),
    }
}
