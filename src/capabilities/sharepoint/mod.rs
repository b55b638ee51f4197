//! SharePoint: zones as items of the organisation's list.

pub mod request;
pub mod target;

pub use target::Target;
