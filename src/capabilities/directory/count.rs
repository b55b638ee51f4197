//! How many objects a list has, by Microsoft's own word: for those who watch, and against a list that ends early without a word.
//!
//! [Advanced query capabilities](https://learn.microsoft.com/graph/aad-advanced-queries): `$count=true` with `ConsistencyLevel:
//! eventual`, answered from an index that may lag behind the list. So it is asked for beside the list, which is read as ever, and it is
//! believed only roughly.

use serde_json::Value;

use crate::graph::{Request, Workload};

/// What asks for the number of a list's objects and no more than one of them: one resource unit.
pub fn how_many(list: &Request) -> Request {
    let filter = list.query.iter().find(|(name, _)| *name == "$filter");
    let request = Request::get(Workload::Directory, list.path.clone())
        .query("$select", "id")
        .query("$top", "1")
        .query("$count", "true")
        .header("ConsistencyLevel", "eventual");
    match filter {
        Some((name, filter)) => request.query(name, filter.clone()),
        None => request,
    }
}

/// How many objects a list is said to have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Promise(u64);

impl Promise {
    /// From the answer to [`how_many`]; `None` when it says nothing of it.
    pub fn read(answer: &Value) -> Option<Self> {
        answer.get("@odata.count").and_then(Value::as_u64).map(Self)
    }

    /// The number.
    pub fn number(self) -> u64 {
        self.0
    }

    /// Whether a list of so many objects can be the whole one. A hundredth may have gone since, or not yet be counted out; five always.
    /// A full page is 999 objects: one that was lost shows in any list of fewer than a hundred pages.
    pub fn is_kept_by(self, listed: u64) -> bool {
        listed.saturating_add((self.0 / 100).max(5)) >= self.0
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::capabilities::directory::calls;

    #[test]
    fn the_number_is_asked_for_with_the_lists_own_filter_and_nothing_else_of_it() {
        let request = how_many(&calls::users(Some("Field")));
        assert_eq!(request.path, "/users");
        let names: Vec<_> = request.query.iter().map(|(name, value)| format!("{name}={value}")).collect();
        assert_eq!(names, ["$select=id", "$top=1", "$count=true", "$filter=department eq 'Field'"]);
        assert_eq!(request.headers, [("ConsistencyLevel", "eventual".to_owned())]);
    }

    #[test]
    fn a_lost_page_breaks_the_promise_and_a_few_who_went_do_not() {
        let promise = |number: u64| Promise::read(&json!({ "@odata.count": number })).unwrap();
        assert!(promise(1_998).is_kept_by(1_998) && promise(100).is_kept_by(95) && promise(0).is_kept_by(0));
        assert!(!promise(1_998).is_kept_by(999) && !promise(100).is_kept_by(94));
        assert!(promise(99_900).is_kept_by(98_901), "a hundredth of it");
        assert!(!promise(99_900).is_kept_by(98_900));
        assert!(promise(7).is_kept_by(1_000), "who came since is no trouble");
        assert_eq!(Promise::read(&json!({ "@odata.count": "7" })), None);
    }
}
