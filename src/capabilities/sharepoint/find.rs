//! Looks for the list that a request names, and holds the request against it.
//!
//! Paths: Microsoft, "Get a site resource by path", "Enumerate lists in a site", "List columns in a list".

use serde::{Deserialize, de::DeserializeOwned};

use super::{
    columns::Definition,
    perform::lost,
    request::TargetRequest,
    survey::{self, Surveyed, Wrong},
    target::Target,
};
use crate::graph::{Graph, GraphError, Request, Verdict, Workload, literal, segment};

/// Pages of columns or lists, at most.
const MOST_PAGES: usize = 50;

/// Why a list was not found.
#[derive(Debug)]
pub enum Unfound {
    /// The request does not fit what is there.
    Wrong(Wrong),
    /// The application may not go there. In words, with what to do.
    Forbidden(String),
    /// Microsoft did not answer, or not so that anything follows for the request.
    Graph(GraphError),
}

impl From<Wrong> for Unfound {
    fn from(wrong: Wrong) -> Self {
        Self::Wrong(wrong)
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Named {
    id: String,
    #[serde(default)]
    display_name: Option<String>,
}

#[derive(Deserialize)]
struct Page<T> {
    value: Vec<T>,
    #[serde(rename = "@odata.nextLink")]
    next: Option<String>,
}

/// Finds site, list and columns. Reads only.
pub async fn find(graph: &impl Graph, asked: &TargetRequest) -> Result<Surveyed, Unfound> {
    survey::check(asked)?;
    let site = Request::get(Workload::SharePoint, site_path(&asked.site)?).query("$select", "id,displayName");
    let site: Named = one(graph, site).await.map_err(|error| refused(error, "site", &asked.site))?;
    let list = list(graph, &site.id, &asked.list).await?;
    let columns = columns(graph, &site.id, &list).await.map_err(|error| refused(error, "list", &asked.list))?;
    Ok(survey::survey(asked, (site.id, list), &columns)?)
}

/// Whether the list still has the columns of a target, each as it was found then. Reads only.
pub async fn still_there(graph: &impl Graph, asked: &TargetRequest, target: &Target) -> Result<Surveyed, Unfound> {
    let columns = columns(graph, &target.site_id, &target.list_id).await;
    let columns = columns.map_err(|error| refused(error, "list", &asked.list))?;
    Ok(survey::survey(asked, (target.site_id.clone(), target.list_id.clone()), &columns)?)
}

/// `root`, a hostname, `hostname,guid,guid`, or `hostname:/path`.
fn site_path(site: &str) -> Result<String, Wrong> {
    let form = || Wrong {
        field: "site".into(),
        problem: "must be a site id (hostname,guid,guid) or hostname:/path, like contoso.sharepoint.com:/sites/ops".into(),
    };
    let site = site.trim();
    if site.contains("://") {
        return Err(form());
    }
    let Some((hostname, path)) = site.split_once(':') else {
        return if site.contains('/') { Err(form()) } else { Ok(format!("/sites/{}", segment(site))) };
    };
    let parts: Vec<&str> = path.trim_end_matches(':').split('/').filter(|part| !part.is_empty()).collect();
    if hostname.is_empty() || !path.starts_with('/') || path.trim_end_matches(':').contains(':') {
        return Err(form());
    }
    if parts.is_empty() {
        return Ok(format!("/sites/{}", segment(hostname)));
    }
    let path: Vec<String> = parts.into_iter().map(segment).collect();
    Ok(format!("/sites/{}:/{}", segment(hostname), path.join("/")))
}

/// The list's id. A title goes into a filter: in a path, one with a slash or a colon would be another path.
async fn list(graph: &impl Graph, site_id: &str, asked: &str) -> Result<String, Unfound> {
    let lists = format!("/sites/{}/lists", segment(site_id));
    let id = asked.trim().trim_start_matches('{').trim_end_matches('}');
    if uuid::Uuid::try_parse(id).is_ok() {
        let request = Request::get(Workload::SharePoint, format!("{lists}/{}", segment(id))).query("$select", "id,displayName");
        let list: Named = one(graph, request).await.map_err(|error| refused(error, "list", asked))?;
        return Ok(list.id);
    }
    let filter = format!("displayName eq {}", literal(asked));
    let request = Request::get(Workload::SharePoint, lists).query("$filter", filter).query("$select", "id,displayName");
    let found: Vec<Named> = all(graph, request).await.map_err(|error| refused(error, "list", asked))?;
    let titled = found
        .into_iter()
        .find(|list| list.display_name.as_ref().is_some_and(|title| title.to_lowercase() == asked.to_lowercase()));
    let missing =
        || Wrong { field: "list".into(), problem: format!("the site has no list {asked:?} that the application can see") };
    titled.map(|list| list.id).ok_or_else(|| missing().into())
}

async fn columns(graph: &impl Graph, site_id: &str, list_id: &str) -> Result<Vec<Definition>, GraphError> {
    let path = format!("/sites/{}/lists/{}/columns", segment(site_id), segment(list_id));
    all(graph, Request::get(Workload::SharePoint, path)).await
}

async fn one<T: DeserializeOwned>(graph: &impl Graph, request: Request) -> Result<T, GraphError> {
    let response = graph.send(request).await?;
    serde_json::from_value(response.body).map_err(|_| lost(Verdict::Transient, "unreadableAnswer"))
}

async fn all<T: DeserializeOwned>(graph: &impl Graph, request: Request) -> Result<Vec<T>, GraphError> {
    let mut response = graph.send(request.clone()).await?;
    let mut found = Vec::new();
    for _ in 0..MOST_PAGES {
        let page: Page<T> = serde_json::from_value(response.body).map_err(|_| lost(Verdict::Transient, "unreadableAnswer"))?;
        found.extend(page.value);
        match page.next {
            Some(next) => response = graph.follow(&next, &request).await?,
            None => return Ok(found),
        }
    }
    Err(lost(Verdict::Transient, "endlessPages"))
}

/// What a refusal means for a field of the request.
fn refused(error: GraphError, field: &str, name: &str) -> Unfound {
    match error.verdict {
        Verdict::NotFound => {
            let problem = format!("no {field} {name:?} is there, or the application cannot see it ({})", error.code);
            Unfound::Wrong(Wrong { field: field.to_owned(), problem })
        }
        Verdict::Forbidden => Unfound::Forbidden(format!(
            "Microsoft does not let the application into {field} {name:?} ({}). With Sites.Selected three things are needed: the \
             consent to Sites.Selected, a grant on the site (POST /sites/{{site-id}}/permissions with roles [\"write\"] and this \
             application's id, by an administrator with Sites.FullControl.All), and a token issued after both. Or consent to \
             Sites.ReadWrite.All.",
            error.code
        )),
        Verdict::Rejected if error.status == Some(400) => {
            let problem = format!("Microsoft does not take {name:?} as a {field} ({})", error.code);
            Unfound::Wrong(Wrong { field: field.to_owned(), problem })
        }
        _ => Unfound::Graph(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_of_a_site_has_its_path() {
        let of = |site: &str| site_path(site).ok();
        assert_eq!(of("root").as_deref(), Some("/sites/root"));
        assert_eq!(of("a.example,1,2").as_deref(), Some("/sites/a.example%2C1%2C2"));
        assert_eq!(of("a.example:/sites/Ops & More").as_deref(), Some("/sites/a.example:/sites/Ops%20%26%20More"));
        assert_eq!(of("a.example:/").as_deref(), Some("/sites/a.example"));
        assert_eq!(of("a.example:/sites/ops:").as_deref(), Some("/sites/a.example:/sites/ops"));
        for bad in ["https://a.example/sites/ops", "a.example/sites/ops", ":/sites/ops", "a.example:sites", "a.example:/b:/c"] {
            assert_eq!(of(bad), None, "{bad}");
        }
    }
}
