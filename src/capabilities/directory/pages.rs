//! One paged answer, to its end or not at all.

use std::collections::HashSet;

use serde_json::Value;
use sha2::{Digest, Sha256};
use url::Url;

use super::ReadTrouble;
use crate::graph::{Graph, GraphError, Request, Verdict};

/// Pages that one answer may have. At 999 entries a page that is five times the largest tenant this is built for, and a server that
/// gives links for ever ends here.
const MOST_PAGES: usize = 20_000;

/// A page.
#[derive(Debug)]
pub struct Page {
    /// Its entries.
    pub entries: Vec<Value>,
    /// On a delta's last page: where the next delta begins.
    pub delta_link: Option<String>,
}

/// The pages of one answer, in order.
pub struct Pages<'a, G> {
    graph: &'a G,
    like: Request,
    delta: bool,
    /// Begins at a link of an earlier delta.
    resumes: bool,
    next: Next,
    followed: HashSet<[u8; 32]>,
}

enum Next {
    First,
    Follow(String),
    End,
}

impl<'a, G: Graph> Pages<'a, G> {
    /// The pages of a list. It ends with the first page that has no link.
    pub fn of_list(graph: &'a G, request: Request) -> Self {
        Self { graph, like: request, delta: false, resumes: false, next: Next::First, followed: HashSet::new() }
    }

    /// The pages of a delta from its request on. It ends with a delta link, and nothing else is an end.
    pub fn of_delta(graph: &'a G, request: Request) -> Self {
        Self { delta: true, ..Self::of_list(graph, request) }
    }

    /// The pages of a delta from a link that an earlier one ended with.
    pub fn since(graph: &'a G, link: String, like: Request) -> Self {
        Self { next: Next::Follow(link), resumes: true, ..Self::of_delta(graph, like) }
    }

    /// The next page; `None` after the last.
    pub async fn next(&mut self) -> Result<Option<Page>, ReadTrouble> {
        let answer = match std::mem::replace(&mut self.next, Next::End) {
            Next::End => return Ok(None),
            Next::First => self.graph.send(self.like.clone()).await?,
            Next::Follow(link) => {
                let resumed = self.resumes && self.followed.is_empty();
                self.note(&link)?;
                self.graph.follow(&link, &self.like).await.map_err(|error| self.refused(error, resumed))?
            }
        };
        let request_id = answer.request_id;
        self.read(answer.body).map(Some).map_err(|trouble| ReadTrouble { graph_request_id: request_id, ..trouble })
    }

    /// 410 anywhere in a delta means that Microsoft no longer keeps what changed since. The link of an earlier delta may be unreadable
    /// altogether, to Microsoft or because it leads to where Graph was before; later links are this answer's own, and must be good.
    fn refused(&self, error: GraphError, resumed: bool) -> ReadTrouble {
        let unreadable = matches!(error.verdict, Verdict::NotFound | Verdict::Rejected) || error.is("foreignLink");
        if (self.delta && error.status == Some(410)) || (resumed && unreadable) {
            return ReadTrouble { code: ReadTrouble::DELTA_REFUSED, ..error.into() };
        }
        error.into()
    }

    /// A link that comes again would go round for ever, or hide what lies behind the right one.
    fn note(&mut self, link: &str) -> Result<(), ReadTrouble> {
        if !self.followed.insert(Sha256::digest(link).into()) {
            return Err(ReadTrouble::incomplete("Microsoft gave the same next link twice"));
        }
        if self.followed.len() > MOST_PAGES {
            return Err(ReadTrouble::too_much(format!("more than {MOST_PAGES} pages")));
        }
        Ok(())
    }

    /// Whether a link leads back to the call that began the answer: to its path, with its options and no other.
    fn is_the_beginning(&self, link: &str) -> bool {
        let Ok(link) = Url::parse(link) else { return false };
        let options = |name: &str| !self.like.query.iter().any(|(ours, _)| ours.eq_ignore_ascii_case(name));
        !self.resumes && link.path().ends_with(&self.like.path) && !link.query_pairs().any(|(name, _)| options(&name))
    }

    fn read(&mut self, mut body: Value) -> Result<Page, ReadTrouble> {
        let Some(Value::Array(entries)) = body.get_mut("value").map(Value::take) else {
            return Err(ReadTrouble::incomplete("a page without entries"));
        };
        let next = link(&mut body, "@odata.nextLink")?;
        let delta_link = link(&mut body, "@odata.deltaLink")?;
        match (next, &delta_link) {
            (Some(_), Some(_)) => return Err(ReadTrouble::incomplete("a page that is the last one and is not")),
            (Some(next), None) if self.is_the_beginning(&next) => {
                return Err(ReadTrouble::incomplete("Microsoft gave the same next link twice"));
            }
            (Some(next), None) => self.next = Next::Follow(next),
            (None, None) if self.delta => return Err(ReadTrouble::incomplete("the changes ended without a delta link")),
            (None, _) => self.next = Next::End,
        }
        Ok(Page { entries, delta_link })
    }
}

fn link(body: &mut Value, name: &str) -> Result<Option<String>, ReadTrouble> {
    match body.get_mut(name).map(Value::take) {
        None => Ok(None),
        Some(Value::String(link)) if !link.is_empty() => Ok(Some(link)),
        Some(_) => Err(ReadTrouble::incomplete("a link that is none")),
    }
}
