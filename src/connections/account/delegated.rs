//! Calls that the signed-in account makes.

use super::{records::REMEDY, token::NoToken};
use crate::{
    connections::{ConnectionError, opened::Connected},
    graph::{AccountGrant, Graph as _, GraphError, Request, Response, Session, Verdict},
};

/// A call, to be made with whichever token.
pub(in crate::connections) enum Delegated<'a> {
    /// As `Graph::send`.
    Send(&'a Request),
    /// As `Graph::follow`.
    Follow(&'a str, &'a Request),
}

impl Delegated<'_> {
    fn request(&self) -> &Request {
        match self {
            Self::Send(request) | Self::Follow(_, request) => request,
        }
    }

    async fn over(&self, session: &Session) -> Result<Response, GraphError> {
        match self {
            Self::Send(request) => session.send((*request).clone()).await,
            Self::Follow(link, like) => session.follow(link, like).await,
        }
    }
}

impl Connected {
    /// Makes a call as the account; as the application where nobody ever signed in, so that Microsoft's own refusal is told. A 401
    /// gets one fresh token and one repeat: it means that nothing was done.
    pub(in crate::connections) async fn delegated(&self, call: Delegated<'_>) -> Result<Response, GraphError> {
        let Some(grant) = self.grant(call.request()).await? else { return call.over(&self.session).await };
        let answer = call.over(&self.session.on_behalf_of(&grant)).await;
        if !answer.as_ref().is_err_and(|error| error.verdict == Verdict::Unauthorized) {
            return answer;
        }
        self.connections.account_refused(&self.scope, &grant).await;
        match self.grant(call.request()).await? {
            Some(fresh) => call.over(&self.session.on_behalf_of(&fresh)).await,
            None => answer,
        }
    }

    async fn grant(&self, call: &Request) -> Result<Option<AccountGrant>, GraphError> {
        self.connections.account_grant(&self.scope, Some(call)).await.map_err(|error| match error {
            NoToken::Lost(reason) => unsent(Verdict::Unauthorized, "signInLost", format!("{reason}. {REMEDY}")),
            // Whatever is wrong with the application is for its own calls to find out.
            NoToken::Refused(error) if error.verdict == Verdict::Credential => GraphError { verdict: Verdict::Transient, ..error },
            NoToken::Refused(error) => error,
            NoToken::Failed(error) => {
                let organisation = self.scope.organisation();
                tracing::error!(%organisation, error = &error as &dyn std::error::Error, "no token of the Teams account could be had");
                let text = match error {
                    ConnectionError::NoConnection => "no connection is registered",
                    _ => "the stored sign-in could not be used",
                };
                unsent(Verdict::Transient, "signInUnusable", text.to_owned())
            }
        })
    }
}

fn unsent(verdict: Verdict, code: &str, message: String) -> GraphError {
    GraphError {
        verdict,
        code: code.to_owned(),
        message,
        status: None,
        request_id: None,
        detail: serde_json::Value::Null,
        elapsed: std::time::Duration::ZERO,
        source: None,
    }
}
