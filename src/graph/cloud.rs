//! The clouds that Microsoft runs, each with its own login and Graph hosts.

use serde::{Deserialize, Serialize};

/// A Microsoft cloud. A closed list: no text from outside ever names a host.
///
/// Hosts: Microsoft, "National clouds" (entra: authentication-national-cloud) and "National cloud deployments" (graph: deployments).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Cloud {
    /// The global service, and GCC.
    Global,
    /// US Government L4 (GCC High).
    UsGovL4,
    /// US Government L5 (`DoD`).
    UsGovL5,
    /// China, operated by 21Vianet.
    China,
}

impl Cloud {
    /// Root of the identity platform.
    pub fn login_url(self) -> &'static str {
        match self {
            Self::Global => "https://login.microsoftonline.com",
            Self::UsGovL4 | Self::UsGovL5 => "https://login.microsoftonline.us",
            Self::China => "https://login.partner.microsoftonline.cn",
        }
    }

    /// Root of Graph, without version. Also the resource that a token is asked for, even when the settings send calls elsewhere.
    pub fn graph_url(self) -> &'static str {
        match self {
            Self::Global => "https://graph.microsoft.com",
            Self::UsGovL4 => "https://graph.microsoft.us",
            Self::UsGovL5 => "https://dod-graph.microsoft.us",
            Self::China => "https://microsoftgraph.chinacloudapi.cn",
        }
    }

    /// The scope of a client-credentials token.
    pub fn scope(self) -> String {
        format!("{}/.default", self.graph_url())
    }

    /// The stored word, the same as in the GraphQL API.
    pub fn label(self) -> &'static str {
        match self {
            Self::Global => "GLOBAL",
            Self::UsGovL4 => "US_GOV_L4",
            Self::UsGovL5 => "US_GOV_L5",
            Self::China => "CHINA",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_clouds_addresses_are_https_roots_and_its_scope_is_its_own_graph() {
        for cloud in [Cloud::Global, Cloud::UsGovL4, Cloud::UsGovL5, Cloud::China] {
            for address in [cloud.login_url(), cloud.graph_url()] {
                let url = url::Url::parse(address).unwrap();
                assert_eq!((url.scheme(), url.path(), url.has_host()), ("https", "/", true), "{address}");
            }
            assert_eq!(cloud.scope(), format!("{}/.default", cloud.graph_url()));
            assert_eq!(serde_json::to_value(cloud).unwrap(), cloud.label());
        }
    }
}
